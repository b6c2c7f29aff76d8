"""Orientation inside TensorFlow graphs: read from a picture's bytes, and undone.

The counterpart of what `files` does with Pillow, with the same answer: the tag of the first EXIF
block counts, and that of XMP where EXIF has none.

format   EXIF                                           XMP
JPEG     segment APP1                                   segment APP1
PNG      chunk eXIf, or text 'Raw profile type exif'    text 'XML:com.adobe.xmp'
WebP     chunk EXIF                                     chunk XMP
"""

from typing import NamedTuple

import tensorflow as tf

from camtrap_tf.pictures import header_graph
from camtrap_tf.pictures.header_graph import PNG, RIFF, Chunks

_ORIENTATION = 0x0112
_ENTRY = 12  # bytes
_NONE = 9  # an orientation that is none
# By the tag's value from 1: whether rows and columns change places, then whether rows and columns
# are reversed.
_STEPS = (
    (False, False, False), (False, False, True), (False, True, True), (False, True, False),
    (True, False, False), (True, False, True), (True, True, True), (True, True, False),
)  # fmt: skip
_APP1 = 0xE1
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
# Texts of a PNG: keyword, NUL and method of compression; of an international text, flag and method
# of compression, then two words that end in NUL.
_PROFILE, _PNG_XMP = b"Raw profile type exif\0", b"XML:com.adobe.xmp\0"
_TWO_WORDS = r"^[^\x00]*\x00[^\x00]*\x00"
_THREE_LINES = r"^[^\n]*\n[^\n]*\n[^\n]*\n"  # before the profile's hexadecimal digits
# RE2's \C is any byte: a file need not be text.
_IN_XMP = r'^\C*?tiff:Orientation(?:="|>)([0-9])\C*$'


class _Metadata(NamedTuple):
    """What a file tells about itself: [] string each, '' where it tells nothing."""

    exif: tf.Tensor
    xmp: tf.Tensor


@tf.autograph.experimental.do_not_convert  # nothing to convert, which takes seconds
def orientation(encoded: tf.Tensor) -> tf.Tensor:
    """[] string, a file -> [] int32: its orientation, 1 to 8; 1 where none is told."""
    readers = [
        (tf.io.is_jpeg(encoded), lambda: _of_jpeg(encoded)),
        (_begins(encoded, PNG), lambda: _of_png(encoded)),
        (_begins(encoded, RIFF), lambda: _of_webp(encoded)),
    ]
    nothing = _Metadata(tf.constant(b""), tf.constant(b""))
    found = _Metadata(*tf.case(readers, default=lambda: nothing))
    block = tf.strings.regex_replace(found.exif, r"^(?:Exif\x00\x00)+", "")
    block = tf.cast(tf.io.decode_raw(block, tf.uint8), tf.int32)
    told = tf.cond(tf.size(block) > 0, lambda: _in_exif(block), lambda: 0)
    told = tf.cond(told > 0, lambda: told, lambda: _in_xmp(found.xmp))
    return tf.where((told >= 1) & (told <= 8), told, 1)


def swaps_sides(turn: tf.Tensor) -> tf.Tensor:
    """[] bool: whether an orientation makes rows of columns."""
    return turn >= 5


def turned(pixels: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    """[height, width, 3] pixels as they lie in a file of this orientation -> upright."""
    steps = tf.gather(tf.constant(_STEPS), turn - 1)
    upright = tf.cond(steps[0], lambda: tf.transpose(pixels, (1, 0, 2)), lambda: pixels)
    upright = tf.cond(steps[1], lambda: upright[::-1], lambda: upright)
    return tf.cond(steps[2], lambda: upright[:, ::-1], lambda: upright)


def _begins(encoded: tf.Tensor, mark: bytes) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, len(mark)) == mark


def _of_jpeg(encoded: tf.Tensor) -> _Metadata:
    head = tf.strings.substr(encoded, 0, header_graph.JPEG_HEAD)
    segments = header_graph.jpeg_segments(tf.io.decode_raw(head, tf.uint8))
    chunks = segments.with_marker(encoded, _APP1)
    exif, xmp = (_begin(encoded, chunks, mark) for mark in (_EXIF, _XMP))
    first = exif & (tf.cumsum(tf.cast(exif, tf.int32)) == 1)
    return _Metadata(chunks.last(encoded, first), chunks.last(encoded, xmp))


