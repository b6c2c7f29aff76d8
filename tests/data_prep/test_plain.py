import datetime
import os
import shutil
import struct

import numpy as np
import pytest
from PIL import Image

from camtrap_tf.core.errors import InputError
from data_prep.prepare import prepare
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
    for left_over in ("deer/C1/@eaDir", "System Volume Information", "__MACOSX", ".Trashes"):
        (tmp_path / left_over).mkdir()
        shutil.copy(tmp_path / "stray.jpg", tmp_path / left_over / "fox.jpg")
    table = read("folders", tmp_path)
    assert table.dropped.counts == {"folder of the system, or hidden": 4}
    assert table.events["event_id"].tolist() == ["stray.jpg", "Empty/c.jpg", "deer/C1/b.jpg"]
    assert table.events["site"].fillna("").tolist() == ["", "", "C1"]
    assert table.frames["path"].tolist()[2:] == ["deer/C1/b.jpg", "deer/C1/a.jpg"]
    assert sorted(table.labels["species"]) == ["deer", "deer", "empty"]
    assert table.events["source"].tolist() == ["none", "annotation", "annotation"]
    with pytest.raises(InputError, match="the folder holds pictures"):
        (tmp_path / "none").mkdir()
        read("folders", tmp_path / "none")


def test_triggers_of_a_reconyx_in_a_row_are_events(tmp_path):
    """Three triggers of one picture, a second apart: the MakerNote numbers them."""
    (tmp_path / "deer").mkdir()
    for number in (7, 8, 9):
        note = b"\x01\xf1\x04\0" + bytes(8) + b"M\0" + struct.pack("<4H", 1, 1, 0, number)
        exif = Image.Exif()
        own = exif.get_ifd(0x8769)
        own[0x9003], own[0x927C] = f"2024:05:01 10:00:0{number}", note.ljust(120, b"\0")
        Image.new("RGB", (8, 8)).save(tmp_path / "deer" / f"{number}.jpg", exif=exif)
    table = read("folders", tmp_path)
    assert table.events["event_id"].tolist() == ["deer/7.jpg", "deer/8.jpg", "deer/9.jpg"]


def test_a_name_that_is_not_utf8_is_left_out_and_counted(tmp_path):
    folder = tmp_path / "fox"
    folder.mkdir()
    for name in (b"a.jpg", b"m\xfcsli.jpg"):
        (folder / "x").write_bytes(b"x")
        os.rename(folder / "x", os.path.join(os.fsencode(folder), name))
    table = read("folders", tmp_path)
    assert table.frames["path"].tolist() == ["fox/a.jpg"]
    assert table.dropped.counts == {"picture whose name is not valid UTF-8": 1}


def written(tmp_path, *rows, encoding="utf-8", **options):
    path = tmp_path / "labels.csv"
    path.write_bytes(("\n".join(rows) + "\n").encode(encoding))
    return read("csv", path, **options)


def species_of(table):
    rows = table.labels.merge(table.frames, on="event_id")
    return sorted(map(tuple, rows[["path", "species"]].to_numpy().tolist()))


TIMELAPSE = (
    "File,RelativePath,DateTime,DeleteFlag,Species",
    "IMG_0001.JPG,st1\\100RECNX,2020-01-02 03:04:05,false,puma",
    "IMG_0001.JPG,st2\\100RECNX,2020-01-02 13:04:05,false,none",
    "IMG_0001.JPG,,2020-01-03 03:04:05,false,puma",
)
THREE = [("IMG_0001.JPG", "puma"), ("st1/100RECNX/IMG_0001.JPG", "puma"),
         ("st2/100RECNX/IMG_0001.JPG", "empty")]  # fmt: skip


@pytest.mark.parametrize("columns", ["", "folder=RelativePath,file=File,species=species"])
def test_a_picture_is_named_by_its_folder_and_file(tmp_path, columns):
    assert species_of(written(tmp_path, *TIMELAPSE, columns=columns)) == THREE


def test_a_key_of_two_columns_read_as_one_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"'IMG_0001.JPG: two folders \(rows 2, 3, 4; 1 such.*"
                                         r"--columns=folder=COLUMN,file=COLUMN"):  # fmt: skip
        written(tmp_path, *TIMELAPSE, columns="path=File,species=Species")
    # Also where nothing but the folder tells the rows apart.
    rows = ("path,Folder,species", "1.jpg,a,fox", "1.jpg,b,fox")
    with pytest.raises(InputError, match=r"1.jpg: two folders"):
        written(tmp_path, *rows)


