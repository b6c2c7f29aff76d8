"""Which events are used: rules as small functions, each drop counted by its rule."""

import functools
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import COUNT_BINS, EMPTY
from camtrap_tf.events.table import Dropped, EventTable, find, occurs
from data_prep.choice import draws

_PLACE = ["event_id", "species"]
IMPOSSIBLE = "impossible"  # experts' label of an event nobody can name


def event_labels(table: EventTable) -> pd.DataFrame:
    """Labels of whole events: one row per event and species.

    Where a source labels frames, an event has the species of its frames and is empty when all
    its labelled frames are; a species' count and attributes are the largest of its frames,
    since an event shows what any of its frames shows, and its further classes the commonest,
    none between equals. An event that is labelled as a whole
    keeps that label.

    Returns:
        The columns of `labels` but `frame`; 'empty' never stands beside a species.
    """
    labels = table.labels
    frame = labels["frame"].notna()
    rows = labels[~frame]
    if frame.any():
        derived = labels[frame & ~occurs(labels["event_id"], rows["event_id"])]
        rows = pd.concat([rows, _over_frames(derived, table.attributes, table.choices)])
    empty = rows["species"] == EMPTY
    overruled = empty & occurs(rows["event_id"], rows["event_id"][~empty])
    return rows[~overruled].drop(columns="frame").reset_index(drop=True)


def labelled(table: EventTable) -> EventTable:
    """Drops events without a label."""
    events = table.events["event_id"]
    return _drop(table, events[~occurs(events, table.labels["event_id"])], "no label")


def possible(table: EventTable) -> EventTable:
    """Drops events that experts found impossible to name."""
    impossible = table.labels["event_id"][table.labels["species"] == IMPOSSIBLE]
    return _drop(table, impossible, f"species '{IMPOSSIBLE}'")


def single_species(table: EventTable) -> EventTable:
    """Drops events with more than one species; 'human' and its like count as species."""
    events = event_labels(table)["event_id"]
    return _drop(table, events[events.duplicated()], "more than one species")


def min_events(table: EventTable, least: int) -> EventTable:
    """Drops the events of species that have fewer than `least` events."""
    labels = event_labels(table)
    labels = labels[labels["species"] != EMPTY]
    sizes = labels["species"].value_counts()
    rare = sorted(sizes.index[sizes < least])
    return _drop_species(table, rare, f"species with fewer than {least} events")


def with_pictures(table: EventTable) -> EventTable:
    """Drops events without pictures, which some sources know of."""
    events = table.events["event_id"]
    return _drop(table, events[~occurs(events, table.frames["event_id"])], "no pictures")


def exact_frames(table: EventTable, frames: int) -> EventTable:
    """Drops events that do not have exactly `frames` pictures."""
    wrong = _sizes(table) != frames
    rule = f"other than {frames} pictures"
    return _drop(table, table.events["event_id"][wrong], rule)


def min_images(table: EventTable, least: int) -> EventTable:
    """Drops the events of species that have fewer than `least` pictures."""
    sizes = _pictures(table)
    rare = sorted(sizes.index[sizes < least])
    return _drop_species(table, rare, f"species with fewer than {least} pictures")


def most_frequent(table: EventTable, number: int) -> EventTable:
    """Drops the events of all but the `number` species that have most pictures.

    Gomez et al. 2016 use 26; among species with as many pictures the alphabet decides. Empty
    events stay.
    """
    if number < 1:
        raise InputError("the number of species to keep is at least 1", number, "Try 26.")
    sizes = _pictures(table).sort_index().sort_values(ascending=False, kind="stable")
    rule = f"species not among the {number} most frequent"
    return _drop_species(table, sorted(sizes.index[number:]), rule)


def cap_empty(table: EventTable, seed: int) -> EventTable:
    """Drops empty events at random until 'empty' is no larger than the largest species.

    One-stage networks learn 'empty' as one more class; three quarters of all pictures would
    drown the others. Empty frames of animal events count as empty.
    """
    largest = int(_pictures(table).max()) if len(_pictures(table)) else 0
    return _thin_empty(table, largest, seed, "empty event beyond the size of the largest species")


def balance_empty(table: EventTable, seed: int) -> EventTable:
    """Drops empty events at random until there are no more empty pictures than others.

    The paper's first task is learned from as many empty pictures as pictures of animals.
    Empty frames of animal events count as empty. Where there are too few empty pictures,
    nothing is dropped.
    """
    animals = int(_sizes(table)[~_is_empty(table)].sum())
    wanted = animals - _empty_frames(table)
    return _thin_empty(table, wanted, seed, "empty event beyond the number of others")


RULES: dict[str, Callable[[EventTable], EventTable]] = {
    "with_pictures": with_pictures,
    "labelled": labelled,
    "possible": possible,
    "single_species": single_species,
}


