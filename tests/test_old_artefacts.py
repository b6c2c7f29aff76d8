"""Artefacts written before `camtrap_tf` was divided into rooms open and answer as they did.

`fixtures/before_rooms/make.py` says what they are and how they were made. Processors add the
products of a convolution in one order or another, also those of one name, and so may other versions
of TensorFlow: what networks answer may differ by 1e-5. What no network computes is the same
everywhere.
"""

import csv
import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.events.table import EventTable
from camtrap_tf.reviewing import answers
from tests.fixtures.before_rooms import make

OLD = Path(make.__file__).parent
ROUNDING = 1e-5


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Path:
    """A copy of the old artefacts, which can be written to."""
    folder = tmp_path_factory.mktemp("old") / "before_rooms"
    shutil.copytree(OLD, folder)
    return folder


@pytest.fixture(scope="module")
def expected() -> dict:
    return json.loads((OLD / "expected.json").read_text())


def assert_holds(found: list[dict], then: list[dict]) -> None:
    """Asserts that rows have the values they once had; they may have further columns."""
    for row, old in zip(found, then, strict=True):
        assert {name: row[name] for name in old} == old


def assert_told(predictions: Predictions, told: dict, slack: float) -> None:
    """Asserts that predictions say what they once did; of numbers above 1 in proportion."""
    found = make.told(predictions)
    for name in ("ids", "answers"):
        assert found[name] == told[name]
    np.testing.assert_allclose(found["confidence"], told["confidence"], slack, slack)
    assert found["probabilities"].keys() == told["probabilities"].keys()
    for head, probabilities in told["probabilities"].items():
        np.testing.assert_allclose(found["probabilities"][head], probabilities, slack, slack)


def test_an_event_table_is_read(old, expected):
    table = EventTable.read(old / "events.parquet")
    assert_holds(make.records(table.events), expected["events"])
    assert_holds(make.records(table.frames), expected["frames"])


def test_shards_are_read(old, expected):
    manifest = Manifest.read(old / "shards")
    told = expected["shards"]
    assert {split: manifest.frames(split) for split in manifest.splits()} == told["frames"]
    assert list(manifest.mean) == told["mean"]
    assert list(manifest.vocabulary.species) == told["species"]


def test_shards_and_pictures_are_what_would_be_written_now(old, tmp_path):
    from camtrap_tf import cli

    command = ("--images", old / "pictures", "--out", tmp_path / "shards", "--size=40")
    command += ("--events", old / "events.parquet", "--shares=0.6,0.3,0.1", "--processes=1")
    assert cli.main(["shard", *map(str, command), "--events_per_shard=6"]) == 0
    shards = [shard.sha256 for shard in Manifest.read(tmp_path / "shards").shards]
    assert shards == [shard.sha256 for shard in Manifest.read(old / "shards").shards]


def test_a_bundle_is_read_and_answers_shards(old, expected):
    from camtrap_tf.networks.bundle import Bundle
    from camtrap_tf.prediction.shards import predict_shards

    bundle, told = Bundle.read(old / "bundle"), expected["bundle"]
    for name in ("version", "animal_threshold", "familiarity_threshold", "familiarity_score"):
        assert getattr(bundle, name) == told[name]
    assert bundle.event_rules == told["event_rules"]
    members = json.dumps(
        [dataclasses.asdict(member) for member in bundle.members],
        default=lambda value: getattr(value, "value", str(value)),
    )
    assert_holds(json.loads(members), told["members"])
    assert_told(predict_shards(bundle, old / "shards", "val"), expected["val"], ROUNDING)


def test_pictures_get_the_same_answers(old, expected, tmp_path):
    from camtrap_tf.networks.bundle import Bundle
    from camtrap_tf.prediction.predict import predict
    from camtrap_tf.prediction.predictor import Options

    options = Options(batch_size=4, block_size=4, threads=1)
    sources = [old / "pictures" / camera for camera in make.NEW]
    path = predict(sources, Bundle.read(old / "bundle"), tmp_path / "answers", options)
    assert_told(Predictions.read(path), expected["answers"], ROUNDING)


