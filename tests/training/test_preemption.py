"""SIGTERM ends a training with status 75, and the same command goes on to the very same weights."""

import itertools
import json
import os
import signal

import pytest

from camtrap_tf import cli
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import AugmentConfig, Config, ModelConfig, TrainConfig
from camtrap_tf.core.labels import Task
from camtrap_tf.core.preemption import REQUEUE
from camtrap_tf.core.recipes import step_schedule
from tests.training.test_resume import digest, dropping

CONFIG = Config(
    model=ModelConfig(architecture="dropping", crop=16),
    augment=AugmentConfig(operations=1),
    train=TrainConfig(
        task=Task.SPECIES,
        epochs=2,
        batch_size=4,
        schedule=step_schedule(2, 0.02, 0.0005),
        ema=0.9,
        steps_per_call=3,  # an epoch has 8 steps, in calls of 3, 3 and 2
        checkpoint_every=0,
    ),
)


@pytest.fixture
def train(noise_shards, tmp_path, monkeypatch):
    """A function that runs the command on a run directory, and returns its exit status."""
    from camtrap_tf.networks import architectures

    monkeypatch.setitem(architectures.ARCHITECTURES, "dropping", dropping)
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(to_json(CONFIG)))
    kept = [f"--set=model.crop={CONFIG.model.crop}", "--set=train.batch_size=4", "--quiet"]
    given = [f"--shards={noise_shards}", "--task=species", f"--config={file}", *kept]
    handler = signal.getsignal(signal.SIGTERM)
    yield lambda run: cli.main(["train", *given, f"--run={run}"])
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def strike(monkeypatch):
    """A function that has SIGTERM come as another one is called for the `number`th time."""

    def arm(owner, name, number):
        count, real = itertools.count(1), getattr(owner, name)

        def struck(*args, **options):
            if next(count) == number:
                os.kill(os.getpid(), signal.SIGTERM)
            return real(*args, **options)

        monkeypatch.setattr(owner, name, struck)

    return arm


@pytest.mark.slow
def test_the_same_command_goes_on_wherever_it_was_struck(train, strike, tmp_path, capsys):
    """Twice before the first step, then in each part of an epoch and of what follows the last."""
    from camtrap_tf.networks.network import Network
    from camtrap_tf.training import train as module
    from camtrap_tf.training.trainer import Trainer

    places = [
        (Trainer, "__init__", 1, "in epoch 1 of 2, after 0 of 8"),
        (Trainer, "restore", 1, "in epoch 1 of 2, after 0 of 8"),
        (Trainer, "_call", 3, "in epoch 1 of 2, after 8 of 8 steps"),  # the last of the epoch
        (Network, "probabilities", 1, "in epoch 1 of 2, after 8 of 8"),
        (Network, "probabilities", 1, "in epoch 1 of 2, after 8 of 8"),  # once more
        (module, "_keep", 1, "in epoch 2 of 2, after 3 of 8"),  # which is finished first
        (Trainer, "save", 1, "after the last epoch"),  # that of the last epoch
        (module, "finish", 1, "after the last epoch"),
    ]
    assert train(tmp_path / "whole") == 0
    for owner, name, number, said in places:
        strike(owner, name, number)
        assert train(tmp_path / "run") == REQUEUE, name
        line = f"asked to end (SIGTERM) {said}"
        assert line in (err := capsys.readouterr().err)
        assert "; run the same command again to go on\n" in err
        assert not list((tmp_path / "run").glob(".camtrap-lock"))
    assert train(tmp_path / "run") == 0
    assert digest(tmp_path / "run") == digest(tmp_path / "whole")
    with open(tmp_path / "run" / "log.csv") as file:
        assert [line.partition(",")[0] for line in file] == ["epoch", "1", "2"]
