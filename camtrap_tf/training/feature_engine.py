"""Features of pictures, computed by the engine that is faster on this machine.

What is computed once is kept with a precision of 0.0005; the two engines differ by less.
"""

import dataclasses

import keras
import tensorflow as tf

from camtrap_tf.core.codec import to_json
from camtrap_tf.core.errors import require
from camtrap_tf.core.workers.work import Workers
from camtrap_tf.networks import engines, litert
from camtrap_tf.networks.engines import Engine
from camtrap_tf.training.features import SEEN, Features

_CLOSE, _NAME = 5e-4, "features"


def on_engine(store: Features, split: str, asked: Engine) -> Features:
    """The same features, of which an engine computes those that a split lacks.

    Features that are computed in several goes keep to the engine that began (`engines.settle`).
    """
    missing = store.missing(split)
    if not missing:
        return store
    own = _computation(store)
    pictures, begun = SEEN * sum(shard.frames for shard in missing), any(store.folder.glob("*.npy"))
    if not engines.settle(store.folder, asked, [own.key], lambda: [own], pictures, begun):
        return store
    return dataclasses.replace(store, trunk=_in_litert(store.trunk, engines.load(own)))


def on_workers(store: Features, split: str, asked: Engine, workers: Workers) -> None:
    """Has the features that a split lacks computed by others, with Keras.

    Raises:
        InputError: another engine is asked for.
    """
    require(
        asked is not Engine.LITERT,
        "LiteRT computes features on this machine only",
        asked.value,
        "Leave out --engine_cpu, or give --engine=local.",
    )
    store.compute(split, workers)


def _computation(store: Features) -> engines.Computation:
    trunk = store.trunk
    return engines.Computation(
        engines.digest(engines.hash_weights(trunk), to_json(store.spec)),
        f"features of {trunk.name}",
        lambda pixels: {_NAME: trunk(pixels, training=False)},
        trunk,
        tuple(trunk.input.shape[1:]),
        tf.float32,
        _CLOSE,
    )


class _Answer(keras.layers.Layer):
    """What LiteRT answers: [n, width]."""

    def __init__(self, runner: litert.Runner, width: int):
        super().__init__(name=_NAME)
        self.runner, self.width = runner, width

    def call(self, inputs):
        """[n, height, width, channels] float32 -> [n, width] float32."""
        return engines.in_graph(self.runner, _NAME, self.width)(inputs)

    def compute_output_shape(self, input_shape):
        """[n, width]."""
        return input_shape[0], self.width


def _in_litert(trunk: keras.Model, runner: litert.Runner) -> keras.Model:
    """A trunk with LiteRT inside."""
    image = keras.Input(trunk.input.shape[1:])
    return keras.Model(image, _Answer(runner, trunk.output.shape[-1])(image), name=trunk.name)
