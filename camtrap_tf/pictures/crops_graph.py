"""The second view of a picture as TensorFlow operations: the counterpart of `crops`."""

import tensorflow as tf

from camtrap_tf.pictures.crops import LEAST, ROOM


def squares(boxes: tf.Tensor) -> tf.Tensor:
    """[n, 4] float32: squares around boxes, see `crops.squares`.

    Args:
        boxes: [n, 4] float32, left, top, width and height as shares of the picture; without a
            width, NaN or 0, where nothing was found.
    """
    there = boxes[:, 2:3] > 0
    found = tf.where(there, boxes, tf.constant([0.0, 0.0, 1.0, 1.0]))
    side = tf.clip_by_value(ROOM * tf.reduce_max(found[:, 2:], axis=1, keepdims=True), LEAST, 1.0)
    middle = found[:, :2] + found[:, 2:] / 2
    corner = tf.clip_by_value(middle - side / 2, 0.0, 1.0 - side)
    return tf.concat([corner, corner + side], axis=1)


def cut(pixels: tf.Tensor, around: tf.Tensor) -> tf.Tensor:
    """The parts of stored squares, each as large as the square, as Pillow resizes them.

    Columns first, then rows; each step is rounded.

    Args:
        pixels: [n, size, size, 3] uint8.
        around: [n, 4] float32, see `squares`.
    """
    size = pixels.shape[1]
    values = tf.cast(pixels, tf.float32)
    for axis, low, high in ((2, 0, 2), (1, 1, 3)):
        values = _resampled(values, size * around[:, low], size * around[:, high], axis)
    return tf.cast(values, tf.uint8)


def _resampled(values: tf.Tensor, low: tf.Tensor, high: tf.Tensor, axis: int) -> tf.Tensor:
    """Bilinear, from `low` to `high` [n] along an axis of [n, size, size, 3] float32."""
    size = values.shape[1]
    steps = (tf.range(size, dtype=tf.float32) + 0.5) / size
    place = low[:, None] + steps * (high - low)[:, None] - 0.5
    first = tf.floor(place)
    share = (place - first)[:, None, :, None] if axis == 2 else (place - first)[:, :, None, None]
    before, after = (
        tf.gather(
            values, tf.clip_by_value(tf.cast(at, tf.int32), 0, size - 1), axis=axis, batch_dims=1
        )
        for at in (first, first + 1)
    )
    return tf.floor(before * (1 - share) + after * share + 0.5)


def cut_around(pixels: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    """[n, size, size, 3] uint8: the parts of stored squares around boxes, see `squares`."""
    return cut(pixels, squares(boxes))
