"""Network in Network (Lin et al. 2014), the ImageNet network of four blocks.

The published network ends in a 1x1 convolution with one map per class, averaged over positions.
Averaging first and one linear layer per head after is the same function, and serves several
heads; the trunk therefore ends with the average. The released code keeps a third convolution of
1024 maps in the last block, and replaces the global average by a 7x7 one of stride 1 with
padding, so that its heads see every position.
"""

import keras
from keras import layers

from camtrap_tf.core.config import ModelConfig, Variant
from camtrap_tf.networks.architectures.layers import PLAIN, RELEASED, conv, dropout, of_variant

# filters, kernel, stride of each block's first convolution; 1x1 convolutions follow it.
_BLOCKS = ((96, 11, 4), (256, 5, 1), (384, 3, 1), (1024, 3, 1))
# variant -> style, 1x1 convolutions of the last block, padding of the first convolution, dropout.
_VARIANTS = {
    Variant.STANDARD: (PLAIN, 1, "valid", 0.5),
    Variant.RELEASED_CODE: (RELEASED, 2, "same", 0.0),
}


def nin(image: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """Features: `[batch, 1024]`, in the released code `[batch, positions * 1024]`."""
    style, last_ones, padding, rate = of_variant(_VARIANTS, config)
    x = image
    for block, (filters, kernel, stride) in enumerate(_BLOCKS, start=1):
        pad = padding if block == 1 else "same"
        x = conv(x, style, filters, kernel, stride, f"block{block}_conv1", pad)
        for index in range(2 if block < 4 else last_ones):
            x = conv(x, style, filters, 1, 1, f"block{block}_conv{index + 2}")
        if block < 4:
            x = layers.MaxPooling2D(3, 2, "same", name=f"block{block}_pool")(x)
        if block == 3 and rate:
            x = dropout(x, config, rate, "dropout")
    if config.variant is Variant.STANDARD:
        return layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.AveragePooling2D(7, 1, "same", name="average")(x)
    return layers.Flatten(name="features")(x)


TRUNKS = {"nin": nin}
