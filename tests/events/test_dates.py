import numpy as np
import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events.dates import Order, check, read


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-12-18", "2024-12-18"),
        ("2024-12-18T10:13", "2024-12-18 10:13"),
        ("2024-12-18T10:13:17.250+02:00", "2024-12-18 10:13:17"),
        ("2024-12-18 24:00:00", "2024-12-19"),
        ("2024-12-18 12:05:06 AM", "2024-12-18 00:05:06"),
        ("2024:12:18 10:13:17", "2024-12-18 10:13:17"),
        ("2024/12/18 9:13", "2024-12-18 09:13"),
        ("18.12.2024, 10:13:17", "2024-12-18 10:13:17"),
        ("18/12/24 10:13", "2024-12-18 10:13"),
        ("12/18/2024 1:05 pm", "2024-12-18 13:05"),
        ("18-Dec-2024 10:13:17", "2024-12-18 10:13:17"),
        ("20241218_101317", "2024-12-18 10:13:17"),
    ],
)
def test_forms_of_a_time(text, time):
    times = read(pd.Series([text]))
    assert times.values[0] == pd.Timestamp(time)
    assert (times.unread.tolist(), times.ambiguous) == ([False], "")


def test_one_row_tells_the_order_of_all():
    times = read(pd.Series(["01/02/2020", "13/02/2020", None]))
    assert times.order is Order.DAY_FIRST
    assert times.values[:2].dt.strftime("%m-%d").tolist() == ["02-01", "02-13"]
    times = read(pd.Series(["01/02/2020", "02/13/2020"]))
    assert times.order is Order.MONTH_FIRST
    assert times.values.dt.strftime("%m-%d").tolist() == ["01-02", "02-13"]


def test_an_order_that_cannot_be_told_is_asked_for():
    texts = pd.Series(["05/05/2020", "01/02/2020"])
    times = read(texts)
    assert times.values.isna().all()
    with pytest.raises(InputError, match=r"in column When .*received '01/02/2020'. .*--dates=DMY"):
        check(times, texts, "column When")
    assert read(texts, Order.MONTH_FIRST).values[1] == pd.Timestamp("2020-01-02")
    with pytest.raises(InputError, match="received '13/1/2020 beside 1/13/2020'"):
        check(read(both := pd.Series(["1/13/2020", "13/1/2020"])), both, "t")
    # Equal numbers are no question, and nobody writes months first with dots.
    assert read(pd.Series(["05/05/2020"])).ambiguous == ""
    assert read(pd.Series(["01.02.2020"])).values[0] == pd.Timestamp("2020-02-01")


def test_times_that_all_get_lost_stop():
    texts = pd.Series(["Tuesday", "2024-13-01"])
    times = read(texts)
    assert times.unread.tolist() == [True, True]
    with pytest.raises(InputError, match=r"like 2024-12-18 10:13:17 .*received 'Tuesday'"):
        check(times, texts, "t.csv")
    some = pd.Series(["Tuesday", "2024-12-18"])
    check(read(some), some, "t.csv")
    zeros = pd.Series(["0000-00-00 00:00:00", "0000:00:00 00:00:00", None])
    check(read(zeros), zeros, "t.csv")  # what cameras write that have no time
    assert np.array_equal(read(zeros).unread, [True, True, False])
