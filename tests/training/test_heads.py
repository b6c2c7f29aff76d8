"""Heads that are fitted before a pretrained network learns, and what of it stays as it is."""

import dataclasses

import numpy as np
import pytest

from camtrap_tf.core.config import Config, Context, ModelConfig, Normalisation, TrainConfig
from camtrap_tf.core.config_io import override
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task
from camtrap_tf.events.manifest import Manifest

# Any file stands for published weights; `known` has its own.
CONFIG = Config(
    model=ModelConfig("known", crop=32, normalisation=Normalisation.IMAGENET, weights=__file__),
    train=TrainConfig(
        task=Task.EMPTY, epochs=1, batch_size=16, fit_heads=True, fixed_norm=True, ema=0.5
    ),
)


def known(image, *_):
    """A trunk that starts from the same weights each time; further channels count nothing."""
    import keras
    from keras import layers

    def kernel(shape, dtype=None):
        drawn = np.random.default_rng(0).normal(0, 0.3, (*shape[:2], 3, shape[3]))
        return keras.ops.convert_to_tensor(
            np.pad(drawn, ((0, 0), (0, 0), (0, shape[2] - 3), (0, 0))).astype(dtype or "float32")
        )

    x = layers.Conv2D(8, 5, 2, use_bias=False, name="stem", kernel_initializer=kernel)(image)
    x = layers.BatchNormalization(name="norm", momentum=0.5)(x)
    x = layers.Activation("relu", name="relu")(x)
    return layers.GlobalAveragePooling2D(name="pool")(x)


@pytest.fixture
def shards(tiny_shards, monkeypatch):
    from camtrap_tf.networks import architectures

    monkeypatch.setitem(architectures.ARCHITECTURES, "known", known)
    return Manifest.read(tiny_shards)


@pytest.fixture
def started(shards):
    """A trainer that has fitted its heads, with the event's difference as a fourth channel."""
    from camtrap_tf.training import heads
    from camtrap_tf.training.trainer import Trainer

    config = override(CONFIG, {"model.context": "difference"})
    trainer = Trainer(config, shards)
    fitted = heads.fit_published(config, shards)
    trainer.take_heads({name: [one.kernel, one.bias] for name, one in fitted.items()})
    return trainer


def test_before_the_first_step_a_fourth_channel_changes_no_answer(started, shards):
    from camtrap_tf.networks import architectures
    from camtrap_tf.networks.network import Network, input_spec
    from camtrap_tf.prediction.shards import predict_split
    from camtrap_tf.training import heads

    fitted = heads.fit_published(CONFIG, shards)["empty"]
    model = architectures.build(CONFIG.model, started.heads)
    model.get_layer("empty").set_weights([fitted.kernel, fitted.bias])
    alone = Network(model, input_spec(CONFIG.model, shards), Task.EMPTY, started.heads)
    answers = [predict_split([one], shards, "val") for one in (alone, started.network)]
    first, second = (one.probabilities["empty"] for one in answers)
    np.testing.assert_allclose(first, second, atol=1e-6)
    # Grey squares are empty: the fitted head knows, though nothing was trained.
    assert ((first[:, 1] > 0.5) == (answers[0].labels["empty"] == 1)).all()
    trained = started.model.get_layer("empty").get_weights()  # what is trained starts there, too
    np.testing.assert_array_equal(trained[0], fitted.kernel)


def test_batch_norm_stays_as_it_starts_and_the_rest_learns(started):
    before = {v.path: np.array(v) for v in started.model.variables}
    pixels = np.random.default_rng(1).normal(size=(4, 32, 32, 4)).astype(np.float32)
    answers = [started.model(pixels, training=training)["empty"] for training in (True, False)]
    np.testing.assert_array_equal(*answers)
    started.run_epoch()
    started.publish()
    after = {v.path: np.array(v) for v in started.model.variables}
    changed = {path for path in before if not np.array_equal(before[path], after[path])}
    assert changed == {"stem/kernel", "empty/kernel", "empty/bias"}
    assert np.abs(after["stem/kernel"][:, :, 3]).max() > 0  # the fourth channel has learnt
    saved = {v.path: np.array(v) for v in started.network.model.variables}
    assert not np.array_equal(saved["stem/kernel"], after["stem/kernel"])  # the average of weights
    for part in ("gamma", "beta", "moving_mean", "moving_variance"):
        np.testing.assert_array_equal(saved[f"norm/{part}"], before[f"norm/{part}"])


def test_heads_without_labels_start_at_random(shards, tmp_path, monkeypatch):
    from camtrap_tf.batches import pipeline
    from camtrap_tf.training import heads

    config = override(CONFIG, {"train.task": "animal"})
    labels = pipeline.task_labels

    def without_counts(*arguments):
        found = labels(*arguments)
        return found | {"count": np.full_like(found["count"], -1)}

    monkeypatch.setattr(pipeline, "task_labels", without_counts)
    assert set(heads.fit_published(config, shards)) == {"species", "moving"}


def test_features_are_not_kept_where_nothing_can_be_written(shards, monkeypatch):
    import os

    from camtrap_tf.training import heads

    monkeypatch.setattr(os, "access", lambda *_: False)
    other = override(CONFIG, {"model.crop": "30"})
    before = {path.name for path in (shards.folder / "features").glob("*")}
    assert set(heads.fit_published(other, shards)) == {"empty"}
    assert {path.name for path in (shards.folder / "features").glob("*")} == before


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"model": dataclasses.replace(CONFIG.model, weights="")}, "goes with model.weights"),
        ({"train": dataclasses.replace(CONFIG.train, init="run")}, "without train.init"),
        ({"model": dataclasses.replace(CONFIG.model, context=Context.ZOOM)}, "none and difference"),
    ],
)
def test_what_fitted_heads_need(changes, rule):
    with pytest.raises(InputError, match=rule):
        dataclasses.replace(CONFIG, **changes)
