"""How many pixels a PNG, GIF, BMP or WebP has, told by its header inside a TensorFlow graph.

TensorFlow has such an op for JPEGs alone.
"""

import tensorflow as tf

_PNG, _GIF, _BMP = b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM"
_WEBP, _WEBP_SIDES = b"RIFF....WEBPVP8", 1 << 14  # a simple one's sides take 14 bits each
_ANIMATED = 2  # a flag of an extended one
_TOO_MANY = 1 << 40  # for what is none of these


def pixels(encoded: tf.Tensor) -> tf.Tensor:
    """[] string, a file -> [] int64: its pixels, of a GIF those of all frames, at the most.

    A GIF's decoder unpacks all its frames, whichever is asked for. Each but the first begins
    behind the end of a block, with the bytes 00 2C; these may stand elsewhere, too.
    """
    head = tf.pad(tf.io.decode_raw(tf.strings.substr(encoded, 0, 64), tf.uint8), [[0, 64]])
    head = tf.cast(head, tf.int64)

    def number(at: int, count: int, little: bool) -> tf.Tensor:
        places = range(count) if little else range(count - 1, -1, -1)
        return tf.add_n([head[at + i] * 256**place for place, i in enumerate(places)])

    def begins(mark: bytes) -> tf.Tensor:
        return tf.strings.substr(encoded, 0, len(mark)) == mark

    def of_bmp() -> tf.Tensor:
        height = number(22, 4, little=True)
        height = tf.where(height >= 1 << 31, (1 << 32) - height, height)  # from the top down
        return number(18, 4, little=True) * height

    def of_gif() -> tf.Tensor:
        screen = number(6, 2, little=True) * number(8, 2, little=True)
        return screen * _frames(encoded)

    def of_webp() -> tf.Tensor:
        kind, bits = head[15], number(21, 4, little=True)  # the letter behind VP8
        simple = (number(26, 2, little=True) % _WEBP_SIDES) * (
            number(28, 2, little=True) % _WEBP_SIDES
        )
        lossless = (bits % _WEBP_SIDES + 1) * (bits // _WEBP_SIDES % _WEBP_SIDES + 1)
        whole = (number(24, 3, little=True) + 1) * (number(27, 3, little=True) + 1)
        whole = tf.where(head[20] // _ANIMATED % 2 == 1, _TOO_MANY, whole)
        return tf.case(
            [(kind == ord("X"), lambda: whole), (kind == ord("L"), lambda: lossless)],
            default=lambda: simple,
        )

    return tf.case(
        [
            (tf.strings.regex_full_match(tf.strings.substr(encoded, 0, 15), _WEBP), of_webp),
            (begins(_PNG), lambda: number(16, 4, little=False) * number(20, 4, little=False)),
            (begins(_GIF), of_gif),
            (begins(_BMP), of_bmp),
        ],
        default=lambda: tf.constant(_TOO_MANY, tf.int64),
        exclusive=True,
    )


def _frames(encoded: tf.Tensor) -> tf.Tensor:
    content = tf.io.decode_raw(encoded, tf.uint8)
    marks = tf.logical_and(content[:-1] == 0, content[1:] == 0x2C)
    return 1 + tf.reduce_sum(tf.cast(marks, tf.int64))
