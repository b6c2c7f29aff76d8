"""Which pictures are one event, on frames written by hand."""

import datetime
import random
import subprocess
import sys

import pytest

from camtrap_tf.events import bursts
from camtrap_tf.events.bursts import Frame

NOON = datetime.datetime(2024, 5, 1, 12)


def after(seconds: float) -> datetime.datetime:
    return NOON + datetime.timedelta(seconds=seconds)


def paths(frames: list[Frame], gap: float = 10) -> list[list[str]]:
    """Events as paths, whatever the order in which frames are given."""
    shuffled = random.Random(0).sample(frames, len(frames))
    found = [[frame.path for frame in event] for event in bursts.events(shuffled, gap)]
    assert found == [[f.path for f in event] for event in bursts.events(frames, gap)]
    return found


def taken(times: dict[str, float | None]) -> list[Frame]:
    return [Frame(path, None if s is None else after(s)) for path, s in times.items()]


def test_a_pause_longer_than_the_gap_begins_an_event():
    frames = taken({"a/1.jpg": 0, "a/2.jpg": 10, "a/3.jpg": 20.5, "b/1.jpg": 0, "a/x.jpg": None})
    assert paths(frames) == [["a/1.jpg", "a/2.jpg"], ["a/3.jpg"], ["a/x.jpg"], ["b/1.jpg"]]


@pytest.mark.parametrize(
    ("positions", "seconds", "sizes"),
    [
        ([1, 2, 3, 1, 2, 3], [0, 15, 30, 45, 60, 75], [3, 3]),  # slow triggers
        ([1, 2, 3, 1, 2, 3], [0, 1, 2, 3, 4, 5], [3, 3]),  # quick ones without a pause
        ([1, 2, 3], [0, 61, 62], [1, 2]),  # no camera waits so long
        ([1, 1, 1], [0, 1, 2], [1, 1, 1]),
        ([1, 3], [0, 9], [2]),  # somebody deleted the second
        ([1, 3], [0, 11], [1, 1]),
        ([1, None, 2], [0, 5, 9], [3]),
    ],
)
def test_numbers_within_a_trigger(positions, seconds, sizes):
    frames = [
        Frame(f"a/{n}.jpg", after(s), position=p, total=None if p is None else 3)
        for n, (p, s) in enumerate(zip(positions, seconds, strict=True))
    ]
    assert [len(event) for event in paths(frames)] == sizes


def test_another_total_is_another_trigger():
    frames = [Frame("1.jpg", after(0), position=1, total=3), Frame("2.jpg", after(1), None, 2, 2)]
    assert len(paths(frames)) == 2


