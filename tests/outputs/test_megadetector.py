import copy
import dataclasses
import datetime
import json

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY
from camtrap_tf.outputs import megadetector
from data_prep.sources import read as read_source

NAN = float("nan")


@pytest.fixture
def predictions() -> Predictions:
    """An animal, an unlikely animal, an empty one, a failure, one without any answer."""
    ids = pd.DataFrame(
        {
            "path": ["s/animal.jpg", "s/maybe.jpg", "s/empty.jpg", "s/bad.jpg", "s/none.jpg"],
            "failure": [None, None, None, "truncated file", None],
        }
    )
    probabilities = {
        "empty": [[0.9, 0.1], [0.2, 0.8], [0.05, 0.95], [NAN, NAN], [NAN, NAN]],
        "species": [[0.1, 0.3, 0.6], [NAN] * 3, [0.9, 0.1, 0.0], [NAN] * 3, [NAN] * 3],
    }
    return Predictions(
        ids,
        {"empty": BINARY, "species": ("animal", "lion", "zebra")},
        {head: np.array(p, np.float32) for head, p in probabilities.items()},
        info={"model": "resnet18", "model_version": "abc", "animal_threshold": 0.4},
    )


def written(predictions, path, **options) -> dict:
    megadetector.write(predictions, path, **options)
    results = json.loads(path.read_text(encoding="utf-8"))
    megadetector.validate(results)
    return results


def test_passes_the_validator_of_megadetector(predictions, tmp_path, valid):
    written(predictions, tmp_path / "md.json")
    valid("megadetector", tmp_path / "md.json")


def test_the_validator_sees_a_number_as_format_version(predictions, tmp_path, valid):
    results = written(predictions, tmp_path / "md.json")
    results["info"]["format_version"] = 1.6
    (tmp_path / "md.json").write_text(json.dumps(results))
    with pytest.raises(AssertionError, match="format_version is not a string"):
        valid("megadetector", tmp_path / "md.json")


def test_header(predictions):
    completed = datetime.datetime(2020, 1, 2, 3, 4, 5)
    results = megadetector.content(predictions, completed=completed)
    assert results["info"] == {
        "format_version": "1.6",
        "detector": "camtrap_tf resnet18 abc",
        "detection_completion_time": "2020-01-02 03:04:05",
        "classifier": "camtrap_tf resnet18 abc",
        "classification_completion_time": "2020-01-02 03:04:05",
        "detector_metadata": {
            "typical_detection_threshold": 0.4,
            "conservative_detection_threshold": 0.1,
        },
    }
    assert list(results) == ["info", "detection_categories", "classification_categories", "images"]


def test_no_classification_is_called_like_a_detection(predictions):
    results = megadetector.content(predictions)
    assert results["detection_categories"] == {"1": "animal", "2": "person", "3": "vehicle"}
    names = {"0": "animal (species)", "1": "lion", "2": "zebra"}
    assert results["classification_categories"] == names


def test_images(predictions, tmp_path):
    images = written(predictions, tmp_path / "md.json")["images"]
    whole = [0.0, 0.0, 1.0, 1.0]
    assert images == [
        {
            "file": "s/animal.jpg",
            "detections": [
                {
                    "category": "1",
                    "conf": 0.9,
                    "bbox": whole,
                    "classifications": [["2", 0.6], ["1", 0.3], ["0", 0.1]],
                }
            ],
        },
        # Taken for empty, but not below the floor; stage 2 was not asked.
        {"file": "s/maybe.jpg", "detections": [{"category": "1", "conf": 0.2, "bbox": whole}]},
        {"file": "s/empty.jpg", "detections": []},
        {
            "file": "s/bad.jpg",
            "failure": "image access failure: truncated file",
            "detections": None,
        },
        {"file": "s/none.jpg", "failure": "inference failure", "detections": None},
    ]


def test_what_seems_damaged_is_marked(predictions, tmp_path, valid):
    damaged = predictions.ids.assign(doubt=["restart markers", None, "restart markers", "x", None])
    results = written(dataclasses.replace(predictions, ids=damaged), tmp_path / "md.json")
    # A failure is no answer that could be doubted.
    told = [image.get("doubt") for image in results["images"]]
    assert told == ["restart markers", None, "restart markers", None, None]
    valid("megadetector", tmp_path / "md.json")


def test_people_and_vehicles_have_their_category(predictions, tmp_path):
    p = np.array([[0.6, 0.4, 0, 0], [0.1, 0.7, 0.2, 0]] + [[0.1, 0.1, 0.7, 0.1]] * 3, np.float32)
    names = ("human", "vehicle", "lion", "zebra")
    alone = Predictions(predictions.ids.assign(failure=None), {"species": names}, {"species": p})
    results = written(alone, tmp_path / "md.json")
    found = [image["detections"][0]["category"] for image in results["images"]]
    assert found == ["2", "3", "1", "1", "1"]
    assert results["classification_categories"]["1"] == "vehicle (species)"


def test_no_rows(predictions, tmp_path):
    assert written(predictions.select(np.zeros(5, bool)), tmp_path / "md.json")["images"] == []


def test_written_is_the_content(predictions, tmp_path):
    results = written(predictions, tmp_path / "md.json")
    expected = json.loads(json.dumps(megadetector.content(predictions)))
    for one in (results, expected):
        del one["info"]["detection_completion_time"], one["info"]["classification_completion_time"]
    assert results == expected and list(results) == list(expected)


