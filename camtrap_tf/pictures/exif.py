"""What the header of a picture tells beside pixels: when it was taken, and by which camera.

The time is that of the most trustworthy tag which holds one. Tags of zeros or blanks, as cameras
and programs write where they know nothing, hold none.

source         tags                                 what it is
capture        DateTimeOriginal                     when the picture was taken
digitised      DateTimeDigitized                    the same for a digital camera
maker          a MakerNote of Reconyx               the same, in the camera's own words
xmp            DateTimeOriginal, DateCreated or     what a program made of one of these
               CreateDate in XMP
gps            GPSDateStamp, GPSTimeStamp           in UTC, unless an offset is known
modification   DateTime                             of the file; programs that edit it change it

Cameras number the pictures of a trigger in the comment or description ('M 1/3', '1 of 3'), in the
file's name ('RCNX0012_1of3.JPG') or, Reconyx, in a MakerNote, which also numbers the triggers.
"""

import dataclasses
import datetime
import io
import re
import stat
import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from PIL import Image

from camtrap_tf.core.artifacts import PathLike, as_path, is_remote

# What Pillow's readers raise on damaged files, and warn about.
DAMAGE = (
    OSError, ValueError, SyntaxError, EOFError, MemoryError, struct.error,
    LookupError, ArithmeticError, TypeError, AttributeError, RuntimeError, Warning,
)  # fmt: skip
# Pillow's names of the formats that are read; it reads many more, some by starting other programs.
FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "TIFF", "WEBP")
BLOCK = b"Exif\0\0"  # what an EXIF segment of a JPEG begins with
# Of a PNG: chunks that hold pixels or tell of them as a film, and one that ends the others.
_PIXELS = (b"IDAT", b"fdAT", b"fcTL", b"acTL", b"IEND")
_NO_PIXELS = struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))
_HEAD = 1 << 17  # bytes at the beginning of a file in which a damaged header is looked for
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_MAKER, _MODEL, _SERIAL, _DESCRIPTION = 0x010F, 0x0110, 0xA431, 0x010E
_COMMENT, _MAKER_NOTE = 0x9286, 0x927C
_GPS_TIME, _GPS_DATE = 7, 29


class _Tags(NamedTuple):
    """Where a time stands: its tag, and those of its fraction of a second and its UTC offset."""

    source: str
    time: int
    fraction: int
    offset: int


CAPTURE, DIGITISED, GPS, MODIFICATION = "capture", "digitised", "gps", "modification"
MAKER, XMP = "maker", "xmp"
_TRUSTED = (_Tags(CAPTURE, 0x9003, 0x9291, 0x9011), _Tags(DIGITISED, 0x9004, 0x9292, 0x9012))
_MODIFIED = _Tags(MODIFICATION, 0x0132, 0x9290, 0x9010)

_BURST = re.compile(
    r"(?:\b(?:seq|sequence|burst|m)[ :#._-]*(\d{1,2}) ?/ ?(\d{1,2})"
    r"|(?<!\d)(\d{1,2})[ _-]?of[ _-]?(\d{1,2}))(?!\d)",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?P<year>\d{4})[-:/.](?P<month>\d\d?)[-:/.](?P<day>\d\d?)[T ]+"
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r" ?(?P<half>[AP]M)?\.? ?(?P<offset>Z|[-+]\d\d:?\d\d)?",
    re.IGNORECASE,
)
_IN_XMP = [
    re.compile(name + rb"""(?:=["']|>)\s*([^"'<]+)""")
    for name in (rb"exif:DateTimeOriginal", rb"photoshop:DateCreated", rb"xmp:CreateDate")
]
_OFFSET = re.compile(r"([-+])(\d\d):?(\d\d)")


class _Maker(NamedTuple):
    """Where a MakerNote of Reconyx has what; little-endian.

    Args:
        start: what it begins with.
        trigger: byte that says what released the camera.
        burst, number: place and form of the picture's number and of how many, and of the
            trigger's number: an integer, or its upper and lower half.
        serial, wide: place of the 15 characters of the serial number, and whether they are UTF-16.
        date: place of second, minute, hour, month, day and year, 16 bits each; None = not known.
    """

    start: bytes
    trigger: int
    burst: tuple[int, str]
    number: tuple[int, str]
    serial: int
    wide: bool
    date: int | None = None


