import json
import multiprocessing
import os

import pytest

from camtrap_tf.core.errors import DamagedFile, InputError
from camtrap_tf.reviewing import answers, journal
from camtrap_tf.reviewing.journal import Answer, Journal, Ledger, Sighting, Verdict, undo_of
from tests import flips

LION = (Sighting("lion", "2", {"moving": True, "babies": False}), Sighting("hare"))


def lion(event_id: str = "e1", reviewer: str = "kim") -> Answer:
    return Answer(event_id, reviewer, Verdict.ANIMAL, LION, seconds=2.5)


def empty(event_id: str = "e1", reviewer: str = "kim") -> Answer:
    return Answer(event_id, reviewer, Verdict.EMPTY)


def test_what_is_appended_is_read(tmp_path):
    file = Journal(tmp_path / "new" / "reviews.jsonl")
    said = [lion(), empty("e2"), Answer("e3", "Zoë\n", Verdict.UNSURE)]
    for answer in said:
        file.append(answer.to_json())
    assert answers.read(file.path) == said
    assert len(file.path.read_bytes().splitlines()) == 3


def test_every_line_is_on_the_disk_before_append_returns(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(os.fstat(number).st_size))
    file = Journal(tmp_path / "reviews.jsonl")
    file.append(lion().to_json())
    file.append(empty().to_json())
    size = file.path.stat().st_size
    assert flushed[0] > 0 and flushed[-1] == size and len(flushed) == 3  # and the new file's folder


@pytest.mark.parametrize("kept", [1, 10, 200])
def test_a_line_cut_short_is_passed_over_and_closed(tmp_path, kept, caplog):
    file = Journal(tmp_path / "reviews.jsonl")
    file.append(lion("e1").to_json())
    whole = file.path.read_bytes()
    file.append(lion("e2").to_json())
    file.path.write_bytes(file.path.read_bytes()[: len(whole) + kept])  # power cut
    assert [answer.event_id for answer in answers.read(file.path)] == ["e1"]
    assert "cut short: [2]" in caplog.text
    file.append(lion("e3").to_json())
    assert [answer.event_id for answer in answers.read(file.path)] == ["e1", "e3"]
    assert file.path.read_bytes().startswith(whole)


def test_a_last_line_without_its_newline_counts(tmp_path):
    file = Journal(tmp_path / "reviews.jsonl")
    file.append(lion("e1").to_json())
    file.path.write_bytes(file.path.read_bytes()[:-1])
    assert len(answers.read(file.path)) == 1
    file.append(lion("e2").to_json())
    assert len(answers.read(file.path)) == 2


def test_zeros_at_the_end_are_passed_over(tmp_path):
    file = Journal(tmp_path / "reviews.jsonl")
    file.append(lion("e1").to_json())
    with file.path.open("ab") as stream:
        stream.write(bytes(100))
    file.append(lion("e2").to_json())
    assert [answer.event_id for answer in answers.read(file.path)] == ["e1", "e2"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("path,species\na.jpg,lion\n", "one JSON object per line"),
        ('{"act": "answer", "version": 2}\n', "reads version 1"),
        ('{"act": "vote", "version": 1}\n', "one of answer, undo"),
        ('{"act": "answer", "version": 1, "id": "x"}\n', "an answer has the fields"),
    ],
)
def test_another_file_is_an_error(tmp_path, text, rule):
    path = tmp_path / "reviews.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=rule):
        answers.read(path)


def test_no_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match="existing file"):
        answers.read(tmp_path / "none.jsonl")


def test_the_latest_answer_counts_and_undo_brings_the_one_before_back():
    ledger, first, second = Ledger(), empty(), lion()
    for answer in (first, second):
        ledger.add(answer.to_json())
    assert ledger.of("kim", "e1") == second
    ledger.add(undo_of(second, "u1"))
    assert ledger.of("kim", "e1") == first and ledger.latest("kim") == first
    ledger.add(undo_of(first, "u2"))
    assert ledger.of("kim", "e1") is None and ledger.latest("kim") is None
    assert ledger.standing() == []


def test_a_line_that_occurs_twice_counts_once():
    ledger, first, second = Ledger(), empty(), lion()
    for line in (first.to_json(), second.to_json(), first.to_json()):
        ledger.add(line)
    assert ledger.of("kim", "e1") == second


