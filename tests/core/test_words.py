"""Nothing that steers a terminal reaches it; what happens outside is told in words."""

import errno
import logging
import os
import re
import subprocess
import sys

import pytest

from camtrap_tf import cli
from camtrap_tf.core import words
from camtrap_tf.core.commands import Ending
from export.edge import cli as edge

EVIL = "a\x1b[2J\x1b]0;owned\x07\x9b31m\rb\u202egpj\x7f\udce4.jpg"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


def test_every_character_that_steers_is_written_out():
    told = words.plain(EVIL)
    assert not STEERING.search(told)
    assert told == "a\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\x0db\\u202egpj\\x7f\\udce4.jpg"
    for code in (*range(0x20, 0x7F), 0xE4, 0x3042, 0x1F981, 9, 10):
        assert words.plain(chr(code)) == chr(code)


def test_the_log_and_the_end_of_a_verb_are_plain(monkeypatch, capsys):
    record = logging.LogRecord("camtrap", logging.INFO, "", 0, "read %s", (EVIL,), None)
    assert not STEERING.search(words.Formatter("%(message)s").format(record))
    monkeypatch.setattr(cli, "_do", lambda *_: Ending(EVIL))
    assert cli.main(["lint", "--events=x"]) == 0
    assert not STEERING.search(capsys.readouterr().out)
    assert cli.main(["lint", f"--{EVIL}=x"]) == 2
    assert not STEERING.search(capsys.readouterr().err)


def test_both_programs_write_their_errors_plainly(tmp_path, capsys):
    assert cli.main(["convert", str(tmp_path / EVIL)]) == 2
    assert edge.main(["watch", str(tmp_path / EVIL), "--model=x"]) == 2
    assert not STEERING.search(capsys.readouterr().err)


def full(path="runs/a.keras"):
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def wrapped():
    try:
        raise RuntimeError("Unable to close file") from full()
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (full(), "runs/a.keras: No space left on device"),
        (wrapped(), "runs/a.keras: No space left on device"),
        (
            RuntimeError("errno = 28, error message = 'No space left on device'"),
            "the disk: No space",
        ),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "x: Permission denied"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "x"), "Read-only file system"),
        (RecursionError("maximum recursion depth exceeded"), "nested deeper"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("can't start new thread"), "no further thread can be started"),
    ],
)
@pytest.mark.parametrize("verb", ["lint", "convert", "shard"])
def test_a_mishap_is_one_line_in_any_verb(verb, error, says, monkeypatch, capsys):
    def fail(*_):
        raise error

    monkeypatch.setattr(cli, "_timed", fail)
    monkeypatch.setattr(cli, "_set_up_log", lambda *_: None)
    needed = {"lint": ["--events=x"], "convert": ["x", "--out=y"],
              "shard": ["--events=x", "--images=y", "--out=z"]}[verb]  # fmt: skip
    assert cli.main([verb, *needed]) == 2
    printed = capsys.readouterr().err
    assert says in printed and printed.count("\n") == 1 and "Traceback" not in printed
    with pytest.raises(type(error)):
        cli.main([verb, *needed, "--traceback"])


def test_a_file_that_tensorflow_may_not_make_larger_is_told_in_words():
    import tensorflow as tf

    said = "ckpt.data-00000-of-00001.tempstate1; File too large"
    assert "ulimit -f" in (words.mishap(tf.errors.OutOfRangeError(None, None, said)) or "")
    assert words.mishap(tf.errors.OutOfRangeError(None, None, "End of sequence")) is None
    assert words.mishap(RuntimeError("another")) is None


def test_what_is_not_known_keeps_its_traceback(monkeypatch):
    def fail(*_):
        raise KeyError("a fault of ours")

    monkeypatch.setattr(cli, "_timed", fail)
    with pytest.raises(KeyError):
        cli.main(["lint", "--events=x"])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux alone has /dev/full")
def test_a_full_disk_under_standard_output(tmp_path):
    with open("/dev/full", "w") as full_disk:
        done = subprocess.run([sys.executable, "-m", "camtrap_tf.cli", "--version"],
                              stdout=full_disk, stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert done.returncode != 0 and "No space left" in done.stderr
