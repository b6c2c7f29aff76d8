"""What lies on a card cannot stop the camera's program, nor lead it out of its folder."""

import errno
import json
import os
import random
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.pictures import memory
from export.edge import carried, journal, outbox, watch
from export.edge.cli import main
from export.edge.model import Answer, EdgeModel
from export.edge.policy import Policy, parse_rule
from tests import odd_entries
from tests.export.test_edge import NOON, after, save
from tests.pictures.test_memory import bomb_png

pytestmark = pytest.mark.timeout(60, func_only=True)  # what reads from a pipe waits for ever


def watched(folder: Path, lite: Path, *flags: str) -> list[dict]:
    assert main(["watch", str(folder), f"--model={lite}", "--once", *flags]) == 0
    return list(journal.read(folder / "decisions.jsonl"))


def test_no_entry_of_a_folder_stops_it(lite, tmp_path):
    save(tmp_path / "cam" / "good.jpg", "red", None)
    odd_entries.write(tmp_path / "cam")
    with odd_entries.deepened(tmp_path / "deep"):
        entries = watched(tmp_path, lite, "--send=animal")
    told = {os.fsencode(entry["event"]): entry["decision"] for entry in entries}
    assert told == {
        b"cam/good.jpg": "transmit",
        b"cam/" + odd_entries.NOT_TEXT: "transmit",
        b"cam/" + odd_entries.LINES: "transmit",
        b"cam/" + odd_entries.LONG: "transmit",
        b"cam/empty.jpg": "keep",
    }
    assert len(list((tmp_path / ".outbox").iterdir())) == 4
    before = (tmp_path / "decisions.jsonl").read_bytes()
    watched(tmp_path, lite, "--send=animal")
    assert (tmp_path / "decisions.jsonl").read_bytes() == before


def test_a_link_to_a_picture_elsewhere_is_not_followed(lite, tmp_path, caplog):
    save(tmp_path / "private.jpg", "red", None)
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "1.jpg").symlink_to(tmp_path / "private.jpg")
    assert not watched(tmp_path / "card", lite, "--send=all")
    assert "1.jpg: a link" in caplog.text


def test_pictures_to_send_never_replace_one_another(lite, tmp_path):
    for place, colour in (("A/B_1.jpg", "red"), ("A_B/1.jpg", "blue"), ("A/B/1.jpg", "red")):
        save(tmp_path / place, colour, None)
    watched(tmp_path, lite, "--send=animal")
    save(tmp_path / "A" / "B_1.jpg", "blue", after(60))  # the card was formatted
    entries = watched(tmp_path, lite, "--send=animal")
    assert len(entries) == 4
    posted = {entry["outbox"] for entry in entries}
    assert {file.name for file in (tmp_path / ".outbox").iterdir()} == posted
    assert len(posted) == 4
    [blue] = [entry for entry in entries if entry["sent"] == "A_B/1.jpg"]
    sent = tmp_path / ".outbox" / blue["outbox"]
    assert sent.read_bytes() == (tmp_path / "A_B" / "1.jpg").read_bytes()


def test_a_name_in_the_outbox_is_short_plain_and_the_same_again():
    one = outbox.name("a/b\nc\udce4 ;rm.jpg", b"x")
    assert one == outbox.name("a/b\nc\udce4 ;rm.jpg", b"x")
    assert one.startswith("a_b_c_rm-") and one.endswith(".jpg")
    assert outbox.name("a/1.jpg", b"x") != outbox.name("a_1.jpg", b"x")
    assert outbox.name("a/1.jpg", b"x") != outbox.name("a/1.jpg", b"y")
    assert len(outbox.name("ü" * 250 + ".jpg", b"x").encode()) < 230
    assert outbox.name(".jpg", b"x")[0] != "."


def line(**changes) -> dict:
    return {
        "event": "cam/1.jpg", "frames": ["cam/1.jpg"], "sizes": [10], "taken": None,
        "animal": False, "animal_probability": 0.1, "species": "", "probability": 0.9,
        "automatic": True, "unreadable": {}, "doubtful": {}, "decision": "drop",
        "reason": "not wanted", "sent": None, "bytes": 0, "day": "2024-05-01",
        "model_version": "x",
    } | changes  # fmt: skip


