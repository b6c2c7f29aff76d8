import dataclasses
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from camtrap_tf.core import locks, processes
from camtrap_tf.core.errors import InputError

HOLD = """
import sys, time
from camtrap_tf.core import locks
with locks.held(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """A process that holds tmp_path / 'out'."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def holder(**changes):
    return dataclasses.replace(locks.Holder.me(), **changes)


def write(folder, who):
    folder.mkdir(exist_ok=True)
    (folder / locks.NAME).write_text(json.dumps(dataclasses.asdict(who)))


def test_a_folder_is_made_held_and_left(tmp_path):
    with locks.held(tmp_path / "new" / "out"):
        told = json.loads((tmp_path / "new" / "out" / locks.NAME).read_text())
        assert told["process"] == os.getpid() and told["command"]
        (tmp_path / "new" / "out" / "a").touch()
    assert [path.name for path in (tmp_path / "new" / "out").iterdir()] == ["a"]
    with locks.held(tmp_path / "other"):
        pass
    assert not (tmp_path / "other").exists()


def test_another_process_is_refused_and_told_who_holds_it(tmp_path, other):
    with pytest.raises(InputError) as error, locks.held(tmp_path / "out"):
        pass
    told = str(error.value)
    assert f"process {other.pid} on " in told and "since 20" in told and "Wait until it" in told
    assert "delete" not in told
    assert (tmp_path / "out" / locks.NAME).is_file()


@pytest.mark.parametrize(("ending", "reaped"), [(signal.SIGKILL, False), (signal.SIGTERM, True)])
def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, other, caplog, ending, reaped):
    caplog.set_level("INFO", "camtrap")
    other.send_signal(ending)
    if reaped:
        other.wait()
    else:  # a zombie: nobody has asked for its status
        while processes.started(other.pid):
            time.sleep(0.01)
    with locks.held(tmp_path / "out"):
        assert json.loads((tmp_path / "out" / locks.NAME).read_text())["process"] == os.getpid()
    assert f"took over {tmp_path / 'out'} from a process that was killed" in caplog.text
    assert list((tmp_path / "out").iterdir()) == []


def test_numbers_of_processes_come_again_and_computers_start_again(tmp_path):
    for dead in (holder(started="1"), holder(boot="before")):
        write(tmp_path / "out", dead)
        with locks.held(tmp_path / "out"):
            pass


def test_of_another_computer_it_is_said_what_to_do(tmp_path):
    write(tmp_path / "out", holder(host="cow", machine="cow 1", process=2**22 + 1))
    with pytest.raises(InputError, match=r"on cow .*or cow is off, delete .*/out/.camtrap-lock"):
        locks.held(tmp_path / "out").__enter__()


def test_one_process_holds_a_folder_more_than_once(tmp_path):
    with locks.held(tmp_path):
        with locks.held(tmp_path / "." / "x" / ".."):
            pass
        assert (tmp_path / locks.NAME).is_file()
    assert not (tmp_path / locks.NAME).exists()


def test_a_lock_that_was_never_written_asks_to_be_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_PAUSE", 0.001)
    (tmp_path / locks.NAME).write_text("")
    with pytest.raises(InputError, match=r"delete .*\.camtrap-lock\*"):
        locks.held(tmp_path).__enter__()


def test_a_folder_that_must_not_be_written_is_not_locked(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(locks, "_make", refuse)
    with locks.held(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(locks, "_make", full)
    with pytest.raises(InputError, match=r"No space left on device.*Free some space"):
        locks.held(tmp_path).__enter__()


def _count(folder):
    """Adds one to a number that is read and written in two steps."""
    for _ in range(5):
        while True:
            try:
                with locks.held(folder):
                    number = int((folder / "n").read_text())
                    time.sleep(0.002)
                    (folder / "n").write_text(str(number + 1))
                break
            except InputError:
                time.sleep(0.002)


def test_of_many_that_find_a_dead_lock_one_takes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_PAUSE", 0.001)
    (tmp_path / "n").write_text("0")
    write(tmp_path, holder(started="1"))
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_count, args=(tmp_path,)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (tmp_path / "n").read_text() == "30"
    assert [path.name for path in tmp_path.iterdir()] == ["n"]


def test_a_decorated_function_holds_its_folder(tmp_path):
    @locks.holds("folder")
    def look(number, folder, further=1):
        return number, sorted(path.name for path in tmp_path.iterdir())

    assert look(1, tmp_path) == (1, [locks.NAME])
    assert look(2, folder=str(tmp_path))[1] == [locks.NAME]

    @locks.holds("out", beside=True)
    def make(out):
        return sorted(path.name for path in tmp_path.iterdir())

    assert make(tmp_path / "export") == [f"{locks.NAME}-of-export"]
    assert list(tmp_path.iterdir()) == []
