r"""CSV as it is written here, so that every reader finds the cells that were meant.

Rows end in '\n'. Cells with either kind of line end are quoted: Python quotes only its own, and a
'\r' in the name of a file would break its row in two.

Spreadsheet programs run a cell that begins with `=`, `+`, `-` or `@` as a formula, and names of
files come from strangers. Such a text gets an apostrophe before it, as does one that has
apostrophes before these; numbers are left alone. `events.csv_files` takes the apostrophe off again.
"""

import csv
import io
import re
import typing
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

if typing.TYPE_CHECKING:
    import pandas as pd

BOM = "\ufeff"  # by which Excel knows UTF-8
_GUARDED = r"^(?:'*[=+\-@\t\r])"
_NUMBER = r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$"
WITH_GUARD = r"^'('*[=+\-@\t\r])"  # a cell that a guard stands before; serves Arrow, too
_FORMULA, _PLAIN = re.compile(_GUARDED), re.compile(_NUMBER)


def guarded(cell: Any) -> Any:
    """A cell that no spreadsheet program takes for a formula.

    >>> guarded("=1+1"), guarded("'=1"), guarded("-12.5"), guarded("a=1"), guarded(-1)
    ("'=1+1", "''=1", '-12.5', 'a=1', -1)
    """
    if not isinstance(cell, str) or not _FORMULA.match(cell) or _PLAIN.match(cell):
        return cell
    return f"'{cell}"


def unguarded(cell: str) -> str:
    """The text that `guarded` was given.

    >>> unguarded("'=1+1"), unguarded("''=1"), unguarded("'n Roll"), unguarded("-12.5")
    ('=1+1', "'=1", "'n Roll", '-12.5')
    """
    return re.sub(WITH_GUARD, r"\1", cell)


def text(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV, texts guarded; the first is the header."""
    file = io.StringIO(newline="")
    csv.writer(_Lines(file), lineterminator="\r\n").writerows(map(guarded, row) for row in rows)
    return file.getvalue()


def write_frame(frame: "pd.DataFrame", file: TextIO, *, guard: bool = True, **options: Any) -> None:
    """Writes a data frame as CSV, without its index.

    Args:
        frame: the rows.
        file: open for text, with newline="".
        guard: whether texts are guarded.
        options: of `DataFrame.to_csv`.
    """
    frame = frame.assign(**_guarded_columns(frame)) if guard else frame
    frame.to_csv(_Lines(file), index=False, lineterminator="\r\n", **options)


def _guarded_columns(frame: "pd.DataFrame") -> dict[str, Any]:
    """The text columns in which some cell is to be guarded."""
    columns = {}
    for name in frame.select_dtypes(["object", "string", "category"]):
        distinct = {cell: guarded(cell) for cell in frame[name].dropna().unique()}
        if any(cell != new for cell, new in distinct.items()):
            column = frame[name].astype(object)
            columns[name] = column.map(distinct).where(column.notna(), None)
    return columns


class _Lines(io.TextIOBase):
    """Passes on rows that end in CR LF, with LF in its place."""

    def __init__(self, file: TextIO):
        self._file = file

    def write(self, text: str) -> int:
        """Takes one row, as csv writes them."""
        return self._file.write(text.removesuffix("\r\n") + "\n")
