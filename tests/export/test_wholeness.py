"""Which damaged JPEGs are answered: prediction, shards, the exported graph and cameras agree."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.events import records
from camtrap_tf.events.table import EventTable
from camtrap_tf.pictures import files, wholeness
from camtrap_tf.pictures.wholeness import DISORDER, INVALID, LEFT_OVER, MISSING, NO_END, OVERWRITTEN
from camtrap_tf.prediction.predict import Options, predict
from data_prep.shards import plan, write
from export.decoding import decode_batch
from export.edge.model import EdgeModel
from tests import damaged_jpegs, odd_pictures

WHOLE = {
    "whole", "zeros behind the end", "0xFF behind the end", "another behind the end",
    "restart markers", "progressive",
    # No library can tell: by chance the other picture's data go on in step with this one's.
    "cluster of another at 0.1", "cluster of another at 0.8",
}  # fmt: skip
DOUBTFUL = {
    "zeros, then an end": LEFT_OVER,
    "an end too early": MISSING,
    "cluster of another at 0.5": LEFT_OVER,
    "restart marker of another number": DISORDER,
    "restart marker overwritten": LEFT_OVER,
    "part between restarts lost": DISORDER,
    "part between restarts twice": DISORDER,
    "eight parts lost": DISORDER,
    "zeros over restarts": LEFT_OVER,
    "progressive cluster of zeros at 0.3": LEFT_OVER,
    "progressive cluster of zeros at 0.7": INVALID,
    **{f"cluster of zeros at {place}": LEFT_OVER for place in (0.1, 0.5, 0.8)},
    **{f"cluster of text at {place}": LEFT_OVER for place in (0.1, 0.5, 0.8)},
    **{f"without a cluster at {place}": MISSING for place in (0.1, 0.5, 0.8)},
    **{f"bytes flipped at {place}": LEFT_OVER for place in (0.1, 0.5, 0.8)},
}


@pytest.fixture(scope="module")
def kinds():
    return damaged_jpegs.every()


@pytest.fixture(scope="module")
def folder(kinds, tmp_path_factory):
    """A file of each kind, called by its number."""
    folder = tmp_path_factory.mktemp("damaged")
    for number, content in enumerate(kinds.values()):
        (folder / f"{number:02d}.jpg").write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def expected(kinds):
    """By path '' for a whole picture, a doubt, or the reason why it is refused."""
    assert WHOLE | set(DOUBTFUL) <= set(kinds)
    told = {name: "" if name in WHOLE else DOUBTFUL.get(name, NO_END) for name in kinds}
    assert sum(reason == NO_END for reason in told.values()) == 30
    return {f"{number:02d}.jpg": reason for number, reason in enumerate(told.values())}


def refused(expected):
    return {path for path, reason in expected.items() if reason == NO_END}


def doubts(expected):
    return {path: reason for path, reason in expected.items() if reason not in ("", NO_END)}


def test_the_exported_graph(kinds, expected):
    _, valid, doubtful = decode_batch(tf.constant(list(kinds.values())), PictureSpec(size=40))
    assert {f"{n:02d}.jpg" for n, ok in enumerate(valid.numpy()) if not ok} == refused(expected)
    names = list(kinds)
    told = {names[n] for n in np.flatnonzero(doubtful.numpy())}
    # What a graph cannot tell, see docs/export.md.
    assert told == {name for name in DOUBTFUL if not name.startswith("progressive")}


def test_prediction(folder, expected, colour_bundle, tmp_path, caplog):
    pytest.importorskip("simplejpeg")
    found = Predictions.read(predict([folder], colour_bundle, tmp_path / "out", Options()))
    ids = found.ids.set_index("path")
    assert ids["failure"].dropna().to_dict() == dict.fromkeys(refused(expected), NO_END)
    assert ids["doubt"].dropna().to_dict() == doubts(expected)
    assert f"{len(doubts(expected))} pictures are answered, but seem to be damaged" in caplog.text
    assert f"no answer to 30 of {len(expected)} pictures: {NO_END} (30)" in caplog.text
    assert found.answers().notna().tolist() == ids["failure"].isna().tolist()
    events = found.by_event().ids
    assert events["doubt"].notna().sum() == len(doubts(expected))


@pytest.mark.parametrize("keep_original", [False, True])
def test_shards(folder, expected, tmp_path, keep_original):
    pytest.importorskip("simplejpeg")
    paths = list(expected)
    rows = pd.DataFrame({"event_id": paths, "path": paths})
    labels = pd.DataFrame({"event_id": paths, "species": "fox"})
    table = EventTable(rows[["event_id"]], rows, labels, "drawn")
    made = plan.make(table, np.full(len(paths), "train"))
    spec = PictureSpec(size=40, keep_original=keep_original)
    shards = write.write_shards(made, folder, tmp_path / "out", spec, processes=1)
    stored = [
        frame
        for shard in shards.shards
        for event in records.read_file(tmp_path / "out" / shard.file)
        for frame in records.decode(event).frames
    ]
    assert len(stored) == len(expected) - 30
    assert decode_batch(tf.constant(stored), spec)[1].numpy().all()
    lists = {
        name: pd.read_csv(tmp_path / "out" / f"{name}.csv").set_index("path")["reason"].to_dict()
        for name in ("quarantine", "doubtful")
    }
    assert lists["quarantine"] == dict.fromkeys(refused(expected), NO_END)
    assert lists["doubtful"] == doubts(expected)


def test_a_camera(folder, expected, lite):
    pytest.importorskip("simplejpeg")
    answers = EdgeModel(lite).answer_event([folder / path for path in expected])
    told = dict(zip(expected, answers, strict=True))
    assert {path: one for path, one in told.items() if isinstance(one, str)} == dict.fromkeys(
        refused(expected), NO_END
    )
    read = {path: one.doubt for path, one in told.items() if not isinstance(one, str)}
    assert {path: doubt for path, doubt in read.items() if doubt} == doubts(expected)


def test_the_rest_reads_the_same_files(kinds, expected):
    for content, reason in zip(kinds.values(), expected.values(), strict=True):
        for read in (files.glance, lambda one: files.read_padded(one, lambda *_: (48, 64))):
            if reason == NO_END:
                with pytest.raises(files.PictureError, match=NO_END):
                    read(content)
            else:
                read(content)


def test_without_the_fast_decoder_the_same_files_are_refused(kinds, expected, monkeypatch):
    monkeypatch.setattr(files, "simplejpeg", None)
    spec, told = PictureSpec(size=40), {}
    for (name, content), reason in zip(kinds.items(), expected.values(), strict=True):
        if reason == NO_END:
            with pytest.raises(files.PictureError, match=NO_END):
                files.read(content, spec)
        elif doubt := files.read(content, spec).doubt:
            told[name] = doubt
    zeros = [name for name in DOUBTFUL if "zeros" in name]
    marks = [name for name in DOUBTFUL if "restart" in name and name not in zeros]
    assert told == dict.fromkeys(zeros, OVERWRITTEN) | dict.fromkeys(marks, DISORDER)


def test_a_black_picture_is_whole():
    """Its data are zeros, where the codes are made for it."""
    black = odd_pictures.saved(Image.new("RGB", (1600, 1200)), optimize=True)
    assert bytes(512) in black and wholeness.has_end(black)
    assert files.read(black, PictureSpec(size=40)).doubt is None
