"""Lists of pictures: how they are written, and names that the disk has in another form."""

import json
import unicodedata

import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events.dates import Order
from camtrap_tf.events.listing import PictureList, is_megadetector, listing
from camtrap_tf.events.table import EventTable


def listed(*sources, **options):
    """The rows of a listing, which reports nothing as skipped."""
    pieces = list(listing(sources, lambda *skipped: pytest.fail(str(skipped)), **options).pieces)
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
    ],
)  # fmt: skip
def test_tables_of_pictures(tmp_path, text, paths):
    assert sorted(listed(write(tmp_path, "list.csv", text))["path"]) == sorted(paths)


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
    from camtrap_tf.events.listing import with_events

    pieces = listing([images], lambda *skipped: None).pieces
    joined = pd.concat(with_events(pieces, table)).set_index("path").loc[there]
    assert joined["event_id"].tolist() == ["e1", "e1", "e2"]
    assert joined["site"].tolist() == ["A", "A", "B"]
