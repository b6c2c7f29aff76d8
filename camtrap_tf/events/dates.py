"""Texts that tell a time, in the forms that cameras, spreadsheets and people write.

The order of day and month is told by all texts of a column together: 13/5/2020 has its day
first, and so have the others. Where both orders fit, a person has to say which it is.
"""

import dataclasses
import enum
import re

import numpy as np
import pandas as pd

from camtrap_tf.core.errors import InputError


class Order(enum.Enum):
    """Which of day and month comes first where the year is last."""

    DAY_FIRST = "DMY"
    MONTH_FIRST = "MDY"


@dataclasses.dataclass(frozen=True)
class Times:
    """Times of a column, and how they were read.

    Args:
        values: [n] datetime64[us], camera-local; missing where there is none.
        unread: [n] bool, a text that is no time.
        order: what was chosen, None where no text needed it.
        ambiguous: a text that both orders fit, where no text tells which it is, or ''.
    """

    values: pd.Series
    unread: np.ndarray
    order: Order | None
    ambiguous: str = ""


_CLOCK = (
    r"(?:[T ,]+(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?:Z|[+-]\d{2}:?\d{2})?)?"
)
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})[-:/.](?P<month>\d{1,2})[-:/.](?P<day>\d{1,2})" + _CLOCK)
_YEAR_LAST = re.compile(
    r"(?P<a>\d{1,2})(?P<between>[-/.])(?P<b>\d{1,2})[-/.](?P<year>\d{4}|\d{2})" + _CLOCK
)
_NAMED = re.compile(
    r"(?P<day>\d{1,2})[-./ ]+(?P<name>[A-Za-z]{3,9})[-./, ]+(?P<year>\d{4}|\d{2})" + _CLOCK
)
_COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:[T_ ]?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2}))?"
)
# Plain ISO 8601, which pandas reads fast.
_ISO = (
    r"^\d{4}-\d\d-\d\d(?:[T ](?:[01]\d|2[0-3]):\d\d(?::\d\d(?:[.,]\d+)?)?)?"
    r" ?(?:Z|[+-]\d\d:?\d\d)?$"
)
_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = {name: number for number, name in enumerate(_NAMES.split(), start=1)}


def read(texts: pd.Series, order: Order | None = None) -> Times:
    """Reads times.

    Args:
        texts: [n] string; what is missing or empty has no time.
        order: of day and month, None to find out.

    A UTC offset is left off: times are those of the camera's clock. Seconds may be absent, so
    may the time of day; '2:05 PM', '2024:12:18 10:13:17' and '18-Dec-2024' are read, too.

    >>> times = read(pd.Series(["1/2/2020 2:05 PM", "13/2/2020 10:00"]))
    >>> times.order, str(times.values[0])
    (<Order.DAY_FIRST: 'DMY'>, '2020-02-01 14:05:00')
    """
    texts = texts.astype("string").str.strip().replace("", pd.NA)
    values = _iso(texts)
    rest = values.isna() & texts.notna()
    code, distinct = pd.factorize(texts[rest])
    forms = [_form(text) for text in distinct]
    chosen, ambiguous = (order, "") if order else _order(forms, list(distinct))
    found = [_time(form, chosen) for form in forms]
    column = pd.Series(np.array(found, "datetime64[us]"), dtype="datetime64[us]")
    values[rest] = column.to_numpy()[code] if len(distinct) else pd.NaT
    unread = (values.isna() & texts.notna()).to_numpy(bool)
    needed = any(form and "a" in form for form in forms)
    return Times(values, unread, chosen if needed else None, ambiguous)


def check(times: Times, texts: pd.Series, where: str) -> None:
    """Raises InputError where times were lost, or could be others than they were taken for."""
    if times.ambiguous:
        raise InputError(
            f"the order of day and month in {where} can be told from its dates",
            times.ambiguous,
            "Say which it is with --dates=DMY or --dates=MDY.",
        )
    unread = texts[times.unread & ~_is_zero(texts)]
    if len(unread) and times.values.isna().all():
        raise InputError(
            f"a time in {where} is like 2024-12-18 10:13:17 or 18/12/2024 10:13",
            unread.iloc[0],
            "Write the times like that, or leave the column out.",
        )


def _is_zero(texts: pd.Series) -> np.ndarray:
    """[n] bool: what cameras write that have no time, such as 0000-00-00 00:00:00."""
    return texts.astype("string").str.fullmatch(r"[0\W_T]*").fillna(True).to_numpy(bool)


def _iso(texts: pd.Series) -> pd.Series:
    plain = texts.where(texts.str.match(_ISO).fillna(False).astype(bool))
    found = pd.to_datetime(plain.str.slice(0, 19), format="ISO8601", errors="coerce")
    return found.astype("datetime64[us]")


def _form(text: str) -> dict[str, str] | None:
    """The parts of a time by name; `a` and `b` are day and month, or month and day."""
    for pattern in (_YEAR_FIRST, _YEAR_LAST, _NAMED, _COMPACT):
        if match := pattern.fullmatch(text):
            return match.groupdict()
    return None


def _order(forms: list[dict[str, str] | None], texts: list[str]) -> tuple[Order | None, str]:
    """The order that fits most texts, and one that fits both if none tells which it is."""
    pairs = [(form, text) for form, text in zip(forms, texts, strict=True) if form and "a" in form]
    if not pairs:
        return None, ""
    day = [_time(form, Order.DAY_FIRST) is not None for form, _ in pairs]
    month = [_time(form, Order.MONTH_FIRST) is not None for form, _ in pairs]
    only_day = [text for (_, text), d, m in zip(pairs, day, month, strict=True) if d and not m]
    only_month = [text for (_, text), d, m in zip(pairs, day, month, strict=True) if m and not d]
    if only_day and only_month:
        return None, f"{only_day[0]} beside {only_month[0]}"
    if only_day or only_month:
        return (Order.DAY_FIRST if only_day else Order.MONTH_FIRST), ""
    if all(form["between"] == "." or form["a"] == form["b"] for form, _ in pairs):
        return Order.DAY_FIRST, ""  # nobody writes months first with dots
    return None, next(text for form, text in pairs if form["a"] != form["b"])


def _time(form: dict[str, str] | None, order: Order | None) -> np.datetime64 | None:
    """The time of a form, None where it is none."""
    if form is None or ("a" in form and order is None):
        return None
    form = dict(form)
    if "a" in form:
        first, second = ("day", "month") if order is Order.DAY_FIRST else ("month", "day")
        form |= {first: form["a"], second: form["b"]}
    if "name" in form:
        form["month"] = str(_MONTHS.get(form["name"][:3].casefold(), 0))
    year = int(form["year"])
    if len(form["year"]) == 2:
        year += 1900 if year >= 70 else 2000
    return _checked(year, form, _hour(form))


def _hour(form: dict[str, str]) -> int:
    hour = int(form.get("hour") or 0)
    half = (form.get("half") or "").casefold()
    if not half:
        return hour
    return 99 if not 1 <= hour <= 12 else hour % 12 + 12 * (half[0] == "p")


def _checked(year: int, form: dict[str, str], hour: int) -> np.datetime64 | None:
    """The time, None where there is no such day or hour; 24:00 is the next day's 00:00."""
    minute, second = (int(form.get(part) or 0) for part in ("minute", "second"))
    if hour > 24 or (hour == 24 and (minute or second)) or minute > 59 or second > 59:
        return None
    try:
        day = np.datetime64(f"{year:04d}-{int(form['month']):02d}-{int(form['day']):02d}", "us")
    except ValueError:
        return None
    return day + np.timedelta64(hour * 3600 + minute * 60 + second, "s")
