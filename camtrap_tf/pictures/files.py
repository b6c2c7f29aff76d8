"""Picture files: find them, read them into the stored square, say why one cannot be read.

NumPy and Pillow; simplejpeg, where it is installed, decodes common JPEGs to the same pixels a
little faster, and Pillow does not look at their headers then. `graph.py` does the same inside
TensorFlow graphs; tests hold the three together.
"""

import contextlib
import dataclasses
import io
import os
import stat
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from camtrap_tf.core.artifacts import PathLike, as_path, is_remote
from camtrap_tf.core.config import Fit, PictureSpec
from camtrap_tf.pictures import exif, memory, pillow_inside, wholeness

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
)
# What systems and servers keep beside people's files: what was deleted, previews, rescued pieces.
SYSTEM_FOLDERS = frozenset({
    "$recycle.bin", "recycler", "recycled", "system volume information", "found.000", "lost+found",
    "__macosx", "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot",
})  # fmt: skip
HIDDEN_FOLDER, SYSTEM_FOLDER = "hidden folder: not searched", "system folder: not searched"
# Larger ones are refused as implausible for a camera trap, before anything is decoded.
MAX_PIXELS, MAX_BYTES = 200_000_000, 200_000_000
# Goes up when a file gives other pixels than before: a folder of shards is made by one rule.
RULE = 2
COARSE = 12  # colours along the longer side of a blurred picture
MARGIN = 0.1  # around a detected box, share of its longer side
BAR_WHITE, BAR_BLACK, BAR_ROW = 224, 8, 0.6  # a bar's row: this share of pixels white or black

Image.MAX_IMAGE_PIXELS = None  # our own limit instead
pillow_inside.reuse_memory()
_ORIENTATION = 0x0112
_SPARE = 1.25
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTERS = (_UPRIGHT[5], _UPRIGHT[6], _UPRIGHT[7], _UPRIGHT[8])
# Of a JPEG: marker and length of a segment, the frame that tells the size,
# and segments that say nothing about it (tables, comments, applications without a second word).
_SEGMENT, _FRAME = struct.Struct(">HH"), struct.Struct(">BHHB")
_FRAME_MARKERS, _APP1 = (0xFFC0, 0xFFC1, 0xFFC2), 0xFFE1
_PASSED = frozenset((0xFFC4, 0xFFDB, 0xFFDD, 0xFFFE, 0xFFE0, *range(0xFFE3, 0xFFF0)))
_QUICK = (("JPEG", "RGB"), ("JPEG", "L"))  # formats and modes that simplejpeg reads alike
_FULL = {"F": (1, 255), "I": (255,)}  # by mode, what white may be where no number is larger
_GRAPH_MODES = {"JPEG": ("RGB", "L"), "PNG": ("RGB", "L", "RGBA")}  # that a graph reads alike
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class PictureError(Exception):
    """A picture cannot be read; the message is the reason, without the path."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture as read.

    Args:
        pixels: [size, size, 3] uint8, red, green, blue.
        width, height: of the file, pixels, after EXIF rotation.
        facts: what its header tells.
        doubt: what seems to be damaged inside (`wholeness`); None if nothing does.
    """

    pixels: np.ndarray
    width: int
    height: int
    facts: exif.Facts
    doubt: str | None = None


def find(
    folder: PathLike, skip: Callable[[str, str], None] = lambda path, reason: None
) -> Iterator[str]:
    """Yields paths of picture files below `folder`, relative to it with '/', sorted.

    Hidden files and folders, and those of the system, are passed over.

    Args:
        folder: where to look.
        skip: is told of each folder that is passed over, and why.
    """
    waiting = [""]
    while waiting:
        below = waiting.pop()
        names, folders = _entries(os.path.join(folder, below), below, skip)
        yield from (below + name for name in names)
        for name in folders:
            if reason := passed_over(name):
                skip(below + name, reason)
        waiting += [f"{below}{name}/" for name in reversed(folders) if not passed_over(name)]


