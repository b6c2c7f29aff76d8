"""What is known of pictures before they are reviewed: a bundle, predictions, labels."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import startup
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY
from camtrap_tf.events.table import EventTable
from camtrap_tf.prediction import job
from camtrap_tf.reviewing.live import beforehand
from camtrap_tf.training import review_pictures
from camtrap_tf.training.review_pictures import First

COLOURS = {"red": (200, 40, 40), "blue": (40, 40, 200), "empty": (90, 90, 90)}


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """Three pictures, and weights that nobody asks for."""
    monkeypatch.setattr(review_pictures, "require_weights", lambda: None)
    (tmp_path / "cards").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (64, 48), colour).save(tmp_path / "cards" / f"{name}.jpg")
    return tmp_path / "cards"


def predictions_of(paths: list[str]) -> Predictions:
    """All are called red."""
    ids = pd.DataFrame({"path": paths, "event_id": paths})
    two = np.float32([[0.9, 0.1]] * len(paths))
    classes = {"empty": BINARY, "species": ("red", "blue")}
    return Predictions(ids, classes, {"empty": two, "species": two})


def test_a_bundle_answers_in_the_background(cards, colour_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(startup, "start_tensorflow", lambda: None)
    folder = tmp_path / "cards_review"
    for _ in range(2):  # the second time it finds its answers
        review_pictures._answer(str(cards), colour_bundle.folder, folder, print)
    assert job.pictures_folder(folder / "answered") == cards
    kept = beforehand.Kept(folder / "guesses.json")
    assert kept.follow() and kept.guesses == {f"{name}.jpg": name for name in COLOURS}
    assert not (folder / "reviews.jsonl").exists()


def test_predictions_are_guesses_at_once(cards, tmp_path):
    predictions_of(["red.jpg", "blue.jpg"]).write(tmp_path / "p.parquet")
    session, _ = review_pictures.open_review(cards, first=First(predictions=tmp_path / "p.parquet"))
    assert session._guesses.follow()
    assert session._guesses.guesses == {"red.jpg": "red", "blue.jpg": "red"}
    # They stay for the next time, without the flag.
    session, _ = review_pictures.open_review(cards)
    assert session._guesses.follow() and len(session._guesses.guesses) == 2


def test_labels_of_a_table_are_read(cards, tmp_path):
    EventTable(
        pd.DataFrame({"event_id": ["a"], "source": "expert"}),
        pd.DataFrame({"event_id": ["a"], "path": ["red.jpg"]}),
        pd.DataFrame({"event_id": ["a"], "species": ["fox"]}),
    ).write(tmp_path / "t.parquet")
    session, _ = review_pictures.open_review(cards, first=First(events=tmp_path / "t.parquet"))
    (said,) = session._labels["red.jpg"]
    assert said.species == "fox" and len(session._labels) == 1


def test_what_is_of_other_pictures_is_refused(cards, colour_bundle, tmp_path):
    predictions_of(["other/red.jpg"]).write(tmp_path / "p.parquet")
    with pytest.raises(InputError, match="--predictions names pictures as they lie in"):
        review_pictures.open_review(cards, first=First(predictions=tmp_path / "p.parquet"))
    assert not (tmp_path / "cards_review" / "guesses.json").exists()
    both = First(bundle=colour_bundle.folder, predictions=tmp_path / "p.parquet")
    with pytest.raises(InputError, match="first suggestions come from one model"):
        review_pictures.open_review(cards, first=both)


def test_first_suggestions_are_for_pictures(cards, tmp_path, capsys):
    predictions_of(["red.jpg"]).write(tmp_path / "answers" / "predictions.parquet")
    flag = f"--predictions={tmp_path / 'answers' / 'predictions.parquet'}"
    assert cli.main(["review", str(tmp_path / "answers"), flag]) == 2
    assert "first suggestions are for a folder of pictures" in capsys.readouterr().err
