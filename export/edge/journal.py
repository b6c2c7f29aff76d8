"""The log of decisions: JSON lines that survive a power cut, and the only state there is."""

import contextlib
import datetime
import errno
import fcntl
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from camtrap_tf.core import checksums
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.pictures.files import MAX_BYTES
from export.edge import card
from export.edge.policy import Action

log = logging.getLogger("camtrap")
RESERVE = 1 << 16  # bytes kept free for the log on a disk that is full
_LONGEST = 1 << 22  # bytes of a line; ours are far below
_BLOCK = 1 << 16  # bytes
# What JSON leaves as it is and terminals do not show; and surrogates, which no file can hold.
_CONTROL = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Journal:
    """An open log.

    A decision counts once its whole line is on the disk, and as long as the line fits the
    checksum at its end. What a power cut leaves of a line is
    cut off on opening, and that event is decided anew.

    Args:
        path: of the log; made if there is none.
        reserve: keep a file beside it whose room the log takes when the disk is full.

    Raises:
        InputError: another process writes to it, or it is no ordinary file.
    """

    def __init__(self, path: PathLike, reserve: bool = False):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _opened(self.path)
        self._lock()
        _sync_folder(self.path.parent)
        self._mend()
        self._reserve = self.path.with_name(f".{self.path.name}.reserve") if reserve else None
        self.keep_reserve()
        # path and size of every frame; None of logs that have no sizes
        self.decided: set[tuple[str, int | None]] = set()
        self.sent: Counter[str] = Counter()  # bytes by day
        damaged: list[int] = []
        for entry in read(self.path, damaged.append):
            self._count(entry)
        if damaged:
            log.warning(
                "%s: %d lines are no decisions and count for nothing, the first of them line %d",
                self.path, len(damaged), damaged[0],
            )  # fmt: skip

    def write(self, entry: dict[str, Any]) -> None:
        """Appends a decision; returns when it is on the disk.

        Raises:
            OSError: it cannot be written; nothing of it is left on the log.
        """
        line = (checksums.seal_line(as_line(entry)) + "\n").encode()
        try:
            self._append(line)
        except OSError as error:
            if error.errno != errno.ENOSPC or not self._reserve or not self._reserve.exists():
                raise
            self._reserve.unlink()
            self._append(line)
        self._count(entry)

    def keep_reserve(self) -> None:
        """Takes room for the log where there is some."""
        if self._reserve and not self._reserve.exists():
            with contextlib.suppress(OSError):
                self._reserve.write_bytes(bytes(RESERVE))

    def close(self) -> None:
        """Lets another process write."""
        os.close(self._file)

    def _append(self, line: bytes) -> None:
        end = os.fstat(self._file).st_size
        try:
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, end)
            raise

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
        whole = end = os.fstat(self._file).st_size
        while whole:
            start = max(0, whole - _BLOCK)
            found = os.pread(self._file, whole - start, start).rfind(b"\n") + 1
            whole = start + found
            if found:
                break
        if whole < end:
            log.warning("cut half a line off %s", self.path)
            os.ftruncate(self._file, whole)
            os.fsync(self._file)


def _opened(path: Path) -> int:
    """A handle of an ordinary file, which is made where there is none; over no link."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        kind = "a link" if path.is_symlink() else "a folder" if path.is_dir() else "a pipe"
        raise InputError(
            "the log of decisions is an ordinary file",
            f"{path}, {kind}",
            "Remove it, or give another --log.",
        )
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)


def as_line(content: dict[str, Any]) -> str:
    r"""JSON on one line; a name that is not UTF-8 is written so that it is read back as it was.

    >>> print(as_line({"path": "b\udce4r.jpg", "camera": "Bär"}))
    {"path": "b\udce4r.jpg", "camera": "Bär"}
    """
    text = json.dumps(content, ensure_ascii=False)
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def read(
    path: PathLike, damaged: Callable[[int], None] = lambda number: None
) -> Iterator[dict[str, Any]]:
    """The decisions of a log.

    Args:
        path: of the log.
        damaged: is told the number of each line that is no decision; its event is decided anew.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(_lines(file), start=1):
            entry = _parsed(line)
            if is_decision(entry):
                yield entry
            else:
                damaged(number)


def _parsed(line: bytes) -> Any:
    """The value of a line; None where it is not as it was written.

    Lines of earlier versions have no checksum; where it is damaged itself, its name is left.
    """
    fits = checksums.line_fits(line)
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    told = isinstance(entry, dict) and entry.pop(checksums.FIELD, None)
    return entry if fits or (fits is None and not told) else None


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; nothing in the place of one that is too long to be ours."""
    while line := file.readline(_LONGEST):
        if len(line) == _LONGEST and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(_LONGEST)
            line = b""
        yield line


def is_decision(entry: Any) -> bool:
    """Whether a value is what `Watch` writes: of its shape, with paths that stay in the folder."""
    if not isinstance(entry, dict):
        return False
    if not all(holds(entry.get(name)) for name, holds in _SHAPE.items()):
        return False
    if len(sizes(entry)) != len(entry["frames"]):
        return False
    sent = entry.get("sent")
    return sent in entry["frames"] if sent is not None else entry["bytes"] == 0


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_BYTES


def _are_sizes(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(map(_is_size, value)))


def _are_paths(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(card.is_inside, value))


def _are_texts(value: Any) -> bool:
    """Reasons by path, or, in logs of earlier versions, paths alone."""
    return isinstance(value, dict | list) and all(isinstance(one, str) for one in value)


def _is_day(value: Any) -> bool:
    try:
        return datetime.date.fromisoformat(value).isoformat() == value
    except (TypeError, ValueError):
        return False


_SHAPE: dict[str, Callable[[Any], bool]] = {
    "event": lambda value: isinstance(value, str),
    "frames": _are_paths,
    "sizes": _are_sizes,
    "decision": lambda value: value in [action.value for action in Action],
    "unreadable": _are_texts,
    "doubtful": lambda value: value is None or _are_texts(value),
    "sent": lambda value: value is None or isinstance(value, str),
    "bytes": _is_size,
    "day": _is_day,
}


def sizes(entry: dict[str, Any]) -> list[int | None]:
    """Bytes of each frame of a decision; None in the logs of before sizes were written."""
    found = entry.get("sizes")
    return [None] * len(entry["frames"]) if found is None else found


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk too. Some file systems refuse; then it is theirs."""
    handle = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(handle)
    os.close(handle)
