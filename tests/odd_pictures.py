"""Forty kinds of odd and damaged picture files, and what is to become of each.

A file that holds the picture whole is handled: it comes out as `PICTURE` does, within a few
grey levels. One that does not is quarantined for a reason.
"""

import dataclasses
import functools
import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 120, 80


def picture() -> np.ndarray:
    """[HEIGHT, WIDTH, 3] uint8: soft, coloured, different in every corner."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    red, green = 40 + 160 * columns / WIDTH, 40 + 160 * rows / HEIGHT
    return np.stack([red, green, 120 + 60 * np.sin(columns / 20)], axis=-1).astype(np.uint8)


def grey() -> np.ndarray:
    """[HEIGHT, WIDTH] uint8: the picture without colours."""
    return np.asarray(Image.fromarray(picture()).convert("L"))


def saved(image: Image.Image | np.ndarray, form: str = "JPEG", **options) -> bytes:
    """The picture as a file's bytes; JPEG at high quality."""
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    if form == "JPEG":
        options = {"quality": 95, "subsampling": 0} | options
    image.save(buffer, form, **options)
    return buffer.getvalue()


def turned(orientation: int) -> bytes:
    """A JPEG that is upright only when its EXIF orientation is heeded."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(Image.fromarray(picture()).transpose(undo[orientation]), exif=exif)


def deep(form: str) -> bytes:
    """Greyscale of sixteen bits."""
    return saved(Image.fromarray(grey().astype(np.uint16) * 257), form)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(
        ">I", zlib.crc32(kind + content)
    )  # fmt: skip


def huge_png() -> bytes:
    """A few bytes that claim 60,000 x 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", zlib.compress(bytes(100))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + png_chunk(b"IEND", b"")


def huge_jpeg() -> bytes:
    """A JPEG whose header claims 65,000 x 65,000 pixels."""
    content = bytearray(saved(picture()))
    start = content.index(b"\xff\xc0")
    content[start + 5 : start + 9] = struct.pack(">HH", 65_000, 65_000)
    return bytes(content)


def flipped(form: str, place: float) -> bytes:
    """A file with sixteen bytes overwritten."""
    content = bytearray(saved(picture(), form))
    at = int(len(content) * place)
    content[at : at + 16] = bytes(16)
    return bytes(content)


def part(form: str, share: float) -> bytes:
    """The first bytes of a file."""
    content = saved(picture(), form)
    return content[: int(len(content) * share)]


def damaged_exif() -> bytes:
    """A good JPEG whose EXIF block is noise."""
    content = saved(picture())
    noise = b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff" + bytes(range(60))
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(noise) + 2) + noise + content[2:]


@dataclasses.dataclass(frozen=True)
class Odd:
    """One kind.

    Args:
        name: of the file.
        make: its bytes; None = there is no such file.
        reason: how the reason of the quarantine begins; None = handled.
        colour: False where only the grey picture is to be expected.
        exact: False where the pixels are another picture's.
    """

    name: str
    make: Callable[[], bytes] | None
    reason: str | None = None
    colour: bool = True
    exact: bool = True


def _saved(form: str, mode: str = "RGB", **options) -> Callable[[], bytes]:
    return lambda: saved(Image.fromarray(picture()).convert(mode), form, **options)