OUTSIDE = ("../x.jpg", "/etc/x.jpg", "cam/../../x.jpg", "", ".", "..", "cam/\0.jpg", 3, None)
WRONG = [
    *(line(frames=[path]) for path in OUTSIDE), line(frames="cam/1.jpg"), line(frames={"a": 1}),
    line(frames=[]), line(frames=[["a.jpg"]]), line(sizes=[]), line(sizes=[1, 2]), line(sizes=[-1]),
    line(sizes=[True]), line(sizes=["1"]), line(sizes=[1.5]), line(sizes=7), line(bytes=-1000),
    line(bytes=1e3), line(bytes="7"), line(bytes=None), line(bytes=True), line(bytes=10**300),
    line(bytes=float("nan")), line(day=["a"]), line(day={}), line(day=20240501), line(day="today"),
    line(decision="delete"), line(decision=[]), line(decision=None), line(event=1),
    line(unreadable=7), line(unreadable=[[]]), line(doubtful=7), line(sent="/etc/passwd"),
    line(sent=["a"]), {}, [], 7, None, "text", [[]], True, {"frames": []},
]  # fmt: skip
RAW = [
    b"\0" * 300, b"\xff\xfe\xfa", b"{", b"}", b'"', b"[" * 100_000, b'{"a":' * 100_000,
    b"9" * 6000, b"\xe2\x80\xa8", b"NaN", b"x" * 9_000_000,
]  # fmt: skip


@pytest.mark.parametrize("last", [b"", b"\n"])
def test_lines_of_a_wrong_shape_are_set_aside(tmp_path, last, caplog):
    log = tmp_path / "log"
    lines = [json.dumps(one).encode() for one in WRONG] + RAW
    good = [json.dumps(line(event=f"{i}.jpg", bytes=10, sent="cam/1.jpg")).encode() for i in "12"]
    log.write_bytes(b"\n".join([good[0], *lines, good[1]]) + b"\n" + RAW[0] + last)
    held = journal.Journal(log)
    assert held.sent == {"2024-05-01": 20}
    assert held.decided == {("cam/1.jpg", 10)}
    held.close()
    assert [entry["event"] for entry in journal.read(log)] == ["1.jpg", "2.jpg"]
    assert f"{len(lines) + len(last)} lines" in caplog.text


def test_no_flipped_bit_is_read_as_another_decision(tmp_path):
    log, entry = tmp_path / "log", line(event="cäm/1.jpg", bytes=10, sent="cam/1.jpg")
    held = journal.Journal(log)
    held.write(entry)
    held.close()
    whole = log.read_bytes()
    assert list(journal.read(log)) == [entry] and whole.endswith(b'"}\n')
    for place in range(8 * len(whole)):
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        log.write_bytes(content)
        # In the name of the checksum alone a bit may hide: the values are right then.
        found = [{name: one[name] for name in entry} for one in journal.read(log)]
        assert found in ([], [entry]), place


@pytest.mark.parametrize("seed", range(20))
def test_a_log_of_noise_stops_nothing(tmp_path, seed):
    generator = random.Random(seed)
    content = bytearray((json.dumps(line()) + "\n").encode() * 30)
    for _ in range(40):
        content[generator.randrange(len(content))] = generator.randrange(256)
    (tmp_path / "log").write_bytes(content)
    held = journal.Journal(tmp_path / "log")
    assert all(size >= 0 for size in held.sent.values())
    held.close()


def test_a_crafted_log_deletes_nothing_outside_or_that_is_no_picture(lite, tmp_path):
    card = tmp_path / "card"
    save(tmp_path / "mine.jpg", "grey", None)
    for name in ("notes.txt", ".hidden.jpg", "cam/1.jpg"):
        save(card / "whole.jpg", "red", None)
        (card / name).parent.mkdir(parents=True, exist_ok=True)
        (card / name).write_bytes((card / "whole.jpg").read_bytes())
    (card / "out").symlink_to(tmp_path, target_is_directory=True)
    (card / "link.jpg").symlink_to("cam/1.jpg")
    (card / "folder.jpg").mkdir()
    names = ["../mine.jpg", str(tmp_path / "mine.jpg"), "out/mine.jpg", "notes.txt"]
    names += [".hidden.jpg", "link.jpg", "folder.jpg", "decisions.jsonl", "cam/../cam/1.jpg"]
    lines = []
    for name in names:
        size = (card / name).stat().st_size if (card / name).exists() else 0
        lines.append(json.dumps(line(event=name, frames=[name], sizes=[size])))
    (card / "decisions.jsonl").write_text("\n".join(lines) + "\n")
    before = set(tmp_path.rglob("*"))
    watched(card, lite, "--delete_dropped", "--keep=all")
    assert before <= set(tmp_path.rglob("*"))


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_log_that_is_no_file_is_refused(lite, tmp_path, kind, capsys):
    log, other = tmp_path / "card" / "decisions.jsonl", tmp_path / "other"
    log.parent.mkdir()
    other.write_text("mine")
    {"link": lambda: log.symlink_to(other), "pipe": lambda: os.mkfifo(log),
     "folder": log.mkdir}[kind]()  # fmt: skip
    assert main(["watch", str(log.parent), f"--model={lite}", "--once"]) == 2
    assert "decisions.jsonl" in capsys.readouterr().err
    assert other.read_text() == "mine"


