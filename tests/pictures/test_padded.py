"""Whole pictures in the corner of a rectangle, as a detector sees them."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from camtrap_tf.pictures import files
from tests import odd_pictures


def read(content: bytes, rows: int, columns: int) -> files.Padded:
    return files.read_padded(content, lambda width, height: (rows, columns))


def test_a_picture_lies_in_the_top_left_and_black_beside_it():
    content = odd_pictures.saved(odd_pictures.picture())  # 120 x 80
    found = read(content, 96, 96)
    assert found.pixels.shape == (96, 96, 3)
    assert (found.filled, found.width, found.height) == ((64, 96), 120, 80)
    assert not found.pixels[64:].any()
    image = Image.open(io.BytesIO(content))
    expected = ImageOps.pad(image, (96, 96), Image.Resampling.BICUBIC, centering=(0, 0))
    assert np.abs(found.pixels.astype(int) - np.asarray(expected)).max() <= 1


def test_it_is_upright():
    upright = read(odd_pictures.saved(odd_pictures.picture()), 64, 96).pixels
    for orientation in (2, 3, 6, 8):
        found = read(odd_pictures.turned(orientation), 64, 96)
        assert (found.width, found.height) == (120, 80)
        assert np.abs(found.pixels.astype(int) - upright).mean() < 2, orientation


def test_a_large_jpeg_is_decoded_smaller_to_nearly_the_same():
    rows, columns = np.mgrid[0:600, 0:800]
    pixels = np.stack([rows // 3, columns // 4, (rows + columns) // 6], axis=-1).astype(np.uint8)
    content = odd_pictures.saved(pixels)
    whole = Image.open(io.BytesIO(content)).resize((96, 72), Image.Resampling.BICUBIC)
    found = read(content, 96, 96)
    assert found.filled == (72, 96)
    assert np.abs(found.pixels[:72].astype(int) - np.asarray(whole)).max() <= 2


def test_small_pictures_grow():
    found = read(odd_pictures.saved(odd_pictures.picture()), 320, 320)
    assert found.filled == (213, 320)  # 80 * 320 / 120 = 213.3


@pytest.mark.parametrize(
    "content", [b"", b"no picture", odd_pictures.saved(odd_pictures.picture())[:400]]
)
def test_what_cannot_be_read_has_a_reason(content):
    with pytest.raises(files.PictureError):
        read(content, 96, 96)
