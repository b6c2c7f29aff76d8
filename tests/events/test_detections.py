"""MegaDetector's results as input."""

import json

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import json_files
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY
from camtrap_tf.events import detections, listing
from camtrap_tf.outputs import megadetector as output

NAN = float("nan")


def file(tmp_path, images, **fields):
    content = {"info": {}, "detection_categories": {"1": "animal", "2": "person"}}
    path = tmp_path / "md.json"
    path.write_text(json.dumps(content | {"images": images} | fields))
    return path


def detection(conf, *bbox, category="1"):
    return {"category": category, "conf": conf, "bbox": list(bbox or (0.25, 0.5, 0.5, 0.25))}


IMAGES = [
    {
        "file": "a\\1.jpg",
        "detections": [detection(0.1), detection(0.9, 0, 0, 0.5, 1, category="2")],
    },
    {"file": "2.jpg", "detections": []},
    {"file": "3.jpg", "detections": None, "failure": "image access failure"},
    {"file": "4.jpg", "detections": [detection(0.15, 0.5, 0.5, 0.1, 0.1), detection(0.15)]},
]


def test_the_surest_detection_counts(tmp_path):
    found = detections.read(file(tmp_path, IMAGES))
    assert found.paths.tolist() == ["a/1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    np.testing.assert_array_equal(found.confidence, np.float32([0.9, 0, NAN, 0.15]))
    nothing = [NAN] * 4
    boxes = [[0, 0, 0.5, 1], nothing, nothing, [0.25, 0.5, 0.5, 0.25]]  # the larger of two alike
    np.testing.assert_array_equal(found.boxes, np.float32(boxes))
    assert found.failures.fillna("").tolist() == ["", "", "image access failure", ""]
    assert found.threshold == 0.2 and found.something.tolist() == [True, False, False, False]


def test_the_threshold_is_the_one_given_or_that_of_the_file(tmp_path):
    info = {"detector_metadata": {"typical_detection_threshold": 0.1}}
    path = file(tmp_path, IMAGES, info=info)
    assert detections.read(path).something.tolist() == [True, False, False, True]
    assert detections.read(path, 0.95).something.tolist() == [False] * 4
    with pytest.raises(InputError, match="lies above 0, up to 1; received 20"):
        detections.read(path, 20)


def test_a_category_named_empty_is_no_detection(tmp_path):
    images = [{"file": "1.jpg", "detections": [detection(0.9), detection(0.3, category="2")]}]
    path = file(tmp_path, images, detection_categories={"1": "empty", "2": "group"})
    assert detections.read(path).confidence.tolist() == [np.float32(0.3)]


def test_layouts_and_pieces_of_any_size_give_the_same(tmp_path, monkeypatch):
    images = [{"file": f"b/{n}.jpg", "detections": [detection(n / 64)]} for n in range(32)]
    whole = detections.read(file(tmp_path, [*IMAGES, *images]))
    monkeypatch.setattr(json_files, "_ROWS", 5)
    monkeypatch.setattr(json_files, "_BLOCK", 100)
    content = json.loads((tmp_path / "md.json").read_text())
    for names in (list(content), ["images", "detection_categories", "info"]):
        path = tmp_path / "other.json"
        path.write_text(json.dumps({name: content[name] for name in names}, indent=1))
        found = detections.read(path)
        assert found.paths.tolist() == whole.paths.tolist()
        assert found.failures.fillna("").tolist() == whole.failures.fillna("").tolist()
        np.testing.assert_array_equal(found.confidence, whole.confidence)
        np.testing.assert_array_equal(found.boxes, whole.boxes)
    path.write_text(path.read_text()[:-400])
    with pytest.raises(InputError, match=r"Write it again: .* at character \d,\d{3}\."):
        detections.read(path)
    content["images"][30]["file"] = None
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="Correct image 30"):
        detections.read(path)


def test_of_pictures_in_another_order(tmp_path):
    found = detections.read(file(tmp_path, IMAGES)).of(pd.Series(["2.jpg", "x.jpg", "a/1.jpg"]))
    np.testing.assert_array_equal(found.confidence, np.float32([0, NAN, 0.9]))
    assert found.failures.fillna("").tolist() == ["", "not in MegaDetector's results", ""]
    assert found.boxes[2].tolist() == [0, 0, 0.5, 1] and np.isnan(found.boxes[:2]).all()


