import csv as csv_reader

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY
from camtrap_tf.outputs import csv

NAN = float("nan")
SPECIES = ("ass", "bat", "cat", "dog", "eel", "fox")


@pytest.fixture
def predictions() -> Predictions:
    ids = pd.DataFrame(
        {
            "path": ["a.jpg", 'b, "c" ü.jpg', "d.jpg"],
            "event_id": ["e1", "e1", "e2"],
            "frame": [0, 1, 0],
            "datetime": pd.to_datetime(["2020-01-02 03:04:05", None, None]),
            "failure": [None, None, "truncated file"],
        }
    )
    probabilities = {
        "empty": np.array([[0.75, 0.25], [0.1, 0.9], [NAN, NAN]], np.float32),
        "species": np.array([[0.1, 0.2, 0.4, 0.2, 0.1, 0], [NAN] * 6, [NAN] * 6], np.float32),
    }
    return Predictions(ids, {"empty": BINARY, "species": SPECIES}, probabilities)


def read(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv_reader.DictReader(file))


def test_one_row_per_picture(predictions, tmp_path):
    csv.write([predictions], tmp_path / "p.csv")
    animal, empty, _ = read(tmp_path / "p.csv")
    assert list(animal)[:13] == [
        "path", "event_id", "frame", "site", "season", "datetime", "time_source", "failure",
        "doubt", "reviewed_by", "reviewed_at", "answer", "animal_probability",
    ]  # fmt: skip
    assert animal["datetime"] == "2020-01-02 03:04:05" and animal["frame"] == "0"
    assert animal["answer"] == "cat" and animal["animal_probability"] == "0.7500"
    assert animal["empty"] == "no" and animal["empty_confidence"] == "0.7500"
    assert animal["species"] == "cat" and animal["species_confidence"] == "0.4000"
    best = [(animal[f"species_{i}"], animal[f"species_{i}_probability"]) for i in range(1, 6)]
    assert best == [
        ("cat", "0.4000"), ("bat", "0.2000"), ("dog", "0.2000"), ("ass", "0.1000"),
        ("eel", "0.1000"),
    ]  # fmt: skip
    assert "species_6" not in animal
    assert empty["path"] == 'b, "c" ü.jpg'
    assert empty["answer"] == "empty" and empty["species"] == empty["species_1"] == ""


def test_a_failure_is_a_row_with_its_reason_and_never_empty(predictions, tmp_path):
    csv.write([predictions], tmp_path / "p.csv")
    failed = read(tmp_path / "p.csv")[2]
    assert {key: value for key, value in failed.items() if value} == {
        "path": "d.jpg", "event_id": "e2", "frame": "0", "failure": "truncated file",
    }  # fmt: skip


def test_the_answer_of_a_person_has_no_probabilities(predictions, tmp_path):
    ids = predictions.ids.assign(reviewed_by=["Ada", None, None], reviewed_at=pd.NaT)
    ids.loc[0, "reviewed_at"] = pd.Timestamp("2026-01-02 03:04:05.6")
    csv.write(
        [Predictions(ids, predictions.classes, predictions.probabilities)], tmp_path / "p.csv"
    )
    person, network, _ = read(tmp_path / "p.csv")
    assert {key: value for key, value in person.items() if value} == {
        "path": "a.jpg", "event_id": "e1", "frame": "0", "datetime": "2020-01-02 03:04:05",
        "reviewed_by": "Ada", "reviewed_at": "2026-01-02 03:04:05",
        "answer": "cat", "empty": "no", "species": "cat", "species_1": "cat",
    }  # fmt: skip
    assert network["reviewed_by"] == network["reviewed_at"] == ""
    assert network["animal_probability"] == "0.1000"


def test_one_row_per_event(predictions, tmp_path):
    csv.write([predictions.by_event()], tmp_path / "e.csv")
    first, second = read(tmp_path / "e.csv")
    assert (first["event_id"], first["path"], first["frame"]) == ("e1", "", "")
    assert first["animal_probability"] == "0.4250"  # (0.75 + 0.1) / 2
    assert first["answer"] == "empty" and first["species"] == "cat"
    assert second["failure"] == "truncated file" and second["answer"] == ""


def test_one_stage_and_empty_only_models(predictions):
    p = np.array([[0.2, 0.8], [0.7, 0.3], [NAN, NAN]], np.float32)
    one = Predictions(predictions.ids, {"species": ("cat", "empty")}, {"species": p})
    rows = csv.frame(one)
    assert rows["answer"].tolist() == ["empty", "cat", pd.NA]
    np.testing.assert_allclose(rows["animal_probability"], [0.2, 0.7, NAN], rtol=1e-6)
    assert "species_2" in rows and "species_3" not in rows
    alone = Predictions(predictions.ids, {"empty": BINARY}, {"empty": p})
    assert csv.frame(alone)["answer"].tolist() == ["empty", "animal", pd.NA]


def test_no_rows(predictions, tmp_path):
    csv.write([predictions.select(np.zeros(3, bool))], tmp_path / "p.csv")
    assert read(tmp_path / "p.csv") == []
    assert (tmp_path / "p.csv").read_text().startswith("path,event_id,")
