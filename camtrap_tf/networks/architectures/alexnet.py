"""AlexNet in its single-tower form (Krizhevsky 2014, "One weird trick").

Without local response normalisation, which brings nothing (Simonyan and Zisserman 2015, section
4.1). The released code pads everywhere, so its first dense layer sees 7x7 and not 6x6 positions
of a 224-pixel input, and has batch norm.
"""

import keras
from keras import layers

from camtrap_tf.core.config import ModelConfig, Variant
from camtrap_tf.networks.architectures.layers import (
    PLAIN,
    RELEASED,
    conv,
    dense,
    dropout,
    of_variant,
)

# filters, kernel, stride, whether a 3x3/2 max pool follows.
_CONVOLUTIONS = (
    (64, 11, 4, True),
    (192, 5, 1, True),
    (384, 3, 1, False),
    (256, 3, 1, False),
    (256, 3, 1, True),
)
# variant -> style, zeros around the picture, padding of the first convolution and of pools.
_VARIANTS = {
    Variant.STANDARD: (PLAIN, 2, "valid"),
    Variant.RELEASED_CODE: (RELEASED, 0, "same"),
}


def alexnet(image: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """Features `[batch, 4096]`; the standard variant takes inputs of 63 pixels or more."""
    style, border, padding = of_variant(_VARIANTS, config)
    x = layers.ZeroPadding2D(border, name="border")(image) if border else image
    for index, (filters, kernel, stride, pool) in enumerate(_CONVOLUTIONS, start=1):
        pad = padding if index == 1 else "same"
        x = conv(x, style, filters, kernel, stride, f"conv{index}", pad)
        if pool:
            x = layers.MaxPooling2D(3, 2, padding, name=f"pool{index}")(x)
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = dropout(x, config, 0.5, f"{name}_dropout")
        x = dense(x, style, 4096, name)
    return x


TRUNKS = {"alexnet": alexnet}
