"""Boxes that people drew, read wherever MegaDetector's are."""

import json

import numpy as np
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events import boxes, coco_boxes, detections

IMAGES = [
    {"id": 1, "file_name": "a/1.jpg", "width": 200, "height": 100},
    {"id": 2, "file_name": "a\\2.jpg", "width": 200, "height": 100},
    {"id": 3, "file_name": "a/3.jpg"},
    {"id": 4, "file_name": "a/4.jpg"},
    {"id": 5, "file_name": "a/5.jpg"},
]
ANNOTATIONS = [
    {"id": "x", "image_id": 1, "category_id": 7, "bbox": [20, 10, 40, 20]},
    {"id": "y", "image_id": 1, "category_id": 8, "bbox": [100, 50, 120, 60]},  # beyond the edge
    {"id": "z", "image_id": 2, "category_id": 7, "bbox": [0, 0, 200, 100]},
    {"id": "u", "image_id": 3, "category_id": 0},
    {"id": "v", "image_id": 4, "category_id": 7},
]
CATEGORIES = [{"id": 0, "name": "empty"}, {"id": 7, "name": "fox"}, {"id": 8, "name": "elk"}]
COCO = {"annotations": ANNOTATIONS, "images": IMAGES, "categories": CATEGORIES}
ORDERS = [
    ("images", "annotations", "categories"),
    ("info", *COCO),
    ("categories", "images", "annotations"),
]


@pytest.fixture
def write(tmp_path):
    def write(content):
        (tmp_path / "coco.json").write_text(json.dumps(content))
        return tmp_path / "coco.json"

    return write


@pytest.mark.parametrize("order", ORDERS)
def test_the_largest_box_of_a_picture_counts(write, order):
    path = write({name: COCO.get(name, {}) for name in order})
    assert coco_boxes.is_coco(path)
    found = detections.read(path)
    assert found.paths.tolist() == [f"a/{n}.jpg" for n in range(1, 6)]
    np.testing.assert_allclose(found.boxes[:2], [[0.5, 0.5, 0.5, 0.5], [0, 0, 1, 1]])
    assert np.isnan(found.boxes[2:]).all()
    np.testing.assert_array_equal(found.confidence, [1, 1, 0, np.nan, np.nan])
    assert found.failures.isna().tolist() == [True, True, True, False, False]
    assert found.failures[3] == coco_boxes.NO_BOX


def test_all_boxes_have_their_names(write):
    rows = boxes.read(write(COCO)).rows
    assert rows["path"].tolist() == ["a/1.jpg", "a/1.jpg", "a/2.jpg"]
    assert rows["category"].tolist() == ["elk", "fox", "fox"]  # the larger first


def test_a_picture_with_boxes_tells_its_size(write):
    images = [{"id": 1, "file_name": "a/1.jpg", "width": 200}]
    with pytest.raises(InputError, match=r"tells its `width` and `height`.*200 x None"):
        detections.read(write(COCO | {"images": images}))


@pytest.mark.parametrize(
    "content",
    [
        {"annotations": [], "categories": []},
        {"images": [{"file_name": "1.jpg"}], "annotations": [], "categories": []},
        {"images": IMAGES, "annotations": [{"category_id": 7}], "categories": CATEGORIES},
        {"images": IMAGES, "annotations": [ANNOTATIONS[0] | {"bbox": [1]}], "categories": []},
    ],
)
def test_what_is_no_such_file_is_told(write, content):
    with pytest.raises(InputError):
        detections.read(write(content))


def test_megadetectors_files_are_none(write):
    assert not coco_boxes.is_coco(write({"images": [{"file": "1.jpg", "detections": []}]}))
    assert not coco_boxes.is_coco(write({"info": {}, "detection_categories": {}, "images": []}))
