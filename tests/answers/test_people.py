import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from camtrap_tf.answers import people
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.outputs import folders
from camtrap_tf.outputs.options import Options
from camtrap_tf.pictures import files
from camtrap_tf.reporting import cards
from camtrap_tf.reviewing import answers, queue
from camtrap_tf.reviewing.session import Session
from tests.reviewing.conftest import predictions_of
from tests.reviewing.test_server import client_of

SHOW, BLUR, HIDE = people.Shown.SHOW, people.Shown.BLUR, people.Shown.HIDE


def with_people(events) -> Predictions:
    """As `predictions_of`, with 'person' in place of 'lion'."""
    made = predictions_of(events)
    return dataclasses.replace(made, classes=made.classes | {"species": ("hare", "person")})


@pytest.fixture
def some():
    """A hare; a person; a hare, of whose second frame people have 0.9 x 0.03; an empty event."""
    return with_people(
        [[(0.1, 0.01)], [(0.1, 0.9), (0.7, 0.9)], [(0.1, 0.0), (0.1, 0.03)], [(0.99, 0.5)]]
    )


def test_an_event_is_guarded_as_a_whole(some):
    assert people.find(some).tolist() == [False, True, True, True, True, False]
    some.probabilities["species"][4] = 0.98, 0.02  # 0.9 x 0.02 is below 0.02
    assert people.find(some).tolist() == [False, True, True, False, False, False]


def test_a_person_s_answer_and_a_label_decide(some):
    given = [
        answers.Answer("e0", "ann", answers.Verdict.ANIMAL, (answers.Sighting("hiker"),)),
        answers.Answer("e1", "ann", answers.Verdict.ANIMAL, (answers.Sighting("hare"),)),
    ]
    found = people.find(answers.merge(some, given))
    assert found.tolist() == [True, False, False, True, True, False]
    cow = (answers.Sighting("cow"), answers.Sighting("person"))
    both = [answers.Answer("e0", "ann", answers.Verdict.ANIMAL, cow)]
    assert people.find(answers.merge(some, both))[0]
    labels = {"species": np.array([0, 0, 0, 0, 0, 1]), "empty": np.zeros(6, int)}
    labelled = dataclasses.replace(some, labels=labels, event_labels=labels)
    assert people.find(labelled)[5]


def test_a_model_that_knows_no_people_finds_none():
    assert not people.find(predictions_of([[(0.1, 0.9)], [(0.1, 0.1)]])).any()


def draw_noise(predictions, folder, side=256):
    rng = np.random.default_rng(0)
    for path in predictions.ids["path"]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(folder / path)


def detail(encoded: bytes) -> float:
    """How much fine detail a picture has: mean step from pixel to pixel."""
    with Image.open(io.BytesIO(encoded)) as image:
        grey = np.asarray(image.convert("L"), float)
    return float(np.abs(np.diff(grey, axis=0)).mean())


def test_a_blurred_picture_holds_few_colours(tmp_path, some):
    draw_noise(some, tmp_path)
    file = tmp_path / some.ids["path"][0]
    blurred = files.blurred(file, (640, 320))
    with Image.open(io.BytesIO(blurred)) as image:
        assert image.size == (320, 320)
    assert detail(file.read_bytes()) > 40 and detail(blurred) < 2


def test_the_page_never_sends_what_is_guarded(tmp_path, some):
    draw_noise(some, tmp_path / "pictures")
    order = queue.order(some)
    for shown in (SHOW, BLUR, HIDE):
        one = Session(
            some, order, tmp_path / "pictures", tmp_path / f"{shown.value}.jsonl", "kim",
            people=shown,
        )  # fmt: skip
        client = client_of(one)
        for event in one.page(0, 4):
            guarded = shown is not SHOW and event["event_id"] in ("e1", "e2")
            assert (event["people"] is not None) == guarded
            for frame in range(len(event["frames"])):
                response = client.get(f"/pictures/{one.queue}/{event['place']}/{frame}")
                assert response.status_code == (404 if guarded and shown is HIDE else 200)
                if response.status_code == 200:
                    assert (detail(response.data) < 2) == guarded
                    # A browser keeps nothing that may be guarded later.
                    kept = response.headers["Cache-Control"]
                    assert (kept == "no-store") == (shown is not SHOW)
    place = next(event["place"] for event in one.page(0, 4) if event["event_id"] == "e1")
    one.answer(one.queue, {
        "id": "a", "event_id": "e1", "seconds": 1, "verdict": "animal",
        "sightings": [{"species": "hare", "count": None, "attributes": {}}],
    })  # fmt: skip
    assert client.get(f"/pictures/{one.queue}/{place}/0").status_code == 200


def test_what_others_said_is_guarded(tmp_path, some):
    draw_noise(some, tmp_path / "pictures")
    file = tmp_path / "r.jsonl"
    for name, expected in (("ann", False), ("kim", True)):
        one = Session(some, queue.order(some), tmp_path / "pictures", file, name, people=HIDE)
        place = next(event["place"] for event in one.page(0, 4) if event["event_id"] == "e0")
        assert one.shows_people(place) == expected
        one.answer(one.queue, {
            "id": name, "event_id": "e0", "seconds": 1, "verdict": "animal",
            "sightings": [{"species": "hiker", "count": None, "attributes": {}}],
        })  # fmt: skip
        assert one.shows_people(place)


def test_the_report_blurs_and_hides(tmp_path, some):
    draw_noise(some, tmp_path)
    for shown in (SHOW, BLUR, HIDE):
        [section, *_] = cards.sections(some, np.full(6, np.nan), tmp_path, 8, shown)
        [card] = [card for card in section.cards if card.path == "e1/0.jpg"]
        assert (card.picture is None) == (shown is HIDE)
        assert (card.without == cards.HIDDEN) == (shown is HIDE)
        [hare] = [card for card in section.cards if card.path == "e0/0.jpg"]
        assert hare.picture is not None and hare.without != cards.HIDDEN
        if shown is BLUR:
            assert len(card.picture) < len(hare.picture) / 4


def test_folders_leave_people_out_and_take_old_links_away(tmp_path, some, caplog):
    draw_noise(some, tmp_path / "pictures", 8)
    (tmp_path / "out").mkdir()

    def linked(shown: str) -> set[str]:
        options = Options(pictures=tmp_path / "pictures", people=shown)
        [view] = folders.write_files(some, tmp_path / "out", options)
        return {file.relative_to(view).as_posix().partition("/")[2] for file in view.rglob("*.jpg")}

    everything = set(some.ids["path"])
    assert linked("show") == everything
    assert linked("hide") == everything - {"e1/0.jpg", "e1/1.jpg", "e2/0.jpg", "e2/1.jpg"}
    assert "4 pictures (it shows people)" in caplog.text
    with pytest.raises(ValueError, match="--people=hide"):
        linked("blur")
