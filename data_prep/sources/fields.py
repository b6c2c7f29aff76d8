"""Fields that several metadata formats share: times, counts, and where an error lies."""

from collections.abc import Sequence

import pandas as pd

from camtrap_tf.errors import InputError
from camtrap_tf.event_table import Dropped, occurs
from camtrap_tf.labels import COUNT_BINS

# Spreadsheet programs read '11-50' as a date and write it back as 'Nov-50'.
COUNT_REPAIRS = {"Nov-50": "11-50"}


def times(texts: pd.Series, dropped: Dropped) -> pd.Series:
    """ISO 8601 texts as camera-local timestamps; a UTC offset or 'Z' is left off.

    A text that is no time (some cameras write 0000-00-00) becomes missing and is counted.
    """
    found = pd.to_datetime(texts.str.slice(0, 19), format="ISO8601", errors="coerce")
    dropped.add("time that cannot be read (the event is kept)", texts[found.isna() & texts.notna()])
    return found.astype("datetime64[us]")


def count_bins(texts: pd.Series, where: str, first_row: int) -> pd.Series:
    """Counts as bins of `labels.COUNT_BINS`; '' is missing.

    Raises:
        InputError: another value; shows its row.
    """
    bins = texts.str.strip().replace(COUNT_REPAIRS).replace("", pd.NA)
    accept(bins, COUNT_BINS, "count", where, first_row)
    return bins


def accept(values: pd.Series, accepted: Sequence[str], what: str, where: str, first_row: int):
    """Raises InputError at the first value that is neither missing nor accepted.

    Args:
        values: [rows] string.
        accepted: the values that may occur.
        what: name of the column.
        where: name of the file.
        first_row: number of the first row, as an editor shows it.
    """
    wrong = ~occurs(values, pd.Series(accepted)) & values.notna().to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"`{what}` is one of {', '.join(accepted)}",
            values.iloc[row],
            f"Correct row {row + first_row} of {where} (rows of this kind: {wrong.sum():,}).",
        )
