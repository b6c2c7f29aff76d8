"""What is in each box of a picture, in every format."""

import csv
import dataclasses
import datetime
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from camtrap_tf import cli, outputs
from camtrap_tf.answers.boxes import NamedBoxes, schema, stamp, table
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import parquet
from camtrap_tf.core.boxes import COLUMNS
from camtrap_tf.core.labels import BINARY, COUNT_BINS
from camtrap_tf.outputs import Options, camtrap_dp, further, megadetector, speciesnet

NAN = float("nan")
SPECIES = ("impala", "zebra", "human")
# Path, event, failure, P(animal), species and its probability.
PICTURES = [
    ("S/a.jpg", "e1", None, 0.9, "zebra", 0.9),
    ("S/b.jpg", "e1", None, 0.9, "zebra", 0.7),
    ("S/c.jpg", "e2", None, 0.25, "zebra", 0.9),
    ("S/d.jpg", "e3", "truncated file", NAN, None, NAN),
    ("S/e.jpg", "e4", None, 1.0, "zebra", 1.0),
    ("S/f.jpg", "e5", None, 0.75, "impala", 0.75),
    ("S/g.jpg", "e6", None, 0.9, "human", 0.9),
]
# Path, confidence, left, top, width, height, what the networks see in it and how surely.
BOXES = [
    ("S/a.jpg", 0.9, 0.0, 0.25, 0.5, 0.5, "zebra", 0.7),
    ("S/a.jpg", 0.5, 0.5, 0.25, 0.25, 0.5, "impala", 0.9),
    ("S/a.jpg", 0.25, 0.75, 0.5, 0.25, 0.5, "impala", 0.85),
    ("S/a.jpg", 0.2, 0.0, 0.0, 0.125, 0.125, "impala", 0.6),
    ("S/b.jpg", 0.6, 0.25, 0.25, 0.5, 0.5, None, NAN),
    ("S/c.jpg", 0.9, 0.25, 0.25, 0.5, 0.5, None, NAN),
    ("S/c.jpg", 0.8, 0.0, 0.0, 0.25, 0.5, None, NAN),
    ("S/d.jpg", 0.8, 0.0, 0.0, 0.25, 0.5, None, NAN),
    ("S/e.jpg", 0.7, 0.0, 0.0, 0.25, 0.5, None, NAN),
    ("S/g.jpg", 0.3, 0.5, 0.5, 0.25, 0.25, None, NAN),
]
OPTIONS = Options(
    places={"S": (-2.5, 34.75)},
    time_zone="+03:00",
    project="Serengeti 2026",
    sampling_design="systematicRandom",
    contributors=("Ada Lovelace",),
    completed=datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
)


def spread(name, sure, names=SPECIES):
    """A row of probabilities: `sure` of one class, the rest shared by the others."""
    if name is None:
        return [NAN] * len(names)
    return [sure if own == name else (1 - sure) / (len(names) - 1) for own in names]


@pytest.fixture
def predictions() -> Predictions:
    paths, events, failures, animal, _, _ = zip(*PICTURES, strict=True)
    ids = pd.DataFrame({"path": paths, "event_id": events, "failure": failures})
    times = pd.Timestamp("2020-01-02 03:04:05") + pd.to_timedelta(range(len(ids)), unit="s")
    ids = ids.assign(datetime=times, reviewed_by=[None] * 4 + ["Grace Hopper"] + [None] * 2)
    probabilities = {
        "empty": [[p, 1 - p] for p in animal],
        "species": [spread(name, sure) for *_, name, sure in PICTURES],
        "count": [spread(name and "2", 0.9, COUNT_BINS) for *_, name, _ in PICTURES],
        "moving": [spread(name and "yes", 0.9, BINARY) for *_, name, _ in PICTURES],
    }
    classes = {"empty": BINARY, "species": SPECIES, "count": COUNT_BINS, "moving": BINARY}
    values = {head: np.array(rows, np.float32) for head, rows in probabilities.items()}
    info = {"model": "lite0", "model_version": "abc", "animal_threshold": 0.5}
    return Predictions(ids, classes, values, info=info)


