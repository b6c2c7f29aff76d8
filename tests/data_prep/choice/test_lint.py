import os
import unicodedata

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import Dropped, EventTable
from data_prep.choice import lint
from data_prep.sources import dryad, read


def findings(found, check):
    rows = found[found["check"] == check]
    return dict(zip(rows["item"], rows["detail"].fillna(""), strict=True))


@pytest.fixture
def table():
    events = pd.DataFrame(
        [("a", "A", "2012-01-05 23:00:00", 0.72, 15, 0), ("b", "A", None, 0.69, 12, 0),
         ("c", "A", "2012-01-06 00:00:00", 0.0, 4, 4), ("d", "B", "2012-01-01", 0.0, 5, 5),
         ("e", None, "2012-01-01", None, None, None), ("f", "A", "2012-01-01", 0, 3, 1)],
        columns=["event_id", "site", "datetime", "evenness", "classifications", "blanks"],
    )  # fmt: skip
    events["datetime"] = pd.to_datetime(events["datetime"], format="ISO8601")
    frames = [(event, f"{event}/1.jpg") for event in "abcdf"] + [("b", "a/1.jpg")]
    labels = [("a", "zebra"), ("b", "topi"), ("c", "empty"), ("d", "empty"), ("f", "topi")]
    dropped = Dropped()
    dropped.add("time that cannot be read (the event is kept)", [f"0000-{n}" for n in range(7)])
    return EventTable(
        events,
        pd.DataFrame(frames, columns=["event_id", "path"]),
        pd.DataFrame(labels, columns=["event_id", "species"]),
        dropped=dropped,
    )


def test_each_check(table):
    found = lint.lint(table)
    read_rule = "read: time that cannot be read (the event is kept)"
    row = found[found["check"] == read_rule]
    assert row["item"].tolist() == ["0000-0, 0000-1, 0000-2, 0000-3, 0000-4"]
    assert row["count"].tolist() == [7]
    assert findings(found, "event without pictures") == {"e": ""}
    assert findings(found, "event without label") == {"e": ""}
    assert findings(found, "event without time") == {"b": ""}
    assert findings(found, "picture in the table more than once") == {"a/1.jpg": "2 times"}
    assert findings(found, "volunteers disagree") == {"a": "evenness 0.72"}
    assert findings(found, "empty by few votes") == {"c": "4 saw nothing"}
    assert f"        7  {read_rule}" in lint.summary(found)
    assert "volunteers disagree (e.g. a)" in lint.summary(found)


def test_thresholds_and_double_ids(table):
    found = lint.lint(table, evenness=0.69, votes=4)
    assert list(findings(found, "volunteers disagree")) == ["a", "b"]
    assert findings(found, "empty by few votes") == {}
    with pytest.raises(InputError, match=r"evenness lies in \[0, 1\]; received 7"):
        lint.lint(table, evenness=7)
    table.events = pd.concat([table.events, table.events.iloc[:1]])
    assert findings(lint.lint(table), "event id more than once") == {"a": "2 times"}


def test_a_table_without_any_time_is_not_blamed_for_it(table):
    table.events["datetime"] = pd.NaT
    assert findings(lint.lint(table), "event without time") == {}


def test_search_effort(table):
    effort = pd.DataFrame({
        "site": ["A", "A"], "start": pd.to_datetime(["2012-01-05", "2011-12-30"]),
        "end": pd.to_datetime(["2012-01-05", "2011-12-31"]),
    })  # fmt: skip
    found = lint.lint(table, effort=effort)
    # The end day belongs to it; site B is not in the file.
    assert list(findings(found, "outside the search effort")) == ["c", "f"]


@pytest.fixture
def images(tmp_path):
    def save(path, pixels):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / path, quality=90)

    rng = np.random.default_rng(0)
    shape = (96, 128, 3)
    save("a/1.jpg", rng.integers(0, 256, shape))
    black = rng.integers(0, 12, shape)
    black[-8:] = 255  # the info bar
    save("b/1.jpg", black)
    white = np.full(shape, 250)
    white[-8:] = 0
    save("c/1.jpg", white)
    night = np.zeros(shape)
    night[30:60, 40:70] = 90  # something is to be seen
    save("d/1.jpg", night)
    save("stray.jpg", night)
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "1.jpg").write_bytes(b"")
    return tmp_path


def test_picture_files(table, images):
    (images / "d" / "1.jpg").rename(images / "d" / "2.jpg")
    found = lint.lint(table, images)
    assert findings(found, "picture file is missing") == {"d/1.jpg": ""}
    assert list(findings(found, "picture file without event")) == ["stray.jpg", "d/2.jpg"]
    assert list(findings(found, "picture all black")) == ["b/1.jpg"]
    assert list(findings(found, "picture all white")) == ["c/1.jpg"]
    assert list(findings(found, "picture cannot be read")) == ["f/1.jpg"]
    assert not findings(lint.lint(table, images, look=False), "picture all black")


def test_names_that_are_not_utf_8_are_told(table, images):
    os.rename(os.fsencode(images / "stray.jpg"), os.fsencode(images) + b"/m\xfcsli.jpg")
    found = lint.lint(table, images, look=False)
    odd = findings(found, "picture file whose name is not valid UTF-8")
    assert odd == {"m\\xfcsli.jpg": "rename it"}
    assert findings(found, "picture file without event") == {}


def test_a_night_with_an_animal_is_not_black(images):
    assert lint.fault(images / "d" / "1.jpg") == ("", "")


def test_the_verb(table, images, tmp_path, capsys, caplog):
    path, out = str(tmp_path / "events.parquet"), tmp_path / "findings.csv"
    table.write(path)
    assert cli.main(["lint", f"--events={path}", f"--images={images}", f"--out={out}"]) == 0
    rows = pd.read_csv(out)
    assert rows.columns.tolist() == lint.COLUMNS
    assert (rows["check"] == "picture all black").sum() == 1
    assert cli.main(["lint", f"--events={path}", "--strict"]) == 2
    assert "with --strict nothing is found" in capsys.readouterr().err
    kept = table.keep(["d"])
    kept.dropped = Dropped()
    kept.write(path)
    assert lint.summary(lint.lint(EventTable.read(path))) == "found nothing"
    assert cli.main(["lint", f"--events={path}", "--strict"]) == 0


def test_real_metadata(shared_data):
    table = read("dryad", shared_data / "serengeti" / "gold")
    found = lint.lint(table, evenness=0.69)
    # ASG0002kjm 0.693 and ASG0002kjn 0.958 have no experts' label or are kept all the same.
    apart = findings(found, "volunteers disagree")
    assert apart["ASG0002kjm"] == "evenness 0.693"
    effort = dryad.read_search_effort(
        shared_data / "serengeti" / "metadata" / "search_effort.head.csv"
    )
    assert not findings(lint.lint(table, effort=effort), "outside the search effort")


def test_real_frames_are_neither_black_nor_white(shared_data):
    for path in (shared_data / "serengeti" / "frames").iterdir():
        if path.suffix.lower() == ".jpg":
            assert lint.fault(path) == ("", "")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_with_accents_are_found_in_either_form(tmp_path, form):
    there, told = (unicodedata.normalize(one, "wäld/é.jpg") for one in (form, "NFC"))
    (tmp_path / there).parent.mkdir()
    Image.new("RGB", (64, 64), "grey").save(tmp_path / there)
    table = EventTable(
        pd.DataFrame({"event_id": ["a"]}),
        pd.DataFrame({"event_id": ["a"], "path": [told]}),
        pd.DataFrame({"event_id": ["a"], "species": ["fox"]}),
    )
    assert lint.lint(table, tmp_path).empty
