"""Networks: a trunk and named heads.

A trunk takes a float32 input `[batch, crop, crop, channels]` and gives features
`[batch, width]`. Every head is one linear layer on the shared features, as in the paper. All is
made of Keras layers and operations, so that a network also runs under Keras' other backends.
"""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

import keras

from camtrap_tf.core.config import Context, ModelConfig, Variant
from camtrap_tf.core.errors import InputError
from camtrap_tf.networks.architectures import (
    alexnet,
    applications,
    googlenet,
    lite,
    nin,
    resnet,
    vgg,
)
from camtrap_tf.networks.architectures.layers import uniform
from camtrap_tf.pictures.context import NINE_FRAMES

Trunk = Callable[[keras.KerasTensor, ModelConfig], keras.KerasTensor]

# The nine of the paper's Table 1; `vgg.py` says why 16.
PAPER = (
    "alexnet", "nin", "vgg16", "googlenet",
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
)  # fmt: skip

OURS: dict[str, Trunk] = {
    **alexnet.TRUNKS,
    **nin.TRUNKS,
    **vgg.TRUNKS,
    **googlenet.TRUNKS,
    **resnet.TRUNKS,
    **lite.TRUNKS,
}
ARCHITECTURES: dict[str, Trunk] = {**OURS, **applications.EDGE, **applications.TRUNKS}


def build(config: ModelConfig, heads: Mapping[str, tuple[str, ...]]):
    """A network with one output of logits per head.

    Args:
        config: architecture, input size, and with `context` the number of channels.
        heads: class names by head name.

    Returns:
        A functional `keras.Model`: `[batch, crop, crop, channels]` float32 -> dict of head name
        to logits `[batch, classes]` float32. Its weights are initialised from Keras' global
        seed: call `keras.utils.set_random_seed` first.

    Raises:
        InputError: no such architecture or variant, weights that do not fit it, or a crop that
            is too small for it.
    """
    pixels = keras.Input((config.crop, config.crop, config.context.channels), name="image")
    frames = _each_frame(pixels) if config.context is Context.LATE else pixels
    features = _features(frames, config)
    if config.context is Context.LATE:
        features = _strongest(features)
    logits = {
        name: keras.layers.Dense(
            len(classes), name=name, dtype="float32", **_head_initialisers(config, len(classes))
        )(features)
        for name, classes in heads.items()
    }
    return keras.Model(pixels, logits, name=config.architecture)


def _each_frame(stack: keras.KerasTensor) -> keras.KerasTensor:
    """[batch, crop, crop, 9] -> [3 batch, crop, crop, 3], the frames of a stack side by side."""
    crop = stack.shape[1]
    apart = keras.ops.reshape(stack, (-1, crop, crop, NINE_FRAMES, 3))
    return keras.ops.reshape(keras.ops.transpose(apart, (0, 3, 1, 2, 4)), (-1, crop, crop, 3))


def _strongest(features: keras.KerasTensor) -> keras.KerasTensor:
    """[3 batch, width] -> [batch, width]: each feature where it is strongest of three frames."""
    return keras.ops.max(keras.ops.reshape(features, (-1, NINE_FRAMES, features.shape[-1])), axis=1)


def _features(pixels: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    trunk = _trunk(config.architecture)
    if config.weights and config.architecture in OURS.keys() - lite.TRUNKS:
        raise InputError(
            f"model.weights is for {', '.join(lite.TRUNKS)} and backbones of keras.applications",
            config.architecture,
            "Leave it out.",
        )
    try:
        features = trunk(pixels, config)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"model.crop is large enough for {config.architecture}",
            config.crop,
            f"Give a larger one. Keras says: {' '.join(str(error).split())[:200]}",
        ) from error
    drops = any(
        isinstance(layer, keras.layers.Dropout) for layer in keras.Model(pixels, features).layers
    )
    if config.dropout and not drops:
        features = keras.layers.Dropout(config.dropout, name="dropout")(features)
    return features


def _trunk(name: str) -> Trunk:
    if name not in ARCHITECTURES:
        near = difflib.get_close_matches(name, ARCHITECTURES, n=1, cutoff=0.5)
        raise InputError(
            f"architectures are {', '.join(OURS)}, and of keras.applications "
            f"{', '.join(applications.TRUNKS)}",
            name,
            f"Did you mean '{near[0]}'?" if near else "Pick one.",
        )
    return ARCHITECTURES[name]


def _head_initialisers(config: ModelConfig, classes: int) -> dict[str, Any]:
    """Keras' defaults, or what the released code has."""
    if config.variant is Variant.STANDARD:
        return {}
    if config.architecture.startswith(("resnet", "alexnet")):
        return {"kernel_initializer": keras.initializers.TruncatedNormal(stddev=0.01)}
    return uniform(classes)
