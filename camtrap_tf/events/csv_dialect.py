"""How a CSV file is written: its encoding, what stands between its fields, and its first line."""

import codecs
import csv
import dataclasses
import functools
import gzip
import io
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.errors import InputError

DELIMITERS = "\t;,|"  # where several fit, the first of them
NO_DELIMITER = "\x1f"  # of a file with one column: a character that no text has
_LOOKED_AT = 64 << 20  # bytes in which the encoding is looked for
_SAMPLE = 1 << 16  # characters from which the delimiter is told
_LINES = 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Args:
        encoding: Python's name of it.
        guessed: whether the encoding is a guess that a person should hear of.
        delimiter: between fields.
        skipped: lines before the header, such as Excel's 'sep=;'.
        header: names of the columns as the file has them, without space around them.
    """

    encoding: str
    guessed: bool
    delimiter: str
    skipped: int
    header: tuple[str, ...]

    def __str__(self) -> str:
        names = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
        between = names.get(self.delimiter)
        fields = f"fields between {between}" if between else "one column"
        encoding = {"utf-8-sig": "UTF-8", "cp1252": "Latin-1 (Windows-1252)"}.get(
            self.encoding, self.encoding.upper()
        )
        return f"{encoding}{' by guess' if self.guessed else ''}, {fields}"


def dialect(path: PathLike, encoding: str | None = None) -> Dialect:
    """How a file is written, from its first bytes; `.gz` is unpacked.

    UTF-8 and UTF-16 are recognised; what is neither is taken for Windows-1252, which holds
    Latin-1's letters.

    Args:
        path: the file.
        encoding: the file's, where it is known.

    Raises:
        InputError: no such file, an unknown encoding, one that does not fit, or no header.
    """
    path = existing_file(path, "a CSV file")
    state = os.stat(path)
    return _dialect(path, encoding, state.st_size, state.st_mtime_ns)


@functools.lru_cache(32)
def _dialect(path: Path, encoding: str | None, size: int, modified: int) -> Dialect:
    """`dialect` of a file as it is at this moment."""
    del size, modified  # they tell a file from the one that it replaced
    name, guessed = (_known(encoding), False) if encoding else _guessed(path)
    lines = _first_lines(path, name)
    skipped, told = _separator_line(lines)
    rest = lines[skipped:]
    if not rest or not rest[0].strip():
        raise InputError(
            "a CSV file begins with the names of its columns", "", f"Add them to {path}."
        )
    delimiter = told or _delimiter(rest)
    header = next(csv.reader(rest, delimiter=delimiter), [])
    return Dialect(name, guessed, delimiter, skipped, tuple(map(str.strip, header)))


def rows(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Fields of each row; a quoted field may hold delimiters and line breaks."""
    return csv.reader(lines, delimiter=delimiter)


def open_text(path: PathLike, encoding: str) -> IO[str]:
    """A text file, unpacked where its name ends in .gz, without a mark at its beginning."""
    return io.TextIOWrapper(_binary(Path(path)), encoding, newline="")


def _binary(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")  # pyright: ignore


def _known(encoding: str) -> str:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding)  # which takes encodings of text alone
        name = codecs.lookup(encoding).name
    except (LookupError, TypeError, ValueError):  # of metadata it may be anything
        raise InputError(
            "an encoding is one that Python knows", encoding, "Give utf-8, cp1252 or utf-16."
        ) from None
    return {"utf-8": "utf-8-sig", "iso8859-1": "cp1252"}.get(name, name)


def encoding(path: PathLike, told: str | None = None) -> str:
    """The encoding of a text file: the one that is told, or the one that its bytes look like."""
    return _known(told) if told else _guessed(Path(path))[0]


def _guessed(path: Path) -> tuple[str, bool]:
    """Name of a file's encoding, and whether it is a guess."""
    try:
        with _binary(path) as file:
            start = file.read(_SAMPLE)
            for mark, name in _MARKS:
                if start.startswith(mark):
                    return name, False
            if name := _utf16(start):
                return name, True
            return ("utf-8-sig", False) if _is_utf8(start, file) else ("cp1252", True)
    except (OSError, EOFError) as error:
        raise InputError("a CSV file can be read", str(path), f"Mend it: {error}.") from error


def _utf16(start: bytes) -> str:
    """UTF-16 without a mark: every second byte of Latin text is 0."""
    half = len(start) // 2
    for name, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if half and zeros.count(0) > 0.4 * half:
            return name
    return ""


def _is_utf8(start: bytes, file: IO[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    try:
        while start and read < _LOOKED_AT:
            decoder.decode(start)
            read += len(start)
            start = file.read(1 << 20)
        if not start:
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _first_lines(path: Path, encoding: str) -> list[str]:
    try:
        with open_text(path, encoding) as file:
            # Not str.splitlines: it parts lines at form feeds and U+2028, too.
            return list(io.StringIO(file.read(_SAMPLE), newline=""))
    except (UnicodeError, EOFError, OSError) as error:
        raise InputError(
            f"{path.name} is text in {encoding}", str(error), "Say with --encoding what it is in."
        ) from error


def _separator_line(lines: list[str]) -> tuple[int, str]:
    """Number of lines before the header, and the delimiter they tell: Excel's 'sep=;'."""
    first = lines[0].strip("\r\n").strip('"').casefold() if lines else ""
    return (1, first[4]) if first.startswith("sep=") and len(first) == 5 else (0, "")


def _delimiter(lines: list[str]) -> str:
    """The one that parts the header, and the lines below it into as many fields."""
    ranked = [(_fit(lines, one), -place, one) for place, one in enumerate(DELIMITERS)]
    (columns, _), _, best = max(ranked)
    return best if columns else NO_DELIMITER


def _fit(lines: list[str], delimiter: str) -> tuple[bool, float]:
    """Whether the header has several fields, and in how many lines there are as many."""
    try:
        rows = list(itertools.islice(csv.reader(lines, delimiter=delimiter), _LINES))
    except csv.Error:
        return False, 0.0
    return len(rows[0]) > 1, _share(len(row) == len(rows[0]) for row in rows) * len(rows[0])


def _share(values: Iterable[bool]) -> float:
    values = list(values)
    return sum(values) / len(values)
