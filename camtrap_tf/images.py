"""Pictures as TensorFlow ops: decode, cut the bar, resize, crop, augment, normalise.

The same functions run in the input pipeline, in prediction and inside exported graphs. They
take one picture or a batch: `[..., height, width, 3]`. `pictures.py` is their NumPy
counterpart for files on disk.
"""

import tensorflow as tf

from camtrap_tf.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    AugmentConfig,
    Fit,
    InputSpec,
    Normalisation,
    PictureSpec,
)
from camtrap_tf.pictures import BAR_BLACK, BAR_ROW, BAR_WHITE

# Equal to Pillow's decoder, bit for bit, at no cost.
_DCT = "INTEGER_ACCURATE"


def decode_stored(encoded: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """Decodes a picture that a shard holds: [] string -> [size, size, 3] uint8."""
    if spec.keep_original:
        return decode(encoded, spec)
    return tf.io.decode_jpeg(encoded, channels=3, dct_method=_DCT)


def decode(encoded: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """Decodes a picture of any size and makes the stored square, inside a graph.

    JPEGs are decoded at 1/2, 1/4 or 1/8 scale where that still covers the square; a side
    still twice as long is halved; the rest is bilinear with antialiasing, as in `pictures.read`.

    Args:
        encoded: [] string, a JPEG, PNG, GIF (first frame) or BMP.
        spec: how to cut and resize.

    Returns:
        [size, size, 3] uint8.
    """
    pixels = tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: _decode_jpeg_scaled(encoded, spec),
        lambda: _decode_other(encoded),
    )
    return to_square(pixels, spec)


def to_square(pixels: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """Cuts the info bar and makes [height, width, 3] uint8 a [size, size, 3] uint8."""
    cut = pixels[: tf.shape(pixels)[0] - _bar(pixels, spec)]
    shape = tf.shape(cut)
    size = (spec.size, spec.size)
    if spec.fit is Fit.SHORTEST:
        side = tf.minimum(shape[0], shape[1])
        top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
        cut = cut[top : top + side, left : left + side]
    if spec.fit is Fit.PAD:
        longer = tf.maximum(shape[0], shape[1])
        size = tf.maximum(1, (shape[:2] * spec.size + longer // 2) // longer)
    square = _resized(cut, tf.stack(size))
    if spec.fit is Fit.PAD:
        before = (spec.size - size) // 2
        after = spec.size - size - before
        square = tf.pad(square, tf.stack([[before[0], after[0]], [before[1], after[1]], [0, 0]]))
    return tf.ensure_shape(square, (spec.size, spec.size, 3))


def _resized(pixels: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """[height, width, 3] uint8 at another size, rounded after each step, as `pictures._resized`."""
    shape = tf.shape(pixels)[:2]
    twice = shape >= 2 * size
    values = tf.cast(pixels, tf.float32)[tf.newaxis]
    for side, pair in enumerate(((2, 1), (1, 2))):
        values = tf.cond(
            twice[side],
            lambda whole=values, pair=pair: tf.nn.avg_pool2d(whole, pair, pair, "SAME"),
            lambda whole=values: whole,
        )
    # The last pair of a row may be cut: the picture then ends within it.
    scale = tf.cast(size * (1 + tf.cast(twice, tf.int32)) / shape, tf.float32)
    resized = tf.raw_ops.ScaleAndTranslate(
        images=tf.floor(values + 0.5),
        size=size,
        scale=scale,
        translation=tf.zeros(2),
        kernel_type="triangle",
        antialias=True,
    )[0]
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def _bar(pixels: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """[] int32: rows to cut at the bottom; see `pictures._bar`."""
    most = _bar_rows(tf.shape(pixels)[0], spec)
    if not spec.detect_bar:
        return most
    strip = pixels[tf.shape(pixels)[0] - most - 1 :]
    white = tf.reduce_min(strip, axis=-1) >= BAR_WHITE
    extreme = tf.logical_or(white, tf.reduce_max(strip, axis=-1) <= BAR_BLACK)
    share = tf.reduce_mean(tf.cast(extreme, tf.float32), axis=1)
    run = tf.reduce_sum(tf.math.cumprod(tf.cast(share[::-1] >= BAR_ROW, tf.int32)))
    found = tf.logical_and(run > 0, run <= most)
    return tf.where(found, tf.minimum(run + 1, most), 0)


def _bar_rows(height: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    return tf.cast(tf.round(tf.cast(height, tf.float32) * spec.bar_share), tf.int32)


def central_crop(pixels: tf.Tensor, crop: int) -> tf.Tensor:
    """[..., size, size, 3] -> [..., crop, crop, 3], from the middle."""
    top = (tf.shape(pixels)[-3] - crop) // 2
    left = (tf.shape(pixels)[-2] - crop) // 2
    return _cut(pixels, top, left, crop)


def augment(pixels: tf.Tensor, crop: int, config: AugmentConfig, seed: tf.Tensor) -> tf.Tensor:
    """Changes a training picture at random, as a pure function of `seed`.

    Values are never clipped, so that contrast and brightness undo no information.

    Args:
        pixels: [size, size, 3] uint8.
        crop: height and width of the result.
        config: what to change and how much.
        seed: [2] int, such as (run seed and epoch, index of the picture).

    Returns:
        [crop, crop, 3] float32 on the scale 0-255, possibly beyond.
    """
    draws = tf.random.stateless_uniform([5 + 2 * config.operations], seed)
    if config.random_crop:
        room = tf.cast(tf.shape(pixels)[:2] - crop + 1, tf.float32)
        corner = tf.cast(draws[:2] * room, tf.int32)
        pixels = _cut(pixels, corner[0], corner[1], crop)
    else:
        pixels = central_crop(pixels, crop)
    if config.flip:
        pixels = tf.cond(draws[2] < 0.5, lambda: tf.reverse(pixels, [1]), lambda: pixels)
    low, high = config.contrast
    shift = (2.0 * draws[3] - 1.0) * config.brightness
    values = tf.cast(pixels, tf.float32)
    values = _scaled_about_means(values, low + draws[4] * (high - low), shift)
    for place in range(5, 5 + 2 * config.operations, 2):
        strength = config.magnitude * (2.0 * draws[place + 1] - 1.0)
        values = _operate(values, draws[place], strength)
    return values


def _operate(values: tf.Tensor, choice: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
    """One of `OPERATIONS`, chosen by `choice` in [0, 1), with a strength in [-1, 1]."""
    branches = [
        lambda operation=operation: operation(values, strength) for operation in OPERATIONS.values()
    ]
    index = tf.cast(choice * len(branches), tf.int32)
    return tf.ensure_shape(tf.switch_case(index, branches), values.shape)


def _rotate(values, strength):
    angle = strength * 0.6  # radians: 34 degrees
    return _warp(values, tf.cos(angle), -tf.sin(angle), tf.sin(angle), tf.cos(angle))


def _zoom(values, strength):
    factor = 1.0 + 0.4 * strength
    return _warp(values, factor, 0.0, 0.0, factor)


def _shear_x(values, strength):
    return _warp(values, 1.0, 0.4 * strength, 0.0, 1.0)


def _shear_y(values, strength):
    return _warp(values, 1.0, 0.0, 0.4 * strength, 1.0)


def _saturate(values, strength):
    grey = tf.reduce_mean(values, axis=-1, keepdims=True)
    return grey + (values - grey) * (1.0 + strength)


def _gamma(values, strength):
    return 255.0 * (tf.clip_by_value(values, 0.0, 255.0) / 255.0) ** tf.exp(strength)


def _tint(values, strength):
    return values + strength * tf.constant([40.0, 0.0, -40.0])


def _contrast(values, strength):
    return _scaled_about_means(values, tf.exp(strength))


def _solarise(values, strength):
    threshold = 256.0 * (1.0 - tf.abs(strength))
    return tf.where(values < threshold, values, 255.0 - values)


def _cover(values, strength):
    """Greys a square, up to half as wide as the picture, at a place that depends on strength."""
    size = values.shape[0]
    side = tf.abs(strength) * 0.5 * size
    place = tf.math.floormod(strength * tf.constant([7919.0, 104729.0]), 1.0) * (size - side)
    steps = tf.range(size, dtype=tf.float32)
    rows = (steps >= place[0]) & (steps < place[0] + side)
    columns = (steps >= place[1]) & (steps < place[1] + side)
    return tf.where((rows[:, None] & columns[None])[..., None], 127.0, values)


# What RandAugment draws from; each with a strength in [-1, 1], where 0 changes nothing.
OPERATIONS = {
    "rotate": _rotate,
    "zoom": _zoom,
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "saturate": _saturate,
    "gamma": _gamma,
    "tint": _tint,
    "contrast": _contrast,
    "solarise": _solarise,
    "cover": _cover,
}


def _warp(values: tf.Tensor, a, b, c, d) -> tf.Tensor:
    """Reads row y, column x of the result at [[a, b], [c, d]] (x, y), about the centre."""
    centre = (values.shape[0] - 1) / 2
    right = centre - a * centre - b * centre
    down = centre - c * centre - d * centre
    transform = [a, b, right, c, d, down, 0.0, 0.0]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=values[None],
        transforms=tf.stack([tf.cast(value, tf.float32) for value in transform])[None],
        output_shape=values.shape[:2],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )[0]


def _scaled_about_means(values: tf.Tensor, factor: tf.Tensor, shift=0.0) -> tf.Tensor:
    """Scales the distance to the channel means of [height, width, channels], then shifts all."""
    height, width, channels = values.shape
    rows = tf.reshape(values, (height, width * channels))
    means = tf.reduce_mean(tf.reshape(tf.reduce_mean(rows, axis=0), (width, channels)), axis=0)
    rows = rows * factor + tf.tile(means * (1.0 - factor) + shift, [width])
    return tf.reshape(rows, values.shape)


def normalise(pixels: tf.Tensor, spec: InputSpec) -> tf.Tensor:
    """Pixel values [..., crop, crop, 3], any type, 0-255 -> network input, float32."""
    values = tf.cast(tf.convert_to_tensor(pixels), tf.float32)
    if spec.normalisation is Normalisation.IMAGE:
        return tf.image.per_image_standardization(values)
    by_data = spec.normalisation is Normalisation.DATASET
    mean, std = (spec.mean, spec.std) if by_data else (IMAGENET_MEAN, IMAGENET_STD)
    # By rows: TensorFlow broadcasts three channels five times as slowly as a row of 672 values.
    shape = tf.shape(values)
    rows = tf.reshape(values, tf.concat([shape[:-2], [-1]], 0))
    mean, std = (tf.tile(tf.constant(part), [shape[-2]]) for part in (mean, std))
    return tf.ensure_shape(tf.reshape((rows - mean) / std, shape), values.shape)


def network_input(pixels: tf.Tensor, spec: InputSpec) -> tf.Tensor:
    """Stored squares [..., size, size, 3] uint8 -> input of a network, for prediction."""
    return normalise(central_crop(pixels, spec.crop), spec)


def _cut(pixels: tf.Tensor, top, left, crop: int) -> tf.Tensor:
    cut = pixels[..., top : top + crop, left : left + crop, :]
    return tf.ensure_shape(cut, (*pixels.shape[:-3], crop, crop, 3))


def _decode_jpeg_scaled(encoded: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    shape = tf.io.extract_jpeg_shape(encoded)
    height, width = shape[0], shape[1]
    rows = height - _bar_rows(height, spec)
    side = tf.maximum(rows, width) if spec.fit is Fit.PAD else tf.minimum(rows, width)
    shrink = side // spec.size
    branch = tf.cast(shrink >= 2, tf.int32) + tf.cast(shrink >= 4, tf.int32)
    branch += tf.cast(shrink >= 8, tf.int32)
    decoders = {
        index: lambda ratio=ratio: tf.io.decode_jpeg(
            encoded, channels=3, ratio=ratio, dct_method=_DCT
        )
        for index, ratio in enumerate((1, 2, 4, 8))
    }
    return tf.switch_case(branch, decoders)


def _decode_other(encoded: tf.Tensor) -> tf.Tensor:
    pixels = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return tf.ensure_shape(pixels, (None, None, 3))
