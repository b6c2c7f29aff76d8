"""Pictures to capture events by time."""

import pandas as pd

from camtrap_tf import events


def test_a_pause_or_another_camera_begins_an_event():
    paths = pd.Series(["B/2.jpg", "A/1.jpg", "A/2.jpg", "A/3.jpg", "B/1.jpg", "A/none.jpg"])
    seconds = [3, 0, 10, 21, 1, None]
    times = pd.Series(
        [
            pd.NaT if s is None else pd.Timestamp("2012-01-01") + pd.Timedelta(s, "s")
            for s in seconds
        ]
    )
    ids, frames = events.group(paths, times, gap_seconds=10)
    assert list(ids) == ["B/1.jpg", "A/1.jpg", "A/1.jpg", "A/3.jpg", "B/1.jpg", "A/none.jpg"]
    assert list(frames) == [1, 0, 1, 0, 0, 0]


def test_no_times_at_all():
    ids, frames = events.group(pd.Series(["1.jpg", "2.jpg"]), pd.Series([None, None]))
    assert list(ids) == ["1.jpg", "2.jpg"]
    assert list(frames) == [0, 0]
