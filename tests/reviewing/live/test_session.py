"""A review that learns: what is asked, what is learnt, and that it is a function of the journal."""

import threading

import numpy as np
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.reviewing import answers
from camtrap_tf.reviewing.live import learner
from camtrap_tf.reviewing.live.session import LiveSession
from camtrap_tf.reviewing.session import Stale
from tests.reviewing.live.conftest import DrawnSource, drawn_chunk, say, truth


def work(session, number: int) -> None:
    """Answers so many questions, one after the other, by the truth."""
    for _ in range(number):
        (question,) = session.next(1)["questions"]
        say(session, question)
        session.learn()


def right(session) -> float:
    """Share of the events whose guess is the truth."""
    names = session.state.names
    return float(np.mean([name == truth(int(e[1:])) for name, e in zip(
        names, session.state.pool.event_ids, strict=True)]))  # fmt: skip


def test_before_any_answer_the_detector_alone_speaks(make_live):
    session = make_live()
    assert set(session.state.names) == {"animal", "empty"}
    told = session.status()
    assert told["model"] == {"number": 0, "answers": 0, "pending": False, "fault": None}
    assert told["accuracy"] is None and told["classes"] == []
    # 0.8 of the detector stands for log-odds of log(4) + log(4): 16 to 1.
    animal = session.state.probabilities[0, 0]
    assert animal == pytest.approx(16 / 17, abs=1e-5)


def test_four_answers_name_all_of_four_clear_groups(make_live):
    session = make_live()
    questions = []
    for _ in range(4):
        (question,) = session.next(1)["questions"]
        questions.append(question)
        say(session, question)
        session.learn()
    assert {truth(int(q["event_id"][1:])) for q in questions} == {"deer", "fox", "hare", "empty"}
    assert all(q["asked"]["why"] == "typical" for q in questions)
    assert right(session) > 0.95
    assert session.status()["classes"] == ["deer", "fox", "hare"] or right(session) == 1


def test_the_model_is_a_function_of_journal_and_features(make_live):
    one = make_live()
    work(one, 30)
    again = make_live()
    assert again.state.model.number == one.state.model.number == 30
    np.testing.assert_array_equal(again.state.probabilities, one.state.probabilities)
    assert again.next(5) == one.next(5)
    assert again.status()["accuracy"] == one.status()["accuracy"]


def test_blind_draws_follow_one_order_and_show_nothing(make_live):
    session = make_live()
    work(session, 20)
    asked = []
    for _ in range(10):
        (question,) = session.next(1)["questions"]
        asked.append(question)
        say(session, question)
        session.learn()
    blind = [one for one in asked if one["asked"]["blind"]]
    assert [one["asked"]["why"] for one in asked].count("random") == len(blind) == 2
    for one in blind:
        assert one["suggestions"] == [] and one["reasons"] == []
        assert one["asked"]["guess"] is None and one["asked"]["probability"] is None
    lines = session._journal.lines()
    drawn = [line for line in lines if line["drawn"] == "random"]
    # The guess, which the page was not told, is in the journal.
    assert len(drawn) == 2 and all(line["asked"]["guess"] for line in drawn)
    keys = session.state.pool.keys
    left = np.array([keys[one["place"]] for one in blind])
    assert (np.diff(left.astype(float)) > 0).all()


def test_an_undo_takes_back_what_was_learnt(make_live):
    session = make_live()
    work(session, 6)
    before = session.state.probabilities
    (question,) = session.next(1)["questions"]
    say(session, question, "unicorn")
    session.learn()
    assert "unicorn" in session.state.model.words
    session.undo(session.queue, "u1")
    session.learn()
    assert session.state.model.number == 8  # an answer and its undo are two lines
    np.testing.assert_array_equal(session.state.probabilities, before)


def test_a_wall_is_one_line_one_undo_and_no_part_of_the_accuracy(make_live):
    session = make_live()
    work(session, 24)
    wall = next(w for w in session.walls()["walls"] if w["wall"] == "name:deer")
    shown = session.wall("name:deer", 40, above=0.0)
    confidence = [tile["confidence"] for tile in shown["tiles"]]
    assert confidence == sorted(confidence) and shown["total"] == wall["events"]
    ids = [tile["event_id"] for tile in shown["tiles"]]
    drawn = session.state.running
    content = {"id": "w1", "wall": "name:deer", "name": "deer", "accepted": ids[1:],
               "left": ids[:1], "model": 24, "threshold": 0.0, "seconds": 9.0}  # fmt: skip
    told = session.accept(session.queue, dict(content))
    assert told["accepted"] == len(ids) - 1 and told["skipped"] == []
    assert session.accept(session.queue, dict(content))["accepted"] == 0  # the same again
    session.learn()
    assert session.status()["bulk"] == len(ids) - 1
    assert session.state.running == drawn or session.state.running.drawn == drawn.drawn
    assert len(session._journal.lines()) == 25
    (question,) = session.next(1)["questions"]
    assert question["event_id"] == ids[0]  # what was clicked away is asked next
    decided, _ = answers.resolve(answers.read([session._journal.path]))
    marked = [one for one in decided if one.reviewers == ("anna (in bulk)",)]
    assert sorted(one.event_id for one in marked) == sorted(ids[1:])
    undone, _, saved = session.undo(session.queue, "u2")
    assert session.events_of(undone) == len(ids) - 1 and saved.done == 24


