"""Fields that several metadata formats share: species, times, counts, values of a vocabulary."""

import collections
import dataclasses
import logging
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.emptiness import Meaning, Names
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.heads import declared
from camtrap_tf.core.labels import BINARY, COUNT_BINS, EMPTY, count_bin
from camtrap_tf.events import dates, path_columns
from camtrap_tf.events.table import Dropped, EventTable, occurs

# Spreadsheet programs read '11-50' as a date and write it back as 'Nov-50'.
COUNT_REPAIRS = {"Nov-50": "11-50"}
ON_UNKNOWN = ("error", "drop")
NO_SPECIES = "label that names no species"
LOOKALIKE = "label that reads like no species, see --empty_names"
UNREAD_TIME = "time that cannot be read (the event is kept)"

log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a person says about reading metadata, whatever their format.

    Args:
        on_unknown: 'drop' leaves out what the format does not know, and counts it; 'error'
            refuses the file.
        names: which names mean empty, and which nothing at all.
        order: of day and month where the year is last; None to find out.
        encoding: of CSV files; None to find out.
        heads: further questions that the metadata answer: class names by name, see
            `core.heads.declared`.
    """

    on_unknown: str = "error"
    names: Names = dataclasses.field(default_factory=Names)
    order: dates.Order | None = None
    encoding: str | None = None
    heads: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @classmethod
    def parse(
        cls,
        on_unknown: str | None = None,
        empty_names: str | None = None,
        dates: str | None = None,
        encoding: str | None = None,
        head: Sequence[str] = (),
    ) -> Self:
        """The rules from their flags.

        Raises:
            InputError: a value that a flag does not take.
        """
        if on_unknown not in (None, *ON_UNKNOWN):
            raise InputError("on_unknown is 'error' or 'drop'", on_unknown, "Pick one of them.")
        names = Names.parse(empty_names)
        return cls(on_unknown or "error", names, _order(dates), encoding, declared(head))


def _order(text: str | None) -> dates.Order | None:
    if text is None:
        return None
    try:
        return dates.Order(text)
    except ValueError:
        raise InputError("dates is 'DMY' or 'MDY'", text, "Pick one of them.") from None


class Reading:
    """One reading of metadata: its rules, and what there is to tell of it.

    Args:
        rules: None takes the default ones.

    Attributes:
        heads: further questions that the metadata answer.
        dropped: what was left out.
        unknown: where unknown values are counted; None if they are an error.
        seen: how often each name meant empty, or nothing.
    """

    def __init__(self, rules: Rules | None = None):
        self.rules = rules or Rules()
        self.heads = self.rules.heads
        self.dropped = Dropped()
        self.unknown = self.dropped if self.rules.on_unknown == "drop" else None
        self.seen: collections.Counter[tuple[str, Meaning]] = collections.Counter()

    def named(self, names: pd.Series) -> pd.Series:
        """Species by the names that people gave them.

        Returns:
            [n] string: a species, 'empty', or missing where the name says nothing; such names
            are counted, and a name that reads like one of them is, too.
        """
        code, distinct = pd.factorize(names)
        found = [self.name(name) for name in distinct]
        number = np.bincount(code[code >= 0], minlength=len(distinct))
        for name, species, times in zip(distinct, found, number, strict=True):
            self.note(name, species, int(times))
        column = pd.array([*found, None], dtype="string")
        return pd.Series(column.take(code), index=names.index)

    def empties(self, names: pd.Series) -> pd.Series:
        """The names, 'empty' in place of each that means it."""
        found = mapped(names, lambda name: EMPTY if self.name(name) == EMPTY else name)
        for name, number in names[found == EMPTY].value_counts().items():
            self.note(str(name), EMPTY, int(number))
        return found

    def name(self, name: str) -> str | None:
        """Species of one name, 'empty', or None where it says nothing."""
        meaning = self.rules.names.meaning(name)
        if meaning is Meaning.EMPTY:
            return EMPTY
        nothing = meaning is Meaning.UNLABELLED or self.rules.names.is_lookalike(name)
        return None if nothing else unicodedata.normalize("NFC", name.strip())

    def note(self, name: str, species: str | None, number: int) -> None:
        """Keeps in mind that a name, so many times, meant empty or nothing."""
        if species == EMPTY:
            self.seen[name, Meaning.EMPTY] += number
        elif species is None and name.strip():
            self.seen[name, Meaning.UNLABELLED] += number
            rule = LOOKALIKE if self.rules.names.is_lookalike(name) else NO_SPECIES
            self.dropped.add(rule, [name] * number)

    def named_before(self, paths: pd.Series, keys: pd.Series) -> np.ndarray:
        """[n] bool: pictures whose file another one of the table has named before.

        Raises:
            InputError: there are such, and on_unknown is not 'drop': which labels the file has
                is not known then.
        """
        again = paths.duplicated().to_numpy()
        if again.any() and self.unknown is None:
            path = paths[again].iloc[0]
            both = ", ".join(keys[paths == path].iloc[:2])
            raise InputError(
                "a picture is listed once", f"{path} ({both})",
                "Drop one of the two, or all but the first with --on_unknown=drop.",
            )  # fmt: skip
        self.dropped.add("picture that names a file once more", keys[again])
        return again

    def times(self, texts: pd.Series, where: str) -> pd.Series:
        """[n] datetime64[us]: times of the camera's clock; a UTC offset or 'Z' is left off.

        A text that is no time (some cameras write 0000-00-00) becomes missing and is counted.

        Raises:
            InputError: day and month cannot be told apart, or none of the texts is a time.
        """
        found = dates.read(texts, self.rules.order)
        dates.check(found, texts, where)
        if found.order is not None and self.rules.order is None:
            log.info("dates in %s are read as %s; --dates says otherwise", where, found.order.value)
        self.dropped.add(UNREAD_TIME, texts[found.unread])
        return found.values

    def without_system_folders(self, table: EventTable) -> EventTable:
        """The table without pictures in folders of the system: previews, and what was deleted."""
        hidden = path_columns.in_system_folder(table.frames["path"])
        table.dropped.add("picture in a folder of the system", table.frames["path"][hidden])
        return table.without_frames(hidden) if hidden.any() else table

    def answered(self, rows: pd.DataFrame, path: PathLike, first_row: int) -> pd.DataFrame:
        """The rows, the columns that answer a further head (`column_of`) read.

        Args:
            rows: all of the file, in its order; the columns are text.
            path: of the file.
            first_row: number of the first row, as an editor shows it.

        Raises:
            InputError: a value that answers no such question, with its row; unless unknown
                values are dropped.
        """
        where = Path(path).name
        for name, classes in self.heads.items():
            read = yes_or_no if classes == BINARY else classes_of
            texts = rows[column_of(name)].rename(name)
            found = read(texts, classes, where, first_row, self.unknown)
            rows = rows.assign(**{column_of(name): found})
        return rows

    def agreed(self, groups: Any) -> dict[str, pd.Series]:
        """What rows about one species in one place say together, by further head.

        Args:
            groups: the rows by `species` and whatever else they share (of `DataFrame.groupby`).

        Returns:
            [groups] the largest share of yes; of several classes the one that they name, and none
            where they name several, which is counted.
        """
        found = {}
        for name, classes in self.heads.items():
            column = groups[column_of(name)]
            said = column.max() if classes == BINARY else column.first()
            if classes != BINARY:
                several = (column.nunique() > 1).to_numpy()
                species = said.index.get_level_values("species")[several]
                self.dropped.add(f"{name} of a species: several answers", species)
                said = said.mask(several)
            found[name] = said.reset_index(drop=True)
        return found

    def report(self) -> None:
        """Logs which names were taken for empty, and which for nothing."""
        for meaning, what in _MEANINGS.items():
            names = {name: n for (name, one), n in self.seen.items() if one is meaning}
            if set(map(str.casefold, names)) - {EMPTY}:
                listed = ", ".join(f"{name!r} ({n:,})" for name, n in names.items())
                log.info("%s: %s (--empty_names changes that)", what, listed)
        likely = [name for name, _ in self.seen if self.rules.names.is_lookalike(name)]
        if likely:
            log.warning(
                "read like no species and are left without label: %s; say what they mean with "
                "--empty_names=%s=empty, or =species",
                ", ".join(map(repr, likely)), likely[0],
            )  # fmt: skip


_MEANINGS = {Meaning.EMPTY: "names that mean empty", Meaning.UNLABELLED: "names of no species"}


def column_of(head: str) -> str:
    """The column that answers a further head, while metadata are read.

    No column of a format is named so, whatever the head is.
    """
    return f"{head}?"


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
    """Numbers of animals (12, 12.0) or bins (11-50) as bins; '', 'NA' and 0 are missing.

    Raises:
        InputError: another value; shows its row. With `unknown` it becomes missing instead.
    """
    return count_bins(mapped(texts, bin_of), where, first_row, unknown)


def bin_of(text: str) -> str | None:
    """Bin of a number of animals; None of 0 or nothing; another text as it is.

    >>> bin_of("12.0"), bin_of("51+"), bin_of("0"), bin_of("NA"), bin_of("many")
    ('11-50', '51+', None, None, 'many')
    """
    text = text.strip()
    if text.casefold() in ("na", "n/a", "null", "none"):
        return None
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


# Words for yes, 1, and no, 0, in lower case.
YES = dict.fromkeys(("yes", "y", "true", "1"), 1) | dict.fromkeys(("no", "n", "false", "0"), 0)


def classes_of(
    texts: pd.Series,
    classes: Sequence[str],
    where: str,
    first_row: int,
    unknown: Dropped | None = None,
) -> pd.Series:
    """Texts as classes of a further head, whatever their case; '' is missing.

    Raises:
        InputError: another value; shows its row. With `unknown` it becomes missing instead.
    """
    spelled = {name.casefold(): name for name in classes}
    found = mapped(texts, lambda text: spelled.get(text.strip().casefold(), text.strip()) or None)
    return known(found, classes, str(texts.name), where, first_row, unknown)


def yes_or_no(
    texts: pd.Series,
    classes: Sequence[str],
    where: str,
    first_row: int,
    unknown: Dropped | None = None,
) -> pd.Series:
    """Shares of yes of a further head: of yes, no, true, false, or a number in [0, 1].

    Raises:
        InputError: another value; shows its row. With `unknown` it becomes missing instead.
    """
    words = {word: str(value) for word, value in YES.items()}
    found = mapped(texts, lambda text: words.get(text.strip().lower(), text.strip()) or None)
    shares = pd.to_numeric(found, errors="coerce").astype("Float64")
    right = shares.between(0, 1).fillna(False)
    known(found, [*YES, *found[right].unique()], str(texts.name), where, first_row, unknown)
    return shares.where(right)


def mapped(texts: pd.Series, function: Callable[[str], str | None]) -> pd.Series:
    """`function` of each text, called once per distinct text; missing stays missing."""
    code, names = pd.factorize(texts)
    found = pd.array([function(name) for name in names] + [None], dtype="string")
    return pd.Series(found.take(code), index=texts.index)
