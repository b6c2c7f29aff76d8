"""Random changes of training pictures, keyed on a seed.

Three steps, each where it costs least: `window` says which part of a picture to decode, `vary`
applies RandAugment to one decoded picture, `jitter` mirrors, scales and shifts a whole batch.
All are pure functions of a picture's `draws`. Pictures may be stacks of frames,
`[height, width, 3 frames]`: all of a stack's channels change alike in shape and place, and each
frame's colours as if it stood alone. Channels beyond a multiple of three are no colours (the
difference to an event's median frame): they change in shape and place alone.
"""

import functools
import math

import tensorflow as tf

from camtrap_tf import images
from camtrap_tf.config import AugmentConfig, InputSpec

_PLAIN = 5  # draws for place (2), mirror, brightness and contrast; RandAugment's follow


def draws(config: AugmentConfig, seed: tf.Tensor) -> tf.Tensor:
    """What decides the changes of one picture: [k] float32 in [0, 1).

    Args:
        config: what to change.
        seed: [2] int, such as (run seed and epoch, index of the picture).
    """
    return tf.random.stateless_uniform([_PLAIN + 2 * config.operations], seed)


def window(drawn: tf.Tensor, size: tf.Tensor, crop: int, config: AugmentConfig) -> tf.Tensor:
    """The part of a picture to keep: [4] int32, top, left, height, width.

    Args:
        drawn: of the picture.
        size: [2] int32, its height and width.
        crop: height and width of the part.
        config: whether it lies at random or in the middle.
    """
    room = size - crop
    corner = room // 2
    if config.random_crop:
        corner = tf.cast(drawn[:2] * tf.cast(room + 1, tf.float32), tf.int32)
    return tf.concat([corner, [crop, crop]], 0)


def vary(pixels: tf.Tensor, drawn: tf.Tensor, config: AugmentConfig) -> tf.Tensor:
    """Applies `config.operations` of `OPERATIONS` to one picture, drawn with their strengths.

    Shapes come first, all as one, so that pixels are moved once; then colours in the order
    drawn. As with RandAugment's authors the result of each is a picture again.

    Args:
        pixels: [height, width, channels] uint8.
        drawn: of the picture.
        config: how many operations, how strong.

    Returns:
        As `pixels`.
    """
    if not config.operations:
        return pixels
    chosen = tf.cast(drawn[_PLAIN::2] * len(OPERATIONS), tf.int32)
    strengths = config.magnitude * (2.0 * drawn[_PLAIN + 1 :: 2] - 1.0)
    pixels = _reshaped(pixels, chosen, strengths)
    frames, rest = pixels[..., : _colours(pixels)], pixels[..., _colours(pixels) :]
    for slot in range(config.operations):
        frames = _recoloured(frames, chosen[slot], strengths[slot])
    return tf.concat([frames, rest], axis=-1) if rest.shape[-1] else frames


def jitter(pixels: tf.Tensor, drawn: tf.Tensor, config: AugmentConfig) -> tf.Tensor:
    """Mirrors, scales contrast and shifts brightness; values are never clipped.

    Args:
        pixels: [n, height, width, channels] uint8.
        drawn: [n, k], of the pictures.
        config: what to change and how much.

    Returns:
        As `pixels`, float32 on the scale 0-255, possibly beyond.
    """
    low, high = config.contrast
    factor = (low + drawn[:, 4] * (high - low))[:, None]
    shift = ((2.0 * drawn[:, 3] - 1.0) * config.brightness)[:, None]
    frames = pixels[..., : _colours(pixels)]
    offset = channel_means(frames) * (1.0 - factor) + shift
    rest = [[0, 0], [0, pixels.shape[-1] % 3]]
    offset = tf.pad(offset, rest)
    factor = tf.pad(tf.repeat(factor, frames.shape[-1], axis=1), rest, constant_values=1.0)
    if config.flip:
        mirrored = (drawn[:, 2] < 0.5)[:, None, None, None]
        pixels = tf.where(mirrored, tf.reverse(pixels, [2]), pixels)
    return tf.cast(pixels, tf.float32) * factor[:, None, None] + offset[:, None, None]


