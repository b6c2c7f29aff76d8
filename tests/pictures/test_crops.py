"""The part around a box: where it lies, and which pixels it shows."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from camtrap_tf.core.config import Fit, PictureSpec
from camtrap_tf.core.errors import InputError
from camtrap_tf.pictures import crops, files

NAN = float("nan")


def test_the_square_has_room_and_stays_inside():
    boxes = np.float32([
        [0.4, 0.4, 0.4, 0.2],  # 1.25 x 0.4 = 0.5, around (0.6, 0.5)
        [0.5, 0.5, 0.01, 0.02],  # at least 96 of 256 pixels, around (0.505, 0.51)
        [0.9, 0.0, 0.1, 0.4],  # would reach over two edges
        [0.0, 0.1, 0.95, 0.3],  # no larger than the picture
        [NAN] * 4,
    ])  # fmt: skip
    expected = [
        [0.35, 0.25, 0.85, 0.75],
        [0.3175, 0.3225, 0.6925, 0.6975],
        [0.5, 0.0, 1.0, 0.5],
        [0.0, 0.0, 1.0, 1.0],
        [0.0, 0.0, 1.0, 1.0],
    ]
    np.testing.assert_allclose(crops.squares(boxes), expected, atol=1e-6)


def test_a_part_is_as_large_as_the_square():
    pixels = np.zeros((3, 8, 8, 3), np.uint8)
    pixels[:, :4, 4:] = [200, 100, 50]
    around = np.float32([[0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0, 0, 1, 1]])
    parts = crops.cut(pixels, around)
    # Where it is enlarged, its rim takes in half a pixel of what lies beside.
    assert (parts[0][:-1, 1:] == [200, 100, 50]).all() and not parts[1][1:, :-1].any()
    np.testing.assert_array_equal(parts[2], pixels[2])


def test_a_sharp_part_is_cut_from_the_file(tmp_path):
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[100:200, 200:300] = np.where(np.indices((100, 100)).sum(axis=0) % 2, 255, 0)[..., None]
    Image.fromarray(pixels).save(tmp_path / "board.png")
    spec = PictureSpec(size=32)
    box = np.float32([0.5, 1 / 3, 0.25, 1 / 3])
    found = crops.sharp(tmp_path / "board.png", spec, box)
    expected = files.read(tmp_path / "board.png", spec, [0.5, 1 / 3, 0.25, 1 / 3]).pixels
    np.testing.assert_array_equal(found, expected)
    assert found[8:24, 8:24].min() > 100 > found[[0, -1]].max()  # grey of the board, its black rim
    whole = crops.sharp(tmp_path / "board.png", spec, np.full(4, NAN, np.float32))
    np.testing.assert_array_equal(whole, files.read(tmp_path / "board.png", spec).pixels)


def test_batches_keep_to_their_boxes():
    pixels = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 3), np.uint8)
    pixels[:, :, 4:] += 100
    boxes = np.tile(np.float32([[0.0, 0.2, 0.3, 0.3]]), (5, 1))
    found = list(crops.batches([pixels[:2], pixels[2:]], boxes))
    assert [len(one) for one in found] == [2, 3]
    assert np.concatenate(found)[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_graphs_cut_the_same_parts_as_pillow():
    import tensorflow as tf

    from camtrap_tf.pictures import crops_graph

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 24, 24, 3), np.uint8)
    corners, sides = rng.uniform(0, 1, (40, 2)), rng.uniform(0.01, 0.9, (40, 2))
    boxes = np.concatenate([corners, np.minimum(sides, 1 - corners)], axis=1).astype(np.float32)
    boxes[0], boxes[1] = NAN, 0  # nothing was found, said either way
    around = crops.squares(np.where(boxes[:, 2:3] > 0, boxes, np.float32(NAN)))
    np.testing.assert_allclose(crops_graph.squares(boxes), around, atol=1e-6)
    expected = crops.cut(pixels, around)
    for cut in (crops_graph.cut, tf.function(crops_graph.cut)):
        found = cut(pixels, tf.constant(around)).numpy()
        np.testing.assert_array_equal(found[:2], pixels[:2])
        apart = np.abs(found.astype(int) - expected)
        assert apart.max() <= 1 and (apart > 0).mean() < 0.001  # where a half is rounded
    parts = crops_graph.cut_around(tf.constant(pixels), tf.constant(boxes)).numpy()
    assert np.abs(parts.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "picture", [PictureSpec(fit=Fit.PAD), PictureSpec(fit=Fit.SHORTEST), PictureSpec(bar_share=0.1)]
)
def test_squares_that_are_not_the_whole_picture_have_no_crops(picture):
    crops.check(PictureSpec())
    with pytest.raises(InputError, match="are whole pictures: fit=squash, bar_share=0"):
        crops.check(picture)
    crops.check(dataclasses.replace(picture, crops=True))  # cut from files
