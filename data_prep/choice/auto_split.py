"""Which split suits an event table: by site, else by day, else by event; and why.

A split by site says how well a network does where it has never been, which is what most people
want to know; one by day keeps a background and its light of one day out of two splits; one by
event does neither, but can be had of any table. A split is only taken if it serves training and
testing.
"""

import dataclasses

import numpy as np
import pandas as pd

from camtrap_tf.core.commands import counted
from camtrap_tf.core.labels import EMPTY
from camtrap_tf.events.table import EventTable
from data_prep.choice import splits
from data_prep.choice.splits import NAMES, SHARES

LEAST_GROUPS = 6  # of equal size, four train and one each is left for val and test
LEAST_SHARE = 0.5  # of the share that a split is asked to have
MOST_UNSEEN = 0.05  # of all events: those of classes that the training split does not have
_FREQUENT = 0.1  # of all events: a class that val and test should know
TRIES = 16  # ways to divide sites or days that are compared
MOST_TRIED = 100_000  # events: larger tables have their classes in every split
_FEWEST = 3  # events of a class that can be in each of three splits


@dataclasses.dataclass(frozen=True)
class Choice:
    """A split rule, and the reasons for it.

    Args:
        rule: a name in `splits.RULES`.
        why: what speaks against the rules before it, sentence by sentence.
        seed: of the split.
    """

    rule: str
    why: tuple[str, ...]
    seed: int = 0

    def __str__(self) -> str:
        return " ".join((*self.why, _SAID[self.rule]))


_SAID = {
    "site": "Split by site: the test says how well it does at sites it has never seen.",
    "day": "Split by day: the test says how well it does on other days of the same sites.",
    "event": "Split by event: the test says how well it does on other events of the same days, "
    "and is kinder than new days or sites will be.",
    "class": "Split by event, class by class: every class with 3 events or more is in each split. "
    "The test is kinder than new days or sites will be.",
}


def choose(table: EventTable, shares: tuple[float, ...] = SHARES, seed: int = 0) -> Choice:
    """The first of site, day and event that serves.

    Args:
        table: the selected events, of one class each.
        shares: of train, val and test.
        seed: the first of `TRIES` seeds. Whole sites or days can be divided in many ways: that of
            the seed is taken that leaves val and test with most of the classes, by events.
    """
    why = []
    for rule in ("site", "day"):
        reason = obstacle(table, rule)
        if not reason:
            best, counts = _best_seed(table, rule, shares, seed)
            reason = _fault(counts, shares)
            if not reason:
                return Choice(rule, tuple(why), best)
        why.append(f"Not by {rule}: {reason}.")
    counts = splits.class_shares(table, splits.assign(table, "event", shares, seed))
    wanted = [name for name, share in zip(NAMES, shares, strict=True) if share > 0]
    frequent = counts[counts.sum(axis=1) >= _FEWEST].reindex(columns=wanted, fill_value=0)
    return Choice("class" if (frequent == 0).any(axis=None) else "event", tuple(why), seed)


def obstacle(table: EventTable, rule: str) -> str:
    """What makes a split by whole sites or days impossible; '' if nothing does.

    It needs the site or time of every event and `LEAST_GROUPS` sites or days.
    """
    column = {"site": "site", "day": "datetime"}[rule]
    missing = int(table.events[column].isna().sum())
    if missing:
        what = {"site": "site", "day": "time"}[rule]
        some = "no event has" if missing == len(table) else f"{counted(missing, 'events')} without"
        return f"{some} a {what}"
    groups = len(pd.unique(splits.group_names(table, rule)))
    if groups < LEAST_GROUPS:
        return f"{counted(groups, rule + 's')} can hardly be divided"
    return ""


def _best_seed(
    table: EventTable, rule: str, shares: tuple[float, ...], seed: int
) -> tuple[int, pd.DataFrame]:
    """The seed of whose splits the fewest events are of classes that a split has not got."""
    tries = TRIES if len(table) <= MOST_TRIED else 1
    counts = {
        one: splits.class_shares(table, splits.assign(table, rule, shares, one))
        for one in range(seed, seed + tries)
    }
    best = min(counts, key=lambda one: _missing(counts[one]))
    return best, counts[best]


def _missing(counts: pd.DataFrame) -> int:
    """Events of classes that a split has not got, split by split; in train they count most."""
    events = counts.sum(axis=1)
    common = counts[events >= _FEWEST]
    absent = common.eq(0).mul(events[events >= _FEWEST], axis=0).sum()
    return int(absent.sum() + len(counts.columns) * absent.get("train", 0))


def _fault(counts: pd.DataFrame, shares: tuple[float, ...]) -> str:
    """What is wrong with a split, by its events per class and split; '' if nothing is.

    Every split must get half of its share of events at least, nearly all events must be of
    classes that can be learnt, and val and test must know 'empty' and animals where the table has
    many of both.
    """
    asked = {name: share for name, share in zip(NAMES, shares, strict=True) if share > 0}
    counts = counts.reindex(columns=list(asked), fill_value=0)
    total = counts.to_numpy().sum()
    for name, share in asked.items():
        got = counts[name].sum() / total
        if got < LEAST_SHARE * share:
            return f"{name} would get {got:.0%} of the events instead of {share:.0%}"
    unseen = counts.index[counts["train"] == 0] if "train" in asked else counts.index[:0]
    lost = counts.loc[unseen].to_numpy().sum() / total
    if lost > MOST_UNSEEN:
        return f"{', '.join(map(str, unseen[:3]))} would not be in train"
    return _unknown_kind(counts)


def _unknown_kind(counts: pd.DataFrame) -> str:
    """'empty' or animals, where there are many of both and a split does not know them."""
    empty = (counts.index == EMPTY).astype(int)
    kinds = np.stack([empty, 1 - empty]) @ counts.to_numpy()  # [empty and animals, splits]
    many = (kinds.sum(axis=1) >= _FREQUENT * kinds.sum()).all()
    for kind, row in zip(("empty events", "animals"), kinds, strict=True):
        for name, number in zip(counts.columns, row, strict=True):
            if many and not number:
                return f"{name} would have no {kind}"
    return ""