@functools.cache
def finish(config: AugmentConfig, spec: InputSpec):
    """The last step of training input, compiled: `jitter`, then normalisation, in one pass.

    Returns:
        A function of ([n, crop, crop, 3] uint8, draws [n, k]) to [n, crop, crop, 3] float32.
    """
    return _compiled(lambda pixels, drawn: images.normalise(jitter(pixels, drawn, config), spec))


def augment(pixels: tf.Tensor, crop: int, config: AugmentConfig, seed: tf.Tensor) -> tf.Tensor:
    """All changes of one decoded picture, step by step, as the input pipeline makes them.

    Args:
        pixels: [size, size, channels] uint8.
        crop: height and width of the result.
        config: what to change and how much.
        seed: see `draws`.

    Returns:
        [crop, crop, channels] float32 on the scale 0-255, possibly beyond.
    """
    drawn = draws(config, seed)
    top, left, _, _ = tf.unstack(window(drawn, tf.shape(pixels)[:2], crop, config))
    pixels = vary(images.cut(pixels, top, left, crop), drawn, config)
    return jitter(pixels[None], drawn[None], config)[0]


def channel_means(pixels: tf.Tensor) -> tf.Tensor:
    """[n, height, width, channels] uint8 -> [n, channels] float32; the sums are exact."""
    count, height, width, channels = pixels.shape
    # Rows are added up in long strips: processors add 5,000 neighbours at a time faster than 3.
    strip = math.gcd(height, 8)
    strips = tf.reshape(pixels, (count, height // strip, strip * width * channels))
    sums = tf.reduce_sum(tf.cast(strips, tf.int32), axis=1)
    sums = tf.reduce_sum(tf.reshape(sums, (count, strip * width, channels)), axis=1)
    return tf.cast(sums, tf.float32) / (height * width)


def _colours(pixels: tf.Tensor) -> int:
    """How many channels are colours of pictures."""
    return pixels.shape[-1] - pixels.shape[-1] % 3


def _compiled(function):
    return tf.function(function, jit_compile=True, autograph=False)


def _reshaped(pixels: tf.Tensor, chosen: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """The picture under all shape operations among those chosen."""
    matrix = tf.eye(2)
    for slot in range(chosen.shape[0]):
        matrices = [shape(strengths[slot]) for shape in SHAPES.values()]
        own = tf.stack([*matrices, tf.eye(2)])[tf.minimum(chosen[slot], len(SHAPES))]
        matrix = tf.linalg.matmul(matrix, own)
    return tf.cond(
        tf.reduce_any(chosen < len(SHAPES)), lambda: _warp(pixels, matrix), lambda: pixels
    )


def _recoloured(pixels: tf.Tensor, chosen: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
    """The picture under one colour operation, or itself where a shape operation was chosen."""
    branches = [lambda: pixels]
    branches += [
        lambda operation=operation: operation(pixels, strength) for operation in COLOURS.values()
    ]
    return tf.switch_case(tf.maximum(chosen - len(SHAPES) + 1, 0), branches)


def _rotate(strength):
    angle = strength * 0.6  # radians: 34 degrees
    return _matrix(tf.cos(angle), -tf.sin(angle), tf.sin(angle), tf.cos(angle))


def _zoom(strength):
    factor = 1.0 + 0.4 * strength
    return _matrix(factor, 0.0, 0.0, factor)


def _shear_x(strength):
    return _matrix(1.0, 0.4 * strength, 0.0, 1.0)


def _shear_y(strength):
    return _matrix(1.0, 0.0, 0.4 * strength, 1.0)


def _matrix(a, b, c, d) -> tf.Tensor:
    """Row y, column x of the result is read at [[a, b], [c, d]] (x, y), about the centre."""
    return tf.reshape(tf.stack([tf.cast(value, tf.float32) for value in (a, b, c, d)]), (2, 2))


@_compiled
def _saturate(pixels, strength):
    frames = tf.cast(tf.reshape(pixels, (*pixels.shape[:2], -1, 3)), tf.float32)
    grey = (frames[..., :1] + frames[..., 1:2] + frames[..., 2:]) / 3.0
    return _as_picture(tf.reshape(grey + (frames - grey) * (1.0 + strength), pixels.shape))


@_compiled
def _tint(pixels, strength):
    tint = tf.tile(tf.constant([40.0, 0.0, -40.0]), [pixels.shape[-1] // 3])
    return _as_picture(tf.cast(pixels, tf.float32) + strength * tint)


@_compiled
def _contrast(pixels, strength):
    means = channel_means(pixels[None])[0]
    return _as_picture(means + (tf.cast(pixels, tf.float32) - means) * tf.exp(strength))


@_compiled
def _solarise(pixels, strength):
    values, threshold = tf.cast(pixels, tf.float32), 256.0 * (1.0 - tf.abs(strength))
    return _as_picture(tf.where(values < threshold, values, 255.0 - values))


def _gamma(pixels, strength):
    # Powers cost more than looking up; compiled as one, each pixel would have a power of its own.
    levels = tf.range(256, dtype=tf.float32)
    return _look_up(pixels, _as_picture(255.0 * (levels / 255.0) ** tf.exp(strength)))


@_compiled
def _look_up(pixels, table):
    return tf.gather(table, tf.cast(pixels, tf.int32))


@_compiled
def _cover(pixels, strength):
    """Greys a square, up to half as wide as the picture, at a place that depends on strength."""
    size = pixels.shape[0]
    side = tf.abs(strength) * 0.5 * size
    place = tf.math.floormod(strength * tf.constant([7919.0, 104729.0]), 1.0) * (size - side)
    steps = tf.range(size, dtype=tf.float32)
    rows = (steps >= place[0]) & (steps < place[0] + side)
    columns = (steps >= place[1]) & (steps < place[1] + side)
    return tf.where((rows[:, None] & columns[None])[..., None], tf.constant(127, tf.uint8), pixels)


# What RandAugment draws from, each with a strength in [-1, 1] where 0 changes nothing: matrices
# of `_matrix`, then functions of a picture [height, width, channels] uint8.
SHAPES = {"rotate": _rotate, "zoom": _zoom, "shear_x": _shear_x, "shear_y": _shear_y}
COLOURS = {
    "saturate": _saturate,
    "gamma": _gamma,
    "tint": _tint,
    "contrast": _contrast,
    "solarise": _solarise,
    "cover": _cover,
}
OPERATIONS = (*SHAPES, *COLOURS)


@_compiled
def _warp(pixels: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Moves a picture's pixels about its centre, as `_matrix` says; the outside is mirrored.

    Each pixel is the nearest one of the picture: interpolating took four times as long.
    """
    height, width, channels = pixels.shape
    down, right = tf.meshgrid(_centred(height), _centred(width), indexing="ij")
    x = tf.round(matrix[0, 0] * right + matrix[0, 1] * down + (width - 1) / 2)
    y = tf.round(matrix[1, 0] * right + matrix[1, 1] * down + (height - 1) / 2)
    top, left = (tf.cast(part, tf.int32) for part in (_mirrored(y, height), _mirrored(x, width)))
    return tf.gather(tf.reshape(pixels, (height * width, channels)), top * width + left)


def _centred(length: int) -> tf.Tensor:
    return tf.range(length, dtype=tf.float32) - (length - 1) / 2


def _mirrored(place: tf.Tensor, length: int) -> tf.Tensor:
    """Places beyond an edge, mirrored at it; for shifts shorter than the picture."""
    place = tf.where(place < 0, -1 - place, place)
    place = tf.where(place >= length, 2 * length - 1 - place, place)
    return tf.clip_by_value(place, 0.0, length - 1.0)


def _as_picture(values: tf.Tensor) -> tf.Tensor:
    """Rounded and clipped to uint8."""
    return tf.cast(tf.clip_by_value(values + 0.5, 0.0, 255.0), tf.uint8)
