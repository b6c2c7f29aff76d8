"""Guesses and labels that are there before a review begins."""

import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import EventTable
from camtrap_tf.reviewing import answers
from camtrap_tf.reviewing.journal import LABELS, Sighting
from camtrap_tf.reviewing.live import beforehand
from tests.reviewing.conftest import predictions_of
from tests.reviewing.live.conftest import drawn_chunk, say, truth


def table_of(events: dict[str, list[str]], labels: list[dict]) -> EventTable:
    """Events with their pictures, and rows of labels."""
    frames = [(name, path) for name, paths in events.items() for path in paths]
    return EventTable(
        pd.DataFrame({"event_id": list(events), "source": "expert"}),
        pd.DataFrame(frames, columns=["event_id", "path"]),
        pd.DataFrame(labels, columns=["event_id", "frame", "species", "count", "moving"]),
    )


@pytest.fixture
def table() -> EventTable:
    """A deer and a hare together, an empty event, one labelled by frame, one without a label."""
    return table_of(
        {"a": ["1.jpg", "2.jpg"], "b": ["3.jpg"], "c": ["4.jpg", "5.jpg"], "d": ["6.jpg"]},
        [
            {"event_id": "a", "species": "deer", "count": "2", "moving": 0.75},
            {"event_id": "a", "species": "hare"},
            {"event_id": "b", "species": "empty"},
            {"event_id": "c", "frame": 0, "species": "fox"},
            {"event_id": "c", "frame": 1, "species": "empty"},
        ],
    )


def test_labels_go_by_picture(table):
    found = beforehand.labels_of(table)
    both = (Sighting("deer", "2", {"moving": True}), Sighting("hare"))
    assert found == {
        "1.jpg": both, "2.jpg": both, "3.jpg": (), "4.jpg": (Sighting("fox"),), "5.jpg": (),
    }  # fmt: skip
    answer = beforehand.answer_of(found, "mine", ["2.jpg", "4.jpg", "9.jpg"])
    assert answer.said == ("deer", "fox", "hare") and answer.id == "labels/mine"
    assert [one.species for one in answer.sightings].index("deer") >= 0
    assert beforehand.answer_of(found, "mine", ["3.jpg", "5.jpg"]).said == ("empty",)
    assert beforehand.answer_of(found, "mine", ["3.jpg", "6.jpg"]) is None  # one is not labelled
    assert beforehand.answer_of(found, "mine", ["6.jpg"]) is None


def test_guesses_of_files(table, tmp_path):
    predictions = predictions_of([[(0.1, 0.1)], [(0.3, 0.95), (0.4, 0.9)], [(0.95, 0.2)]])
    predictions.write(tmp_path / "p.parquet")
    table.write(tmp_path / "t.parquet")
    assert beforehand.read_guesses(tmp_path / "p.parquet") == {
        "e0/0.jpg": "hare", "e1/0.jpg": "lion", "e1/1.jpg": "lion", "e2/0.jpg": "empty",
    }  # fmt: skip
    assert beforehand.read_guesses(tmp_path / "t.parquet") == {
        "1.jpg": "deer", "2.jpg": "deer", "3.jpg": "empty", "4.jpg": "fox", "5.jpg": "empty",
    }  # fmt: skip
    (tmp_path / "md.json").write_text("{}")
    with pytest.raises(InputError, match="camtrap prepare --source=megadetector"):
        beforehand.read_guesses(tmp_path / "md.json")


def test_guesses_are_followed_and_made_of_events(tmp_path):
    kept = beforehand.Kept(tmp_path / "guesses.json")
    assert not kept.follow()
    beforehand.keep({"1": "fox", "2": "empty", "3": "empty"}, kept.path)
    assert kept.follow() and not kept.follow()
    assert kept.of([["1", "2", "3"], ["2"], ["4"]]).tolist() == ["fox", "empty", ""]


def guess_all(make_live, wrong: str | None = None):
    """A session of which another model has guessed all; deer are called otherwise."""
    session = make_live(60)
    path = session.folder / "guesses.json"
    names = {name: truth(int(name[2:7])) for name in drawn_chunk(0, 60).ids["path"]}
    if wrong is not None:
        names = {path: wrong if name == "deer" else name for path, name in names.items()}
    beforehand.keep(names, path)
    session._guesses = beforehand.Kept(path)
    session.learn()
    return session


def test_guesses_are_the_first_suggestions_and_nobodys_answers(make_live):
    session = guess_all(make_live)
    told = session.status()
    assert told["model"]["answers"] == 0 and told["saved"]["done"] == 0
    assert told["classes"] == ["deer", "fox", "hare"] and told["accuracy"] is None
    events = session.events(sorted({*range(50)} - session.due()))
    first = {event["place"]: event["suggestions"][0]["name"] for event in events}
    assert first == {place: truth(place) for place in first} and len(first) > 40
    assert not session.journal_file.exists()
    assert session.listing({"by": "people"})["total"] == 0


def test_a_few_answers_overrule_guesses(make_live):
    session = guess_all(make_live, wrong="elk")
    deer = [place for place in range(60) if truth(place) == "deer"]
    assert {session.state.guess(place)[0] for place in deer} == {"elk"}
    for place in deer[:6]:
        say(session, session.events([place])[0])
        session.learn()
    right = [session.state.guess(place)[0] == "deer" for place in deer[6:]]
    assert sum(right) > len(right) / 2
    assert session.status()["model"]["answers"] == 6


def test_labels_are_answers_that_a_look_overrules(make_live):
    session = make_live(60)
    deer = (Sighting("deer"),)
    session._labels = {f"s/{event:05d}_{frame}.jpg": deer for event in range(4) for frame in (0, 1)}
    session.learn()
    session.learn()
    assert session.status()["saved"]["done"] == 4
    lines = session._journal.lines()
    assert [line["id"] for line in lines] == [f"labels/e{event:05d}" for event in range(4)]
    assert all(line["drawn"] == LABELS and "asked" not in line for line in lines)
    assert session.state.known.draws == {} and session.state.model.answers == 4
    say(session, session.events([1])[0])  # a fox
    decided, _ = answers.resolve(answers.read(session.journal_file))
    named = {one.event_id: one.sightings[0].species for one in decided}
    assert named == {"e00000": "deer", "e00001": "fox", "e00002": "deer", "e00003": "deer"}
    again = make_live(60)
    again._labels = session._labels
    again.learn()
    assert again.status()["saved"]["done"] == 4 and len(again._journal.lines()) == 5
