"""A folder for results is written by one process at a time.

Who writes holds the file `.camtrap-lock` in it, JSON that says who: host, process, since when and
what command. It is made by open(O_CREAT | O_EXCL), which fails if it is there on local disks and,
for all clients alike, on NFS from version 3, SMB, Lustre, CephFS and GPFS. (flock and fcntl depend
on mount options there, so they are not used.) Object stores (`gs://`, `s3://`) have no such
operation: folders there are not locked.

A process that was killed leaves its lock. On the same computer it is taken over at once: its
process is gone, its number now belongs to a process that started at another time, or the computer
has started anew. Of another computer nothing can be told, and the error says what to do.

What a process starts to share the work (workers of sharding, of Beam, of several machines in
training) does not lock: the process that gave them the work does.
"""

import contextlib
import dataclasses
import datetime
import errno
import functools
import inspect
import json
import logging
import os
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

from camtrap_tf.core import processes
from camtrap_tf.core.artifacts import PathLike, is_remote
from camtrap_tf.core.errors import InputError

NAME = ".camtrap-lock"
_ATTEMPTS = 50  # at taking a lock that comes and goes
_PAUSE = 0.1  # seconds between them
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
log = logging.getLogger("camtrap")
_held: dict[Path, int] = {}  # folders that this process holds, and how many times


class Held(InputError):
    """Another process holds the folder."""


@dataclasses.dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Args:
        host: name of the computer, for people.
        machine: tells computers, and containers on them, from one another.
        boot: tells when the computer started; '' where that is not known.
        process: number of the process.
        started: tells when the process started; '' where that is not known.
        since: when the lock was taken, ISO 8601 with its offset.
        command: what it runs.
        token: of this lock alone.
    """

    host: str
    machine: str
    boot: str
    process: int
    started: str
    since: str
    command: str
    token: str

    @classmethod
    def me(cls) -> "Holder":
        """This process, now."""
        return cls(
            socket.gethostname(),
            processes.machine(),
            processes.boot(),
            os.getpid(),
            processes.started(os.getpid()),
            datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:500],
            uuid.uuid4().hex,
        )

    @property
    def here(self) -> bool:
        """Whether it is, or was, on this computer."""
        return self.machine == processes.machine()

    @property
    def dead(self) -> bool:
        """Whether it is known to have ended."""
        if not self.here:
            return False
        return self.boot != processes.boot() or not processes.runs(self.process, self.started)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} ({self.command}), since {self.since}"


@contextlib.contextmanager
def held(folder: PathLike, name: str = NAME) -> Iterator[None]:
    """Holds a folder while the block runs; makes one for as long if there is none.

    The process that holds it already may take it again. A folder that this process must not write
    to is not locked: it may hold finished results.

    Args:
        folder: of results.
        name: of the lock.

    Raises:
        InputError: another process holds it; the message says which, and what to do.
    """
    path = None if is_remote(folder) else Path(folder).resolve() / name
    there = path is None or path.parent.exists()
    if path is None or (path not in _held and not _take(path)):
        yield
        return
    _held[path] = _held.get(path, 0) + 1
    try:
        yield
    finally:
        _held[path] -= 1
        if not _held[path]:
            del _held[path]
            path.unlink(missing_ok=True)
            if not there:  # and nothing was written to it
                with contextlib.suppress(OSError):
                    path.parent.rmdir()


def holds(
    argument: str, beside: bool = False
) -> Callable[[Callable[_Given, _Result]], Callable[_Given, _Result]]:
    """Decorates a function that writes a folder, so that it holds it while it runs.

    Args:
        argument: that names the folder.
        beside: the lock lies beside the folder, which must not be there before it is whole.
    """

    def decorate(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def holding(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
            folder = signature.bind(*args, **kwargs).arguments[argument]
            name = f"{NAME}-of-{Path(folder).name}" if beside else NAME
            with held(Path(folder).parent if beside else folder, name):
                return function(*args, **kwargs)

        return holding

    return decorate


def _take(path: Path) -> bool:
    """Takes a lock; False where nothing may be written."""
    content = json.dumps(dataclasses.asdict(Holder.me()), indent=1)
    for _ in range(_ATTEMPTS):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if _make(path, content):
                return True
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                return False
            raise InputError(
                "the folder for results can be written", f"{path.parent}: {error.strerror}",
                "Free some space, or give another one.",
            ) from error  # fmt: skip
        holder = _holder(path)
        if holder is not None and not holder.dead:
            raise _taken(path, holder)
        if holder is not None:
            _bury(path, holder)
        time.sleep(_PAUSE)
    raise InputError(
        "a lock is made whole at once", str(path), f"If nobody uses the folder, delete {path}*."
    )


def _make(path: Path, content: str) -> bool:
    """Makes a file that is not there; whether that was so."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError:  # a full disk
        path.unlink(missing_ok=True)
        raise
    return True


def _holder(path: Path) -> Holder | None:
    """Who holds a lock; None: it is gone, or not yet written."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Holder(**{field.name: told[field.name] for field in dataclasses.fields(Holder)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _bury(path: Path, holder: Holder) -> None:
    """Removes the lock of a dead process; of several that see it, one does.

    Whoever makes the mark for this lock looks again before removing it: the lock may be another's
    by then, who was quicker.
    """
    mark = path.with_name(f"{path.name}-{holder.token}")
    if not _make(mark, ""):
        return
    try:
        if _holder(path) == holder:
            path.unlink(missing_ok=True)
            log.info("took over %s from a process that was killed: %s", path.parent, holder)
    finally:
        mark.unlink(missing_ok=True)


def _taken(path: Path, holder: Holder) -> Held:
    there = "" if holder.here else f" If it was killed, or {holder.host} is off, delete {path}."
    return Held(
        f"one process at a time writes {path.parent}",
        str(holder),
        f"Wait until it has ended, or take another folder.{there}",
    )
