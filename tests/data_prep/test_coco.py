import json

import pandas as pd
import pytest

from camtrap_tf.core import json_files
from camtrap_tf.core.errors import InputError
from data_prep.choice.select import event_labels
from data_prep.sources import coco, read
from data_prep.sources.recognise import recognise

CATEGORIES = [{"id": 30, "name": "Empty"}, {"id": 1, "name": "deer"}, {"id": 7, "name": "fox"}]


def write(folder, images, annotations=(), categories=CATEGORIES):
    path = folder / "metadata.json"
    content = {"images": images, "annotations": list(annotations), "categories": categories}
    path.write_text(json.dumps(content))  # json writes float('nan') as bare NaN
    return path


def image(number, **fields):
    return {"id": number, "file_name": f"{number}.jpg", **fields}


def note(number, image_id, category_id, **fields):
    return {"id": number, "image_id": image_id, "category_id": category_id, **fields}


def label_rows(table):
    rows = table.labels[["event_id", "frame", "species", "count"]].astype(object)
    return [tuple(None if pd.isna(v) else v for v in row) for row in rows.itertuples(index=False)]


def test_images_with_the_same_seq_id_are_one_event_in_frame_order(tmp_path):
    images = [
        image(3, seq_id=9, frame_num=2, location=33, datetime="2012-05-08 19:23:37"),
        image(1, seq_id=9, frame_num=0, location=33, datetime="2012-05-08 19:23:36"),
        image(2, seq_id=9, frame_num=1, location=33, datetime="2012-05-08 19:23:36"),
    ]
    table = coco.read(write(tmp_path, images))
    assert table.frames["path"].tolist() == ["1.jpg", "2.jpg", "3.jpg"]
    assert table.frames["image_id"].tolist() == ["1", "2", "3"]
    event = table.events.iloc[0]
    assert (event["event_id"], event["site"], event["source"]) == ("9", "33", "none")
    assert event["datetime"] == pd.Timestamp("2012-05-08 19:23:36")


def test_images_without_seq_id_are_events_of_one_frame(tmp_path):
    table = coco.read(write(tmp_path, [image("b"), image("a", seq_id=None)]))
    assert table.events["event_id"].tolist() == ["b", "a"]
    assert table.events["datetime"].isna().all()


def test_frames_with_equal_numbers_follow_their_path(tmp_path):
    images = [image(name, seq_id="s", frame_num=1) for name in ("c", "a", "b")]
    table = coco.read(write(tmp_path, images))
    assert table.frames["path"].tolist() == ["a.jpg", "b.jpg", "c.jpg"]


def test_date_captured_without_time_is_kept_as_missing_and_counted(tmp_path):
    images = [
        image(1, date_captured="2018-07-03 18:34:36.573636"),
        image(2, datetime="0000-00-00 00:00:00"),
        image(3, datetime=float("nan")),
    ]
    table = coco.read(write(tmp_path, images))
    assert table.events["datetime"].tolist()[0] == pd.Timestamp("2018-07-03 18:34:36")
    assert table.events["datetime"].isna().tolist() == [False, True, True]
    assert list(table.dropped.counts.values()) == [1]


def test_counts_are_given_or_the_number_of_boxes(tmp_path):
    box = {"bbox": [1, 2, 3, 4]}
    images = [image(n, seq_id="s", frame_num=n) for n in range(5)]
    annotations = [
        *(note(n, 0, 1, **box) for n in range(3)),  # three boxes: 3 deer
        note(3, 0, 7, **box),  # and a fox
        note(4, 1, 1, **box), note(5, 1, 1),  # one of two without a box: not known
        note(6, 2, 1, count="11-50"), note(7, 2, 7, count=float("nan")),
        note(8, 3, 1, count=12.0), note(9, 3, 7, count="Nov-50"),
        note(10, 4, 30, count=1),  # empty has no count
    ]  # fmt: skip
    table = coco.read(write(tmp_path, images, annotations))
    assert label_rows(table) == [
        ("s", 0, "deer", "3"), ("s", 0, "fox", "1"),
        ("s", 1, "deer", None),
        ("s", 2, "deer", "11-50"), ("s", 2, "fox", None),
        ("s", 3, "deer", "11-50"), ("s", 3, "fox", "11-50"),
        ("s", 4, "empty", None),
    ]  # fmt: skip
    assert table.events["source"].tolist() == ["annotation"]


def test_sequence_level_annotations_become_one_label_of_the_event(tmp_path):
    images = [image(n, seq_id="s", frame_num=n + 1) for n in range(3)]
    whole = {"sequence_level_annotation": True, "count": 2}
    annotations = [note(n, n, 1, **whole) for n in range(3)]
    table = coco.read(write(tmp_path, images, annotations))
    assert label_rows(table) == [("s", None, "deer", "2")]


