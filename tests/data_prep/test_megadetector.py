import json

import pytest

from camtrap_tf.core.errors import InputError
from data_prep.choice import select
from data_prep.sources import read

CONTENT = {
    "info": {"format_version": "1.6"},
    "detection_categories": {"1": "animal", "2": "person"},
    "images": [
        {"file": "A\\1.jpg", "detections": [
            {"category": "1", "conf": 0.9}, {"category": "1", "conf": 0.2},
            {"category": "2", "conf": 0.1},
        ]},
        {"file": "A/2.jpg", "detections": [{"category": "1", "conf": 0.19}]},
        {"file": "3.jpg", "detections": []},
        {"file": "4.jpg", "detections": None, "failure": "image access failure"},
    ],
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    def write(content=CONTENT):
        (tmp_path / "md.json").write_text(json.dumps(content))
        return tmp_path / "md.json"

    return write


def test_detections_above_the_threshold_label_pictures(file):
    table = read("megadetector", file())
    assert table.frames["path"].tolist() == ["A/1.jpg", "A/2.jpg", "3.jpg"]
    assert table.events["site"].fillna("").tolist() == ["A", "A", ""]
    assert table.labels["species"].tolist() == ["animal", "empty", "empty"]
    assert table.labels["count"].fillna("").tolist() == ["2", "", ""]
    assert table.dropped.counts == {"picture the detector could not read": 1}
    assert read("megadetector", file(), threshold=0.1).labels["species"].tolist() == [
        "animal", "person", "animal", "empty",
    ]  # fmt: skip


def test_a_site_is_the_whole_folder(file):
    named = [{"file": f"{name}.jpg", "detections": []} for name in ("S1/B04/1", "S2/B04/1", "S1/2")]
    table = read("megadetector", file(CONTENT | {"images": named}))
    assert table.events["site"].tolist() == ["S1/B04", "S2/B04", "S1"]


def test_previews_and_deleted_pictures_are_no_events(file):
    hidden = [
        {"file": f"A/{folder}/1.jpg", "detections": [{"category": "1", "conf": 0.9}]}
        for folder in ("@eaDir", "$RECYCLE.BIN", "__MACOSX")
    ]
    table = read("megadetector", file(CONTENT | {"images": [*hidden, *CONTENT["images"][:2]]}))
    assert table.frames["path"].tolist() == ["A/1.jpg", "A/2.jpg"]
    assert len(table) == 2 and table.labels["species"].tolist() == ["animal", "empty"]
    assert table.dropped.counts == {"picture in a folder of the system": 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": [{"detections": []}]}, "every image has a `file`.*Correct image 0"),
        (
            {"images": [CONTENT["images"][1], {"file": "A\\2.jpg", "detections": []}]},
            "is listed once, or with one answer; received 'A/2.jpg'",
        ),
        ({"detection_categories": {"2": "person"}}, "a category is one of 2; received '1'"),
        ({"detection_categories": None}, "is JSON with `images` and `detection_categories`"),
    ],
)
def test_broken_files_are_told(file, change, message):
    with pytest.raises(InputError, match=message):
        read("megadetector", file(CONTENT | change))


def test_a_threshold_is_a_probability(file):
    with pytest.raises(InputError, match="threshold is at least 0 and at most 1; received 20"):
        read("megadetector", file(), threshold=20)


def test_a_real_batch(shared_data):
    table = read("megadetector", shared_data / "megadetector" / "deer_cxl_output.json")
    species = select.event_labels(table)["species"].value_counts().to_dict()
    assert species == {"animal": 1779, "empty": 2}
    example = read("megadetector", shared_data / "megadetector" / "example_v1.6.json")
    assert example.dropped.counts == {"picture the detector could not read": 1}


def test_batches_that_were_merged(file):
    """A picture that failed in one batch and succeeded in another; one that is in both alike."""
    images = [
        {"file": "1.jpg", "detections": None, "failure": "image access failure"},
        CONTENT["images"][1],
        {"file": "1.jpg", "detections": [{"category": "1", "conf": 0.9}]},
        {"file": ".\\A\\2.jpg", "detections": [{"conf": 0.19, "category": "1"}]},
        {"file": "2.jpg", "detections": None, "failure": "x"},
        {"file": "2.jpg", "detections": None, "failure": "y"},
    ]
    table = read("megadetector", file(CONTENT | {"images": images}))
    assert table.labels[["event_id", "species"]].to_numpy().tolist() == [
        ["A/2.jpg", "empty"], ["1.jpg", "animal"],
    ]  # fmt: skip
    assert table.dropped.examples == {"picture the detector could not read": ["2.jpg"]}


def test_categories_that_mean_nothing(file):
    categories = {"0": "nothing", "1": "unknown", "2": "person"}
    images = [{"file": f"{key}.jpg", "detections": [{"category": key, "conf": 0.9}]}
              for key in "012"]  # fmt: skip
    content = CONTENT | {"detection_categories": categories, "images": images}
    table = read("megadetector", file(content))
    assert table.labels[["event_id", "species"]].to_numpy().tolist() == [
        ["0.jpg", "empty"], ["2.jpg", "person"],
    ]  # fmt: skip
    assert table.events["source"].tolist() == ["megadetector", "none", "megadetector"]


def test_detections_of_an_unknown_category_can_be_left_out(file):
    path = file(CONTENT | {"detection_categories": {"2": "person"}})
    table = read("megadetector", path, on_unknown="drop")
    # What was seen on the first picture has no name, but it is not empty.
    assert table.labels[["event_id", "species"]].to_numpy().tolist() == [
        ["A/2.jpg", "empty"], ["3.jpg", "empty"],
    ]  # fmt: skip
    assert table.dropped.counts["detection of an unknown category"] == 2


@pytest.mark.parametrize(
    ("conf", "species"),
    [("0.9", "animal"), (0.9, "animal"), ("0.1", "empty"), (1.0000001, "animal")],
)
def test_a_confidence_as_text(tmp_path, conf, species):
    images = [
        {"file": "a.jpg", "detections": [{"category": "1", "conf": conf, "bbox": [0, 0, 1, 1]}]}
    ]
    (tmp_path / "md.json").write_text(json.dumps({"images": images}))
    assert read("megadetector", tmp_path / "md.json").labels["species"].tolist() == [species]


@pytest.mark.parametrize("conf", [None, "much", float("nan"), 7, []])
def test_a_confidence_that_is_none(tmp_path, conf):
    images = [
        {"file": "a.jpg", "detections": [{"category": "1", "conf": conf, "bbox": [0, 0, 1, 1]}]}
    ]
    (tmp_path / "md.json").write_text(json.dumps({"images": images}))
    with pytest.raises(InputError, match=r"`conf` of a detection is a share; received .*a.jpg"):
        read("megadetector", tmp_path / "md.json")
