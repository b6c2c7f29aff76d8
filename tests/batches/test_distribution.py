"""One device, two replicas and two workers compute the same."""

import contextlib
import json
import os
import random
import socket

import numpy as np
import pytest

from camtrap_tf.batches import distribution
from camtrap_tf.core.config import Config, ModelConfig, Step, Strategy, TrainConfig
from camtrap_tf.core.config_io import override
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task

STEPS = 50
CONFIG = Config(
    model=ModelConfig(architecture="small", crop=24),
    train=TrainConfig(
        task=Task.SPECIES,
        epochs=13,  # of 4 steps
        batch_size=8,
        # Rounding differs in the seventh digit (sums in another order) and grows from step to
        # step: at the recipe's 0.01, on drawn pictures, to 1e-5 in 10 steps, 5e-4 in 20 and 0.2
        # in 50; at 0.0001 not at all. In float64 the losses at 0.01 stay the same to 3e-7, the
        # last digit of the loss, over all 50: it is rounding alone.
        schedule=(Step(1, 0.0001, 0.0005),),
        sync_batch_norm=True,
        steps_per_call=1,
        checkpoint_every=0,
    ),
)
TWO = {"train.replicas": "2"}
RECIPE_RATE = '[{"first": 1, "learning_rate": 0.01, "weight_decay": 0.0005}]'  # Table S.2's


def test_one_processor_reads_a_dataset_as_it_is():
    import tensorflow as tf

    dataset = tf.data.Dataset.range(3)
    one = distribution.strategy(Strategy.LOCAL, 1)
    assert one.distribute_datasets_from_function(lambda _: dataset) is dataset


def in_double_precision() -> None:
    """Makes this process train in float64; only the loss itself is still float32."""
    import keras
    import tensorflow as tf

    from camtrap_tf.training import losses

    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    keras.config.set_dtype_policy = lambda _: None  # the trainer would ask for float32
    dense = keras.layers.Dense
    keras.layers.Dense = lambda *units, dtype, **options: dense(*units, **options)  # the heads
    sums, penalty = losses.head_sums, losses.weight_penalty

    def single(values):
        return tf.nest.map_structure(lambda value: tf.cast(value, tf.float32), values)

    losses.head_sums = lambda logits, *others: sums(single(logits), *others)
    losses.weight_penalty = lambda kernels, decay: penalty(single(kernels), decay)


def losses_and_answers(config, shards, out, tf_config=None, double=False) -> None:
    """In a process of its own: the loss of every step, then what given weights answer."""
    if tf_config:
        os.environ["TF_CONFIG"] = json.dumps(tf_config)
    import keras

    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.prediction.shards import predict_split
    from camtrap_tf.training.trainer import Trainer

    if double:
        in_double_precision()

    trainer, seen = Trainer(config, Manifest.read(shards)), []
    call = trainer._call

    def recording(*arguments):
        sums = call(*arguments)
        seen.append(sums["species"]["loss"] / sums["species"]["count"])
        return sums

    trainer._call = recording
    for epoch in range(1, config.train.epochs + 1):
        trainer.progress.begin(epoch)
        trainer.run_epoch()
    rng = keras.random.SeedGenerator(7)
    for variable in trainer.model.trainable_variables:
        variable.assign(keras.random.normal(variable.shape, seed=rng))
    for variable in trainer.model.non_trainable_variables:
        if "moving" in variable.path:
            variable.assign(keras.ops.ones(variable.shape))
    trainer.publish()
    answers = predict_split([trainer.network], trainer.manifest, "val", batch_size=3)
    np.savez(out, losses=seen[:STEPS], answers=answers.probabilities["species"])


def whole_run(config, shards, folder, tf_config) -> None:
    """In a process of its own: trains as one of several workers."""
    os.environ["TF_CONFIG"] = json.dumps(tf_config)
    from camtrap_tf.training.train import train

    assert len(train(config, shards, folder).result["best"]) > 5


def cluster(index: int, addresses: list[str]) -> dict:
    return {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}


def free_addresses(count: int) -> list[str]:
    """Addresses that nobody listens on, below the ports that outgoing connections are given."""
    ports = []
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            ports.append(port)
    return [f"127.0.0.1:{port}" for port in ports[:count]]


