"""Clocks that were set wrong, and are corrected."""

import datetime

import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events import corrections
from camtrap_tf.events.corrections import Correction
from camtrap_tf.events.table import EventTable

PATHS = pd.Series(["S1/B04/1.jpg", "S1/B04/2.jpg", "S1/B05/1.jpg", "x.jpg"], dtype="string")
SITES = pd.Series([None, None, None, "B04"], dtype="string")
TIMES = pd.to_datetime(
    pd.Series(["2024-05-01 10:00", None, "2024-05-01 10:00", "2024-06-01 00:00"])
)


def corrected(*values: str) -> list[str]:
    times, changed = corrections.apply(TIMES, PATHS, SITES, corrections.told(values))
    assert changed.tolist() == [
        new != old and pd.notna(old) for new, old in zip(times, TIMES, strict=True)
    ]
    return times.dt.strftime("%m-%d %H:%M:%S").fillna("").tolist()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("B=+1h12m", 4320), ("B=-1d30s", -86430), ("=+90m", 5400), ("a/b=+1d 2h", 93600)],
)
def test_shifts(text, seconds):
    assert corrections.parse(text).shift == datetime.timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["B04", "B04=1h", "B04=+", "B04=+1x", "B04=+1m2h"])
def test_what_is_no_shift(text):
    with pytest.raises(InputError, match=r"Write B04=\+1h12m"):
        corrections.parse(text)


def test_a_site_is_of_the_metadata_or_a_folder():
    assert corrected("B04=+1h12m") == ["05-01 11:12:00", "", "05-01 10:00:00", "06-01 01:12:00"]
    assert corrected("S1/B05=-1d") == ["05-01 10:00:00", "", "04-30 10:00:00", "06-01 00:00:00"]
    assert corrected("=+1s") == ["05-01 10:00:01", "", "05-01 10:00:01", "06-01 00:00:01"]


def test_a_table_says_when_a_clock_was_wrong(tmp_path):
    file = tmp_path / "clocks.csv"
    file.write_text(
        "site,from,to,shift\nB04,,2024-05-02 00:00,+1h\nB04,2024-06-01 00:00,,-1h\nB05,,,+1m\n"
    )
    assert corrected(str(file)) == ["05-01 11:00:00", "", "05-01 10:01:00", "05-31 23:00:00"]
    assert corrections.read(file)[0] == Correction(
        "B04", datetime.timedelta(hours=1), None, datetime.datetime(2024, 5, 2)
    )
    assert str(corrections.read(file)[1]) == "B04=-1h from 2024-06-01 00:00:00"


def test_a_shift_ends_before_its_end(tmp_path):
    file = tmp_path / "clocks.csv"
    file.write_text("site,from,to,shift\nB04,,2024-06-01 00:00,+1h\n")
    assert corrected(str(file))[3] == "06-01 00:00:00"
    file.write_text("site,from,to,shift\nB04,2024-06-01 00:00,,+1h\n")
    assert corrected(str(file))[3] == "06-01 01:00:00"


def test_a_part_of_a_folders_name_is_no_site():
    assert corrected("B0=+1h") == corrected()


def test_a_time_is_corrected_once():
    with pytest.raises(InputError, match=r"corrected once; received 'S1/B04/1\.jpg twice'"):
        corrected("B04=+1h", "S1=+1h")


def test_a_site_that_is_not_there_is_an_error():
    with pytest.raises(InputError, match=r"received 'B06=\+1h'\. There are B04, S1/B04"):
        corrections.check(PATHS, SITES, [corrections.parse("B06=+1h")])


def test_an_event_table_tells_what_was_corrected():
    events = pd.DataFrame({"event_id": ["e1", "e2"], "site": ["A", "B"], "datetime": TIMES[:2]})
    events["datetime"] = TIMES[0]
    frames = pd.DataFrame({"event_id": ["e1", "e2"], "path": ["1.jpg", "2.jpg"]})
    table = EventTable(events, frames, pd.DataFrame({"event_id": []}), "season 1")
    found = corrections.of_table(table, [corrections.parse("B=+1h")])
    assert found.events["datetime"].dt.hour.tolist() == [10, 11]
    assert found.origin == "season 1; clocks B=+1h"
    assert corrections.of_table(table, []) is table
