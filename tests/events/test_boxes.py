"""All boxes of MegaDetector's results."""

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.core.boxes import SIDES
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import boxes, detections
from tests.events.test_detections import detection, file

IMAGES = [
    {
        "file": "a\\1.jpg",
        "detections": [
            detection(0.3, 0.5, 0.5, 0.25, 0.25),
            detection(0.9, 0, 0, 0.5, 1, category="2"),
            detection(0.3, 0, 0, 0.5, 0.5),
            detection(0.19),
            detection(-0.8),  # was taken back
        ],
    },
    {"file": "2.jpg", "detections": []},
    {"file": "3.jpg", "detections": None, "failure": "image access failure"},
    {"file": "4.jpg", "detections": [detection(0.2)]},
]


def test_boxes_from_the_threshold_on_the_surest_first(tmp_path):
    path = file(tmp_path, IMAGES)
    found = boxes.read(path)
    assert (found.threshold, len(found)) == (0.2, 4)
    assert found.rows["path"].tolist() == 3 * ["a/1.jpg"] + ["4.jpg"]
    assert found.rows["category"].tolist() == ["person", "animal", "animal", "animal"]
    np.testing.assert_array_equal(found.rows["confidence"], np.float32([0.9, 0.3, 0.3, 0.2]))
    sides = [[0, 0, 0.5, 1], [0, 0, 0.5, 0.5], [0.5, 0.5, 0.25, 0.25], [0.25, 0.5, 0.5, 0.25]]
    np.testing.assert_array_equal(found.rows[list(SIDES)], np.float32(sides))  # the larger first
    surest = detections.read(path).boxes[[0, 3]]
    np.testing.assert_array_equal(found.rows[list(SIDES)].iloc[[0, 3]], surest)
    assert boxes.read(path, 0.5).rows["path"].tolist() == ["a/1.jpg"]
    assert boxes.read(path, 0.1).rows["path"].tolist() == 4 * ["a/1.jpg"] + ["4.jpg"]


def test_boxes_of_some_pictures_in_their_order(tmp_path):
    found = boxes.read(file(tmp_path, IMAGES))
    own = found.of(pd.Series(["4.jpg", "none.jpg", "2.jpg", "./a/1.jpg"], dtype="string"))
    assert own.rows["path"].tolist() == ["4.jpg", *3 * ["./a/1.jpg"]]
    assert own.rows["confidence"].tolist() == found.rows["confidence"].iloc[[3, 0, 1, 2]].tolist()
    assert len(found.of(pd.Series([], dtype="string"))) == 0
    assert own.sha256 != found.sha256 == boxes.read(file(tmp_path, IMAGES)).sha256


def test_a_picture_that_is_listed_twice_has_its_boxes_once(tmp_path):
    failed = {"file": "4.jpg", "detections": None, "failure": "none"}
    found = boxes.read(file(tmp_path, [failed, *IMAGES, IMAGES[0]]))
    assert found.rows["path"].tolist() == 3 * ["a/1.jpg"] + ["4.jpg"]
    other = {"file": "4.jpg", "detections": [detection(0.5)]}
    with pytest.raises(InputError, match=r"listed once, or with one answer; received '4.jpg'"):
        boxes.read(file(tmp_path, [*IMAGES, other]))
    assert len(boxes.read(file(tmp_path, []))) == 0
