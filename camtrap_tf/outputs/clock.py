"""Camera clocks: local times to ISO 8601 with a UTC offset.

A camera's clock is set when the camera is put up and knows nothing of summer time: where people
put their clocks forward or back, it goes on as it was. So the offset of a place's time zone is
that of the day on which a deployment began, for all its pictures. Some cameras (cellular ones)
follow summer time; then the offset is that of each capture event's first picture, so that no
event is an hour longer or shorter than it was.
"""

import datetime
import re
import zoneinfo

import numpy as np
import pandas as pd

from camtrap_tf.core.errors import InputError

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d?)(?::?(\d\d))?")
_MINUTE = pd.Timedelta(minutes=1)


def zone(text: str) -> datetime.tzinfo:
    """The time zone of a UTC offset or a place.

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


def offsets(times: pd.Series | np.ndarray, place: datetime.tzinfo) -> np.ndarray:
    """[n] float, minutes from UTC at local times; NaN where a time is missing.

    Of an hour that occurs twice the first is meant; in one that is skipped, the offset before it
    still holds.
    """
    local = _local(times)
    aware = local.tz_localize(
        place, ambiguous=np.ones(len(local), bool), nonexistent="shift_backward"
    )
    minutes = (aware.tz_localize(None) - aware.tz_convert("UTC").tz_localize(None)) / _MINUTE
    return minutes.to_numpy(float)


def skipped(times: pd.Series | np.ndarray, place: datetime.tzinfo) -> np.ndarray:
    """[n] bool: local times that never were, since clocks were put forward over them."""
    local = _local(times)
    aware = local.tz_localize(place, ambiguous=np.ones(len(local), bool), nonexistent="NaT")
    return np.asarray(aware.isna() & ~local.isna())


def stamped(times: pd.Series | np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """[n] text such as '2020-01-02T03:04:05+03:00'; 'NaT' where a time is missing.

    Args:
        times: [n] datetime64, local.
        minutes: [n] from UTC.
    """
    seconds = np.datetime_as_string(np.asarray(times, "datetime64[s]"))
    codes, found = pd.factorize(
        np.where(np.isnat(np.asarray(times, "datetime64[s]")), np.nan, minutes)
    )
    texts = np.array([*map(_offset, found), ""])
    return np.char.add(seconds, texts[codes])


def _local(times: pd.Series | np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(np.asarray(times, "datetime64[s]"))


def _offset(minutes: float) -> str:
    hours, rest = divmod(abs(int(minutes)), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"
