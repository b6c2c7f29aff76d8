"""Tasks for tests of engines, as modules that workers import have them."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.workers.work import Advance, Do


def start_squaring(folder: Path, seconds: float = 0) -> Do:
    """Squares numbers into files; 13 is bad luck, and -1 a fault of the program."""

    def square(tasks: Iterable[int], advance: Advance) -> Iterator[int]:
        for task in tasks:
            if task == 13:
                raise InputError("numbers are lucky", task, "Take another.")
            if task == -1:
                raise ZeroDivisionError("of the program")
            time.sleep(seconds)
            (folder / f"{task}.square").write_text(str(task**2))
            advance(2)
            yield task**2

    return square


def start_dying(folder: Path, times: int) -> Do:
    """The same; task 5 kills the process that does it, so many times."""
    square = start_squaring(folder)

    def die(tasks: Iterable[int], advance: Advance) -> Iterator[int]:
        for task in tasks:
            deaths = len(list(folder.glob("*.death")))
            if task == 5 and deaths < times:
                (folder / f"{deaths}.death").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield from square([task], advance)

    return die


def start_waiting(folder: Path) -> Do:
    """The same; all but task 0 wait until there is a file `go`."""
    square = start_squaring(folder)

    def wait(tasks: Iterable[int], advance: Advance) -> Iterator[int]:
        for task in tasks:
            while task and not (folder / "go").exists():
                time.sleep(0.02)
            yield from square([task], advance)

    return wait