def test_files_of_several_people_are_read_together(tmp_path):
    ann, kim = Journal(tmp_path / "ann.jsonl"), Journal(tmp_path / "kim.jsonl")
    ann.append(empty(reviewer="ann").to_json())
    kim.append(lion(reviewer="kim").to_json())
    assert [a.reviewer for a in answers.read([ann.path, kim.path])] == ["ann", "kim"]


def _append_many(path, name):
    file = Journal(path)
    for number in range(50):
        file.append(lion(f"e{number}", name).to_json())


def test_processes_append_to_one_file(tmp_path):
    path = tmp_path / "reviews.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_many, args=(path, name)) for name in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 150 and len(answers.read(path)) == 150


@pytest.mark.parametrize(
    ("verdict", "sightings"),
    [
        (Verdict.ANIMAL, ()),
        (Verdict.EMPTY, LION),
        (Verdict.ANIMAL, (LION[1], LION[1])),
        (Verdict.ANIMAL, (Sighting("empty"),)),
    ],
)
def test_impossible_answers_are_errors(verdict, sightings):
    with pytest.raises(InputError):
        Answer("e1", "kim", verdict, sightings)


def test_a_line_has_the_documented_fields():
    line = lion().to_json()
    documented = {word.split()[0] for word in journal.__doc__.splitlines() if word[:4] == " " * 4}
    assert set(line) <= documented


def test_every_line_has_a_checksum_and_lines_without_one_are_read(tmp_path):
    path = tmp_path / "reviews.jsonl"
    Journal(path).append(lion("e1", "kim").to_json())
    line = json.loads(path.read_text())
    assert list(line)[-1] == "checksum"
    del line["checksum"]
    path.write_text(json.dumps(line) + "\n")
    Journal(path).append(lion("e2", "kim").to_json())
    assert [answer.event_id for answer in answers.read(path)] == ["e1", "e2"]


def test_a_changed_line_is_refused_and_named(tmp_path):
    path = tmp_path / "reviews.jsonl"
    for event in ("e1", "e2", "e3"):
        Journal(path).append(lion(event, "kim").to_json())
    path.write_text(path.read_text().replace('"e2"', '"e1"'))
    with pytest.raises(DamagedFile, match=r"reviews.jsonl:2: .*delete its \"checksum\""):
        answers.read(path)


def test_a_changed_line_hides_none_of_those_that_came_with_it(tmp_path):
    journal, file = Journal(tmp_path / "reviews.jsonl"), tmp_path / "reviews.jsonl"
    journal.append(*(Answer(f"e{n}", "anna", Verdict.EMPTY).to_json() for n in range(3)))
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b'"e1"', b'"e7"'))
    for _ in range(2):
        with pytest.raises(DamagedFile, match=":2"):
            journal.follow()
    file.write_bytes(whole)
    assert [line["event_id"] for line in journal.follow()] == ["e0", "e1", "e2"]


@pytest.mark.parametrize("events", ["many", 2.5, True])
def test_the_number_of_events_of_a_question_is_whole(events):
    asked = {"why": "random", "blind": True, "model": 0, "events": events}
    line = Answer("e", "anna", Verdict.EMPTY).to_json() | {"asked": asked}
    with pytest.raises(InputError, match="`events` is a whole number"):
        Answer.from_json(line)


def test_no_flipped_bit_is_another_answer(tmp_path, caplog):
    path = tmp_path / "reviews.jsonl"
    Journal(path).append(lion("e1", "kim").to_json())
    Journal(path).append(empty("e2").to_json())
    found = flips.counts(path, lambda: answers.read(path), 700)
    assert set(found) <= {flips.REFUSED, flips.SAME} and found[flips.REFUSED] > 400


def test_a_line_cut_short_is_no_damage(tmp_path, caplog):
    path = tmp_path / "reviews.jsonl"
    for event in ("e1", "e2"):
        Journal(path).append(lion(event, "kim").to_json())
    content = path.read_bytes()
    for cut in (1, 2, 20, 30, 100):  # 1 byte: all but the newline
        path.write_bytes(content[:-cut])
        told = [answer.event_id for answer in answers.read(path)]
        assert told == (["e1", "e2"] if cut == 1 else ["e1"])