def _entries(
    folder: str, below: str, skip: Callable[[str, str], None]
) -> tuple[list[str], list[str]]:
    """Names of picture files and of folders in a folder, sorted; links to folders are neither."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        skip(below.rstrip("/") or ".", f"folder cannot be opened: {error.strerror}")
        return [], []
    folders = [entry.name for entry in entries if is_folder(entry, links=False)]
    files = [one.name for one in entries if is_picture_name(one.name) and not is_folder(one)]
    return files, folders


def is_folder(entry: os.DirEntry, links: bool = True) -> bool:
    """Whether a directory entry is a folder, or a link to one; false where that cannot be told."""
    try:
        return entry.is_dir(follow_symlinks=links)
    except OSError:  # a link to itself, a folder that may not be searched
        return False


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is taken for a picture.

    >>> is_picture_name("IMG_1.JPG"), is_picture_name(".IMG_1.JPG"), is_picture_name("IMG_1.AVI")
    (True, False, False)
    """
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def passed_over(folder: str) -> str:
    """Why a folder of this name is not searched for pictures; '' where it is.

    >>> passed_over("@eaDir"), passed_over(".Trashes"), passed_over("100RECNX")
    ('system folder: not searched', 'hidden folder: not searched', '')
    """
    if folder.casefold() in SYSTEM_FOLDERS:
        return SYSTEM_FOLDER
    return HIDDEN_FOLDER if folder.startswith(".") else ""


def is_text(path: str) -> bool:
    r"""Whether a file's name is valid UTF-8, as tables and records need it.

    >>> is_text("müsli.jpg"), is_text("m\udcfcsli.jpg")
    (True, False)
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclasses.dataclass(frozen=True)
class Stored:
    """A picture as a shard holds it.

    Args:
        encoded: the file's bytes.
        histogram: [3, 256] int64, pixels of the square by channel and value.
        doubt: as of `Picture`.
        part: the same of the part around a box, where that is kept.
    """

    encoded: bytes
    histogram: np.ndarray
    doubt: str | None = None
    part: bytes = b""


def read(
    source: PathLike | bytes, spec: PictureSpec, box: Sequence[float] | None = None
) -> Picture:
    """Decodes a picture, cuts its info bar and makes the square.

    JPEGs are decoded at 1/2, 1/4 or 1/8 scale where that still covers the square; a side still
    twice as long is halved; the rest of the way is bilinear with antialiasing.

    Args:
        source: a file, or its bytes.
        spec: how the square is made.
        box: left, top, width and height as shares of the upright picture: the square is made
            of the part around it (`part_around`).

    Raises:
        PictureError: the file is missing, empty, damaged, truncated or not a picture.
    """
    found = _read(source, spec, box)
    return _picture(source, found.opened, np.asarray(found.square), found.doubt)


def read_with_part(
    source: PathLike | bytes, spec: PictureSpec, box: Sequence[float] | None
) -> tuple[Picture, np.ndarray]:
    """A picture as `read` gives it, and the part around a box as `read` gives that.

    Args:
        source: a file, or its bytes; read once.
        spec: how the squares are made.
        box: as of `read`; None: the part is the whole picture.

    Returns:
        The picture, and [size, size, 3] uint8.

    Raises:
        PictureError: as `read`.
    """
    content = source if isinstance(source, bytes) else read_bytes(source)
    found = _read(content, spec)
    part = found if box is None else _read(content, spec, box)
    whole, square = np.asarray(found.square), np.asarray(part.square)
    return _picture(source, found.opened, whole, found.doubt), square


@dataclasses.dataclass(frozen=True)
class Padded:
    """A whole picture, undistorted, in the top left of a black rectangle.

    Args:
        pixels: [rows, columns, 3] uint8, red, green, blue.
        filled: rows and columns that the picture fills.
        width, height: of the file, pixels, after EXIF rotation.
        doubt: as of `Picture`.
    """

    pixels: np.ndarray
    filled: tuple[int, int]
    width: int
    height: int
    doubt: str | None = None


def read_padded(
    source: PathLike | bytes, shape_of: Callable[[int, int], tuple[int, int]]
) -> Padded:
    """Decodes a picture, with its info bar, and brings it into a rectangle.

    JPEGs are decoded at 1/2, 1/4 or 1/8 scale where that still leaves bicubic resizing, with
    antialiasing, a quarter more pixels a side than it needs.

    Args:
        source: a file, or its bytes.
        shape_of: from width and height of the upright picture to rows and columns of the rectangle.

    Raises:
        PictureError: as `read`.
    """
    content = source if isinstance(source, bytes) else read_bytes(source)
    with _told(content):
        opened = _open(content)
        width, height = _plausible(opened)
        rows, columns = shape_of(width, height)
        filled = _within(width, height, rows, columns)
        scale = next(s for s in (8, 4, 2, 1) if height >= _SPARE * s * filled[0] or s == 1)
        with _room(opened, content, scale):
            decoded, doubt = _decoded(opened, content, scale)
            whole = _eight_bit(_turned(decoded, opened.turn))
            small = whole.resize((filled[1], filled[0]), Image.Resampling.BICUBIC)
            del decoded, whole
    pixels = np.zeros((rows, columns, 3), np.uint8)
    pixels[: filled[0], : filled[1]] = np.asarray(small)
    return Padded(pixels, filled, width, height, doubt)


def as_jpeg(source: PathLike | bytes, within: tuple[int, int], quality: int = 92) -> bytes:
    """A picture as a JPEG that any browser shows, upright, made smaller where it is larger.

    Args:
        source: a file, or its bytes.
        within: width and height in pixels, at most.
        quality: of the JPEG.

    Raises:
        PictureError: as `read`.
    """

    def shape(width: int, height: int) -> tuple[int, int]:
        share = min(1.0, within[0] / width, within[1] / height)
        return max(1, round(share * height)), max(1, round(share * width))

    return encode_jpeg(read_padded(source, shape).pixels, quality)


def blurred(source: PathLike | bytes, within: tuple[int, int] = (640, 640)) -> bytes:
    """A JPEG of a picture that holds no more than `COARSE` by `COARSE` colours of it.

    Nobody is recognised on it, and nothing brings back what it was made of: the picture is made
    that small first, and then large again.

    Args:
        source: a file, or its bytes.
        within: width and height in pixels.

    Raises:
        PictureError: as `read`.
    """

    def shape(width: int, height: int) -> tuple[int, int]:
        share = COARSE / max(width, height)
        return max(1, round(share * height)), max(1, round(share * width))

    coarse = Image.fromarray(read_padded(source, shape).pixels)
    share = min(within[0] / coarse.width, within[1] / coarse.height)
    size = (max(1, round(share * coarse.width)), max(1, round(share * coarse.height)))
    return _encode(coarse.resize(size, Image.Resampling.BICUBIC), 80)


def _within(width: int, height: int, rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of a picture that just fits into a rectangle.

    >>> _within(2048, 1536, 640, 640), _within(100, 300, 640, 640)
    ((480, 640), (640, 213))
    """
    if width * rows >= height * columns:
        return max(1, round(height / width * columns)), columns
    return rows, max(1, round(width / height * rows))


