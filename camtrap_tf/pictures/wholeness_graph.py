"""Whether a JPEG that decodes is doubtful (`wholeness`), told inside TensorFlow graphs.

TensorFlow's decoder gives libjpeg's warnings to nobody but the log. What they say of picture data
shows in pixels all the same, if a picture is decoded again with its data changed at their end:

- if other last bytes give the same last rows, the decoder did not use them: there are more data
  than picture;
- if more data give other last rows, a little is missing; if these end in the grey of a decoder
  without data, and other last bytes with nothing behind them give the same, much is.

It is decoded with a header that makes it a row of blocks higher than it is, which nobody looks at:
so libjpeg does not come to the end of the data, and has nothing to say of those that are changed.

Data between two restart markers are a picture of their own: they are told one by one. So what
is damaged anywhere is noticed where the data after it no longer fit, as libjpeg does. Of
progressive JPEGs, and those with a scan for each colour, nothing is told: several scans make the
same pixels.
"""

from typing import NamedTuple

import tensorflow as tf

from camtrap_tf.pictures import header_graph
from camtrap_tf.pictures.header_graph import numbers

_BASELINE, _INTERVAL = (0xC0, 0xC1), 0xDD  # markers: frames in one scan; how far restarts are apart
_FILLED = 8  # bytes of 0xFF that fill before a marker, at most
_END = b"\xff\xd9"
_RESTART = 0xD0  # to 0xD7
_MOST_PARTS = 10_000  # of a scan, between restart markers
_MOST_SIDE = 65_500  # of a JPEG, pixels
_ROWS = 16  # of pixels, at the bottom: a row of the largest blocks
_GREY = 128
_CHANGED = 8  # bytes at the end of data: libjpeg reads as many ahead, and misses no fewer
_DCT = "INTEGER_ACCURATE"
# What each byte is changed to: to small numbers, and to large ones, since a small change may be
# none when pixels are rounded. None is 0xFF, which would begin a marker.
_OTHER = [
    [bytes([value ^ mask ^ (8 if value ^ mask == 0xFF else 0)]) for value in range(256)]
    for mask in (0x55, 0xEE)
]
_ZEROS = bytes(4096)  # which any table of codes can read: a decoder that wants more gets them
# Enough to show where the first blocks that take it are white or black whatever is added.
_NOISE = b"\x35\xca\x5d\x93\x6e\xb1\x2c\xd7\x49\xe6\x1b\xa4\x7f\x82\xc5\x38" * 32


class _Scan(NamedTuple):
    """A JPEG of one scan.

    Args:
        before: [] string, all up to the picture data.
        frame: [] int32, the place of its frame's marker.
        size: [2] int32, height and width in pixels.
        block: [2] int32, those of the pixels that are coded together.
        interval: [] int32, how many of these lie between restart markers; 0: there are none.
        starts, ends: [n] int32, of its data, between restart markers.
        numbers: [n - 1] int32, of these markers, from 0 to 7.
    """

    before: tf.Tensor
    frame: tf.Tensor
    size: tf.Tensor
    block: tf.Tensor
    interval: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor
    numbers: tf.Tensor


@tf.autograph.experimental.do_not_convert  # nothing to convert, which takes seconds
def doubtful(encoded: tf.Tensor) -> tf.Tensor:
    """[] string, a file that decodes -> [] bool: it is a JPEG that seems to be damaged inside."""
    return tf.cond(tf.io.is_jpeg(encoded), lambda: _of_jpeg(encoded), lambda: False)


def _of_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    head = tf.io.decode_raw(tf.strings.substr(encoded, 0, header_graph.JPEG_HEAD), tf.uint8)
    segments = header_graph.jpeg_segments(head)
    frame = segments.last(*_BASELINE)
    one = tf.cond(
        (frame > 0) & (segments.data > 0),
        lambda: _in_one_scan(encoded, frame, segments.places[-1]),
        lambda: False,
    )
    return tf.cond(one, lambda: ~_fits(encoded, _scan(encoded, segments, frame)), lambda: False)


def _in_one_scan(encoded: tf.Tensor, frame: tf.Tensor, scan: tf.Tensor) -> tf.Tensor:
    """[] bool: whether a scan has all colours of the frame, which are one or three."""
    colours, here = tf.unstack(numbers(encoded, tf.stack([frame + 9, scan + 4]), 1))
    return (colours == here) & ((colours == 1) | (colours == 3))


