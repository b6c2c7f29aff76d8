"""What decoding a picture takes, told by its header, and how much pictures may take together.

A file of some kilobytes can hold hundreds of millions of pixels. So before anything is decoded it
is known what that will take at most; a picture that takes more than its share is refused, and one
for which there is no room at the moment waits until others are done.
"""

import contextlib
import os
import threading
from collections.abc import Iterator

from PIL import Image

VARIABLE = "CAMTRAP_PICTURE_MEMORY"  # MB of one picture
DEFAULT = 512  # MB: 64 million pixels in most formats, whole JPEGs of 85 million
# Bytes for a pixel at the most, by Pillow's mode: decoded, and while it becomes RGB of eight bits.
_BYTES = {
    "RGB": 4, "RGBX": 4, "1": 5, "L": 5, "P": 9, "LA": 8, "PA": 12, "La": 8, "RGBA": 8, "RGBa": 8,
    "CMYK": 8, "YCbCr": 8, "LAB": 8, "HSV": 8, "I;16": 17, "I;16B": 17, "I;16L": 17, "I;16N": 17,
    "I": 20, "F": 40,
}  # fmt: skip
_UNKNOWN = 40
_COEFFICIENT = 2  # bytes for each value of a JPEG that is decoded in several scans
_WEBP = 12  # its decoder holds two pictures with four bytes for a pixel, and hands out a third
_TILE, _STRIP = (322, 323), 278  # TIFF: width and height of a tile, rows of a strip
_DEEPEST = 16  # bytes for a pixel of a TIFF as it lies in the file: four channels of 32 bits


class TooLarge(Exception):
    """A picture would take more memory than it may; the message says how much."""


class Budget:
    """Memory for the pictures of a process.

    Args:
        picture: bytes that one may take.
        process: bytes that all may take that are decoded at the same time; at least `picture`.
    """

    def __init__(self, picture: int, process: int):
        self.picture, self.process = picture, max(picture, process)
        self._taken = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def room(self, need: int) -> Iterator[None]:
        """Waits until there is room, and holds it.

        Raises:
            TooLarge: one picture may not take so much.
        """
        if need > self.picture:
            raise TooLarge(
                f"too large: would take {_mb(need)} MB of memory, of {_mb(self.picture)} MB that a "
                f"picture may take ({VARIABLE})"
            )
        with self._changed:
            self._changed.wait_for(lambda: self._taken + need <= self.process)
            self._taken += need
        try:
            yield
        finally:
            with self._changed:
                self._taken -= need
                self._changed.notify_all()


def _mb(size: int) -> str:
    return f"{-(-size // 1_000_000):,}"


def _told() -> int:
    """Bytes that a picture may take, by the environment."""
    text = os.environ.get(VARIABLE, "")
    return (int(text) if text.isdecimal() and int(text) else DEFAULT) * 1_000_000


budget = Budget(_told(), 2 * _told())


def limit(megabytes: int) -> None:
    """Sets what one picture may take; all that are decoded at the same time may take twice that."""
    global budget
    budget = Budget(megabytes * 1_000_000, 2 * megabytes * 1_000_000)


def need(
    size: tuple[int, int], content: bytes, image: Image.Image | None, scale: int, scans: bool
) -> int:
    """Bytes that decoding takes at the most, the file itself among them.

    Args:
        size: width and height.
        content: the file.
        image: as Pillow opened it; None of a common JPEG.
        scale: a JPEG is decoded at 1/scale.
        scans: whether a JPEG is decoded in several scans, its coefficients kept whole.
    """
    pixels = size[0] * size[1]
    if image is None or image.format in ("JPEG", "MPO"):
        mode = 4 if image is None else _BYTES.get(image.mode, _UNKNOWN)
        whole = _COEFFICIENT * (3 if image is None else len(image.getbands())) * scans
        return len(content) + pixels * whole + 2 * pixels * mode // scale**2
    more = {"WEBP": _WEBP * pixels, "TIFF": _buffer(image)}.get(image.format or "", 0)
    # Twice what it is as decoded: it may be turned.
    return len(content) + pixels * (_BYTES.get(image.mode, _UNKNOWN) + 4) + more


def _buffer(image: Image.Image) -> int:
    """Bytes of the part of a TIFF that is read at once: a tile, or a strip of rows."""
    tags = getattr(image, "tag_v2", {})
    try:
        width, height = (int(tags[tag]) for tag in _TILE)
    except (KeyError, TypeError, ValueError):
        rows = tags.get(_STRIP, image.height)
        width, height = (
            image.width,
            min(rows, image.height) if isinstance(rows, int) else image.height,
        )
    return width * height * _DEEPEST


def in_scans(content: bytes, progressive: bool, components: int = 3) -> bool:
    """Whether a JPEG comes in several scans: progressive, or a component at a time."""
    if progressive:
        return True
    at = content.find(b"\xff\xda")
    return at < 0 or at + 4 >= len(content) or content[at + 4] < components