# HyperFire and UltraFire agree with pictures of theirs; the last two are from their documents.
_RECONYX = (
    _Maker(b"\x01\xf1", 12, (14, "<2H"), (18, "<2H"), 42, wide=True, date=22),
    _Maker(b"RECONYXH2\0", 0x34, (0x36, "<2H"), (0x3A, "<2H"), 0x7E, wide=True, date=0x3E),
    _Maker(b"RECONYXUF\0", 0x34, (0x35, "<2B"), (0x37, "<I"), 0x4B, wide=False),
    _Maker(b"RECONYXMF\0", 0x44, (0x46, "<2H"), (0x4A, "<2H"), 0x8C, wide=True),
    _Maker(b"RECONYXHF4K\0", 0x28, (0x29, "<2B"), (0x2B, "<I"), 0x84, wide=False),
)
_RELEASED = b"METCP"  # by motion, an external sensor, the clock, without its code, by hand


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a header tells.

    Args:
        taken: when, camera-local; None where no tag holds a time.
        source: which tag that was, see the module's description.
        offset: of the camera's clock from UTC, minutes, where it is written beside the time.
        camera: maker, model and serial number, as far as they are known.
        burst: which picture of how many of one trigger, from 1.
        trigger: the camera's own number of the trigger.
    """

    taken: datetime.datetime | None = None
    source: str | None = None
    offset: int | None = None
    camera: str | None = None
    burst: tuple[int, int] | None = None
    trigger: int | None = None


def read(path: PathLike) -> Facts:
    """What the header of a file tells, without decoding pixels.

    Of a damaged file what can be read; nothing where there is no such file, or what is none.
    """
    name = str(path).replace("\\", "/").rpartition("/")[2]
    remote = _fetched(path) if is_remote(path) else None
    try:
        if not is_remote(path) and not stat.S_ISREG(as_path(path).stat().st_mode):
            return facts(None, name)  # a pipe would be waited for
        with remote or as_path(path).open("rb") as file:
            try:
                image = Image.open(file, formats=FORMATS)
                exif, words = told(image)
                return facts(exif, name, words)
            except DAMAGE:
                file.seek(0)
                return facts(load(_block(file.read(_HEAD))), name)
    except DAMAGE:
        return facts(None, name)


def _fetched(path: PathLike) -> io.BytesIO:
    """A remote file's bytes; errors of its store are passed on."""
    try:
        return io.BytesIO(as_path(path).read_bytes())
    except (FileNotFoundError, IsADirectoryError):
        return io.BytesIO()


def load(block: bytes) -> Image.Exif | None:
    """The EXIF of a block; None where it is damaged, which is not about pixels."""
    exif = Image.Exif()
    try:
        exif.load(block)
        return exif
    except DAMAGE:
        return None


def told(image: Image.Image) -> tuple[Image.Exif | None, bytes]:
    """EXIF (None where it is damaged) and XMP of an image, without a look at its pixels."""
    try:
        image = _without_pixels(image) if image.format == "PNG" else image
        # Pillow's own `getexif` of a PNG decodes all of it, whatever memory that takes.
        return Image.Image.getexif(image), _xmp(image)
    except DAMAGE:
        return None, _xmp(image)


def _without_pixels(image: Image.Image) -> Image.Image:
    """A PNG that has its chunks before the pixels, also those that stand after them."""
    file = image.fp  # pyright: ignore[reportAttributeAccessIssue]
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    parts, at = [content[:8]], 8
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if kind not in _PIXELS:
            parts.append(content[at : at + 12 + size])
        at += 12 + size
    return Image.open(io.BytesIO(b"".join([*parts, _NO_PIXELS])), formats=("PNG",))


def _xmp(image: Image.Image) -> bytes:
    """The XMP of a JPEG, PNG, TIFF or WebP; nothing where it has none."""
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return found if isinstance(found, bytes) else str(found).encode("utf-8", "replace")