@pytest.mark.slow
def test_losses_and_evaluation_are_those_of_one_device(tiny_shards, forked, tmp_path):
    losses = of_all_kinds(CONFIG, tiny_shards, forked, tmp_path, double=False)
    for name in ("mirrored", "worker0", "worker1"):
        np.testing.assert_allclose(losses[name], losses["one"], atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def drawn_shards(tmp_path_factory):
    """Shards of a drawn Serengeti, 40x40 pixels: animals on backgrounds, by day and by night."""
    from camtrap_tf.core.config import PictureSpec
    from data_prep import sources, synthetic
    from data_prep.choice import select, splits
    from data_prep.shards import plan, write

    folder = tmp_path_factory.mktemp("drawn")
    world = synthetic.World(events=90, sites=4, size=(96, 72), empty_share=0.0)
    synthetic.write(world, folder / "world")
    chosen = select.select(sources.read("dryad", folder / "world"))
    planned = plan.make(chosen, splits.assign(chosen, seed=0), split_rule="event", seed=0)
    picture = PictureSpec(size=40)
    write.write_shards(
        planned, folder / "world" / "images", folder / "shards", picture, processes=1
    )
    return folder / "shards"


def of_all_kinds(config, shards, forked, folder, double: bool) -> dict[str, np.ndarray]:
    """Losses of 50 steps on one device, on two replicas and on two workers."""
    workers, addresses = override(config, {"train.strategy": "multi_worker"}), free_addresses(2)
    calls = {"one": (config, None), "mirrored": (override(config, TWO), None)}
    calls |= {f"worker{i}": (workers, cluster(i, addresses)) for i in range(2)}
    arguments = [
        (own, shards, folder / f"{name}.npz", tf_config, double)
        for name, (own, tf_config) in calls.items()
    ]
    assert [process.exitcode for process in forked(losses_and_answers, arguments)] == [0] * 4
    found = {name: np.load(folder / f"{name}.npz") for name in calls}
    for other in found.values():
        np.testing.assert_array_equal(other["answers"], found["one"]["answers"])
    assert len(found["one"]["losses"]) == STEPS
    return {name: values["losses"] for name, values in found.items()}


@pytest.mark.slow
def test_without_rounding_all_are_one_device_at_the_recipes_rate(drawn_shards, forked, tmp_path):
    changes = {"train.schedule": RECIPE_RATE, "train.epochs": "3"}
    losses = of_all_kinds(override(CONFIG, changes), drawn_shards, forked, tmp_path, double=True)
    for name in ("mirrored", "worker0", "worker1"):
        np.testing.assert_allclose(losses[name], losses["one"], atol=1e-6, rtol=0)


@pytest.mark.slow
def test_two_workers_write_one_run(noise_shards, forked, tmp_path):
    changes = {"train.strategy": "multi_worker", "train.rare": "emphasis", "train.epochs": "2"}
    config, addresses = override(CONFIG, changes), free_addresses(2)
    calls = [(config, noise_shards, tmp_path / "run", cluster(i, addresses)) for i in range(2)]
    assert [process.exitcode for process in forked(whole_run, calls)] == [0, 0]
    with open(tmp_path / "run" / "log.csv") as file:
        assert len(file.readlines()) == 3


@pytest.mark.slow
@pytest.mark.parametrize("rare", ["weighted_loss", "oversampling", "emphasis"])
def test_methods_for_rare_classes_are_those_of_one_device(rare, noise_shards, forked, tmp_path):
    schedule = '[{"first": 1, "learning_rate": 0.0001, "weight_decay": 0.0005}]'
    changes = {"train.rare": rare, "train.epochs": "5", "train.schedule": schedule}
    config = override(CONFIG, changes)
    files = [tmp_path / "one.npz", tmp_path / "two.npz"]
    calls = [
        (own, noise_shards, file, None, True)  # in float64: rounding differs among processors
        for own, file in zip((config, override(config, TWO)), files, strict=True)
    ]
    assert [process.exitcode for process in forked(losses_and_answers, calls)] == [0, 0]
    one, two = (np.load(file)["losses"] for file in files)
    np.testing.assert_allclose(two, one, atol=1e-6, rtol=0)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match="finds its workers in TF_CONFIG"):
        distribution.strategy(Strategy.MULTI_WORKER)
    with pytest.raises(InputError, match="strategy 'tpu' finds a TPU"):
        distribution.strategy(Strategy.TPU)
