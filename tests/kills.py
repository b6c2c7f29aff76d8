"""Ends a function at one of its steps of writing, as a power cut or a full disk would."""

import errno
import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

ENDINGS = ("killed", "disk full")
_REACHED, _FAILED = 9, 3
_STEPS = ((os, "fsync"), (os, "replace"), (os, "rename"), (shutil, "copyfile"))


def end_at(call: Callable[[], object], moment: int, ending: str) -> bool:
    """Runs a function in a child process; whether it came to its `moment`th step and ended there.

    A step is a flush, a rename or a copy, before it is done; a copy is half done.
    """
    child = os.fork()
    if not child:
        status, full = _FAILED, []
        try:
            _arm(moment, ending, full)
            call()
            status = 0
        finally:  # a full disk ends in an error, or in a status that is not 0
            os._exit(_REACHED if full else status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, _REACHED), f"ended with status {status}"
    return status == _REACHED


def _arm(moment: int, ending: str, full: list[int]) -> None:
    count = itertools.count()

    def armed(real: Callable) -> Callable:
        def step(*args, **options):
            if next(count) == moment:
                if real is copyfile:
                    content = Path(args[0]).read_bytes()
                    Path(args[1]).write_bytes(content[: len(content) // 2])
                if ending == "killed":
                    os._exit(_REACHED)
                full.append(moment)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*args, **options)

        return step

    copyfile = shutil.copyfile
    for module, name in _STEPS:
        setattr(module, name, armed(getattr(module, name)))


def files(folder: Path) -> dict[str, bytes]:
    """What lies under final names."""
    found = (path for path in folder.rglob("*") if path.is_file())
    names = {path: path.relative_to(folder).as_posix() for path in found}
    return {
        name: path.read_bytes()
        for path, name in names.items()
        if not any(part.startswith(".") for part in name.split("/")) and not name.endswith(".part")
    }