@pytest.fixture
def boxes() -> NamedBoxes:
    rows = pd.DataFrame([(*row[:6], "something") for row in BOXES], columns=list(COLUMNS))
    own = np.array([spread(*row[6:]) for row in BOXES], np.float32)
    return NamedBoxes(rows.astype(COLUMNS), SPECIES, own, 0.2)


@pytest.fixture
def options(boxes):
    return dataclasses.replace(OPTIONS, boxes=boxes)


def test_megadetector_has_a_detection_per_box(predictions, boxes, tmp_path, valid):
    path = tmp_path / "md.json"
    megadetector.write(predictions, path, boxes=boxes)
    results = json.loads(path.read_text())
    valid("megadetector", path)
    metadata = results["info"]["detector_metadata"]
    # The threshold is the detector's; a floor of 0.1 of 0.5 is a fifth of it.
    assert metadata["typical_detection_threshold"] == 0.2
    assert metadata["conservative_detection_threshold"] == pytest.approx(0.04)
    found = {image["file"]: image["detections"] for image in results["images"]}
    assert [one["conf"] for one in found["S/a.jpg"]] == [0.9, 0.5, 0.25, 0.2]
    assert [one["bbox"] for one in found["S/a.jpg"]] == [list(row[2:6]) for row in BOXES[:4]]
    names = results["classification_categories"]
    named = [[(names[i], p) for i, p in one["classifications"]] for one in found["S/a.jpg"]]
    # The last is not sure enough: it is what the picture is.
    assert [one[0] for one in named] == [
        ("zebra", 0.9), ("impala", 0.9), ("impala", 0.85), ("zebra", 0.9)
    ]  # fmt: skip
    [one] = found["S/b.jpg"]
    assert one["conf"] == 0.6 and one["bbox"] == [0.25, 0.25, 0.5, 0.5]
    assert one["classifications"][0] == ["1", 0.7]
    # Empty, answered by a person, without a box: of the whole picture, on the detector's scale.
    whole = [0.0, 0.0, 1.0, 1.0]
    for name, conf in (("c", 0.1), ("e", 1.0), ("f", 0.6)):
        [one] = found[f"S/{name}.jpg"]
        assert (one["bbox"], one["conf"]) == (whole, conf)
    assert found["S/d.jpg"] is None
    assert found["S/g.jpg"][0]["category"] == "2"


def test_without_boxes_nothing_changes(predictions, boxes):
    none = NamedBoxes(boxes.rows.iloc[:0], SPECIES, np.zeros((0, 3), np.float32), 0.2)
    at = datetime.datetime(2020, 1, 2)
    plain, same = (megadetector.content(predictions, 0.1, at, given) for given in (None, none))
    assert plain["info"]["detector_metadata"]["typical_detection_threshold"] == 0.5
    for one, other in zip(plain["images"], same["images"], strict=True):
        if one["detections"]:
            one["detections"][0].pop("conf"), other["detections"][0].pop("conf")
        assert one == other


