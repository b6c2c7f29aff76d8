"""The plan: which event goes into which shard, with which labels.

The plan follows from the events, their splits and a seed, and from nothing else: not from
the number of processes, the order of rows or what has been written already. Task i of it
holds all that writing shard i needs.
"""

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import (
    ATTRIBUTES,
    BINARY,
    COUNT_BINS,
    EMPTY,
    MISSING,
    Vocabulary,
)
from camtrap_tf.events.table import Dropped, EventTable, find
from data_prep.choice import draws
from data_prep.choice.select import event_labels
from data_prep.choice.splits import EXPERT_TEST, NAMES
from data_prep.shards.tasks import ShardTask

EVENTS_PER_SHARD = 500  # of three pictures of 256 x 256: about 50 MB
_TEXTS = ("event_id", "site", "season", "datetime")


@dataclasses.dataclass(frozen=True)
class Plan:
    """Every event in its place; see `make`.

    Args:
        texts, labels, paths, frame_labels: as in `ShardTask`, of all events in plan order.
        offsets: [events + 1] int, where each event's frames begin.
        shards: file name, split, first event and the event after the last, of each shard.
        vocabulary: names of the labels.
        split_rule, seed, events_per_shard, origin: how the plan was made.
        dropped: what was left out of it, by rule.
        boxes: of all frames in plan order, see `ShardTask`.
    """

    texts: pd.DataFrame
    labels: dict[str, np.ndarray]
    offsets: np.ndarray
    paths: np.ndarray
    frame_labels: dict[str, np.ndarray]
    shards: tuple[tuple[str, str, int, int], ...]
    vocabulary: Vocabulary
    split_rule: str
    seed: int
    events_per_shard: int
    origin: str
    dropped: Dropped
    boxes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.shards)

    def task(self, i: int) -> ShardTask:
        """What writing shard `i` needs."""
        file, split, start, stop = self.shards[i]
        first, last = self.offsets[start], self.offsets[stop]
        return ShardTask(
            file=file,
            split=split,
            vocabulary=self.vocabulary,
            texts={name: self.texts[name].iloc[start:stop].tolist() for name in _TEXTS},
            labels={head: label[start:stop] for head, label in self.labels.items()},
            sizes=np.diff(self.offsets[start : stop + 1]),
            paths=self.paths[first:last].tolist(),
            frame_labels={head: label[first:last] for head, label in self.frame_labels.items()},
            boxes=None if self.boxes is None else self.boxes[first:last],
        )

    def tasks(self) -> Iterator[ShardTask]:
        """The task of every shard, in order."""
        return map(self.task, range(len(self)))

    @functools.cached_property
    def content(self) -> str:
        """SHA-256 of the content of all tasks, as hexadecimal digits."""
        return hashlib.sha256("".join(task.content for task in self.tasks()).encode()).hexdigest()


def make(
    table: EventTable,
    split: np.ndarray,
    *,
    split_rule: str = "",
    seed: int = 0,
    events_per_shard: int = EVENTS_PER_SHARD,
    vocabulary: Vocabulary | None = None,
) -> Plan:
    """Plans the shards of a table of selected events.

    Args:
        table: events of one species (or empty) each; see `select.select`.
        split: [events] split name of each event; see `splits.assign`.
        split_rule: how they were assigned, in words.
        seed: of the order of events, which is shuffled over the whole split.
        events_per_shard: events in a shard, at most; the shards of a split are equally large.
        vocabulary: names of the labels; None takes those that occur in the table.

    Raises:
        InputError: an event of several species, a species that is not in the vocabulary, or
            an events_per_shard below 1.
    """
    if events_per_shard < 1:
        raise InputError("events_per_shard is at least 1", events_per_shard, "Try 500.")
    labels = event_labels(table)
    _one_species(labels)
    vocabulary = vocabulary or vocabulary_of(table)
    _known_species(labels, vocabulary)
    order, shards = _order(table.events["event_id"], split, seed, events_per_shard)
    events = table.events.iloc[order].reset_index(drop=True)
    frames, offsets = _ordered_frames(table.frames, events["event_id"])
    return Plan(
        texts=_texts(events),
        labels=_event_label_arrays(labels, events["event_id"], vocabulary),
        offsets=offsets,
        paths=frames["path"].to_numpy(object),
        frame_labels=_frame_label_arrays(table.labels, events["event_id"], offsets, vocabulary),
        shards=shards,
        vocabulary=vocabulary,
        split_rule=split_rule,
        seed=seed,
        events_per_shard=events_per_shard,
        origin=table.origin,
        dropped=table.dropped,
    )


def vocabulary_of(table: EventTable) -> Vocabulary:
    """The names that occur: species in alphabetical order, attributes and heads with any label.

    The bins of the count are all twelve, or none where the table has no counts.
    """
    species = sorted(set(table.labels["species"].dropna().unique()) - {EMPTY})
    counted = table.labels["count"].notna().any()
    told = table.labels.notna().any()
    return Vocabulary(
        tuple(species),
        COUNT_BINS if counted else (),
        tuple(name for name in ATTRIBUTES if told[name]),
        {name: classes for name, classes in table.heads.items() if told[name]},
    )