def test_old_predictions_say_what_they_said(old, expected):
    predictions = Predictions.read(old / "answers" / "predictions.parquet")
    assert_told(predictions, expected["answers"], slack=0)
    assert_told(predictions.by_event(), expected["answers_by_event"], slack=1e-7)


def test_an_old_job_goes_on(old, expected):
    from camtrap_tf import cli

    job, folder = old / "answers" / "job.json", old / "answers"
    # A job names the folders of its pictures, and those lie elsewhere here.
    job.write_text(job.read_text().replace("HERE", str(old)))
    kept = (folder / "blocks" / "000000.parquet").read_bytes()
    (folder / "blocks" / "000001.parquet").unlink()
    (folder / "predictions.parquet").unlink()
    sources = [str(old / "pictures" / camera) for camera in make.NEW]
    flags = ("--block_size=4", "--batch_size=4", "--format=csv", "--threads=1")
    command = ["predict", *sources, f"--bundle={old / 'bundle'}", f"--out={folder}", *flags]
    assert cli.main(command) == 0
    assert (folder / "blocks" / "000000.parquet").read_bytes() == kept
    predictions = Predictions.read(folder / "predictions.parquet")
    assert_told(predictions, expected["answers"], ROUNDING)


def test_reviews_are_read_and_merged(old, expected):
    predictions = Predictions.read(OLD / "answers" / "predictions.parquet")
    said = answers.read(old / "reviews.jsonl")
    assert_told(answers.merge(predictions, said), expected["reviewed"], slack=0)
    table = answers.event_table(predictions, said).events
    assert_holds(make.records(table), expected["reviewed_events"])


def test_a_run_is_read(old):
    from camtrap_tf.networks.run import Run

    run = Run.read(old / "runs" / "animal")
    assert run.config.train.epochs == 12
    assert run.network().name == "animal"


@pytest.mark.slow
def test_a_stopped_run_ends_as_it_would_have(old, monkeypatch):
    from camtrap_tf import cli
    from camtrap_tf.networks import architectures

    monkeypatch.setitem(architectures.ARCHITECTURES, "tiny", make.tiny)
    command = ("--run", old / "runs" / "half", "--shards", old / "shards", "--task=animal")
    assert cli.main(["train", *map(str, command), *make.RECIPE]) == 0
    told = Predictions.read(old / "runs" / "animal" / "predictions-val.parquet")
    found = Predictions.read(old / "runs" / "half" / "predictions-val.parquet")
    # Training multiplies a difference of rounding.
    assert_told(found, make.told(told), 100 * ROUNDING)
    for now, then in zip(log(old / "runs" / "half"), log(old / "runs" / "animal"), strict=True):
        for name in ("loss", "val_loss_species", "val_accuracy_standing", "learning_rate"):
            assert math.isclose(now[name], then[name], rel_tol=100 * ROUNDING, abs_tol=0)


def log(run: Path) -> list[dict[str, float]]:
    with open(run / "log.csv", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_the_camera_program_goes_on_with_an_old_log(old, tmp_path):
    from export.edge import cli

    pictures, decisions = tmp_path / "pictures", tmp_path / "decisions.jsonl"
    shutil.copytree(old / "pictures", pictures, ignore=shutil.ignore_patterns(*make.LABELLED))
    told = (old / "edge" / "decisions.jsonl").read_text().splitlines(keepends=True)
    decisions.write_text("".join(told[:2]))
    command = ["watch", str(pictures), "--model", str(old / "edge" / "model"), "--once"]
    command += ["--log", str(decisions), "--outbox", str(tmp_path / "out"), "--send=species:deer"]
    assert cli.main(command) == 0
    found = decisions.read_text().splitlines(keepends=True)
    assert found[:2] == told[:2]
    for now, then in zip(map(json.loads, found[2:]), map(json.loads, told[2:]), strict=True):
        answer = ("species", "automatic") if now["reason"] == "unreadable" else ()
        answer = "animal", "animal_probability", "probability", *answer
        for name in then.keys() - {"day", *answer}:
            assert now[name] == then[name]
        if now["reason"] == "unreadable":  # which was once told as no animal
            assert [now[name] for name in answer] == [None] * 5
            continue
        assert now["animal"] == then["animal"]
        for name in answer[1:]:  # rounded to four digits
            assert abs(now[name] - then[name]) <= 1.1e-4
