"""EXIF orientation: graphs turn pictures as files are turned."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from camtrap_tf.core.config import Fit, PictureSpec
from camtrap_tf.pictures import files, graph, upright_graph
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


def test_what_is_no_jpeg_tells_none():
    exif = Image.Exif()
    exif[0x0112] = 6
    png = odd_pictures.saved(odd_pictures.picture(), "PNG", exif=exif)
    for content in (png, b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1"):
        assert upright_graph.orientation(tf.constant(content)) == 1
