"""The network of MegadetectorLite: YOLOX-tiny (Ge et al. 2021), for pictures of any size.

A backbone (CSPDarknet) gives features at strides 8, 16 and 32, a neck (PAFPN) mixes them from
coarse to fine and back, and a head answers at every position of each. Layers have the names of
the published file. Where a convolution halves the sides, PyTorch pads both of them alike, and
Keras' 'same' does not.
"""

import keras
from keras import layers

from camtrap_tf.core import cache
from camtrap_tf.networks.pretrained import weights
from camtrap_tf.networks.pretrained.assignment import assign

NAME = cache.DETECTOR
ANSWERS = 6  # dx, dy, log width, log height, whether there is something, whether it is of the class
# Stage -> channels, blocks.
_STAGES = {"dark2": (48, 1), "dark3": (96, 3), "dark4": (192, 3), "dark5": (384, 1)}
_POOLS = (5, 9, 13)
_WIDTH = 96  # of the head
_EPSILON, _MOMENTUM = 1e-3, 0.97
_BACKBONE, _NECK, _HEAD = "backbone.backbone", "backbone", "head"


def load_network() -> keras.Model:
    """The network with its published weights.

    Returns:
        `[batch, rows, columns, 3]` RGB pixels 0-255 (uint8 or float32), sides multiples of 32 ->
        `[batch, positions, 6]` float32, as `build` says.

    Raises:
        InputError: the weights are not on this computer; the message has the command.
    """
    model = build()
    assign(model, weights.load(NAME), lambda layer: layer)
    return model


def build() -> keras.Model:
    """The network with random weights.

    Its answers are raw: at each position of the grids at strides 8, 16 and 32, row by row and the
    finest grid first, dx, dy, log width and log height in strides, and two logits.
    """
    image = keras.Input((None, None, 3), name="image")
    coarse_to_fine = _neck(*_backbone(image))
    answers = [_answers(level, x) for level, x in enumerate(coarse_to_fine)]
    return keras.Model(image, layers.Concatenate(1, name="answers")(answers), name=NAME)


def _backbone(image) -> tuple:
    """Features at strides 8, 16 and 32: 96, 192 and 384 channels."""
    # Every second row and column: the four parities side by side.
    parities = [image[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
    x = layers.Concatenate(name="focus")(parities)
    x = _conv(x, 24, 3, f"{_BACKBONE}.stem.conv")
    levels = []
    for stage, (channels, blocks) in _STAGES.items():
        name = f"{_BACKBONE}.{stage}"
        x = _conv(x, channels, 3, f"{name}.0", stride=2)
        last = stage == "dark5"
        if last:
            x = _pyramid_pooling(x, channels, f"{name}.1")
        x = _split(x, channels, blocks, f"{name}.{2 if last else 1}", shortcut=not last)
        levels.append(x)
    return tuple(levels[1:])


def _neck(fine, middle, coarse) -> tuple:
    """The three levels mixed: 96, 192 and 384 channels at strides 8, 16 and 32."""
    lateral = _conv(coarse, 192, 1, f"{_NECK}.lateral_conv0")
    middle = _joined(_doubled(lateral, "up0"), middle, 192, f"{_NECK}.C3_p4")
    reduced = _conv(middle, 96, 1, f"{_NECK}.reduce_conv1")
    fine = _joined(_doubled(reduced, "up1"), fine, 96, f"{_NECK}.C3_p3")
    down = _conv(fine, 96, 3, f"{_NECK}.bu_conv2", stride=2)
    middle = _joined(down, reduced, 192, f"{_NECK}.C3_n3")
    down = _conv(middle, 192, 3, f"{_NECK}.bu_conv1", stride=2)
    return fine, middle, _joined(down, lateral, 384, f"{_NECK}.C3_n4")


def _answers(level: int, x):
    """`[batch, positions, 6]` of one level."""
    x = _conv(x, _WIDTH, 1, f"{_HEAD}.stems.{level}")
    classes = boxes = x
    for index in (0, 1):
        classes = _conv(classes, _WIDTH, 3, f"{_HEAD}.cls_convs.{level}.{index}")
        boxes = _conv(boxes, _WIDTH, 3, f"{_HEAD}.reg_convs.{level}.{index}")
    found = [
        layers.Conv2D(width, 1, name=f"{_HEAD}.{part}_preds.{level}")(features)
        for part, width, features in (("reg", 4, boxes), ("obj", 1, boxes), ("cls", 1, classes))
    ]
    joined = layers.Concatenate(name=f"answers{level}")(found)
    return layers.Reshape((-1, ANSWERS), name=f"positions{level}")(joined)


def _split(x, channels: int, blocks: int, name: str, shortcut: bool):
    """Half of the channels go through residual blocks, half pass by (CSP)."""
    through = _conv(x, channels // 2, 1, f"{name}.conv1")
    past = _conv(x, channels // 2, 1, f"{name}.conv2")
    for index in range(blocks):
        y = _conv(through, channels // 2, 1, f"{name}.m.{index}.conv1")
        y = _conv(y, channels // 2, 3, f"{name}.m.{index}.conv2")
        through = layers.Add(name=f"{name}.m.{index}.add")([y, through]) if shortcut else y
    joined = layers.Concatenate(name=f"{name}.cat")([through, past])
    return _conv(joined, channels, 1, f"{name}.conv3")


def _joined(new, old, channels: int, name: str):
    joined = layers.Concatenate(name=f"{name}.in")([new, old])
    return _split(joined, channels, 1, name, shortcut=False)


def _pyramid_pooling(x, channels: int, name: str):
    """The largest value near each position, near meaning several things (SPP)."""
    x = _conv(x, channels // 2, 1, f"{name}.conv1")
    pooled = [layers.MaxPooling2D(k, 1, "same", name=f"{name}.pool{k}")(x) for k in _POOLS]
    joined = layers.Concatenate(name=f"{name}.cat")([x, *pooled])
    return _conv(joined, channels, 1, f"{name}.conv2")


def _doubled(x, name: str):
    return layers.UpSampling2D(2, name=f"{_NECK}.{name}")(x)


def _conv(x, filters: int, kernel: int, name: str, stride: int = 1):
    """A convolution with batch norm and SiLU."""
    padding = "same"
    if stride > 1:
        x, padding = layers.ZeroPadding2D(kernel // 2, name=f"{name}.pad")(x), "valid"
    x = layers.Conv2D(filters, kernel, stride, padding, use_bias=False, name=f"{name}.conv")(x)
    x = layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=f"{name}.bn")(x)
    return layers.Activation("silu", name=f"{name}.silu")(x)