call = functools.partial
KINDS = (
    Odd("plain.jpg", _saved("JPEG")),
    Odd("progressive.jpg", _saved("JPEG", progressive=True)),
    Odd("subsampled.jpg", _saved("JPEG", subsampling=2)),
    Odd("restart_markers.jpg", _saved("JPEG", restart_marker_blocks=2)),
    Odd("rgb_coded.jpg", _saved("JPEG", keep_rgb=True)),
    Odd("grey.jpg", _saved("JPEG", "L"), colour=False),
    Odd("cmyk.jpg", _saved("JPEG", "CMYK")),
    Odd("mirrored.jpg", call(turned, 2)),
    Odd("upside_down.jpg", call(turned, 3)),
    Odd("turned_right.jpg", call(turned, 6)),
    Odd("turned_left.jpg", call(turned, 8)),
    Odd("damaged_exif.jpg", damaged_exif),
    Odd("bytes_behind_the_end.jpg", lambda: saved(picture()) + bytes(5000)),
    Odd("plain.png", _saved("PNG")),
    Odd("transparent.png", _saved("PNG", "RGBA")),
    Odd("grey.png", _saved("PNG", "L"), colour=False),
    Odd("grey_transparent.png", _saved("PNG", "LA"), colour=False),
    Odd("palette.png", lambda: saved(Image.fromarray(picture()).quantize(256), "PNG")),
    Odd("sixteen_bits.png", call(deep, "PNG"), colour=False),
    Odd("black_and_white.png", _saved("PNG", "1"), exact=False),
    Odd("sixteen_bits.tif", call(deep, "TIFF"), colour=False),
    Odd("deflated.tif", _saved("TIFF", compression="tiff_deflate")),
    Odd("animated.gif", lambda: saved(Image.fromarray(picture()).quantize(256), "GIF",
        save_all=True, append_images=[Image.new("P", (WIDTH, HEIGHT))])),
    Odd("plain.webp", _saved("WEBP", quality=95)),
    Odd("plain.bmp", _saved("BMP")),
    Odd("png_called.jpg", _saved("PNG")),
    Odd("jpeg_called.png", _saved("JPEG")),
    Odd("one_pixel.png", lambda: saved(np.full((1, 1, 3), 99, np.uint8), "PNG"), exact=False),
    Odd("one_row.jpg", lambda: saved(np.full((1, 3000, 3), 99, np.uint8)), exact=False),
    Odd("zero_bytes.jpg", bytes, "empty file"),
    Odd("absent.jpg", None, "no such file"),
    Odd("text.jpg", lambda: b"<html>404 Not Found</html>", "not a picture"),
    Odd("noise.jpg", lambda: np.random.default_rng(0).bytes(4000), "not a picture"),
    Odd("zeros.jpg", lambda: bytes(4000), "not a picture"),
    Odd("header_alone.jpg", call(part, "JPEG", 0.1), "damaged: "),
    Odd("cut_short.jpg", call(part, "JPEG", 0.6), "damaged: "),
    Odd("cut_short.png", call(part, "PNG", 0.6), "damaged: "),
    Odd("overwritten.png", call(flipped, "PNG", 0.5), "damaged: "),
    Odd("huge.png", huge_png, "implausible size 60000x60000"),
    Odd("huge.jpg", huge_jpeg, "implausible size 65000x65000"),
)  # fmt: skip


def damaged() -> list[tuple[str, bytes, str]]:
    """Forty kinds of files that hold no whole picture: name, bytes, beginning of the reason."""
    kinds = [(k.name, k.make(), k.reason) for k in KINDS if k.reason and k.make]
    formats = {"JPEG": ("jpg", {}), "PNG": ("png", {}), "TIFF": ("tif", {}), "BMP": ("bmp", {}),
               "GIF": ("gif", {}), "WEBP": ("webp", {})}  # fmt: skip
    for form, (suffix, options) in formats.items():
        whole = saved(picture(), form, **options)
        for share in (0.02, 0.3, 0.7, 0.9):
            content = whole[: max(1, int(len(whole) * share))]
            kinds.append((f"{share}_of_a.{suffix}", content, ""))
    foreign = {
        "page.jpg": b"%PDF-1.7\n" + bytes(500), "archive.jpg": b"PK\x03\x04" + bytes(500),
        "film.jpg": b"\0\0\0\x18ftypmp42" + bytes(500), "program.jpg": b"\x7fELF" + bytes(500),
        "newline.jpg": b"\n", "marker.jpg": b"\xff\xd8\xff",
    }  # fmt: skip
    return kinds + [(name, content, "") for name, content in foreign.items()]
