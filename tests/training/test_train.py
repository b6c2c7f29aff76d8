"""Training on a tiny set: it learns, resumes exactly, and refuses what does not fit."""

import csv
import dataclasses
import logging
import re

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.batches import pipeline
from camtrap_tf.core.config import AugmentConfig, Config, ModelConfig, SelectBy, TrainConfig
from camtrap_tf.core.config_io import override
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import step_schedule
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest

TINY = Config(
    model=ModelConfig(architecture="small", crop=32),
    augment=AugmentConfig(brightness=5.0, contrast=(0.9, 1.1)),
    train=TrainConfig(
        task=Task.SPECIES,
        epochs=4,
        batch_size=8,
        schedule=step_schedule(4, 0.05, 0.0005),
        steps_per_call=3,
    ),
)


def weights(folder):
    import keras

    model = keras.saving.load_model(folder / "best.keras", compile=False)
    return np.concatenate([np.ravel(value) for value in model.get_weights()])


def last_rows(folder):
    with open(folder / "log.csv", newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def test_learns_red_from_blue_and_writes_a_whole_run(tiny_shards, tmp_path):
    from camtrap_tf.networks.run import Run
    from camtrap_tf.training.train import train

    run = train(TINY, tiny_shards, tmp_path / "run")
    assert run.result["best"]["val_accuracy_species"] == 1.0
    # 32 animal frames in 'train' make 4 batches of 8.
    assert [row["epoch"] for row in last_rows(run.folder)] == [1, 2, 3, 4]
    assert [row["learning_rate"] for row in last_rows(run.folder)] == [0.05, 0.05, 0.005, 0.0005]
    predictions = Predictions.read(run.folder / "predictions-val.parquet")
    assert len(predictions) == 16
    np.testing.assert_allclose(predictions.probabilities["species"].sum(axis=1), 1, atol=1e-5)
    # Events 0, 3, 6 of 8 are empty: two frames each without a species.
    assert (predictions.labels["species"] == -1).sum() == 6
    assert Run.read(run.folder).config == TINY


def test_a_run_too_short_to_be_traced_says_so(tiny_shards, tmp_path, caplog):
    from camtrap_tf.training.train import train

    once = override(TINY, {"train.epochs": "1", "train.steps_per_call": "4"})
    run = train(once, tiny_shards, tmp_path / "run", profile=True)
    assert "nothing was traced" in caplog.text
    assert not list(run.folder.rglob("*.xplane.pb"))


@pytest.mark.slow
def test_a_run_stopped_inside_an_epoch_goes_on_to_the_same_weights(
    tiny_shards, tmp_path, monkeypatch
):
    from camtrap_tf.training import train as module
    from camtrap_tf.training.trainer import Trainer

    config = override(TINY, {"train.checkpoint_every": "2", "train.steps_per_call": "1"})
    whole = module.train(config, tiny_shards, tmp_path / "whole")
    call = Trainer._call

    def stop_in_third(self, *arguments):
        if (self.progress.epoch, self.step) == (3, 3):
            raise KeyboardInterrupt
        return call(self, *arguments)

    monkeypatch.setattr(Trainer, "_call", stop_in_third)
    with pytest.raises(KeyboardInterrupt):
        module.train(config, tiny_shards, tmp_path / "parts")
    monkeypatch.undo()
    # Two epochs of four steps and two of the third are in the checkpoint; each epoch has a number
    # more, since its end is another state than the beginning of the next.
    assert [p.name for p in (tmp_path / "parts" / "checkpoints").glob("*.index")] == [
        "ckpt-12.index"
    ]
    parts = module.train(config, tiny_shards, tmp_path / "parts")
    assert [r["loss"] for r in last_rows(parts.folder)] == [
        r["loss"] for r in last_rows(whole.folder)
    ]
    np.testing.assert_array_equal(weights(parts.folder), weights(whole.folder))


@pytest.fixture
def corners(tiny_shards):
    """A box in a corner of every picture."""
    manifest = Manifest.read(tiny_shards)
    paths = pd.concat([pipeline.index(manifest, split)[0]["path"] for split in manifest.splits()])
    paths, n = paths.astype("string").reset_index(drop=True), len(paths)
    boxes = np.tile(np.float32([[0.1, 0.1, 0.6, 0.6]]), (n, 1))
    return Detections(paths, np.ones(n, np.float32), boxes, pd.Series([pd.NA] * n), 0.2)


@pytest.mark.slow
def test_a_network_learns_the_part_around_a_box(tiny_shards, corners, tmp_path):
    from camtrap_tf.networks.bundle import Bundle, make_bundle
    from camtrap_tf.prediction.shards import predict_shards
    from camtrap_tf.training.train import train

    config = override(TINY, {"model.view": "crop", "train.task": "one_stage", "train.epochs": "10"})
    with pytest.raises(InputError, match="boxes go with a network that sees the part"):
        train(config, tiny_shards, tmp_path / "run")
    run = train(config, tiny_shards, tmp_path / "run", detections=corners)
    assert run.result["best"]["val_accuracy_species"] > 0.9  # of 16 pictures; a guess has 0.38
    make_bundle([run.folder], tmp_path / "bundle")
    bundle = Bundle.read(tmp_path / "bundle")
    assert bundle.needs_boxes
    said = predict_shards(bundle, tiny_shards, "val", detections=corners)
    kept = Predictions.read(run.folder / "predictions-val.parquet")
    np.testing.assert_array_equal(said.top("species"), kept.top("species"))
    others = dataclasses.replace(corners, boxes=corners.boxes / 2)
    with pytest.raises(InputError, match="the boxes are others"):
        train(config, tiny_shards, tmp_path / "run", detections=others)


def test_a_run_of_another_configuration_is_refused(tiny_shards, tmp_path):
    from camtrap_tf.training.train import train

    short = override(TINY, {"train.epochs": "1"})
    train(short, tiny_shards, tmp_path / "run")
    with pytest.raises(InputError, match=r"train\.batch_size: 8 != 4"):
        train(override(short, {"train.batch_size": "4"}), tiny_shards, tmp_path / "run")


def test_the_best_epoch_is_chosen_on_the_split_asked_for_and_lines_tell_of_every_head(
    tiny_shards, tmp_path, monkeypatch, caplog
):
    import shutil

    from camtrap_tf.answers.predictions import Predictions
    from camtrap_tf.core import progress
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.training.train import train

    shutil.copytree(tiny_shards, tmp_path / "shards")
    manifest = Manifest.read(tmp_path / "shards")
    shards = [
        dataclasses.replace(shard, split=shard.split.replace("val", "expert_test"))
        for shard in manifest.shards
    ]
    dataclasses.replace(manifest, shards=tuple(shards)).write()
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0)
    caplog.set_level(logging.INFO, "camtrap")
    changes = {"train.select_on": "expert_test", "train.epochs": "2", "train.task": "animal"}
    run = train(override(TINY, changes), tmp_path / "shards", tmp_path / "run")
    assert "(the paper chose on its expert test set)" in caplog.text
    assert Predictions.read(run.folder / "predictions-expert_test.parquet").info["split"] == (
        "expert_test"
    )
    best = max(last_rows(run.folder), key=lambda row: row["score"])
    assert run.result["best"] == best
    # Columns are named after the split they are of.
    assert {"expert_test_loss_species", "expert_test_accuracy_moving"} <= best.keys()
    assert not [name for name in best if name.startswith("val_")]
    # Three steps a call: 24 pictures of 32.
    line = r"epoch 2: 24 of 32 pictures \(75%\), [\d.,]+/s, \d+ s left loss \d+\.\d{3}"
    heads = ", ".join(rf"{head} \d+\.\d{{3}} \(\d+%\)" for head in ("species", "count", "moving"))
    assert re.search(f"{line}, {heads}", caplog.text)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"train.batch_size": "64"}, "at least one batch"),
        ({"model.crop": "64"}, "of the stored square, 40"),
        ({"train.select_on": "moon"}, "splits of"),
    ],
)
def test_what_does_not_fit_the_shards_is_refused(tiny_shards, tmp_path, change, rule):
    from camtrap_tf.training.train import train

    with pytest.raises(InputError, match=rule):
        train(override(TINY, change), tiny_shards, tmp_path / "run")
    assert not (tmp_path / "run").exists()  # so that the same command with the remedy is taken


