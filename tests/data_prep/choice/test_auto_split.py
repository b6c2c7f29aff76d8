import numpy as np
import pandas as pd
import pytest

from camtrap_tf.events.table import EventTable
from data_prep.choice import auto_split, splits


def table(species, **events):
    ids = [f"e{n}" for n in range(len(species))]
    return EventTable(
        pd.DataFrame({"event_id": ids, **events}),
        pd.DataFrame({"event_id": ids, "path": ids}),
        pd.DataFrame({"event_id": ids, "species": species}),
    )


HOURS = pd.date_range("2015-12-01", periods=120, freq="3h")  # 15 days of 8 events
MIXED = ["zebra", "empty", "lion"] * 40


def test_sites_come_first():
    sites = np.repeat([f"S{n}" for n in range(12)], 10)
    choice = auto_split.choose(table(MIXED, site=sites, datetime=HOURS))
    assert (choice.rule, choice.why) == ("site", ())
    assert (
        str(choice) == "Split by site: the test says how well it does at sites it has never seen."
    )


@pytest.mark.parametrize(
    ("sites", "why"),
    [
        (["A"] * 120, "Not by site: 1 site can hardly be divided."),
        (["A"] * 119 + [None], "Not by site: 1 event without a site."),
        ([None] * 120, "Not by site: no event has a site."),
        # Val and test can have four of 120 events at most, one and three or two each.
        (["A"] * 115 + list("BCDEF"),
         "Not by site: val would get 1% of the events instead of 10%."),
    ],
)  # fmt: skip
def test_else_days(sites, why):
    choice = auto_split.choose(table(MIXED, site=sites, datetime=HOURS))
    assert (choice.rule, choice.why) == ("day", (why,))


def test_else_events_and_rare_classes_in_every_split():
    choice = auto_split.choose(table(MIXED))
    assert choice.why == ("Not by site: no event has a site.", "Not by day: no event has a time.")
    assert choice.rule == "event"
    rare = [*MIXED, *["moose"] * 3]
    counts = splits.class_shares(table(rare), splits.assign(table(rare), "event"))
    assert (counts.loc["moose"] == 0).any()
    assert auto_split.choose(table(rare)).rule == "class"


def test_sites_are_divided_so_that_splits_have_the_classes():
    sites = np.repeat([f"S{n}" for n in range(10)], 12)
    # Three of ten sites have okapis: all three splits can, but most divisions do not have them.
    half = np.isin(sites, ["S3", "S5", "S7"]) & (np.arange(120) % 2 == 0)
    species = np.where(half, "okapi", "zebra").tolist()
    data = table(species, site=sites)
    own = [splits.class_shares(data, splits.assign(data, "site", seed=n)) for n in range(16)]
    wanted = [seed for seed in range(16) if (own[seed].loc["okapi"] > 0).all()]
    assert 0 < len(wanted) < 16
    choice = auto_split.choose(data)
    assert (choice.rule, choice.seed) == ("site", wanted[0])
    assert auto_split.choose(data, seed=wanted[0] + 1).seed > wanted[0]


def test_a_species_of_one_site_is_learnt():
    sites = np.repeat([f"S{n}" for n in range(10)], 12)
    species = np.where(sites == "S3", "okapi", "zebra").tolist()
    data = table(species, site=sites)
    choice = auto_split.choose(data)
    split = splits.assign(data, "site", seed=choice.seed)
    assert (choice.rule, set(split[sites == "S3"])) == ("site", {"train"})


def test_a_split_without_empty_events_is_no_test_of_them():
    counts = pd.DataFrame(
        {"train": [40, 40], "val": [5, 5], "test": [0, 10]}, index=["empty", "fox"]
    )
    assert auto_split._fault(counts, splits.SHARES) == "test would have no empty events"
    # Where they are a rarity, it need not know them.
    counts.loc["empty"] = [4, 1, 0]
    assert auto_split._fault(counts, splits.SHARES) == ""