def _plausible(opened: "_Opened") -> tuple[int, int]:
    """Width and height after EXIF rotation."""
    width, height = opened.upright
    if width * height > MAX_PIXELS:
        raise PictureError(f"implausible size {width}x{height}")
    return width, height


def glance(source: PathLike | bytes) -> Picture:
    """What a picture's header says; `pixels` is empty.

    Raises:
        PictureError: the file is missing, empty, truncated or not a picture.
    """
    content = source if isinstance(source, bytes) else read_bytes(source)
    with _told(content):
        opened = _open(content)
    _check_end(content)
    return _picture(source, opened, np.zeros((0, 0, 3), np.uint8))


def _picture(
    source: PathLike | bytes, opened: "_Opened", pixels: np.ndarray, doubt: str | None = None
) -> Picture:
    name = "" if isinstance(source, bytes) else os.path.basename(str(source))
    return Picture(pixels, *opened.upright, exif.facts(opened.header, name, opened.xmp), doubt)


def store(source: PathLike | bytes, spec: PictureSpec) -> Stored:
    """Reads a picture as `read` does, and encodes it for a shard.

    Raises:
        PictureError: as `read`.
    """
    content, opened, square, doubt = _read(source, spec)
    histogram = np.array(square.histogram()).reshape(3, 256)
    if not spec.keep_original:
        return Stored(_encode(square, spec.jpeg_quality), histogram, doubt)
    if opened.turn is None and _graph_reads(opened.image):
        return Stored(content, histogram, doubt)
    with _told(content), _room(opened, content, 1):
        whole = _eight_bit(_turned(_pillow(content), opened.turn))
    return Stored(_encode(whole, spec.jpeg_quality), histogram, doubt)