def test_corrupt_images_and_stray_annotations_are_dropped_and_counted(tmp_path):
    images = [image(1, corrupt=True), image(2, corrupt=False)]
    annotations = [note(1, 1, 1), note(2, 2, 1), note(3, 99, 1)]
    table = coco.read(write(tmp_path, images, annotations))
    assert table.events["event_id"].tolist() == ["2"]
    assert table.dropped.counts == {
        "image marked corrupt": 1,
        "annotation of an image that is not listed or is corrupt": 2,
    }


def test_an_image_with_a_species_and_empty_keeps_both_rows_and_the_event_is_not_empty(tmp_path):
    images = [image(1)]
    table = coco.read(write(tmp_path, images, [note(1, 1, 30), note(2, 1, 7)]))
    assert label_rows(table) == [("1", 0, "empty", None), ("1", 0, "fox", None)]
    assert event_labels(table)["species"].tolist() == ["fox"]


@pytest.mark.parametrize(
    ("images", "annotations", "message"),
    [
        ([image(1), {"id": 2}], [], "every row of `images` has the field `file_name`.*row 1 "),
        ([image(1)], [{"image_id": 1}], "field `category_id`.*row 0"),
        ([image(1)], [note(1, 1, 5)], "`category_id` is the id of a category; received '5'"),
        ([image(1), image(1, location="x")], [], "an image id occurs once; received '1'"),
        ([image(1)], [note(1, 1, 1, count="many")], "received 'many'. Correct annotation 0"),
        ([image(1)], [note(1, 1, 1, count=0)], "received '0'"),
        ([image(1, frame_num="x")], [], "`frame_num` is a number; received 'x'.*row 0"),
        ([image(1, seq_id="2"), image(2)], [], "no other image's `seq_id`; received '2'"),
        ([], [], "at least one image"),
    ],
)
def test_broken_rules_are_told_with_their_row(tmp_path, images, annotations, message):
    with pytest.raises(InputError, match=message):
        coco.read(write(tmp_path, images, annotations))


def test_what_is_no_coco_file_is_refused(tmp_path):
    path = tmp_path / "a.json"
    for text, message in (
        ("", "is a JSON object.*the end at character 0 where '{' is due"),
        ("{", "Expecting value at character 1"),
        ("[]", r"'\[' at character 0 where '{' is due"),
        ('{"images": [{"id": 1},\n {"id" 2}]}', "Expecting ':' delimiter at character 30"),
        ('{"images": []} x', "'x' at character 15 where the end is due"),
        ('{"images": []}', r"lists images, annotations, categories; received \['images'\]"),
        ('{"images": [1]}', "every row of `images` is an object; received 1"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            coco.read(path)


def test_pieces_of_any_size_give_the_same_table(shared_data, tmp_path, monkeypatch):
    path = shared_data / "caltech" / "cis_val_annotations.json"
    whole = coco.read(path)
    monkeypatch.setattr(json_files, "_ROWS", 100)
    monkeypatch.setattr(json_files, "_BLOCK", 1000)
    # In another layout: spaces, other parts before and between the lists, categories last.
    content = json.loads(path.read_text())
    order = {"info": {"n": [1, 2]}, "licenses": [], "x": 12.5, **content}
    order["annotations"] = order.pop("annotations")
    order["categories"] = order.pop("categories")
    (tmp_path / path.name).write_text("\ufeff" + json.dumps(order, indent=1))
    for table in (coco.read(path), coco.read(tmp_path / path.name)):
        for part in ("events", "frames", "labels"):
            pd.testing.assert_frame_equal(getattr(table, part), getattr(whole, part))
    content["annotations"][2500]["category_id"] = 999
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"received '999'\. Correct annotation 2500"):
        coco.read(tmp_path / "a.json")
    content["images"][1234].pop("id")
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="Add it to row 1234 "):
        coco.read(tmp_path / "a.json")
    (tmp_path / "a.json").write_text(json.dumps(content)[:400_000])
    with pytest.raises(InputError, match=r"Download it again: .* at character 39\d,\d{3}\."):
        coco.read(tmp_path / "a.json")


def test_the_caltech_file(shared_data):
    table = coco.read(shared_data / "caltech" / "cis_val_annotations.json")
    assert (len(table.frames), len(table)) == (3484, 1421)
    assert (table.labels["species"] == "empty").sum() == 995
    assert not table.labels["count"][table.labels["species"] == "empty"].notna().any()


