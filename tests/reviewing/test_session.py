import json
import sys

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.boxes import NamedBoxes
from camtrap_tf.core.boxes import COLUMNS
from camtrap_tf.core.errors import InputError
from camtrap_tf.reviewing import queue, session
from camtrap_tf.reviewing.answers import event_table, unanswered
from camtrap_tf.reviewing.journal import Answer, Journal, Verdict
from camtrap_tf.reviewing.session import Session, Stale
from tests.reviewing.conftest import draw_pictures, predictions_of


@pytest.fixture
def work(small, tmp_path):
    """Makes sessions on the small predictions, all on one file of answers."""
    draw_pictures(small, tmp_path / "pictures")

    def make(reviewer="kim", only="all", predictions=small, **options) -> Session:
        order = queue.order(predictions, only=only)
        file = tmp_path / "reviews.jsonl"
        return Session(predictions, order, tmp_path / "pictures", file, reviewer, **options)

    return make


def say(one: Session, event_id: str, what: str, number: int = 0, seconds: float = 4.0):
    animal = [{"species": what, "count": None, "attributes": {}}]
    content = {
        "id": f"{one.reviewer}-{event_id}-{what}-{number}", "event_id": event_id,
        "seconds": seconds, "verdict": what if what in ("empty", "unsure") else "animal",
        "sightings": [] if what in ("empty", "unsure") else animal,
    }  # fmt: skip
    return one.answer(one.queue, content)


def test_a_page_shows_events_in_their_order(work):
    first, second = work().page(0, 2)
    assert (first["place"], first["event_id"], first["site"]) == (0, "e3", "A")
    assert [frame["name"] for frame in first["frames"]] == ["0.jpg", "1.jpg"]
    assert first["suggestions"][0] == {"name": "empty", "probability": pytest.approx(0.5)}
    assert first["reasons"] == ["unsure: 45%", "frames disagree: 50%", "a rare answer"]
    assert second["event_id"] == "e1" and second["mine"] is None
    json.dumps([first, second])


def test_an_event_called_unknown_is_called_so(work, small):
    small.scores["familiarity"] = np.full(len(small), 0.1)
    small.info["familiarity_threshold"] = 0.5
    unknown = [event for event in work().page(0, 4) if "unknown" in " ".join(event["reasons"])]
    assert {event["event_id"] for event in unknown} == {"e0", "e1", "e3"}  # e2 is empty
    assert unknown[0]["reasons"][0] == "called unknown: like nothing the model has learnt"
    assert not any(why.startswith(("unsure", "a rare")) for e in unknown for why in e["reasons"])


def test_blind_shows_no_opinion(work):
    [first] = work(blind=True).page(0, 1)
    assert first["suggestions"] == first["reasons"] == []


def test_pictures_that_no_model_saw(work, small):
    table = event_table(small, [Answer(f"e{i}", "ann", Verdict.EMPTY) for i in range(4)])
    one = work(predictions=unanswered(table), only="random")
    assert one.describe()["species"] == ["animal"] and len(one.describe()["attributes"]) == 6
    [first] = one.page(0, 1)
    assert first["suggestions"] == first["reasons"] == [] and first["frames"][0]["failure"] is None
    assert say(one, first["event_id"], "lion").done == 1
    assert one.results()["accuracy"] is None
    seen = {other["event_id"]: len(other["frames"]) for other in one.page(0, 4)}
    assert seen == {"e0": 2, "e1": 1, "e2": 2, "e3": 2}


def test_answers_are_counted_and_the_next_open_event_is_told(work):
    one = work()
    saved = say(one, "e3", "lion", seconds=4)
    assert (saved.done, saved.total, saved.next, saved.seconds_left) == (1, 4, 1, 12)
    saved = say(one, "e0", "hare", seconds=8)  # the third of the queue
    assert (saved.done, saved.next, saved.seconds_left) == (2, 3, 12)
    saved = say(one, "e2", "empty", seconds=8)
    assert (saved.done, saved.next) == (3, 1)  # back to what was passed over
    assert say(one, "e1", "unsure").next is None


