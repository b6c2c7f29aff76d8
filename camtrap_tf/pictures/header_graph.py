"""Where the parts of a picture file lie, found inside TensorFlow graphs.

A JPEG is a row of segments, a PNG and a WebP one of chunks; each tells its length.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

JPEG_HEAD = 1 << 18  # bytes in which a JPEG's picture data begin
FILL, SCAN = 0xFF, 0xDA  # markers of a JPEG: a byte that fills, the start of picture data
_BYTES = [bytes([value]) for value in range(256)]
PNG, RIFF = b"\x89PNG\r\n\x1a\n", b"RIFF"


class Chunks(NamedTuple):
    """The chunks of a file: of each its name, and where its data lie."""

    names: tf.Tensor  # [n] string
    starts: tf.Tensor  # [n] int32
    lengths: tf.Tensor  # [n] int32

    def last(self, encoded: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        """[] string: the data of the last of some chunks; '' where there is none."""
        starts = tf.concat([[0], tf.boolean_mask(self.starts, chosen)], 0)
        lengths = tf.concat([[0], tf.boolean_mask(self.lengths, chosen)], 0)
        return tf.strings.substr(encoded, starts[-1], lengths[-1])


class Segments(NamedTuple):
    """The segments of a JPEG before its picture data.

    Args:
        places: [n] int32, of their markers.
        markers: [n] int32, their second bytes.
        data: [] int32, where the picture data begin; 0 if they are not reached.
    """

    places: tf.Tensor
    markers: tf.Tensor
    data: tf.Tensor

    def last(self, *markers: int) -> tf.Tensor:
        """[] int32: the place of the last of those with some markers; 0 where there is none."""
        chosen = tf.reduce_any(self.markers[:, None] == tf.constant(markers), 1)
        return tf.concat([[0], tf.boolean_mask(self.places, chosen)], 0)[-1]

    def with_marker(self, encoded: tf.Tensor, marker: int) -> Chunks:
        """Those that have a marker; their names are empty."""
        places = tf.boolean_mask(self.places, self.markers == marker)
        lengths = numbers(encoded, places + 2, 2) - 2
        return Chunks(tf.fill(tf.shape(places), b""), places + 4, tf.maximum(lengths, 0))


def jpeg_segments(head: tf.Tensor) -> Segments:
    """The segments of a JPEG, by its first bytes, [m] uint8."""
    size = tf.size(head)
    head = tf.pad(tf.cast(head, tf.int32), [[0, 4]])

    def goes_on(at, places):
        last = head[places[-1] + 1]  # at first the 0xD8 of the file's beginning
        return (last != SCAN) & (at + 4 <= size) & (head[at] == 0xFF)

    def step(at, places):
        length = tf.where(head[at + 1] == FILL, 1, 2 + head[at + 2] * 256 + head[at + 3])
        return tf.minimum(at + length, size), tf.concat([places, at[None]], 0)

    begin = tf.minimum(2, size), tf.zeros(1, tf.int32)
    shapes = tf.TensorShape(()), tf.TensorShape((None,))
    at, places = tf.while_loop(goes_on, step, begin, shapes)
    markers = tf.gather(head, places + 1)
    return Segments(places, markers, tf.where(markers[-1] == SCAN, at, 0))


def png_chunks(encoded: tf.Tensor) -> Chunks:
    """The chunks of a PNG, [] string: length, name, data and a checksum each."""
    return _chunks(encoded, len(PNG), 4, lambda length: length + 4, little=False)


def webp_chunks(encoded: tf.Tensor) -> Chunks:
    """The chunks of a WebP, [] string: name, length and data each, filled to an even length."""
    return _chunks(encoded, 12, 0, lambda length: length + length % 2, little=True)


def _chunks(encoded: tf.Tensor, begin: int, name: int, taken: Callable, little: bool) -> Chunks:
    """Chunks that begin with a name, at a place of eight bytes, and a length in the others."""
    size = tf.strings.length(encoded)

    def lengths(at):
        told = tf.strings.substr(encoded, at + 4 - name, tf.fill(tf.shape(at), 4))
        found = tf.reshape(tf.io.decode_raw(told, tf.int32, little), tf.shape(at))
        return tf.clip_by_value(found, 0, size - at - 8)

    def step(at, places):
        return at + 8 + taken(lengths(at)), tf.concat([places, at[None]], 0)

    start = tf.constant(begin), tf.zeros(0, tf.int32)
    shapes = tf.TensorShape(()), tf.TensorShape((None,))
    _, places = tf.while_loop(lambda at, _: at + 8 <= size, step, start, shapes)
    names = tf.strings.substr(encoded, places + name, tf.fill(tf.shape(places), 4))
    return Chunks(names, places + 8, lengths(places))


def numbers(encoded: tf.Tensor, places: tf.Tensor, width: int) -> tf.Tensor:
    """[n] int32: numbers of one or two bytes, the higher first, at places of a [] string."""
    texts = tf.strings.substr(encoded, places, tf.fill(tf.shape(places), width))
    kind = {1: tf.uint8, 2: tf.uint16}[width]
    found = tf.reshape(tf.io.decode_raw(texts, kind, little_endian=False), tf.shape(places))
    return tf.cast(tf.ensure_shape(found, places.shape), tf.int32)


def as_bytes(values: tf.Tensor) -> tf.Tensor:
    """[n] int32, from 0 to 255 -> [] string."""
    return tf.strings.reduce_join(tf.gather(tf.constant(_BYTES), values))