def _scan(encoded: tf.Tensor, segments: header_graph.Segments, frame: tf.Tensor) -> _Scan:
    size = numbers(encoded, frame + [5, 7], 2)
    colours = numbers(encoded, frame[None] + 9, 1)[0]
    sampling = numbers(encoded, frame + 11 + 3 * tf.range(colours), 1)
    most = tf.stack([tf.reduce_max(sampling % 16), tf.reduce_max(sampling // 16)])
    told = segments.last(_INTERVAL)
    interval = tf.where(told > 0, numbers(encoded, told[None] + 4, 2)[0], 0)
    return _Scan(
        tf.strings.substr(encoded, 0, segments.data),
        frame,
        size,
        8 * tf.where(colours > 1, most, 1),
        interval,
        *_parts(tf.io.decode_raw(encoded, tf.uint8), segments.data, interval),
    )


def _parts(content: tf.Tensor, start: tf.Tensor, interval: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Starts and ends of a scan's data, [n] int32, and numbers of the markers between, [n - 1].

    Args:
        content: [m] uint8, of the file.
        start: [] int32, of the data.
        interval: as of `_Scan`.
    """
    padded = tf.pad(content, [[_FILLED, 1]])
    places = tf.cast(tf.where(content == 0xFF)[:, 0], tf.int32)
    places = tf.boolean_mask(places, places >= start)
    second = tf.gather(padded, places + _FILLED + 1)
    restart = (second // 8 == _RESTART // 8) & (interval > 0)
    is_end = (second != 0) & (second != header_graph.FILL) & ~restart
    end = tf.concat([tf.boolean_mask(places, is_end), tf.size(content)[None]], 0)[0]
    between = restart & (places < end)
    cuts = tf.boolean_mask(places, between)
    starts, ends = tf.concat([start[None], cuts + 2], 0), tf.concat([cuts, end[None]], 0)
    before = tf.gather(padded, ends[:, None] + tf.range(_FILLED)[::-1]) == header_graph.FILL
    filled = tf.reduce_sum(tf.math.cumprod(tf.cast(before, tf.int32), 1), 1)
    return starts, ends - filled, tf.cast(tf.boolean_mask(second, between), tf.int32) - _RESTART


def _fits(encoded: tf.Tensor, scan: _Scan) -> tf.Tensor:
    """[] bool: whether the data are as many as the picture needs."""
    across, down = tf.unstack(-(-scan.size // scan.block)[::-1])
    whole = tf.where(scan.interval > 0, scan.interval, across * down)
    parts = -(-across * down // whole)
    in_order = tf.reduce_all(scan.numbers == tf.range(tf.size(scan.numbers)) % 8)
    sound = in_order & (tf.size(scan.starts) == parts)

    def of_part(part):
        """A part as a picture of whole blocks: some rows where it is such, else a single one."""
        start, end, number = part
        blocks = tf.minimum(whole, across * down - number * whole)
        rows = tf.where(whole % across == 0, blocks // across, 1)
        size, higher = (tf.stack([down, blocks // rows]) * scan.block for down in (rows, rows + 1))
        data = tf.strings.substr(encoded, start, end - start)
        told = (tf.reduce_max(higher) <= _MOST_SIDE) & (end - start > 2 * _CHANGED)
        # Few data are counted alone: each 8 x 8 pixels take two codes, a bit each at least.
        enough = 8 * (end - start) >= 2 * blocks * tf.reduce_prod(scan.block // 8)
        return tf.cond(
            told, lambda: _ends_together(_resized(scan, higher), data, size), lambda: enough
        )

    def all_parts():
        given = scan.starts, scan.ends, tf.range(parts)
        return tf.reduce_all(tf.map_fn(of_part, given, fn_output_signature=tf.bool))

    return sound & tf.cond(sound & (parts <= _MOST_PARTS), all_parts, lambda: True)


def _resized(scan: _Scan, size: tf.Tensor) -> tf.Tensor:
    """[] string: what stands before the data, for a picture of another height and width."""
    sides = header_graph.as_bytes(tf.reshape(tf.stack([size // 256, size % 256], 1), [-1]))
    begin = tf.strings.substr(scan.before, 0, scan.frame + 5)
    length = tf.strings.length(scan.before)
    return begin + sides + tf.strings.substr(scan.before, scan.frame + 9, length)


def _ends_together(before: tf.Tensor, data: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """[] bool: whether a picture and its data end together.

    Args:
        before: [] string, the header of a JPEG without restart markers, higher than the picture.
        data: [] string, of its picture.
        size: [2] int32, height and width of the picture.
    """

    def rows(changed):
        high = tf.minimum(size[0], _ROWS)
        window = tf.stack([size[0] - high, 0, high, size[1]])
        # Without fancy upscaling no row needs the one below it.
        return tf.io.decode_and_crop_jpeg(
            before + changed + _END, window, channels=3, fancy_upscaling=False, dct_method=_DCT
        )

    def unused():
        """Whether whatever stands at the end is not looked at."""
        return tf.reduce_all(found == rows(kept + _changed(last, _OTHER[1]) + _NOISE))

    def lacking():
        """Whether the decoder takes more than there is, or ended long before in grey."""
        grey = tf.reduce_all(found[-8:, -8:] == _GREY)
        return tf.reduce_any(found != rows(data + _NOISE)) | tf.cond(grey, ended, lambda: False)

    def ended():
        return tf.reduce_all(found == rows(kept + _changed(last, _OTHER[0])))

    length = tf.strings.length(data)
    # A zero behind 0xFF belongs to it: both are changed, or none.
    place = length - _CHANGED
    place -= tf.cast(tf.strings.substr(data, place - 1, 1) == b"\xff", tf.int32)
    kept, last = tf.strings.substr(data, 0, place), tf.strings.substr(data, place, length)
    found = rows(data)
    same = tf.reduce_all(found == rows(kept + _changed(last, _OTHER[0]) + _ZEROS))
    left_over = tf.cond(same, unused, lambda: False)
    return ~tf.cond(left_over, lambda: True, lacking)


def _changed(data: tf.Tensor, other: list[bytes]) -> tf.Tensor:
    """[] string, each byte replaced by what stands at its place in a table."""
    places = tf.cast(tf.io.decode_raw(data, tf.uint8), tf.int32)
    return tf.strings.reduce_join(tf.gather(tf.constant(other), places))
