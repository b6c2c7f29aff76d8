"""Networks: a trunk and named heads.

A trunk takes a float32 input `[batch, crop, crop, 3]` and gives features `[batch, channels]`.
Every head is one linear layer on the shared features, as in the paper.
"""

from collections.abc import Callable, Mapping

import keras

from camtrap_tf.config import ModelConfig
from camtrap_tf.errors import InputError
from camtrap_tf.models import resnet

Trunk = Callable[[keras.KerasTensor], keras.KerasTensor]

ARCHITECTURES: dict[str, Trunk] = {**resnet.TRUNKS}


def build(config: ModelConfig, heads: Mapping[str, tuple[str, ...]], channels: int = 3):
    """A network with one output of logits per head.

    Args:
        config: architecture and input size.
        heads: class names by head name.
        channels: of the input.

    Returns:
        A functional `keras.Model`: `[batch, crop, crop, channels]` float32 -> dict of head name
        to logits `[batch, classes]` float32. Its weights are initialised from Keras' global
        seed: call `keras.utils.set_random_seed` first.

    Raises:
        InputError: no such architecture.
    """
    trunk = ARCHITECTURES.get(config.architecture)
    if trunk is None:
        raise InputError(
            f"architectures are {', '.join(ARCHITECTURES)}", config.architecture, "Pick one."
        )
    pixels = keras.Input((config.crop, config.crop, channels), name="image")
    features = trunk(pixels)
    logits = {
        name: keras.layers.Dense(len(classes), name=name, dtype="float32")(features)
        for name, classes in heads.items()
    }
    return keras.Model(pixels, logits, name=config.architecture)
