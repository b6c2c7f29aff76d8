"""A job's files under damage, without a network."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import parquet
from camtrap_tf.core.errors import DamagedFile
from camtrap_tf.events.listing import resolve
from camtrap_tf.prediction.job import FACTS, Answers, Job, list_pictures

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
