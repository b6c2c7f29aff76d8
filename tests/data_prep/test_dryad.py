import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from data_prep.sources import dryad, read

COLUMNS = (
    "CaptureEventID,NumImages,DateTime,SiteID,LocationX,LocationY,NumSpecies,Species,Count,"
    "Standing,Resting,Moving,Eating,Interacting,Babies,"
    "NumClassifications,NumVotes,NumBlanks,Evenness"
)
CONSENSUS = (
    COLUMNS,
    "A,2,2011-11-14 06:19:58,I10,1,2,1,wildebeest,Nov-50,0.25,0,0.75,0,0,0,12,11,1,0.5",
    "B,1,2011-11-15 06:00:00,I11,1,2,2,zebra,1,1,0,0,0,0,0,10,10,0,0",
    "B,1,2011-11-15 06:00:00,I11,1,2,2,topi,2,0,1,0,0,0,0,10,8,0,0",
    "X,1,2011-11-15 06:00:00,I11,1,2,1,topi,2,0,1,0,0,0,0,10,8,0,0",
)
IMAGES = (
    "CaptureEventID,URL_Info",
    "A,S3/I10/I10_R1/P0002.JPG",
    "D,S3/I12/I12_R1/P0009.JPG",
    "A,S3/I10/I10_R1/P0001.JPG",
    "B,S3/I11/I11_R1/P0001.JPG",
    "C,S4/I13/I13_R2/P0001.JPG",
    "B,S3/I11/I11_R1/P0001.JPG",
)
GOLD = (
    "CaptureEventID,NumSpecies,Species,Count",
    "B,1,zebra,3",
    "C,1,rodent,1",
    "D,1,impossible,",
    "Y,1,zebra,1",
)


@pytest.fixture
def folder(tmp_path):
    def write(consensus=CONSENSUS, images=IMAGES, gold=GOLD, end="\n", quote=False):
        contents = {dryad.CONSENSUS: consensus, dryad.IMAGES: images, dryad.GOLD: gold}
        for name, lines in contents.items():
            if lines is not None:
                if quote:
                    lines = ['"' + line.replace(",", '","') + '"' for line in lines]
                (tmp_path / name).write_bytes("".join(line + end for line in lines).encode())
        return tmp_path

    return write


def label(table, event_id):
    row = table.labels[table.labels["event_id"] == event_id]
    assert len(row) == 1
    return row.iloc[0]


@pytest.mark.parametrize("style", [{}, {"end": "\r\n"}, {"quote": True}])
def test_volunteers_experts_and_blanks(folder, style):
    table = read("dryad", folder(**style))
    events = table.events.set_index("event_id")
    assert events.index.tolist() == ["A", "D", "B", "C"]
    assert events["source"].tolist() == ["volunteers", "expert", "expert", "expert"]
    assert events["site"].tolist() == ["I10", "I12", "I11", "I13"]
    assert events["season"].tolist() == ["S3", "S3", "S3", "S4"]
    assert events["datetime"].isna().tolist() == [False, True, False, True]
    assert events.loc["A", ["evenness", "classifications", "blanks"]].tolist() == [0.5, 12, 1]
    assert table.frames["path"].str.slice(-9).tolist() == [
        "P0001.JPG", "P0002.JPG", "P0009.JPG", "P0001.JPG", "P0001.JPG",
    ]  # fmt: skip
    a, b, c, d = (label(table, event_id) for event_id in "ABCD")
    assert (a["species"], a["count"], a["standing"], a["moving"]) == (
        "wildebeest", "11-50", 0.25, 0.75,
    )  # fmt: skip
    # The expert saw one species of two and another count; behaviours stay the volunteers'.
    assert (b["species"], b["count"], b["standing"], b["resting"]) == ("zebra", "3", 1.0, 0.0)
    assert (c["species"], c["count"], pd.isna(c["standing"])) == ("rodents", "1", True)
    assert (d["species"], pd.isna(d["count"])) == ("impossible", True)
    assert table.dropped.counts == {
        "picture listed twice": 1,
        "consensus: event without pictures": 1,
        "gold standard: event without pictures": 1,
    }