def select(
    table: EventTable,
    *,
    least: int = 1,
    least_images: int = 1,
    top_species: int | None = None,
    frames: int | None = None,
    balance: bool = False,
    cap: bool = False,
    seed: int = 0,
) -> EventTable:
    """Applies every rule in order; what each dropped stands in the result's `dropped`.

    Args:
        table: events of any source.
        least: events a species must have, see `min_events`; 1 keeps all species.
        least_images: pictures a species must have, see `min_images`.
        top_species: how many species to keep, see `most_frequent`; None keeps all.
        frames: pictures an event must have, see `exact_frames`; None takes any number.
        balance: whether to apply `balance_empty`.
        cap: whether to apply `cap_empty`.
        seed: of the choice of empty events.

    Raises:
        InputError: `top_species` is below 1, or no event is left, or no species of those there
            were.
    """
    optional = (
        (frames is not None, functools.partial(exact_frames, frames=frames or 0)),
        (least > 1, functools.partial(min_events, least=least)),
        (least_images > 1, functools.partial(min_images, least=least_images)),
        (top_species is not None, functools.partial(most_frequent, number=top_species or 0)),
        (balance, functools.partial(balance_empty, seed=seed)),
        (cap, functools.partial(cap_empty, seed=seed)),
    )
    for rule in RULES.values():
        table = rule(table)
    known = _has_species(table)
    for rule in (rule for wanted, rule in optional if wanted):
        table = rule(table)
    if not len(table) or (known and not _has_species(table)):
        raise InputError(
            f"at least one {'species' if len(table) else 'event'} passes the selection",
            _few([f"{rule} ({n:,})" for rule, n in table.dropped.counts.items()]) or "no event",
            "Relax the rules that dropped the others.",
        )
    return table


def _few(rules: list[str], most: int = 3) -> str:
    more = f"; and {len(rules) - most} more" if len(rules) > most else ""
    return "; ".join(rules[:most]) + more


def _has_species(table: EventTable) -> bool:
    return bool((table.labels["species"] != EMPTY).any())


def _over_frames(
    labels: pd.DataFrame, attributes: Iterable[str], choices: Iterable[str]
) -> pd.DataFrame:
    """Frame labels merged over the frames of each event and species.

    Args:
        labels: of frames.
        attributes: columns merged by the largest, as is the count.
        choices: columns merged by the commonest.
    """
    ranks = {name: rank for rank, name in enumerate(COUNT_BINS)}
    ranked = labels.assign(count=labels["count"].map(ranks).astype("Float64"))
    columns = ["count", *(name for name in attributes if labels[name].notna().any())]
    merged = ranked.groupby(_PLACE, sort=False)[columns].max().reset_index()
    for name in choices:
        merged = merged.merge(_commonest(labels, name), on=_PLACE, how="left")
    merged["count"] = merged["count"].map(dict(enumerate(COUNT_BINS))).astype("string")
    return merged.reindex(columns=labels.columns).astype(labels.dtypes.to_dict())


def _commonest(labels: pd.DataFrame, name: str) -> pd.DataFrame:
    """The value of a column that most rows of an event and species have; none between equals."""
    sizes = labels.groupby([*_PLACE, name], sort=False).size().rename("size").reset_index()
    most = sizes["size"] == sizes.groupby(_PLACE)["size"].transform("max")
    return sizes[most].drop_duplicates(_PLACE, keep=False)[[*_PLACE, name]]


def _is_empty(table: EventTable) -> np.ndarray:
    """[events] bool: which events are labelled empty."""
    labels = event_labels(table)
    return occurs(table.events["event_id"], labels["event_id"][labels["species"] == EMPTY])


def _sizes(table: EventTable) -> np.ndarray:
    """[events] int: pictures of each event."""
    event = find(table.frames["event_id"], table.events["event_id"])
    return np.bincount(event, minlength=len(table))


def _empty_labels(table: EventTable) -> pd.Series:
    """Event ids of the frames labelled empty in events that are not, one per frame."""
    labels = table.labels[table.labels["frame"].notna()]
    labels = labels[labels["species"] == EMPTY]
    return labels["event_id"][~occurs(labels["event_id"], _empty_ids(table))]


def _empty_ids(table: EventTable) -> pd.Series:
    return table.events["event_id"][_is_empty(table)]


def _empty_frames(table: EventTable) -> int:
    """Number of frames labelled empty in events that are not."""
    return len(_empty_labels(table))


def _pictures(table: EventTable) -> pd.Series:
    """Species -> number of its pictures: those of its events, without frames labelled empty."""
    ids = table.events["event_id"]
    sizes = _sizes(table)
    np.subtract.at(sizes, find(_empty_labels(table), ids), 1)
    labels = event_labels(table)
    labels = labels[labels["species"] != EMPTY]
    shown = pd.Series(sizes[find(labels["event_id"], ids)], index=labels["species"].to_numpy())
    return shown.groupby(level=0).sum()


def _thin_empty(table: EventTable, wanted: int, seed: int, rule: str) -> EventTable:
    """Drops empty events at random until empty pictures are no more than `wanted`.

    Empty frames of other events count too, but are not dropped.
    """
    empty = _is_empty(table)
    empties, sizes = table.events["event_id"][empty], _sizes(table)[empty]
    order = np.argsort(draws.uniform(empties, seed, "balance"), kind="stable")
    taken = np.cumsum(sizes[order]) <= wanted - _empty_frames(table)
    return _drop(table, empties.iloc[np.sort(order[~taken])], rule)


def _drop_species(table: EventTable, species: list[str], rule: str) -> EventTable:
    """Drops the events of each of `species`, counted one by one."""
    labels = event_labels(table)
    for name in species:
        table = _drop(table, labels["event_id"][labels["species"] == name], f"{rule}: {name}")
    return table


def _drop(table: EventTable, event_ids: pd.Series, rule: str) -> EventTable:
    gone = event_ids.drop_duplicates()
    if not len(gone):
        return table
    report = Dropped()
    report.add(f"event: {rule}", gone)
    events = table.events["event_id"]
    return table.keep(events[~occurs(events, gone)], report)
