"""Convolution, dense and dropout layers, as the families of networks make them.

Random numbers: initialisers and dropout draw their seeds from Keras' global seed, so that a
network built after `keras.utils.set_random_seed(n)` always trains alike. The state of dropout's
generators is among `model.variables`, which a checkpoint of training holds.
"""

import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import layers

from camtrap_tf.core.config import ModelConfig, Variant
from camtrap_tf.core.errors import InputError


class Norm(enum.Enum):
    """Where batch norm stands."""

    NONE = "none"
    BEFORE_RELU = "before_relu"
    AFTER_RELU = "after_relu"


@dataclasses.dataclass(frozen=True)
class Style:
    """How a convolution or dense layer is made.

    Args:
        norm: batch norm's place.
        bias: the layer has a bias.
        epsilon: of batch norm.
        initialisers: from the layer's number of outputs to its keyword arguments.
    """

    norm: Norm
    bias: bool
    epsilon: float
    initialisers: Callable[[int], dict[str, Any]]


def he_normal(width: int) -> dict[str, Any]:
    """Kernels of layers that ReLU follows (He et al. 2015)."""
    return {"kernel_initializer": "he_normal"}


def uniform(width: int) -> dict[str, Any]:
    """Kernels and biases uniform within 1/sqrt(outputs), as in the released code."""
    bound = width**-0.5
    return {
        "kernel_initializer": keras.initializers.RandomUniform(-bound, bound),
        "bias_initializer": keras.initializers.RandomUniform(-bound, bound),
    }


def truncated_normal(width: int) -> dict[str, Any]:
    """As `uniform`, but kernels drawn with deviation 0.1: the released code's ResNets."""
    return uniform(width) | {"kernel_initializer": keras.initializers.TruncatedNormal(stddev=0.1)}


PLAIN = Style(Norm.NONE, True, 0.0, he_normal)
NORMED = Style(Norm.BEFORE_RELU, False, 1e-5, he_normal)  # batch norm makes a bias useless
RELEASED = Style(Norm.BEFORE_RELU, True, 1e-3, uniform)
RELEASED_RESNET = dataclasses.replace(RELEASED, initialisers=truncated_normal)


def of_variant(table: Mapping[Variant, Any], config: ModelConfig) -> Any:
    """The entry of a family's table for the variant asked for.

    Raises:
        InputError: the architecture has no such variant.
    """
    if config.variant not in table:
        raise InputError(
            f"variants of {config.architecture} are {', '.join(v.value for v in table)}",
            config.variant.value,
            "Set model.variant to one of them.",
        )
    return table[config.variant]


def conv(
    x, style: Style, filters: int, kernel: int, stride: int, name: str, padding="same", relu=True
):
    """A convolution, with the style's batch norm and, if asked for, ReLU."""
    x = layers.Conv2D(
        filters,
        kernel,
        stride,
        padding,
        use_bias=style.bias,
        name=name,
        **style.initialisers(filters),
    )(x)
    return _finish(x, style, name, relu)


def dense(x, style: Style, units: int, name: str):
    """A dense layer with the style's batch norm, and ReLU."""
    x = layers.Dense(units, use_bias=style.bias, name=name, **style.initialisers(units))(x)
    return _finish(x, style, name, relu=True)


def dropout(x, config: ModelConfig, rate: float, name: str):
    """Drops a share of `rate`, or what the configuration says instead."""
    rate = rate if config.dropout is None else config.dropout
    return layers.Dropout(rate, name=name)(x) if rate else x


def _finish(x, style: Style, name: str, relu: bool):
    if style.norm is Norm.BEFORE_RELU:
        x = _norm(x, style, name)
    if relu:
        x = layers.Activation("relu", name=f"{name}_relu")(x)
    if style.norm is Norm.AFTER_RELU:
        x = _norm(x, style, name)
    return x


def _norm(x, style: Style, name: str):
    return layers.BatchNormalization(momentum=0.9, epsilon=style.epsilon, name=f"{name}_norm")(x)