def test_camtrap_dp_has_an_observation_per_box(predictions, options, tmp_path, valid, shared_data):
    camtrap_dp.write(predictions, tmp_path, options)
    valid("camtrap_dp", tmp_path, shared_data / "camtrap_dp")
    with open(tmp_path / "observations.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    media = [row for row in rows if row["observationLevel"] == "media"]
    seen = [
        (row["scientificName"], row["count"], row["bboxX"], row["bboxWidth"], row["behavior"])
        for row in media
    ]
    zebra, impala = "Equus quagga", "Aepyceros melampus"
    assert seen[:5] == [
        (zebra, "1", "0.0000", "0.5000", ""),
        (impala, "1", "0.5000", "0.2500", ""),
        (impala, "1", "0.7500", "0.2500", ""),
        (zebra, "1", "0.0000", "0.1250", ""),
        (zebra, "2", "0.2500", "0.5000", "moving"),  # the one box: what the picture is
    ]
    assert [row["bboxX"] for row in media[5:]] == ["", "", "", "", "0.5000"]
    first = media[0]["observationID"]
    assert [row["observationID"] for row in media[:4]] == [
        first, f"{first}_2", f"{first}_3", f"{first}_4"
    ]  # fmt: skip
    assert [float(row["classificationProbability"]) for row in media[:3]] == [0.9, 0.9, 0.85]
    events = [row for row in rows if row["observationLevel"] == "event" and row["eventID"] == "e1"]
    assert [(row["scientificName"], row["count"]) for row in events] == [
        (zebra, "2"),
        (impala, "2"),
    ]
    assert events[1]["classificationProbability"] == "0.8750"  # mean of two boxes


def test_speciesnet_has_a_detection_per_box(predictions, boxes, tmp_path, valid):
    path, expected = tmp_path / "speciesnet.json", tmp_path / "expected.json"
    speciesnet.write(predictions, path, boxes=boxes)
    names = ["plains zebra", "plains zebra", "", "failure", "plains zebra", "impala", "human"]
    wanted = {row[0]: name for row, name in zip(PICTURES, names, strict=True)}
    expected.write_text(json.dumps(wanted))
    valid("speciesnet", path, expected)
    entries = json.loads(path.read_text())["predictions"]
    found = entries[0]["detections"]
    assert [one["category"] for one in found] == ["1"] * 4
    assert [one["conf"] for one in found] == [0.9, 0.5, 0.25, 0.2]
    said = [one["processed_classification"]["class"].rpartition(";")[2] for one in found]
    assert said == ["plains zebra", "impala", "impala", "plains zebra"]
    assert found[1]["raw_classifications"]["scores"] == [0.9, 0.05, 0.05]
    [person] = entries[6]["detections"]
    assert (person["label"], person["bbox"]) == ("human", [0.5, 0.5, 0.25, 0.25])
    assert [one["category"] for one in entries[5]["detections"]] == ["0", "1"]


def test_tables_count_boxes(predictions, options, tmp_path):
    files = outputs.write(predictions, tmp_path, ["csv", "parquet"], options)
    assert [file.name for file in files] == [
        "predictions.csv", "events.csv", "boxes.csv",
        "answers.parquet", "answers_by_event.parquet", "answers_by_box.parquet",
    ]  # fmt: skip
    for pictures in (pd.read_csv(files[0]), pq.read_table(files[3]).to_pandas()):
        assert pictures["boxes"].tolist() == [4, 1, 0, 0, 0, 0, 1]
        told = ["2 zebra | 2 impala", "1 zebra", "", "", "", "", "1 human"]
        assert pictures["in_boxes"].fillna("").tolist() == told
    for events in (pd.read_csv(files[1]), pq.read_table(files[4]).to_pandas()):
        assert events["further_species"].fillna("").tolist() == ["impala"] + [""] * 5
    for rows in (pd.read_csv(files[2]), pq.read_table(files[5]).to_pandas()):
        assert rows["answer"].tolist() == ["zebra", "impala", "impala", "zebra", "zebra", "human"]
        assert rows["box"].tolist() == [0, 1, 2, 3, 0, 0]
        np.testing.assert_allclose(rows["detection"], [0.9, 0.5, 0.25, 0.2, 0.6, 0.3], atol=1e-6)
        np.testing.assert_allclose(rows["left"], [0, 0.5, 0.75, 0, 0.25, 0.5])


def test_further_species_of_boxes_are_counted(predictions, boxes):
    [found] = list(further.events(predictions, boxes))[1:]
    seen = further.of_single_frames(predictions, found[0], boxes)
    assert seen.answers().tolist() == ["impala"]
    assert COUNT_BINS[seen.top("count")[0]] == "2"


def test_boxes_lie_beside_predictions(predictions, boxes, tmp_path):
    predictions.write(tmp_path / "predictions.parquet")
    arguments = ["convert", str(tmp_path), "--format=csv"]
    assert cli.main([*arguments, f"--out={tmp_path / 'before'}"]) == 0
    assert not (tmp_path / "before" / "boxes.csv").exists()
    stored = table(boxes.rows, np.asarray(boxes.probabilities), SPECIES)
    assert stored.schema.equals(schema(SPECIES))
    parquet.write(parquet.stamped(stored, stamp(SPECIES, 0.2)), tmp_path / "boxes.parquet")
    assert cli.main([*arguments, f"--out={tmp_path / 'after'}"]) == 0
    assert len(pd.read_csv(tmp_path / "after" / "boxes.csv")) == 6
    files = outputs.write(tmp_path / "predictions.parquet", tmp_path / "api", ["csv"])
    assert len(files) == 3
