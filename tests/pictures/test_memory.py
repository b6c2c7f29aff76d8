"""Pictures that take much memory: known by their header, refused in words, never more than told."""

import io
import struct
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from camtrap_tf.core.config import PictureSpec
from camtrap_tf.pictures import exif, files, memory

SPEC = PictureSpec(size=64)
SIDE = 2200


def bomb_png(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG of zeros: some kilobytes for hundreds of megabytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    row = 1 + (width * depth * {0: 1, 2: 3, 4: 2, 6: 4}[colour] + 7) // 8
    packed = zlib.compressobj(9)
    written = height if height <= SIDE else 100  # of a larger one the header is enough
    rows = [packed.compress(bytes(row * 100)) for _ in range(written // 100)]
    rows.append(packed.flush())
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", b"".join(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def saved(mode: str, form: str, side: int = SIDE, **options) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (side, side)).save(buffer, form, **options)
    return buffer.getvalue()


KINDS = {
    "jpeg": lambda side: saved("RGB", "JPEG", side),
    "progressive jpeg": lambda side: saved("RGB", "JPEG", side, progressive=True, subsampling=0),
    "cmyk jpeg": lambda side: saved("CMYK", "JPEG", side, progressive=True),
    "rgb png": lambda side: bomb_png(side, side),
    "grey png": lambda side: bomb_png(side, side, 1, 0),
    "deep grey png": lambda side: bomb_png(side, side, 16, 0),
    "deep rgba png": lambda side: bomb_png(side, side, 16, 6),
    "palette png": lambda side: saved("P", "PNG", side),
    "rgb tiff": lambda side: saved("RGB", "TIFF", side, compression="tiff_adobe_deflate"),
    "one strip": lambda side: saved("RGBA", "TIFF", side, compression="tiff_lzw",
                                    tiffinfo={278: side}),
    "fractions": lambda side: saved("F", "TIFF", side, compression="tiff_adobe_deflate"),
    "deep tiff": lambda side: saved("I;16", "TIFF", side, compression="tiff_adobe_deflate"),
    "integers": lambda side: saved("I", "TIFF", side, compression="tiff_adobe_deflate"),
    "gif": lambda side: saved("P", "GIF", side),
    "webp": lambda side: saved("RGBA", "WEBP", side, lossless=True),
    "bmp": lambda side: saved("RGB", "BMP", side),
}  # fmt: skip

_PEAK = """
import sys
from pathlib import Path
import numpy
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.pictures import files, memory

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024

told, need = [], memory.need
memory.need = lambda *a: told.append(need(*a)) or told[-1]
files.read(Path(sys.argv[1]).parent / "small.jpg", PictureSpec(size=64))
for path in sys.argv[1:]:
    content = Path(path).read_bytes()
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    files.read(content, PictureSpec(size=64))
    print(status("VmHWM") - before, told[-1] - len(content))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_no_format_takes_more_than_its_header_told(tmp_path):
    (tmp_path / "small.jpg").write_bytes(saved("RGB", "JPEG", 100))
    names = [str(tmp_path / f"{number}.x") for number in range(len(KINDS))]
    for name, make in zip(names, KINDS.values(), strict=True):
        (tmp_path / name).write_bytes(make(SIDE))
    done = subprocess.run([sys.executable, "-c", _PEAK, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    over = {kind: row for kind, row in zip(KINDS, rows, strict=True) if row[0] > row[1] + 8_000_000}
    assert not over
    assert max(peak for peak, _ in rows) > 60_000_000  # the peaks were seen


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "jpeg"])
def test_a_picture_beyond_the_budget_is_refused_in_words(kind, monkeypatch):
    monkeypatch.setattr(memory, "budget", memory.Budget(4_000_000, 8_000_000))
    content = KINDS[kind](1200)
    for read in (files.read, files.store):
        with pytest.raises(files.PictureError, match=r"too large: would take \d+ MB of memory"):
            read(content, SPEC)
    with pytest.raises(files.PictureError, match="too large"):
        files.as_jpeg(content, (64, 64))
    assert files.glance(content).width == 1200  # its header can be read


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_is_read_without_its_pixels(kind, monkeypatch, tmp_path):
    def load(self):
        raise AssertionError("pixels were decoded")

    (tmp_path / "picture").write_bytes(content := KINDS[kind](1200))
    for owner in (Image.Image, ImageFile.ImageFile, *ImageFile.ImageFile.__subclasses__()):
        monkeypatch.setattr(owner, "load", load)
    monkeypatch.setattr(memory, "budget", memory.Budget(1000, 1000))
    assert files.glance(content).width == 1200
    exif.read(tmp_path / "picture")
    with pytest.raises(files.PictureError, match="too large"):
        files.read(content, SPEC)


def test_a_jpeg_of_a_camera_takes_little(monkeypatch):
    monkeypatch.setattr(memory, "budget", memory.Budget(4_000_000, 8_000_000))
    assert files.read(saved("RGB", "JPEG", 2048), SPEC).width == 2048


def test_bombs_are_refused_by_default():
    for content in (
        bomb_png(13_000, 13_000),
        bomb_png(10_000, 10_000, 16, 6),
        bomb_png(14_000, 14_000, 1, 0),
    ):
        assert len(content) < 1_000_000
        with pytest.raises(files.PictureError, match="too large"):
            files.read(content, SPEC)


def test_a_tile_larger_than_the_picture_counts():
    content = bytearray(saved("RGB", "TIFF", 160, compression="tiff_adobe_deflate"))
    image = Image.open(io.BytesIO(bytes(content)))
    image.tag_v2[322], image.tag_v2[323] = 60_000, 60_000
    assert memory.need(image.size, b"", image, 1, False) > 10**10


def test_what_there_is_no_room_for_waits():
    budget, order = memory.Budget(100, 150), []
    inside, leave = threading.Event(), threading.Event()

    def first():
        with budget.room(100):
            inside.set()
            leave.wait(5)
            order.append("first")

    def second():
        with budget.room(60):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(5)
    threads[1].start()
    time.sleep(0.05)
    assert order == []
    with budget.room(50):  # for this there is room
        leave.set()
    for thread in threads:
        thread.join(5)
    assert order == ["first", "second"]


def test_a_failure_gives_its_room_back():
    budget = memory.Budget(100, 100)
    for _ in range(3):
        with pytest.raises(ValueError), budget.room(100):
            raise ValueError
    with pytest.raises(memory.TooLarge, match="CAMTRAP_PICTURE_MEMORY"), budget.room(101):
        pass


@pytest.mark.parametrize(("text", "expected"), [("64", 64), ("", 512), ("0", 512), ("many", 512)])
def test_the_environment_tells(monkeypatch, text, expected):
    monkeypatch.setenv(memory.VARIABLE, text)
    assert memory._told() == expected * 1_000_000


@pytest.mark.parametrize("form", ["EPS", "TGA", "PPM", "JPEG2000", "ICO", "PCX"])
def test_formats_of_no_camera_are_not_opened(form):
    """Pillow knows them; EPS, for one, is drawn by another program."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(buffer, form)
    with pytest.raises(files.PictureError, match="not a picture"):
        files.read(buffer.getvalue(), SPEC)
