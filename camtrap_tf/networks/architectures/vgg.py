"""VGG (Simonyan and Zisserman 2015), configurations A, B, D and E of their Table 1.

Table 1 of the camera-trap paper gives VGG 22 layers. No configuration has 22 layers of weights.
Counted with its five pools and the softmax, configuration D has 13 + 3 + 5 + 1 = 22, and the
others 17, 19 and 25; so `vgg16` stands for the paper's VGG. The released code's default is
configuration A, `vgg11`, with batch norm: after every layer in its `phase2`, after the ReLUs of
the two dense layers only in its `phase1` and `phase2_recognition_only`.
"""

import dataclasses
import functools

import keras
from keras import layers

from camtrap_tf.core.config import ModelConfig, Variant
from camtrap_tf.networks.architectures.layers import (
    PLAIN,
    RELEASED,
    Norm,
    conv,
    dense,
    dropout,
    of_variant,
)

# Layers of weights -> filters of the 3x3 convolutions; "M" is a 2x2 max pool.
TABLE = {
    11: (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    13: (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    16: (64, 64, "M", 128, 128, "M", *(256,) * 3, "M", *(512,) * 3, "M", *(512,) * 3, "M"),
    19: (64, 64, "M", 128, 128, "M", *(256,) * 4, "M", *(512,) * 4, "M", *(512,) * 4, "M"),
}
# variant -> style of convolutions, style of dense layers, dense layers that dropout follows.
_VARIANTS = {
    Variant.STANDARD: (PLAIN, PLAIN, ("fc1", "fc2")),
    Variant.RELEASED_CODE: (RELEASED, RELEASED, ("fc1",)),
    Variant.RELEASED_CODE_STAGE1: (
        dataclasses.replace(RELEASED, norm=Norm.NONE),
        dataclasses.replace(RELEASED, norm=Norm.AFTER_RELU),
        ("fc1", "fc2"),
    ),
}


def vgg(depth: int, image: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """Features `[batch, 4096]` of the configuration with `depth` layers of weights."""
    conv_style, dense_style, dropped = of_variant(_VARIANTS, config)
    x = image
    for index, filters in enumerate(TABLE[depth]):
        if filters == "M":
            x = layers.MaxPooling2D(2, 2, "same", name=f"pool{index}")(x)
        else:
            x = conv(x, conv_style, filters, 3, 1, f"conv{index}")
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = dense(x, dense_style, 4096, name)
        if name in dropped:
            x = dropout(x, config, 0.5, f"{name}_dropout")
    return x


TRUNKS = {f"vgg{depth}": functools.partial(vgg, depth) for depth in TABLE}
