"""How large a picture is, inside a graph: refused there before it is decoded, row by row."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from camtrap_tf.core.config import PictureSpec
from camtrap_tf.pictures import size_graph
from export.decoding import decode_batch
from tests import odd_pictures
from tests.pictures.test_memory import bomb_png

NOISE = np.random.default_rng(0).integers(0, 255, (37, 53, 3), np.uint8)


def saved(form: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, form, **options)
    return buffer.getvalue()


def gif(frames: int, side: int = 50) -> bytes:
    rng, buffer = np.random.default_rng(1), io.BytesIO()
    pictures = [
        Image.fromarray(rng.integers(0, 255, (side, side), np.uint8)) for _ in range(frames)
    ]
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:])
    return buffer.getvalue()


def top_down_bmp() -> bytes:
    content = bytearray(saved("BMP"))
    content[22:26] = (-37).to_bytes(4, "little", signed=True)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "pixels"),
    [
        (saved("PNG"), 37 * 53), (saved("BMP"), 37 * 53), (top_down_bmp(), 37 * 53),
        (saved("WEBP"), 37 * 53), (saved("WEBP", lossless=True), 37 * 53),
        (saved("WEBP", exif=b"Exif\0\0II*\0"), 37 * 53),
        (bomb_png(50_000, 40_000), 2 * 10**9), (b"\x89PNG\r\n\x1a\n", 0),
    ],
)  # fmt: skip
def test_pixels_by_hand(content, pixels):
    assert int(size_graph.pixels(tf.constant(content))) == pixels


@pytest.mark.parametrize("content", [b"", b"text", b"RIFF", saved("TIFF")])
def test_what_a_graph_does_not_read_is_too_large(content):
    assert int(size_graph.pixels(tf.constant(content))) > 10**12


@pytest.mark.parametrize("frames", [1, 2, 30])
def test_all_frames_of_a_gif_count(frames):
    found = int(size_graph.pixels(tf.constant(gif(frames))))
    assert frames * 2500 <= found <= (frames + 12) * 2500  # by chance the mark is in its data, too


def test_a_bomb_fails_its_row_alone():
    small = odd_pictures.saved(odd_pictures.picture(), "PNG")
    contents = [small, bomb_png(5000, 5000), small, bomb_png(20_000, 20_000, 1, 0), gif(2)]
    valid = decode_batch(tf.constant(contents), PictureSpec(size=40))[1]
    assert valid.numpy().tolist() == [True, False, True, False, True]
