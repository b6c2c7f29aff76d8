"""Corrections of clocks that were set wrong: how far the times of a site are shifted, and when.

SITE=+1h12m shifts all times of a site. A CSV file with the columns `site` and `shift`, and `from`
and `to` where they are known, shifts those from one time to before another, as the wrong clock
showed them. A site is that of the metadata, a folder (S1/B04) or the name of one (B04); without a
name, every picture is meant.
"""

import dataclasses
import datetime
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import csv_files, dates
from camtrap_tf.events.table import EventTable

_SHIFT = re.compile(r"([-+])(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_WAY_OUT = "Write B04=+1h12m, or B04=-1d30s: days, hours, minutes, seconds."


@dataclasses.dataclass(frozen=True)
class Correction:
    """A clock that was wrong.

    Args:
        site: whose; '' is every one.
        shift: what is added to its times.
        start, end: of the times that are wrong, `end` no longer; None where there is none.
    """

    site: str
    shift: datetime.timedelta
    start: datetime.datetime | None = None
    end: datetime.datetime | None = None

    def __str__(self) -> str:
        """As a person would write it.

        >>> str(parse("B04=-26h"))
        'B04=-1d2h'
        """
        seconds = round(self.shift.total_seconds())
        rest, parts = abs(seconds), []
        for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
            count, rest = divmod(rest, size)
            parts += [f"{count}{unit}"] if count else []
        text = f"{self.site}={'-' if seconds < 0 else '+'}{''.join(parts) or '0s'}"
        text += f" from {self.start}" if self.start else ""
        return text + (f" to {self.end}" if self.end else "")


def parse(text: str) -> Correction:
    """SITE=SHIFT.

    >>> parse("B04=+1h12m").shift
    datetime.timedelta(seconds=4320)

    Raises:
        InputError: it is something else.
    """
    site, equals, shift = text.rpartition("=")
    if not equals:
        raise InputError("a correction of clocks is SITE=SHIFT, or a CSV file", text, _WAY_OUT)
    return Correction(site.strip().strip("/"), _shift(shift))


def read(path: PathLike) -> tuple[Correction, ...]:
    """The corrections of a CSV file.

    Raises:
        InputError: no such file, a column is absent, or a value is no shift or no time.
    """
    columns, optional = {"shift": "shift"}, {"site": "site", "from": "start", "to": "end"}
    rows = csv_files.read(path, columns, optional)
    for name in ("start", "end"):
        times = dates.read(rows[name].astype("string"), None)
        dates.check(times, rows[name].astype("string"), Path(path).name)
        rows[name] = times.values
    return tuple(
        Correction(
            "" if pd.isna(row.site) else str(row.site).strip("/"),
            _shift(str(row.shift)),
            *(None if pd.isna(time) else time.to_pydatetime() for time in (row.start, row.end)),
        )
        for row in rows.itertuples()
    )


def told(values: Iterable[str]) -> tuple[Correction, ...]:
    """What people wrote: each is SITE=SHIFT or the path of a CSV file."""
    return tuple(
        correction
        for value in values
        for correction in (read(value) if Path(value).is_file() else [parse(value)])
    )


def apply(
    times: pd.Series, paths: pd.Series, sites: pd.Series, corrections: Sequence[Correction]
) -> tuple[pd.Series, np.ndarray]:
    """Corrected times, and which of them were corrected.

    Args:
        times: [n] datetime64, missing where unknown.
        paths: [n] relative paths with '/'.
        sites: [n] text, missing where unknown.
        corrections: what to correct.

    Raises:
        InputError: a time that two of them correct.
    """
    times = times.reset_index(drop=True)
    shift = pd.Series(pd.Timedelta(0), times.index)
    changed = np.zeros(len(times), bool)
    for correction in corrections:
        rows = _concerned(paths, sites, correction.site) & times.notna().to_numpy()
        if correction.start is not None:
            rows &= (times >= correction.start).to_numpy()
        if correction.end is not None:
            rows &= (times < correction.end).to_numpy()
        if (rows & changed).any():
            place = int((rows & changed).argmax())
            raise InputError(
                "a time is corrected once", f"{paths.iloc[place]} twice", f"Mend {correction}."
            )
        changed |= rows
        shift[rows] = pd.Timedelta(correction.shift)
    return (times + shift).astype("datetime64[us]"), changed


def check(paths: pd.Series, sites: pd.Series, corrections: Sequence[Correction]) -> None:
    """Raises InputError where a correction is of a site that no picture is of."""
    for correction in corrections:
        if not _concerned(paths, sites, correction.site).any():
            known = [*sites.dropna().unique()[:3], *paths.iloc[:1].str.rpartition("/")[0]]
            raise InputError(
                "a correction of clocks names the site or a folder of pictures",
                str(correction),
                f"There are {', '.join(filter(None, known))}, ...",
            )


def of_table(table: EventTable, corrections: Sequence[Correction]) -> EventTable:
    """An event table with corrected times, which its origin tells.

    Raises:
        InputError: as `check` and `apply`.
    """
    if not corrections:
        return table
    first = table.frames.drop_duplicates("event_id").set_index("event_id")["path"]
    paths = first.reindex(table.events["event_id"]).fillna("").reset_index(drop=True)
    sites = table.events["site"].reset_index(drop=True)
    check(paths, sites, corrections)
    times, _ = apply(table.events["datetime"], paths, sites, corrections)
    return dataclasses.replace(
        table,
        events=table.events.assign(datetime=times.array),
        origin=f"{table.origin}; clocks {', '.join(map(str, corrections))}",
    )


def _shift(text: str) -> datetime.timedelta:
    found = _SHIFT.fullmatch(text.strip().replace(" ", ""))
    if not found or not any(found.groups()[1:]):
        raise InputError("a shift of a clock is like +1h12m", text, _WAY_OUT)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    size = datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -size if found[1] == "-" else size


def _concerned(paths: pd.Series, sites: pd.Series, site: str) -> np.ndarray:
    """[n] bool: the pictures of a site."""
    if not site:
        return np.ones(len(paths), bool)
    folders = "/" + paths.astype("string").str.rpartition("/")[0] + "/"
    below = folders.str.contains(f"/{site}/", regex=False)
    return below.to_numpy(bool) | (sites == site).fillna(False).to_numpy(bool)