def test_an_export_of_wildlife_insights(tmp_path):
    rows = (
        "project_id,deployment_id,image_id,filename,location,is_blank,wi_taxon_id,class,"
        "common_name,timestamp,number_of_objects,sex",
        "9,D1,u1,IMG_1.JPG,gs://b/u1.jpg,0,t1,Mammalia,Puma,2020-01-02 03:04:05,2,Male",
        "9,D1,u1,IMG_1.JPG,gs://b/u1.jpg,0,t1,Mammalia,Puma,2020-01-02 03:04:05,9,Female",
        "9,D2,u2,IMG_1.JPG,gs://b/u2.jpg,1,t2,,Blank,2020-01-02 03:04:05,1,",
        "9,D2,u3,IMG_2.JPG,gs://b/u3.jpg,0,t3,No CV Result,No CV Result,2020-01-03 03:04:05,1,",
    )
    table = written(tmp_path, *rows)
    assert species_of(table) == [("D1/IMG_1.JPG", "Puma"), ("D2/IMG_1.JPG", "empty")]
    assert table.labels["count"].fillna("").tolist() == ["11-50", ""]
    assert table.events["site"].tolist() == ["D1", "D2", "D2"]


def test_a_name_of_two_words_in_two_columns(tmp_path):
    """As in tables of Wildlife Insights and of museums: the second word alone is no species."""
    rows = ("file,genus,species", "1.jpg,Ursus,americanus", "2.jpg,Lepus,americanus",
            "3.jpg,Canis,", "4.jpg,,Blank")  # fmt: skip
    assert species_of(written(tmp_path, *rows)) == [
        ("1.jpg", "Ursus americanus"), ("2.jpg", "Lepus americanus"), ("3.jpg", "Canis"),
        ("4.jpg", "empty"),
    ]  # fmt: skip
    rows = ("file,genus,species", "1.jpg,Ursus,Ursus americanus")
    assert species_of(written(tmp_path, *rows)) == [("1.jpg", "Ursus americanus")]
    rows = ("deployment_id,filename,location,is_blank,genus,species,common_name",
            "D1,1.jpg,gs://b/1.jpg,0,Ursus,americanus,Black Bear",
            "D1,2.jpg,gs://b/2.jpg,1,,,Blank")  # fmt: skip
    table = written(tmp_path, *rows)
    assert species_of(table) == [("D1/1.jpg", "Black Bear"), ("D1/2.jpg", "empty")]
    assert table.events["site"].tolist() == ["D1", "D1"]


def test_sites_of_one_folder_are_apart(tmp_path):
    """Two cameras whose pictures were copied together: neither events nor clocks are shared."""
    rows = ("path,site,species,datetime", "1.jpg,A,fox,2020-01-02 03:04:05",
            "2.jpg,B,empty,2020-01-02 03:04:06", "3.jpg,A,fox,2020-01-02 03:04:07")  # fmt: skip
    table = written(tmp_path, *rows)
    assert table.frames.to_numpy()[:, :2].tolist() == [
        ["1.jpg", "1.jpg"], ["1.jpg", "3.jpg"], ["2.jpg", "2.jpg"],
    ]  # fmt: skip
    assert table.events["site"].tolist() == ["A", "B"]
    moved = prepare(tmp_path / "labels.csv", source="csv", clock=["A=+1h"])
    assert moved.events["datetime"].astype(str).tolist() == [
        "2020-01-02 04:04:05", "2020-01-02 03:04:06",
    ]  # fmt: skip


def test_a_record_table_of_camtrapr(tmp_path):
    rows = (
        "Station,Species,Date,Time,Directory,FileName",
        "A,fox,2020-01-13,10:00:01,A/cam1,1.JPG",
        "B,fox,2020-01-13,10:00:02,B/cam1,1.JPG",
    )
    table = written(tmp_path, *rows)
    assert table.frames["path"].tolist() == ["A/cam1/1.JPG", "B/cam1/1.JPG"]
    assert table.events["datetime"].astype(str).tolist() == [
        "2020-01-13 10:00:01", "2020-01-13 10:00:02",
    ]  # fmt: skip


