"""A trained bundle, and edge networks with weights by hand, that the export tests share."""

import types

import numpy as np
import pytest


@pytest.fixture(scope="session")
def bundle(tiny_shards, tmp_path_factory):
    """A two-stage bundle that tells red from blue from grey."""
    from camtrap_tf.core.config_io import override
    from camtrap_tf.networks.bundle import make_bundle
    from camtrap_tf.training.train import train
    from tests.recipes import SMALL

    folder, runs = tmp_path_factory.mktemp("runs"), []
    changes = {"model.crop": "32", "train.batch_size": "8", "train.epochs": "6"}
    changes |= {"augment.brightness": "5", "augment.contrast": "[0.9, 1.1]"}
    for task in ("empty", "animal"):
        config = override(SMALL, changes | {"train.task": task})
        runs.append(train(config, tiny_shards, folder / task).folder)
    return make_bundle(runs, folder / "bundle", unknown_share=0)


def _by_colour(spec, task, heads, logits):
    """A network with weights by hand, on how much redder or bluer than grey a picture is."""
    import keras

    from camtrap_tf.networks.network import Network

    image = keras.Input((spec.crop, spec.crop, 3), name="image")
    mean = keras.layers.GlobalAveragePooling2D()(image)
    excess = keras.layers.Dense(2, "relu", use_bias=False, name="excess")(mean)
    head = next(iter(heads))
    model = keras.Model(image, {head: keras.layers.Dense(2, name=head)(excess)})
    model.get_layer("excess").set_weights([np.array([[1, -1], [0, 0], [-1, 1]], np.float32)])
    model.get_layer(head).set_weights([np.array(part, np.float32) for part in logits])
    return Network(model, spec, task, heads, task.value)


@pytest.fixture(scope="session")
def lite(tmp_path_factory):
    """Folder of float32 TFLite files of two networks that tell red from blue from grey."""
    from camtrap_tf.core.config import Context, InputSpec, PictureSpec
    from camtrap_tf.core.labels import Task, Vocabulary
    from export.tflite import write_tflite

    spec, vocabulary = InputSpec(crop=32, std=(255.0,) * 3), Vocabulary(("blue", "red"), (), ())
    weights = {
        Task.EMPTY: ([[40, 0], [40, 0]], [0, 4]),
        Task.ANIMAL: ([[-40, 40], [40, -40]], [0, 0]),
    }
    networks = [_by_colour(spec, t, vocabulary.heads(t), w) for t, w in weights.items()]
    bundle = types.SimpleNamespace(
        members=[
            types.SimpleNamespace(
                file=f"{net.name}-{i}.keras",
                task=net.task,
                name=net.name,
                architecture="by hand",
                view=net.view,
            )
            for i, net in enumerate(networks)
        ],
        networks=lambda: networks,
        picture=PictureSpec(size=40),
        context=Context.NONE,
        vocabulary=vocabulary,
        animal_threshold=0.5,
        familiarity_threshold=None,
        event_rules={"species": "animal"},
        needs_boxes=False,
        version="by hand",
        origins=(),
    )
    folder = tmp_path_factory.mktemp("lite")
    write_tflite(bundle, folder)
    return folder
