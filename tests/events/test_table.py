"""The event table: three flat frames in memory, one row per event on disk."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import Dropped, EventTable


def table() -> EventTable:
    dropped = Dropped()
    dropped.add("no picture", ["c", "d"])
    return EventTable(
        pd.DataFrame(
            {"event_id": ["a", "b"], "site": ["S", None], "datetime": ["2012-01-02 03:04:05", None]}
        ),
        pd.DataFrame({"event_id": ["b", "a", "b"], "path": ["b1", "a1", "b2"]}),
        pd.DataFrame(
            {
                "event_id": ["a", "b"],
                "frame": [None, 1],
                "species": ["zebra", "empty"],
                "count": ["2", None],
                "moving": [0.5, None],
            }
        ),
        origin="a test",
        dropped=dropped,
    )


def test_round_trip(tmp_path):
    table().write(tmp_path / "events.parquet")
    found = EventTable.read(tmp_path / "events.parquet")
    pd.testing.assert_frame_equal(found.events, table().events)
    by_event = table().frames.sort_values("event_id", kind="stable").reset_index(drop=True)
    pd.testing.assert_frame_equal(found.frames, by_event)
    pd.testing.assert_frame_equal(found.labels, table().labels)
    assert found.dropped == Dropped({"no picture": 2}, {"no picture": ["c", "d"]})
    assert found.origin == "a test"


def test_any_parquet_reader_sees_one_row_per_event(tmp_path):
    table().write(tmp_path / "events.parquet")
    rows = pq.read_table(tmp_path / "events.parquet").to_pylist()
    assert [row["event_id"] for row in rows] == ["a", "b"]
    assert [frame["path"] for frame in rows[1]["frames"]] == ["b1", "b2"]
    assert rows[0]["labels"][0]["species"] == "zebra"


def test_keep_keeps_order_and_adds_to_the_report():
    more = Dropped()
    more.add("too rare", ["a"])
    kept = table().keep(["b"], more)
    assert list(kept.frames["path"]) == ["b1", "b2"]
    assert kept.dropped.counts == {"no picture": 2, "too rare": 1}
    assert "2  no picture (e.g. c, d)" in str(kept.dropped)


def test_without_frames_renumbers_the_rest_and_drops_what_is_left_empty():
    frames = [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1")]
    labels = [
        ("a", 0, "fox"),
        ("a", 2, "owl"),
        ("a", None, "elk"),
        ("b", 0, "fox"),
        ("c", None, "ox"),
    ]
    whole = EventTable(
        pd.DataFrame({"event_id": ["a", "b", "c"]}),  # c had no picture before, and stays
        pd.DataFrame(frames, columns=["event_id", "path"]),
        pd.DataFrame(labels, columns=["event_id", "frame", "species"]),
    )
    rest = whole.without_frames(whole.frames["path"].isin(["a1", "b1"]).to_numpy())
    assert list(rest.frames["path"]) == ["a2", "a3"]
    assert list(rest.events["event_id"]) == ["a", "c"]
    kept = rest.labels[["event_id", "frame", "species"]].fillna({"frame": -1})
    assert kept.to_numpy().tolist() == [["a", 1, "owl"], ["a", -1, "elk"], ["c", -1, "ox"]]


def test_what_is_not_an_event_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="an existing file"):
        EventTable.read(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(InputError, match="is a Parquet file"):
        EventTable.read(tmp_path / "text.parquet")
    table().events.to_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="expected to be a camtrap event table"):
        EventTable.read(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="columns of `frames` are among"):
        EventTable(table().events, pd.DataFrame({"file": ["x"]}), table().labels)
    stray = EventTable(table().events, pd.DataFrame({"event_id": ["q"]}), table().labels)
    with pytest.raises(InputError, match="belong to an event"):
        stray.write(tmp_path / "stray.parquet")
