"""The backbones of `keras.applications`, for transfer from ImageNet.

Their weights come from a local file (`model.weights`, one of the `_notop` files that Keras
publishes) or, with `model.weights=imagenet`, from Keras' own cache, into which Keras downloads
them. They were trained on pixels scaled in one of several ways. Our input is standardised with
ImageNet's mean and deviation (`Normalisation.IMAGENET`); a
fixed scaling in front of the backbone turns that into what its weights know. Without weights
the input goes in as it is, under any normalisation. The weights know three channels: what a
fourth one holds (the difference to the event's median frame) counts nothing at first, and is
learnt.
"""

import dataclasses
import functools
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from camtrap_tf.core.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    IMAGENET_WEIGHTS,
    ModelConfig,
    Variant,
)
from camtrap_tf.core.errors import InputError
from camtrap_tf.networks.architectures.layers import of_variant


@dataclasses.dataclass(frozen=True)
class Scaling:
    """What a backbone's weights know: `(pixel - subtract) / divide`, per channel in RGB order.

    Args:
        subtract, divide: on the scale 0-255.
        bgr: channels come in reverse order.
        always: also without weights, since the backbone scales its input again.
    """

    subtract: tuple[float, ...] = IMAGENET_MEAN
    divide: tuple[float, ...] = IMAGENET_STD
    bgr: bool = False
    always: bool = False


STANDARDISED = Scaling()
SYMMETRIC = Scaling((127.5,) * 3, (127.5,) * 3)
SYMMETRIC_128 = Scaling((128.0,) * 3, (128.0,) * 3)
CAFFE = Scaling((123.68, 116.779, 103.939), (1.0,) * 3, bgr=True)
# EfficientNet (version 1) divides by 255 and standardises inside, with the square root of the
# deviation in place of the deviation; Keras mends that only for weights it downloads itself.
# pixel = 255 * (z * sqrt(deviation / 255) + mean / 255) for a standardised z.
INSIDE = Scaling(
    tuple(m - m * (s / 255) ** 0.5 for m, s in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)),
    tuple((s / 255) ** 0.5 for s in IMAGENET_STD),
    always=True,
)

BACKBONES = {
    STANDARDISED: (
        "ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge "
        "DenseNet121 DenseNet169 DenseNet201 "
        "EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3"
    ),
    SYMMETRIC: (
        "MobileNet MobileNetV2 MobileNetV3Small MobileNetV3Large InceptionV3 InceptionResNetV2 "
        "NASNetMobile NASNetLarge ResNet50V2 ResNet101V2 ResNet152V2 Xception"
    ),
    SYMMETRIC_128: "EfficientNetV2S EfficientNetV2M EfficientNetV2L",
    CAFFE: "ResNet50 ResNet101 ResNet152 VGG16 VGG19",
    INSIDE: " ".join(f"EfficientNetB{size}" for size in range(8)),
}
SCALINGS = {name: scaling for scaling, names in BACKBONES.items() for name in names.split()}
# Families that scale pixels inside unless told not to.
_SWITCHED_OFF = ("ConvNeXt", "EfficientNetV2", "MobileNetV3")


# Of batch norm's running averages, as in our own networks. Keras' MobileNetV3 has 0.999: after
# a small data set's few hundred steps those are still the initial values, and the network, good
# in training, answers at random.
MOMENTUM = 0.9
SCALING_LAYER = "scaling"


def backbone(
    name: str, image: keras.KerasTensor, config: ModelConfig, **options: Any
) -> keras.KerasTensor:
    """Features `[batch, channels]` of a backbone of `keras.applications`, made with `options`.

    Raises:
        InputError: no such weight file, or one that does not fit the backbone.
    """
    of_variant({Variant.STANDARD: None}, config)
    _check_weights(config)
    scaling = SCALINGS[name]
    x = scaled(image, scaling) if config.weights or scaling.always else image
    if name.startswith(_SWITCHED_OFF):
        options |= {"include_preprocessing": False}
    make = functools.partial(_made, getattr(keras.applications, name), options)
    network = make(tuple(image.shape[1:]))
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = min(layer.momentum, MOMENTUM)
    if config.weights:
        _load(network, config.weights, make)
    return network(x)


