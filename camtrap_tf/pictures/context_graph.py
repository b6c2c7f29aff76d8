"""What the frames of an event tell about one another, as TensorFlow operations.

The same as `context.py` does with NumPy, to the bit.
"""

import functools

import numpy as np
import tensorflow as tf

from camtrap_tf.core.config import (
    Context,
)
from camtrap_tf.pictures import context as context_of

# Numbers of frames that `stacked_quickly` is compiled for; longer events each for their own.
_LENGTHS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]


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
    there = tf.shape(frames)[0] if count is None else count
    if context.differs:
        apart = tf.abs(tf.cast(frames, tf.int32) - _median(frames, there))
        apart = (tf.reduce_sum(apart, axis=-1, keepdims=True) + 1) // 3
        apart = tf.where(there == 1, context_of.ALONE, apart)
        frames = tf.concat([frames, tf.cast(apart, tf.uint8)], axis=-1)
        frames = _zoomed(frames) if context is Context.ZOOM else frames
    elif context.stacks:
        chosen = [frames[place] for place in (0, there // 2, there - 1)]
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
