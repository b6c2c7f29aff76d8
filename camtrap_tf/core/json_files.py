"""Lists of JSON files, some rows at a time: memory holds a piece of the file, not all of it.

Files are UTF-8, or UTF-16 as some programs of Windows write them, with a mark or without.

The files of whole projects have millions of rows; as Python objects these take ten times the
file. ijson does not serve: it refuses NaN, which many of the files hold.
"""

import collections
import itertools
import json
import re
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple, TextIO

_ROWS = 50_000  # in a piece
_BLOCK = 1 << 22  # characters read at a time
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_SURROGATE = re.compile(r"\\u[dD]")  # half of a character beyond the first 65,536, or not


class Piece(NamedTuple):
    """Rows of a list: its name, the position of the first of them, and themselves."""

    part: str
    first: int
    rows: list


def pieces(path: Path, alone: str | None = None) -> Iterator[Piece]:
    """Yields the lists of a file that holds one JSON object, in the order of the file.

    A list without rows is one piece without rows. What else the object holds is passed over.

    Args:
        path: the file.
        alone: name of the list in a file that holds a list and no object; None refuses it.

    Raises:
        ValueError: not such a file, with the place of the error.
    """
    for _, part in _members(path, alone):
        if isinstance(part, Iterator):
            yield from part


def check_texts(value: Any, written: str, start: int = 0, end: int | None = None) -> None:
    r"""Raises ValueError where a text in a JSON value cannot be written down again.

    Args:
        value: what was read.
        written: JSON; the value from character `start` to `end` of it.

    >>> check_texts("\U0001f98a", r'"\ud83e\udd8a"')
    >>> check_texts("\ud83e", r'"\ud83e"')
    Traceback (most recent call last):
    ValueError: a text holds half of a character (\ud83e without its other half)
    """
    if _SURROGATE.search(written, start, len(written) if end is None else end):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = f"\\u{ord(error.object[error.start]):04x}"
            raise ValueError(
                f"a text holds half of a character ({half} without its other half)"
            ) from None


def is_list(path: Path) -> bool:
    """Whether a file begins as a JSON list."""
    with path.open(encoding=encoding(path)) as file:
        return file.read(4096).lstrip()[:1] == "["


def encoding(path: Path) -> str:
    """How a JSON file is written, told by its first bytes: a JSON text begins with ASCII."""
    with path.open("rb") as file:
        found = json.detect_encoding(file.read(4))
    return "utf-8-sig" if found == "utf-8" else found


def members(path: Path, names: Set[str]) -> dict[str, Any]:
    """Those of the object's members that are no lists and have one of the names.

    Reads no further than to the last of them: what follows is not checked.

    Raises:
        ValueError: as `pieces`.
    """
    found: dict[str, Any] = {}
    for name, part in _members(path):
        if isinstance(part, Iterator):
            collections.deque(part, maxlen=0)
        elif name in names:
            found[name] = part
        if found.keys() >= names:
            break
    return found


def outline(path: Path, rows: int = 2000) -> Iterator[tuple[str, Any]]:
    """Yields name and value of the object's members, of a list no more than its first `rows`.

    What follows a list is read only when it is asked for.

    Raises:
        ValueError: as `pieces`.
    """
    for name, part in _members(path):
        if isinstance(part, Iterator):
            yield name, next(part).rows[:rows]
            collections.deque(part, maxlen=0)
        else:
            yield name, part


def _members(path: Path, alone: str | None = None) -> Iterator[tuple[str, Any]]:
    """Yields name and value of each member; of a list its pieces, to be walked through at once."""
    with path.open(encoding=encoding(path)) as file:
        reader = _Reader(file)
        if alone is not None and reader.peek() == "[":
            yield alone, _cut(alone, reader)
            reader.finish()
            return
        reader.take("{")
        for _ in reader.items("}"):
            name = str(reader.value())
            reader.take(":")
            yield name, _cut(name, reader) if reader.peek() == "[" else reader.value()
        reader.finish()


def _cut(name: str, reader: "_Reader") -> Iterator[Piece]:
    reader.take("[")
    rows = (reader.value() for _ in reader.items("]"))
    first = 0
    while (piece := list(itertools.islice(rows, _ROWS))) or not first:
        yield Piece(name, first, piece)
        first += max(len(piece), 1)


class _Reader:
    """Goes through the text of a JSON file, value by value."""

    def __init__(self, file: TextIO):
        self.file, self.text, self.at = file, "", 0
        self.passed = 0  # characters before `text`

    def peek(self) -> str:
        """The next character that is no space; '' at the end of the file."""
        while True:
            self.at = _SPACE.match(self.text, self.at).end()  # pyright: ignore
            if self.at < len(self.text) or not self._more():
                return self.text[self.at : self.at + 1]

    def take(self, accepted: str) -> str:
        """Goes past the next character, which is one of `accepted`."""
        found = self.peek()
        if not found or found not in accepted:
            raise self._wrong(repr(found) if found else "the end", " or ".join(map(repr, accepted)))
        self.at += 1
        return found

    def finish(self) -> None:
        """Checks that nothing more follows."""
        found = self.peek()
        if found:
            raise self._wrong(repr(found), "the end")

    def items(self, closing: str) -> Iterator[None]:
        """Stops before each item of the list or object that is open, and after its end."""
        if self.peek() == closing:
            self.take(closing)
            return
        more = True
        while more:
            yield
            more = self.take("," + closing) == ","

    def value(self) -> Any:
        """The value that begins here."""
        self.peek()
        while True:
            problem = ValueError("the file ends too early")
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
                if end < len(self.text):  # else it may go on, as a number
                    check_texts(value, self.text, self.at, end)
                    self.at = end
                    return value
            except json.JSONDecodeError as error:
                problem = ValueError(f"{error.msg} at character {self.passed + error.pos:,}")
            if not self._more():
                raise problem

    def _more(self) -> bool:
        """Reads on; twice as much each time, so that a long value is not decoded too often."""
        block = self.file.read(max(_BLOCK, len(self.text) - self.at))
        self.passed += self.at
        self.text, self.at = self.text[self.at :] + block, 0
        return bool(block)

    def _wrong(self, found: str, due: str) -> ValueError:
        return ValueError(f"{found} at character {self.passed + self.at:,} where {due} is due")
