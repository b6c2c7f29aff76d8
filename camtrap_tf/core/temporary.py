"""Names of files that are being written, which say who writes them.

    .tmp-1c9e02ab.5d41aa.90f3e7.4711.88123-predictions.parquet
         random   machine boot  process, and when it started

A process that is killed leaves such a file. The next one that writes to the folder removes it,
once it is known to be a dead process's: one of this computer (and container) that has ended. Those
of other computers, and what else begins with `.tmp-`, stay.
"""

import contextlib
import functools
import hashlib
import os
import re
import uuid
from pathlib import Path

from camtrap_tf.core import processes

_NAME = re.compile(
    r"\.tmp-[0-9a-f]{8}\.(?P<machine>[0-9a-f]{6})\.(?P<boot>[0-9a-f]{6})"
    r"\.(?P<process>[0-9]{1,10})\.(?P<started>[0-9]*)-.+",
    re.DOTALL,
)
_swept: set[tuple[int, str]] = set()  # process and folder


def beside(final: Path) -> Path:
    """A name beside a file, for what will be renamed to it; dead processes' are removed."""
    _sweep(final.parent)
    return final.with_name(f".tmp-{uuid.uuid4().hex[:8]}.{_me(os.getpid())}-{final.name}")


def is_dead(name: str) -> bool:
    """Whether a file of this name was being written by a process that is known to have ended."""
    found = _NAME.fullmatch(name)
    if not found or found["machine"] != _digest(processes.machine()):
        return False
    if found["boot"] != _digest(processes.boot()):
        return True
    return not processes.runs(int(found["process"]), found["started"])


def _sweep(folder: Path) -> None:
    """Removes what dead processes left in a folder, once in a process: a folder may be large."""
    key = os.getpid(), os.fspath(folder)
    if key in _swept:
        return
    _swept.add(key)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".tmp-") and is_dead(entry.name):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


@functools.cache
def _me(process: int) -> str:
    told = _digest(processes.machine()), _digest(processes.boot())
    return f"{'.'.join(told)}.{process}.{processes.started(process)}"


@functools.cache
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]