def _graph_reads(image: Image.Image | None) -> bool:
    """Whether a graph decodes the file to the same pixels; None is a common JPEG."""
    return image is None or image.mode in _GRAPH_MODES.get(image.format or "", ())


def encode_jpeg(pixels: np.ndarray, quality: int) -> bytes:
    """[height, width, 3] uint8 pixels as JPEG, without chroma subsampling."""
    return _encode(Image.fromarray(pixels), quality)


def read_bytes(path: PathLike) -> bytes:
    """The bytes of a picture file; of nothing that would have to be waited for.

    Raises:
        PictureError: there is no such file, it is none, or it is implausibly large.
    """
    path = as_path(path)
    if is_remote(path):
        return _read_remote(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise PictureError("not a file")
        if status.st_size > MAX_BYTES:
            raise PictureError(f"implausible size: {status.st_size:,} bytes")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise PictureError("no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise PictureError(f"cannot be opened: {reason or error}") from None


def _read_remote(path: Path) -> bytes:
    """A store that cannot be reached says nothing about a picture: its errors are passed on."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise PictureError("no such file") from None


def decode_scale(height: int, width: int, spec: PictureSpec) -> int:
    """Largest of 8, 4, 2, 1 by which a JPEG can shrink in decoding and still cover the square.

    >>> decode_scale(1536, 2048, PictureSpec(size=256))
    4
    """
    rows = height - bar_rows(height, spec)
    side = max(rows, width) if spec.fit is Fit.PAD else min(rows, width)
    for scale in (8, 4, 2):
        if side // scale >= spec.size:
            return scale
    return 1


def bar_rows(height: int, spec: PictureSpec) -> int:
    """Rows of info bar cut from a picture of `height` rows, at most."""
    return round(height * spec.bar_share)


def padded_shape(rows: int, columns: int, size: int) -> tuple[int, int]:
    """Rows and columns of a picture whose longer side is brought to `size`, undistorted.

    >>> padded_shape(1536, 2048, 256)
    (192, 256)
    """
    longer = max(rows, columns)
    height, width = (max(1, (side * size + longer // 2) // longer) for side in (rows, columns))
    return height, width


def part_around(box: Sequence[float], usable: float = 1.0) -> tuple[float, float, float, float]:
    """The part of a picture around a detected box that networks see.

    It has the proportions of the picture without its bar, so that animals are distorted as in
    whole pictures, a margin of a tenth of the box's longer side, and does not leave the picture.

    Args:
        box: left, top, width, height as shares of the picture.
        usable: share of the picture's rows above the bar.

    Returns:
        The same of the part.

    >>> part_around((0.25, 0.25, 0.25, 0.5))
    (0.075, 0.2, 0.6, 0.6)
    """
    left, top, width, height = box
    side = min(max(width, height / usable) * (1 + 2 * MARGIN), 1.0)
    across = min(max(left + width / 2 - side / 2, 0.0), 1.0 - side)
    down = min(max(top + height / 2 - side * usable / 2, 0.0), (1.0 - side) * usable)
    return round(across, 6), round(down, 6), round(side, 6), round(side * usable, 6)


class _Opened(NamedTuple):
    """A picture whose header is read."""

    image: Image.Image | None  # None of a common JPEG, which Pillow need not open
    size: tuple[int, int]  # width and height as they lie in the file
    header: Image.Exif | None
    turn: Image.Transpose | None
    xmp: bytes
    progressive: bool  # a JPEG, as far as Pillow was not needed to tell

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height after EXIF rotation."""
        width, height = self.size
        return (height, width) if self.turn in _QUARTERS else (width, height)


class _Decoded(NamedTuple):
    """A file's bytes, its header, its square, and what seems to be damaged."""

    content: bytes
    opened: _Opened
    square: Image.Image
    doubt: str | None


def _read(
    source: PathLike | bytes, spec: PictureSpec, box: Sequence[float] | None = None
) -> _Decoded:
    content = source if isinstance(source, bytes) else read_bytes(source)
    with _told(content):
        opened = _open(content)
        width, height = _plausible(opened)
        share = 1.0 if box is None else part_around(box)[2]
        scale = decode_scale(round(height * share), round(width * share), spec)
        with _room(opened, content, scale):
            whole, doubt = _decoded(opened, content, scale)
            square = _square(_eight_bit(_turned(whole, opened.turn)), spec, box)
            del whole
        return _Decoded(content, opened, square, doubt)


def _room(opened: _Opened, content: bytes, scale: int) -> contextlib.AbstractContextManager:
    """Room in memory for decoding a picture."""
    image = opened.image
    progressive = opened.progressive or bool(image and image.info.get("progressive"))
    scans = memory.in_scans(content, progressive)
    return memory.budget.room(memory.need(opened.size, content, image, scale, scans))


@contextlib.contextmanager
def _told(content: bytes) -> Iterator[None]:
    """Turns what Pillow raises into a reason."""
    try:
        yield
    except UnidentifiedImageError:
        reason = "not a picture, or its header is damaged" if content else "empty file"
        raise PictureError(reason) from None
    except memory.TooLarge as error:
        raise PictureError(str(error)) from None
    except exif.DAMAGE as error:
        _check_end(content)
        raise PictureError(f"damaged: {error}") from None


def _open(content: bytes) -> _Opened:
    found = _common_jpeg(content) if simplejpeg else None
    if found:
        image, (size, block, progressive), xmp = None, found, b""
        header = exif.load(block)
    else:
        image, progressive = _pillow(content), False
        size, (header, xmp) = image.size, exif.told(image)
    turn = _UPRIGHT.get(header.get(_ORIENTATION, 1)) if header else None
    return _Opened(image, size, header, turn, xmp, progressive)


def _pillow(content: bytes) -> Image.Image:
    """The picture, of a format that cameras and people use: others have readers of their own."""
    return Image.open(io.BytesIO(content), formats=exif.FORMATS)


def _common_jpeg(content: bytes) -> tuple[tuple[int, int], bytes, bool] | None:
    """Width and height of a JPEG of three components, its EXIF block, whether it is progressive.

    None where Pillow is to look at the file: there is anything to object to, or more than one
    picture or block of metadata.
    """
    if content[:2] != wholeness.START:
        return None
    at, block = 2, b""
    while at + 10 <= len(content):
        marker, length = _SEGMENT.unpack_from(content, at)
        if marker in _FRAME_MARKERS:
            bits, height, width, components = _FRAME.unpack_from(content, at + 4)
            progressive = marker == _FRAME_MARKERS[-1]
            return ((width, height), block, progressive) if (bits, components) == (8, 3) else None
        if marker == _APP1 and not block and content.startswith(exif.BLOCK, at + 4):
            block = content[at + 4 : at + 2 + length]
        elif marker not in _PASSED:
            return None
        at += 2 + length
    return None


def _decoded(opened: _Opened, content: bytes, scale: int) -> tuple[Image.Image, str | None]:
    """The picture as it lies in the file, a JPEG at 1/scale; and what seems to be damaged."""
    image, warning = opened.image, ""
    if simplejpeg and (image is None or (image.format, image.mode) in _QUICK):
        try:
            return _decoded_quickly(content, opened.size, scale), None
        except ValueError as error:
            warning = str(error)
    _check_end(content)
    image = image or _pillow(content)  # which has the last word on what is damaged
    if image.format == "JPEG":
        image.draft(image.mode, (image.width // scale, image.height // scale))
        image.load()
    _check(image, content)
    is_jpeg = content.startswith(wholeness.START)
    return image, wholeness.doubt(content, warning) if is_jpeg else None


def _check_end(content: bytes) -> None:
    """Raises PictureError where a JPEG has no end."""
    if content.startswith(wholeness.START) and not wholeness.has_end(content):
        raise PictureError(wholeness.NO_END)


def _decoded_quickly(content: bytes, size: tuple[int, int], scale: int) -> Image.Image:
    """A JPEG at 1/scale; Pillow takes the pixels as they lie, without a copy.

    Its RGB has a fourth byte to each pixel, too; called RGBX, it would be worked on like a colour.
    """
    pixels = simplejpeg.decode_jpeg(  # pyright: ignore[reportOptionalMemberAccess]
        content,
        "RGBX",
        fastdct=False,
        fastupsample=False,
        min_height=-(-size[1] // scale),
        min_width=-(-size[0] // scale),
        min_factor=1,
    )
    rows, columns, _ = pixels.shape
    image = Image.frombuffer("RGBX", (columns, rows), pixels, "raw", "RGBX", 0, 1)
    return pillow_inside.rgb_in_place(image)


def _check(image: Image.Image, content: bytes) -> None:
    """Raises where a PNG's checksums do not fit: Pillow leaves the rest of it black in silence."""
    if image.format == "PNG":
        _pillow(content).verify()


def _turned(image: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    return image if turn is None else image.transpose(turn)


def _square(
    image: Image.Image, spec: PictureSpec, box: Sequence[float] | None = None
) -> Image.Image:
    """Cuts the bar and makes the square of an upright picture, or of the part around a box."""
    rows, columns = image.height - _bar(image, spec), image.width
    if box is not None:
        left, top, width, height = part_around(box, rows / image.height)
        corner = round(left * columns), round(top * image.height)
        size = max(1, round(width * columns)), max(1, round(height * image.height))
        image = image.crop((*corner, corner[0] + size[0], corner[1] + size[1]))
        columns, rows = size
    left = top = 0
    if spec.fit is Fit.SHORTEST:
        side = min(rows, columns)
        left, top = (columns - side) // 2, (rows - side) // 2
        rows = columns = side
    part = left, top, left + columns, top + rows
    if spec.fit is not Fit.PAD:
        return _resized(image, part, spec.size, spec.size)
    height, width = padded_shape(rows, columns, spec.size)
    square = Image.new("RGB", (spec.size, spec.size))
    corner = ((spec.size - width) // 2, (spec.size - height) // 2)
    square.paste(_resized(image, part, width, height), corner)
    return square


def _resized(
    image: Image.Image, part: tuple[int, int, int, int], width: int, height: int
) -> Image.Image:
    """The part of an image between left, top, right and bottom, `width` x `height` large."""
    columns, rows = part[2] - part[0], part[3] - part[1]
    # Pairs of pixels first, where a side is still twice as long: half the time of antialiasing
    # alone, and nearer to the mean of all pixels of the file, since the filter smooths less.
    across = 2 if columns >= 2 * width else 1
    down = 2 if rows >= 2 * height else 1
    # The rest is cut here: a resize of a part would let what is around it bleed into its edge.
    halved = image.reduce((across, down), part)
    box = (0, 0, columns / across, rows / down)
    return halved.resize((width, height), Image.Resampling.BILINEAR, box)


def _bar(image: Image.Image, spec: PictureSpec) -> int:
    """Rows to cut at the bottom.

    A detected bar is a run of rows at the bottom, mostly white or black, that ends within
    `bar_rows`; the row above it, where both mix after scaling, goes with it.
    """
    most = bar_rows(image.height, spec)
    if not spec.detect_bar:
        return most
    strip = image.crop((0, image.height - most - 1, image.width, image.height))
    strip = np.asarray(strip.convert("RGB"))
    extreme = (strip.min(axis=-1) >= BAR_WHITE) | (strip.max(axis=-1) <= BAR_BLACK)
    other = np.flatnonzero(extreme.mean(axis=1) < BAR_ROW)
    run = most - other[-1] if len(other) else most + 1
    return min(run + 1, most) if 0 < run <= most else 0


def _encode(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _eight_bit(image: Image.Image) -> Image.Image:
    """Any mode as RGB of eight bits; 16-bit greyscale keeps its upper eight bits.

    Numbers with a fraction count up to 1, 255 or 65,535, whichever holds the largest; whole ones
    of 32 bits up to 255 or 65,535.
    """
    if image.mode in _FULL:
        values = np.nan_to_num(np.asarray(image), posinf=0)
        highest = values.max(initial=0)
        most = next((full for full in _FULL[image.mode] if highest <= full), 65_535)
        image = Image.fromarray((values.clip(0, most) * (255 / most)).round().astype(np.uint8))
    if image.mode.startswith("I;16"):
        upper = np.asarray(image).astype(np.uint32) >> 8
        image = Image.fromarray(np.minimum(upper, 255).astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")
