"""Work as it is posted for workers on other machines: in FOLDER/.tasks, which they all see.

    FOLDER/.tasks/TOKEN/work.pickle   what all tasks share: read once by each worker
                        N.task        a task, where an engine names tasks only
                        N.outcome     what came of it

A worker that does not see the folder, or has another version of camtrap_tf, says so before it does
anything: it would write where nobody looks.
"""

import contextlib
import dataclasses
import pickle
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from camtrap_tf import __version__
from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import as_path, atomic, is_remote
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.workers.work import Do, Work, do_one

_WORK = "work.pickle"
_starting = threading.Lock()
_started: dict[str, Do] = {}  # of this worker: the work that it does, ready


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a task.

    Args:
        units: how many it was.
        result: of it.
        worker: who did it.
        error: in place of a result, where the input is wrong.
    """

    units: int
    result: Any
    worker: str
    error: InputError | None = None

    def taken(self) -> Any:
        """The result.

        Raises:
            InputError: what the worker met.
        """
        if self.error is not None:
            raise self.error
        return self.result


@contextlib.contextmanager
def post(work: Work) -> Iterator[str]:
    """Posts what the tasks share while the block runs; yields the folder it lies in."""
    board = as_path(work.folder) / file_names.TASKS
    _remove(board)  # of a process that was killed
    place = board / uuid.uuid4().hex[:12]
    _write(place / _WORK, (__version__, work.start, work.arguments))
    try:
        yield str(place)
    finally:
        _remove(board)


def perform(place: str, task: Any, worker: str = "") -> Outcome:
    """On a worker: does one task of posted work."""
    worker = worker or socket.gethostname()
    try:
        units, result = do_one(_ready(place), task)
    except InputError as error:
        return Outcome(0, None, worker, error)
    return Outcome(units, result, worker)


def leave(place: str, number: int, task: Any) -> int:
    """Leaves a task for `perform_left`; returns its number."""
    _write(as_path(place) / f"{number}.task", task)
    return number


def perform_left(number: int, place: str) -> int:
    """On a worker: does a task that was left under its number, and leaves the outcome."""
    path = as_path(place) / f"{number}.task"
    if not path.is_file():
        raise _unseen(path.parent)
    _write(path.with_suffix(".outcome"), perform(place, pickle.loads(path.read_bytes())))
    return number


def outcome(place: str, number: int) -> Outcome:
    """What came of a task that was left under its number."""
    return pickle.loads((as_path(place) / f"{number}.outcome").read_bytes())


def _ready(place: str) -> Do:
    """What does the tasks, loaded by the first one that asks; earlier work is forgotten."""
    with _starting:
        if place not in _started:
            _started.clear()
            start, arguments = _read(place)
            _started[place] = start(*arguments)
        return _started[place]


def _read(place: str) -> tuple:
    path = as_path(place) / _WORK
    if not path.is_file():
        raise _unseen(path.parent)
    try:
        version, start, arguments = pickle.loads(path.read_bytes())
    except (ImportError, AttributeError) as error:
        version, start, arguments = str(error), None, None
    if version != __version__:
        raise InputError(
            f"all machines have the same version of camtrap_tf; {socket.gethostname()} has "
            f"{__version__}",
            version,
            "Install the same one everywhere.",
        )
    return start, arguments


def _unseen(place: Path) -> InputError:
    return InputError(
        "every worker sees the folder for results",
        f"{place.parent.parent}, which {socket.gethostname()} does not see",
        "Give a folder on a disk that all machines share, or in a store such as s3://.",
    )


def _write(path: Path, content: Any) -> None:
    with atomic(path) as temporary:
        temporary.write_bytes(pickle.dumps(content))


def _remove(board: Path) -> None:
    if not board.exists():
        return
    for file in board.rglob("*"):
        if file.is_file():
            file.unlink(missing_ok=True)
    if not is_remote(board):  # stores of objects have no folders
        for folder in (*board.iterdir(), board):
            folder.rmdir()
