"""The one TFRecord schema: a record is a capture event.

A record holds the event's frames in order (encoded pictures), its ids, and its labels once;
labels of single frames, where a source has them, stand beside the frames. A missing label is
-1. Labels are indices into the manifest's vocabulary.
"""

import dataclasses
from collections.abc import Iterable

import tensorflow as tf

from camtrap_tf.artifacts import PathLike
from camtrap_tf.labels import MISSING, Vocabulary

VERSION = 1


@dataclasses.dataclass
class EventRecord:
    """One capture event as it is stored.

    Args:
        event_id, site, season, datetime: text; '' where missing; datetime in ISO 8601.
        paths: path of each frame in its source.
        frames: encoded picture (JPEG) of each frame, in capture order.
        labels: event label by head name: `empty` (0/1), `species`, `count`, attributes (0/1).
            Absent heads are missing.
        frame_labels: by head name (`empty`, `species`), one label per frame; absent where the
            source labels events only.
    """

    event_id: str
    paths: list[str]
    frames: list[bytes]
    labels: dict[str, int]
    frame_labels: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    site: str = ""
    season: str = ""
    datetime: str = ""


_TEXT = ("event_id", "site", "season", "datetime")
_FRAME_HEADS = ("empty", "species")


def label_heads(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Heads an event is labelled with, in storage order."""
    return ("empty", "species", "count", *vocabulary.attributes)


def encode(record: EventRecord, vocabulary: Vocabulary) -> bytes:
    """The record as a serialised `tf.train.Example`."""
    values = {name: [getattr(record, name).encode()] for name in _TEXT}
    values["paths"] = [path.encode() for path in record.paths]
    values["frames"] = record.frames
    features = {name: _bytes(items) for name, items in values.items()}
    for head in label_heads(vocabulary):
        features[f"label/{head}"] = _ints([record.labels.get(head, MISSING)])
    missing = [MISSING] * len(record.frames)
    for head in _FRAME_HEADS:
        features[f"frame_label/{head}"] = _ints(record.frame_labels.get(head, missing))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(
        deterministic=True
    )


def parse(serialised: tf.Tensor, vocabulary: Vocabulary) -> dict[str, tf.Tensor]:
    """One serialised record as tensors, inside a graph.

    Returns:
        `event_id`, `site`, `season`, `datetime`: [] string; `paths`, `frames`: [n] string;
        `label/HEAD`: [] int64; `frame_label/HEAD`: [n] int64, -1 where only the event is
        labelled.
    """
    text = tf.io.FixedLenFeature([], tf.string)
    texts = tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True)
    number = tf.io.FixedLenFeature([], tf.int64)
    numbers = tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True)
    features = dict.fromkeys(_TEXT, text) | dict.fromkeys(("paths", "frames"), texts)
    features |= {f"label/{head}": number for head in label_heads(vocabulary)}
    features |= {f"frame_label/{head}": numbers for head in _FRAME_HEADS}
    return tf.io.parse_single_example(serialised, features)


def write_file(path: PathLike, serialised: Iterable[bytes]) -> None:
    """Writes serialised records to one TFRecord file (not atomically: see `artifacts.atomic`)."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in serialised:
            writer.write(record)


def _bytes(values: list[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _ints(values: list[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
