"""The one TFRecord schema: a record is a capture event.

A record holds the event's frames in order (encoded pictures), its ids, and its labels once;
labels of single frames, where a source has them, stand beside the frames. A missing label is
-1. Labels are indices into the manifest's vocabulary.

Only `parse`, which runs inside graphs, imports TensorFlow. Writing and `read` build
`tf.train.Example` with protobuf and frame TFRecords themselves: a process that writes shards
starts in a fraction of a second and stays small. Tests hold the bytes to TensorFlow's.
"""

import dataclasses
import hashlib
import struct
import typing
from collections.abc import Iterable, Iterator

import google_crc32c
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from camtrap_tf.core.artifacts import PathLike, as_path
from camtrap_tf.core.errors import DamagedFile, InputError
from camtrap_tf.core.heads import FRAME_HEADS
from camtrap_tf.core.labels import MISSING, Vocabulary

if typing.TYPE_CHECKING:
    import tensorflow as tf

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
        parts: encoded picture (JPEG) of the part around the surest box in each frame; none where
            shards are written without (`PictureSpec.crops`).
        boxes: [frames, 5] float32, with `parts`: left, top, width and height as shares of the
            picture, NaN where nothing was found, and how sure the detector is of it.
    """

    event_id: str
    paths: list[str]
    frames: list[bytes]
    labels: dict[str, int]
    frame_labels: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    site: str = ""
    season: str = ""
    datetime: str = ""
    parts: list[bytes] = dataclasses.field(default_factory=list)
    boxes: list[list[float]] = dataclasses.field(default_factory=list)


FRAMES, PARTS, BOXES, BOX = "frames", "parts", "boxes", 5  # features of a record, numbers of a box
TEXTS = ("event_id", "site", "season", "datetime")


def label_heads(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Heads an event is labelled with, in storage order."""
    return tuple(vocabulary.classes())


def encode(record: EventRecord, vocabulary: Vocabulary) -> bytes:
    """The record as a serialised `tf.train.Example`."""
    values = {name: [getattr(record, name).encode()] for name in TEXTS}
    values["paths"] = [path.encode() for path in record.paths]
    values[FRAMES] = record.frames
    features = {name: _bytes(items) for name, items in values.items()}
    if record.parts:
        features[PARTS] = _bytes(record.parts)
        features[BOXES] = _floats([number for box in record.boxes for number in box])
    for head in label_heads(vocabulary):
        features[f"label/{head}"] = _ints([record.labels.get(head, MISSING)])
    missing = [MISSING] * len(record.frames)
    for head in FRAME_HEADS:
        features[f"frame_label/{head}"] = _ints(record.frame_labels.get(head, missing))
    return _Example(features={"feature": features}).SerializeToString(deterministic=True)


def decode(serialised: bytes) -> EventRecord:
    """The reverse of `encode`, without TensorFlow.

    Raises:
        InputError: the bytes are no record.
    """
    try:
        features = _Example.FromString(serialised).features.feature
        return _event(features)
    except (DecodeError, IndexError, ValueError) as error:
        raise InputError(
            "a record is a capture event: its texts, and a path and labels for every frame",
            str(error),
            "Write the shard again: `camtrap shard --verify`.",
        ) from None


def _event(features: typing.Any) -> EventRecord:
    """The event of a record's features; IndexError or ValueError where they are none."""
    texts = {name: features[name].bytes_list.value[0].decode() for name in TEXTS}
    paths = [path.decode() for path in features["paths"].bytes_list.value]
    numbers = {name: list(feature.int64_list.value) for name, feature in features.items()}
    of_frames = [numbers.get(f"frame_label/{head}", []) for head in FRAME_HEADS]
    frames = list(features[FRAMES].bytes_list.value)
    if {len(paths), *map(len, of_frames)} != {len(frames)}:
        raise ValueError(f"{len(frames)} frames, {len(paths)} paths")
    parts = list(features[PARTS].bytes_list.value) if PARTS in features else []
    told = list(features[BOXES].float_list.value) if PARTS in features else []
    boxes = [told[start : start + BOX] for start in range(0, len(told), BOX)]
    if parts and not len(parts) == len(boxes) == len(frames):
        raise ValueError(f"{len(frames)} frames, {len(parts)} parts, {len(boxes)} boxes")
    return EventRecord(
        **texts,
        paths=paths,
        frames=frames,
        labels={
            name.removeprefix("label/"): values[0]
            for name, values in numbers.items()
            if name.startswith("label/") and values[0] != MISSING
        },
        frame_labels={
            head: numbers[f"frame_label/{head}"]
            for head in FRAME_HEADS
            if set(numbers[f"frame_label/{head}"]) - {MISSING}
        },
        parts=parts,
        boxes=boxes,
    )


def parse(
    serialised: "tf.Tensor", vocabulary: Vocabulary, pictures: str = FRAMES, boxes: bool = False
) -> "dict[str, tf.Tensor]":
    """Serialised records as tensors, inside a graph.

    Args:
        serialised: [n] string; several at once are faster than one by one.
        vocabulary: of their labels.
        pictures: which of them are wanted, `FRAMES` or `PARTS`.
        boxes: whether theirs are.

    Returns:
        `event_id`, `site`, `season`, `datetime`: [n] string; `paths`, `frames`: [n, (frames)]
        string, ragged; `label/HEAD`: [n] int64; `frame_label/HEAD`: [n, (frames)] int64, ragged,
        -1 where only the event is labelled; `boxes`: [n, (5 * frames)] float32, ragged.
    """
    import tensorflow as tf

    features = {name: tf.io.FixedLenFeature([], tf.string) for name in TEXTS}
    for head in label_heads(vocabulary):
        features[f"label/{head}"] = tf.io.FixedLenFeature([], tf.int64)
    for name, key in (("paths", "paths"), (FRAMES, pictures)):
        features[name] = tf.io.RaggedFeature(tf.string, key)
    if boxes:
        features[BOXES] = tf.io.RaggedFeature(tf.float32)
    for head in FRAME_HEADS:
        features[f"frame_label/{head}"] = tf.io.RaggedFeature(tf.int64)
    return tf.io.parse_example(serialised, features)