def facts(exif: Image.Exif | None, name: str = "", xmp: bytes = b"") -> Facts:
    """What an EXIF tells, and the name of its file, and its XMP."""
    if not exif:
        taken, offset = _xmp_time(xmp)
        return Facts(taken, XMP if taken else None, offset, burst=burst_in(name))
    own = _directory(exif, _EXIF_IFD)
    taken, source, offset = _time(exif, own, xmp)
    burst, trigger, serial = _reconyx(own.get(_MAKER_NOTE))
    written = (exif.get(_DESCRIPTION), own.get(_COMMENT), name)
    burst = burst or next(filter(None, (burst_in(text(one)) for one in written)), None)
    named = (exif.get(_MAKER), exif.get(_MODEL), own.get(_SERIAL) or serial)
    camera = " ".join(filter(None, map(text, named))) or None
    return Facts(taken, source, offset, camera, burst, trigger)


def burst_in(words: str) -> tuple[int, int] | None:
    """Which picture of how many, where a text says so.

    >>> burst_in("RCNX0012_2of3.JPG"), burst_in("M 1/3"), burst_in("5/12/2019")
    ((2, 3), (1, 3), None)
    """
    found = _BURST.search(words)
    if not found:
        return None
    return _plausible(*(int(number) for number in found.groups() if number))


def parse(words: str) -> tuple[datetime.datetime | None, int | None]:
    """A time as cameras write it, and its offset from UTC in minutes; None where there is none.

    >>> parse("2024:05:01 10:13:17")
    (datetime.datetime(2024, 5, 1, 10, 13, 17), None)
    >>> parse("2024-05-01T24:00:05.5+02:00")
    (datetime.datetime(2024, 5, 2, 0, 0, 5, 500000), 120)
    >>> parse("2024/5/1 10:13 PM"), parse("0000:00:00 00:00:00")
    ((datetime.datetime(2024, 5, 1, 22, 13), None), (None, None))
    """
    found = _TIME.match(words)
    if not found:
        return None, None
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    if found["half"] and hour <= 12:
        hour = hour % 12 + 12 * (found["half"].upper() == "PM")
    if hour > 24 or minute > 59 or second > 60:
        return None, None
    since = datetime.timedelta(hours=hour, minutes=minute, seconds=second)
    try:
        day = datetime.datetime(int(found["year"]), int(found["month"]), int(found["day"]))
        return day + since + _fraction(found["fraction"]), _minutes(found["offset"] or "")
    except (ValueError, OverflowError):
        return None, None


def text(value: object) -> str:
    """An EXIF value as text without padding; an odd byte as a question mark."""
    if isinstance(value, bytes):  # a comment begins with the name of its code in eight bytes
        value = value.removeprefix(b"ASCII\0\0\0").decode("ascii", "replace")
    return " ".join(str(value or "").replace("\0", " ").encode("utf-8", "replace").decode().split())


def _block(head: bytes) -> bytes:
    """The EXIF segment of a JPEG of which no more can be read."""
    at = head.find(BLOCK)
    return b"" if at < 0 else head[at : at + 0xFFFF]


def _directory(exif: Image.Exif, tag: int) -> Mapping[int, object]:
    """A directory inside an EXIF; nothing where it is damaged."""
    try:
        return exif.get_ifd(tag)
    except DAMAGE:
        return {}


def _time(
    exif: Image.Exif, own: Mapping[int, object], xmp: bytes
) -> tuple[datetime.datetime | None, str | None, int | None]:
    """Time, source and offset of the first tag that holds a time, in the order of trust."""
    for tags in _TRUSTED:
        taken, offset = _tagged(own.get(tags.time), own, tags)
        if taken:
            return taken, tags.source, offset
    offset = next(filter(None, (_minutes(text(own.get(t.offset))) for t in _TRUSTED)), None)
    if taken := _maker_time(own.get(_MAKER_NOTE)):
        return taken, MAKER, offset
    taken, beside = _xmp_time(xmp)
    if taken:
        return taken, XMP, beside
    taken = _gps_time(_directory(exif, _GPS_IFD))
    if taken:
        return taken + datetime.timedelta(minutes=offset or 0), GPS, offset
    taken, offset = _tagged(exif.get(_MODIFIED.time), own, _MODIFIED)
    return taken, MODIFICATION if taken else None, offset


