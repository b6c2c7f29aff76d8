"""Sources are resolved once; how lists are written; names that the disk has in another form."""

import json
import unicodedata

import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events.dates import Order
from camtrap_tf.events.listing import (
    Listing,
    PictureList,
    is_megadetector,
    resolve,
    with_events,
)
from camtrap_tf.events.table import EventTable


def listed(*sources, **options):
    """The rows of a listing, which reports nothing as skipped."""
    walk = resolve(sources, **options).walk
    pieces = list(walk(lambda *skipped: pytest.fail(str(skipped)), None))
    return pd.concat(pieces, ignore_index=True)


def write(folder, name, text, encoding="utf-8"):
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


@pytest.mark.parametrize("header", ["path", "PATH", "Image", "filename", '"path"', "File Path"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_list_of_one_column(tmp_path, header, encoding):
    path = write(tmp_path, "list.csv", f"{header}\r\nwäld/a, b.jpg\r\nwäld/2.jpg\r\n", encoding)
    assert sorted(listed(path)["path"]) == ["wäld/2.jpg", "wäld/a, b.jpg"]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("sep=;\nFILE;Site\na/1.jpg;A\n", ["a/1.jpg"]),
        ("RelativePath,File\ns1\\100RECNX,1.JPG\ns2,1.JPG\n,1.JPG\n",
         ["s1/100RECNX/1.JPG", "s2/1.JPG", "1.JPG"]),
        ("deployment_id,filename,wi_taxon_id,common_name\nD1,1.JPG,t,Puma\nD2,1.JPG,t,Puma\n",
         ["D1/1.JPG", "D2/1.JPG"]),
        ("folder\tfile\ns1\t1.JPG\n", ["s1/1.JPG"]),
        ("folder,file\ns1,s1/1.JPG\n", ["s1/1.JPG"]),  # the name has its folder
        ("folder,path\ns1,1.JPG\n", ["s1/1.JPG"]),
        ("station,file\nA,1.JPG\nB,2.JPG\n", ["1.JPG", "2.JPG"]),  # in one folder
        ("station,file\nA,1.JPG\nB,1.JPG\n", ["A/1.JPG", "B/1.JPG"]),
    ],
)  # fmt: skip
def test_tables_of_pictures(tmp_path, text, paths):
    assert sorted(listed(write(tmp_path, "list.csv", text))["path"]) == sorted(paths)


def test_a_name_in_several_folders_is_refused(tmp_path):
    text = "path,deployment\nIMG 1.JPG.jpg,A\nx/2.jpg,A\nx/2.jpg,B\n"
    with pytest.raises(InputError, match=r"lies in one folder; received 'x/2.jpg, with several"):
        listed(write(tmp_path, "list.csv", text))


def test_an_event_number_of_a_list_counts_within_its_site(tmp_path):
    rows = listed(write(tmp_path, "list.csv", "path,event,site\na/1.jpg,1,A\nb/1.jpg,1,B\n"))
    assert rows["event_id"].tolist() == ["A/1", "B/1"]


def test_times_of_a_list(tmp_path):
    text = "path,datetime\n1.jpg,13/02/2020 10:00\n2.jpg,01/02/2020 10:00\n3.jpg,\n"
    rows = listed(write(tmp_path, "list.csv", text))
    assert rows["path"].tolist() == ["1.jpg", "2.jpg", "3.jpg"]
    assert rows["datetime"].dt.strftime("%m-%d").fillna("").tolist() == ["02-13", "02-01", ""]
    colons = write(tmp_path, "c.csv", "path,datetime\n1.jpg,2024:12:18 10:13:17\n")
    assert listed(colons)["datetime"][0] == pd.Timestamp("2024-12-18 10:13:17")
    unclear = write(tmp_path, "u.csv", "path,datetime\n1.jpg,03/04/2020 10:00\n")
    with pytest.raises(InputError, match=r"day and month in u.csv .*--dates=DMY or --dates=MDY"):
        listed(unclear)
    rows = listed(PictureList(unclear, order=Order.MONTH_FIRST))
    assert rows["datetime"][0] == pd.Timestamp("2020-03-04 10:00")
    lost = write(tmp_path, "l.csv", "path,datetime\n1.jpg,May 3rd\n")
    with pytest.raises(InputError, match=r"a time in l.csv is like .*received 'May 3rd'"):
        listed(lost)


def test_a_list_in_an_encoding_that_is_told(tmp_path):
    path = write(tmp_path, "list.txt", "größe/1.jpg\n", "cp850")
    assert listed(PictureList(path, "cp850"))["path"].tolist() == ["größe/1.jpg"]
    path = write(tmp_path, "list.txt", "größe/1.jpg\n", "cp1252")
    assert listed(path)["path"].tolist() == ["größe/1.jpg"]


@pytest.mark.parametrize(
    "rows",
    [
        ["a\\1.jpg", "2.jpg"],
        [{"file": "a/1.jpg"}, {"file": "2.jpg"}],
        [{"image_file": "a/1.jpg"}, {"image_file": "2.jpg"}],
    ],
)
def test_a_plain_list_in_json(tmp_path, rows):
    path = write(tmp_path, "list.json", json.dumps(rows))
    assert is_megadetector(path)
    assert sorted(listed(path)["path"]) == ["2.jpg", "a/1.jpg"]


def test_which_json_is_megadetectors(tmp_path):
    images = {"images": [{"file": "1.jpg", "detections": []}]}
    for content, answer in (
        (images | {"detection_categories": {}}, True), (images, True), ([], True),
        ({"images": [], "annotations": [], "categories": []}, False),
    ):  # fmt: skip
        assert is_megadetector(write(tmp_path, "x.json", json.dumps(content))) == answer


