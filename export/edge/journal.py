"""The log of decisions: JSON lines that survive a power cut, and the only state there is."""

import contextlib
import fcntl
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError

log = logging.getLogger("camtrap")


class Journal:
    """An open log.

    A decision counts once its whole line is on the disk. What a power cut leaves of a line is
    cut off on opening, and that event is decided anew.

    Args:
        path: of the log; made if there is none.

    Raises:
        InputError: another process writes to it.
    """

    def __init__(self, path: PathLike):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._lock()
        _sync_folder(self.path.parent)
        self._mend()
        # path and size of every frame; None of logs that have no sizes
        self.decided: set[tuple[str, int | None]] = set()
        self.sent: Counter[str] = Counter()  # bytes by day
        for entry in read(self.path):
            self._count(entry)

    def write(self, entry: dict[str, Any]) -> None:
        """Appends a decision; returns when it is on the disk."""
        line = (json.dumps(entry, ensure_ascii=False) + "\n").encode()
        while line:
            line = line[os.write(self._file, line) :]
        os.fsync(self._file)
        self._count(entry)

    def close(self) -> None:
        """Lets another process write."""
        os.close(self._file)

    def _count(self, entry: dict[str, Any]) -> None:
        self.decided.update(zip(entry["frames"], sizes(entry), strict=True))
        self.sent[entry["day"]] += entry["bytes"]

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise InputError(
                "one process writes a log", str(self.path), "Stop the other one first."
            ) from error

    def _mend(self) -> None:
        """Cuts off what is behind the last end of line."""
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            log.warning("cut half a line off %s", self.path)
            os.ftruncate(self._file, whole)
            os.fsync(self._file)


def read(path: PathLike) -> Iterator[dict[str, Any]]:
    """The decisions of a log; a damaged line is passed over, and its event decided anew."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield json.loads(line)
            except ValueError:
                log.warning("%s, line %d is damaged", path, number)


def sizes(entry: dict[str, Any]) -> list[int | None]:
    """Bytes of each frame of a decision; None in the logs of before sizes were written."""
    return entry.get("sizes", [None] * len(entry["frames"]))


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk too. Some file systems refuse; then it is theirs."""
    handle = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(handle)
    os.close(handle)
