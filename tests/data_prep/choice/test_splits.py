import json

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import EventTable
from data_prep.choice import splits


def table(events):
    ids = [f"e{n}" for n in range(len(next(iter(events.values()))))]
    return EventTable(
        pd.DataFrame({"event_id": ids, **events}),
        pd.DataFrame({"event_id": ids, "path": ids}),
        pd.DataFrame({"event_id": ids, "species": "zebra"}),
    )


def shares(split):
    return [float((split == name).mean()) for name in splits.NAMES]


def test_by_event_follows_the_shares_and_does_not_move_when_events_are_added():
    large = table({"site": ["A"] * 5000})
    split = splits.assign(large, "event")
    # Standard error of a share of 0.8 of 5000: sqrt(0.16 / 5000) = 0.006
    np.testing.assert_allclose(shares(split), [0.8, 0.1, 0.1], atol=0.02)
    few = large.keep(large.events["event_id"][::7])
    np.testing.assert_array_equal(splits.assign(few, "event"), split[::7])
    assert (splits.assign(large, "event", seed=1) != split).any()


def test_events_that_share_a_picture_are_in_one_split():
    """An event of train overlaps one of val, and that one of test: all go where the first goes."""
    alone = table({"site": ["A"] * 100})
    split = splits.assign(alone, "event")
    one, two, three = sorted(list(split).index(name) for name in splits.NAMES)
    shared = {"event_id": [f"e{two}", f"e{three}"], "path": [f"e{one}", f"e{two}"]}
    frames = pd.concat([alone.frames, pd.DataFrame(shared)])
    together = splits.assign(EventTable(alone.events, frames, alone.labels), "event")
    expected = split.copy()
    expected[[two, three]] = split[one]
    np.testing.assert_array_equal(together, expected)


def test_shares_of_nothing_get_nothing():
    split = splits.assign(table({"site": ["A"] * 200}), "event", (0.5, 0.5, 0.0))
    assert set(split) == {"train", "val"}


def test_by_site_keeps_sites_whole_and_shares_close():
    sites = np.repeat([f"S{n}" for n in range(20)], range(5, 25))  # 290 events at 20 sites
    split = splits.assign(table({"site": sites}), "site", seed=3)
    assert pd.Series(split).groupby(sites).nunique().max() == 1
    np.testing.assert_allclose(shares(split), [0.8, 0.1, 0.1], atol=0.02)


@pytest.mark.parametrize("rule", ["site", "day", "class", "event"])
def test_another_seed_is_another_split(rule):
    times = pd.date_range("2015-12-01", periods=290, freq="6h")
    sites = np.repeat([f"S{n}" for n in range(20)], range(5, 25))
    data = table({"site": sites, "datetime": times})
    found = {tuple(splits.assign(data, rule, seed=seed)) for seed in range(4)}
    assert len(found) == 4


def test_by_site_fills_every_split_even_with_three_sites():
    sites = ["A"] * 50 + ["B"] * 5 + ["C"] * 5
    split = splits.assign(table({"site": sites}), "site")
    assert set(split[:50]) == {"train"}
    assert {split[50], split[55]} == {"val", "test"}
    with pytest.raises(InputError, match=r"needs a site for each; received \['A', 'B'\]"):
        splits.assign(table({"site": ["A", "B"]}), "site")


def test_by_day_keeps_the_days_of_a_site_whole():
    times = pd.date_range("2015-12-01", periods=400, freq="3h")  # 50 days of 8 events
    split = splits.assign(table({"site": ["A"] * 400, "datetime": times}), "day")
    assert pd.Series(split).groupby(times.date).nunique().max() == 1
    assert shares(split) == [0.8, 0.1, 0.1]  # 40, 5 and 5 days


def test_the_assignment_of_groups_does_not_depend_on_the_order_of_rows():
    sites = np.repeat([f"S{n}" for n in range(20)], range(5, 25))
    forward = splits.assign(table({"site": sites}), "site")
    backward = splits.assign(table({"site": sites[::-1]}), "site")
    np.testing.assert_array_equal(forward, backward[::-1])


def test_paper_sets_the_experts_events_apart():
    source = ["expert"] * 10 + ["volunteers"] * 90
    data = table({"source": source})
    split = splits.assign(data, "paper")
    assert (split[:10] == "expert_test").all()
    np.testing.assert_array_equal(split[10:], splits.assign(data, "event")[10:])
    with pytest.raises(InputError, match=r"labelled by experts; received \['volunteers'\]"):
        splits.assign(table({"source": source[10:]}), "paper")


def test_missing_sites_and_times_are_errors():
    data = table({"site": ["A", None, "B"]})
    with pytest.raises(
        InputError, match=r"needs the site of every event; received 'e1'\. 1 events"
    ):
        splits.assign(data, "site")
    with pytest.raises(InputError, match="needs the datetime of every event; received 'e0'"):
        splits.assign(data, "day")


@pytest.mark.parametrize("wrong", [(0.8, 0.1), (0.8, 0.1, 0.2), (1.1, -0.1, 0.0)])
def test_shares_are_checked(wrong):
    with pytest.raises(InputError, match="at least 0 with sum 1"):
        splits.assign(table({"site": ["A"]}), "event", wrong)


def test_unknown_rules_are_named():
    with pytest.raises(InputError, match=r"is one of event, class, .*; received 'roll'"):
        splits.assign(table({"site": ["A"]}), "roll")


def test_the_same_day_of_another_site_is_another_group():
    times = pd.to_datetime(["2015-12-01 10:00", "2015-12-01 11:00", "2015-12-01 10:00"])
    names = splits.group_names(table({"site": ["A", "A", "B"], "datetime": times}), "day")
    assert names[0] == names[1] != names[2]


