"""From raw answers to boxes, on numbers worked out by hand."""

import numpy as np
import pytest

from camtrap_tf.networks.detector import boxes


def test_positions_are_row_by_row_the_finest_grid_first():
    where = boxes.grid(64, 96)
    # 8 rows of 12, 4 of 6, 2 of 3.
    assert len(where) == 96 + 24 + 6
    assert where[0].tolist() == [0, 0, 8]
    assert where[13].tolist() == [1, 1, 8]
    assert where[96 + 6].tolist() == [0, 1, 16]
    assert where[-1].tolist() == [2, 1, 32]


def raw(position: int, answer, positions=96 + 24 + 6) -> np.ndarray:
    """[positions, 6]: one answer, and nothing elsewhere."""
    answers = np.zeros((positions, 6), np.float32)
    answers[:, 4] = -20
    answers[position] = answer
    return answers


def test_an_answer_becomes_a_box():
    # Column 1, row 1 at stride 16: centre (1 + 0.5, 1 + 0.25) * 16 = (24, 20), 2 x 0.5 strides.
    answer = [0.5, 0.25, np.log(2), np.log(0.5), 0, np.log(3)]
    corners, confidence = boxes.decode(raw(96 + 7, answer), 64, 96)
    np.testing.assert_allclose(corners[96 + 7], [24 - 16, 20 - 4, 24 + 16, 20 + 4], rtol=1e-6)
    assert confidence[96 + 7] == pytest.approx(0.5 * 0.75)
    assert np.delete(confidence, 96 + 7).max() < 1e-8


def test_boxes_are_shares_of_the_picture_and_end_with_it():
    answer = [0.5, 0.25, np.log(2), np.log(0.5), 0, np.log(3)]
    # Of 64 x 96 the picture fills 48 x 32: columns 8 to 40 end at 32, rows 16 to 24 stay.
    found = boxes.find(raw(96 + 7, answer), (64, 96), (48, 32), 0.1)
    np.testing.assert_allclose(found.boxes, [[0.25, 1 / 3, 0.75, 1 / 6]], rtol=1e-6)
    assert found.confidence.tolist() == pytest.approx([0.375])
    assert found.boxes.dtype == found.confidence.dtype == np.float32
    assert len(boxes.find(raw(96 + 7, answer), (64, 96), (48, 32), 0.376)) == 0
    # Wholly in the padding: nothing of the picture.
    assert len(boxes.find(raw(96 + 7, answer), (64, 96), (15, 32), 0.1)) == 0


def test_of_much_the_same_box_the_surest_stays():
    corners = np.float32([
        [0, 0, 10, 10],
        [0, 0, 10, 5],    # half of the first: 50 / 100
        [6, 0, 16, 10],   # 40 / 160
        [20, 20, 30, 30],
        [1, 1, 10, 10],   # 81 / 100
    ])  # fmt: skip
    confidence = np.float32([0.5, 0.9, 0.4, 0.1, 0.6])
    # 1 (0.9) meets 4: 9 * 4 = 36 of 50 + 81 - 36 = 95, 0.38, so 4 stays; 0 goes with either.
    assert boxes.suppress(corners, confidence).tolist() == [1, 4, 2, 3]
    assert boxes.suppress(corners, confidence, 0.3).tolist() == [1, 2, 3]
    assert boxes.suppress(corners, confidence, 0.9).tolist() == [1, 4, 0, 2, 3]
    assert boxes.suppress(corners[:0], confidence[:0]).tolist() == []


@pytest.mark.parametrize(
    ("width", "height", "longer", "side"),
    [
        (2048, 1536, 0, (480, 640)),
        (1000, 750, 0, (480, 640)),
        (1920, 1080, 0, (384, 640)),  # 640 * 1080 / 1920 = 360 -> 384
        (800, 800, 0, (640, 640)),
        (799, 600, 0, (320, 416)),  # 416 * 600 / 799 = 312.4 -> 320
        (600, 799, 0, (416, 320)),
        (256, 192, 0, (256, 320)),  # 240 -> 256
        (2048, 1536, 416, (320, 416)),
        (9000, 10, 0, (32, 640)),
    ],
)
def test_inputs_are_as_large_as_pictures_deserve(width, height, longer, side):
    assert boxes.side_of(width, height, longer) == side
