"""A job's files under damage, without a network."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import parquet
from camtrap_tf.core.errors import DamagedFile
from camtrap_tf.events.corrections import parse
from camtrap_tf.events.listing import COLUMNS, resolve
from camtrap_tf.prediction.job import FACTS, Answers, Job, list_pictures, with_times

CLASSES = {"empty": ("animal", "empty")}


@pytest.fixture
def job(tmp_path):
    """Three blocks of two pictures, all answered."""
    root = tmp_path / "pictures"
    root.mkdir()
    for number in range(6):
        Image.new("RGB", (8, 8)).save(root / f"{number}.jpg")
    made = Job.claim(tmp_path / "out", {"sources": [str(root)]})
    list_pictures(made, resolve([root]), block_size=2, gap_seconds=0)
    answer(made)
    return made


def answer(job):
    """Answers what is pending; returns which blocks that were."""
    done = []
    for block in job.pending():
        facts = pd.DataFrame(
            {name: pd.Series([None] * len(block), dtype=FACTS[name]) for name in FACTS}
        )
        values = np.full((len(block), 2), 0.5 + block.number / 10, np.float32)
        job.write(block, Answers(facts, {"empty": values}))
        done.append(block.number)
    return done


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("place", [5, 300, -200])
def test_damaged_answers_are_made_again(job, caplog, place):
    kept = [job.file(number).read_bytes() for number in range(3)]
    flip(job.file(1), place)
    assert job.counts() == (6, 2)
    assert "000001.parquet: its checksum does not fit; these pictures are answered" in caplog.text
    assert answer(job) == [1]
    assert [job.file(number).read_bytes() for number in range(3)] == kept


def test_an_old_block_that_cannot_be_read_is_made_again(job, tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(pq.read_table(job.file(2)), job.file(2), compression="zstd")
    assert not parquet.check(job.file(2)) and job.counts() == (6, 0)
    job.file(2).write_bytes(job.file(2).read_bytes()[:-30])
    assert answer(job) == [2]


def test_damage_between_answering_and_assembling_is_told(job):
    flip(job.file(0), 100)
    with pytest.raises(DamagedFile, match=r"000000.parquet.*Run the same command again"):
        job.assemble(CLASSES, {})
    assert answer(job) == [0]
    assert len(Predictions.read(job.assemble(CLASSES, {}))) == 6


def test_a_damaged_list_is_told(job):
    flip(job.folder / "pictures.parquet", 100)
    with pytest.raises(DamagedFile, match=r"pictures.parquet.*Predict into a new folder"):
        job.counts()


def listed(**columns) -> pd.DataFrame:
    rows = {"event_id": None, "frame": None, "datetime": None, "site": None, "season": None}
    rows |= {"bytes": 1, "modified": 0} | columns
    return pd.DataFrame(rows).astype(COLUMNS)[list(COLUMNS)]


def told(**columns) -> pd.DataFrame:
    """What headers tell."""
    return pd.DataFrame(dict.fromkeys(FACTS) | columns).astype(FACTS)


def test_a_listings_time_comes_before_a_headers_and_both_are_corrected():
    noon = pd.Timestamp("2024-05-01 12:00")
    ids = listed(path=["A/1.jpg", "A/2.jpg", "B/3.jpg"], datetime=[noon, None, noon], site=[*"AAB"])
    facts = told(datetime=[noon + pd.Timedelta(5, "h")] * 3, time_source=["capture"] * 3)
    found = with_times(ids, facts, [parse("A=+1h")])
    hours = (found["datetime"] - noon) / pd.Timedelta(1, "h")
    assert hours.tolist() == [1, 6, 0]
    sources = ["metadata, corrected", "capture, corrected", "metadata"]
    assert found["time_source"].tolist() == sources


def sizes(folder, events: list[int], size: int) -> list[int]:
    """Sizes of the blocks of a listing of events, each of so many pictures."""
    names = [f"e{number}" for number, count in enumerate(events) for _ in range(count)]
    pieces = [listed(path=[f"{row:03}.jpg" for row in range(len(names))], event_id=names)]
    made = Job(folder, {})
    made.list_pictures(folder, pieces, size, 0)
    return [len(block) for block in made.blocks()]


def test_a_block_is_as_long_as_asked_and_what_is_left_of_its_last_event(tmp_path):
    assert sizes(tmp_path / "a", [1] * 11, 3) == [3, 3, 3, 2]
    assert sizes(tmp_path / "b", [2] * 7, 3) == [4, 4, 4, 2]
    assert sizes(tmp_path / "c", [1, 20, 1, 1, 1, 1], 3) == [21, 3, 1]


def test_answers_stand_beside_their_own_pictures(job):
    found = Predictions.read(job.assemble(CLASSES, {}))
    assert found.ids["path"].tolist() == [f"{number}.jpg" for number in range(6)]
    assert found.ids["event_id"].tolist() == [f"{number}.jpg" for number in range(6)]
    expected = np.repeat([0.5, 0.6, 0.7], 2)
    np.testing.assert_allclose(found.probabilities["empty"][:, 0], expected, rtol=1e-6)


def test_blocks_are_cut_by_a_listings_times_not_by_headers(tmp_path):
    """All headers say one second: by them, the pictures would be one event."""
    header, noon = Image.Exif(), pd.Timestamp("2024-05-01 12:00")
    header.get_ifd(0x8769)[0x9003] = "2024:05:01 12:00:00"
    (tmp_path / "A").mkdir()
    names = [f"A/{number}.jpg" for number in range(6)]
    for name in names:
        Image.new("RGB", (8, 8)).save(tmp_path / name, exif=header)
    minutes = [0, 0, 0, 9, 9, 9]
    for times, expected in (
        ([None] * 6, [6]),
        ([noon + pd.Timedelta(m, "m") for m in minutes], [3, 3]),
    ):
        made = Job(tmp_path / f"{len(expected)}", {})
        made.list_pictures(tmp_path, [listed(path=names, datetime=times)], 2, 60)
        assert [len(block) for block in made.blocks()] == expected