def test_an_outbox_that_leads_elsewhere_gets_nothing(lite, tmp_path, capsys):
    save(tmp_path / "card" / "1.jpg", "red", None)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "card" / ".outbox").symlink_to(tmp_path / "elsewhere")
    arguments = ["watch", str(tmp_path / "card"), f"--model={lite}", "--once", "--send=all"]
    assert main(arguments) == 2
    assert "outbox" in capsys.readouterr().err
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_picture_that_takes_too_much_memory_is_kept(lite, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "budget", memory.budget)  # put back afterwards
    (tmp_path / "1.png").write_bytes(bomb_png(3000, 3000))
    [entry] = watched(tmp_path, lite, "--delete_dropped", "--memory=20")
    assert entry["decision"] == "keep"
    assert entry["unreadable"]["1.png"].startswith("too large: would take")
    assert (tmp_path / "1.png").exists()


def test_what_was_not_read_is_not_called_empty(lite, tmp_path):
    save(tmp_path / "1.jpg", "red", None)
    (tmp_path / "1.jpg").write_bytes((tmp_path / "1.jpg").read_bytes()[:-200])
    [entry] = watched(tmp_path, lite)
    assert entry["decision"] == "keep" and entry["unreadable"]
    for fact in ("animal", "animal_probability", "species", "probability", "automatic"):
        assert entry[fact] is None


@pytest.mark.parametrize("answer", [Answer(np.nan, None), Answer(0.9, np.array([np.nan, 1.0]))])
def test_answers_that_are_no_numbers_drop_nothing(lite, tmp_path, monkeypatch, answer):
    save(tmp_path / "1.jpg", "grey", None)
    monkeypatch.setattr(EdgeModel, "answer_square", lambda *_: answer)
    [entry] = watched(tmp_path, lite, "--delete_dropped")
    assert entry["decision"] == "keep"
    assert entry["unreadable"] == {"1.jpg": "the network's answer is not a number"}


def test_a_network_that_fails_keeps_the_event(lite, tmp_path, monkeypatch):
    save(tmp_path / "1.jpg", "grey", None)
    monkeypatch.setattr(EdgeModel, "answer_square", _raising(RuntimeError("out of ops")))
    [entry] = watched(tmp_path, lite, "--delete_dropped")
    assert entry["decision"] == "keep"
    assert entry["unreadable"] == {"1.jpg": "the network failed: out of ops"}


def _raising(error):
    def call(*_, **__):
        raise error

    return call


def settings(folder: Path, **changes) -> watch.Settings:
    policy = Policy(parse_rule("animal", ()), parse_rule("animal", ()))
    return watch.Settings(
        folder, folder / "decisions.jsonl", policy, folder / ".outbox", 10.0, **changes
    )


def full(monkeypatch, fails: list[bool]):
    """Every write to the log fails after some bytes while `fails` holds True."""
    write = os.write

    def limited(handle, content):
        if fails[0]:
            if len(content) > 20:
                return write(handle, content[:20])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, content)

    monkeypatch.setattr(journal.os, "write", limited)


def test_a_full_card_decides_later(lite, tmp_path, monkeypatch, caplog):
    save(tmp_path / "1.jpg", "red", NOON)
    save(tmp_path / "2.jpg", "grey", after(60))
    fails = [True]
    watching = watch.Watch(EdgeModel(lite), settings(tmp_path))
    full(monkeypatch, fails)
    for _ in range(3):
        assert not watching.try_step(wait=False)
    assert (tmp_path / "decisions.jsonl").read_bytes() == b""  # no half line
    assert caplog.text.count("No space left") == 1
    fails[0] = False
    assert watching.try_step(wait=False)
    watching.close()
    assert len(list(journal.read(tmp_path / "decisions.jsonl"))) == 2
    assert len(list((tmp_path / ".outbox").iterdir())) == 1


