"""Pictures as TensorFlow ops: decode, cut the bar, resize, crop, normalise.

The same functions run in the input pipeline, in prediction and inside exported graphs. They
take one picture or a batch: `[..., height, width, 3]`. `pictures.py` is their NumPy
counterpart for files on disk.
"""

import tensorflow as tf

from camtrap_tf.core.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Fit,
    InputSpec,
    Normalisation,
    PictureSpec,
)
from camtrap_tf.pictures.files import BAR_BLACK, BAR_ROW, BAR_WHITE, MARGIN
from camtrap_tf.pictures.upright_graph import orientation, swaps_sides, turned

# What the difference to an event's median frame is divided by: about its deviation (17) on bursts
# of a station in California at 96 pixels. Zero, nothing differs, stays zero.
DIFFERENCE_STD = 16.0
# Equal to Pillow's decoder, bit for bit, at no cost.
_DCT = "INTEGER_ACCURATE"


def decode_stored(encoded: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """Decodes a picture that a shard holds: [] string -> [size, size, 3] uint8."""
    if spec.keep_original:
        return decode(encoded, spec)
    return tf.io.decode_jpeg(encoded, channels=3, dct_method=_DCT)


def decode_window(encoded: tf.Tensor, window: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """Decodes a part of a picture that a shard holds: the same pixels for less work.

    Args:
        encoded: [] string.
        window: [4] int32, top, left, height and width of the part, inside the stored square.
        spec: of the shard.

    Returns:
        [height, width, 3] uint8.
    """
    if spec.keep_original:
        top, left, height, width = tf.unstack(window)
        return decode(encoded, spec)[top : top + height, left : left + width]
    return tf.io.decode_and_crop_jpeg(encoded, window, channels=3, dct_method=_DCT)


def decode(encoded: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """Decodes a picture of any size and makes the stored square, inside a graph.

    JPEGs are decoded at 1/2, 1/4 or 1/8 scale where that still covers the square, and turned by
    their EXIF orientation; a side still twice as long is halved; the rest is bilinear with
    antialiasing, as in `files.read`.

    Args:
        encoded: [] string, a JPEG, PNG, GIF (first frame) or BMP.
        spec: how to cut and resize.

    Returns:
        [size, size, 3] uint8.
    """
    turn = orientation(encoded)
    pixels = tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: _decode_jpeg_scaled(encoded, turn, spec),
        lambda: _decode_other(encoded),
    )
    return to_square(turned(pixels, turn), spec)


def decode_part(encoded: tf.Tensor, box: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """Decodes a picture and makes the stored square of the part around a box, inside a graph.

    The counterpart of `files.read` with a box: JPEGs are decoded at the scale that the part needs.

    Args:
        encoded: as of `decode`.
        box: [4] float32, left, top, width and height as shares of the upright picture; without a
            width, NaN or 0, where nothing was found: the part is the whole picture then.
        spec: how to cut and resize.

    Returns:
        [size, size, 3] uint8.
    """
    turn = orientation(encoded)
    share = _part_around(box, tf.constant(1.0, tf.float64))[2]
    pixels = tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: _decode_jpeg_scaled(encoded, turn, spec, share),
        lambda: _decode_other(encoded),
    )
    return to_part(turned(pixels, turn), box, spec)


def decode_whole(encoded: tf.Tensor) -> tf.Tensor:
    """[] string, as of `decode` -> [height, width, 3] uint8: all its pixels, upright."""
    return turned(_decode_other(encoded), orientation(encoded))


def to_square(pixels: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """Cuts the info bar and makes [height, width, 3] uint8 a [size, size, 3] uint8."""
    return _fitted(pixels[: tf.shape(pixels)[0] - _bar(pixels, spec)], spec)


def to_part(pixels: tf.Tensor, box: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """The same of the part of [height, width, 3] uint8 around a box; see `decode_part`."""
    high, wide = tf.unstack(tf.cast(tf.shape(pixels)[:2], tf.float64))
    usable = (high - tf.cast(_bar(pixels, spec), tf.float64)) / high
    whole = tf.stack([wide, high, wide, high])
    left, top, *size = tf.unstack(tf.cast(tf.round(_part_around(box, usable) * whole), tf.int32))
    width, height = (tf.maximum(1, side) for side in size)
    cut = pixels[top : top + height, left : left + width]
    # Rounding may carry a part over the edge by a pixel, which Pillow fills with black.
    beyond = tf.stack([height, width]) - tf.shape(cut)[:2]
    return _fitted(tf.pad(cut, [[0, beyond[0]], [0, beyond[1]], [0, 0]]), spec)


def _part_around(box: tf.Tensor, usable: tf.Tensor) -> tf.Tensor:
    """[4] float64: see `files.part_around`; the whole where a box has no width."""
    found = tf.where(box[2] > 0, box, tf.constant([0.0, 0.0, 1.0, 1.0]))
    left, top, width, height = tf.unstack(tf.cast(found, tf.float64))
    side = tf.minimum(tf.maximum(width, height / usable) * (1 + 2 * MARGIN), 1.0)
    across = tf.clip_by_value(left + width / 2 - side / 2, 0.0, 1 - side)
    down = tf.clip_by_value(top + height / 2 - side * usable / 2, 0.0, (1 - side) * usable)
    millionths = tf.round(tf.stack([across, down, side, side * usable]) * 1e6)
    # TensorFlow makes `/ 1e6` a product with a reciprocal, and halves of pixels fall the other way.
    return tf.math.divide_no_nan(millionths, tf.constant(1e6, tf.float64))


def _fitted(cut: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """[height, width, 3] uint8 -> [size, size, 3] uint8, as `spec.fit` says."""
    shape = tf.shape(cut)
    size = tf.constant((spec.size, spec.size))
    if spec.fit is Fit.SHORTEST:
        side = tf.minimum(shape[0], shape[1])
        top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
        cut = cut[top : top + side, left : left + side]
    if spec.fit is Fit.PAD:
        longer = tf.maximum(shape[0], shape[1])
        size = tf.maximum(1, (shape[:2] * spec.size + longer // 2) // longer)
    square = _resized(cut, size)
    if spec.fit is Fit.PAD:
        before = (spec.size - size) // 2
        after = spec.size - size - before
        square = tf.pad(square, tf.stack([[before[0], after[0]], [before[1], after[1]], [0, 0]]))
    return tf.ensure_shape(square, (spec.size, spec.size, 3))


def _resized(pixels: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """[height, width, 3] uint8 at another size, step by step as `pictures._resized`.

    Sides still twice as long are halved, then rows are resized, then columns; each step is
    rounded, halves going up.
    """
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
    high, wide = tf.unstack(tf.cast(size * (1 + tf.cast(twice, tf.int32)) / shape, tf.float32))
    rows = tf.shape(values)[1]
    for part, scale in (((rows, size[1]), (1.0, wide)), (size, (high, 1.0))):
        values = tf.raw_ops.ScaleAndTranslate(
            images=tf.floor(values + 0.5),
            size=part,
            scale=scale,
            translation=tf.zeros(2),
            kernel_type="triangle",
            antialias=True,
        )
    return tf.saturate_cast(tf.floor(values[0] + 0.5), tf.uint8)


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
    return cut(pixels, top, left, crop)


def normalise(pixels: tf.Tensor, spec: InputSpec) -> tf.Tensor:
    """Pixel values [..., crop, crop, channels], any type, 0-255 -> network input, float32."""
    values = tf.cast(tf.convert_to_tensor(pixels), tf.float32)
    if spec.normalisation is Normalisation.IMAGE:
        if not spec.context.differs:
            return tf.image.per_image_standardization(values)
        picture = tf.image.per_image_standardization(values[..., :3])
        return tf.concat([picture, values[..., 3:] / DIFFERENCE_STD], axis=-1)
    mean, std = statistics(spec)
    # By rows: TensorFlow broadcasts three channels five times as slowly as a row of 672 values.
    shape = tf.shape(values)
    rows = tf.reshape(values, tf.concat([shape[:-2], [-1]], 0))
    mean, std = (tf.tile(tf.constant(part), [shape[-2]]) for part in (mean, std))
    return tf.ensure_shape(tf.reshape((rows - mean) / std, shape), values.shape)


def statistics(spec: InputSpec) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of every channel of the input, where they do not depend on pictures."""
    by_data = spec.normalisation is Normalisation.DATASET
    mean, std = (spec.mean, spec.std) if by_data else (IMAGENET_MEAN, IMAGENET_STD)
    if spec.context.differs:
        return (*mean, 0.0), (*std, DIFFERENCE_STD)
    frames = spec.context.channels // 3
    return mean * frames, std * frames


def network_input(pixels: tf.Tensor, spec: InputSpec) -> tf.Tensor:
    """Stored squares [..., size, size, 3] uint8 -> input of a network, for prediction."""
    return normalise(central_crop(pixels, spec.crop), spec)


def cut(pixels: tf.Tensor, top, left, crop: int) -> tf.Tensor:
    """[..., height, width, channels] -> [..., crop, crop, channels]."""
    part = pixels[..., top : top + crop, left : left + crop, :]
    return tf.ensure_shape(part, (*pixels.shape[:-3], crop, crop, pixels.shape[-1]))


def _decode_jpeg_scaled(
    encoded: tf.Tensor, turn: tf.Tensor, spec: PictureSpec, share: tf.Tensor | None = None
) -> tf.Tensor:
    """A JPEG at the scale that the square needs, or that of the part of each side's `share`."""
    shape = tf.io.extract_jpeg_shape(encoded)[:2]
    if share is not None:
        shape = tf.cast(tf.round(tf.cast(shape, tf.float64) * share), tf.int32)
    height, width = tf.unstack(tf.where(swaps_sides(turn), shape[::-1], shape))
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
