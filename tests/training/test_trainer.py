"""One step of the optimiser, variable by variable."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from camtrap_tf.batches import sampling
from camtrap_tf.core.config import Config, ModelConfig, TrainConfig
from camtrap_tf.core.config_io import override
from camtrap_tf.core.labels import Task
from camtrap_tf.events.manifest import Manifest

RATE, DECAY = 0.5, 0.125
CONFIG = Config(
    model=ModelConfig(architecture="small", crop=24),
    train=TrainConfig(task=Task.SPECIES, epochs=2, batch_size=8, checkpoint_every=0),
)


def schedule(*decays: float) -> str:
    """A schedule whose weight decay changes from epoch to epoch."""
    rows = [
        f'{{"first": {epoch}, "learning_rate": {RATE}, "weight_decay": {decay}}}'
        for epoch, decay in enumerate(decays, start=1)
    ]
    return f"[{', '.join(rows)}]"


def after_a_step(shards, changes: dict[str, str], epoch: int = 1) -> tuple[dict, dict]:
    """Values of all learning variables, by path, before and after the first step of an epoch."""
    from camtrap_tf.training.trainer import Trainer

    trainer = Trainer(override(CONFIG, changes), Manifest.read(shards))
    trainer.steps = 1
    trainer.progress.begin(epoch)
    variables = trainer.model.trainable_variables
    before = {variable.path: np.array(variable) for variable in variables}
    trainer.run_epoch()
    return before, {variable.path: np.array(variable) for variable in variables}


@pytest.mark.parametrize("epoch", [1, 2])
def test_weight_decay_is_a_loss_on_kernels_alone_and_follows_the_schedule(epoch, noise_shards):
    _, without = after_a_step(noise_shards, {"train.schedule": schedule(0, 0)}, epoch)
    before, decayed = after_a_step(noise_shards, {"train.schedule": schedule(0, DECAY)}, epoch)
    for path, value in decayed.items():
        # The gradient of decay * sum(w**2) / 2 is decay * w.
        more = RATE * DECAY * before[path] if epoch == 2 and path.endswith("/kernel") else 0.0
        np.testing.assert_allclose(value, without[path] - more, atol=2e-6, err_msg=path)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_under_weighted_loss_the_output_layers_gradient_is_clamped(precision, noise_shards):
    changes = {
        "train.rare": "weighted_loss",
        "train.schedule": schedule(0),
        "train.precision": precision,
    }
    before, after = after_a_step(noise_shards, changes)
    gradients = {path: np.abs(after[path] - before[path]) / RATE for path in before}
    head = np.concatenate([gradients[f"species/{part}"].ravel() for part in ("kernel", "bias")])
    assert head.max() == pytest.approx(sampling.CLAMP, rel=1e-3)
    assert 0.1 < np.mean(head > 0.999 * sampling.CLAMP) < 1  # the bound holds many, not all
    assert gradients["stem/kernel"].max() > 2 * sampling.CLAMP


@pytest.mark.parametrize("rare", ["none", "square_root"])
def test_without_weighted_loss_nothing_is_clamped(rare, noise_shards):
    changes = {"train.schedule": schedule(0), "train.rare": rare}
    before, after = after_a_step(noise_shards, changes)
    bias = np.abs(after["species/bias"] - before["species/bias"]) / RATE
    assert bias.max() > 2 * sampling.CLAMP


def test_averaged_weights_keep_the_share_asked_for(noise_shards):
    from camtrap_tf.training.trainer import Trainer

    config = override(CONFIG, {"train.ema": "0.5", "train.schedule": schedule(0)})
    trainer = Trainer(config, Manifest.read(noise_shards))
    trainer.steps = 1
    trained, averaged = trainer.model.trainable_variables, trainer.network.model.trainable_variables
    start = [np.array(variable) for variable in trained]
    trainer.run_epoch()
    keep = (1 + 1) / (10 + 1)  # less than 0.5 in the first steps
    for old, new, mean in zip(start, trained, averaged, strict=True):
        np.testing.assert_allclose(mean, keep * old + (1 - keep) * np.array(new), atol=1e-6)


def test_kernels_of_separable_convolutions_decay_too():
    import keras

    from camtrap_tf.networks import architectures
    from camtrap_tf.training.trainer import _kernels

    with keras.StatelessScope():
        model = architectures.build(ModelConfig("Xception", crop=71), {"species": ("ape", "bat")})
    names = [variable.path.split("/")[-1] for variable in _kernels(model)]
    # 34 separable convolutions of two kernels, 2 + 4 plain ones, and the head.
    assert {name: names.count(name) for name in set(names)} == {
        "depthwise_kernel": 34,
        "pointwise_kernel": 34,
        "kernel": 7,
    }


def test_a_frozen_trunk_needs_something_trained(noise_shards):
    from camtrap_tf.core.errors import InputError
    from camtrap_tf.training.train import check_data

    frozen = dataclasses.replace(CONFIG.train, freeze_epochs=1)
    with pytest.raises(InputError, match=r"goes with train\.init or model\.weights"):
        check_data(dataclasses.replace(CONFIG, train=frozen), Manifest.read(noise_shards))


def test_the_log_counts_only_pictures_with_a_label():
    from camtrap_tf.training.trainer import Trainer

    of_two_steps = object.__new__(Trainer)
    of_two_steps.steps, of_two_steps.train = 2, TrainConfig(batch_size=4)
    totals = {"species": {"loss": 6.0, "count": 3, "correct": 2}}  # of the other five, nothing
    of_two_steps.progress = SimpleNamespace(epoch=1, seconds=4.0, again=0, totals=totals)
    row = of_two_steps._row(0.1, 0.0)
    assert row["images_per_second"] == 2
    assert (row["loss_species"], row["accuracy_species"]) == (2.0, pytest.approx(2 / 3))
