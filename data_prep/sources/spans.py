"""Which pictures an event holds: those that it names, and those taken at its place in its time."""

import numpy as np
import pandas as pd

_YEARS = 10**13  # milliseconds, three hundred years: more than lies between two times


def milliseconds(texts: pd.Series) -> pd.Series:
    """[n] Int64: ISO 8601 texts as milliseconds since 1970 (UTC); missing where they are none."""
    instants = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
    whole = instants.dt.tz_localize(None).astype("datetime64[ms]").astype("int64")
    return whole.astype("Int64").mask(instants.isna())


def within(events: pd.DataFrame, shots: pd.DataFrame) -> pd.DataFrame:
    """Pairs of an event and a shot that was taken at its place, in its time.

    Args:
        events: `event, place, start, end`, times as integers; ends belong to the event.
        shots: `shot, place, taken`.

    Returns:
        `event, shot`. A shot may lie within several events; missing times match nothing.

    >>> events = pd.DataFrame({"event": ["a", "b"], "place": 1, "start": [0, 5], "end": [9, 6]})
    >>> within(events, pd.DataFrame({"shot": [1, 2], "place": 1, "taken": [5, 7]})).values.tolist()
    [['a', 1], ['a', 2], ['b', 1]]
    """
    events = events.dropna(subset=["place", "start", "end"])
    shots = shots.dropna(subset=["place", "taken"])
    code = pd.factorize(pd.concat([events["place"], shots["place"]]))[0]
    here, there = code[: len(events)] * _YEARS, code[len(events) :] * _YEARS
    taken = there + shots["taken"].to_numpy(np.int64)
    order = np.argsort(taken, kind="stable")
    first = np.searchsorted(taken[order], here + events["start"].to_numpy(np.int64), "left")
    last = np.searchsorted(taken[order], here + events["end"].to_numpy(np.int64), "right")
    sizes = np.maximum(last - first, 0)
    begin = np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows = np.arange(sizes.sum()) - begin + np.repeat(first, sizes)
    return pd.DataFrame({
        "event": events["event"].to_numpy().repeat(sizes),
        "shot": shots["shot"].to_numpy()[order[rows]],
    })  # fmt: skip
