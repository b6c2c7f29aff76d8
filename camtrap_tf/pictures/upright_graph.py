"""EXIF orientation inside TensorFlow graphs: read from a JPEG's bytes, and undone.

The counterpart of what `files` does with Pillow. Only the tag of the EXIF segment counts; an
orientation that stands in XMP alone, or in a PNG, is heeded by `files` alone.
"""

import tensorflow as tf

_HEAD = 1 << 18  # bytes in which the EXIF segment begins and its first directory lies
_ORIENTATION = 0x0112
_ENTRY = 12  # bytes
# By the tag's value from 1: whether rows and columns change places, then whether rows and columns
# are reversed.
_STEPS = (
    (False, False, False), (False, False, True), (False, True, True), (False, True, False),
    (True, False, False), (True, False, True), (True, True, True), (True, True, False),
)  # fmt: skip


def orientation(encoded: tf.Tensor) -> tf.Tensor:
    """[] string, a file -> [] int32: its EXIF orientation, 1 to 8; 1 where none is told."""
    head = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, 0, _HEAD), tf.uint8), tf.int32)
    head = tf.concat([head, tf.zeros(16, tf.int32)], 0)  # so that a look at the end is inside
    at = tf.cond(tf.io.is_jpeg(encoded), lambda: _tiff(head), lambda: tf.constant(0))
    return tf.cond(at > 0, lambda: _told(head, at), lambda: tf.constant(1))


def swaps_sides(turn: tf.Tensor) -> tf.Tensor:
    """[] bool: whether an orientation makes rows of columns."""
    return turn >= 5


def turned(pixels: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    """[height, width, 3] pixels as they lie in a file of this orientation -> upright."""
    steps = tf.gather(tf.constant(_STEPS), turn - 1)
    upright = tf.cond(steps[0], lambda: tf.transpose(pixels, (1, 0, 2)), lambda: pixels)
    upright = tf.cond(steps[1], lambda: upright[::-1], lambda: upright)
    return tf.cond(steps[2], lambda: upright[:, ::-1], lambda: upright)


def _tiff(head: tf.Tensor) -> tf.Tensor:
    """[] int32: where the directories of the first EXIF segment begin; 0 where there is none."""
    size = tf.size(head) - 16
    begin = tf.constant([*b"Exif\0\0"])

    def goes_on(at, found):
        marker = head[tf.minimum(at + 1, size)]
        own = tf.logical_and(head[tf.minimum(at, size)] == 0xFF, marker != 0xDA)
        return tf.logical_and(tf.logical_and(own, found == 0), at + 10 <= size)

    def step(at, found):
        is_exif = tf.reduce_all(head[at + 4 : at + 10] == begin)
        is_exif = tf.logical_and(head[at + 1] == 0xE1, is_exif)
        length = head[at + 2] * 256 + head[at + 3]
        return at + 2 + length, tf.where(is_exif, at + 10, 0)

    return tf.while_loop(goes_on, step, (tf.constant(2), tf.constant(0)))[1]


def _told(head: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """The orientation of the directory at a place; 1 where it tells none from 1 to 8."""
    big = head[at] == ord("M")
    last = tf.size(head) - 1

    def number(place, width):
        """Bytes as numbers, one after each of the places."""
        digits = tf.gather(head, tf.clip_by_value(place[:, None] + tf.range(width), 0, last))
        digits = tf.where(big, digits, digits[:, ::-1])
        return tf.reduce_sum(digits * tf.constant([256**k for k in range(width)][::-1]), 1)

    offset = number(at[None] + 4, 4)[0]
    directory, sound = at + offset, (number(at[None] + 2, 2)[0] == 42) & (offset >= 8)
    entries = tf.where(sound, tf.minimum(number(directory[None], 2)[0], last // _ENTRY), 0)
    place = directory + 2 + _ENTRY * tf.range(entries)
    kind, short = number(place + 2, 2), number(place + 8, 2)
    value = tf.where(kind == 3, short, tf.where(kind == 4, number(place + 8, 4), 1))
    ours = (number(place, 2) == _ORIENTATION) & (number(place + 4, 4) == 1)
    told = tf.boolean_mask(value, ours & (place + _ENTRY <= last))
    value = tf.cond(tf.size(told) > 0, lambda: told[-1], lambda: tf.constant(1))
    return tf.where((value >= 1) & (value <= 8), value, 1)