def _tagged(
    value: object, own: Mapping[int, object], tags: _Tags
) -> tuple[datetime.datetime | None, int | None]:
    """A tag's time with the fraction of a second and the offset that stand beside it."""
    taken, offset = parse(text(value))
    if taken is None:
        return None, None
    if not taken.microsecond:
        taken += _fraction(text(own.get(tags.fraction)))
    beside = _minutes(text(own.get(tags.offset)))
    return taken, beside if beside is not None else offset


def _fraction(digits: str | None) -> datetime.timedelta:
    """A fraction of a second, given by its decimal digits."""
    if not digits or not digits.isascii() or not digits.isdigit():
        return datetime.timedelta()
    return datetime.timedelta(microseconds=int(digits[:6].ljust(6, "0")))


def _minutes(words: str) -> int | None:
    """A UTC offset in minutes; cameras' zones lie within 15 hours.

    >>> _minutes("-09:30"), _minutes("Z"), _minutes("")
    (-570, 0, None)
    """
    if words.upper() == "Z":
        return 0
    found = _OFFSET.fullmatch(words)
    if not found or int(found[2]) > 15 or int(found[3]) > 59:
        return None
    return int(found[1] + "1") * (60 * int(found[2]) + int(found[3]))


def _gps_time(gps: Mapping[int, object]) -> datetime.datetime | None:
    """The time of the satellites, UTC."""
    try:
        hour, minute, second = (float(part) for part in gps[_GPS_TIME])  # pyright: ignore
        day, _ = parse(f"{text(gps[_GPS_DATE])} 00:00:00")
        since = datetime.timedelta(hours=hour, minutes=minute, seconds=second)
        return day and (day + since).replace(microsecond=0)
    except DAMAGE:
        return None


def _maker_time(note: object) -> datetime.datetime | None:
    """The time in a MakerNote of Reconyx."""
    maker = _maker(note)
    if maker is None or maker.date is None or not isinstance(note, bytes):
        return None
    second, minute, hour, month, day, year = struct.unpack_from("<6H", note, maker.date)
    try:
        return datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _xmp_time(xmp: bytes) -> tuple[datetime.datetime | None, int | None]:
    """The time that an XMP holds, and its UTC offset.

    >>> _xmp_time(b'<rdf:Description xmp:CreateDate="2024-05-01T10:13:17+02:00"/>')
    (datetime.datetime(2024, 5, 1, 10, 13, 17), 120)
    """
    found = (one.search(xmp) for one in _IN_XMP)
    times = (parse(text(one[1])) for one in found if one)
    return next((time for time in times if time[0]), (None, None))


def _maker(note: object) -> _Maker | None:
    """Which MakerNote of Reconyx this is; None for anything else."""
    if not isinstance(note, bytes):
        return None
    maker = next((maker for maker in _RECONYX if note.startswith(maker.start)), None)
    if maker is None or len(note) < maker.serial or note[maker.trigger] not in _RELEASED:
        return None
    return maker


def _reconyx(note: object) -> tuple[tuple[int, int] | None, int | None, str | None]:
    """Burst, number of the trigger and serial number of a MakerNote of Reconyx."""
    maker = _maker(note)
    if maker is None or not isinstance(note, bytes):
        return None, None, None
    burst = _plausible(*struct.unpack_from(maker.burst[1], note, maker.burst[0]))
    *upper, number = struct.unpack_from(maker.number[1], note, maker.number[0])
    serial = note[maker.serial : maker.serial + (30 if maker.wide else 15)]
    words = serial.decode("utf-16-le" if maker.wide else "ascii", "replace").partition("\0")[0]
    # Pictures by the clock have the number of the trigger before them.
    return burst, ((upper[0] << 16 if upper else 0) + number) if burst else None, words


def _plausible(position: int, size: int) -> tuple[int, int] | None:
    return (position, size) if 1 <= position <= size < 100 else None
