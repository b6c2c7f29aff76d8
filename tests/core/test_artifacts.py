"""Atomic, versioned files."""

import os
import pathlib
import subprocess
import sys

import pytest

from camtrap_tf.core import artifacts, temporary
from camtrap_tf.core.errors import InputError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    artifacts.write_text(path, "old")

    def fail():
        with artifacts.atomic(path) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file.txt"]


def test_json_is_stamped_and_checked(tmp_path):
    path = tmp_path / "a.json"
    artifacts.write_json(path, "manifest", 2, {"x": 1})
    assert artifacts.read_json(path, "manifest", 2)["x"] == 1
    with pytest.raises(InputError, match="reads version 3 of a manifest; received 2"):
        artifacts.read_json(path, "manifest", 3)
    with pytest.raises(InputError, match="expected to be a camtrap bundle"):
        artifacts.read_json(path, "bundle", 2)
    path.write_text("{")
    with pytest.raises(InputError, match="valid JSON"):
        artifacts.read_json(path, "manifest", 2)


WRITE = """
import os, sys, time
from camtrap_tf.core import artifacts
with artifacts.atomic(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print(temporary.name, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_writer_left_is_removed_and_a_living_ones_is_not(tmp_path):
    path = tmp_path / "a.txt"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        names = [writer.stdout.readline().strip() for writer in writers]
        assert all((tmp_path / name).read_text() == "half" for name in names)
        writers[0].kill()
        writers[0].wait()
        (tmp_path / ".tmp-12345678-a.txt").touch()  # of an earlier version
        (tmp_path / ".tmp-notes").touch()
        artifacts.write_text(path, "whole")
        left = {one.name for one in tmp_path.iterdir()}
        assert left == {"a.txt", names[1], ".tmp-12345678-a.txt", ".tmp-notes"}
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


def test_which_writers_are_known_to_be_dead():
    name = temporary.beside(pathlib.Path("a-b.csv")).name
    mine = name.partition(".")[2].partition(".")[2].partition("-a-b")[0]
    machine, boot, process, started = mine.split(".")
    assert process == str(os.getpid()) and name.endswith("-a-b.csv")

    def dead(*parts):
        return temporary.is_dead(f".tmp-12345678.{'.'.join(parts)}-a-b.csv")

    other = "000000" if machine != "000000" else "111111"
    assert not dead(machine, boot, process, started)
    assert dead(machine, boot, process, "1")  # the number came again
    assert dead(machine, other, process, started)  # the computer started again
    assert not dead(other, boot, process, "1")  # nothing is known of other computers
    assert not temporary.is_dead(".tmp-12345678-a.csv") and not temporary.is_dead("a.csv")