def write_file(path: PathLike, serialised: Iterable[bytes]) -> str:
    """Writes serialised records to one TFRecord file (not atomically: see `artifacts.atomic`).

    Returns:
        SHA-256 of the file, as hexadecimal digits.
    """
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for record in serialised:
            length = _LENGTH.pack(len(record))
            for part in (length, _checksum(length), record, _checksum(record)):
                digest.update(part)
                file.write(part)
    return digest.hexdigest()


def read_file(path: PathLike) -> Iterator[bytes]:
    """Yields the serialised records of a TFRecord file, checked, without TensorFlow.

    Raises:
        DamagedFile: it is cut short or a checksum does not fit.
    """
    with as_path(path).open("rb") as file:
        yield from _records(file, path)


def _records(file: typing.IO[bytes], path: PathLike) -> Iterator[bytes]:
    """The records from where a file stands."""
    while (length := _length(file, path)) is not None:
        record = file.read(length)
        if file.read(_CHECKSUM_BYTES) != _checksum(record):
            raise _damaged(path, "a record is cut short or damaged")
        yield record


def _length(file: typing.IO[bytes], path: PathLike) -> int | None:
    """Bytes of the record that follows; None at the end of the file."""
    length = file.read(_LENGTH.size)
    if length and file.read(_CHECKSUM_BYTES) != _checksum(length):
        raise _damaged(path, "not a TFRecord file, or damaged")
    return _LENGTH.unpack(length)[0] if length else None


def _damaged(path: PathLike, what: str) -> DamagedFile:
    return DamagedFile(path, "Write it again: `camtrap shard --verify`.", what)


def offsets(path: PathLike) -> np.ndarray:
    """[records] int64: where each record of a TFRecord file begins, bytes.

    Raises:
        DamagedFile: the length of a record is damaged.
    """
    places, place, end = [], 0, as_path(path).stat().st_size
    with as_path(path).open("rb") as file:
        while place < end:
            places.append(place)
            file.seek(place)
            place += _LENGTH.size + _CHECKSUM_BYTES + (_length(file, path) or 0) + _CHECKSUM_BYTES
    return np.array(places, np.int64)


def read_at(path: PathLike, offset: int) -> bytes:
    """The serialised record that begins at `offset`, checked; see `offsets`.

    Raises:
        DamagedFile: a checksum does not fit.
    """
    with as_path(path).open("rb") as file:
        file.seek(offset)
        return next(_records(file, path))


# A record is its length, a checksum of that, its content and a checksum of that.
_LENGTH, _CHECKSUM_BYTES = struct.Struct("<Q"), 4


def _checksum(content: bytes) -> bytes:
    """The masked CRC32C that TFRecord files carry, four bytes."""
    crc = google_crc32c.value(content)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _example_class() -> type:
    """`tf.train.Example`, declared anew in a pool of its own: the same bytes."""
    field = descriptor_pb2.FieldDescriptorProto
    one, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED
    schema = descriptor_pb2.FileDescriptorProto(
        name="example.proto", package="camtrap", syntax="proto3"
    )

    def message(parent, name: str, *fields: tuple) -> descriptor_pb2.DescriptorProto:
        made = parent.add(name=name)
        for number, (field_name, label, kind, type_name) in enumerate(fields, 1):
            made.field.add(
                name=field_name, number=number, label=label, type=kind, type_name=type_name
            )
        return made

    top, inner = schema.message_type, field.TYPE_MESSAGE
    message(top, "BytesList", ("value", many, field.TYPE_BYTES, None))
    message(top, "FloatList", ("value", many, field.TYPE_FLOAT, None))
    message(top, "Int64List", ("value", many, field.TYPE_INT64, None))
    feature = message(
        top,
        "Feature",
        ("bytes_list", one, inner, ".camtrap.BytesList"),
        ("float_list", one, inner, ".camtrap.FloatList"),
        ("int64_list", one, inner, ".camtrap.Int64List"),
    )
    feature.oneof_decl.add(name="kind")
    for part in feature.field:
        part.oneof_index = 0
    features = message(top, "Features", ("feature", many, inner, ".camtrap.Features.FeatureEntry"))
    entry = message(
        features.nested_type,
        "FeatureEntry",
        ("key", one, field.TYPE_STRING, None),
        ("value", one, inner, ".camtrap.Feature"),
    )
    entry.options.map_entry = True
    message(top, "Example", ("features", one, inner, ".camtrap.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(schema)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("camtrap.Example"))


_Example = _example_class()


def _bytes(values: list[bytes]) -> dict:
    return {"bytes_list": {"value": values}}


def _floats(values: list[float]) -> dict:
    return {"float_list": {"value": values}}


def _ints(values: list[int]) -> dict:
    return {"int64_list": {"value": values}}