def test_another_session_goes_on(work):
    one = work()
    say(one, "e3", "lion")
    again = work()
    assert (again.describe()["done"], again.describe()["next"]) == (1, 1)
    assert again.page(0, 1)[0]["mine"]["sightings"][0]["species"] == "lion"
    other = work(reviewer="ann")
    assert other.describe()["done"] == 0 and other.page(0, 1)[0]["mine"] is None


def test_undo_goes_back_to_the_first(work):
    one = work()
    for event_id in ("e3", "e1"):
        say(one, event_id, "lion")
    say(one, "e1", "hare")
    one = work()  # and over a restart
    steps = [one.undo(one.queue, f"u{number}") for number in range(4)]
    said = [answer.sightings[0].species if answer else None for answer, _, _ in steps]
    assert said == ["hare", "lion", "lion", None]
    assert [place for _, place, _ in steps] == [1, 1, 0, None]
    assert [saved.done for _, _, saved in steps] == [2, 1, 0, 0]
    assert work().describe()["done"] == 0


def test_a_request_sent_again_changes_nothing(work, tmp_path):
    one = work()
    for _ in range(3):
        assert say(one, "e3", "lion").done == 1
    for _ in range(3):
        assert one.undo(one.queue, "u1")[2].done == 0
    assert len((tmp_path / "reviews.jsonl").read_text().splitlines()) == 2


def test_undo_of_an_event_of_another_queue(work):
    say(work(), "e2", "empty")
    other = work(only="unsure")
    answer, place, saved = other.undo(other.queue)
    assert answer.event_id == "e2" and place is None and saved.total == 3


def test_a_page_of_another_queue_is_stale(work):
    one, other = work(), work(only="unsure")
    with pytest.raises(Stale):
        one.answer(other.queue, {})
    with pytest.raises(Stale):
        one.undo(other.queue)
    with pytest.raises(Stale):
        one.picture(other.queue, 0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"event_id": "nowhere"},
        {"verdict": "maybe"},
        {"sightings": []},
        {"sightings": [{"species": "lion", "count": "17", "attributes": {}}]},
        {"sightings": [{"species": "lion", "count": None, "attributes": {"moving": 1}}]},
        {"sightings": [{"species": ["lion"], "count": None, "attributes": {}}]},
        {"seconds": "long"},
        {"id": ""},
    ],
)
def test_impossible_answers_are_refused_and_not_written(work, wrong, tmp_path):
    one = work()
    right = {"id": "a", "event_id": "e1", "seconds": None, "verdict": "animal",
             "sightings": [{"species": "lion", "count": "2", "attributes": {}}]}  # fmt: skip
    with pytest.raises(InputError):
        one.answer(one.queue, right | wrong)
    assert not (tmp_path / "reviews.jsonl").exists()
    assert one.answer(one.queue, right).done == 1


def test_an_answer_that_cannot_be_written_does_not_count(work, monkeypatch):
    one = work()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", full)
        with pytest.raises(OSError, match="No space"):
            say(one, "e3", "lion")
        assert one.describe()["done"] == 0
    assert say(one, "e3", "lion").done == 1


def test_results(work, tmp_path):
    for name, what in (("ann", "hare"), ("kim", "hare")):
        say(work(reviewer=name, only="random", drawn="random"), "e0", what)
    one = work()
    say(one, "e1", "lion")
    say(work(reviewer="ann"), "e1", "hare")
    found = one.results()
    assert found["reviewers"] == {"ann": 2, "kim": 2}
    assert (found["pairs"][0]["events"], found["pairs"][0]["share"]) == (2, 0.5)
    assert found["decided"] == 1
    assert found["undecided"] == {"reviewers disagree evenly (1 each)": 1}
    assert (found["accuracy"]["events"], found["accuracy"]["right"]) == (1, 1)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/passwd", "a/../../secret.jpg", ""])
def test_a_path_out_of_the_folder_is_refused(path, work, small):
    small.ids.loc[2, "path"] = path
    one = work()
    with pytest.raises(LookupError, match="outside"):
        one.picture(one.queue, 1, 0)


def test_pictures_by_number(work, tmp_path):
    one = work()
    assert one.picture(one.queue, 0, 1) == tmp_path / "pictures" / "e3/1.jpg"
    for place, frame in ((0, 2), (0, -1), (4, 0), (-1, 0)):
        with pytest.raises(LookupError):
            one.picture(one.queue, place, frame)


