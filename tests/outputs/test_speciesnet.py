import json

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY
from camtrap_tf.outputs import speciesnet

NAN = float("nan")
BLANK = "f1856211-cfb7-4a5b-9158-c0f72fd09ee6;;;;;;blank"
ANIMAL = "1f689929-883d-4dae-958c-3d57ab5b6c16;;;;;;animal"
HUMAN = "990ae9dd-7a59-4344-afcb-1b7b21368000;mammalia;primates;hominidae;homo;sapiens;human"


@pytest.fixture
def predictions() -> Predictions:
    """A zebra, an empty one, a failure, a person's 'lion', a human."""
    ids = pd.DataFrame(
        {
            "path": ["zebra.jpg", "empty.jpg", "bad.jpg", "lion.jpg", "human.jpg"],
            "failure": [None, None, "truncated file", None, None],
            "reviewed_by": [None, None, None, "Ada", None],
        }
    )
    probabilities = {
        "empty": [[0.75, 0.25], [0.25, 0.75], [NAN, NAN], [1, 0], [0.875, 0.125]],
        "species": [
            [0.125, 0.25, 0.625], [NAN] * 3, [NAN] * 3, [0, 1, 0], [0.5, 0.25, 0.25]
        ],
    }  # fmt: skip
    return Predictions(
        ids,
        {"empty": BINARY, "species": ("human", "lionFemale", "zebra")},
        {head: np.array(p, np.float32) for head, p in probabilities.items()},
        info={"model": "resnet18", "model_version": "abc"},
    )


def written(predictions, path) -> list[dict]:
    speciesnet.write(predictions, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert list(content) == ["info", "predictions"]
    assert content["info"] == {"format_version": "20261015"}
    return content["predictions"]


WHOLE = [0.0, 0.0, 1.0, 1.0]


def test_entries(predictions, tmp_path):
    entries = written(predictions, tmp_path / "s.json")
    zebra = "mammalia;perissodactyla;equidae;equus;quagga;plains zebra"
    raw = entries[0]["detections"][0]["raw_classifications"]
    names = [name.partition(";")[2] for name in raw["classes"]]
    assert names == [zebra, "mammalia;carnivora;felidae;panthera;leo;lion", HUMAN.partition(";")[2]]
    assert entries[0] == {
        "filepath": "zebra.jpg",
        "detections": [
            {
                "category": "0",
                "label": "whole_image_classification",
                "conf": 1.0,
                "bbox": WHOLE,
                "raw_classifications": {"classes": raw["classes"], "scores": [0.625, 0.25, 0.125]},
                "processed_classification": {
                    "class": raw["classes"][0], "score": 0.625, "source": "classifier"
                },
            },
            {"category": "1", "label": "animal", "conf": 0.75, "bbox": WHOLE},
        ],
        "model_version": "camtrap_tf resnet18 abc",
    }  # fmt: skip
    [itself] = entries[1]["detections"]
    assert itself["raw_classifications"] == {"classes": [BLANK, ANIMAL], "scores": [0.75, 0.25]}
    assert itself["processed_classification"]["class"] == BLANK
    assert entries[4]["detections"][0]["processed_classification"]["class"] == HUMAN
    assert entries[4]["detections"][1]["label"] == "human"


def test_a_failure_and_the_answer_of_a_person(predictions, tmp_path):
    entries = written(predictions, tmp_path / "s.json")
    assert entries[2] == {
        "filepath": "bad.jpg",
        "failures": ["CLASSIFIER", "DETECTOR"],
        "failure_reason": "truncated file",
        "model_version": "camtrap_tf resnet18 abc",
    }
    person = entries[3]["detections"][0]
    assert person["processed_classification"]["source"] == "human"
    assert person["processed_classification"]["score"] == 1
    assert "raw_classifications" not in person


def test_the_peers_open_it_and_keep_the_species(predictions, tmp_path, valid):
    """SpeciesNet's own loader takes every answer; megadetector-utils makes species of them."""
    speciesnet.write(predictions, tmp_path / "s.json")
    expected = {"zebra.jpg": "plains zebra", "empty.jpg": "", "bad.jpg": "failure",
                "lion.jpg": "lion", "human.jpg": "human"}  # fmt: skip
    (tmp_path / "expected.json").write_text(json.dumps(expected))
    valid("speciesnet", tmp_path / "s.json", tmp_path / "expected.json")


def test_the_peers_refuse_the_older_version(predictions, tmp_path, valid):
    older = {"predictions": [{"filepath": "a.jpg", "prediction": BLANK}]}
    (tmp_path / "s.json").write_text(json.dumps(older))
    (tmp_path / "expected.json").write_text('{"a.jpg": ""}')
    with pytest.raises(AssertionError, match="older output format"):
        valid("speciesnet", tmp_path / "s.json", tmp_path / "expected.json")


def test_a_label_has_seven_parts_and_an_id_of_its_own(predictions, tmp_path):
    p = np.array([[0.5, 0.5]] * 5, np.float32)
    other = Predictions(predictions.ids, {"species": ("bob;cat", "Puma concolor")}, {"species": p})
    names = _raw(written(other, tmp_path / "s.json")[0])["classes"]
    parts = [name.split(";") for name in names]
    assert [part[1:] for part in parts] == [
        ["", "", "", "", "", "bob,cat"], ["", "", "", "puma", "concolor", "puma concolor"]
    ]  # fmt: skip
    assert parts[0][0] != parts[1][0]


def test_one_stage(predictions, tmp_path):
    p = np.array([[0.25, 0.75], [0.625, 0.375], [NAN, NAN], [1, 0], [1, 0]], np.float32)
    one = Predictions(predictions.ids, {"species": ("zebra", "empty")}, {"species": p})
    entries = written(one, tmp_path / "s.json")
    answer = entries[0]["detections"][0]["processed_classification"]
    assert answer["class"] == BLANK and answer["score"] == 0.75
    assert _raw(entries[0])["scores"] == [0.75, 0.25]
    assert entries[1]["detections"][1]["conf"] == 0.625


def _raw(entry: dict) -> dict:
    return entry["detections"][0]["raw_classifications"]


def test_events_are_refused(predictions, tmp_path):
    with pytest.raises(InputError, match="one entry per picture"):
        speciesnet.write(predictions.by_event(), tmp_path / "s.json")
    assert not (tmp_path / "s.json").exists()


def test_no_rows(predictions, tmp_path):
    assert written(predictions.select(np.zeros(5, bool)), tmp_path / "s.json") == []
