"""The detector on pictures; with weights by hand where the numbers matter."""

import numpy as np
import pytest

from camtrap_tf.networks.detector import boxes
from camtrap_tf.pictures import files


class Spot:
    """Stands for the network: at stride 32 it is as sure as a cell's mean is bright."""

    def __call__(self, pixels, training):
        import tensorflow as tf

        shape = tf.shape(pixels)
        means = tf.nn.avg_pool2d(pixels[..., :1], 32, 32, "VALID") / 255
        cells = tf.reshape(means, (shape[0], -1, 1))
        sure = tf.concat(
            [cells * 0, cells * 0, cells * 0, cells * 0, 40 * cells - 20, cells * 0 + 20], -1
        )
        finer = 20 * tf.shape(cells)[1]  # 16 cells at stride 8 and 4 at stride 16 for each of these
        return tf.concat([tf.zeros((shape[0], finer, 6)) - 20.0, sure], axis=1)


def test_each_picture_of_a_batch_gets_its_boxes():
    from camtrap_tf.networks.detector.finder import Finder

    pixels = np.zeros((2, 64, 96, 3), np.uint8)
    pixels[1, 32:, 32:64] = 255  # column 1, row 1: centre (32, 32), 32 x 32
    none, one = Finder(0.5, Spot()).find(pixels, [(64, 96), (64, 96)])
    assert len(none) == 0
    np.testing.assert_allclose(one.boxes, [[16 / 96, 16 / 64, 32 / 96, 32 / 64]], rtol=1e-6)
    assert one.confidence.tolist() == pytest.approx([1.0])


def test_animals_are_found_in_full_size_pictures(shared_data, need_weights):
    need_weights("megadetector-lite")
    from camtrap_tf.networks.detector.finder import Finder

    finder = Finder()
    for path in sorted((shared_data / "serengeti" / "burst").glob("*.[jJ]*"))[:2]:
        picture = files.read_padded(path, boxes.side_of)
        assert picture.pixels.shape == (480, 640, 3)
        [found] = finder.find(picture.pixels[np.newaxis], [picture.filled])
        assert found.confidence[0] >= 0.2, path
        assert (found.boxes >= 0).all() and (
            found.boxes[:, :2] + found.boxes[:, 2:] <= 1.00001
        ).all()
        assert (np.diff(found.confidence) <= 0).all()
