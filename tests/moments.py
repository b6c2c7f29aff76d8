"""Moments of a process's work, told by what it has written and not by the clock."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def until_changed(folder: Path, works: Callable[[], bool]) -> None:
    """Returns when something in a folder came or went, or nothing works there any more."""
    before = _names(folder)
    while works() and _names(folder) == before:
        time.sleep(0.002)


def _names(folder: Path) -> set[str]:
    return {os.path.join(at, name) for at, _, names in os.walk(folder) for name in names}