def test_errors_among_accepted_events_shut_a_name(make_live):
    session = make_live()
    work(session, 24)
    open_ones = np.flatnonzero(~session._known.answered)
    foxes = [p for p in open_ones if truth(p) == "fox" and p not in session.due()][:3]
    ids = [session.shelf.events[place].event_id for place in foxes]
    content = {"id": "w", "wall": "name:deer", "name": "deer", "accepted": ids, "left": []}
    session.accept(session.queue, dict(content))
    for event_id in ids[:2]:
        say(session, {"event_id": event_id}, "fox")
    session.learn()
    wall = next(w for w in session.walls()["walls"] if w["wall"] == "name:deer")
    assert wall["closed_because"] == "2 of 2 checks of accepted events were wrong"
    more = {"id": "x", "wall": "name:deer", "name": "deer", "accepted": ["e00119"], "left": []}
    with pytest.raises(InputError, match="shut"):
        session.accept(session.queue, more)


def test_what_others_say_counts_once_and_at_once(make_live):
    anna, ben = make_live(), make_live(reviewer="ben")
    work(anna, 3)
    assert ben.status()["saved"]["done"] == 3
    ben.learn()
    np.testing.assert_array_equal(ben.state.probabilities, anna.state.probabilities)
    say(ben, ben.next(1)["questions"][0])
    mine = {q["event_id"] for q in anna.next(4)["questions"]}
    yours = {q["event_id"] for q in ben.next(4)["questions"]}
    anna.learn(), ben.learn()
    assert not mine & yours  # both are at work: each gets every other question


