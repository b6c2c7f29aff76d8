"""Starting from a run, a bundle, a file: what is taken and what starts fresh."""

import dataclasses

import numpy as np
import pytest

from camtrap_tf.core.config import Config, ModelConfig, TrainConfig, Words
from camtrap_tf.core.config_io import override
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import step_schedule

CONFIG = Config(
    model=ModelConfig(architecture="small", crop=32),
    train=TrainConfig(
        task=Task.SPECIES, epochs=1, batch_size=8, schedule=step_schedule(1, 0.05, 0.0005)
    ),
)


@pytest.fixture(scope="module")
def trained(tiny_shards, tmp_path_factory):
    from camtrap_tf.training.train import train

    return train(CONFIG, tiny_shards, tmp_path_factory.mktemp("transfer") / "first")


def network(heads, architecture="small"):
    from camtrap_tf.core.config import InputSpec
    from camtrap_tf.networks import architectures
    from camtrap_tf.networks.network import Network

    model = architectures.build(ModelConfig(architecture=architecture, crop=32), heads)
    return Network(model, InputSpec(32), Task.SPECIES, heads)


def weight(model, path):
    (variable,) = [v for v in model.weights if v.path == path]
    return np.array(variable)


@pytest.mark.parametrize(
    ("classes", "taken"),
    [(("blue", "red"), True), (("red", "blue"), False), (("blue", "red", "green"), False)],
)
def test_trunk_and_heads_of_the_same_classes_are_taken(trained, classes, taken):
    from camtrap_tf.networks import transfer

    fresh = network({"species": classes, "count": ("1", "2")})
    before = weight(fresh.model, "species/kernel")
    told = transfer.initialise(fresh, trained.folder)
    assert told["taken"] == (["species"] if taken else [])
    source = trained.network().model
    for path in ("stem/kernel", "stage4_block1_b_norm/moving_mean"):
        np.testing.assert_array_equal(weight(fresh.model, path), weight(source, path))
    expected = weight(source, "species/kernel") if taken else before
    np.testing.assert_array_equal(weight(fresh.model, "species/kernel"), expected)


def test_files_are_taken_too(trained, tmp_path):
    from camtrap_tf.networks import transfer

    source = trained.network().model
    source.save_weights(tmp_path / "all.weights.h5")
    for path in (trained.folder / "best.keras", tmp_path / "all.weights.h5"):
        fresh = network({"species": ("blue", "red")})
        assert transfer.initialise(fresh, path) == {"taken": ["species"], "fresh": []}
        np.testing.assert_array_equal(
            weight(fresh.model, "species/bias"), weight(source, "species/bias")
        )


def test_what_does_not_fit_is_named(trained, tmp_path):
    from camtrap_tf.networks import transfer

    with pytest.raises(InputError, match=r"weights differ, the first, stem/kernel, of shape"):
        transfer.initialise(network({"species": ("a", "b")}, "resnet18"), trained.folder)
    with pytest.raises(InputError, match="is a run, a bundle"):
        transfer.initialise(network({"species": ("a", "b")}), tmp_path / "nowhere")
    trained.network().model.save_weights(tmp_path / "all.weights.h5")
    with pytest.raises(InputError, match="and all its heads"):
        transfer.initialise(network({"species": tuple("abc")}), tmp_path / "all.weights.h5")


def test_a_frozen_trunk_keeps_its_weights_while_the_heads_learn(trained, tiny_shards, tmp_path):
    from camtrap_tf.training.train import train

    changes = {"train.init": str(trained.folder), "train.freeze_epochs": "1", "train.ema": "0.5"}
    run = train(override(CONFIG, changes), tiny_shards, tmp_path / "second")
    old, new = trained.network().model, run.network().model
    for variable in old.weights:
        same = np.array_equal(variable, weight(new, variable.path))
        assert same == (not variable.path.startswith("species/")), variable.path
    with pytest.raises(InputError, match=r"train\.init"):
        train(dataclasses.replace(CONFIG), tiny_shards, tmp_path / "second")