def test_numbers_of_triggers_decide_within_a_second():
    # As a Reconyx writes them: ten pictures a trigger, the next trigger a second later.
    frames = [
        Frame(f"a/RCNX{n:04}.JPG", after(n / 2), position=n % 10 + 1, total=10, trigger=7 + n // 10)
        for n in range(30)
    ]
    assert [len(event) for event in paths(frames)] == [10, 10, 10]
    # Single pictures, a trigger each: three triggers in a row are three events.
    frames = [Frame(f"a/{n}.JPG", after(n), position=1, total=1, trigger=n) for n in range(3)]
    assert [len(event) for event in paths(frames)] == [1, 1, 1]


def test_the_end_of_one_trigger_and_of_the_next_whose_first_was_deleted_are_two_events():
    frames = [
        Frame("a/1.jpg", after(0), position=1, total=3, trigger=5),
        Frame("a/5.jpg", after(1), position=2, total=3, trigger=6),
    ]
    assert paths(frames) == [["a/1.jpg"], ["a/5.jpg"]]


def test_the_last_picture_of_a_trigger_finishes_it():
    first, last = (Frame("1.jpg", after(0), position=place, total=3) for place in (2, 3))
    assert bursts.is_unfinished([first]) and not bursts.is_unfinished([first, last])
    assert not bursts.is_unfinished([Frame("1.jpg", after(0))])


def test_a_trigger_whose_second_picture_was_deleted_is_one_event():
    frames = [
        Frame("a/1.jpg", after(0), position=1, total=3, trigger=5),
        Frame("a/3.jpg", after(30), position=3, total=3, trigger=5),
    ]
    assert paths(frames) == [["a/1.jpg", "a/3.jpg"]]


def test_pictures_without_a_time_are_alone_unless_numbered():
    frames = [Frame(f"a/X_{n}of3.jpg", position=n, total=3) for n in (1, 2, 3)]
    assert paths(frames) == [[frame.path for frame in frames]]
    assert len(paths([Frame("a/1.jpg"), Frame("a/2.jpg")])) == 2


@pytest.mark.parametrize("letters", ["RECNX", "EK113", "_BTCF", "MEDIA", "DSCIM"])
def test_a_camera_goes_on_in_its_next_folder(letters):
    frames = taken({f"S/100{letters}/X9999.JPG": 0, f"S/101{letters}/X0001.JPG": 1})
    assert paths(frames) == [[f"S/100{letters}/X9999.JPG", f"S/101{letters}/X0001.JPG"]]


def test_folders_of_sites_are_cameras():
    assert len(paths(taken({"S01/1.jpg": 0, "S02/2.jpg": 1}))) == 2
    assert len(paths(taken({"100RECNX/1.jpg": 0, "101MEDIA/2.jpg": 1}))) == 2


@pytest.mark.parametrize("pause", [0, 1])
def test_a_counter_wraps(pause):
    frames = taken({"a/X9998.JPG": -pause, "a/X9999.JPG": 0, "a/X0001.JPG": pause})
    assert paths(frames) == [["a/X9998.JPG", "a/X9999.JPG", "a/X0001.JPG"]]
    numbered = [
        Frame(path, after(0), position=n + 1, total=3)
        for n, path in enumerate(("a/X9999.JPG", "a/X0001.JPG", "a/X0002.JPG"))
    ]
    assert paths(numbered) == [["a/X9999.JPG", "a/X0001.JPG", "a/X0002.JPG"]]


def test_a_full_folder_wraps_where_time_goes_back():
    # The camera began at 5000, went on at 0001 after 9999 and came as far as 4999.
    times = {
        f"a/X{n:04}.JPG": 60.0 * (n - 5000 if n >= 5000 else n + 4999) for n in range(1, 10000)
    }
    times["a/X0001.JPG"] = times["a/X9999.JPG"] + 1
    found = bursts.events(taken(times), 10)
    assert [frame.path for event in found if len(event) > 1 for frame in event] == [
        "a/X9999.JPG", "a/X0001.JPG",
    ]  # fmt: skip


def test_a_low_number_that_was_taken_before_is_no_wrap():
    found = paths(taken({"a/X0001.JPG": 0, "a/X0002.JPG": 1, "a/X9999.JPG": 2}))
    assert found == [["a/X0001.JPG", "a/X0002.JPG", "a/X9999.JPG"]]


def test_two_cameras_in_one_folder():
    frames = [Frame(f"a/{n}.jpg", after(n), "R 1" if n % 2 else "R 2") for n in range(4)]
    assert paths(frames) == [["a/1.jpg", "a/3.jpg"], ["a/0.jpg", "a/2.jpg"]]


def test_a_header_without_a_device_is_that_of_the_only_one():
    frames = [Frame("a/1.jpg", after(0), "R 1"), Frame("a/2.jpg", after(1))]
    assert paths(frames) == [["a/1.jpg", "a/2.jpg"]]


@pytest.mark.parametrize("back", [-5, -3600, -86400 * 365 * 7])
def test_a_clock_that_goes_back_begins_an_event(back):
    frames = taken(
        {"a/X0001.JPG": 0, "a/X0002.JPG": 1, "a/X0003.JPG": back, "a/X0004.JPG": back + 1}
    )
    assert paths(frames) == [["a/X0001.JPG", "a/X0002.JPG"], ["a/X0003.JPG", "a/X0004.JPG"]]


def test_what_came_after_a_reset_is_not_mixed_with_the_same_times_before():
    # Twice the batteries failed: the clock began at 2017-01-01 each time.
    reset = (datetime.datetime(2017, 1, 1) - NOON).total_seconds()
    seconds = [0, 1, reset, reset + 4, reset, reset + 5, 3600]
    frames = taken({f"a/IMG_{n:04}.JPG": s for n, s in enumerate(seconds, start=1)})
    names = [frame.path for frame in frames]
    assert paths(frames) == [names[:2], names[2:4], names[4:6], names[6:]]


def test_a_clock_set_forward_within_a_trigger_begins_an_event():
    frames = [
        Frame("a/1.jpg", after(-1e8), position=1, total=3),
        Frame("a/2.jpg", after(0), position=2, total=3),
        Frame("a/3.jpg", after(1), position=3, total=3),
    ]
    assert paths(frames) == [["a/1.jpg"], ["a/2.jpg", "a/3.jpg"]]


def test_a_second_back_within_a_trigger_is_jitter():
    frames = taken({"a/X0001.JPG": 1, "a/X0002.JPG": 0, "a/X0003.JPG": 1})
    assert paths(frames) == [["a/X0001.JPG", "a/X0002.JPG", "a/X0003.JPG"]]


def test_names_that_no_camera_gave_tell_no_order():
    generator = random.Random(1)
    numbers = generator.sample(range(100), 100)
    # A picture a minute and another one 3 s later, numbered at random.
    times = {f"a/{n}.jpg": 60 * (i // 2) + 3 * (i % 2) for i, n in enumerate(numbers)}
    assert [len(event) for event in bursts.events(taken(times), 10)] == [2] * 50


def test_names_with_times_are_in_the_order_of_the_times():
    times = {"S__2024-05-01__12-00-08(1).JPG": 8, "S__2024-05-01__12-00-00(1).JPG": 0}
    assert paths(taken(times)) == [list(times)[::-1]]


def test_files_in_the_order_of_the_camera():
    names = ["IMG_10.JPG", "IMG_9.JPG", "B0002.JPG", "B9999.JPG", "B0001.JPG", "B9998.JPG", "x.jpg"]
    assert bursts.file_order(names) == [
        "B9998.JPG", "B9999.JPG", "B0001.JPG", "B0002.JPG", "IMG_9.JPG", "IMG_10.JPG", "x.jpg",
    ]  # fmt: skip


def test_no_pandas_and_no_tensorflow():
    code = (
        "import sys, camtrap_tf.events.bursts; print({'pandas', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
