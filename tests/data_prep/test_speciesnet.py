"""SpeciesNet's answers as labels, of this version of its format and of those before."""

import json

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY
from camtrap_tf.outputs import speciesnet as written
from data_prep.sources import read
from data_prep.sources.recognise import recognise

ZEBRA = "u;mammalia;perissodactyla;equidae;equus;quagga;plains zebra"
BLANK = "f1856211-cfb7-4a5b-9158-c0f72fd09ee6;;;;;;blank"
UNKNOWN = "f2efdae9-efb8-48fb-8a91-eccf79ab4ffb" + 6 * ";no cv result"


def box(category, label, conf, answer=None):
    found = {"category": category, "label": label, "conf": conf, "bbox": [0.1, 0.1, 0.2, 0.2]}
    return found | ({"processed_classification": {"class": answer}} if answer else {})


def labels(tmp_path, predictions, **options):
    (tmp_path / "s.json").write_text(json.dumps({"info": {}, "predictions": predictions}))
    table = read("speciesnet", tmp_path / "s.json", **options)
    rows = table.labels.astype("string").fillna("")
    found = {path: [] for path in table.frames["path"]}
    for path, species, count in zip(rows["event_id"], rows["species"], rows["count"], strict=True):
        found[path].append((species, count))
    return found, table.dropped.counts


def test_answers_of_version_20261015(tmp_path):
    raw = {"category": "0", "label": "whole_image_classification", "conf": 1.0,
           "raw_classifications": {"classes": [ZEBRA, BLANK], "scores": [0.9, 0.1]}}  # fmt: skip
    found, dropped = labels(tmp_path, [
        {"filepath": "a\\1.jpg", "detections": [
            box("1", "animal", 0.9, ZEBRA), box("1", "animal", 0.8, ZEBRA),
            box("2", "human", 0.3), box("1", "animal", 0.1, ZEBRA)]},
        {"filepath": "2.jpg", "detections": []},
        {"filepath": "3.jpg", "detections": [raw, box("1", "animal", 0.9)]},
        {"filepath": "4.jpg", "failures": ["CLASSIFIER"]},
        {"filepath": "5.jpg", "detections": [box("1", "animal", 0.9, UNKNOWN)]},
        {"filepath": "2.jpg", "detections": []},
    ])  # fmt: skip
    assert found == {
        "a/1.jpg": [("plains zebra", "2"), ("human", "1")],
        "2.jpg": [("empty", "")],
        "3.jpg": [("plains zebra", "")],
    }
    assert dropped == {"picture without an answer": 2, "picture listed once more": 1}


def test_answers_of_before(tmp_path):
    found, dropped = labels(tmp_path, [
        {"filepath": "1.jpg", "prediction": ZEBRA, "prediction_score": 0.9, "detections": []},
        {"filepath": "2.jpg", "prediction": BLANK, "prediction_score": 0.9},
        {"filepath": "3.jpg", "failures": ["DETECTOR"]},
    ])  # fmt: skip
    assert found == {"1.jpg": [("plains zebra", "")], "2.jpg": [("empty", "")]}
    assert dropped == {"picture without an answer": 1}


def test_what_we_write_is_read(tmp_path):
    ids = pd.DataFrame({"path": ["a/1.jpg", "2.jpg"], "failure": [None, None]})
    heads = {"empty": BINARY, "species": ("lionFemale", "zebra")}
    answers = {"empty": np.array([[1, 0], [0, 1]], np.float32),
               "species": np.array([[0.1, 0.9], [np.nan, np.nan]], np.float32)}  # fmt: skip
    written.write(Predictions(ids, heads, answers), tmp_path / "s.json")
    table = read("speciesnet", tmp_path / "s.json")
    assert table.labels["species"].tolist() == ["plains zebra", "empty"]
    assert table.events["site"].fillna("").tolist() == ["a", ""]
    assert recognise(tmp_path / "s.json").source == "speciesnet"


@pytest.mark.parametrize(
    "content",
    [{}, {"predictions": [{}]}, {"predictions": [3]}, {"predictions": [{"filepath": 3}]},
     {"predictions": [{"filepath": "a", "prediction": 7}]},
     {"predictions": [{"filepath": "a", "detections": [{}]}]},
     {"predictions": [{"filepath": "a", "detections": [{"category": "0",
      "raw_classifications": {"classes": []}}]}]}],
)  # fmt: skip
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "s.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="SpeciesNet's file is JSON"):
        read("speciesnet", tmp_path / "s.json")