def test_a_full_outbox_decides_later(lite, tmp_path, monkeypatch):
    save(tmp_path / "1.jpg", "red", NOON)
    watching = watch.Watch(EdgeModel(lite), settings(tmp_path))
    with monkeypatch.context() as patched:
        error = OSError(errno.ENOSPC, "No space left on device")
        patched.setattr(outbox, "atomic", _raising(error))
        assert not watching.try_step(wait=False)
    assert watching.try_step(wait=False)
    watching.close()
    [entry] = journal.read(tmp_path / "decisions.jsonl")
    assert entry["decision"] == "transmit"


def test_a_full_card_is_cleared_of_what_was_dropped(lite, tmp_path, monkeypatch):
    """Without room for a line nothing could be deleted, and without deleting there is no room."""
    save(tmp_path / "1.jpg", "grey", NOON)
    watching = watch.Watch(EdgeModel(lite), settings(tmp_path, delete_dropped=True))
    reserve = tmp_path / ".decisions.jsonl.reserve"
    assert reserve.stat().st_size == journal.RESERVE
    write = os.write

    def limited(handle, content):
        if reserve.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, content)

    monkeypatch.setattr(journal.os, "write", limited)
    assert watching.try_step(wait=False)
    assert not (tmp_path / "1.jpg").exists()
    watching.close()


def test_a_folder_that_is_gone_for_a_while(lite, tmp_path):
    card = tmp_path / "card"
    save(card / "1.jpg", "red", NOON)
    watching = watch.Watch(EdgeModel(lite), settings(card))
    card.rename(tmp_path / "away")
    watching.try_step(wait=False)
    (tmp_path / "away").rename(card)
    assert watching.try_step(wait=False)
    watching.close()


def test_it_watches_on_after_a_failure(lite, tmp_path, monkeypatch):
    """`run` waits longer after a failure, and never ends by itself."""
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    watching = watch.Watch(EdgeModel(lite), settings(tmp_path))
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(watching, "step", _raising(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(KeyboardInterrupt):
        watching.run(2.0)
    assert pauses == 3 * [watch.PAUSE_AFTER_FAILURE]
    watching.close()


def test_answers_of_pictures_with_odd_names(lite, tmp_path, capfdbinary):
    save(tmp_path / "good.jpg", "red", None)
    odd_entries.write(tmp_path)
    names = sorted(file for file in os.listdir(os.fsencode(tmp_path)))
    paths = [os.fsdecode(os.fsencode(tmp_path) + b"/" + name) for name in names]
    assert main(["answer", *paths, f"--model={lite}"]) == 0
    lines = [json.loads(text) for text in capfdbinary.readouterr().out.splitlines()]
    assert [one["path"] for one in lines] == paths
    assert sum("failure" in one for one in lines) == 9


@pytest.mark.parametrize(
    "change",
    [{"animal_threshold": float("nan")}, {"automatic_at": 7}, {"task": "x"}, {"classes": 3},
     {"context": None}, {"picture": []}, {"picture": {"size": -1}}, {"model_version": 3},
     {"familiarity_threshold": float("inf")}, {"classes": {"species": [3]}}],
)  # fmt: skip
def test_a_model_whose_description_cannot_be(lite, tmp_path, change):
    content = carried.read(lite / "empty-0.tflite") | change
    bare = (lite / "empty-0.tflite").read_bytes()
    (tmp_path / "x.tflite").write_bytes(bare[: bare.index(b"PK\x03\x04")])
    with zipfile.ZipFile(tmp_path / "x.tflite", "a") as archive:
        archive.writestr(carried.ENTRY, json.dumps(content))
    with pytest.raises(InputError):
        EdgeModel(tmp_path / "x.tflite")


def test_what_json_leaves_as_it_is_reaches_no_terminal(tmp_path):
    name = "\x9b2J\u202e\x7f\udce4.jpg"
    line = journal.as_line({"path": name})
    assert line.isascii() and json.loads(line) == {"path": name}
