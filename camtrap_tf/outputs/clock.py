"""Camera clocks: local times to ISO 8601 with a UTC offset."""

import datetime
import re
import zoneinfo

import numpy as np
import pandas as pd

from camtrap_tf.core.errors import InputError

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d?)(?::?(\d\d))?")


def zone(text: str) -> datetime.tzinfo:
    """The time zone of a UTC offset or a place.

    Most cameras keep one offset through the year; a place's summer time is followed.

    >>> zone("+03:00"), zone("-8"), zone("Africa/Nairobi")
    (datetime.timezone(datetime.timedelta(seconds=10800)), \
datetime.timezone(datetime.timedelta(days=-1, seconds=57600)), \
zoneinfo.ZoneInfo(key='Africa/Nairobi'))

    Raises:
        InputError: neither.
    """
    if text in ("Z", "UTC"):
        return datetime.UTC
    match = _OFFSET.fullmatch(text.strip())
    if match and int(match[2]) <= 14:
        minutes = 60 * int(match[2]) + int(match[3] or 0)
        return datetime.timezone(datetime.timedelta(minutes=int(f"{match[1]}{minutes}")))
    try:
        return zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            "a time zone is a UTC offset such as +03:00, or a place such as Africa/Nairobi",
            text,
            "Give that of the cameras' clocks.",
        ) from error


def stamped(times: pd.Series | np.ndarray, clock: datetime.tzinfo) -> np.ndarray:
    """[n] text such as '2020-01-02T03:04:05+03:00' of local times; 'NaT' where missing.

    Of an hour that occurs twice the later one is meant; one that is skipped is put forward.
    """
    local = pd.DatetimeIndex(np.asarray(times, "datetime64[s]"))
    aware = local.tz_localize(
        clock, ambiguous=np.zeros(len(local), bool), nonexistent="shift_forward"
    )
    minutes = (aware.tz_localize(None) - aware.tz_convert("UTC").tz_localize(None)) // _MINUTE
    codes, offsets = pd.factorize(minutes)
    texts = np.array([*map(_offset, offsets), ""])
    seconds = np.datetime_as_string(aware.tz_localize(None).to_numpy("datetime64[s]"))
    return np.char.add(seconds, texts[codes])


_MINUTE = pd.Timedelta(minutes=1)


def _offset(minutes: float) -> str:
    hours, rest = divmod(abs(int(minutes)), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"