def test_the_same_vocabulary_can_be_asked_for(trained):
    from camtrap_tf.networks import transfer

    told = transfer.initialise(network({"species": ("blue", "red")}), trained.folder, Words.SAME)
    assert told == {"taken": ["species"], "fresh": []}
    for classes, difference in (
        (("blue", "green"), "only there: red; only in the shards: green"),
        (("red", "blue"), "only there: none; only in the shards: none; the order differs"),
    ):
        with pytest.raises(InputError, match=difference):
            transfer.initialise(network({"species": classes}), trained.folder, Words.SAME)


@pytest.mark.slow
def test_each_task_takes_its_own_network_of_a_two_stage_bundle(tiny_shards, tmp_path):
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.networks import transfer
    from camtrap_tf.networks.bundle import make_bundle
    from camtrap_tf.training.train import train

    runs = {}
    for task in (Task.EMPTY, Task.ANIMAL):
        config = dataclasses.replace(CONFIG, train=dataclasses.replace(CONFIG.train, task=task))
        runs[task] = train(config, tiny_shards, tmp_path / task.value)
    folders = [run.folder for run in runs.values()]
    bundle = make_bundle(folders, tmp_path / "bundle", unknown_share=0)
    vocabulary = Manifest.read(tiny_shards).vocabulary
    for task, run in runs.items():
        fresh = network(vocabulary.heads(task))
        fresh.task = task
        told = transfer.initialise(fresh, bundle.folder)
        assert told == {"taken": list(vocabulary.heads(task)), "fresh": []}
        for path in ("stem/kernel", f"{told['taken'][0]}/kernel"):
            np.testing.assert_array_equal(
                weight(fresh.model, path), weight(run.network().model, path)
            )


def standardising(image, *_):
    """A small trunk that standardises its input itself, as EfficientNet does."""
    from keras import layers

    x = layers.Normalization(name="standardise")(image)
    x = layers.Conv2D(8, 5, 2, name="stem")(x)
    return layers.GlobalAveragePooling2D(name="pool")(x)


@pytest.mark.slow
def test_what_a_trunk_standardises_by_is_taken_and_kept(tiny_shards, tmp_path, monkeypatch):
    from camtrap_tf.answers.predictions import Predictions
    from camtrap_tf.networks import architectures
    from camtrap_tf.training import train as module
    from camtrap_tf.training.trainer import Trainer

    monkeypatch.setitem(architectures.ARCHITECTURES, "standardising", standardising)
    source = network({"species": ("a", "b", "c")}, "standardising").model
    layer = source.get_layer("standardise")
    layer.adapt_mean.assign([0.5, -1.0, 0.0])
    layer.adapt_variance.assign([0.01, 4.0, 1.0])
    layer.finalize_state()
    source.save(tmp_path / "source.keras")
    changes = {
        "model.architecture": "standardising",
        "train.init": str(tmp_path / "source.keras"),
        "train.epochs": "3",
        "train.schedule": '[{"first": 1, "learning_rate": 0.01, "weight_decay": 0}]',
    }
    config = override(CONFIG, changes)
    whole = module.train(config, tiny_shards, tmp_path / "whole")
    # What was measured while training is what the saved network answers.
    answers = Predictions.read(whole.folder / "predictions-val.parquet")
    right = answers.labels["species"] != -1
    truth = answers.labels["species"][right].astype(int)
    given = answers.probabilities["species"][right][np.arange(len(truth)), truth]
    loss = whole.result["best"]["val_loss_species"]
    assert -np.log(given).mean() == pytest.approx(loss, rel=1e-4)

    run_epoch = Trainer.run_epoch

    def stop_in_third(self, *arguments):
        if self.progress.epoch == 3:
            raise KeyboardInterrupt
        return run_epoch(self, *arguments)

    monkeypatch.setattr(Trainer, "run_epoch", stop_in_third)
    with pytest.raises(KeyboardInterrupt):
        module.train(config, tiny_shards, tmp_path / "parts")
    monkeypatch.setattr(Trainer, "run_epoch", run_epoch)
    parts = module.train(config, tiny_shards, tmp_path / "parts")
    for figure in ("loss", "val_loss_species"):
        assert parts.result["best"][figure] == whole.result["best"][figure]


def test_a_damaged_file_is_named(tmp_path):
    from camtrap_tf.networks import transfer

    (tmp_path / "half.keras").write_bytes(b"PK no model")
    with pytest.raises(InputError, match="holds a whole Keras model"):
        transfer.initialise(network({"species": ("a", "b")}), tmp_path / "half.keras")