def test_the_california_file(shared_data):
    table = coco.read(shared_data / "california" / "california.json")
    assert (len(table.frames), len(table)) == (1218, 245)
    assert (table.labels["species"] == "empty").sum() == 311
    assert (event_labels(table)["species"] == "empty").sum() == 17


def test_a_count_beside_empty_does_not_matter(tmp_path):
    annotations = [note(1, 1, 30, count=0), note(2, 2, 30, count="none"), note(3, 3, 30, count=-1)]
    table = coco.read(write(tmp_path, [image(n) for n in (1, 2, 3)], annotations))
    assert [row[2:] for row in label_rows(table)] == [("empty", None)] * 3


def test_an_annotation_that_is_listed_twice_counts_once(tmp_path):
    box = {"bbox": [1, 2, 3, 4]}
    annotations = [
        note(1, 1, 1, **box), note(1, 1, 1, **box),  # repeated
        note(2, 1, 1, **box),  # another one, of the same box
        note(3, 1, 7, bbox=[0, 0, 1, 1]), note(3, 1, 7, bbox=[5, 5, 1, 1]),  # an id twice
        note(4, 2, 1, count=2), note(4, 2, 1, count=2),
    ]  # fmt: skip
    table = coco.read(write(tmp_path, [image(1), image(2)], annotations))
    assert [row[2:] for row in label_rows(table)] == [("deer", "2"), ("fox", "2"), ("deer", "2")]
    assert table.dropped.counts == {"annotation listed twice": 2}


def test_what_is_not_known_can_be_left_out(tmp_path):
    annotations = [note(1, 1, 5), note(2, 1, 7), note(3, 2, 1, count="many")]
    path = write(tmp_path, [image(1), image(2)], annotations)
    table = read("coco", path, on_unknown="drop")
    assert [row[2:] for row in label_rows(table)] == [("fox", None), ("deer", None)]
    assert table.dropped.counts == {
        "annotation of an unknown category": 1, "annotation: unknown count": 1,
    }  # fmt: skip


def test_ids_as_numbers_and_as_text_are_one(tmp_path):
    categories = [{"id": "1", "name": "deer"}, {"id": 2.0, "name": "fox"}]
    annotations = [note(1, "1", 1), note(2, 2.0, "2")]
    table = coco.read(write(tmp_path, [image(1), image("2")], annotations, categories))
    assert [row[2] for row in label_rows(table)] == ["deer", "fox"]


def test_names_that_mean_empty_or_nothing(tmp_path):
    names = ("nothing here", "Unidentified", "deer")
    categories = [{"id": n, "name": name} for n, name in enumerate(names)]
    annotations = [note(n, n, n) for n in range(3)]
    path = write(tmp_path, [image(n) for n in range(3)], annotations, categories)
    table = read("coco", path)
    assert [row[::2] for row in label_rows(table)] == [("0", "empty"), ("2", "deer")]
    assert table.dropped.counts == {"label that names no species": 1}
    assert label_rows(read("coco", path, empty_names="deer"))[-1][2] == "empty"


def test_a_sequence_counts_within_its_location(tmp_path):
    images = [image(1, seq_id="s", location="A"), image(2, seq_id="s", location="B"),
              image(3, seq_id="s", location="A"), image(4, seq_id="t"),
              image(5, seq_id="t", location="A")]  # fmt: skip
    table = coco.read(write(tmp_path, images, [note(1, 1, 1), note(2, 2, 7)]))
    pictures = table.frames.groupby("event_id")["path"].agg(list).to_dict()
    assert pictures == {
        "A/s": ["1.jpg", "3.jpg"], "B/s": ["2.jpg"], "t": ["4.jpg", "5.jpg"],
    }  # fmt: skip
    assert label_rows(table) == [("A/s", 0, "deer", None), ("B/s", 0, "fox", None)]


def test_a_file_of_two_images_stops_or_is_listed(tmp_path):
    images = [image(1), {**image(2), "file_name": ".\\1.jpg"}, image(3)]
    path = write(tmp_path, [*images, images[2]], [note(1, 1, 1), note(2, 2, 7)])
    with pytest.raises(InputError, match=r"a picture is listed once; received '1.jpg \(1, 2\)'"):
        read("coco", path)
    table = read("coco", path, on_unknown="drop")
    assert [row[2] for row in label_rows(table)] == ["deer"]
    assert table.dropped.counts["image listed twice"] == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_of_json(tmp_path, encoding):
    path = write(tmp_path, [image(1, location="Füchse")], [note(1, 1, 7)])
    path.write_bytes(path.read_text().encode(encoding))
    table = read("coco", path)
    assert (table.events["site"].tolist(), table.labels["species"].tolist()) == (
        ["Füchse"],
        ["fox"],
    )
    found = recognise(path)
    assert found.source == "coco"
