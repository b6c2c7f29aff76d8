"""Which pictures are pairs, what their loss is, and that training can start from it."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from camtrap_tf.core.config import AugmentConfig, InputSpec
from camtrap_tf.core.config_io import override
from camtrap_tf.core.recipes import PRESETS
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.pictures import augmentation, graph
from camtrap_tf.training.train import train
from experiments.california import pretraining


def test_pairs_are_two_pictures_of_an_event():
    events = np.array([0, 0, 0, 1, 2, 2])
    found = pretraining.pairs(events, np.random.default_rng(0))
    assert sorted(events[found[:, 0]]) == [0, 1, 2]
    np.testing.assert_array_equal(events[found[:, 0]], events[found[:, 1]])
    alone = events[found[:, 0]] == 1
    np.testing.assert_array_equal(found[:, 0] == found[:, 1], alone)
    assert len(pretraining.pairs(np.arange(100), np.random.default_rng(0))) == pretraining.EVENTS


def test_the_loss_is_that_of_its_formula():
    rows = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    alike = np.exp(unit @ unit.T / pretraining.TEMPERATURE)
    np.fill_diagonal(alike, 0)
    each = [-np.log(alike[i, (i + 3) % 6] / alike[i].sum()) for i in range(6)]
    np.testing.assert_allclose(pretraining.contrast(tf.constant(rows)), np.mean(each), rtol=1e-5)


@pytest.mark.slow
def test_training_starts_from_what_was_learnt(tiny_shards, tmp_path):
    manifest = Manifest.read(tiny_shards)
    changes = {
        "train.task": "one_stage",
        "train.epochs": "1",
        "train.batch_size": "8",
        "model.architecture": "small",
        "model.crop": "32",
        "model.context": "difference",
    }
    config = override(PRESETS["modern"], changes)
    file = pretraining.pretrain(config, manifest, 2, tmp_path / "start.keras")
    written = file.stat().st_mtime_ns
    assert pretraining.pretrain(config, manifest, 2, file).stat().st_mtime_ns == written
    learnt = keras.saving.load_model(file)
    still = dataclasses.replace(config.train, learning_rate=1e-12, init=str(file), ema=0.0)
    run = train(dataclasses.replace(config, train=still), tiny_shards, tmp_path / "run")
    first = run.network().model.trainable_variables[0]
    np.testing.assert_allclose(first.numpy(), learnt.trainable_variables[0].numpy(), atol=1e-6)


def test_pictures_in_memory_are_changed_once_as_in_training():
    augment = AugmentConfig(operations=2)
    config = dataclasses.replace(PRESETS["modern"], augment=augment)
    spec = InputSpec(16, mean=(120.0,) * 3, std=(60.0,) * 3)
    squares = np.random.default_rng(0).integers(0, 256, (24, 20, 20, 3), np.uint8)
    found = pretraining.views(config, spec)(squares, 5, 2).numpy()
    for place, square in enumerate(squares):
        changed = augmentation.augment(tf.constant(square), 16, augment, (5, 2 * 24 + place))
        expected = graph.normalise(changed, spec)
        # A level of grey, as contrast may stretch it: compiled, sums are rounded otherwise.
        np.testing.assert_allclose(found[place], expected, atol=0.05)