def test_our_reader_of_the_format_gives_the_answers_back(predictions, tmp_path):
    written(predictions, tmp_path / "md.json")
    table = read_source("megadetector", tmp_path / "md.json", threshold=0.4)
    assert table.frames["path"].tolist() == ["s/animal.jpg", "s/maybe.jpg", "s/empty.jpg"]
    assert table.labels["species"].tolist() == ["animal", "empty", "empty"]
    assert predictions.judged_empty()[:3].tolist() == [False, True, True]
    failed = table.dropped.examples["picture the detector could not read"]
    assert failed == ["s/bad.jpg", "s/none.jpg"]


def test_floor(predictions, tmp_path):
    kept = [
        sum(bool(image["detections"]) for image in written(predictions, path, floor=f)["images"])
        for f, path in ((0, tmp_path / "a.json"), (0.1, tmp_path / "b.json"), (0.5, tmp_path / "c"))
    ]
    assert kept == [3, 2, 1]
    on_it = written(predictions, tmp_path / "d.json", floor=0.2)["images"][1]
    assert len(on_it["detections"]) == 1
    for floor, least in ((0.1, 0.1), (0.8, 0.4)):  # the threshold is 0.4
        info = megadetector.content(predictions, floor=floor)["info"]
        assert info["detector_metadata"]["conservative_detection_threshold"] == least
    with pytest.raises(InputError, match=r"lies in \[0, 1\]"):
        megadetector.content(predictions, floor=10)


def test_one_stage_gives_species_given_an_animal(predictions, tmp_path):
    p = np.array([[0.2, 0.6, 0.2], [0, 0, 1]] + [[NAN] * 3] * 3, np.float32)
    one = Predictions(predictions.ids, {"species": ("lion", "zebra", "empty")}, {"species": p})
    results = written(one, tmp_path / "md.json", floor=0.0)
    assert results["classification_categories"] == {"0": "lion", "1": "zebra"}
    detection = results["images"][0]["detections"][0]
    assert detection["conf"] == 0.8
    assert detection["classifications"] == [["1", 0.75], ["0", 0.25]]  # 0.6 / 0.8, 0.2 / 0.8


def test_a_model_that_only_tells_species_takes_every_picture_for_an_animal(predictions, tmp_path):
    head = {"species": predictions.probabilities["species"]}
    alone = Predictions(predictions.ids, {"species": ("a", "b", "c")}, head)
    images = written(alone, tmp_path / "md.json")["images"]
    assert images[0]["detections"][0]["conf"] == 1.0
    assert images[1]["failure"] == "inference failure"


def test_a_model_without_species(predictions, tmp_path):
    alone = Predictions(
        predictions.ids, {"empty": BINARY}, {"empty": predictions.probabilities["empty"]}
    )
    results = written(alone, tmp_path / "md.json")
    assert "classification_categories" not in results
    assert "classifications" not in results["images"][0]["detections"][0]


def test_events_are_refused(predictions):
    with pytest.raises(InputError, match="one row per picture"):
        megadetector.content(predictions.by_event())


def test_only_the_best_species_are_written(predictions, tmp_path):
    names = tuple(f"s{i}" for i in range(48))
    p = np.full((5, 48), 1 / 48, np.float32)
    many = Predictions(predictions.ids.assign(failure=None), {"species": names}, {"species": p})
    image = written(many, tmp_path / "md.json")["images"][0]
    assert len(image["detections"][0]["classifications"]) == megadetector.TOP


@pytest.mark.parametrize(
    ("file", "legacy"), [("example_v1.6.json", False), ("deer_cxl_output.json", True)]
)
def test_real_files_are_valid(shared_data, file, legacy):
    results = json.loads((shared_data / "megadetector" / file).read_text())
    megadetector.validate(results, legacy)
    if legacy:  # it has no format_version, which the format has required since
        with pytest.raises(InputError, match="format_version"):
            megadetector.validate(results)


def test_validate_refuses_what_breaks_a_rule(predictions):
    good = megadetector.content(predictions)
    breaks = {
        "format_version": lambda r: r["info"].update(format_version=1.6),
        "detection_categories": lambda r: r.pop("detection_categories"),
        "ids in `classification": lambda r: r["classification_categories"].update(lion="x"),
        "`images` is a list": lambda r: r.update(images=None),
        "path as `file`": lambda r: r["images"][0].pop("file"),
        "detections: null": lambda r: r["images"][3].update(detections=[]),
        "list of detections": lambda r: r["images"][2].update(detections=None),
        "`category` in": lambda r: first(r).update(category="9"),
        "`conf` in": lambda r: first(r).update(conf=1),
        "`bbox` in": lambda r: first(r).update(bbox=[0, 0, 200, 100]),
        "descending": lambda r: first(r)["classifications"].reverse(),
        "classification category": lambda r: first(r).update(classifications=[["7", 0.5]]),
    }
    megadetector.validate(good)
    for rule, spoil in breaks.items():
        bad = copy.deepcopy(good)
        spoil(bad)
        with pytest.raises(InputError, match=rule):
            megadetector.validate(bad)


def first(results: dict) -> dict:
    return results["images"][0]["detections"][0]