@pytest.mark.parametrize(
    ("by", "figure"),
    [
        (SelectBy.ACCURACY, 3 / 4),
        (SelectBy.MEAN_RECALL, (1 + 0) / 2),  # all three of one class, none of the other
        (SelectBy.LOSS, np.log([0.8, 0.8, 0.5, 0.4]).mean()),
    ],
)
def test_what_epochs_are_compared_by(by, figure):
    import pandas as pd

    from camtrap_tf.answers.predictions import Predictions
    from camtrap_tf.training.train import _scores

    animal = [0.8, 0.8, 0.5 + 1e-9, 0.6, 0.5]
    answers = Predictions(
        pd.DataFrame({"path": list("abcde")}),
        {"empty": ("no", "yes")},
        {"empty": np.stack([animal, np.subtract(1, animal)], 1)},
        {"empty": np.array([0, 0, 0, 1, -1])},
    )
    train = override(TINY, {"train.task": "empty", "train.select_by": by.value}).train
    loss = -np.log([0.8, 0.8, 0.5, 0.4]).mean()
    assert _scores(answers, train)["score"] == pytest.approx(figure - 1e-6 * loss, abs=1e-9)


def test_the_last_epoch_counts_where_none_is_chosen():
    from camtrap_tf.training.train import _best

    rows = [{"epoch": epoch, "score": score} for epoch, score in ((1, 0.5), (2, 0.9), (3, 0.7))]
    chosen = [_best(rows, dataclasses.replace(TINY.train, select_by=by)) for by in SelectBy]
    assert [row["epoch"] for row in chosen] == [2, 2, 2, 3]


