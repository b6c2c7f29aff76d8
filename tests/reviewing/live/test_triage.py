"""What may keep the model's answer, and what needs a look."""

import numpy as np
import pytest

from camtrap_tf.reviewing.live import accuracy, learner, triage
from camtrap_tf.reviewing.live.triage import BULK, LOOK, MODEL, PEOPLE, UNDECIDED
from tests.reviewing.live.conftest import say, truth


def checks_of(monkeypatch, confidence: list[float], right: list[bool]) -> None:
    """Blind draws as if they had been answered so."""
    found = learner.Checks(np.arange(len(right)), np.array(right), np.float32(confidence))
    monkeypatch.setattr(learner, "checks", lambda known: found)


@pytest.fixture
def session(make_live):
    """Of 120 events 24 are answered one by one and two in bulk."""
    session = make_live()
    for _ in range(24):
        say(session, session.next(1)["questions"][0])
        session.learn()
    tiles = session.wall("name:deer", 2, above=0.0)["tiles"]
    ids = [tile["event_id"] for tile in tiles]
    content = {"id": "w", "wall": "name:deer", "name": "deer", "accepted": ids, "left": []}
    session.accept(session.queue, content)
    session.learn()
    return session


def sort_out(session, target: float = 0.9) -> triage.Triage:
    return triage.sort_out(session.state.known, session.state.model, target)


def test_without_draws_all_that_is_open_needs_a_look(session):
    made = sort_out(session)
    assert made.drawn < accuracy.FEWEST and made.to_json()["threshold"] is None
    assert made.counts() == {PEOPLE: 24, BULK: 2, UNDECIDED: 0, MODEL: 0, LOOK: 94}
    unsure = session.events(np.flatnonzero(made.by == LOOK)[:1])[0]
    say(session, unsure, verdict="unsure", sightings=[])
    session.learn()
    assert sort_out(session).counts() == made.counts() | {UNDECIDED: 1, LOOK: 93}
    assert made.sentence().startswith("94 events need a look: fewer than 10 random checks")


def test_the_least_confidence_that_reaches_the_target_is_taken(session, monkeypatch):
    # Sorted by confidence from the top: 8 right, then a wrong one; with it 8 of 9 are right,
    # 89%, then one right: 9 of 10, 90%; with two more wrong ones 9 of 12.
    confidence = np.linspace(0.95, 0.40, 12)
    right = [True] * 8 + [False, True, False, False]
    checks_of(monkeypatch, confidence.tolist(), right)
    made = sort_out(session, 0.9)
    assert made.threshold == pytest.approx(confidence[9], abs=1e-6)
    assert (made.drawn, made.accepted, made.right) == (12, 10, 9)
    assert (made.low, made.high) == accuracy.interval(9, 10) and not made.promised
    open_ones = ~session.state.known.answered
    sure = made.confidence >= made.threshold
    assert (made.by[open_ones & sure] == MODEL).all() and (made.by[open_ones & ~sure] == LOOK).all()
    assert made.counts()[PEOPLE] == 24 and made.counts()[BULK] == 2
    assert f"of 10 random checks that it is as sure of ({made.threshold:.0%}), 9 are right" in (
        made.sentence()
    )
    checks_of(monkeypatch, confidence.tolist(), [False] * 12)
    assert sort_out(session).counts()[MODEL] == 0
    assert "sure enough for 90%" in sort_out(session).sentence()


def test_held_out_answers_are_of_heads_that_have_not_seen_the_event(session):
    known = session.state.known
    found = learner.checks(known)
    assert len(found.right) == len(found.confidence) and found.right.all()
    assert {truth(place) for place in found.events} <= {"deer", "fox", "hare", "empty"}
    assert ((found.confidence > 0.2) & (found.confidence <= 1)).all()
