import pytest

from camtrap_tf.core.errors import InputError
from data_prep.sources import read, zooniverse
from data_prep.sources.fields import Reading

RAW = (
    "CaptureEventID,ClassificationID,UserID,Species,Count,Standing,Babies",
    "A,c1,u1,zebra,3,true,false",
    "A,c2,u2,zebra,Nov-50,false,false",
    "A,c3,not-logged-in-1,zebra,1,false,true",
    "A,c3,not-logged-in-1,rodent,1,false,false",
    "B,c4,u1,blank,,,",
    "X,c5,u1,blank,,,",
)
IMAGES = (
    "CaptureEventID,URL_Info",
    "A,S1/B04/B04_R1/P1.JPG",
    "B,S1/B05/B05_R1/P1.JPG",
    "C,S1/B05/B05_R1/P2.JPG",
)


@pytest.fixture
def dryad_raw(tmp_path):
    def write(raw=RAW):
        (tmp_path / "raw_data_for_dryad.csv").write_text("\n".join(raw) + "\n")
        (tmp_path / "all_images.csv").write_text("\n".join(IMAGES) + "\n")
        return tmp_path

    return write


def test_the_raw_votes_of_dryad(dryad_raw):
    table = read("dryad_raw", dryad_raw())
    assert table.events["source"].tolist() == ["volunteers", "volunteers", "none"]
    assert table.events["classifications"].fillna(0).tolist() == [3, 1, 0]
    assert table.events["blanks"].fillna(0).tolist() == [0, 1, 0]
    assert table.events["site"].tolist() == ["B04", "B05", "B05"]
    labels = table.labels
    assert labels["species"].tolist() == ["zebra", "empty"]
    assert labels["count"].fillna("").tolist() == ["3", ""]
    assert labels["standing"][0] == pytest.approx(1 / 3)
    assert labels["babies"][0] == pytest.approx(1 / 3)
    assert labels["moving"].isna().all()
    assert table.dropped.counts == {"classifications: event without pictures": 1}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("zebra,1", "gnu,1", "`species` is one of aardvark, .*received 'gnu'. Correct row 4 of"),
        ("Nov-50", "many", "`count` is one of 1, 2,.*received 'many'. Correct row 3"),
        ("c2,u2,zebra,Nov-50,false", "c2,u2,zebra,2,maybe", "`standing` is one of yes, .*row 3"),
        ("A,c2", ",c2", "every row of raw_data_for_dryad.csv has its event.*row 3"),
    ],
)
def test_broken_rules_are_told_with_their_row(dryad_raw, old, new, message):
    with pytest.raises(InputError, match=message):
        read("dryad_raw", dryad_raw([line.replace(old, new) for line in RAW]))


def test_unknown_values_can_be_left_out(dryad_raw):
    raw = [line.replace("zebra,1", "gnu,1").replace("Nov-50", "many") for line in RAW]
    table = read("dryad_raw", dryad_raw(raw), on_unknown="drop")
    # The whole classification c3 goes, its rodent too.
    assert table.events["classifications"][0] == 2
    assert table.dropped.counts["raw_data_for_dryad.csv: unknown species"] == 1
    assert table.dropped.counts["raw_data_for_dryad.csv: unknown count"] == 1


def test_the_former_platform(shared_data):
    path = shared_data / "zooniverse" / "raw_legacy_classifications.csv"
    table = read("zooniverse", path)
    events = table.events.set_index("event_id")
    assert events.index.tolist() == ["ASG001xfu1", "ASG001oal6"]
    assert events["season"].tolist() == ["S10", "S9"]
    assert str(events["datetime"].iloc[1]) == "2014-08-07 16:21:51"
    assert events["classifications"].tolist() == [1, 3]
    # Elephant 2 votes, zebra 1: -(2/3 ln 2/3 + 1/3 ln 1/3) / ln 2 = 0.918296.
    assert events["evenness"].round(6).tolist() == [0, 0.918296]
    assert table.frames["path"].iloc[0] == "S10/H04/H04_R2/S10_H04_R2_IMAG0251.JPG"
    assert len(table.frames) == 6
    elephant = table.labels.iloc[1]
    # Counts 3, and 1 + 1 = 2 of cl_5, which names it twice: standing and resting.
    assert (elephant["species"], elephant["count"]) == ("elephant", "3")
    assert (elephant["standing"], elephant["resting"]) == (1, 0.5)
    assert table.dropped.counts == {"tutorial": 1, "second classification by the same user": 1}
    lower = read("zooniverse", path, even_median="lower")
    assert lower.labels["count"].tolist() == ["8", "2"]


def test_events_retired_as_blank_are_empty(shared_data, tmp_path):
    text = (shared_data / "zooniverse" / "raw_legacy_classifications.csv").read_text()
    path = tmp_path / "export.csv"
    path.write_text(text.replace('"consensus"', '"blank_consensus"'))
    assert read("zooniverse", path).labels["species"].tolist() == ["elephant", "empty"]


def test_the_rows_of_a_block_need_not_hold_an_event_whole(tmp_path, monkeypatch):
    header = ",".join(zooniverse._LEGACY_EVENT) + ",id,user_name,species,species_count"
    rows = [f"E{n % 7},none,9,B04,1,{n % 7}.JPG,,c{n},u{n},zebra,1" for n in range(5000)]
    (tmp_path / "x.csv").write_text("\n".join([header, *rows]) + "\n")
    monkeypatch.setattr("camtrap_tf.events.csv_files._BLOCK", 4096)
    table = read("zooniverse", tmp_path / "x.csv")
    assert table.events["event_id"].tolist() == [f"E{n}" for n in range(7)]
    assert len(table.frames) == 7
    votes = zooniverse._legacy(tmp_path / "x.csv", Reading())[0]
    assert len(votes) == 5000
