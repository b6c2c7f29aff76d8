"""Fields that several metadata formats share: times, counts, and values that must be known."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from camtrap_tf.core.emptiness import Meaning, Names
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import COUNT_BINS, EMPTY, count_bin
from camtrap_tf.events.table import Dropped, occurs

# Spreadsheet programs read '11-50' as a date and write it back as 'Nov-50'.
COUNT_REPAIRS = {"Nov-50": "11-50"}
ON_UNKNOWN = ("error", "drop")


def times(texts: pd.Series, dropped: Dropped) -> pd.Series:
    """ISO 8601 texts as camera-local timestamps; a UTC offset or 'Z' is left off.

    A text that is no time (some cameras write 0000-00-00) becomes missing and is counted.
    """
    found = pd.to_datetime(texts.str.slice(0, 19), format="ISO8601", errors="coerce")
    dropped.add("time that cannot be read (the event is kept)", texts[found.isna() & texts.notna()])
    return found.astype("datetime64[us]")


def drops(on_unknown: str, dropped: Dropped) -> Dropped | None:
    """Where unknown values are counted; None if they are an error.

    Raises:
        InputError: `on_unknown` is neither 'error' nor 'drop'.
    """
    if on_unknown not in ON_UNKNOWN:
        raise InputError("on_unknown is 'error' or 'drop'", on_unknown, "Pick one of them.")
    return dropped if on_unknown == "drop" else None


def count_bins(
    texts: pd.Series, where: str, first_row: int, unknown: Dropped | None = None
) -> pd.Series:
    """Counts as bins of `labels.COUNT_BINS`; '' is missing.

    Raises:
        InputError: another value; shows its row. With `unknown` it becomes missing instead.
    """
    bins = texts.str.strip().replace(COUNT_REPAIRS).replace("", pd.NA)
    return known(bins, COUNT_BINS, "count", where, first_row, unknown)


def animals(
    texts: pd.Series, where: str, first_row: int, unknown: Dropped | None = None
) -> pd.Series:
    """Numbers of animals (12, 12.0) or bins (11-50) as bins; '' and 0 are missing.

    Raises:
        InputError: another value; shows its row. With `unknown` it becomes missing instead.
    """
    return count_bins(mapped(texts, bin_of), where, first_row, unknown)


def bin_of(text: str) -> str | None:
    """Bin of a number of animals; None of 0 or nothing; another text as it is.

    >>> bin_of("12.0"), bin_of("51+"), bin_of("0"), bin_of("many")
    ('11-50', '51+', None, 'many')
    """
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        return text
    if number == 0 or number != number:
        return None
    return count_bin(int(number)) if number >= 1 and number == int(number) else text


def known(
    values: pd.Series,
    accepted: Sequence[str],
    what: str,
    where: str,
    first_row: int,
    unknown: Dropped | None = None,
) -> pd.Series:
    """The values, each of which is missing or one of `accepted`.

    Args:
        values: [rows] string.
        accepted: the values that may occur.
        what: name of the column.
        where: name of the file.
        first_row: number of the first row, as an editor shows it.
        unknown: counts other values, which become missing; None makes them an error.

    Raises:
        InputError: another value, with its row.
    """
    wrong = ~occurs(values, pd.Series(accepted)) & values.notna().to_numpy()
    if not wrong.any():
        return values
    rows = np.flatnonzero(wrong)
    if unknown is not None:
        shown = (f"{values.iloc[row]!r} in row {row + first_row}" for row in rows)
        unknown.add(f"{where}: unknown {what}", shown)
        return values.mask(wrong)
    row = int(rows[0])
    raise InputError(
        f"`{what}` is one of {', '.join(accepted)}",
        values.iloc[row],
        f"Correct row {row + first_row} of {where} (rows of this kind: {len(rows):,}).",
    )


def mapped(texts: pd.Series, function: Callable[[str], str | None]) -> pd.Series:
    """`function` of each text, called once per distinct text; missing stays missing."""
    code, names = pd.factorize(texts)
    found = pd.array([function(name) for name in names] + [None], dtype="string")
    return pd.Series(found.take(code), index=texts.index)


def species_or_empty(name: str) -> str:
    """A species' name without surrounding space; 'empty' for what means empty."""
    name = name.strip()
    return EMPTY if Names().meaning(name) is Meaning.EMPTY else name
