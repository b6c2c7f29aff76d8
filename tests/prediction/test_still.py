"""Boxes set apart in a results file, and the page on which people look at them."""

import json

import numpy as np
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import detections
from camtrap_tf.prediction.still import set_apart

BRANCH, ANIMAL = [0.1, 0.2, 0.2, 0.1], [0.5, 0.4, 0.3, 0.3]


@pytest.fixture
def results(tmp_path):
    """Twelve pictures of four days, a branch on all of them and an animal on the first."""
    images = []
    for i in range(12):
        found = [{"category": "1", "conf": 0.6, "bbox": BRANCH}]
        found += [{"category": "1", "conf": 0.4, "bbox": ANIMAL}] * (i == 0)
        time = f"2020:01:{1 + i % 4:02d} 10:00:{i:02d}"
        images.append({"file": f"A/{i:02d}.jpg", "datetime": time, "detections": found})
    images.append({"file": "A/12.jpg", "failure": "unreadable", "detections": None})
    content = {
        "info": {"format_version": "1.6", "detector": "any"},
        "detection_categories": {"1": "animal"},
        "images": images,
    }
    path = tmp_path / "md.json"
    path.write_text(json.dumps(content))
    return path


def test_a_branch_is_set_apart_and_the_animal_stays(results, tmp_path):
    found = set_apart(results, tmp_path / "still")
    assert (found.boxes, found.set_apart, len(found.places)) == (13, 12, 1)
    read = detections.read(found.folder / "detections.json", threshold=0.2)
    assert read.something.sum() == 1 and read.failures.notna().sum() == 1
    np.testing.assert_allclose(read.confidence[:12], [0.4] + [0.0] * 11, atol=1e-6)
    content = json.loads((found.folder / "detections.json").read_text())
    before = json.loads(results.read_text())
    assert content["info"]["detector"] == "any" and len(content["images"]) == 13
    for now, then in zip(content["images"], before["images"], strict=True):
        kept = [one | {"conf": abs(one["conf"])} for one in now["detections"] or ()]
        assert kept == (then["detections"] or [])  # nothing is lost
    # Results in which it was set apart have nothing more to set apart.
    again = set_apart(found.folder / "detections.json", tmp_path / "again")
    assert (again.boxes, again.set_apart) == (1, 0)


def test_who_sees_an_animal_says_no(results, tmp_path):
    folder = set_apart(results, tmp_path / "still").folder
    table = folder / "still.csv"
    text = table.read_text()
    assert text.splitlines()[1].endswith(",yes")
    table.write_text(text.replace(",yes", ",No"))
    found = set_apart(results, folder)
    assert found.set_apart == 0 and found.places["set_apart"].tolist() == ["no"]
    assert "kept: set_apart is no" in (folder / "still.html").read_text()
    table.write_text(text.replace(",yes", ",perhaps"))
    with pytest.raises(InputError, match="set_apart is yes or no; received 'perhaps'"):
        set_apart(results, folder)


def test_what_was_said_holds_when_more_pictures_come(results, tmp_path):
    folder = set_apart(results, tmp_path / "still").folder
    table = folder / "still.csv"
    table.write_text(table.read_text().replace(",yes", ",no"))
    content = json.loads(results.read_text())
    moved = [BRANCH[0] + 0.009, *BRANCH[1:]]  # the median of the place is another one
    content["images"] += [
        {"file": f"A/{20 + i}.jpg", "datetime": f"2020:01:{1 + i % 4:02d} 11:00:00",
         "detections": [{"category": "1", "conf": 0.6, "bbox": moved}]}
        for i in range(30)
    ]  # fmt: skip
    results.write_text(json.dumps(content))
    found = set_apart(results, folder)
    assert found.places["pictures"].tolist() == [42] and found.set_apart == 0


def test_boxes_that_are_none(results, tmp_path):
    content = json.loads(results.read_text())
    content["detection_categories"]["0"] = "empty"
    for image in content["images"][:12]:
        image["detections"][0]["category"] = "0"
    results.write_text(json.dumps(content))
    assert set_apart(results, tmp_path / "empty").boxes == 1
    content["images"][1]["detections"] = [{"category": "1", "conf": "high", "bbox": BRANCH}]
    results.write_text(json.dumps(content))
    with pytest.raises(InputError, match="a detection has `conf` and a `bbox` of four numbers"):
        set_apart(results, tmp_path / "broken")


def test_times_are_read_from_pictures_and_the_page_shows_them(results, tmp_path):
    content = json.loads(results.read_text())
    for image in content["images"]:
        time = image.pop("datetime", None)
        exif = Image.Exif()
        if time:
            exif[0x0132] = time
        path = tmp_path / image["file"]
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (64, 48), (90, 120, 60)).save(path, exif=exif)
    results.write_text(json.dumps(content))
    assert set_apart(results, tmp_path / "without").set_apart == 0  # 12 pictures at no time
    found = set_apart(results, tmp_path / "with", images=tmp_path)
    assert found.set_apart == 12 and found.places["days"].tolist() == [4]
    page = (found.folder / "still.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3
    assert "left: 10.0%; top: 20.0%; width: 20.0%; height: 10.0%" in page


def test_the_verb_says_what_came_of_it(results, tmp_path, capsys):
    assert cli.main(["still", str(results), f"--out={tmp_path / 'still'}"]) == 0
    said = capsys.readouterr().out
    assert "1 place where a box stays for days: 12 of 13 boxes set apart" in said
    assert "--megadetector=" in said
    assert cli.main(["still", str(results), f"--out={tmp_path}/x", "--overlap=0.3"]) == 2
    assert cli.main(["still", str(results), f"--out={tmp_path}/y", "--days=5"]) == 0
    assert "No box of 13 boxes stays in one place" in capsys.readouterr().out