def _order(
    event_ids: pd.Series, split: np.ndarray, seed: int, events_per_shard: int
) -> tuple[np.ndarray, tuple[tuple[str, str, int, int], ...]]:
    """Order of events, split after split, and the shards they are cut into."""
    number = draws.uniform(event_ids, seed, "order")
    orders, shards, start = [], [], 0
    for name in (*NAMES, EXPERT_TEST):
        members = np.flatnonzero(split == name)
        if not len(members):
            continue
        orders.append(members[np.argsort(number[members], kind="stable")])
        count = -(-len(members) // events_per_shard)
        ends = start + np.arange(count + 1) * len(members) // count
        for i, (first, last) in enumerate(itertools.pairwise(ends.tolist())):
            file = f"{name}-{i:05d}-of-{count:05d}.tfrecord"
            shards.append((file, name, first, last))
        start += len(members)
    return np.concatenate(orders), tuple(shards)


def _ordered_frames(frames: pd.DataFrame, ids: pd.Series) -> tuple[pd.DataFrame, np.ndarray]:
    """Frames in the order of events `ids`, and [events + 1] where each event's begin."""
    event = find(frames["event_id"], ids)
    sizes = np.bincount(event, minlength=len(ids))
    ordered = frames.iloc[np.argsort(event, kind="stable")]
    return ordered, np.concatenate([[0], np.cumsum(sizes)])


def _texts(events: pd.DataFrame) -> pd.DataFrame:
    time = events["datetime"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    columns = events[["event_id", "site", "season"]].assign(datetime=time.astype("string"))
    return columns.fillna("").astype(object)


def _event_label_arrays(
    labels: pd.DataFrame, ids: pd.Series, vocabulary: Vocabulary
) -> dict[str, np.ndarray]:
    """Head -> [events] int32."""
    place = find(labels["event_id"], ids)
    columns = _species_columns(labels["species"], vocabulary)
    columns["count"] = _index(labels["count"], vocabulary.count_bins)
    binary = dict.fromkeys(vocabulary.attributes, BINARY)
    for name, classes in (binary | vocabulary.further).items():
        if name not in labels:  # a vocabulary of other data knows of more
            columns[name] = np.full(len(labels), MISSING, np.int32)
        elif classes == BINARY:
            columns[name] = _majority(labels[name])
        else:
            columns[name] = _index(labels[name], classes)
    return {head: _spread(column, place, len(ids)) for head, column in columns.items()}


def _majority(share: pd.Series) -> np.ndarray:
    """[rows] int32: 1 where most say yes, else 0; -1 where missing."""
    yes = (share.astype("Float64") > 0.5).astype("Int32")
    return yes.fillna(MISSING).to_numpy(np.int32)


def _frame_label_arrays(
    labels: pd.DataFrame, ids: pd.Series, offsets: np.ndarray, vocabulary: Vocabulary
) -> dict[str, np.ndarray]:
    """`empty` and `species` -> [frames] int32, -1 for frames that have no label of their own."""
    labels = labels[labels["frame"].notna()]
    # 'empty' first, so that a species of the same frame overrules it.
    labels = labels.iloc[np.argsort((labels["species"] != EMPTY).to_numpy(bool), kind="stable")]
    event = find(labels["event_id"], ids)
    place = offsets[event] + labels["frame"].to_numpy(np.int64)
    columns = _species_columns(labels["species"], vocabulary)
    return {head: _spread(column, place, offsets[-1]) for head, column in columns.items()}


def _species_columns(species: pd.Series, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    empty = (species == EMPTY).to_numpy(np.int32)
    return {"empty": empty, "species": _index(species, vocabulary.species)}


def _index(names: pd.Series, vocabulary: tuple[str, ...]) -> np.ndarray:
    """[rows] int32 index of each name, -1 where it is missing or not in the vocabulary."""
    return find(names, pd.Series(vocabulary, dtype="string")).astype(np.int32)


def _spread(column: np.ndarray, place: np.ndarray, size: int) -> np.ndarray:
    """[size] int32: `column` at its places, -1 elsewhere."""
    full = np.full(size, MISSING, np.int32)
    full[place] = column
    return full


def _one_species(labels: pd.DataFrame) -> None:
    several = labels["event_id"][labels["event_id"].duplicated()]
    if len(several):
        raise InputError(
            "an event of the plan has one species", several.iloc[0], "Apply select.select first."
        )


def _known_species(labels: pd.DataFrame, vocabulary: Vocabulary) -> None:
    unknown = sorted(set(labels["species"].dropna().unique()) - {EMPTY, *vocabulary.species})
    if unknown:
        raise InputError(
            f"every species is in the vocabulary ({len(vocabulary.species)} species)",
            unknown[:10],
            "Take the vocabulary from the data, or rename the species.",
        )
