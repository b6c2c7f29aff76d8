"""Random changes of training pictures, keyed on a seed.

`window` says which part of a picture to decode, `vary` applies RandAugment to what was decoded,
`jitter` mirrors, scales and shifts. The last two, and normalisation, are done to a whole batch in
one compiled function, `finish`. All are pure functions of a picture's `draws`. Pictures may be
stacks of frames, `[height, width, 3 frames]`: all of a stack's channels change alike in shape and
place, and each frame's colours as if it stood alone. Channels beyond a multiple of three are no
colours (the difference to an event's median frame): they change in shape and place alone.
"""

import functools
import math

import tensorflow as tf

from camtrap_tf.core.config import AugmentConfig, InputSpec, Normalisation
from camtrap_tf.pictures import graph

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
    # As a loop: one operation after the other would take ten times as long to compile.
    _, frames = tf.while_loop(
        lambda slot, _: slot < config.operations,
        lambda slot, frames: (
            slot + 1,
            _recoloured(frames, tf.gather(chosen, slot), tf.gather(strengths, slot)),
        ),
        (tf.constant(0), frames),
    )
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
    return _changed(_flipped(pixels, drawn, config), *_contrast_shift(pixels, drawn, config))


@functools.cache
def finish(config: AugmentConfig, spec: InputSpec):
    """The last step of training input, compiled: `vary`, `jitter` and normalisation.

    Pictures are varied one after another, since each needs only the operations drawn for it.
    Contrast, brightness and normalisation then are one scale and one shift of each channel.

    Returns:
        A function of ([n, crop, crop, channels] uint8, draws [n, k]) to the same shape, float32.
    """

    def last(pixels, drawn):
        if config.operations:
            pixels = tf.map_fn(
                lambda one: vary(one[0], one[1], config),
                (pixels, drawn),
                fn_output_signature=tf.uint8,
            )
        factor, offset = _contrast_shift(pixels, drawn, config)
        mean, std = _statistics(pixels, factor, offset, spec)
        pixels = _flipped(pixels, drawn, config)
        return _changed(pixels, factor / std, (offset - mean) / std)

    return tf.function(last, jit_compile=True, autograph=False)


def _contrast_shift(pixels, drawn, config: AugmentConfig) -> tuple[tf.Tensor, tf.Tensor]:
    """Contrast and brightness as factor and offset of every channel, each [n, channels]."""
    low, high = config.contrast
    factor = (low + drawn[:, 4] * (high - low))[:, None]
    shift = ((2.0 * drawn[:, 3] - 1.0) * config.brightness)[:, None]
    frames = pixels[..., : _colours(pixels)]
    offset = channel_moments(frames)[0] * (1.0 - factor) + shift
    rest = [[0, 0], [0, pixels.shape[-1] % 3]]
    factor = tf.repeat(factor, frames.shape[-1], axis=1)
    return tf.pad(factor, rest, constant_values=1.0), tf.pad(offset, rest)


def _flipped(pixels, drawn, config: AugmentConfig) -> tf.Tensor:
    if not config.flip:
        return pixels
    return tf.where((drawn[:, 2] < 0.5)[:, None, None, None], tf.reverse(pixels, [2]), pixels)


def _changed(pixels, factor, offset) -> tf.Tensor:
    return tf.cast(pixels, tf.float32) * factor[:, None, None] + offset[:, None, None]


def _statistics(pixels, factor, offset, spec: InputSpec) -> tuple:
    """Mean and deviation that `images.normalise` takes of `pixels * factor + offset`.

    Those of a changed picture follow from those of its channels, without looking at it again:
    the variance within the channels, scaled, and that between them.
    """
    if spec.normalisation is not Normalisation.IMAGE:
        return tuple(tf.constant(part) for part in graph.statistics(spec))
    _, height, width, channels = pixels.shape
    frames = _colours(pixels)
    means, variances = channel_moments(pixels[..., :frames])
    means = means * factor[:, :frames] + offset[:, :frames]
    mean = tf.reduce_mean(means, axis=1, keepdims=True)
    within = variances * factor[:, :frames] ** 2
    variance = tf.reduce_mean(within + (means - mean) ** 2, axis=1, keepdims=True)
    least = (height * width * frames) ** -0.5  # of a picture of one colour, as in TensorFlow
    std = tf.maximum(tf.sqrt(variance), least)
    mean, std = (tf.repeat(part, frames, axis=1) for part in (mean, std))
    rest = [[0, 0], [0, channels - frames]]
    return tf.pad(mean, rest), tf.pad(std, rest, constant_values=graph.DIFFERENCE_STD)


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
    pixels = vary(graph.cut(pixels, top, left, crop), drawn, config)
    return jitter(pixels[None], drawn[None], config)[0]


