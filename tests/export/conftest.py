"""A trained bundle that the export tests share."""

import pytest


@pytest.fixture(scope="session")
def bundle(tiny_shards, tmp_path_factory):
    """A two-stage bundle that tells red from blue from grey."""
    from camtrap_tf.bundle import make_bundle
    from camtrap_tf.config import QUICK, override
    from camtrap_tf.train import train

    folder, runs = tmp_path_factory.mktemp("runs"), []
    changes = {"model.crop": "32", "train.batch_size": "8", "train.epochs": "6"}
    changes |= {"augment.brightness": "5", "augment.contrast": "[0.9, 1.1]"}
    for task in ("empty", "animal"):
        config = override(QUICK, changes | {"train.task": task})
        runs.append(train(config, tiny_shards, folder / task).folder)
    return make_bundle(runs, folder / "bundle")


@pytest.fixture(scope="session")
def lite(bundle, tmp_path_factory):
    """Folder of the bundle's float32 TFLite files."""
    from export.tflite import write_tflite

    folder = tmp_path_factory.mktemp("lite")
    write_tflite(bundle, folder)
    return folder
