"""Described pictures on the disk: what comes back, in which order, and what a finish makes."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY, COUNT_BINS
from camtrap_tf.events import listing
from camtrap_tf.pictures import crops, files
from camtrap_tf.prediction import describe, descriptions
from camtrap_tf.prediction.job import Job, list_pictures
from camtrap_tf.prediction.prepared import Prepared
from camtrap_tf.reviewing.journal import Answer, Ledger, Sighting, Verdict
from camtrap_tf.reviewing.live.events import Shelf
from camtrap_tf.training import review_finish
from camtrap_tf.training.review_work import Work
from tests import described
from tests.reviewing.conftest import draw_pictures, predictions_of

WIDTH = 6


@pytest.fixture
def job(tmp_path) -> Job:
    """Forty events of two pictures, in blocks of ten, of which nothing is described."""
    drawn = predictions_of([[(0.1, 0.2), (0.1, 0.2)]] * 40)
    draw_pictures(drawn, tmp_path / "pictures", (16, 16))
    table = drawn.ids[["path", "event_id", "site"]]
    table.to_csv(tmp_path / "list.csv", index=False)
    found = listing.resolve([tmp_path / "list.csv"], tmp_path / "pictures")
    job = Job.claim(tmp_path / "prepared", {"sources": list(found.names)}, found.root)
    list_pictures(job, found, 10)
    return job


def kind(name: str) -> int:
    """Of an event 'e17', or of one of its pictures, 'e17/0.jpg'."""
    return int(name.split("/")[0][1:]) % 3


def write_block(job: Job, number: int) -> None:
    """A block as `describe` writes it: of every third event nothing was detected."""
    kinds = [kind(path) for path in job.block(number).pictures["path"]]
    described.write_block(job, number, kinds, np.eye(WIDTH))


def write_all(job: Job) -> None:
    described.write_all(job, kind, np.eye(WIDTH))


def ledger_of(names: dict[str, str]) -> Ledger:
    """Answers by event."""
    found = Ledger()
    for event_id, name in names.items():
        seen = () if name == "empty" else (Sighting(name),)
        verdict = Verdict.EMPTY if name == "empty" else Verdict.ANIMAL
        found.add(Answer(event_id, "kim", verdict, seen, id=event_id).to_json())
    return found


def test_blocks_come_in_their_order_whoever_writes_them_when(job):
    order = descriptions.block_order(job)
    assert sorted(order) == list(range(8)) and order != sorted(order)
    source = Prepared(job.folder)
    assert source.poll() == [] and source.progress().pictures == 80
    write_block(job, order[1])
    assert source.poll() == []  # the first is not there yet
    write_block(job, order[0])
    chunks = source.poll()
    assert [len(chunk.ids) for chunk in chunks] == [10, 10]
    assert source.progress().ready == 20 and source.progress().state == "running"
    events, _ = chunks[0].events()
    first = job.block(order[0]).pictures["event_id"].iloc[0]
    assert events[0].event_id == first and len(events[0].frames) == 2
    shown = next(event for event in events if kind(event.event_id))
    assert shown.frames[0].box == (0.5, 0.25, 0.25, 0.5) and shown.score == 0.75
    write_all(job)
    source.poll()
    assert source.progress().state == "done" and source.progress().ready == 80
    # A second reader gets the same events in the same order.
    again = [name for chunk in Prepared(job.folder).poll() for name in chunk.ids["event_id"]]
    assert again[:20] == [name for chunk in chunks for name in chunk.ids["event_id"]]


def test_pictures_that_come_later_move_no_event(job, tmp_path, monkeypatch):
    monkeypatch.setattr(descriptions, "require_weights", lambda network: None)
    monkeypatch.setattr(descriptions, "BLOCK_SIZE", 10)
    folder = tmp_path / "described"

    def opened(pictures: int) -> Job:
        """The job of so many events, each picture in a folder of its own name."""
        drawn = predictions_of([[(0.1, 0.2), (0.1, 0.2)]] * pictures)
        draw_pictures(drawn, tmp_path / "cards", (16, 16))
        return descriptions.open_job(listing.resolve([tmp_path / "cards"]), folder)

    first = opened(20)
    running = Prepared(folder)
    write_all(first)
    shelf = Shelf(running)
    shelf.refresh()
    before = [(event.event_id, [f.path for f in event.frames]) for event in shelf.events]
    assert running.progress().state == "done" and running.progress().pictures == 40
    write_all(opened(45))
    shelf.refresh()
    assert running.progress().ready == running.progress().pictures == 90
    again = Shelf(Prepared(folder))
    again.refresh()
    for one in (shelf, again):
        found = [(event.event_id, [f.path for f in event.frames]) for event in one.events]
        assert found[: len(before)] == before
        assert one.place == {event.event_id: place for place, event in enumerate(one.events)}
    assert sum(len(event.frames) for event in again.events) == 90


def test_folders_of_earlier_versions_go_on_from_squares(job, tmp_path):
    assert not descriptions.is_sharp(job.folder) and descriptions.is_sharp(tmp_path / "new")
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (600, 800, 3), np.uint8)).save(tmp_path / "a.png")
    box = np.float32([0.5, 0.5, 0.1, 0.1])
    before, now = (describe._read(tmp_path, "a.png", sharp=sharp).pixels for sharp in (False, True))
    spec = PictureSpec(size=descriptions.SIDE)
    expected = crops.cut(before.square[None], crops.squares(box[None]))[0]
    np.testing.assert_array_equal(describe._part(before, box), expected)
    expected = files.read(tmp_path / "a.png", spec, box.tolist()).pixels
    np.testing.assert_array_equal(describe._part(now, box), expected)
    nowhere = np.full(4, np.nan, np.float32)
    np.testing.assert_array_equal(describe._part(now, nowhere), now.square)


def test_folders_of_earlier_versions_keep_their_order(job, monkeypatch):
    monkeypatch.setattr(descriptions, "require_weights", lambda network: None)
    monkeypatch.setattr(descriptions, "_record", lambda found, network, sharp: job.record)
    order = descriptions.block_order(job)
    assert not (job.folder / descriptions.ORDER).exists()
    found = listing.resolve([job.folder.parent / "list.csv"], job.folder.parent / "pictures")
    descriptions.open_job(found, job.folder)
    assert (job.folder / descriptions.ORDER).exists()
    assert descriptions.block_order(job) == order


def test_a_damaged_block_is_waited_for_again(job):
    write_all(job)
    file = job.file(descriptions.block_order(job)[0])
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    source = Prepared(job.folder)
    assert source.poll() == [] and not file.exists()


def test_what_cannot_be_read_takes_nothing_with_it(job, monkeypatch):
    write_all(job)
    source, bad, read = Prepared(job.folder), descriptions.block_order(job)[2], Job.answers

    def answers(own: Job, number: int):
        if number == bad:
            raise OSError("the disk is gone")
        return read(own, number)

    monkeypatch.setattr(Job, "answers", answers)
    shelf = Shelf(source)
    assert shelf.refresh() == 10 and source.progress().ready == 20
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone"):
            shelf.refresh()
    monkeypatch.setattr(Job, "answers", read)
    assert shelf.refresh() == 30 and source.progress().state == "done"


def test_absent_weights_are_told_with_one_command(tmp_path, monkeypatch):
    monkeypatch.setattr(descriptions.weights, "find", lambda name: None)
    with pytest.raises(InputError, match="camtrap weights get megadetector-lite lite0"):
        descriptions.require_weights()


def test_what_people_said_teaches_what_all_pictures_show(job):
    write_all(job)
    names = {f"e{n}": ("empty", "fox", "hare")[n % 3] for n in range(12)}
    work = Work.read(job.folder, ledger_of(names))
    predictions = review_finish.predictions_of(work)
    answers = predictions.by_event()
    truth = [("empty", "fox", "hare")[kind(name)] for name in answers.ids["event_id"]]
    assert answers.answers().tolist() == truth and len(truth) == 40
    assert (work.labels("species") >= 0).sum() == 16  # two pictures of each of eight animals
    assert (work.labels("empty") == 1).sum() == 8
    assert not work.drawn().any()


def test_numbers_and_behaviours_that_were_told_are_in_the_predictions(job):
    write_all(job)
    ledger = Ledger()
    for number in range(1, 13):
        if number % 3:
            name, count = (("fox", "1"), ("hare", "3"))[number % 3 - 1]
            seen = (Sighting(name, count, {"moving": name == "fox"}),)
            event_id = f"e{number}"
            ledger.add(Answer(event_id, "kim", Verdict.ANIMAL, seen, id=event_id).to_json())
    work = Work.read(job.folder, ledger)
    found = review_finish.predictions_of(work)
    foxes = np.array([kind(name) == 1 for name in found.ids["event_id"]])
    hares = np.array([kind(name) == 2 for name in found.ids["event_id"]])
    assert found.classes["count"] == COUNT_BINS and found.classes["moving"] == BINARY
    assert (found.top("count")[foxes] == 0).all() and (found.top("count")[hares] == 2).all()
    assert (found.top("moving")[foxes] == 1).all() and (found.top("moving")[hares] == 0).all()


def test_what_is_not_looked_through_yet_is_told(job):
    for number in descriptions.block_order(job)[:5]:
        write_block(job, number)
    names = {f"e{n}": ("empty", "fox", "hare")[n % 3] for n in range(40)}
    work = Work.read(job.folder, ledger_of(names))
    assert (len(work.ids), work.left) == (50, 30)
    assert "not looked through yet: 30 pictures" in review_finish._whose(work.left)


def test_a_model_of_one_species_cannot_be_finished(job):
    write_all(job)
    with pytest.raises(InputError, match="tells at least two species apart"):
        Work.read(job.folder, ledger_of({"e1": "fox", "e0": "empty"}))


def test_pictures_without_times_keep_theirs_missing(job):
    write_all(job)
    ids = pd.concat([chunk.ids for chunk in Prepared(job.folder).poll()])
    assert ids["datetime"].isna().all() and ids["failure"].isna().all()
