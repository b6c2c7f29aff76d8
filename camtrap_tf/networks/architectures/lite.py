"""EfficientNet-Lite 0, 1 and 2 (Liu and Tan 2020): EfficientNet for small computers.

EfficientNet without squeeze-and-excitation and with ReLU6 in place of swish, which whole
numbers represent well. Stem, head and the first and last stage's repeats are not scaled.

Published ImageNet weights are among `networks.pretrained.weights`. They were trained on pixels
(v - 127) / 128; under `Normalisation.IMAGENET` a fixed scaling in front turns ours into that.
A fourth channel, the difference to an event's median frame, counts nothing at first.
"""

import dataclasses
import functools
import logging
from collections.abc import Callable

import keras
from keras import layers

from camtrap_tf.core.config import (
    IMAGENET_IF_HERE,
    IMAGENET_WEIGHTS,
    ModelConfig,
    Normalisation,
    Variant,
)
from camtrap_tf.core.errors import InputError
from camtrap_tf.networks.architectures import applications
from camtrap_tf.networks.architectures.layers import dropout, of_variant
from camtrap_tf.networks.pretrained import weights
from camtrap_tf.networks.pretrained.assignment import assign


@dataclasses.dataclass(frozen=True)
class Shape:
    """What differs between the networks.

    Args:
        side: height and width of the input that the published weights were trained on, pixels.
        repeats, channels: of the seven stages.
        dropped: share of the features dropped in training.
    """

    side: int
    repeats: tuple[int, ...]
    channels: tuple[int, ...]
    dropped: float


TABLE = {
    "lite0": Shape(224, (1, 2, 2, 3, 3, 4, 1), (16, 24, 40, 80, 112, 192, 320), 0.2),
    "lite1": Shape(240, (1, 3, 3, 4, 4, 5, 1), (16, 24, 40, 80, 112, 192, 320), 0.2),
    "lite2": Shape(260, (1, 3, 3, 4, 4, 5, 1), (16, 24, 48, 88, 120, 208, 352), 0.3),
}
# Of each stage: kernel, stride of its first block, expansion.
_STAGES = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6), (5, 2, 6), (3, 1, 6))
_STEM, _HEAD = 32, 1280
_EPSILON = 1e-3
# Published averages move slowly; fresh ones must arrive within a small data set's few steps.
PUBLISHED_MOMENTUM = 0.99
_INITIALISER = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
SCALING = applications.Scaling((127.0,) * 3, (128.0,) * 3)
log = logging.getLogger("camtrap")


def lite(name: str, image: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """Features `[batch, 1280]`.

    Raises:
        InputError: `model.weights` is a file, or those that it names are not on this computer.
    """
    of_variant({Variant.STANDARD: None}, config)
    known = config.normalisation is Normalisation.IMAGENET
    scaled = applications.scaled(image, SCALING) if known else image
    published = _starts_published(name, config.weights)
    momentum = PUBLISHED_MOMENTUM if published else applications.MOMENTUM
    features = pooled(scaled, TABLE[name], momentum)
    if published:
        load(keras.Model(image, features), name)
    return dropout(features, config, TABLE[name].dropped, "dropout")


def _starts_published(name: str, source: str) -> bool:
    """Whether a trunk starts from published weights, by its `model.weights`."""
    if source not in ("", IMAGENET_WEIGHTS, IMAGENET_IF_HERE):
        raise InputError(
            f"model.weights of {name} is '{IMAGENET_WEIGHTS}', '{IMAGENET_IF_HERE}' or empty",
            source,
            f"Bring the file along with `camtrap weights get {name} --file=FILE`.",
        )
    return source == IMAGENET_WEIGHTS or (source == IMAGENET_IF_HERE and _are_here(name))


@functools.cache  # says it once
def _are_here(name: str) -> bool:
    if weights.find(name) is not None:
        return True
    log.warning(
        "%s starts from random weights, which need far more pictures: its ImageNet weights are "
        "not on this computer; `camtrap weights get %s` brings them",
        name,
        name,
    )
    return False


def pooled(x: keras.KerasTensor, shape: Shape, momentum: float) -> keras.KerasTensor:
    """Features `[batch, 1280]` of pixels scaled as `SCALING` says; momentum is batch norm's."""
    norm = functools.partial(_norm, momentum)
    x = norm(_conv(x, _STEM, "conv_stem", kernel=3, stride=2), "bn0")
    blocks = (
        (kernel, 1 if repeat else stride, expansion, channels)
        for (kernel, stride, expansion), repeats, channels in zip(
            _STAGES, shape.repeats, shape.channels, strict=True
        )
        for repeat in range(repeats)
    )
    for number, block in enumerate(blocks):
        x = _block(x, norm, *block, f"block{number}")
    x = norm(_conv(x, _HEAD, "conv_head"), "bn1")
    return layers.GlobalAveragePooling2D(name="features")(x)


def load(model: keras.Model, name: str) -> None:
    """Gives a model made by `pooled` its published weights.

    Raises:
        InputError: they are not on this computer.
    """
    tensors = weights.load(name)
    rest = {key: tensors[key] for key in tensors if not key.startswith("_fc.")}  # ImageNet's kinds
    assign(model, rest, _published_name, widened="conv_stem")


def _block(x, norm: Callable, kernel: int, stride: int, expansion: int, channels: int, name: str):
    """Expand, look at each channel by itself, project; what came in is added where it fits."""
    y = x
    if expansion > 1:
        y = norm(_conv(y, expansion * x.shape[-1], f"{name}_expand_conv"), f"{name}_bn0")
    y = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, depthwise_initializer=_INITIALISER,
        name=f"{name}_depthwise_conv",
    )(y)  # fmt: skip
    y = norm(y, f"{name}_bn1")
    y = norm(_conv(y, channels, f"{name}_project_conv"), f"{name}_bn2", relu=False)
    if stride > 1 or channels != x.shape[-1]:
        return y
    return layers.Add(name=f"{name}_add")([y, x])


def _conv(x, filters: int, name: str, kernel: int = 1, stride: int = 1):
    return layers.Conv2D(
        filters, kernel, stride, "same", use_bias=False, kernel_initializer=_INITIALISER, name=name
    )(x)


def _norm(momentum: float, x, name: str, relu: bool = True):
    x = layers.BatchNormalization(momentum=momentum, epsilon=_EPSILON, name=name)(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if relu else x


def _published_name(layer: str) -> str:
    """'block3_expand_conv' -> '_blocks.3._expand_conv', 'conv_stem' -> '_conv_stem'."""
    block, _, part = layer.partition("_")
    number = block.removeprefix("block")
    return f"_blocks.{number}._{part}" if number.isdecimal() else f"_{layer}"


TRUNKS = {name: functools.partial(lite, name) for name in TABLE}