def test_two_at_once_lose_and_double_nothing(make_live):
    people = [make_live(events=80), make_live(events=80, reviewer="ben")]

    def answer_all(session):
        for place in range(40):
            say(session, {"event_id": f"e{place:05d}"})

    threads = [threading.Thread(target=answer_all, args=[one]) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in people:
        one.learn()
        assert one.results()["reviewers"] == {"anna": 40, "ben": 40}
        assert one.state.model.number == 80
    np.testing.assert_array_equal(people[0].state.probabilities, people[1].state.probabilities)


def test_numbers_of_events_stay_while_more_become_ready(make_live):
    source = DrawnSource(drawn_chunk(0, 60))
    session = make_live(source=source)
    first = session.events([7])[0]["event_id"]
    work(session, 3)
    source.give(drawn_chunk(60, 60), last=True)
    session.learn()
    assert len(session) == len(session.state.pool) == 120
    assert session.events([7])[0]["event_id"] == first
    assert session.status()["saved"] == {"done": 3, "total": 120, "seconds_left": 234.0,
                                         "next": None}  # fmt: skip


def test_an_answer_may_come_first_after_a_restart(make_live):
    session = make_live(20)
    again = LiveSession(
        DrawnSource(drawn_chunk(0, 20)), session.images, session.journal_file, "anna",
        session.folder,
    )  # fmt: skip
    assert len(again) == 0  # no thread has looked yet
    assert say(again, {"event_id": "e00003"})["done"] == 0
    again.learn()
    assert again.events([3])[0]["mine"]["sightings"][0]["species"] == truth(3)
    with pytest.raises(InputError, match="event that is ready"):
        say(again, {"event_id": "e00020"})


def test_a_wall_that_was_emptied_meanwhile_is_empty(make_live):
    session = make_live()
    work(session, 6)
    told = session.wall("name:wolf")
    assert (told["total"], told["tiles"], told["name"]) == (0, [], "wolf")
    assert session.wall("alike:99")["tiles"] == []
    with pytest.raises(LookupError, match="name:NAME"):
        session.wall("wolf")


def test_number_and_behaviours_are_learnt_as_far_as_they_are_told(make_live):
    session = make_live()
    for place in range(40):  # deer come in twos and move; foxes are alone and do not
        name = truth(place)
        told = {"deer": ("2", True), "fox": ("1", False)}.get(name)
        if told is None:
            say(session, session.events([place])[0])
            continue
        seen = {"species": name, "count": told[0], "attributes": {"moving": told[1]}}
        say(session, session.events([place])[0], sightings=[seen])
    session.learn()
    assert set(session.state.model.further) == {"count", "moving"}
    open_ones = [p for p in range(60, 110) if p not in session.due()]
    found = {truth(event["place"]): event["further"] for event in session.events(open_ones)}
    assert found["deer"] == ["2 animals", "moving"] and found["fox"] == ["1 animal"]
    assert found["empty"] == []
    assert all(event["further"] == [] for event in session.events(session.due()))


def test_a_fault_of_learning_is_told_and_no_answer_is_lost(make_live, monkeypatch, caplog):
    session = make_live()
    work(session, 3)

    def fail(*_):
        raise FloatingPointError("no convergence")

    with monkeypatch.context() as patch:
        patch.setattr(learner, "learn", fail)
        say(session, session.next(1)["questions"][0])
        for _ in range(2):
            session._survive(session.fit)
        told = session.status()
    assert told["model"]["fault"] == "FloatingPointError: no convergence"
    assert told["saved"]["done"] == 4 and caplog.text.count("could not be fitted") == 1
    session._survive(session.fit)
    assert session.status()["model"] == {
        "number": 4, "answers": 4, "pending": False, "fault": None,
    }  # fmt: skip


def test_nothing_is_asked_before_a_hundred_pictures_are_ready(make_live):
    source = DrawnSource(drawn_chunk(0, 49))
    session = make_live(source=source)
    assert session.next(1) == {"model": 0, "questions": [], "left": "prepare"}
    source.give(drawn_chunk(49, 1))
    session.learn()
    assert session.next(1)["questions"]


def test_the_list_filters_and_hides_what_is_due(make_live):
    session = make_live()
    work(session, 30)
    listed = session.listing({"by": "people", "order": "time"})
    assert listed["total"] == 30
    by_model = session.listing({"by": "model", "below": "2", "count": "50"})
    assert by_model["total"] == 120 - 30 - len(session.due())
    due = session.events(session.due())
    assert all(event["suggestions"] == [] for event in due)
    with pytest.raises(InputError, match="order is one of"):
        session.listing({"order": "size"})


def test_marks_are_kept(make_live):
    session = make_live()
    session.mark(session.queue, {"event_id": "e00003", "favourite": True, "note": "two young"})
    again = make_live()
    assert again.listing({"favourite": "1"})["total"] == 1
    assert again.events([3])[0]["note"] == "two young"


def test_a_page_of_another_review_is_refused(make_live):
    with pytest.raises(Stale):
        make_live().answer("other", {})


def test_a_blind_check_of_an_accepted_event_shows_nothing_of_it(make_live):
    session = make_live()
    work(session, 24)  # the next question is a blind draw
    first = min(session.due(), key=lambda place: session.state.pool.keys[place])
    event_id = session.shelf.events[first].event_id
    name = truth(first)
    content = {"id": "w", "wall": f"name:{name}", "name": name, "accepted": [event_id], "left": []}
    session.accept(session.queue, content)
    session.learn()
    asked = next(q for q in session.next(5)["questions"] if q["asked"]["blind"])
    assert asked["event_id"] == event_id
    assert asked["mine"] is None and asked["suggestions"] == []
    say(session, asked)
    session.learn()
    assert session._known.checked == {first: (name, True)}
    assert session._known.single[first] and not session._known.bulk[first]


def test_events_that_come_while_they_are_listed_harm_nothing(make_live, monkeypatch):
    source = DrawnSource(drawn_chunk(0, 100))
    session, before = make_live(source=source), LiveSession._unlike

    def unlike(state):
        source.give(drawn_chunk(100, 20))
        session.shelf.refresh()
        return before(state)

    monkeypatch.setattr(session, "_unlike", unlike)
    assert session.listing({})["total"] == 100
    monkeypatch.undo()
    assert session.listing({})["total"] == 120


def test_an_event_that_has_a_number_is_there(make_live):
    session = make_live(60)

    class Numbers(dict):
        def __setitem__(self, name: str, number: int):
            assert session.shelf.events[number].event_id == name
            super().__setitem__(name, number)

    session.shelf.place = Numbers(session.shelf.place)
    session.shelf.source.give(drawn_chunk(60, 20))
    assert session.shelf.refresh() == 20 and len(session.shelf.place) == 80
