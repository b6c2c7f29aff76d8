"""A process that says how far it is, and ends with the one that began it."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from camtrap_tf.core import processes
from camtrap_tf.core.child import Child

PATIENCE = 60  # seconds


def speak(words, tell) -> None:
    for word in words:
        tell(word)


def fail(tell) -> None:
    tell("so far")
    os._exit(3)


def sleep(file: Path, tell) -> None:
    file.with_suffix(".tmp").write_text(str(os.getpid()))
    file.with_suffix(".tmp").replace(file)
    time.sleep(10 * PATIENCE)


def wait_for(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def heard(child: Child) -> list:
    """All that it says until it ends."""
    said = []

    def ended() -> bool:
        said.extend(child.hear())
        return child.exitcode is not None

    wait_for(ended)
    return said


def test_what_it_says_is_heard_in_order():
    child = Child(speak, ["one", "two"])
    assert child.exitcode is None and child.hear() == []
    for _ in range(2):  # it can be begun again
        child.start()
        assert heard(child) == ["one", "two"] and child.exitcode == 0


def test_how_it_ended_is_known_once_all_was_heard():
    child = Child(fail)
    child.start()
    assert heard(child) == ["so far"] and child.exitcode == 3


class Slow:
    """A pipe with some words in it; who takes one that is not there would wait for ever."""

    def __init__(self, *words: str):
        self.words = list(words)

    def poll(self) -> bool:
        there = bool(self.words)
        time.sleep(0.02)
        return there

    def recv(self) -> str:
        assert self.words, "this would wait for ever"
        return self.words.pop(0)


def test_two_who_ask_at_once_wait_for_nothing():
    child = Child(speak, [])
    child._told = Slow("one", "two", "three")  # type: ignore
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: child.hear(), range(4)))
    assert sorted(said, key=len)[-1] == ["one", "two", "three"] and sum(map(len, said)) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_it_ends_with_the_process_that_began_it(tmp_path):
    file = tmp_path / "pid"
    code = (
        "import sys, time; from pathlib import Path; from camtrap_tf.core.child import Child; "
        "from tests.core.test_child import sleep; Child(sleep, Path(sys.argv[1])).start(); "
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(file)]) as parent:
        wait_for(file.exists)
        own = int(file.read_text())
        assert processes.started(own)
        parent.kill()
    wait_for(lambda: not processes.started(own))
