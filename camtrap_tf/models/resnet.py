"""ResNet v1 (He et al. 2015), and a small one for small pictures.

Stride lies in the first convolution of a block, projection shortcuts where the shape changes,
batch norm after every convolution, which then needs no bias.
"""

import functools

import keras
from keras import layers

# depth -> block, number of blocks in each of the four stages (He et al., Table 1).
TABLE = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}
_STAGES = (64, 128, 256, 512)


def resnet(depth: int, image: keras.KerasTensor) -> keras.KerasTensor:
    """Features `[batch, 512 or 2048]` of a ResNet of the given depth."""
    block, repeats = TABLE[depth]
    x = _conv_norm(image, 64, 7, 2, "stem")
    x = layers.Activation("relu", name="stem_relu")(x)
    x = layers.MaxPooling2D(3, 2, "same", name="stem_pool")(x)
    for stage, (filters, count) in enumerate(zip(_STAGES, repeats, strict=True), start=1):
        for index in range(count):
            stride = 2 if index == 0 and stage > 1 else 1
            x = _block(x, filters, stride, block, f"stage{stage}_block{index + 1}")
    return layers.GlobalAveragePooling2D(name="features")(x)


def small(image: keras.KerasTensor) -> keras.KerasTensor:
    """A ResNet with a quarter of the width and one block a stage; for demos and small data."""
    x = _conv_norm(image, 16, 5, 2, "stem")
    x = layers.Activation("relu", name="stem_relu")(x)
    for stage, filters in enumerate((16, 32, 64, 128), start=1):
        x = _block(x, filters, 1 if stage == 1 else 2, "basic", f"stage{stage}_block1")
    return layers.GlobalAveragePooling2D(name="features")(x)


def _block(x, filters: int, stride: int, kind: str, name: str):
    """A residual block; `kind` is 'basic' (3x3, 3x3) or 'bottleneck' (1x1, 3x3, 1x1 times 4)."""
    shortcut = x
    if kind == "basic":
        plan = ((filters, 3, stride), (filters, 3, 1))
    else:
        plan = ((filters, 1, stride), (filters, 3, 1), (4 * filters, 1, 1))
    out = plan[-1][0]
    if stride != 1 or x.shape[-1] != out:
        shortcut = _conv_norm(x, out, 1, stride, f"{name}_shortcut")
    for index, (width, kernel, step) in enumerate(plan):
        x = _conv_norm(x, width, kernel, step, f"{name}_{'abc'[index]}")
        if index < len(plan) - 1:
            x = layers.Activation("relu", name=f"{name}_{'abc'[index]}_relu")(x)
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.Activation("relu", name=f"{name}_relu")(x)


def _conv_norm(x, filters: int, kernel: int, stride: int, name: str):
    x = layers.Conv2D(
        filters, kernel, stride, "same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)


TRUNKS = {f"resnet{depth}": functools.partial(resnet, depth) for depth in TABLE}
TRUNKS["small"] = small
