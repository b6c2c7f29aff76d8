"""Picture files: find them, read them into the stored square, say why one cannot be read.

NumPy and Pillow only. `images.py` does the same inside TensorFlow graphs; a test holds the
two together.
"""

import dataclasses
import datetime
import io
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from camtrap_tf.artifacts import PathLike
from camtrap_tf.config import PictureSpec

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"})
MAX_PIXELS = 200_000_000  # a larger picture is refused as implausible for a camera trap

Image.MAX_IMAGE_PIXELS = None  # our own limit is checked before anything is decoded
_EXIF_IFD, _DATE_TIME_ORIGINAL, _DATE_TIME = 0x8769, 0x9003, 0x0132


class PictureError(Exception):
    """A picture cannot be read; the message is the reason, without the path."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture as read.

    Args:
        pixels: [size, size, 3] uint8, red, green, blue.
        width, height: of the file, pixels, after EXIF rotation.
        taken: EXIF time, camera-local, or None.
    """

    pixels: np.ndarray
    width: int
    height: int
    taken: datetime.datetime | None


def find(folder: PathLike) -> Iterator[str]:
    """Yields paths of picture files below `folder`, relative to it with '/', sorted.

    Hidden files and folders are passed over.
    """
    root = Path(folder)
    for where, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield (Path(where) / name).relative_to(root).as_posix()


def read(source: PathLike | bytes, spec: PictureSpec) -> Picture:
    """Decodes a picture, cuts its info bar and squashes it to the stored square.

    JPEGs are decoded at 1/2, 1/4 or 1/8 scale where that still covers the square; the rest of
    the way is bilinear with antialiasing.

    Raises:
        PictureError: the file is missing, empty, damaged, truncated or not a picture.
    """
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return _convert(image, spec)
    except UnidentifiedImageError:
        raise PictureError(_why_unidentified(source)) from None
    except FileNotFoundError:
        raise PictureError("no such file") from None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise PictureError(f"damaged: {error}") from None


def taken(path: PathLike) -> datetime.datetime | None:
    """EXIF time of a picture file, camera-local, without decoding pixels; None if unknown."""
    try:
        with Image.open(path) as image:
            return _exif_time(image)
    except (OSError, ValueError, SyntaxError, EOFError):
        return None


def encode_jpeg(pixels: np.ndarray, quality: int) -> bytes:
    """[height, width, 3] uint8 pixels as JPEG, without chroma subsampling."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def decode_scale(height: int, width: int, spec: PictureSpec) -> int:
    """Largest of 8, 4, 2, 1 by which a JPEG can shrink in decoding and still cover the square.

    >>> decode_scale(1536, 2048, PictureSpec(size=256))
    4
    """
    rows = height - bar_rows(height, spec)
    for scale in (8, 4, 2):
        if min(rows, width) // scale >= spec.size:
            return scale
    return 1


def bar_rows(height: int, spec: PictureSpec) -> int:
    """Rows of info bar cut from a picture of `height` rows."""
    return round(height * spec.bar_share)


def _convert(image: Image.Image, spec: PictureSpec) -> Picture:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(f"implausible size {width}x{height}")
    moment = _exif_time(image)
    if image.format == "JPEG":
        scale = decode_scale(height, width, spec)
        image.draft("RGB", (math.ceil(width / scale), math.ceil(height / scale)))
    turned = ImageOps.exif_transpose(image)
    turned = _eight_bit(turned if turned is not None else image)
    # Cut first: a resize of a box would let rows of the bar bleed into the last row.
    turned = turned.crop((0, 0, turned.width, turned.height - bar_rows(turned.height, spec)))
    if turned.size != (spec.size, spec.size):
        turned = turned.resize((spec.size, spec.size), Image.Resampling.BILINEAR)
    return Picture(np.asarray(turned), width, height, moment)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Any mode as RGB of eight bits; 16-bit greyscale keeps its upper eight bits."""
    if image.mode.startswith("I;16") or image.mode == "I":
        upper = np.asarray(image).astype(np.uint32) >> 8
        image = Image.fromarray(np.minimum(upper, 255).astype(np.uint8))
    return image.convert("RGB")


def _exif_time(image: Image.Image) -> datetime.datetime | None:
    exif = image.getexif()
    text = exif.get_ifd(_EXIF_IFD).get(_DATE_TIME_ORIGINAL) or exif.get(_DATE_TIME)
    if not isinstance(text, str):
        return None
    try:
        return datetime.datetime.strptime(text.strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def _why_unidentified(source: PathLike | bytes) -> str:
    size = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
    return "empty file" if size == 0 else "not a picture, or its header is damaged"
