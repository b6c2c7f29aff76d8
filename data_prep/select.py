"""Which events are used: rules as small functions, each drop counted by its rule."""

import functools
from collections.abc import Callable

import numpy as np
import pandas as pd

from camtrap_tf.errors import InputError
from camtrap_tf.event_table import Dropped, EventTable, find, occurs
from camtrap_tf.labels import ATTRIBUTES, COUNT_BINS, EMPTY
from data_prep import draws

IMPOSSIBLE = "impossible"  # experts' label of an event nobody can name


def event_labels(table: EventTable) -> pd.DataFrame:
    """Labels of whole events: one row per event and species.

    Where a source labels frames, an event has the species of its frames and is empty when all
    its labelled frames are; a species' count and attributes are the largest of its frames,
    since an event shows what any of its frames shows. An event that is labelled as a whole
    keeps that label.

    Returns:
        `event_id, species, count, *ATTRIBUTES`; 'empty' never stands beside a species.
    """
    labels = table.labels
    frame = labels["frame"].notna()
    rows = labels[~frame]
    if frame.any():
        derived = labels[frame & ~occurs(labels["event_id"], rows["event_id"])]
        rows = pd.concat([rows, _over_frames(derived)])
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
    for species in sorted(sizes.index[sizes < least]):
        events = labels["event_id"][labels["species"] == species]
        table = _drop(table, events, f"species with fewer than {least} events: {species}")
    return table


def balance_empty(table: EventTable, seed: int) -> EventTable:
    """Drops empty events at random until there are no more empty pictures than others.

    The paper's first task is learned from as many empty pictures as pictures of animals.
    Empty frames of animal events count as empty. Where there are too few empty pictures,
    nothing is dropped.
    """
    labels = event_labels(table)
    events = table.events["event_id"]
    empty = occurs(events, labels["event_id"][labels["species"] == EMPTY])
    empties = events[empty]
    sizes = np.bincount(find(table.frames["event_id"], events), minlength=len(events))
    wanted = sizes[~empty].sum() - 2 * _empty_frames(table, empties)
    order = np.argsort(draws.uniform(empties, seed, "balance"), kind="stable")
    taken = np.cumsum(sizes[empty][order]) <= wanted
    rule = "empty event beyond the number of others"
    return _drop(table, empties.iloc[np.sort(order[~taken])], rule)


RULES: dict[str, Callable[[EventTable], EventTable]] = {
    "labelled": labelled,
    "possible": possible,
    "single_species": single_species,
}


def select(
    table: EventTable, *, least: int = 1, balance: bool = False, seed: int = 0
) -> EventTable:
    """Applies every rule in order; what each dropped stands in the result's `dropped`.

    Args:
        table: events of any source.
        least: events a species must have, see `min_events`; 1 keeps all species.
        balance: whether to apply `balance_empty`.
        seed: of the choice of empty events.

    Raises:
        InputError: nothing is left.
    """
    rules = list(RULES.values())
    if least > 1:
        rules.append(functools.partial(min_events, least=least))
    if balance:
        rules.append(functools.partial(balance_empty, seed=seed))
    for rule in rules:
        table = rule(table)
    if not len(table):
        raise InputError(
            "at least one event passes selection", table.dropped.counts, "Relax the rules."
        )
    return table


def _over_frames(labels: pd.DataFrame) -> pd.DataFrame:
    """Frame labels merged over the frames of each event and species, by the largest."""
    ranks = {name: rank for rank, name in enumerate(COUNT_BINS)}
    ranked = labels.assign(count=labels["count"].map(ranks).astype("Float64"))
    columns = ["count", *(name for name in ATTRIBUTES if labels[name].notna().any())]
    merged = ranked.groupby(["event_id", "species"], sort=False)[columns].max().reset_index()
    merged["count"] = merged["count"].map(dict(enumerate(COUNT_BINS))).astype("string")
    return merged.reindex(columns=labels.columns).astype(labels.dtypes.to_dict())


def _empty_frames(table: EventTable, empty_events: pd.Series) -> int:
    """Number of frames labelled empty in events that are not."""
    labels = table.labels[table.labels["frame"].notna()]
    empty = labels[(labels["species"] == EMPTY) & ~occurs(labels["event_id"], empty_events)]
    return len(empty)


def _drop(table: EventTable, event_ids: pd.Series, rule: str) -> EventTable:
    gone = event_ids.drop_duplicates()
    if not len(gone):
        return table
    report = Dropped()
    report.add(f"event: {rule}", gone)
    events = table.events["event_id"]
    return table.keep(events[~occurs(events, gone)], report)
