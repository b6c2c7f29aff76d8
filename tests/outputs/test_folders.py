import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY
from camtrap_tf.outputs import Options, folders

NAN = float("nan")
PATHS = ["A/1.jpg", "A/b/2.jpg", "B/1.jpg", "B/bad.jpg"]


@pytest.fixture
def pictures(tmp_path) -> Path:
    for path in PATHS:
        (tmp_path / "pictures" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / path).write_text(path)
    return tmp_path / "pictures"


def make(paths=PATHS, species=("lion", "zebra"), tops=(0, 1, 1)) -> Predictions:
    """Pictures of the given species, but the third is empty and the fourth not readable."""
    ids = pd.DataFrame({"path": paths, "failure": [None, None, None, "damaged"]})
    p = np.full((4, 2), NAN, np.float32)
    p[:3] = np.eye(2)[list(tops)]
    empty = np.array([[1, 0], [1, 0], [0, 1], [NAN, NAN]], np.float32)
    return Predictions(ids, {"empty": BINARY, "species": species}, {"empty": empty, "species": p})


def view(predictions, out: Path, pictures: Path, **options) -> dict[str, str]:
    """What the view holds: path -> content."""
    out.mkdir(exist_ok=True)
    written = folders.write_files(predictions, out, Options(pictures=pictures, **options))
    assert written == [out / "by_species"]
    found = sorted(path for path in written[0].rglob("*") if not path.is_dir())
    return {path.relative_to(written[0]).as_posix(): path.read_text() for path in found}


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_links_by_answer(pictures, tmp_path, link):
    for _ in range(2):  # the second time nothing changes
        assert view(make(), tmp_path / "out", pictures, link=link) == {
            "empty/B/1.jpg": "B/1.jpg", "lion/A/1.jpg": "A/1.jpg",
            "unreadable/B/bad.jpg": "B/bad.jpg", "zebra/A/b/2.jpg": "A/b/2.jpg",
        }  # fmt: skip
    one = tmp_path / "out" / "by_species" / "lion" / "A" / "1.jpg"
    assert one.is_symlink() == (link == "symbolic")
    assert os.path.samefile(one, pictures / "A" / "1.jpg")


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_a_picture_whose_answer_changed_moves(pictures, tmp_path, link):
    view(make(), tmp_path / "out", pictures, link=link)
    moved = view(make(tops=(1, 1, 1)), tmp_path / "out", pictures, link=link)
    assert "lion/A/1.jpg" not in moved and moved["zebra/A/1.jpg"] == "A/1.jpg"
    assert (pictures / "A" / "1.jpg").read_text() == "A/1.jpg"


def test_files_that_are_there_are_not_touched(pictures, tmp_path, caplog):
    own = tmp_path / "out" / "by_species" / "lion" / "A" / "1.jpg"
    other = tmp_path / "out" / "by_species" / "zebra" / "A" / "1.jpg"
    for path in (own, other):
        path.parent.mkdir(parents=True)
        path.write_text("mine")
    found = view(make(), tmp_path / "out", pictures)
    assert found["lion/A/1.jpg"] == found["zebra/A/1.jpg"] == "mine"
    assert "not linked: 1 pictures (another file has its name), e.g. A/1.jpg" in caplog.text


def test_nothing_leaves_the_view(pictures, tmp_path, caplog):
    (tmp_path / "secret.jpg").write_text("secret")
    paths = ["../secret.jpg", str(tmp_path / "secret.jpg"), "B/1.jpg", "gone.jpg"]
    predictions = make(paths, species=("../../x", "zebra"))
    assert view(predictions, tmp_path / "out", pictures) == {"empty/B/1.jpg": "B/1.jpg"}
    assert "2 pictures (its path leads out of the picture folder)" in caplog.text
    assert "1 pictures (the picture is not in the picture folder), e.g. gone.jpg" in caplog.text
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "by_species" / "lion").symlink_to(tmp_path / "elsewhere")
    view(make(), tmp_path / "out", pictures)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert "its folder leads out of the view" in caplog.text


def test_what_is_asked_for(pictures, tmp_path):
    with pytest.raises(InputError, match="Give --images=FOLDER"):
        folders.check(Options(), tmp_path)
    with pytest.raises(InputError, match="the picture folder is an existing folder"):
        folders.check(Options(pictures=tmp_path / "nowhere"), tmp_path)
    with pytest.raises(InputError, match="a link is symbolic or hard"):
        folders.check(Options(pictures=pictures, link="soft"), tmp_path)
    with pytest.raises(InputError, match="the view lies outside the picture folder"):
        folders.check(Options(pictures=pictures), pictures / "answers")


@pytest.mark.parametrize(
    ("word", "name"),
    [("zebra", "zebra"), ("../elk", "_elk"), ("..", "_"), ("", "_"), ("nul.x", "_nul.x"),
     ("a/b\\c:d", "a_b_c_d"), ("rock hyrax (young)", "rock hyrax (young)"), ("łoś", "łoś")],
)  # fmt: skip
def test_safe_names(word, name):
    assert folders.safe_name(word) == name
