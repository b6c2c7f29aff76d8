"""Doubts inside graphs are those of files."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from camtrap_tf.core.config import PictureSpec
from camtrap_tf.pictures import files, wholeness_graph
from tests import damaged_jpegs
from tests.odd_pictures import saved

pytest.importorskip("simplejpeg")
GRAIN = damaged_jpegs.grain()
DATA = 14  # bytes from a scan's marker to its data


@pytest.fixture(scope="module")
def doubtful():
    return tf.function(wholeness_graph.doubtful, input_signature=[tf.TensorSpec((), tf.string)])


def of_files(content: bytes) -> bool:
    return files.read(content, PictureSpec(size=40)).doubt is not None


# Forms that a JPEG may have, by name: options of saving, or a picture of its own.
FORMS = {
    "grey": lambda **more: saved(GRAIN.convert("L"), quality=85, **more),
    "colours halved": lambda **more: saved(GRAIN, quality=85, subsampling=2, **more),
    "colours halved across": lambda **more: saved(GRAIN, quality=85, subsampling=1, **more),
    "quality 100": lambda **more: saved(GRAIN, quality=100, **more),
    "odd sides": lambda **more: saved(GRAIN.crop((0, 0, 301, 219)), quality=85, **more),
}
INTERVALS = {
    "no restarts": {},
    "restarts after each block": {"restart_marker_blocks": 1},
    "restarts within rows": {"restart_marker_blocks": 7},
    "restarts after three rows": {"restart_marker_rows": 3},
}


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("form", FORMS)
def test_whole_and_damaged_pictures(doubtful, form, interval):
    whole = FORMS[form](**INTERVALS[interval])
    start = whole.rindex(b"\xff\xda") + DATA
    middle = start + (len(whole) - start) // 2
    lost = whole[:middle] + whole[middle + 900 :]
    early = whole[:middle] + b"\xff\xd9"
    assert [of_files(one) for one in (whole, lost, early)] == [False, True, True]
    for content, expected in ((whole, False), (lost, True), (early, True)):
        assert bool(doubtful(tf.constant(content))) is expected


WHOLE = saved(GRAIN, quality=85)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (saved(Image.new("RGB", (1600, 1200)), optimize=True), False),  # data of zeros
        (saved(Image.new("RGB", (320, 240), (128, 128, 128))), False),  # as where data are missing
        (saved(Image.new("RGB", (1, 1))), False),
        (saved(Image.new("RGB", (8, 300))), False),
        (WHOLE[:-2] + b"\xff\xff" + WHOLE[-2:], False),  # 0xFF fills before a marker
        (WHOLE[:2] + b"\xff\xff" + WHOLE[2:], False),
        (WHOLE[:2] + b"\xff\xfe\0\6note" + WHOLE[2:], False),
        (WHOLE[:-2] + b"much too much" + WHOLE[-2:], True),
        (WHOLE[:-2] + b"\x55" * 4 + WHOLE[-2:], False),  # libjpeg has read them already
        (saved(GRAIN, "PNG"), False),
        (saved(GRAIN, progressive=True), False),
        (saved(GRAIN.convert("CMYK")), False),
        (b"", False),
        (b"\xff\xd8\xff", False),
    ],
)
def test_odd_pictures(doubtful, content, expected):
    if len(content) > 3:
        assert of_files(content) is expected
    assert bool(doubtful(tf.constant(content))) is expected


def test_no_picture_is_doubted_for_what_it_shows(doubtful, capfd):
    """Its last blocks decide: noise, or one grey, of all depths and forms."""
    for seed in {*range(200)} - {128}:  # the grey of missing data is looked at twice
        draw = np.random.default_rng(seed)
        pixels = draw.integers(0, 256, (24, 40, 3)) if seed % 2 else np.full((24, 40, 3), seed)
        image = Image.fromarray(pixels.astype(np.uint8))
        content = saved(image, quality=(60, 85, 100)[seed % 3], subsampling=seed // 2 % 3)
        assert not doubtful(tf.constant(content)), seed
    assert "Corrupt" not in capfd.readouterr().err  # nor does libjpeg say so in the log