def channel_moments(pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Means and variances of channels: [n, height, width, channels] uint8 -> [n, channels] twice.

    They are made of whole numbers; only the result is rounded to float32.
    """
    _, height, width, _ = pixels.shape
    count, values = height * width, tf.cast(pixels, tf.int32)
    sums, squares = _sums(values), _sums(values * values)
    spread = tf.cast(count * squares - sums * sums, tf.float32)
    return tf.cast(sums, tf.float32) / count, spread / count**2


def _sums(values: tf.Tensor) -> tf.Tensor:
    """[n, height, width, channels] int32 -> [n, channels] int64."""
    _, height, width, channels = values.shape  # how many, replicas know when they are run
    # Rows are added up in long strips: processors add 5,000 neighbours at a time faster than 3.
    strip = math.gcd(height, 8)
    strips = tf.reshape(values, (-1, height // strip, strip * width * channels))
    sums = tf.reshape(tf.reduce_sum(strips, axis=1), (-1, strip * width, channels))
    return tf.reduce_sum(tf.cast(sums, tf.int64), axis=1)


def _colours(pixels: tf.Tensor) -> int:
    """How many channels are colours of pictures."""
    return pixels.shape[-1] - pixels.shape[-1] % 3


def _reshaped(pixels: tf.Tensor, chosen: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """The picture under all shape operations among those chosen."""
    matrix = tf.eye(2)
    for slot in range(chosen.shape[0]):
        matrices = [shape(strengths[slot]) for shape in SHAPES.values()]
        # [...] would make the place a constant to XLA, which then compiles for every other one.
        own = tf.gather(tf.stack([*matrices, tf.eye(2)]), tf.minimum(chosen[slot], len(SHAPES)))
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


def _saturate(pixels, strength):
    # Every colour is pushed away from the mean of the three.
    mix = tf.eye(3) * (1.0 + strength) - tf.fill((3, 3), strength / 3.0)
    frames = tf.reshape(tf.cast(pixels, tf.float32), (-1, 3))
    return _as_picture(tf.reshape(tf.linalg.matmul(frames, mix), pixels.shape))


def _tint(pixels, strength):
    tint = tf.tile(tf.constant([40.0, 0.0, -40.0]), [pixels.shape[-1] // 3])
    return _as_picture(tf.cast(pixels, tf.float32) + strength * tint)


def _contrast(pixels, strength):
    means = channel_moments(pixels[None])[0][0]
    return _as_picture(means + (tf.cast(pixels, tf.float32) - means) * tf.exp(strength))


def _solarise(pixels, strength):
    values, threshold = tf.cast(pixels, tf.float32), 256.0 * (1.0 - tf.abs(strength))
    return _as_picture(tf.where(values < threshold, values, 255.0 - values))


def _gamma(pixels, strength):
    # Compiled, a power takes five times as long as its logarithm and exponential.
    values = tf.math.log(tf.cast(pixels, tf.float32) / 255.0)
    return _as_picture(255.0 * tf.exp(tf.exp(strength) * values))


def _cover(pixels, strength):
    """Greys a square, up to half as wide as the picture, at a place that depends on strength."""
    size = pixels.shape[0]
    side = tf.abs(strength) * 0.5 * size
    place = tf.math.floormod(strength * tf.constant([7919.0, 104729.0]), 1.0) * (size - side)
    steps = tf.range(size, dtype=tf.float32)
    rows = (steps >= place[0]) & (steps < place[0] + side)
    columns = (steps >= place[1]) & (steps < place[1] + side)
    inside = rows[:, None] & tf.repeat(columns, pixels.shape[-1])[None]
    lines = tf.reshape(pixels, inside.shape)
    return tf.reshape(tf.where(inside, tf.constant(127, tf.uint8), lines), pixels.shape)


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
