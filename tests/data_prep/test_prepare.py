import pandas as pd
import pytest

from camtrap_tf import cli
from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import EventTable
from data_prep.prepare import prepare, tally


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("path,species\na.jpg,fox\nb.jpg,empty\nc.jpg,fox\n")
    return path


@pytest.fixture
def cameras(tmp_path):
    for name in ("cam1/IMG_1.JPG", "cam2/IMG_1.JPG"):
        path = tmp_path / "cards" / name
        path.parent.mkdir(parents=True)
        path.touch()
    return tmp_path / "cards"


def test_metadata_are_recognised(labels, tmp_path):
    table = prepare(labels, tmp_path / "events.parquet")
    assert sorted(table.labels["species"]) == ["empty", "fox", "fox"]
    assert len(EventTable.read(tmp_path / "events.parquet")) == 3


def test_a_question_is_asked_before_a_guess_is_taken(cameras):
    with pytest.raises(InputError) as caught:
        prepare(cameras)
    assert "Are cam1, cam2 cameras (--folders=cameras) or species" in str(caught.value)
    for answer in ({"yes": True}, {"folders": "cameras"}):
        table = prepare(cameras, **answer)
        assert (len(table), len(table.labels)) == (2, 0)


def test_a_wrong_source_is_told_which_one_fits(labels):
    with pytest.raises(InputError, match=r"looks like a table of pictures: give --source=csv, or"):
        prepare(labels, source="coco")
    with pytest.raises(InputError, match="columns are given as") as caught:
        prepare(labels, source="csv", columns="path")
    assert "looks like" not in str(caught.value)


def test_what_no_source_reads_is_named(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('["a.jpg", "b.jpg"]')
    with pytest.raises(InputError, match="is a list of pictures; received"):
        prepare(path)


def test_the_verb_ends_with_a_tally_and_the_next_command(labels, cameras, tmp_path, capsys):
    out = tmp_path / "events.parquet"
    assert cli.main(["prepare", f"--metadata={labels}", f"--out={out}"]) == 0
    assert "--images=PICTURES" in capsys.readouterr().out  # which are not there
    for name in "abc":
        (tmp_path / f"{name}.jpg").touch()
    assert cli.main(["prepare", f"--metadata={labels}", f"--out={out}"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [
        "3 pictures in 3 capture events: 1 empty, 2 fox.",
        f"Next: camtrap shard --events={out} --images={tmp_path} --out=shards",
    ]
    assert cli.main(["prepare", f"--metadata={cameras}", "--yes", f"--out={out}"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [
        "2 pictures in 2 capture events: 2 without a label.",
        f"Next: camtrap review {out} --images={cameras}",
    ]


def test_a_tally_of_nothing():
    empty = pd.DataFrame({"event_id": []}, dtype="string")
    assert tally(EventTable(empty, empty, empty)) == "0 pictures in 0 capture events."