def test_the_wrong_folder_is_told_at_once(small, tmp_path):
    with pytest.raises(InputError, match="the folder that was predicted"):
        Session(small, queue.order(small), tmp_path, tmp_path / "r.jsonl", "kim")
    with pytest.raises(InputError, match="one row each"):
        Session(small.by_event(), queue.order(small), tmp_path, tmp_path / "r.jsonl", "kim")


def lines_run(action) -> int:
    """How many lines of Python an action runs: its work, whatever the machine is doing."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def _many(number: int, tmp_path, monkeypatch) -> Session:
    rng = np.random.default_rng(0)
    predictions = predictions_of([[pair] for pair in rng.uniform(0, 1, (number, 2))])
    monkeypatch.setattr(Session, "_check_pictures", lambda self: None)
    file = tmp_path / f"{number}.jsonl"
    one = Session(predictions, queue.order(predictions), tmp_path, file, "kim")
    for place in range(100):  # a past, too
        say(one, one.page(place, 1)[0]["event_id"], "hare")
    return one


def test_twenty_thousand_events_take_the_work_of_two_hundred(tmp_path, monkeypatch):
    few, many = (_many(number, tmp_path, monkeypatch) for number in (200, 20_000))
    assert len(many) == 20_000
    assert len(json.dumps(many.page(0, 10**6))) < 25_000  # a page, however many are asked for
    assert len(many.page(0, 10**6)) == session.PAGE
    names = [one.page(150, 1)[0]["event_id"] for one in (few, many)]
    work = {
        "answer": [lambda: say(few, names[0], "lion"), lambda: say(many, names[1], "lion")],
        "undo": [lambda: few.undo(few.queue), lambda: many.undo(many.queue)],
        "page": [lambda: few.page(150, 12), lambda: many.page(150, 12)],
        "picture": [lambda: few.picture(few.queue, 9, 0), lambda: many.picture(many.queue, 9, 0)],
    }
    for what, actions in work.items():
        small, large = (lines_run(action) for action in actions)
        assert large <= 1.2 * small + 20, what


def test_an_answer_does_not_read_the_file(tmp_path, monkeypatch):
    one = _many(20_000, tmp_path, monkeypatch)
    name = one.page(5000, 1)[0]["event_id"]
    monkeypatch.setattr(Journal, "lines", None)
    before = (tmp_path / "20000.jsonl").stat().st_size
    say(one, name, "lion")
    assert 100 < (tmp_path / "20000.jsonl").stat().st_size - before < 500


@pytest.fixture
def boxes():
    """Two boxes on the first frame of e0, a hare's and a lion's, one on the second; one on e2."""
    rows = pd.DataFrame(
        [
            ("e0/0.jpg", 0.9, 0.0, 0.25, 0.5, 0.5, ""),
            ("e0/0.jpg", 0.8, 0.5, 0.25, 0.25, 0.5, ""),
            ("e0/1.jpg", 0.7, 0.125, 0.25, 0.5, 0.5, ""),
            ("e2/0.jpg", 0.7, 0.125, 0.25, 0.5, 0.5, ""),
        ],
        columns=list(COLUMNS),
    ).astype(COLUMNS)
    own = np.float32([[0.9, 0.1], [0.1, 0.9], [np.nan] * 2, [np.nan] * 2])
    return NamedBoxes(rows, ("hare", "lion"), own, 0.2)


def test_frames_have_their_boxes_but_not_to_the_blind(work, boxes):
    events = {event["event_id"]: event["frames"] for event in work(boxes=boxes).page(0, 4)}
    assert events["e0"][0]["boxes"] == [
        {"sides": [0.0, 0.25, 0.5, 0.5], "name": "hare"},
        {"sides": [0.5, 0.25, 0.25, 0.5], "name": "lion"},
    ]
    assert events["e0"][1]["boxes"] == [{"sides": [0.125, 0.25, 0.5, 0.5], "name": None}]
    assert [frame["boxes"] for frame in events["e2"]] == [[], []]  # is called empty
    json.dumps(events)
    for one in (work(), work(blind=True, boxes=boxes)):
        assert one.describe()["boxes"] is False
        assert not any("boxes" in frame for event in one.page(0, 4) for frame in event["frames"])
