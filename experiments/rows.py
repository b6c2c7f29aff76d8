"""Rows of a result: measured beside published, printed and kept as CSV."""

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

from camtrap_tf.core.artifacts import write_text


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure.

    Args:
        subject: what was measured, such as an architecture or a species.
        figure: which figure of it.
        split: split of the shards it was measured on.
        measured: a share unless the figure's name says otherwise; None where there is none.
        low, high: 95% interval, capture events drawn anew.
        scored: pictures (or events) scored.
        published: the paper's figure.
        note: why there is no figure, or what differs from the paper.
    """

    subject: str
    figure: str
    split: str = ""
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    scored: int | None = None
    published: float | None = None
    note: str = ""


_FIELDS = tuple(field.name for field in dataclasses.fields(Row))


def write(rows: Sequence[Row], path: Path) -> None:
    """Writes rows as CSV, atomically."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FIELDS)
    writer.writerows([_cell(getattr(row, name)) for name in _FIELDS] for row in rows)
    write_text(path, text.getvalue())


def write_lines(lines: Sequence[dict], path: str | Path, names: Sequence[str] = ()) -> None:
    """Writes tables of other columns than `Row` has, as CSV, atomically.

    Args:
        lines: the same keys in each.
        path: of the file.
        names: of the columns; the first line's where there are none.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, names or list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_text(path, text.getvalue())


def table(rows: Sequence[Row]) -> str:
    """Rows as aligned text for a terminal."""
    lines = [[_cell(getattr(row, name)) for name in _FIELDS] for row in rows]
    lines = [list(_FIELDS), *lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_FIELDS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
