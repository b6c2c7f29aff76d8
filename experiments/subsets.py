"""Data sets that a result of the paper takes from the whole one, as shards of their own."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from camtrap_tf import records
from camtrap_tf.artifacts import atomic, sha256
from camtrap_tf.labels import MISSING, Task, Vocabulary
from camtrap_tf.manifest import FILE, Manifest, Shard
from experiments import paper

Filter = Callable[[tf.train.Example], bool]


def write(manifest: Manifest, name: str, folder: Path) -> Path:
    """Folder of the shards of a subset, written where it is missing.

    Args:
        manifest: of the whole data set.
        name: 'all', which needs no writing, or a key of `SUBSETS`.
        folder: where subsets lie.
    """
    if name == "all":
        return manifest.folder
    target = folder / name
    if not (target / FILE).is_file():
        vocabulary, keep = SUBSETS[name](manifest)
        _write(manifest, vocabulary, keep, target)
    return target


def commonest(manifest: Manifest) -> tuple[Vocabulary, Filter]:
    """Events of the 26 most frequent species (Fig. S.3), or of the more frequent half.

    Half of the species where there are fewer than 48: of 48, Gomez et al. kept 26.
    """
    counts = np.array(manifest.class_counts["train"]["species"])
    number = paper.COMMON_SPECIES if len(counts) >= 48 else (len(counts) + 1) // 2
    kept = set(np.argsort(-counts, kind="stable")[:number].tolist())
    names = tuple(n for i, n in enumerate(manifest.vocabulary.species) if i in kept)
    vocabulary = dataclasses.replace(manifest.vocabulary, species=names)
    return vocabulary, lambda event: _label(event, "label/species") in kept


def fewer_empties(manifest: Manifest) -> tuple[Vocabulary, Filter]:
    """All animals, and as many empty pictures as the most frequent species has (Table S.3).

    Which empty events are kept is decided by a hash of their id. Training and validation have
    fewer of them; test splits stay whole, so that one-stage and two-stage networks answer the
    same pictures.
    """
    counts = manifest.class_counts["train"]
    share = max(counts["species"]) / max(counts["empty"][1], 1)

    def keep(event: tf.train.Example) -> bool:
        name = event.features.feature["event_id"].bytes_list.value[0]
        number = int.from_bytes(hashlib.sha256(b"one stage" + name).digest()[:4], "big") / 2**32
        return _label(event, "label/empty") != 1 or number < share

    return manifest.vocabulary, keep


def quarter(manifest: Manifest) -> tuple[Vocabulary, Filter]:
    """One event in four to learn from, by a hash of its id; the other splits stay whole."""

    def keep(event: tf.train.Example) -> bool:
        name = event.features.feature["event_id"].bytes_list.value[0]
        return hashlib.sha256(b"quarter" + name).digest()[0] < 64

    return manifest.vocabulary, keep


def without(manifest: Manifest, rank: int) -> tuple[Vocabulary, Filter]:
    """All events but those of one species, which a network then has never seen.

    Args:
        manifest: of the whole data set.
        rank: of the species by number of training pictures, from 0.
    """
    counts = np.array(manifest.class_counts["train"]["species"])
    left_out = int(np.argsort(-counts, kind="stable")[rank])
    names = tuple(n for i, n in enumerate(manifest.vocabulary.species) if i != left_out)
    vocabulary = dataclasses.replace(manifest.vocabulary, species=names)
    return vocabulary, lambda event: _label(event, "label/species") != left_out


# The most frequent species stays: without it there is little to learn from.
WITHOUT = {f"without_{rank}": rank for rank in (1, 2, 3, 4)}
SUBSETS = {
    "quarter": quarter,
    "commonest": commonest,
    "fewer_empties": fewer_empties,
    **{name: functools.partial(without, rank=rank) for name, rank in WITHOUT.items()},
}
_WHOLE = {
    "fewer_empties": ("test", "expert_test"),
    "quarter": ("val", "test", "expert_test"),
}  # splits that stay as they are


def _write(manifest: Manifest, vocabulary: Vocabulary, keep: Filter, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    translate = {
        old: vocabulary.species.index(name) if name in vocabulary.species else MISSING
        for old, name in enumerate(manifest.vocabulary.species)
    }
    shards, counts = [], {}
    for shard in manifest.shards:
        whole = shard.split in _WHOLE.get(folder.name, ())
        kept = [
            _translated(event, translate)
            for event in _events(manifest.folder / shard.file)
            if whole or keep(event)
        ]
        if not kept:
            continue
        shards.append(_write_shard(kept, shard, folder))
        _count(kept, vocabulary, counts.setdefault(shard.split, {}))
    subset = dataclasses.replace(
        manifest,
        folder=folder,
        vocabulary=vocabulary,
        shards=tuple(shards),
        class_counts=counts,
        split_rule=f"{manifest.split_rule}; subset '{folder.name}'",
    )
    subset.write()


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