def test_a_row_for_each_box_of_addaxai_is_an_animal(tmp_path):
    header = "absolute_path,relative_path,data_type,label,confidence,bbox_left"
    rows = (r"C:\x\1.jpg,a\1.jpg,img,fox,0.9,1", r"C:\x\1.jpg,a\1.jpg,img,fox,0.9,1",
            r"C:\x\1.jpg,a\1.jpg,img,dog,0.8,3")  # fmt: skip
    table = written(tmp_path, header, *rows)
    assert table.labels[["species", "count"]].to_numpy().tolist() == [["fox", "2"], ["dog", "1"]]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (["1.jpg,fox,1,A,", "1.jpg,empty,,A,"], "empty, and a species"),
        (["1.jpg,fox,1,A,", "1.jpg,fox,2,A,"], "a species twice, not alike"),
        (["1.jpg,fox,1,A,", "1.jpg,dog,1,B,"], "two sites"),
        (["1.jpg,fox,1,A,2020-01-01", "1.jpg,dog,1,A,2020-01-02"], "two times"),
    ],
)
def test_rows_that_contradict_one_another_stop_or_are_listed(tmp_path, rows, why):
    rows = ["path,species,count,site,datetime", "0.jpg,fox,1,A,", *rows]
    told = rf"of a picture in labels.csv agree; received '1.jpg: {why} \(rows 3, 4; 1 such pict"
    with pytest.raises(InputError, match=told):
        written(tmp_path, *rows)
    table = written(tmp_path, *rows, on_unknown="drop")
    assert species_of(table) == [("0.jpg", "fox")]
    assert table.frames["path"].tolist() == ["0.jpg", "1.jpg"]
    assert table.dropped.examples["picture whose rows contradict one another"] == ["1.jpg"]


def test_rows_that_complete_one_another_are_one_picture(tmp_path):
    rows = ("path,species,site", "1.jpg,fox,", "1.jpg,dog,A", "1.jpg,,A", "1.jpg,fox,")
    table = written(tmp_path, *rows)
    assert species_of(table) == [("1.jpg", "dog"), ("1.jpg", "fox")]
    assert table.events["site"].tolist() == ["A"]
    assert table.dropped.counts == {"row that repeats another": 1}


@pytest.mark.parametrize(
    ("encoding", "first"),
    [("utf-8", ""), ("utf-8-sig", "sep=;\n"), ("utf-16", "sep=;\n"), ("cp1252", ""),
     ("utf-16-le", "")],
)  # fmt: skip
def test_encodings_and_a_line_for_excel(tmp_path, encoding, first, caplog):
    caplog.set_level("INFO")
    table = written(tmp_path, f"{first}PATH;Species;Count", "wäld/1.jpg;Rehböcke;2",
                    encoding=encoding)  # fmt: skip
    assert species_of(table) == [("wäld/1.jpg", "Rehböcke")]
    assert table.labels["count"].tolist() == ["2"]
    assert ("by guess" in caplog.text) == (encoding in ("cp1252", "utf-16-le"))
    if first:
        with pytest.raises(InputError, match=r"received 'x'. Correct row 3 of"):
            written(tmp_path, f"{first}PATH;Species;Count", "1.jpg;fox;x", encoding=encoding)


def test_an_encoding_that_is_told(tmp_path):
    table = written(tmp_path, "path,species", "1.jpg,Größe", encoding="cp850")
    assert table.labels["species"].tolist() != ["Größe"]
    table = written(tmp_path, "path,species", "1.jpg,Größe", encoding="cp850")
    path = tmp_path / "labels.csv"
    assert read("csv", path, encoding="cp850").labels["species"].tolist() == ["Größe"]


