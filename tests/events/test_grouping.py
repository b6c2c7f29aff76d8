"""Pictures to capture events by time."""

import pandas as pd

from camtrap_tf.events import grouping


def test_a_pause_or_another_camera_begins_an_event():
    paths = pd.Series(["B/2.jpg", "A/1.jpg", "A/2.jpg", "A/3.jpg", "B/1.jpg", "A/none.jpg"])
    seconds = [3, 0, 10, 21, 1, None]
    times = pd.Series(
        [
            pd.NaT if s is None else pd.Timestamp("2012-01-01") + pd.Timedelta(s, "s")
            for s in seconds
        ]
    )
    ids, frames = grouping.group(paths, times, gap_seconds=10)
    assert list(ids) == ["B/1.jpg", "A/1.jpg", "A/1.jpg", "A/3.jpg", "B/1.jpg", "A/none.jpg"]
    assert list(frames) == [1, 0, 1, 0, 0, 0]


def test_no_times_at_all():
    ids, frames = grouping.group(pd.Series(["1.jpg", "2.jpg"]), pd.Series([None, None]))
    assert list(ids) == ["1.jpg", "2.jpg"]
    assert list(frames) == [0, 0]


def test_numbers_of_a_burst_decide_where_the_camera_writes_them():
    # Two triggers 4 s apart, three pictures each, the second of them slow; then one unnumbered.
    seconds, positions = [0, 1, 2, 4, 5, 30, 35], [1, 2, 3, 1, 2, 3, None]
    paths = pd.Series([f"A/{number}.jpg" for number in range(7)])
    times = pd.Series(pd.Timestamp("2012-01-01") + pd.to_timedelta(seconds, "s"))
    ids, frames = grouping.group(paths, times, 10, pd.DataFrame({"position": positions}))
    assert list(ids) == 3 * ["A/0.jpg"] + 4 * ["A/3.jpg"]
    assert list(frames) == [0, 1, 2, 0, 1, 2, 3]


def test_cameras_that_share_a_folder_share_no_event():
    paths, times = pd.Series(["1.jpg", "2.jpg", "3.jpg"]), pd.Series(3 * ["2012-01-01 12:00:00"])
    ids, _ = grouping.group(paths, times, facts=pd.DataFrame({"camera": ["R 1", "R 2", "R 1"]}))
    assert list(ids) == ["1.jpg", "2.jpg", "1.jpg"]


def test_sites_of_one_folder_are_apart():
    paths = pd.Series(["1.jpg", "2.jpg", "3.jpg", "4.jpg"])
    times = pd.Series(pd.to_datetime(["2020-01-01 10:00:00"] * 4))
    ids, _ = grouping.group(paths, times, sites=pd.Series(["A", "B", "A", "B"], dtype="string"))
    assert ids.tolist() == ["1.jpg", "2.jpg", "1.jpg", "2.jpg"]
    ids, _ = grouping.group(paths, times, sites=pd.Series([None] * 4, dtype="string"))
    assert ids.tolist() == ["1.jpg"] * 4
