"""Which split each event belongs to: 'train', 'val', 'test' or 'expert_test'.

Rules
    event      each event by a hash of its id. Adding events moves none of the others.
    class      events of each class by themselves, so that rare classes are in every split.
    site       whole sites, so that no camera station is in two splits.
    season     whole seasons.
    day        whole days of a site, so that no two splits share one.
    date       by time: the earliest events train, the latest test; cut between two days.
    paper      events labelled by experts are the expert test set; the others as by `event`.
    site_file  sites as a published file assigns them, such as LILA's for the Serengeti.

A hash of sites, seasons or days would give shares far off where there are few of them. They
are put in a random order and cut where the shares of *events* come closest; of 64 such orders
the best is taken. Adding events can therefore move a site, season or day to another split.

Whatever the rule, events that share a picture are in one split.
"""

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import EventTable, find
from data_prep.choice import draws
from data_prep.choice.select import event_labels

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


def by_season(table: EventTable, shares: tuple[float, ...], seed: int) -> np.ndarray:
    """[events] split names; all events of a season in one split."""
    _complete(table, "season", "season")
    return _whole_groups(table.events["season"], shares, seed, "season")


def by_day(table: EventTable, shares: tuple[float, ...], seed: int) -> np.ndarray:
    """[events] split names; all events of a site's calendar day in one split."""
    _complete(table, "datetime", "day")
    return _whole_groups(group_names(table, "day"), shares, seed, "day")


def by_class(table: EventTable, shares: tuple[float, ...], seed: int) -> np.ndarray:
    """[events] split names; each class is divided by the shares, as far as it goes round.

    The events of a class come in the order of `by_event`'s hash. A class with as many events as
    there are splits has one in each, a smaller one is in train first.
    """
    names = [name for name, share in zip(NAMES, shares, strict=True) if share > 0]
    targets = np.cumsum([share for share in shares if share > 0])
    labels = event_labels(table).drop_duplicates("event_id")
    classes = pd.Series(labels["species"].to_numpy(), labels["event_id"].to_numpy())
    code = pd.factorize(classes.reindex(table.events["event_id"]).fillna(""))[0]
    number = draws.uniform(table.events["event_id"], seed, "split")
    split = np.empty(len(table), np.int64)
    for one in range(code.max() + 1):
        members = np.flatnonzero(code == one)
        order = members[np.argsort(number[members], kind="stable")]
        split[order] = _dealt(len(order), targets)
    return np.array(names)[split]


def group_names(table: EventTable, rule: str) -> pd.Series:
    """[events] what `rule` keeps together: the 'site', or the site's 'day'."""
    if rule == "site":
        return table.events["site"]
    day = table.events["datetime"].dt.strftime("%Y-%m-%d")
    return table.events["site"].fillna("") + "/" + day


def by_date(
    table: EventTable, shares: tuple[float, ...], seed: int, cut_dates: Sequence[str] = ()
) -> np.ndarray:
    """[events] split names in the order of time, each day whole.

    Args:
        table: events with times.
        shares: of train, val and test, where there are no `cut_dates`.
        seed: not used.
        cut_dates: the first day of 'val' and the first day of 'test', as 2012-01-31. With one
            date everything from it on is 'test'.
    """
    del seed
    _complete(table, "datetime", "date")
    day = table.events["datetime"].to_numpy("datetime64[D]")
    if cut_dates:
        names = NAMES if len(cut_dates) == 2 else (NAMES[0], NAMES[-1])
        return np.array(names)[np.searchsorted(_days(cut_dates), day, side="right")]
    names = [name for name, share in zip(NAMES, shares, strict=True) if share > 0]
    targets = np.cumsum([share for share in shares if share > 0])
    days, code, sizes = np.unique(day, return_inverse=True, return_counts=True)
    if len(days) < len(names):
        raise InputError(
            f"a split by date into {'/'.join(names)} needs a day for each",
            days.astype(str).tolist(),
            "Split by event.",
        )
    return np.array(names)[_cut(np.arange(len(days)), sizes, targets)[code]]


def by_site_file(
    table: EventTable, shares: tuple[float, ...], seed: int, split_file: PathLike = ""
) -> np.ndarray:
    """[events] split names as a file assigns their sites.

    The file is JSON as LILA publishes it: {"splits": {"train": [sites], "val": [sites]}}, also
    with "test". Shares and seed are not used.
    """
    del shares, seed
    if not split_file:
        raise InputError(
            "the split site_file goes by a file of sites",
            split_file,
            "Give one with --split_file, such as LILA's SnapshotSerengetiSplits_v0.json.",
        )
    _complete(table, "site", "site")
    split_of = _read_sites(split_file)
    sites = table.events["site"]
    place = find(sites, pd.Series(list(split_of), dtype="string"))
    if (place < 0).any():
        strange = sites[place < 0].unique()
        raise InputError(
            f"every site is in {split_file}",
            strange[:5].tolist(),
            f"Add the {len(strange)} sites that are not, or split by site.",
        )
    return np.array(list(split_of.values()))[place]


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


RULES: dict[str, Callable[..., np.ndarray]] = {
    "event": by_event,
    "class": by_class,
    "site": by_site,
    "season": by_season,
    "day": by_day,
    "date": by_date,
    "paper": by_paper,
    "site_file": by_site_file,
}
_NEEDS = {"cut_dates": "date", "split_file": "site_file"}  # option -> the rule it belongs to