@pytest.mark.parametrize(
    ("images", "says"),
    [
        ([{"detections": []}], "every image has a `file`.*Correct image 0"),
        (
            [IMAGES[1], {**IMAGES[1], "detections": [detection(0.5)]}],
            "listed once, or with one answer; received '2.jpg'",
        ),
        ([{"file": "1", "detections": [{"conf": 1.0}]}], "a `bbox` of four numbers; received '1'"),
        ([{"file": "1", "detections": [detection(0.5, 0, 0, 640, 480)]}], "as shares of it"),
        ([{"file": "1", "detections": [detection(1.5)]}], "`conf` is a share"),
    ],
)
def test_broken_files_are_told(tmp_path, images, says):
    with pytest.raises(InputError, match=says):
        detections.read(file(tmp_path, images))


def test_a_real_file(shared_data):
    path = shared_data / "megadetector" / "deer_cxl_output.json"
    found, images = detections.read(path), json.loads(path.read_text())["images"]
    assert len(found) == len(images) == 1781
    sure = [max((one["conf"] for one in image["detections"]), default=0) for image in images]
    np.testing.assert_array_equal(found.confidence, np.float32(sure))
    assert found.something.sum() == sum(conf >= 0.2 for conf in sure)
    boxed = ~np.isnan(found.boxes[:, 0])
    assert boxed.tolist() == [conf > 0 for conf in sure]


def test_round_trip_through_our_own_file(tmp_path):
    ids = pd.DataFrame({"path": ["1.jpg", "2.jpg", "3.jpg"], "failure": [None, None, "damaged"]})
    empty = np.array([[0.875, 0.125], [0.25, 0.75], [NAN, NAN]], np.float32)
    info = {"animal_threshold": 0.375}
    predictions = Predictions(ids, {"empty": BINARY}, {"empty": empty}, info=info)
    output.write(predictions, tmp_path / "md.json")
    found = detections.read(tmp_path / "md.json")
    assert found.paths.tolist() == ids["path"].tolist()
    np.testing.assert_array_equal(found.confidence, predictions.animal_probability())
    assert found.something.tolist() == [True, False, False]
    assert found.threshold == 0.375
    assert found.failures[2] == "image access failure: damaged"


def test_a_list_of_pictures_without_pictures_is_told(tmp_path):
    path = tmp_path / "md.json"
    path.write_text('{"detection_categories": {"1": "animal"}}')
    with pytest.raises(InputError, match=r"a \.json list is MegaDetector's results.*COCO"):
        listing.resolve([path])


@pytest.mark.parametrize(
    "content",
    [
        {"info": None, "detection_categories": {"1": "animal"}},
        {"info": {"format_version": "1.0"}, "detection_categories": {"1": "animal"}},
        {"info": {"format_version": 1.3, "detector_metadata": None}},
        {},
        None,  # a plain list
    ],
)
@pytest.mark.parametrize("key", ["file", "image_file", "filepath"])
def test_older_files_and_plain_lists(tmp_path, content, key):
    images = [
        {key: "a\\1.jpg", "max_detection_conf": 0.9, "detections": [detection(0.9)]},
        {key: "2.jpg", "max_detection_conf": 0, "detections": []},
    ]
    path = tmp_path / "md.json"
    path.write_text(json.dumps(images if content is None else {**content, "images": images}))
    found = detections.read(path)
    assert (found.paths.tolist(), found.threshold) == (["a/1.jpg", "2.jpg"], 0.2)
    np.testing.assert_array_equal(found.confidence, np.float32([0.9, 0]))


def test_a_confidence_that_was_rounded_up_or_taken_back(tmp_path):
    images = [
        {"file": "1.jpg", "detections": [detection(1.0000001)]},
        {"file": "2.jpg", "detections": [detection(-0.97), detection(0.3)]},
        {"file": "3.jpg", "detections": [detection(-0.97)]},
    ]
    found = detections.read(file(tmp_path, images))
    np.testing.assert_array_equal(found.confidence, np.float32([1, 0.3, 0]))


def test_batches_that_were_merged(tmp_path):
    failed = {"file": "1.jpg", "detections": None, "failure": "image access failure"}
    images = [failed, *IMAGES[1:], {"file": "1.jpg", "detections": [detection(0.5)]}, IMAGES[3]]
    found = detections.read(file(tmp_path, [*images, {**failed, "failure": "again"}]))
    assert found.paths.tolist() == ["2.jpg", "3.jpg", "4.jpg", "1.jpg"]
    np.testing.assert_array_equal(found.confidence, np.float32([0, NAN, 0.15, 0.5]))


def test_names_with_accents_in_either_form(tmp_path):
    apart, together = "wa\u0308ld/1.jpg", "w\xe4ld/1.jpg"
    for written, asked in ((apart, together), (together, apart)):
        path = file(tmp_path, [{"file": written, "detections": [detection(0.5)]}])
        assert detections.read(path).of(pd.Series([asked])).confidence[0] == 0.5
