"""GoogLeNet (Szegedy et al. 2015).

Without its auxiliary classifiers, which exist in training only: a network here has one output
of logits per head, and the authors put the classifiers' effect at 0.5%. Without local response
normalisation too (see `alexnet`). The released code has batch norm instead, and replaces the
global average by a 7x7 one of stride 1 with padding; its joining of main and auxiliary logits
into one output of twice the classes never ran for stage 2, and is left out.
"""

import keras
from keras import layers

from camtrap_tf.core.config import ModelConfig, Variant
from camtrap_tf.networks.architectures.layers import (
    PLAIN,
    RELEASED,
    Style,
    conv,
    dropout,
    of_variant,
)

# module -> 1x1; 3x3 reduce, 3x3; 5x5 reduce, 5x5; pool projection (their Table 1).
TABLE = {
    "inception3a": (64, (96, 128), (16, 32), 32),
    "inception3b": (128, (128, 192), (32, 96), 64),
    "inception4a": (192, (96, 208), (16, 48), 64),
    "inception4b": (160, (112, 224), (24, 64), 64),
    "inception4c": (128, (128, 256), (24, 64), 64),
    "inception4d": (112, (144, 288), (32, 64), 64),
    "inception4e": (256, (160, 320), (32, 128), 128),
    "inception5a": (256, (160, 320), (32, 128), 128),
    "inception5b": (384, (192, 384), (48, 128), 128),
}
_POOLED = ("inception3b", "inception4e")  # a 3x3/2 max pool follows
# variant -> style, share dropped before the heads.
_VARIANTS = {Variant.STANDARD: (PLAIN, 0.4), Variant.RELEASED_CODE: (RELEASED, 0.6)}


def googlenet(image: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """Features: `[batch, 1024]`, in the released code `[batch, positions * 1024]`."""
    style, rate = of_variant(_VARIANTS, config)
    x = conv(image, style, 64, 7, 2, "conv1")
    x = layers.MaxPooling2D(3, 2, "same", name="conv1_pool")(x)
    x = conv(x, style, 64, 1, 1, "conv2")
    x = conv(x, style, 192, 3, 1, "conv3")
    x = layers.MaxPooling2D(3, 2, "same", name="conv3_pool")(x)
    for name, widths in TABLE.items():
        x = _inception(x, style, widths, name)
        if name in _POOLED:
            x = layers.MaxPooling2D(3, 2, "same", name=f"{name}_out")(x)
    if config.variant is Variant.STANDARD:
        x = layers.GlobalAveragePooling2D(name="features")(x)
    else:
        x = layers.AveragePooling2D(7, 1, "same", name="average")(x)
        x = layers.Flatten(name="features")(x)
    return dropout(x, config, rate, "dropout")


def _inception(x, style: Style, widths: tuple, name: str):
    one, three, five, projection = widths
    branches = [conv(x, style, one, 1, 1, f"{name}_1x1")]
    for kernel, (reduced, filters) in ((3, three), (5, five)):
        y = conv(x, style, reduced, 1, 1, f"{name}_{kernel}x{kernel}_reduce")
        branches.append(conv(y, style, filters, kernel, 1, f"{name}_{kernel}x{kernel}"))
    pooled = layers.MaxPooling2D(3, 1, "same", name=f"{name}_pool")(x)
    branches.append(conv(pooled, style, projection, 1, 1, f"{name}_pool_proj"))
    return layers.Concatenate(name=name)(branches)


TRUNKS = {"googlenet": googlenet}
