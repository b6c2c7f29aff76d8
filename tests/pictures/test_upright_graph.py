"""EXIF orientation: graphs turn pictures as files are turned."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, PngImagePlugin

from camtrap_tf.core.config import Fit, PictureSpec
from camtrap_tf.pictures import crops, files, graph, upright_graph
from tests import odd_pictures

SPEC = PictureSpec(size=40, fit=Fit.PAD)
# What a camera that was turned does to a picture, undone by each orientation.
UNDONE = {
    1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2), 6: lambda p: np.rot90(p), 7: lambda p: np.rot90(p, 2).
    transpose(1, 0, 2), 8: lambda p: np.rot90(p, -1),
}  # fmt: skip


def block(value: int, big: bool = True, kind: int = 3, before: int = 0) -> bytes:
    """An EXIF segment of a JPEG with an orientation, after other entries."""
    order = ">" if big else "<"
    entries = [struct.pack(order + "HHI", 0x0100 + i, 3, 1) + bytes(4) for i in range(before)]
    number = struct.pack(order + ("H2x" if kind == 3 else "I"), value)
    entries.append(struct.pack(order + "HHI", 0x0112, kind, 1) + number)
    head = b"MM\0\x2a\0\0\0\x08" if big else b"II\x2a\0\x08\0\0\0"
    tiff = head + struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    return b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff


def jpeg(turn: int, **options) -> bytes:
    """The picture as a camera turned by `turn` stores it."""
    pixels = np.ascontiguousarray(UNDONE[turn](odd_pictures.picture()))
    content = odd_pictures.saved(pixels)
    return content[:2] + block(turn, **options) + content[2:]


@pytest.fixture(scope="module")
def decode():
    return tf.function(
        lambda one: graph.decode(one, SPEC), input_signature=[tf.TensorSpec((), tf.string)]
    )


@pytest.mark.parametrize("big", [True, False])
@pytest.mark.parametrize("turn", range(1, 9))
def test_all_orientations_in_both_byte_orders(decode, turn, big):
    content = jpeg(turn, big=big, before=3)
    assert upright_graph.orientation(tf.constant(content)) == turn
    ours, theirs = files.read(content, SPEC).pixels, decode(tf.constant(content)).numpy()
    assert np.abs(ours.astype(int) - theirs).max() <= 1
    upright = files.read(odd_pictures.saved(odd_pictures.picture()), SPEC).pixels
    assert np.abs(upright.astype(int) - theirs).max() <= 8  # JPEG's blocks lie otherwise
    box = np.float32([0.1, 0.3, 0.2, 0.4])
    part = graph.decode_part(tf.constant(content), tf.constant(box), SPEC).numpy()
    assert np.abs(crops.sharp(content, SPEC, box).astype(int) - part).max() <= 1
    whole = graph.decode_whole(tf.constant(content)).numpy()
    assert whole.shape == (odd_pictures.HEIGHT, odd_pictures.WIDTH, 3)


@pytest.mark.parametrize(
    ("between", "turn"),
    [
        (b"", 6),
        (b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0", 6),  # another segment first
        (block(8), 8),  # the first EXIF segment counts
        (block(6, kind=4), 6),  # a long integer
        (block(9), 1),
        (block(0), 1),
        (b"\xff\xe1\0\x0aExif\0\0II", 1),  # cut off
        (b"\xff\xe1\0\x12Exif\0\0MM\0\x2a\xff\xff\xff\xff" + bytes(2), 1),
    ],
)
def test_what_stands_in_a_header(between, turn):
    content = odd_pictures.saved(odd_pictures.picture())
    content = content[:2] + between + (block(6) if turn == 6 else b"") + content[2:]
    assert upright_graph.orientation(tf.constant(content)) == turn
    upright = files.read(content, SPEC)
    assert (upright.width > upright.height) == (turn < 5)


def exif(turn: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = turn
    return found


def xmp(turn: int) -> bytes:
    return b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>' % turn


def text(name: str, words: str, zipped: bool, international: bool) -> PngImagePlugin.PngInfo:
    found = PngImagePlugin.PngInfo()
    (found.add_itxt if international else found.add_text)(name, words, zip=zipped)
    return found


def profile(turn: int) -> str:
    """An EXIF block as ImageMagick writes it into a PNG."""
    content = block(turn)[4:]
    return f"\nexif\n{len(content):8}\n" + content.hex("\n", 36) + "\n"


# How each format tells its orientation beside the EXIF of a JPEG: options of saving.
TOLD = {
    "JPEG, XMP": ("JPEG", lambda turn: {"xmp": xmp(turn)}),
    "JPEG, EXIF before XMP": ("JPEG", lambda turn: {"exif": exif(turn), "xmp": xmp(9 - turn)}),
    "JPEG, EXIF of no orientation": ("JPEG", lambda turn: {"exif": exif(9), "xmp": xmp(turn)}),
    "PNG, EXIF": ("PNG", lambda turn: {"exif": exif(turn)}),
    "PNG, XMP": (
        "PNG",
        lambda turn: {"pnginfo": text("XML:com.adobe.xmp", xmp(turn).decode(), False, True)},
    ),
    "PNG, packed XMP": (
        "PNG",
        lambda turn: {"pnginfo": text("XML:com.adobe.xmp", xmp(turn).decode(), True, True)},
    ),
    "PNG, profile": (
        "PNG",
        lambda turn: {"pnginfo": text("Raw profile type exif", profile(turn), False, False)},
    ),
    "PNG, packed profile": (
        "PNG",
        lambda turn: {"pnginfo": text("Raw profile type exif", profile(turn), True, False)},
    ),
    "WEBP, EXIF": ("WEBP", lambda turn: {"exif": exif(turn)}),
    "WEBP, XMP": ("WEBP", lambda turn: {"xmp": xmp(turn)}),
}


@pytest.fixture(scope="module")
def orientation():
    return tf.function(upright_graph.orientation, input_signature=[tf.TensorSpec((), tf.string)])


@pytest.mark.parametrize("kind", TOLD)
def test_orientations_that_stand_elsewhere(orientation, decode, kind):
    form, options = TOLD[kind]
    ignored = "no orientation" in kind
    for turn in range(1, 9):
        pixels = np.ascontiguousarray(UNDONE[1 if ignored else turn](odd_pictures.picture()))
        content = odd_pictures.saved(pixels, form, **options(turn))
        assert int(orientation(tf.constant(content))) == (1 if ignored else turn)
        ours, theirs = files.read(content, SPEC).pixels, decode(tf.constant(content)).numpy()
        assert np.abs(ours.astype(int) - theirs).max() <= (3 if form == "WEBP" else 1)
        upright = files.read(odd_pictures.saved(odd_pictures.picture(), "PNG"), SPEC).pixels
        assert np.abs(upright.astype(int) - ours).max() <= 24  # else half a picture is wrong


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "WEBP"])
def test_what_tells_no_orientation_lies_upright(orientation, form):
    assert orientation(tf.constant(odd_pictures.saved(odd_pictures.picture(), form))) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", b"RIFF",
        b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffeXIf", b"RIFF1234WEBPEXIF\xff\xff\xff\x7fMM",
        b"\x89PNG\r\n\x1a\n\0\0\0\x13iTXtXML:com.adobe.xmp\0\1\0", b"RIFF1234WEBPEXIF\1\0\0\0M",
    ],
)  # fmt: skip
def test_pieces_of_files_tell_none(orientation, content):
    assert orientation(tf.constant(content)) == 1
