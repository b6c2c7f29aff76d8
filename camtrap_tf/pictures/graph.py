"""Pictures as TensorFlow ops: decode, cut the bar, resize, crop, normalise.

The same functions run in the input pipeline, in prediction and inside exported graphs. They
take one picture or a batch: `[..., height, width, 3]`. `pictures.py` is their NumPy
counterpart for files on disk.
"""

import functools

import numpy as np
import tensorflow as tf

from camtrap_tf.core.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Context,
    Fit,
    InputSpec,
    Normalisation,
    PictureSpec,
)
from camtrap_tf.pictures import context as context_of
from camtrap_tf.pictures.files import BAR_BLACK, BAR_ROW, BAR_WHITE

# What the difference to an event's median frame is divided by: about its deviation (17) on bursts
# of a station in California at 96 pixels. Zero, nothing differs, stays zero.
DIFFERENCE_STD = 16.0
# Equal to Pillow's decoder, bit for bit, at no cost.
_DCT = "INTEGER_ACCURATE"
# Numbers of frames that `stacked_quickly` is compiled for; longer events each for their own.
_LENGTHS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]


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


def stacked(frames: tf.Tensor, context: Context, count: tf.Tensor | None = None) -> tf.Tensor:
    """Frames of one event with what networks see beside them; see `context.stacked`.

    Args:
        frames: [frames, height, width, 3] uint8, at least one.
        context: what to add.
        count: [] int32, how many of the frames there are, where white ones follow them; all
            when None.

    Returns:
        [frames, side, side, context.channels] uint8, equal to `context.stacked`'s in the first
        `count` rows.
    """
    count = tf.shape(frames)[0] if count is None else count
    if context.differs:
        apart = tf.abs(tf.cast(frames, tf.int32) - _median(frames, count))
        apart = (tf.reduce_sum(apart, axis=-1, keepdims=True) + 1) // 3
        apart = tf.where(count == 1, context_of.ALONE, apart)
        frames = tf.concat([frames, tf.cast(apart, tf.uint8)], axis=-1)
        frames = _zoomed(frames) if context is Context.ZOOM else frames
    elif context.stacks:
        chosen = [frames[place] for place in (0, count // 2, count - 1)]
        frames = tf.repeat(tf.concat(chosen, axis=-1)[None], tf.shape(frames)[0], axis=0)
    return frames


def stacked_quickly(frames: tf.Tensor, context: Context) -> tf.Tensor:
    """As `stacked`, compiled, for the input pipeline: of ten frames of 192 pixels in a third.

    Compiling takes a second for every number of frames; so events are filled up to one of few.
    """
    if not context.differs:
        return stacked(frames, context)
    count = tf.shape(frames)[0]
    enough = tf.gather([*_LENGTHS, 0], tf.searchsorted(_LENGTHS, count[None])[0])
    filled = _with_white(frames, tf.maximum(enough - count, 0))
    return _stacked_compiled(context)(filled, count)[:count]


def _with_white(rows: tf.Tensor, further: tf.Tensor) -> tf.Tensor:
    """[n, ...] uint8 with further rows of 255; `tf.pad` would take ten times as long."""
    shape = tf.concat([[further], tf.shape(rows)[1:]], 0)
    return tf.concat([rows, tf.fill(shape, np.uint8(255))], axis=0)


@functools.cache
def _stacked_compiled(context: Context):
    return tf.function(
        lambda frames, count: stacked(frames, context, count), jit_compile=True, autograph=False
    )


def stacked_alone(pictures: tf.Tensor, context: Context) -> tf.Tensor:
    """[n, height, width, 3] uint8, each an event of its own -> [n, ..., context.channels]."""
    if context.differs:
        both = tf.concat([pictures, _alone(pictures)], axis=-1)
        return _zoomed(both) if context is Context.ZOOM else both
    if context.stacks:
        return tf.concat([pictures] * context_of.NINE_FRAMES, axis=-1)
    return pictures


def _alone(pictures: tf.Tensor) -> tf.Tensor:
    """[n, height, width, 1] uint8: the difference of pictures that stand alone."""
    return tf.fill(tf.shape(pictures[..., :1]), np.uint8(context_of.ALONE))


def _median(frames: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Per-pixel median of [frames, ...] uint8, as int32; of an even number the mean, cut off.

    Rows are sorted by exchanging neighbours, all pixels at once: ten times as fast as
    `tf.sort`, which sorts each pixel's few values on their own. Rows from `count` on are white.
    """
    # An even number of rows; the added one is the largest and stays last.
    rows = _with_white(frames, tf.shape(frames)[0] % 2)
    first, second = tf.unstack(tf.reshape(rows, (-1, 2, *frames.shape[1:])), axis=1)

    def sweep(done, first, second):
        first, second = tf.minimum(first, second), tf.maximum(first, second)
        left, right = second[:-1], first[1:]
        first = tf.concat([first[:1], tf.maximum(left, right)], axis=0)
        second = tf.concat([tf.minimum(left, right), second[-1:]], axis=0)
        return done + 1, first, second

    shape = tf.TensorShape([None, *frames.shape[1:]])
    _, first, second = tf.while_loop(
        lambda done, first, second: done < tf.shape(first)[0],
        sweep,
        (tf.constant(0), tf.ensure_shape(first, shape), tf.ensure_shape(second, shape)),
        shape_invariants=(tf.TensorShape([]), shape, shape),
    )
    low, high = (
        tf.cast(tf.stack([first[place // 2], second[place // 2]])[place % 2], tf.int32)
        for place in ((count - 1) // 2, count // 2)
    )
    return (low + high) // 2


def _zoomed(squares: tf.Tensor) -> tf.Tensor:
    """Every square's own window, as half its pixels a side; equal to `context.zoomed`'s."""
    size = squares.shape[1] // 2
    corners, side = _windows(squares[..., -1])
    place = (2 * tf.range(size) + 1) * side[:, None] * 128 // size - 128
    place = tf.clip_by_value(place, 0, 256 * (side[:, None] - 1))
    low = place // 256
    high = tf.minimum(low + 1, side[:, None] - 1)
    share = (place % 256)[..., None]
    values = squares
    for axis in (1, 2):
        start = corners[:, axis - 1, None]
        parts = (
            tf.cast(tf.gather(values, start + at, axis=axis, batch_dims=1), tf.int32)
            for at in (low, high)
        )
        weight = share[:, :, None] if axis == 1 else share[:, None]
        first, second = parts
        values = first * (256 - weight) + second * weight
    return tf.cast((values + 32768) // 65536, tf.uint8)


def _windows(difference: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where `context.window` zooms to: [n, size, size] uint8 -> corners [n, 2], sides [n]."""
    size = difference.shape[1]
    cell, count = context_of.cells(size)
    part = tf.cast(difference[:, : cell * count, : cell * count], tf.int32)
    rows = tf.reduce_sum(tf.reshape(part, (-1, count, cell, count * cell)), axis=2)
    sums = tf.reduce_sum(tf.reshape(rows, (-1, count, count, cell)), axis=3)
    rank = count * count // context_of.RANK + 1
    ranked = _ranked(tf.reshape(sums, (-1, count * count)), rank, 255 * cell * cell)
    least = tf.maximum(context_of.FAINTEST * cell * cell, 3 * ranked // 10)
    differs = tf.where(sums >= least[:, None, None], sums, 0)
    boxes = tf.stack([_extents(tf.reduce_sum(differs, axis=axis)) for axis in (2, 1)], axis=1)
    side = 13 * cell * tf.reduce_max(boxes[..., 1] - boxes[..., 0], axis=1) // 10
    side = tf.minimum(tf.maximum(side, int(context_of.SMALLEST * size)), size)
    few = tf.math.count_nonzero(differs, axis=(1, 2)) < context_of.FEWEST
    side = tf.where(few, size, side)
    middle = (boxes[..., 0] + boxes[..., 1]) * cell // 2
    corners = middle - side[:, None] // 2
    return tf.minimum(tf.maximum(corners, 0), size - side[:, None]), side


def _ranked(values: tf.Tensor, rank: int, most: int) -> tf.Tensor:
    """The value that `rank` of a row reach, bit by bit: [n, k] int32 in [0, most] -> [n].

    `tf.math.top_k` gives the same, ten times as slowly where it is compiled.
    """

    def add(bit, found):
        larger = found + bit
        reached = tf.reduce_sum(tf.cast(values >= larger, tf.int32), axis=1, keepdims=True)
        return bit // 2, tf.where(reached >= rank, larger, found)

    highest, none = tf.constant(1 << (most.bit_length() - 1)), tf.zeros_like(values[:, :1])
    return tf.while_loop(lambda bit, _: bit > 0, add, (highest, none))[1][:, 0]


def _extents(sums: tf.Tensor) -> tf.Tensor:
    """See `context._extent`: [n, cells] int32 -> [n, 2] int32."""
    so_far = context_of.SHARE * tf.cumsum(tf.cast(sums, tf.int64), axis=1)
    total = so_far[:, -1:] // context_of.SHARE
    counts = [
        tf.reduce_sum(tf.cast(so_far < part * total, tf.int32), axis=1)
        for part in (1, context_of.SHARE - 1)
    ]
    return tf.stack([counts[0], counts[1] + 1], axis=1)


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