def test_a_crop_that_misses_most_of_the_picture_is_told(tiny_shards, caplog):
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.training.train import check_data

    manifest = Manifest.read(tiny_shards)
    check_data(override(TINY, {"model.crop": "28"}), manifest)
    check_data(override(TINY, {"model.crop": "16", "model.context": "zoom"}), manifest)  # of 20
    assert not caplog.records
    check_data(override(TINY, {"model.crop": "27"}), manifest)
    assert "the middle 27 of 40 pixels" in caplog.text
    assert "--size=31" in caplog.text


@pytest.mark.parametrize(
    "task",
    [
        Task.ONE_STAGE,
        *(pytest.param(t, marks=pytest.mark.slow) for t in Task if t is not Task.ONE_STAGE),
    ],
)
def test_every_task_trains(tiny_shards, tmp_path, task):
    from camtrap_tf.training.train import train

    recipe = dataclasses.replace(TINY.train, task=task, epochs=1)
    run = train(dataclasses.replace(TINY, train=recipe), tiny_shards, tmp_path / "run")
    heads = set(run.vocabulary.heads(task))
    assert {key[13:] for key in run.result["best"] if key.startswith("val_accuracy_")} == heads


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_the_modern_recipe_trains_in_every_precision_and_leaves_what_people_watch(
    tiny_shards, tmp_path, precision
):
    from tensorflow.core.util import event_pb2
    from tensorflow.python.lib.io import tf_record
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    from camtrap_tf.core.recipes import PRESETS
    from camtrap_tf.training.train import train

    changes = {
        "model.architecture": "small",
        "model.crop": "32",
        "train.task": "species",
        "train.epochs": "5",
        "train.batch_size": "8",
        "train.rate_for_batch": "0",
        "train.learning_rate": "0.01",
        "train.warmup_epochs": "0.5",
        "train.steps_per_call": "2",
        "train.precision": precision,
    }
    run = train(override(PRESETS["modern"], changes), tiny_shards, tmp_path / "run", profile=True)
    assert run.result["best"]["val_accuracy_species"] >= 0.8  # of two species
    # What is saved computes in float32, whatever the training did.
    model = run.network().model
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    tags = set()
    for path in (run.folder / "tensorboard").glob("events*"):
        for record in tf_record.tf_record_iterator(str(path)):
            event = event_pb2.Event.FromString(record)
            tags |= {value.tag for value in event.summary.value}
    assert {"learning_rate", "recall_species/red", "confusion_species", "val_species/image/0"} <= {
        *tags,
        *(f"{tag}/image/0" for tag in tags),
    }
    (trace,) = (run.folder / "tensorboard").rglob("*.xplane.pb")
    planes = xplane_pb2.XSpace.FromString(trace.read_bytes()).planes
    named = {event.name for plane in planes for event in plane.event_metadata.values()}
    assert any("run_steps" in name for name in named)  # the traced call itself
