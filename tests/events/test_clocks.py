"""Clocks that are wrong."""

import datetime

import pandas as pd

from camtrap_tf.events import clocks

NOW = datetime.datetime(2021, 6, 1, 12)


def found(folder, names, times, cameras=None):
    paths = pd.Series([f"{folder}/{name}" for name in names])
    times = pd.Series(pd.to_datetime(times, format="ISO8601"))
    rows = clocks.problems(paths, times, None if cameras is None else pd.Series(cameras), NOW)
    return [tuple(row) for row in rows.itertuples(index=False)]


def test_a_sound_season_has_none():
    names = ["IMG_0001.JPG", "IMG_0002.JPG", "IMG_0010.JPG", "IMG_9.JPG"]
    times = ["2021-05-01 10:00", "2021-05-01 10:00", "2021-05-02 10:00", "2021-05-01 20:00"]
    assert found("A", names, times, ["R 1"] * 4) == []
    # The counter began anew at 1: no step back in time, since 9999 is not followed by 10000.
    assert found("A", ["IMG_9999.JPG", "IMG_0001.JPG"], ["2021-05-01", "2021-05-02"]) == []
    # Two cameras have a clock each; numbers that somebody gave the files tell no order.
    names, times = ["1.jpg", "2.jpg"], ["2021-05-02", "2021-05-01"]
    assert [row[1] for row in found("A", names, times, ["R 1", "R 2"])] == ["several cameras"]
    given = [f"{number}.jpg" for number in (100, 200, 300, 400)]
    assert found("A", given, ["2021-05-04", "2021-05-01", "2021-05-03", "2021-05-02"]) == []


def test_resets_and_future_dates():
    names = ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    times = ["1970-01-01 00:00:09", "2000-01-01 00:03:00", "2021-05-30", "2021-06-03"]
    assert found("A", names, times) == [
        ("A", "not set", 2, "A/1.jpg", "1970-01-01 to 2000-01-01"),
        ("A", "in the future", 1, "A/4.jpg", "2021-06-03 to 2021-06-03"),
    ]


def test_times_that_go_back_against_the_numbers_of_the_files():
    names = ["IMG_0009.JPG", "IMG_0010.JPG", "IMG_0011.JPG", "IMG_0012.JPG"]
    times = ["2021-05-01 10:00", "2021-04-01 10:00", "2021-04-01 11:00", "2021-04-01 09:30"]
    assert found("A", names, times) == [
        ("A", "goes back", 2, "A/IMG_0010.JPG", "by up to 30 days 00:00:00")
    ]
    # Pictures were deleted: 0003 follows 0001.
    assert found("A", ["IMG_0001.JPG", "IMG_0003.JPG"], ["2021-05-01", "2021-04-30"]) == [
        ("A", "goes back", 1, "A/IMG_0003.JPG", "by up to 1 days 00:00:00")
    ]


def test_several_cameras_and_no_times():
    assert found("A", ["1.jpg", "2.jpg"], ["2021-05-01", "2021-05-02"], ["R 1", "R 2"]) == [
        ("A", "several cameras", 2, "A/1.jpg", "2: R 1; R 2")
    ]
    assert found("B", ["1.jpg", "2.jpg"], [None, None], [None, None]) == [
        ("B", "no times", 2, "B/1.jpg", "each picture is an event of its own")
    ]