def _made(
    function: Callable[..., keras.Model], options: dict, shape: tuple, weights: str | None = None
) -> keras.Model:
    """A backbone for inputs [height, width, channels]."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This model usually expects 1 or 3 input channels")
        warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square")
        return function(
            include_top=False, weights=weights, pooling="avg", input_shape=shape, **options
        )


def scaled(image: keras.KerasTensor, scaling: Scaling) -> keras.KerasTensor:
    """From pixels standardised with ImageNet's mean and deviation to another scaling.

    A fourth channel is no colour and reaches the first convolution as it is.
    """
    if scaling == STANDARDISED:
        return image
    channels = zip(IMAGENET_MEAN, IMAGENET_STD, scaling.subtract, scaling.divide, strict=True)
    factors = [(std / divide, (mean - minus) / divide) for mean, std, minus, divide in channels]
    frames, rest = divmod(image.shape[-1], 3)
    # Backbones that scale their input again divide it by 255.
    factors = factors * frames + [(255.0 if scaling.always else 1.0, 0.0)] * rest
    scale, offset = ([pair[i] for pair in factors] for i in (0, 1))
    x = layers.Rescaling(scale, offset, name=SCALING_LAYER)(image)
    return ops.take(x, [2, 1, 0, *range(3, image.shape[-1])], axis=-1) if scaling.bgr else x


def _check_weights(config: ModelConfig) -> None:
    source = config.weights
    if source and source != IMAGENET_WEIGHTS and not pathlib.Path(source).is_file():
        raise InputError(
            f"model.weights of {config.architecture} is '{IMAGENET_WEIGHTS}' or a local file",
            source,
            f"With '{IMAGENET_WEIGHTS}' Keras downloads the backbone's '_notop' weights, once.",
        )


def _load(network: keras.Model, path: str, make: Callable[..., keras.Model]) -> None:
    """Gives a backbone the weights of a file; of more channels by way of one of three."""
    _, height, width, channels = network.input_shape
    if path == IMAGENET_WEIGHTS:
        _widen(_published(functools.partial(make, (height, width, 3))), network)
        return
    known = network if channels == 3 else make((height, width, 3))
    try:
        known.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise InputError(
            f"model.weights is a file of weights of {network.name} without its top",
            path,
            f"Keras says: {' '.join(str(error).split())[:300]}",
        ) from error
    if known is not network:
        _widen(known, network)


def _published(make: Callable[..., keras.Model]) -> keras.Model:
    """A backbone with the ImageNet weights in Keras' cache, into which Keras downloads them."""
    try:
        return make(weights=IMAGENET_WEIGHTS)
    except Exception as error:  # Keras' downloader raises nothing narrower
        raise InputError(
            "Keras has the backbone's ImageNet weights, or downloads them",
            " ".join(str(error).split())[:300],
            "Check the network; or fetch the '_notop' file elsewhere and give its path as "
            "model.weights.",
        ) from error


def _widen(source: keras.Model, target: keras.Model) -> None:
    """Copies all weights; channels that only the target knows count nothing and stay as they are.

    Those are zeros in the first kernel, and mean 0 and variance 1 where the input is standardised.
    """
    for given, wanted in zip(source.weights, target.weights, strict=True):
        value = ops.convert_to_numpy(given)
        if given.shape != wanted.shape:
            more = [(0, new - old) for old, new in zip(given.shape, wanted.shape, strict=True)]
            value = np.pad(value, more, constant_values=float(given.name == "variance"))
        wanted.assign(value)
    settle(target)


def settle(model: keras.Model) -> None:
    """To be called after weights were assigned: Keras' `Normalization` computes with a copy."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            settle(layer)
        elif isinstance(layer, layers.Normalization):
            layer.finalize_state()


TRUNKS = {name: functools.partial(backbone, name) for name in SCALINGS}
# MobileNetV3 without what loses accuracy and time in whole numbers: ReLU in place of hard-swish,
# no squeeze-and-excitation, 3x3 kernels (Howard et al. 2019, "minimalistic").
EDGE = {"edge": functools.partial(backbone, "MobileNetV3Small", minimalistic=True)}
