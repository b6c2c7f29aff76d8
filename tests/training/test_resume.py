"""Killed at random steps, a run ends with the very weights of an undisturbed one."""

import csv
import hashlib
import os
import signal

import numpy as np
import pytest

from camtrap_tf.core.config import (
    AugmentConfig,
    Config,
    Context,
    ModelConfig,
    Normalisation,
    RareClasses,
    TrainConfig,
)
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import step_schedule

FROM_NOTHING = Config(
    model=ModelConfig(architecture="dropping", crop=16),
    augment=AugmentConfig(operations=1),
    train=TrainConfig(
        task=Task.SPECIES,
        epochs=6,
        batch_size=4,
        schedule=step_schedule(6, 0.02, 0.0005),
        ema=0.9,
        replicas=2,
        sync_batch_norm=True,
        rare=RareClasses.EMPHASIS,
        checkpoint_every=3,
    ),
)
# Fine-tuning: fitted heads, fixed batch norm, a fourth channel that starts at zero. Any file stands
# for published weights.
TUNED = Config(
    model=ModelConfig(
        architecture="dropping",
        crop=16,
        context=Context.DIFFERENCE,
        normalisation=Normalisation.IMAGENET,
        weights=__file__,
    ),
    train=TrainConfig(
        task=Task.SPECIES,
        epochs=2,
        batch_size=4,
        schedule=step_schedule(2, 0.02, 0.0),
        ema=0.9,
        replicas=2,
        rare=RareClasses.SQUARE_ROOT,
        fit_heads=True,
        fixed_norm=True,
        steps_per_call=1,  # so that every step is one to be killed at
        checkpoint_every=3,
    ),
)
STEPS = 8  # 32 pictures in an epoch


def dropping(image, *_):
    """A small trunk with batch norm and dropout."""
    from keras import layers

    x = layers.Conv2D(8, 5, 2, use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Activation("relu", name="relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return layers.Dropout(0.3, name="drop")(x)


def run(config, shards, folder, kill_at, while_saving) -> None:
    """Trains in a process of its own, and is killed at a step it reaches for the first time."""
    from camtrap_tf.networks import architectures
    from camtrap_tf.training.train import train
    from camtrap_tf.training.trainer import Progress, Trainer

    architectures.ARCHITECTURES["dropping"] = dropping
    call, serialize = Trainer._call, Progress.serialize

    def steps(progress):
        return (progress.epoch - 1) * STEPS + progress.step

    def calling(self, *arguments):
        sums = call(self, *arguments)
        if not while_saving and steps(self.progress) + 1 == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return sums

    def serializing(self):
        if while_saving and kill_at is not None and steps(self) >= kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return serialize(self)

    Trainer._call, Progress.serialize = calling, serializing
    train(config, shards, folder)


def digest(folder) -> str:
    """SHA-256 over all weights of the best network and of the last checkpoint's."""
    import keras
    import tensorflow as tf

    model = keras.saving.load_model(folder / "best.keras", compile=False)
    sha = hashlib.sha256(b"".join(value.tobytes() for value in model.get_weights()))
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(folder / "checkpoints"))
    for name in sorted(reader.get_variable_to_shape_map()):
        if name.startswith(("model/", "optimizer/", "average/")):
            sha.update(reader.get_tensor(name).tobytes())
    return sha.hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize(("config", "kills"), [(FROM_NOTHING, 20), (TUNED, 4)])
def test_kills_leave_no_trace(config, kills, noise_shards, forked, tmp_path):
    from camtrap_tf.networks.run import Run

    def in_process(*arguments) -> int:
        (process,) = forked(run, [(config, *arguments)])
        return process.exitcode

    assert in_process(noise_shards, tmp_path / "whole", None, False) == 0
    rng = np.random.default_rng(5)
    total = config.train.epochs * STEPS
    if config.train.fit_heads:  # while the fitted heads are being kept
        assert in_process(noise_shards, tmp_path / "killed", 0, True) == -signal.SIGKILL
    for number, step in enumerate(sorted(rng.choice(np.arange(1, total), kills, replace=False))):
        # Every fourth dies while a checkpoint is being written, the others after a step.
        code = in_process(noise_shards, tmp_path / "killed", int(step), number % 4 == 3)
        assert code == -signal.SIGKILL
    assert in_process(noise_shards, tmp_path / "killed", None, False) == 0
    whole, killed = Run.read(tmp_path / "whole"), Run.read(tmp_path / "killed")
    assert digest(whole.folder) == digest(killed.folder)
    figures = ("loss", "accuracy_species", "batches_again", "val_loss_species")
    log_whole, log_killed = rows(whole.folder), rows(killed.folder)
    for row, other in zip(log_whole, log_killed, strict=True):
        assert [row[figure] for figure in figures] == [other[figure] for figure in figures]
    emphasised = config.train.rare is RareClasses.EMPHASIS
    assert (sum(row["batches_again"] for row in log_whole) > 0) == emphasised


def rows(folder) -> list[dict]:
    with open(folder / "log.csv", newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
