"""Encoded pictures inside an exported graph: what cannot be decoded fails its row alone."""

from collections.abc import Callable

import tensorflow as tf

from camtrap_tf.core.config import PictureSpec
from camtrap_tf.pictures import graph, size_graph, wholeness_graph

# Pixels of a picture in the graph, which takes some 33 bytes for each: half a gigabyte. JPEGs are
# decoded at a fraction, but one in several scans is kept whole, with 6 bytes for a pixel.
MOST_PIXELS, WHOLE_JPEG = 16_000_000, 64_000_000


def decode_batch(encoded: tf.Tensor, spec: PictureSpec) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Decodes pictures so that a damaged one fails its row, not the batch.

    Args:
        encoded: [n] string.
        spec: how to cut and resize.

    Returns:
        pixels: [n, size, size, 3] uint8, zeros where the picture is damaged.
        valid: [n] bool.
        doubtful: [n] bool, see `wholeness_graph`.
    """
    blank = tf.zeros((spec.size, spec.size, 3), tf.uint8)
    (pixels,), valid, doubtful = decode_rows(
        encoded, lambda one: (graph.decode(one, spec),), (blank,)
    )
    return pixels, valid, doubtful


def decode_rows(
    encoded: tf.Tensor, decode: Callable[[tf.Tensor], tuple], blanks: tuple[tf.Tensor, ...]
) -> tuple[tuple[tf.Tensor, ...], tf.Tensor, tf.Tensor]:
    """What a function makes of encoded pictures; what it cannot decode fails its row alone.

    Args:
        encoded: [n] string.
        decode: from [] string to tensors of fixed shapes.
        blanks: what stands for those of a row that fails: zeros of their shapes and types.

    Returns:
        The tensors, [n, ...] each; [n] bool, which rows could be decoded; and [n] bool, which of
        them are doubtful.
    """
    whole, valid = _each((encoded,), lambda one: decode(_plausible(one)), blanks)
    decoded = tf.where(valid, encoded, "")
    doubt, no_doubt = lambda one: (wholeness_graph.doubtful(one),), (tf.constant(False),)
    (doubtful,), told = _each((decoded,), doubt, no_doubt)
    return whole, valid, doubtful | ~told


def decode_parts(
    encoded: tf.Tensor, boxes: tf.Tensor, spec: PictureSpec
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes the parts of pictures around boxes, see `graph.decode_part`.

    Args:
        encoded: [n] string.
        boxes: [n, 4] float32.
        spec: how to cut and resize.

    Returns:
        pixels: [n, size, size, 3] uint8, zeros where the picture is damaged.
        valid: [n] bool.
    """
    blank = tf.zeros((spec.size, spec.size, 3), tf.uint8)
    (pixels,), valid = _each(
        (encoded, boxes),
        lambda one, box: (graph.decode_part(_plausible(one), box, spec),),
        (blank,),
    )
    return pixels, valid


def _each(
    rows: tuple[tf.Tensor, ...], function: Callable[..., tuple], blanks: tuple[tf.Tensor, ...]
) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
    """What a function makes of each row of some tensors, and for which it raises nothing.

    An error inside `tf.map_fn` would fail the whole call, and no op tells beforehand whether a
    JPEG decodes. A small dataset inside the graph drops the rows that raise; a sentinel keeps
    it from being empty.
    """
    count = tf.shape(rows[0], out_type=tf.int64)[0]
    each = tf.data.Dataset.from_tensor_slices((tf.range(count), *rows))
    each = each.map(lambda row, *one: (row, *function(*one)), num_parallel_calls=tf.data.AUTOTUNE)
    sentinel = tf.data.Dataset.from_tensors((count, *blanks))
    good = each.ignore_errors().concatenate(sentinel).batch(count + 1)
    index, *parts = good.get_single_element()
    index = index[:-1]
    whole = tuple(
        _spread(index, part[:-1], count, blank) for part, blank in zip(parts, blanks, strict=True)
    )
    return whole, tf.scatter_nd(index[:, None], tf.ones_like(index, tf.bool), count[None])


def _spread(index: tf.Tensor, values: tf.Tensor, count: tf.Tensor, blank: tf.Tensor) -> tf.Tensor:
    """[count, ...]: rows at their places, zeros elsewhere. There is no scatter of uint8."""
    shape = tf.concat([count[None], tf.constant(blank.shape.as_list(), tf.int64)], axis=0)
    whole = tf.cast(tf.scatter_nd(index[:, None], tf.cast(values, tf.int32), shape), blank.dtype)
    return tf.ensure_shape(whole, (None, *blank.shape))


def squash_batch(decoded: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """[n, height, width, 3] uint8 -> stored squares [n, size, size, 3] uint8."""
    squares = tf.map_fn(
        lambda one: graph.to_square(one, spec), decoded, fn_output_signature=tf.uint8
    )
    return tf.ensure_shape(squares, (None, spec.size, spec.size, 3))


def cut_batch(decoded: tf.Tensor, boxes: tf.Tensor, spec: PictureSpec) -> tf.Tensor:
    """[n, height, width, 3] uint8, boxes [n, 4] -> the parts around them [n, size, size, 3]."""
    parts = tf.map_fn(
        lambda row: graph.to_part(row[0], row[1], spec),
        (decoded, boxes),
        fn_output_signature=tf.uint8,
    )
    return tf.ensure_shape(parts, (None, spec.size, spec.size, 3))


def _plausible(encoded: tf.Tensor) -> tf.Tensor:
    """The same picture, unless its header claims more pixels than a graph has memory for."""
    is_jpeg = tf.io.is_jpeg(encoded)
    pixels = tf.cond(
        is_jpeg,
        lambda: tf.reduce_prod(tf.cast(tf.io.extract_jpeg_shape(encoded)[:2], tf.int64)),
        lambda: size_graph.pixels(encoded),
    )
    most = tf.cast(tf.where(is_jpeg, WHOLE_JPEG, MOST_PIXELS), tf.int64)
    plausible = tf.debugging.Assert(pixels <= most, ["implausible size"])
    with tf.control_dependencies([plausible]):
        return tf.identity(encoded)
