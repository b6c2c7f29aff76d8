"""Whether a JPEG file is whole, as its bytes and its decoder tell.

Decoders fill what is missing with grey, or read what was written over it as picture data, and do
not complain. So a picture is refused whose end marker cannot be reached: the file was cut off, or
its tail is zeros or 0xFF. TensorFlow's decoder refuses the same files by itself.

A picture that has its end but where libjpeg finds something wrong on the way (clusters of a card
that were lost, restart markers out of order, a bit that flipped) is doubtful: it is answered, and
the answer says so. Without simplejpeg, which passes libjpeg's warnings on, that can be told of long
runs of one byte and of restart markers alone. `wholeness_graph` says the same inside graphs.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

START = b"\xff\xd8"
NO_END = "damaged: its data ends before the picture does"
MISSING, LEFT_OVER = "picture data is missing inside", "there is more picture data than picture"
INVALID, DISORDER = "picture data is invalid inside", "restart markers are out of order"
OVERWRITTEN = "picture data is overwritten inside"

# What libjpeg says of a damaged JPEG that it decodes all the same.
_WARNINGS = {
    "premature end of data segment": MISSING,
    "extraneous bytes before marker": LEFT_OVER,
    "bad Huffman code": INVALID,
    "bad arithmetic code": INVALID,
    "instead of RST": DISORDER,
}
_END, _SCAN, _ALONE = 0xD9, 0xDA, 0x01  # markers: end, start of a scan, one without a length
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")  # but those that stand in picture data
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_RUNS = (bytes(512), b"\xff" * 64)  # a sector of zeros; a few fill bytes before a marker are legal


class _Scan(NamedTuple):
    """Where picture data lies: from the marker that starts it to the one after it."""

    start: int
    end: int


def has_end(content: bytes) -> bool:
    r"""Whether a decoder that starts at the beginning of a JPEG reaches its end marker.

    >>> has_end(START + b"\xff\xda\0\4\0\0 data \xff\0 data \xff\xd9"), has_end(START + bytes(99))
    (True, False)
    """
    return any(scan is None for scan in _scans(content))


def doubt(content: bytes, warning: str = "") -> str | None:
    """What is wrong with a JPEG that decodes; None where nothing is known to be.

    Args:
        content: the file.
        warning: of libjpeg, where it is known.
    """
    for words, reason in _WARNINGS.items():
        if words in warning:
            return reason
    return next(filter(None, (_look(content, scan) for scan in _scans(content) if scan)), None)


def _look(content: bytes, scan: _Scan) -> str | None:
    """What the bytes of a scan tell."""
    if any(content.find(run, scan.start, scan.end) >= 0 for run in _RUNS):
        return OVERWRITTEN
    numbers = [found[1][0] & 7 for found in _RESTART.finditer(content, scan.start, scan.end)]
    return DISORDER if any(n != place % 8 for place, n in enumerate(numbers)) else None


def _scans(content: bytes) -> Iterator[_Scan | None]:
    """The scans of a JPEG, then None where the end marker is reached."""
    at, scan = len(START), None
    while marker := _MARKER.search(content, at):
        if scan is not None:
            yield _Scan(scan, marker.start())
            scan = None
        if marker[1][0] == _END:
            yield None
            return
        at = marker.end()
        if marker[1][0] == _ALONE:
            continue
        if at + 2 > len(content):
            return
        at += int.from_bytes(content[at : at + 2], "big")
        scan = at if marker[1][0] == _SCAN else None
