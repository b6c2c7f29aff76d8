"""Data sets that a result of the paper takes from the whole one, as shards of their own."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import atomic, sha256
from camtrap_tf.core.labels import MISSING, Task, Vocabulary
from camtrap_tf.events import records
from camtrap_tf.events.manifest import Manifest, Shard
from experiments import published

# Takes an event of the whole data set, gives it as the subset has it, or None to leave it out.
Change = Callable[[tf.train.Example], tf.train.Example | None]


@dataclasses.dataclass(frozen=True)
class Subset:
    """What a subset has.

    Args:
        vocabulary: its words, all of them words of the whole data set.
        change: which events, and how.
        whole: splits that stay as they are.
    """

    vocabulary: Vocabulary
    change: Change
    whole: tuple[str, ...] = ()


def write(manifest: Manifest, name: str, folder: Path) -> Path:
    """Folder of the shards of a subset, written where it is missing.

    Args:
        manifest: of the whole data set.
        name: 'all', which needs no writing, or a key of `SUBSETS`.
        folder: where subsets lie.
    """
    if name == "all":
        return manifest.folder
    return write_subset(manifest, SUBSETS[name](manifest), folder / name)


def write_subset(manifest: Manifest, subset: Subset, folder: Path) -> Path:
    """Writes the shards of a subset where they are missing; returns their folder."""
    if not (folder / file_names.MANIFEST).is_file():
        _write(manifest, subset, folder)
    return folder


def event_id(event: tf.train.Example) -> str:
    """Name of a stored event."""
    return event.features.feature["event_id"].bytes_list.value[0].decode()


def commonest(manifest: Manifest) -> Subset:
    """Events of the 26 most frequent species (Fig. S.3), or of the more frequent half.

    Half of the species where there are fewer than 48: of 48, Gomez et al. kept 26.
    """
    counts = np.array(manifest.class_counts["train"]["species"])
    number = published.COMMON_SPECIES if len(counts) >= 48 else (len(counts) + 1) // 2
    kept = set(np.argsort(-counts, kind="stable")[:number].tolist())
    names = tuple(n for i, n in enumerate(manifest.vocabulary.species) if i in kept)
    vocabulary = dataclasses.replace(manifest.vocabulary, species=names)
    return Subset(vocabulary, lambda e: e if _label(e, "label/species") in kept else None)


def fewer_empties(manifest: Manifest) -> Subset:
    """All animals, and as many empty pictures as the most frequent species has (Table S.3).

    Which empty events are kept is decided by a hash of their id. Training and validation have
    fewer of them; test splits stay whole, so that one-stage and two-stage networks answer the
    same pictures.
    """
    counts = manifest.class_counts["train"]
    share = max(counts["species"]) / max(counts["empty"][1], 1)

    def change(event: tf.train.Example) -> tf.train.Example | None:
        name = b"one stage" + event_id(event).encode()
        number = int.from_bytes(hashlib.sha256(name).digest()[:4], "big") / 2**32
        return event if _label(event, "label/empty") != 1 or number < share else None

    return Subset(manifest.vocabulary, change, ("test", "expert_test"))


def quarter(manifest: Manifest) -> Subset:
    """One event in four to learn from, by a hash of its id."""

    def change(event: tf.train.Example) -> tf.train.Example | None:
        name = b"quarter" + event_id(event).encode()
        return event if hashlib.sha256(name).digest()[0] < 64 else None

    return Subset(manifest.vocabulary, change, TESTED)


def without(manifest: Manifest, rank: int) -> Subset:
    """All events but those of one species, which a network then has never seen.

    Args:
        manifest: of the whole data set.
        rank: of the species by number of training pictures, from 0.
    """
    counts = np.array(manifest.class_counts["train"]["species"])
    left_out = int(np.argsort(-counts, kind="stable")[rank])
    names = tuple(n for i, n in enumerate(manifest.vocabulary.species) if i != left_out)

    def change(event: tf.train.Example) -> tf.train.Example | None:
        return event if _label(event, "label/species") != left_out else None

    return Subset(dataclasses.replace(manifest.vocabulary, species=names), change)


def labels_of_events(manifest: Manifest) -> Subset:
    """For training, pictures without the labels that they have of their own."""

    def change(event: tf.train.Example) -> tf.train.Example:
        for name in OWN_LABELS:
            values = event.features.feature[name].int64_list.value
            values[:] = [MISSING] * len(values)
        return event

    return Subset(manifest.vocabulary, change, TESTED)


TESTED = ("val", "test", "expert_test")
OWN_LABELS = ("frame_label/empty", "frame_label/species")
# The most frequent species stays: without it there is little to learn from.
WITHOUT = {f"without_{rank}": rank for rank in range(1, 6)}
SUBSETS = {
    "quarter": quarter,
    "commonest": commonest,
    "fewer_empties": fewer_empties,
    "labels_of_events": labels_of_events,
    **{name: functools.partial(without, rank=rank) for name, rank in WITHOUT.items()},
}


def _write(manifest: Manifest, subset: Subset, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    words = subset.vocabulary.species
    translate = {
        old: words.index(name) if name in words else MISSING
        for old, name in enumerate(manifest.vocabulary.species)
    }
    shards, counts = [], {}
    for shard in manifest.shards:
        whole = shard.split in subset.whole
        events = _events(manifest.folder / shard.file)
        changed = events if whole else map(subset.change, events)
        kept = [_translated(event, translate) for event in changed if event is not None]
        if not kept:
            continue
        shards.append(_write_shard(kept, shard, folder))
        _count(kept, subset.vocabulary, counts.setdefault(shard.split, {}))
    found = dataclasses.replace(
        manifest,
        folder=folder,
        vocabulary=subset.vocabulary,
        shards=tuple(shards),
        class_counts=counts,
        split_rule=f"{manifest.split_rule}; subset '{folder.name}'",
    )
    found.write()


def _events(path: Path):
    for raw in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        yield tf.train.Example.FromString(raw)


def _label(event: tf.train.Example, name: str) -> int:
    return event.features.feature[name].int64_list.value[0]


def _translated(event: tf.train.Example, translate: dict[int, int]) -> tf.train.Example:
    for name in ("label/species", "frame_label/species"):
        values = event.features.feature[name].int64_list.value
        values[:] = [translate.get(value, MISSING) for value in values]
    return event


def _image_labels(event: tf.train.Example, head: str) -> np.ndarray:
    """[frames] int: the image-level labels that `pipeline.index` gives."""
    own_empty = np.array(event.features.feature["frame_label/empty"].int64_list.value)
    own = np.full(len(own_empty), MISSING)
    if head in ("empty", "species"):
        own = np.array(event.features.feature[f"frame_label/{head}"].int64_list.value)
    labels = np.where(own == MISSING, _label(event, f"label/{head}"), own)
    return labels if head == "empty" else np.where(own_empty == 1, MISSING, labels)


def _write_shard(events: list[tf.train.Example], shard: Shard, folder: Path) -> Shard:
    file = folder / shard.file
    with atomic(file) as temporary:
        records.write_file(temporary, [e.SerializeToString(deterministic=True) for e in events])
    empty = np.concatenate([_image_labels(event, "empty") for event in events])
    species = np.concatenate([_image_labels(event, "species") for event in events])
    animals = int(((empty == 0) & (species != MISSING)).sum())
    usable = {
        Task.EMPTY: int((empty != MISSING).sum()),
        Task.ANIMAL: animals,
        Task.SPECIES: animals,
        Task.ONE_STAGE: int(((empty == 1) | (species != MISSING)).sum()),
    }
    return dataclasses.replace(
        shard,
        events=len(events),
        frames=len(empty),
        frames_by_task={task.value: number for task, number in usable.items()},
        sha256=sha256(file),
    )


def _count(events: list[tf.train.Example], vocabulary: Vocabulary, counts: dict) -> None:
    """Adds the events' pictures to the counts of a split, by head."""
    sizes = {"empty": 2, "species": len(vocabulary.species), "count": len(vocabulary.count_bins)}
    for head in records.label_heads(vocabulary):
        labels = np.concatenate([_image_labels(event, head) for event in events])
        number = np.bincount(labels[labels != MISSING], minlength=sizes.get(head, 2))
        earlier = np.array(counts.get(head, np.zeros_like(number)))
        counts[head] = (earlier + number).tolist()
