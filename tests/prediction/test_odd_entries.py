"""One entry of a folder, or one line of a list, can fail; a job, a listing or a verb cannot."""

import os

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY
from camtrap_tf.core.paths import on_disk
from camtrap_tf.events.listing import in_folder, resolve
from camtrap_tf.outputs import folders
from camtrap_tf.outputs.options import Options as OutputOptions
from camtrap_tf.pictures import exif, files
from camtrap_tf.prediction.predict import predict
from camtrap_tf.prediction.predictor import Options
from data_prep.sources import plain, recognise
from tests import odd_entries
from tests.prediction.test_predict import RED, save

pytestmark = pytest.mark.timeout(60, func_only=True)  # what reads from a pipe waits for ever


@pytest.fixture
def odd(tmp_path):
    """A folder with an ordinary picture, a few odd ones, and entries that are none."""
    save(tmp_path / "card" / "cam" / "good.jpg", RED, 0)
    odd_entries.write(tmp_path / "card" / "cam")
    with odd_entries.deepened(tmp_path / "card" / "deep"):
        yield tmp_path / "card"


def named(names) -> set[str]:
    return {f"cam/{name.decode()}" for name in names}


def test_a_folder_is_searched_to_its_end(odd):
    skipped = {}
    pieces = list(in_folder(odd, lambda path, reason: skipped.update({path: reason})))
    paths = set(pieces[0]["path"])
    assert paths == named((*odd_entries.PICTURES, *odd_entries.UNREADABLE))
    assert skipped == {
        "cam/b\\xe4r.jpg": "its name is not valid UTF-8: rename it (convmv renames whole folders)",
        "cam/round.jpg": "link to a folder: not followed",
    }
    found = set(files.find(odd))
    assert found == paths | {os.fsdecode(b"cam/" + odd_entries.NOT_TEXT)}


def test_every_reader_of_files_says_why(odd):
    reasons = {}
    for name in (*odd_entries.UNREADABLE, b"folder.jpg", b"round.jpg", 300 * b"x", b"a/\0"):
        path = odd / "cam" / name.decode()
        assert exif.read(path).taken is None
        with pytest.raises(files.PictureError) as error:
            files.glance(path)
        reasons[name] = str(error.value)
        assert str(odd) not in reasons[name]
    assert reasons[b"pipe.jpg"] == reasons[b"endless.jpg"] == "not a file"
    assert reasons[b"itself.jpg"].startswith("cannot be opened: Too many levels")
    assert reasons[b"nowhere.jpg"] == "no such file"


def test_a_job_answers_what_can_be_answered(odd, colour_bundle, tmp_path):
    options = Options(batch_size=4, block_size=2)
    path = predict([odd], colour_bundle, tmp_path / "out", options)
    rows = Predictions.read(path).ids.set_index("path")["failure"]
    assert set(rows[rows.isna()].index) == named(odd_entries.PICTURES)
    assert set(rows[rows.notna()].index) == named(odd_entries.UNREADABLE)
    listed = (tmp_path / "out" / "not_processed.csv").read_text()
    assert "b\\xe4r.jpg" in listed


def test_lines_of_a_list_that_no_disk_can_hold(odd, colour_bundle, tmp_path):
    lines = ["cam/good.jpg", "cam/" + 300 * "x" + ".jpg", "IMG_" + 5000 * "1" + ".jpg", "ü" * 200,
             "cam/good.jpg/x.jpg", "cam/\0.jpg", "=cmd", "../" * 50 + "x.jpg"]  # fmt: skip
    (tmp_path / "list.txt").write_text("\n".join(lines))
    path = predict([tmp_path / "list.txt"], colour_bundle, tmp_path / "out", images=odd)
    rows = Predictions.read(path).ids.set_index("path")["failure"]
    assert len(rows) == len(lines)
    assert list(rows[rows.isna()].index) == ["cam/good.jpg"]


def test_a_list_with_paths_of_two_systems_is_refused(tmp_path):
    (tmp_path / "list.txt").write_text("/a/1.jpg\nC:/b/2.jpg\n")
    with pytest.raises(InputError, match="absolute ones of one system"):
        resolve([tmp_path / "list.txt"])


def test_names_too_long_for_a_disk_are_not_there(tmp_path):
    for name in ("x" * 300, "ü" * 300, "ü/" + "x" * 300, "\0", "ü\0"):
        assert on_disk(tmp_path, name) == tmp_path / name


def test_sources_of_folders(odd):
    assert recognise.recognise(odd).source in (None, "folders")
    table = plain.read_folders(odd, folders="species")
    there = {*odd_entries.PICTURES, *odd_entries.UNREADABLE}
    assert set(table.frames["path"]) == named(there)


def test_links_by_species_leave_out_what_cannot_be_linked(odd, tmp_path):
    names = ["cam/good.jpg", "cam/" + odd_entries.LONG.decode(), "cam/" + 300 * "x", "cam/\0"]
    names += ["cam/good.jpg/x"]
    ids = pd.DataFrame({"path": names, "failure": None})
    tops = np.tile(np.array([[0.9, 0.1]], np.float32), (len(names), 1))
    rows = Predictions(ids, {"empty": BINARY, "species": ("red", "blue")},
                       {"empty": 1 - tops, "species": tops})  # fmt: skip
    (tmp_path / "out").mkdir()
    folders.write_files(rows, tmp_path / "out", OutputOptions(pictures=odd, link="symbolic"))
    links = sorted(path.name for path in (tmp_path / "out").rglob("*.jpg"))
    assert links == [odd_entries.LONG.decode(), "good.jpg"]
