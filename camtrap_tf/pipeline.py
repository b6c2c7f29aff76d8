"""Shards to batches.

Order and augmentation of training data are a pure function of (seed, epoch): a run that is
stopped and started again sees the same pictures in the same order.
"""

import dataclasses

import numpy as np
import pandas as pd
import tensorflow as tf

from camtrap_tf import images, records
from camtrap_tf.config import AugmentConfig, InputSpec
from camtrap_tf.labels import MISSING, Task, Vocabulary
from camtrap_tf.manifest import Manifest

_SHUFFLE_FRAMES = 4096  # encoded; shards are shuffled globally when they are planned
_READERS = 4


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """What a training pipeline needs to know beside the shards."""

    split: str
    task: Task
    spec: InputSpec
    augment: AugmentConfig
    batch_size: int
    seed: int


def training(manifest: Manifest, data: TrainingData, epoch: int) -> tf.data.Dataset:
    """Augmented batches of one epoch (counted from 1).

    An epoch has `steps_per_epoch` batches; the remainder of its shuffled order is left out.

    Returns:
        A dataset of (`[batch, crop, crop, 3]` float32, labels by head `[batch]` int32, -1
        missing).
    """
    steps = steps_per_epoch(manifest, data)
    files = [str(manifest.folder / shard.file) for shard in manifest.shards_of(data.split)]
    order = np.random.default_rng([data.seed, epoch])
    frames = _frames(
        tf.data.Dataset.from_tensor_slices(order.permutation(files)), manifest.vocabulary
    )
    frames = frames.filter(lambda frame: usable(frame, data.task))
    frames = frames.shuffle(
        _SHUFFLE_FRAMES, seed=int(order.integers(2**31)), reshuffle_each_iteration=False
    )

    def finish(index, frame):
        seed = tf.stack([tf.constant(data.seed * 100_003 + epoch, tf.int64), index])
        pixels = images.decode_stored(frame["frame"], manifest.picture)
        pixels = images.augment(pixels, data.spec.crop, data.augment, seed)
        labels = task_labels(frame, data.task, manifest.vocabulary)
        return images.normalise(pixels, data.spec), labels

    batches = frames.enumerate().map(finish, num_parallel_calls=tf.data.AUTOTUNE)
    batches = batches.batch(data.batch_size, drop_remainder=True)
    return batches.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)


def steps_per_epoch(manifest: Manifest, data: TrainingData) -> int:
    """Whole batches in one epoch."""
    return manifest.frames(data.split, data.task) // data.batch_size


def stored_pictures(manifest: Manifest, split: str, batch_size: int) -> tf.data.Dataset:
    """All pictures of a split, in file order: batches `[<= batch, size, size, 3]` uint8."""
    spec = manifest.picture
    shape = (spec.size, spec.size, 3)
    frames = _split_frames(manifest, split)
    pixels = frames.map(
        lambda frame: tf.ensure_shape(images.decode_stored(frame["frame"], spec), shape),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return pixels.batch(batch_size).prefetch(2)


def index(manifest: Manifest, split: str) -> tuple[pd.DataFrame, dict, dict]:
    """Ids and labels of every picture of a split, in the order of `stored_pictures`.

    Returns:
        ids: `predictions.ID_COLUMNS` without `failure`.
        labels, event_labels: by head, [pictures] int64, -1 missing.
    """
    heads = records.label_heads(manifest.vocabulary)
    rows = list(_split_frames(manifest, split).batch(4096).as_numpy_iterator())
    columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    text = {
        name: [value.decode() or None for value in columns[name]]
        for name in ("path", "event_id", "site", "season", "datetime")
    }
    ids = pd.DataFrame({**text, "frame": columns["position"]})
    ids["datetime"] = pd.to_datetime(ids["datetime"], format="ISO8601")
    labels = {head: columns[head] for head in heads}
    return ids, labels, {head: columns[f"event/{head}"] for head in heads}


def usable(frame: dict[str, tf.Tensor], task: Task) -> tf.Tensor:
    """[] bool: can this task learn from the picture?"""
    empty, species = frame["empty"], frame["species"]
    if task is Task.EMPTY:
        return empty != MISSING
    if task is Task.ONE_STAGE:
        return tf.logical_or(empty == 1, species != MISSING)
    return tf.logical_and(empty == 0, species != MISSING)


def task_labels(frame: dict, task: Task, vocabulary: Vocabulary) -> dict[str, tf.Tensor]:
    """Labels by head of a task, int32, -1 missing."""
    heads = vocabulary.heads(task)
    labels = {head: frame[head] for head in heads}
    if task is Task.ONE_STAGE:
        empty = tf.cast(len(vocabulary.species), tf.int64)
        labels["species"] = tf.where(frame["empty"] == 1, empty, frame["species"])
    return {head: tf.cast(value, tf.int32) for head, value in labels.items()}


def _split_frames(manifest: Manifest, split: str) -> tf.data.Dataset:
    files = [str(manifest.folder / shard.file) for shard in manifest.shards_of(split)]
    frames = _frames(tf.data.Dataset.from_tensor_slices(files), manifest.vocabulary, readers=1)
    return frames.apply(tf.data.experimental.assert_cardinality(manifest.frames(split)))


def _frames(files: tf.data.Dataset, vocabulary: Vocabulary, readers: int = _READERS):
    """One element per picture: its encoded bytes, ids, image-level and event-level labels."""
    events = files.interleave(tf.data.TFRecordDataset, cycle_length=readers, block_length=4)
    events = events.map(
        lambda record: records.parse(record, vocabulary), num_parallel_calls=tf.data.AUTOTUNE
    )
    heads = records.label_heads(vocabulary)

    def flatten(event):
        count = tf.shape(event["frames"])[0]
        columns = {
            "frame": event["frames"],
            "path": event["paths"],
            "position": tf.range(count),
        }
        for name in ("event_id", "site", "season", "datetime"):
            columns[name] = tf.repeat(event[name], count)
        for head in heads:
            whole = tf.repeat(event[f"label/{head}"], count)
            columns[f"event/{head}"] = whole
            columns[head] = _image_level(event, head, whole)
        return tf.data.Dataset.from_tensor_slices(columns)

    return events.flat_map(flatten)


def _image_level(event: dict[str, tf.Tensor], head: str, whole: tf.Tensor) -> tf.Tensor:
    """[n] int64: the frames' own labels where they have them, else the event's.

    A frame that is itself labelled empty has no species, count or attributes.
    """
    own_empty = event["frame_label/empty"]
    if head == "empty":
        return tf.where(own_empty == MISSING, whole, own_empty)
    own = event["frame_label/species"] if head == "species" else tf.fill(tf.shape(whole), -1)
    value = tf.where(own == MISSING, whole, tf.cast(own, tf.int64))
    return tf.where(own_empty == 1, tf.constant(MISSING, tf.int64), value)