def _of_png(encoded: tf.Tensor) -> _Metadata:
    chunks = header_graph.png_chunks(encoded)
    own = chunks.last(encoded, chunks.names == "eXIf")
    has = tf.strings.length(own) > 0
    exif = tf.cond(has, lambda: own, lambda: _profile(encoded, chunks))
    text = chunks.last(encoded, (chunks.names == "iTXt") & _begin(encoded, chunks, _PNG_XMP))
    text = _after(text, len(_PNG_XMP))
    rest = tf.strings.regex_replace(_after(text, 2), _TWO_WORDS, "", replace_global=False)
    return _Metadata(exif, _unpacked(rest, tf.strings.substr(text, 0, 1) == b"\1"))


def _profile(encoded: tf.Tensor, chunks: Chunks) -> tf.Tensor:
    """[] string: the EXIF block of a PNG that has it as text, as ImageMagick writes it."""
    is_text = (chunks.names == "tEXt") | (chunks.names == "zTXt")
    chosen = is_text & _begin(encoded, chunks, _PROFILE)
    packed = tf.reduce_any(chosen & (chunks.names == "zTXt"))
    text = chunks.last(encoded, chosen)
    skipped = len(_PROFILE) + tf.cast(packed, tf.int32)
    text = _unpacked(_after(text, skipped), packed)
    text = tf.strings.regex_replace(text, _THREE_LINES, "", replace_global=False)
    return _from_digits(tf.strings.regex_replace(text, r"\s", ""))


def _from_digits(digits: tf.Tensor) -> tf.Tensor:
    """[] string of hexadecimal digits -> [] string of bytes."""
    code = tf.cast(tf.io.decode_raw(digits, tf.uint8), tf.int32)
    value = tf.where(code <= ord("9"), code - ord("0"), code % 32 + 9)
    pairs = tf.reshape(value[: tf.size(value) // 2 * 2], (-1, 2))
    return header_graph.as_bytes(pairs[:, 0] * 16 + pairs[:, 1])


def _after(text: tf.Tensor, skipped) -> tf.Tensor:
    length = tf.strings.length(text)
    return tf.strings.substr(text, tf.minimum(skipped, length), length)


def _unpacked(text: tf.Tensor, packed: tf.Tensor) -> tf.Tensor:
    packed &= tf.strings.length(text) > 0
    return tf.cond(packed, lambda: tf.io.decode_compressed(text, "ZLIB"), lambda: text)


def _of_webp(encoded: tf.Tensor) -> _Metadata:
    chunks = header_graph.webp_chunks(encoded)
    return _Metadata(*(chunks.last(encoded, chunks.names == name) for name in ("EXIF", "XMP ")))


def _begin(encoded: tf.Tensor, chunks: Chunks, mark: bytes) -> tf.Tensor:
    """[n] bool: which chunks' data begin with some bytes."""
    length = tf.fill(tf.shape(chunks.starts), len(mark))
    return tf.strings.substr(encoded, chunks.starts, length) == mark


def _in_xmp(xmp: tf.Tensor) -> tf.Tensor:
    """[] int32: the orientation that XMP tells, a digit; 0 where it tells none."""
    digit = tf.strings.regex_replace(xmp, _IN_XMP, r"\1")
    return tf.cond(
        tf.strings.regex_full_match(digit, "[0-9]"),
        lambda: tf.strings.to_number(digit, tf.int32),
        lambda: 0,
    )


def _in_exif(block: tf.Tensor) -> tf.Tensor:
    """[] int32: the orientation that a block, [n] int32 bytes, tells.

    0 where it has no such tag; 9, which is none, where what it tells cannot be read.
    """
    last = tf.size(block) - 1
    big = block[0] == ord("M")

    def number(place, width):
        """Bytes as numbers, one after each of the places."""
        digits = tf.gather(block, tf.clip_by_value(place[:, None] + tf.range(width), 0, last))
        digits = tf.where(big, digits, digits[:, ::-1])
        return tf.reduce_sum(digits * tf.constant([256**k for k in range(width)][::-1]), 1)

    begins = tf.constant([0, 2, 4])
    directory, sound = number(begins[2:], 4)[0], number(begins[1:2], 2)[0] == 42
    sound &= (directory >= 8) & (last >= 7)
    entries = tf.where(sound, tf.minimum(number(directory[None], 2)[0], last // _ENTRY), 0)
    place = directory + 2 + _ENTRY * tf.range(entries)
    kind, short = number(place + 2, 2), number(place + 8, 2)
    value = tf.where(kind == 3, short, tf.where(kind == 4, number(place + 8, 4), _NONE))
    value = tf.where(number(place + 4, 4) == 1, value, _NONE)
    told = tf.boolean_mask(value, (number(place, 2) == _ORIENTATION) & (place + _ENTRY <= last + 1))
    unread = tf.where(sound, 0, _NONE)
    return tf.cond(tf.size(told) > 0, lambda: told[-1], lambda: unread)
