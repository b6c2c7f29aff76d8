"""Which split each event belongs to: 'train', 'val', 'test' or 'expert_test'.

Rules
    event   each event by a hash of its id. Adding events moves none of the others.
    site    whole sites, so that no camera station is in two splits.
    day     whole days of a site, so that no two splits share one.
    paper   events labelled by experts are the expert test set; the others as by `event`.

A hash of sites or days would give shares far off where there are few of them. They are put
in a random order and cut where the shares of *events* come closest; of 64 such orders the
best is taken. Adding events can therefore move a site or a day to another split.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from camtrap_tf.errors import InputError
from camtrap_tf.event_table import EventTable
from data_prep import draws

NAMES = ("train", "val", "test")
EXPERT_TEST = "expert_test"
SHARES = (0.8, 0.1, 0.1)
_ORDERS = 64


def by_event(table: EventTable, shares: tuple[float, ...], seed: int) -> np.ndarray:
    """[events] split names, each by a hash of the event's id."""
    number = draws.uniform(table.events["event_id"], seed, "split")
    cuts = np.cumsum(shares)[:-1]
    return np.array(NAMES)[np.searchsorted(cuts, number, side="right")]


def by_site(table: EventTable, shares: tuple[float, ...], seed: int) -> np.ndarray:
    """[events] split names; all events of a site in one split."""
    _complete(table, "site", "site")
    return _whole_groups(table.events["site"], shares, seed, "site")


def by_day(table: EventTable, shares: tuple[float, ...], seed: int) -> np.ndarray:
    """[events] split names; all events of a site's calendar day in one split."""
    _complete(table, "datetime", "day")
    day = table.events["datetime"].dt.strftime("%Y-%m-%d")
    return _whole_groups(table.events["site"].fillna("") + "/" + day, shares, seed, "day")


def by_paper(table: EventTable, shares: tuple[float, ...], seed: int) -> np.ndarray:
    """[events] split names; events labelled by experts apart, the others by a hash."""
    expert = (table.events["source"] == "expert").to_numpy(bool)
    if not expert.any():
        raise InputError(
            "the split 'paper' needs events labelled by experts",
            sorted(table.events["source"].dropna().unique()),
            "Read the gold standard file too, or split by event, site or day.",
        )
    return np.where(expert, EXPERT_TEST, by_event(table, shares, seed))


RULES: dict[str, Callable[[EventTable, tuple[float, ...], int], np.ndarray]] = {
    "event": by_event,
    "site": by_site,
    "day": by_day,
    "paper": by_paper,
}


def assign(
    table: EventTable, rule: str = "event", shares: tuple[float, ...] = SHARES, seed: int = 0
) -> np.ndarray:
    """[events] split name of each event, in the order of `table.events`.

    Args:
        table: the selected events.
        rule: a name in `RULES`.
        shares: of train, val and test; at least 0, sum 1.
        seed: another seed gives another assignment.

    Raises:
        InputError: unknown rule, wrong shares, or events without what the rule needs.
    """
    if rule not in RULES:
        raise InputError(f"a split rule is one of {', '.join(RULES)}", rule, "Pick one of them.")
    right = len(shares) == 3 and min(shares) >= 0 and abs(sum(shares) - 1) < 1e-6
    if not right:
        raise InputError(
            "shares are those of train, val and test, at least 0 with sum 1",
            shares,
            "Give 0.8,0.1,0.1, say.",
        )
    return RULES[rule](table, tuple(shares), seed)


def describe(rule: str, shares: tuple[float, ...]) -> str:
    """The rule in words, for the manifest."""
    return f"{rule}, shares {'/'.join(f'{share:g}' for share in shares)} of train/val/test"


def _whole_groups(groups: pd.Series, shares: tuple[float, ...], seed: int, what: str) -> np.ndarray:
    """[events] split names, one per group, with shares of events close to those asked for."""
    names = [name for name, share in zip(NAMES, shares, strict=True) if share > 0]
    targets = np.cumsum([share for share in shares if share > 0])
    code, group_names = pd.factorize(groups, sort=True)
    if len(group_names) < len(names):
        raise InputError(
            f"a split by {what} into {'/'.join(names)} needs a {what} for each",
            list(group_names),
            "Split by event, or by day where there are few sites.",
        )
    sizes = np.bincount(code)
    random = np.random.default_rng(seed)
    tries = [_cut(random.permutation(len(sizes)), sizes, targets) for _ in range(_ORDERS)]
    split_of_group = min(tries, key=lambda split: _distance(split, sizes, targets))
    return np.array(names)[split_of_group[code]]


def _cut(order: np.ndarray, sizes: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """[groups] index of the split of each group: `order` cut near the targets, none empty."""
    ends = np.cumsum(sizes[order])
    middle = (ends - sizes[order] / 2) / ends[-1]
    cuts = np.searchsorted(middle, targets[:-1])
    for i in range(len(cuts)):  # at least one group before, between and after the cuts
        low = cuts[i - 1] + 1 if i else 1
        cuts[i] = np.clip(cuts[i], low, len(order) - (len(cuts) - i))
    split = np.empty(len(order), np.int64)
    split[order] = np.searchsorted(cuts, np.arange(len(order)), side="right")
    return split


def _distance(split: np.ndarray, sizes: np.ndarray, targets: np.ndarray) -> float:
    """Largest deviation of a split's share of events, relative to the share asked for."""
    wanted = np.diff(targets, prepend=0)
    found = np.bincount(split, sizes, len(wanted)) / sizes.sum()
    return float(np.max(np.abs(found - wanted) / wanted))


def _complete(table: EventTable, column: str, rule: str) -> None:
    missing = table.events["event_id"][table.events[column].isna()]
    if len(missing):
        raise InputError(
            f"a split by {rule} needs the {column} of every event",
            missing.iloc[0],
            f"{len(missing):,} events have none; split by event instead.",
        )