@pytest.fixture(params=["NFC", "NFD"])
def disk(tmp_path, request):
    """A folder whose names have accents in one form; and the paths in the other."""
    other = {"NFC": "NFD", "NFD": "NFC"}[request.param]
    paths = ["wäld/é1.jpg", "wäld/2.jpg", "3.jpg"]
    there = [unicodedata.normalize(request.param, path) for path in paths]
    for path in there:
        (tmp_path / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / path).write_bytes(b"12345")
    return tmp_path / "images", there, [unicodedata.normalize(other, path) for path in paths]


def test_names_that_the_disk_has_in_another_form(disk):
    images, there, told = disk
    for name in ("list.txt", "list.csv"):
        header = "path\n" if name.endswith("csv") else ""
        rows = listed(write(images.parent, name, header + "\n".join(told)), images=images)
        assert set(rows["path"]) == set(there)
        assert rows["bytes"].tolist() == [5, 5, 5]


def test_events_of_names_that_the_disk_has_in_another_form(disk):
    images, there, told = disk
    table = EventTable(
        pd.DataFrame({"event_id": ["e1", "e2"], "site": ["A", "B"]}),
        pd.DataFrame({"event_id": ["e1", "e1", "e2"], "path": told}),
        pd.DataFrame({"event_id": [], "species": []}),
    )
    rows = listed(table, images=images)
    assert set(rows["path"]) == set(there)
    pieces = resolve([images]).walk(lambda *skipped: None, None)
    joined = pd.concat(with_events(pieces, table)).set_index("path").loc[there]
    assert joined["event_id"].tolist() == ["e1", "e1", "e2"]
    assert joined["site"].tolist() == ["A", "A", "B"]


def walked(found: Listing) -> list[str]:
    pieces = list(found.walk(lambda path, reason: None, None))
    return pd.concat(pieces)["path"].tolist() if pieces else []


def touch(folder, *names) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_files_stand_as_the_camera_wrote_them(tmp_path):
    touch(tmp_path, "DCIM/100RECNX/R9999.JPG", "DCIM/101RECNX/R0001.JPG")
    touch(tmp_path, "A/IMG_10.JPG", "A/IMG_9.JPG", "B/X0001.JPG", "B/X9999.JPG")
    assert walked(resolve([tmp_path])) == [
        "A/IMG_9.JPG", "A/IMG_10.JPG", "B/X9999.JPG", "B/X0001.JPG",
        "DCIM/100RECNX/R9999.JPG", "DCIM/101RECNX/R0001.JPG",
    ]  # fmt: skip


def test_a_list_is_read_when_it_is_resolved_and_not_again(tmp_path):
    touch(tmp_path, "A/1.jpg", "A/2.jpg")
    file = tmp_path / "list.txt"
    file.write_text("A/2.jpg\nA/1.jpg\nA/2.jpg\n")
    found = resolve([file])
    file.unlink()
    assert walked(found) == walked(found) == ["A/1.jpg", "A/2.jpg"]
    assert (found.root, found.names, found.images) == (tmp_path, (str(file),), None)


def test_pictures_of_an_event_stand_side_by_side(tmp_path):
    frames = pd.DataFrame({"event_id": ["e1", "e2", "e1"], "path": ["1.jpg", "2.jpg", "3.jpg"]})
    table = EventTable(
        pd.DataFrame({"event_id": ["e1", "e2"]}), frames, pd.DataFrame({"event_id": []})
    )
    assert walked(resolve([table], tmp_path)) == ["1.jpg", "3.jpg", "2.jpg"]
    touch(tmp_path, "1.jpg", "2.jpg", "3.jpg", "4.jpg")
    pieces = with_events(resolve([tmp_path]).walk(print, None), table)
    rows = pd.concat(list(pieces))
    assert rows["path"].tolist() == ["1.jpg", "3.jpg", "2.jpg", "4.jpg"]
    assert rows["event_id"].tolist() == ["e1", "e1", "e2", pd.NA]


def test_several_sources_have_a_picture_once(tmp_path):
    touch(tmp_path, "A/1.jpg", "B/1.jpg")
    found = resolve([tmp_path / "A", tmp_path / "B" / "1.jpg", tmp_path])
    assert found.root == tmp_path
    assert walked(found) == ["A/1.jpg", "B/1.jpg"]
    assert walked(resolve([tmp_path / "A"], tmp_path)) == ["A/1.jpg"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "A/1.jpg\n$RECYCLE.BIN/2.jpg\nA/@eaDir/1.jpg/small.jpg\n"),
        ("list.csv", "path\nA/1.jpg\n$recycle.bin/2.jpg\nA\\@eaDir\\1.jpg\\small.jpg\n"),
        ("list.json", '["A/1.jpg", "$RECYCLE.BIN/2.jpg", "A/@eaDir/1.jpg/small.jpg"]'),
    ],
)
def test_what_a_list_has_of_system_folders_is_told(tmp_path, name, text):
    skipped = {}
    pieces = resolve([write(tmp_path, name, text)]).walk(skipped.__setitem__, None)
    assert list(pd.concat(pieces)["path"]) == ["A/1.jpg"]
    assert set(skipped.values()) == {"in a system folder: not answered"}
    assert len(skipped) == 2


def test_of_a_season_that_moved_the_new_folder_is_the_source(tmp_path):
    with pytest.raises(InputError, match="give their new folder in its place"):
        resolve([tmp_path / "old"], tmp_path)


def test_what_is_no_source_is_refused(tmp_path):
    for sources, rule in (([], "at least one"), ([tmp_path / "absent"], "a source .* exists")):
        with pytest.raises(InputError, match=rule):
            resolve(sources)
