"""ResNet v1 (He et al. 2015), and a small one for small pictures.

Stride lies in the first convolution of a block, projection shortcuts where the shape changes,
batch norm after every convolution. The released code's convolutions have biases as well, and
its basic block is 3x3, 1x1 where He et al. have 3x3, 3x3.
"""

import functools

import keras
from keras import layers

from camtrap_tf.core.config import ModelConfig, Variant
from camtrap_tf.networks.architectures.layers import (
    NORMED,
    RELEASED_RESNET,
    Style,
    conv,
    of_variant,
)

# depth -> block, number of blocks in each of the four stages (He et al., Table 1).
TABLE = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}
_STAGES = (64, 128, 256, 512)
# block -> (kernel, multiple of the stage's filters) of each of its convolutions.
_BLOCKS = {
    "basic": ((3, 1), (3, 1)),
    "released basic": ((3, 1), (1, 1)),
    "bottleneck": ((1, 1), (3, 1), (1, 4)),
}
# variant -> style of the layers, how its blocks are called.
_VARIANTS = {Variant.STANDARD: (NORMED, ""), Variant.RELEASED_CODE: (RELEASED_RESNET, "released ")}


def resnet(depth: int, image: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """Features `[batch, 512 or 2048]` of a ResNet of the given depth."""
    style, prefix = of_variant(_VARIANTS, config)
    block, repeats = TABLE[depth]
    plan = _BLOCKS.get(prefix + block, _BLOCKS[block])
    x = conv(image, style, 64, 7, 2, "stem")
    x = layers.MaxPooling2D(3, 2, "same", name="stem_pool")(x)
    for stage, (filters, count) in enumerate(zip(_STAGES, repeats, strict=True), start=1):
        for index in range(count):
            stride = 2 if index == 0 and stage > 1 else 1
            x = _block(x, style, filters, stride, plan, f"stage{stage}_block{index + 1}")
    return layers.GlobalAveragePooling2D(name="features")(x)


def small(image: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """A ResNet with a quarter of the width and one block a stage; for demos and small data."""
    style = of_variant({Variant.STANDARD: NORMED}, config)
    x = conv(image, style, 16, 5, 2, "stem")
    for stage, filters in enumerate((16, 32, 64, 128), start=1):
        stride = 1 if stage == 1 else 2
        x = _block(x, style, filters, stride, _BLOCKS["basic"], f"stage{stage}_block1")
    return layers.GlobalAveragePooling2D(name="features")(x)


def _block(x, style: Style, filters: int, stride: int, plan: tuple, name: str):
    """A residual block."""
    shortcut, out = x, filters * plan[-1][1]
    if stride != 1 or x.shape[-1] != out:
        shortcut = conv(x, style, out, 1, stride, f"{name}_shortcut", relu=False)
    for index, (kernel, multiple) in enumerate(plan):
        step, last = (stride if index == 0 else 1), index == len(plan) - 1
        part = f"{name}_{'abc'[index]}"
        x = conv(x, style, filters * multiple, kernel, step, part, relu=not last)
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.Activation("relu", name=f"{name}_relu")(x)


TRUNKS = {f"resnet{depth}": functools.partial(resnet, depth) for depth in TABLE} | {"small": small}