def assign(
    table: EventTable,
    rule: str = "event",
    shares: tuple[float, ...] = SHARES,
    seed: int = 0,
    *,
    cut_dates: Sequence[str] = (),
    split_file: PathLike = "",
) -> np.ndarray:
    """[events] split name of each event, in the order of `table.events`.

    Args:
        table: the selected events.
        rule: a name in `RULES`.
        shares: of train, val and test; at least 0, sum 1.
        seed: another seed gives another assignment.
        cut_dates: of the rule `date`, see `by_date`.
        split_file: of the rule `site_file`, see `by_site_file`.

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
    given = {"cut_dates": tuple(cut_dates), "split_file": split_file}
    options = {name: value for name, value in given.items() if value}
    for name in options:
        if _NEEDS[name] != rule:
            raise InputError(
                f"{name} belongs to the split {_NEEDS[name]}", rule, f"Leave {name} out."
            )
    return _together(table, RULES[rule](table, tuple(shares), seed, **options))


def _together(table: EventTable, split: np.ndarray) -> np.ndarray:
    """[events] the splits, events that share a picture in that of the first of them.

    Events that overlap in time hold the same pictures, which no two splits may share.
    """
    picture = pd.factorize(table.frames["path"])[0]
    if len(picture) == picture.max(initial=-1) + 1:
        return split
    event, number = find(table.frames["event_id"], table.events["event_id"]), len(table)
    size = number + int(picture.max()) + 1
    links = sparse.coo_matrix((np.ones(len(event)), (event, number + picture)), (size, size))
    group = csgraph.connected_components(links, directed=False)[1][:number]
    first = np.unique(group, return_index=True)[1]
    return split[first[np.unique(group, return_inverse=True)[1]]]


def describe(
    rule: str,
    shares: tuple[float, ...],
    *,
    cut_dates: Sequence[str] = (),
    split_file: PathLike = "",
) -> str:
    """The rule in words, for the manifest."""
    if cut_dates or split_file:
        return f"{rule}, {', '.join(cut_dates) or Path(split_file).name}"
    return f"{rule}, shares {'/'.join(f'{share:g}' for share in shares)} of train/val/test"


def class_shares(table: EventTable, split: np.ndarray) -> pd.DataFrame:
    """How the events of each class are spread over the splits.

    Args:
        table: events of one species (or empty) each.
        split: [events] split name of each event.

    Returns:
        One row per class ('empty' among them), most frequent first, and one column of events
        per split that has any.
    """
    labels = event_labels(table)
    names = split[find(labels["event_id"], table.events["event_id"])]
    counts = pd.crosstab(labels["species"].to_numpy(), names)
    counts = counts.reindex(columns=[n for n in (*NAMES, EXPERT_TEST) if n in counts])
    order = counts.sum(axis=1).sort_values(ascending=False, kind="stable").index
    return counts.loc[order].rename_axis(index="class", columns=None)


def missing_classes(counts: pd.DataFrame) -> dict[str, list[str]]:
    """Split -> classes without an event in it, of a table by `class_shares`; none left out."""
    absent = {name: counts.index[counts[name] == 0].tolist() for name in counts}
    return {name: classes for name, classes in absent.items() if classes}


def balance_table(counts: pd.DataFrame) -> str:
    """A table by `class_shares` for people: events and each split's share of the class."""
    total = counts.sum(axis=1)
    width = max(len(str(name)) for name in (*counts.index, "class"))
    lines = ["  ".join([f"  {'class':<{width}}", f"{'events':>9}", *(f"{n:>11}" for n in counts)])]
    for name, row in counts.iterrows():
        shares = (f"{number / total[name]:>11.1%}" for number in row)
        lines.append("  ".join([f"  {name:<{width}}", f"{total[name]:>9,}", *shares]))
    return "\n".join(lines)


def _days(texts: Sequence[str]) -> np.ndarray:
    """One or two rising dates as days."""
    try:
        days = np.array([np.datetime64(text, "D") for text in texts])
    except ValueError:
        days = np.array([], "datetime64[D]")
    if len(days) not in (1, 2) or (np.diff(days) <= np.timedelta64(0, "D")).any():
        raise InputError(
            "cut_dates are one or two rising dates", list(texts), "Give 2012-01-01,2012-07-01, say."
        )
    return days


def _read_sites(path: PathLike) -> dict[str, str]:
    """Site -> split, of a file as `by_site_file` describes it."""
    path = existing_file(path, "the file of the split site_file")
    try:
        splits = json.loads(path.read_bytes())["splits"]
        pairs = [(site, name) for name, sites in splits.items() for site in sites]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            'a split file is JSON of the form {"splits": {"train": [sites], ...}}',
            str(path),
            f"Correct it: {error}.",
        ) from error
    wrong = sorted(set(splits) - set(NAMES))
    if wrong:
        raise InputError(f"a split is one of {', '.join(NAMES)}", wrong, f"Correct {path}.")
    twice = [site for site, group in itertools.groupby(sorted(s for s, _ in pairs))
             if len(list(group)) > 1]  # fmt: skip
    if twice:
        raise InputError("a site is in one split", twice[:5], f"Correct {path}.")
    return dict(pairs)


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


def _dealt(size: int, targets: np.ndarray) -> np.ndarray:
    """[size] splits of a class's events, in their order: one each at least, if there are enough.

    >>> _dealt(10, np.array([0.8, 0.9, 1.0])).tolist()
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 2]
    >>> _dealt(2, np.array([0.8, 0.9, 1.0])).tolist()
    [0, 1]
    """
    if size < len(targets):
        return np.arange(size)
    return _cut(np.arange(size), np.ones(size, np.int64), targets)


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