def dated(days):
    times = pd.to_datetime(pd.Series(days)) + pd.Timedelta(hours=23)
    return table({"site": ["A"] * len(days), "datetime": times})


def test_by_season_keeps_seasons_whole():
    seasons = np.repeat([f"S{n}" for n in range(1, 12)], 30)
    split = splits.assign(table({"season": seasons}), "season")
    assert pd.Series(split).groupby(seasons).nunique().max() == 1
    assert set(split) == set(splits.NAMES)
    with pytest.raises(InputError, match="needs the season of every event"):
        splits.assign(table({"site": ["A"]}), "season")


def test_by_date_the_past_trains_and_days_stay_whole():
    days = [f"2012-01-{day:02d}" for day in range(20, 0, -1)]
    split = splits.assign(dated(days), "date")
    assert split.tolist() == ["test"] * 2 + ["val"] * 2 + ["train"] * 16
    same = splits.assign(dated(["2012-01-01"] * 9 + ["2012-01-02"]), "date", (0.5, 0.0, 0.5))
    assert same.tolist() == ["train"] * 9 + ["test"]
    with pytest.raises(InputError, match="by date into train/val/test needs a day for each"):
        splits.assign(dated(["2012-01-01"] * 9), "date")


def test_by_date_with_dates_given():
    days = ["2011-12-31", "2012-01-01", "2012-06-30", "2012-07-01"]
    split = splits.assign(dated(days), "date", cut_dates=["2012-01-01", "2012-07-01"])
    assert split.tolist() == ["train", "val", "val", "test"]
    split = splits.assign(dated(days), "date", cut_dates=["2012-07-01"])
    assert split.tolist() == ["train", "train", "train", "test"]
    for wrong in (["2012-07-01", "2012-01-01"], ["July"], ["2012-01-01"] * 3):
        with pytest.raises(InputError, match="cut_dates are one or two rising dates"):
            splits.assign(dated(days), "date", cut_dates=wrong)
    with pytest.raises(InputError, match="cut_dates belongs to the split date; received 'event'"):
        splits.assign(dated(days), "event", cut_dates=["2012-07-01"])
    assert splits.describe("date", splits.SHARES, cut_dates=["2012-07-01"]) == "date, 2012-07-01"


@pytest.fixture
def site_file(tmp_path):
    def write(content):
        path = tmp_path / "SnapshotSerengetiSplits_v0.json"
        path.write_text(json.dumps(content))
        return path

    return write


def test_by_a_published_file_of_sites(site_file):
    data = table({"site": ["B04", "B05", "B04", "C01"]})
    path = site_file({"info": {}, "splits": {"train": ["B04", "X"], "val": ["B05", "C01"]}})
    split = splits.assign(data, "site_file", split_file=path)
    assert split.tolist() == ["train", "val", "train", "val"]
    described = splits.describe("site_file", splits.SHARES, split_file=path)
    assert described == "site_file, SnapshotSerengetiSplits_v0.json"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"splits": {"train": ["B04"]}}, "every site is in .*'C01'.*Add the 2 sites"),
        ({"splits": {"train": ["B04"], "dev": ["B05"]}}, "a split is one of train, val, test"),
        ({"splits": {"train": ["B04"], "val": ["B04"]}}, r"is in one split; received \['B04'\]"),
        ({"train": ["B04"]}, "a split file is JSON of the form"),
    ],
)
def test_wrong_site_files_are_told(site_file, content, message):
    data = table({"site": ["B04", "C01", "D01"]})
    with pytest.raises(InputError, match=message):
        splits.assign(data, "site_file", split_file=site_file(content))
    with pytest.raises(InputError, match=r"goes by a file of sites.*Give one with --split_file"):
        splits.assign(data, "site_file")


def test_the_shares_of_classes_show_what_is_missing():
    ids = [f"e{n}" for n in range(8)]
    species = ["zebra"] * 4 + ["empty"] * 3 + ["topi"]
    frame = pd.DataFrame({"event_id": ids})
    data = EventTable(frame, frame.assign(path=ids), frame.assign(species=species))
    split = np.array(["train", "train", "test", "val", "train", "train", "test", "train"])
    counts = splits.class_shares(data, split)
    assert counts.index.tolist() == ["zebra", "empty", "topi"]
    assert counts.to_numpy().tolist() == [[2, 1, 1], [2, 0, 1], [1, 0, 0]]
    assert splits.missing_classes(counts) == {"val": ["empty", "topi"], "test": ["topi"]}
    zebra = splits.balance_table(counts).splitlines()[1].split()
    assert zebra == ["zebra", "4", "50.0%", "25.0%", "25.0%"]


def test_by_class_has_rare_classes_in_every_split():
    species = ["cow"] * 80 + ["elk"] * 10 + ["fox"] * 3 + ["owl"] * 2 + ["emu"]
    data = table({"site": ["A"] * 96})
    data.labels["species"] = pd.array(species, "string")
    split = splits.assign(data, "class", seed=2)
    counts = splits.class_shares(data, split)
    assert counts.loc["cow"].tolist() == [64, 8, 8]
    assert counts.loc["elk"].tolist() == [8, 1, 1]
    assert counts.loc["fox"].tolist() == [1, 1, 1]
    assert counts.loc["owl"].tolist() == [1, 1, 0]
    assert counts.loc["emu"].tolist() == [1, 0, 0]
    assert (splits.assign(data, "class", seed=3) != split).any()
    assert (splits.assign(data, "class", (0.5, 0.5, 0.0))[:80] == "train").sum() == 40