def test_without_gold_standard_unlabelled_events_are_empty(folder):
    table = dryad.read_folder(folder(gold=None))
    assert table.events["source"].unique().tolist() == ["volunteers"]
    species = table.labels.groupby("event_id")["species"].agg(sorted).to_dict()
    assert species == {
        "A": ["wildebeest"], "B": ["topi", "zebra"], "C": ["empty"], "D": ["empty"],
    }  # fmt: skip
    assert table.labels["count"][table.labels["species"] == "empty"].isna().all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("wildebeest", "gnu", "`Species` is one of aardvark, .*received 'gnu'. Correct row 2 of"),
        ("Nov-50", "12", "`count` is one of 1, 2,.*received '12'. Correct row 2 of consensus"),
        ("0.75", "1.5", "`moving` is a number of at least 0 and at most 1; received '1.5'.*row 2"),
        ("0.75", "often", "received 'often'"),
        ("topi,2", "zebra,2", "a species occurs once in an event; received 'B zebra'. Drop row 4"),
        ("wildebeest", "", "every row of consensus_data.csv has a species.*row 2"),
        ("Evenness", "Evennes", "consensus_data.csv has the columns.*Missing: Evenness"),
        ("B,1,", "B,1,1,", "consensus_data.csv is a CSV file.*Expected 19 columns, got 20"),
    ],
)
def test_broken_rules_are_told_with_their_row(folder, old, new, message):
    consensus = [line.replace(old, new) for line in CONSENSUS]
    with pytest.raises(InputError, match=message):
        dryad.read_folder(folder(consensus=consensus))


def test_unknown_values_can_be_left_out(folder):
    consensus = [line.replace("topi,2", "gnu,2").replace("Nov-50", "12") for line in CONSENSUS]
    table = read("dryad", folder(consensus=consensus), on_unknown="drop")
    # B would be an event of zebra alone, or empty: it goes whole.
    assert table.events["event_id"].tolist() == ["A", "D", "C"]
    assert pd.isna(label(table, "A")["count"])
    assert table.dropped.counts["consensus_data.csv: unknown Species"] == 2
    assert table.dropped.counts["consensus_data.csv: unknown count"] == 1
    assert table.dropped.counts["event with an unknown species"] == 2  # B and X
    assert table.dropped.examples["consensus_data.csv: unknown Species"] == [
        "'gnu' in row 4", "'gnu' in row 5",
    ]  # fmt: skip


def test_the_real_search_effort(shared_data):
    path = shared_data / "serengeti" / "metadata" / "search_effort.head.csv"
    effort = dryad.read_search_effort(path)
    assert effort["site"].nunique() == 4
    assert str(effort["end"].iloc[0]) == "2012-01-09 00:00:00"


def test_search_effort_by_its_other_header_and_a_wrong_date(tmp_path):
    path = tmp_path / "search_effort.csv"
    path.write_text("SiteID,Start date,End date\nB03,2011-12-30,2012-01-09\n")
    assert dryad.read_search_effort(path)["site"].tolist() == ["B03"]
    path.write_text("SiteID,Start date,End date\nB03,2011-12-30,someday\n")
    with pytest.raises(InputError, match=r"received 'someday'. Correct row 2 of search_effort.csv"):
        dryad.read_search_effort(path)


def test_files_that_do_not_belong_together_are_refused(folder):
    images = (IMAGES[0], "Z,S1/B04/B04_R1/P1.JPG")
    with pytest.raises(InputError, match="has pictures of events in consensus_data"):
        dryad.read_folder(folder(images=images))


def test_a_missing_file_is_named(folder):
    path = folder()
    (path / dryad.IMAGES).unlink()
    with pytest.raises(InputError, match="all_images"):
        dryad.read_folder(path)


def test_the_real_gold_standard(shared_data):
    gold = dryad.read_gold(shared_data / "serengeti" / "gold" / dryad.GOLD)
    species_per_event = gold["event_id"].value_counts().value_counts().to_dict()
    assert len(gold) == 4432
    assert gold["event_id"].nunique() == 4149
    assert species_per_event == {1: 3871, 2: 273, 3: 5}
    impossible = gold[gold["species"] == "impossible"]
    assert len(impossible) == 30
    assert impossible["count"].isna().all()
    assert gold["count"].isna().sum() == 30
    assert (gold["species"] == "rodents").sum() == 1
    assert (gold["species"] == "human").sum() == 75


def test_the_real_excerpt(shared_data):
    table = read("dryad", shared_data / "serengeti" / "gold")
    assert len(table) == 9
    # 9 consensus rows, 3 of them without pictures: 9 - 6 events with pictures are empty.
    assert table.dropped.counts["consensus: event without pictures"] == 3
    assert table.labels["species"].tolist().count("empty") == 3