@pytest.mark.parametrize(
    ("texts", "days", "order"),
    [
        (["13/02/2020 10:00", "01/02/2020 10:00"], ["2020-02-13", "2020-02-01"], "DMY"),
        (["2/13/20 10:00 PM", "2/1/20 10:00 PM"], ["2020-02-13", "2020-02-01"], "MDY"),
        (["13.02.2020", "1.2.2020"], ["2020-02-13", "2020-02-01"], "DMY"),
        (["2020:02:13 10:00:00", "2020:02:01 10:00:00"], ["2020-02-13", "2020-02-01"], ""),
    ],
)
def test_dates_of_a_column(tmp_path, texts, days, order, caplog):
    caplog.set_level("INFO")
    rows = (f"{place}.jpg,fox,{text}" for place, text in enumerate(texts))
    table = written(tmp_path, "path,species,datetime", *rows)
    found = table.frames.merge(table.events).sort_values("path")["datetime"]
    assert found.dt.strftime("%Y-%m-%d").tolist() == days
    assert (f"are read as {order}" in caplog.text) == bool(order)


def test_days_alone_make_no_events(tmp_path):
    rows = ("path,species,datetime", "a/1.jpg,fox,2020-02-13", "a/2.jpg,dog,2020-02-13")
    table = written(tmp_path, *rows)
    assert len(table) == 2
    assert table.events["datetime"].astype(str).tolist() == ["2020-02-13", "2020-02-13"]


def test_an_event_number_counts_within_its_site(tmp_path):
    rows = ("path,species,event,site", "a/1.jpg,fox,1,A", "b/1.jpg,empty,1,B", "b/2.jpg,dog,2,B")
    table = written(tmp_path, *rows)
    assert table.events[["event_id", "site"]].to_numpy().tolist() == [
        ["A/1", "A"], ["B/1", "B"], ["2", "B"],
    ]  # fmt: skip


def test_dates_that_cannot_be_told_are_asked_for(tmp_path):
    rows = ("path,species,datetime", "1.jpg,fox,03/04/2020 10:00")
    with pytest.raises(InputError, match=r"order of day and month in labels.csv.*--dates=DMY or"):
        written(tmp_path, *rows)
    table = written(tmp_path, *rows, dates="MDY")
    assert str(table.events["datetime"][0]) == "2020-03-04 10:00:00"
    with pytest.raises(InputError, match=r"a time in labels.csv is like .*received 'May 3rd'"):
        written(tmp_path, "path,species,datetime", "1.jpg,fox,May 3rd")


def test_names_that_mean_empty_or_nothing(tmp_path, caplog):
    caplog.set_level("INFO")
    names = ("Nothing", "no_animal", "NA", "unknown", "fox", "noMammalsSeen", "Hase", "empty")
    rows = (f"{place}.jpg,{name}" for place, name in enumerate(names))
    table = written(tmp_path, "path,species", *rows)
    assert species_of(table) == [
        ("0.jpg", "empty"), ("1.jpg", "empty"), ("4.jpg", "fox"), ("6.jpg", "Hase"),
        ("7.jpg", "empty"),
    ]  # fmt: skip
    assert "names that mean empty: 'Nothing' (1), 'no_animal' (1), 'empty' (1)" in caplog.text
    assert "left without label: 'noMammalsSeen'; say what they mean with" in caplog.text
    assert table.dropped.counts == {
        "label that names no species": 2, "label that reads like no species, see --empty_names": 1,
    }  # fmt: skip
    changed = written(tmp_path, "path,species", "1.jpg,Hase", "2.jpg,unknown", "3.jpg,none",
                      empty_names="hase,unknown=species,none=unlabelled")  # fmt: skip
    assert species_of(changed) == [("1.jpg", "empty"), ("2.jpg", "unknown")]


def test_names_of_one_picture_in_any_form(tmp_path):
    """Accents as one character or as two, either slash, './' before it."""
    rows = ("path,species", "./wa\u0308ld/1.jpg,fox", "w\xe4ld\\1.jpg,dog", "w\xe4ld//1.jpg,fox")
    table = written(tmp_path, *rows)
    assert table.frames["path"].tolist() == ["w\xe4ld/1.jpg"]
    assert species_of(table) == [("w\xe4ld/1.jpg", "dog"), ("w\xe4ld/1.jpg", "fox")]


def test_columns_that_are_not_read_are_said(tmp_path, caplog):
    caplog.set_level("INFO")
    written(tmp_path, "path,species,date,a,b,c,d,e,f", "1.jpg,fox,1,2,3,4,5,6,7")
    assert "path, species; not used: date, a, b, c, d, e and 1 more" in caplog.text
    caplog.clear()
    written(tmp_path, "path,species", "1.jpg,fox")
    assert "not used" not in caplog.text
