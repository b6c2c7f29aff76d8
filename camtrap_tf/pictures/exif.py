"""What a picture's EXIF tells: time, camera, and which picture of a burst it is."""

import datetime
import re
import struct

from PIL import Image

from camtrap_tf.core.artifacts import PathLike

_BURST = re.compile(
    r"(?:\b(?:seq|sequence|burst|m)[ :#._-]*(\d{1,2}) ?/ ?(\d{1,2})"
    r"|(?<!\d)(\d{1,2})[ _-]?of[ _-]?(\d{1,2}))(?!\d)",
    re.IGNORECASE,
)
_MAKER, _MODEL, _SERIAL, _DESCRIPTION, _COMMENT = 0x010F, 0x0110, 0xA431, 0x010E, 0x9286


_EXIF_IFD, _DATE_TIME_ORIGINAL, _DATE_TIME, ORIENTATION = 0x8769, 0x9003, 0x0132, 0x0112


# What Pillow's readers raise on damaged files, and warn about.
DAMAGE = (
    OSError, ValueError, SyntaxError, EOFError, MemoryError, struct.error,
    LookupError, ArithmeticError, TypeError, AttributeError, RuntimeError, Warning,
)  # fmt: skip


def taken(path: PathLike) -> datetime.datetime | None:
    """EXIF time of a picture file, camera-local, without decoding pixels; None if unknown."""
    try:
        with Image.open(path) as image:
            return time_of(read_exif(image))
    except DAMAGE:
        return None


def burst_in(text: str) -> tuple[int, int] | None:
    """Which picture of how many, where a text says so.

    >>> burst_in("RCNX0012_2of3.JPG"), burst_in("M 1/3"), burst_in("5/12/2019")
    ((2, 3), (1, 3), None)
    """
    found = _BURST.search(text)
    if not found:
        return None
    position, size = (int(number) for number in found.groups() if number)
    return (position, size) if 1 <= position <= size else None


def read_exif(source: Image.Image | bytes) -> Image.Exif | None:
    """The EXIF of an image or a block; None where it is damaged, which is not about pixels."""
    try:
        if isinstance(source, Image.Image):
            return source.getexif()
        exif = Image.Exif()
        exif.load(source)
        return exif
    except DAMAGE:
        return None


def time_of(exif: Image.Exif | None) -> datetime.datetime | None:
    """When a picture was taken, camera-local; None if unknown."""
    if exif is None:
        return None
    try:
        text = exif.get_ifd(_EXIF_IFD).get(_DATE_TIME_ORIGINAL) or exif.get(_DATE_TIME, "")
        return datetime.datetime.strptime(text.strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")
    except DAMAGE:
        return None


def camera_of(exif: Image.Exif | None) -> str | None:
    """Make, model and serial number; None if unknown."""
    if not exif:
        return None
    try:
        values = (exif.get(_MAKER), exif.get(_MODEL), exif.get_ifd(_EXIF_IFD).get(_SERIAL))
    except DAMAGE:
        return None
    return " ".join(filter(None, map(_text, values))) or None


def burst_of(exif: Image.Exif | None) -> tuple[int, int] | None:
    """Which picture of how many; None if unknown."""
    if not exif:
        return None
    try:
        values = (exif.get(_DESCRIPTION), exif.get_ifd(_EXIF_IFD).get(_COMMENT))
    except DAMAGE:
        return None
    return next(filter(None, (burst_in(_text(value)) for value in values)), None)


def _text(value: object) -> str:
    """An EXIF value as text without padding; an odd byte as a question mark."""
    if isinstance(value, bytes):  # a comment begins with the name of its code in eight bytes
        value = value.removeprefix(b"ASCII\0\0\0").decode("ascii", "replace")
    return " ".join(str(value or "").replace("\0", " ").encode("utf-8", "replace").decode().split())
