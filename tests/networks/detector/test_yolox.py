"""MegadetectorLite with its published weights, against an independent float64 computation."""

import numpy as np
import pytest

from camtrap_tf.networks.detector import boxes
from tests.networks.architectures.test_lite import pattern


@pytest.fixture(scope="module")
def answers(need_weights) -> np.ndarray:
    """[2100, 6] on the pattern at 320 pixels."""
    need_weights("megadetector-lite")
    from camtrap_tf.networks.detector import yolox

    return yolox.load_network()(pattern(320, 320)[np.newaxis]).numpy()[0]


def test_raw_answers(answers):
    assert answers.shape == (40 * 40 + 20 * 20 + 10 * 10, 6)
    first = [1.1717, 1.3753, 0.89229, 0.88771, -6.2616, 0.044619]
    np.testing.assert_allclose(answers[0], first, rtol=1e-4, atol=1e-4)
    sums = [920.32, 1317.0, 4187.3, 4370.5, -23652, 256.22]
    np.testing.assert_allclose(answers.sum(0, dtype=float), sums, rtol=1e-4)


def test_boxes_before_and_after_suppression(answers):
    corners, confidence = boxes.decode(answers, 320, 320)
    surest = np.argsort(-confidence)[:3]
    assert surest.tolist() == [1789, 1790, 1809]
    np.testing.assert_allclose(confidence[surest], [0.49346, 0.46755, 0.35359], atol=1e-5)
    expected = [
        [-6.265, -34.582, 324.902, 333.984],
        [-7.891, -33.795, 325.807, 330.171],
        [-4.872, -16.297, 323.171, 325.079],
    ]
    np.testing.assert_allclose(corners[surest], expected, atol=0.01)
    kept = boxes.suppress(corners, confidence)
    assert kept[0] == 1789
    assert confidence[kept[1]] == pytest.approx(0.0052246, abs=1e-5)
