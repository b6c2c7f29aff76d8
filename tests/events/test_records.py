"""The bytes of records and TFRecord files are TensorFlow's own."""

import hashlib

import pytest
import tensorflow as tf

from camtrap_tf.core.labels import Vocabulary
from camtrap_tf.events import records

VOCABULARY = Vocabulary(("blue", "red"), ("1", "2"), ("moving",))
RECORD = records.EventRecord(
    "\u00e9vent", ["a/1.jpg", "a/2.jpg"], [b"\x00\xff" * 5000, b""],
    {"empty": 0, "species": 1, "count": 300}, {"species": [1, -1]}, site="S", season="1",
)  # fmt: skip


def by_tensorflow(record):
    texts = {name: [getattr(record, name).encode()] for name in
             ("event_id", "site", "season", "datetime")}  # fmt: skip
    texts |= {"paths": [path.encode() for path in record.paths], "frames": record.frames}
    numbers = {f"label/{head}": [record.labels.get(head, -1)]
               for head in records.label_heads(VOCABULARY)}  # fmt: skip
    for head in ("empty", "species"):
        numbers[f"frame_label/{head}"] = record.frame_labels.get(head, [-1] * len(record.frames))
    features = {k: tf.train.Feature(bytes_list=tf.train.BytesList(value=v))
                for k, v in texts.items()}  # fmt: skip
    features |= {k: tf.train.Feature(int64_list=tf.train.Int64List(value=v))
                 for k, v in numbers.items()}  # fmt: skip
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def test_an_example_has_tensorflows_bytes():
    encoded = records.encode(RECORD, VOCABULARY)
    assert encoded == by_tensorflow(RECORD)
    assert records.decode(encoded) == RECORD
    parsed = records.parse(tf.constant([encoded, encoded]), VOCABULARY)
    assert parsed["frames"].to_list() == [RECORD.frames] * 2
    assert parsed["label/moving"].numpy().tolist() == [-1, -1]


def test_a_file_has_tensorflows_bytes(tmp_path):
    contents = [records.encode(RECORD, VOCABULARY), b"", b"x" * 70_000]
    checksum = records.write_file(tmp_path / "ours", contents)
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for content in contents:
            writer.write(content)
    ours = (tmp_path / "ours").read_bytes()
    assert ours == (tmp_path / "theirs").read_bytes()
    assert checksum == hashlib.sha256(ours).hexdigest()
    assert list(records.read_file(tmp_path / "ours")) == contents


def test_a_damaged_file_is_told(tmp_path):
    path = tmp_path / "x"
    records.write_file(path, [b"one", b"two"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match="a record is cut short or damaged"):
        list(records.read_file(path))
    path.write_bytes(b"no" + whole[2:])
    with pytest.raises(ValueError, match="not a TFRecord file"):
        list(records.read_file(path))
    with pytest.raises(ValueError, match="a record is a capture event"):
        records.decode(b"\xff\xff")


def test_records_are_found_by_where_they_begin(tmp_path):
    # Length 8, checksum 4, content, checksum 4: 16 bytes around each.
    written = [b"one", b"", b"three"]
    records.write_file(tmp_path / "x.tfrecord", written)
    assert records.offsets(tmp_path / "x.tfrecord").tolist() == [0, 19, 35]
    found = [records.read_at(tmp_path / "x.tfrecord", place) for place in (0, 19, 35)]
    assert found == written
