import datetime
import os

import numpy as np
import pytest
from PIL import Image

from camtrap_tf.core.errors import InputError
from data_prep.sources import read

ROWS = (
    "File;Label;Number;Event;Camera;When;moving",
    "a\\2.jpg;deer;12;e1;C1;2020-01-01 10:00:02;1",
    "a/1.jpg;Blank;;e1;C1;2020-01-01 10:00:00;",
    "b/1.jpg;fox;2;e2;C2;0000-00-00;0",
    "b/1.jpg;deer;11-50;e2;C2;0000-00-00;0.5",
    "b/1.jpg;deer;11-50;e2;C2;0000-00-00;0.5",
    "b/2.jpg;;;e3;C2;;",
)
COLUMNS = "path=File,species=Label,count=Number,event=Event,site=Camera,datetime=When"


@pytest.fixture
def file(tmp_path):
    def write(rows=ROWS):
        (tmp_path / "labels.csv").write_text("\ufeff" + "\r\n".join(rows) + "\r\n")
        return tmp_path / "labels.csv"

    return write


def test_columns_are_mapped(file):
    table = read("csv", file(), columns=COLUMNS)
    assert table.events["event_id"].tolist() == ["e1", "e2", "e3"]
    assert table.events["site"].tolist() == ["C1", "C2", "C2"]
    assert table.events["source"].tolist() == ["annotation", "annotation", "none"]
    assert str(table.events["datetime"][0]) == "2020-01-01 10:00:00"
    assert table.frames["path"].tolist() == ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]
    labels = table.labels.fillna({"count": "", "moving": -1})
    assert labels[["event_id", "frame", "species", "count", "moving"]].to_numpy().tolist() == [
        ["e1", 1, "deer", "11-50", 1], ["e1", 0, "empty", "", -1],
        ["e2", 0, "fox", "2", 0], ["e2", 0, "deer", "11-50", 0.5],
    ]  # fmt: skip
    assert table.dropped.counts["row that repeats another"] == 1


def test_bursts_are_events_where_no_column_says_so(file):
    columns = COLUMNS.replace("event=Event,", "")
    rows = [ROWS[0].replace("Event", "Ev"), *ROWS[1:]]
    table = read("csv", file(rows), columns=columns)
    assert table.events["event_id"].tolist() == ["a/1.jpg", "b/1.jpg", "b/2.jpg"]


@pytest.mark.parametrize(
    ("columns", "rows", "message"),
    [
        ("", ROWS, "received 'species=species'. It has File, Label, Number"),
        ("path=Fil", ROWS, "received 'path=Fil,species=species'"),
        ("fil=File", ROWS, "with a FIELD of path, folder, .*received 'fil=File'"),
        (COLUMNS, [row.replace(";12;", ";many;") for row in ROWS], "`count` is one of.*row 2"),
        (COLUMNS, [row.replace("a/1.jpg", "") for row in ROWS], "has a path.*row 3"),
        (COLUMNS, [row.replace(":02;1", ":02;7") for row in ROWS],
         "`moving` is a number of at least 0 and at most 1; received '7'.*row 2"),
    ],
)  # fmt: skip
def test_broken_rules_are_told(file, columns, rows, message):
    with pytest.raises(InputError, match=message):
        read("csv", file(rows), columns=columns)


def test_an_unknown_count_goes_missing(file):
    rows = [row.replace(";12;", ";many;") for row in ROWS]
    table = read("csv", file(rows), columns=COLUMNS, on_unknown="drop")
    assert table.labels["count"].isna().tolist() == [True, True, False, False]
    assert table.dropped.counts["labels.csv: unknown count"] == 1


def test_the_real_labels(shared_data):
    path = shared_data / "ena24" / "labels.csv"
    table = read("csv", path, columns="path=filepath,species=label")
    assert (len(table), len(table.frames)) == (21, 21)
    assert table.labels["species"].value_counts().unique().tolist() == [3]  # 7 species


def test_folders_named_by_species(tmp_path):
    def picture(path, second):
        exif = Image.Exif()
        time = datetime.datetime(2020, 1, 1, 10, 0, second)
        exif[0x0132] = time.strftime("%Y:%m:%d %H:%M:%S")
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / path, exif=exif)

    for path, second in (("deer/C1/b.jpg", 0), ("deer/C1/a.jpg", 1), ("Empty/c.jpg", 0),
                         ("stray.jpg", 0)):  # fmt: skip
        picture(path, second)
    (tmp_path / "deer" / "note.txt").write_text("no picture")
    table = read("folders", tmp_path)
    assert table.events["event_id"].tolist() == ["stray.jpg", "Empty/c.jpg", "deer/C1/b.jpg"]
    assert table.events["site"].fillna("").tolist() == ["", "", "C1"]
    assert table.frames["path"].tolist()[2:] == ["deer/C1/b.jpg", "deer/C1/a.jpg"]
    assert sorted(table.labels["species"]) == ["deer", "deer", "empty"]
    assert table.events["source"].tolist() == ["none", "annotation", "annotation"]
    with pytest.raises(InputError, match="the folder holds pictures"):
        (tmp_path / "none").mkdir()
        read("folders", tmp_path / "none")


def test_a_name_that_is_not_utf8_is_left_out_and_counted(tmp_path):
    folder = tmp_path / "fox"
    folder.mkdir()
    for name in (b"a.jpg", b"m\xfcsli.jpg"):
        (folder / "x").write_bytes(b"x")
        os.rename(folder / "x", os.path.join(os.fsencode(folder), name))
    table = read("folders", tmp_path)
    assert table.frames["path"].tolist() == ["fox/a.jpg"]
    assert table.dropped.counts == {"picture whose name is not valid UTF-8": 1}
