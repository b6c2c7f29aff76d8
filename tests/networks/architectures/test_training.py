"""The paper's nine networks learn from shards."""

import dataclasses

import numpy as np
import pytest

from camtrap_tf.core.config import AugmentConfig, Config, ModelConfig, TrainConfig
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import step_schedule
from camtrap_tf.events.manifest import Manifest
from tests.conftest import write_tiny_shards

RECIPE = Config(
    augment=AugmentConfig(brightness=5.0, contrast=(0.9, 1.1)),
    train=TrainConfig(
        task=Task.ANIMAL, epochs=1, batch_size=8, schedule=step_schedule(1, 0.001, 0.0005)
    ),
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Pictures of 72 pixels: AlexNet needs 63."""
    return write_tiny_shards(tmp_path_factory.mktemp("tiny72") / "shards", 72)


@pytest.mark.slow
@pytest.mark.parametrize(
    "architecture",
    [
        *("alexnet", "nin", "vgg16", "googlenet"),
        *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    ],
)
def test_one_epoch(architecture, shards):
    from camtrap_tf.training.trainer import Trainer

    config = dataclasses.replace(RECIPE, model=ModelConfig(architecture, crop=64))
    trainer = Trainer(config, Manifest.read(shards))
    before = [np.array(variable) for variable in trainer.model.trainable_variables]
    row = trainer.run_epoch()
    # Four batches teach the deepest nothing yet; losses, of both heads and kinds, stay numbers.
    assert row["epoch"] == 1 and row["loss"] > 0
    assert all(np.isfinite(value) for value in row.values())
    for variable, value in zip(trainer.model.trainable_variables, before, strict=True):
        assert np.isfinite(variable).all() and np.any(variable != value), variable.path


@pytest.mark.slow
def test_a_backbone_with_weights_from_a_file_trains(shards, tmp_path):
    import keras

    from camtrap_tf.core.config import Normalisation
    from camtrap_tf.training.train import train

    path = tmp_path / "notop.weights.h5"
    keras.applications.MobileNetV3Small(include_top=False, weights=None).save_weights(path)
    model = ModelConfig(
        "MobileNetV3Small", crop=64, normalisation=Normalisation.IMAGENET, weights=str(path)
    )
    run = train(dataclasses.replace(RECIPE, model=model), shards, tmp_path / "run")
    assert run.spec.normalisation is Normalisation.IMAGENET
    assert 0 < run.result["best"]["loss"] < 20
