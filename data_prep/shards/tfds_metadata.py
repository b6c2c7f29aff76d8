"""Two files that make a folder of shards a TFDS data set: features.json, dataset_info.json.

`tfds.builder_from_directory(folder).as_dataset("train")` then reads the shards as they are.
Frames are the encoded pictures, since the pictures of other folders differ in size; decode
them with `tf.io.decode_jpeg`. Written without TFDS, in the format of its version 4.9.
"""

import json
from pathlib import Path
from typing import Any

from camtrap_tf.core.artifacts import write_text
from camtrap_tf.core.heads import FRAME_HEADS
from camtrap_tf.core.labels import Vocabulary
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.events.records import TEXTS, label_heads

NAME, VERSION = "camtrap_events", "1.0.0"
_PACKAGE = "tensorflow_datasets.core.features"
_TEXT = {"pythonClassName": f"{_PACKAGE}.text_feature.Text", "text": {}}
_NUMBER = {
    "pythonClassName": f"{_PACKAGE}.tensor_feature.Tensor",
    "tensor": {"shape": {}, "dtype": "int64", "encoding": "none"},
}


def features(vocabulary: Vocabulary) -> dict[str, Any]:
    """The record schema as TFDS writes it to features.json."""
    content = dict.fromkeys(TEXTS, _TEXT) | dict.fromkeys(("paths", "frames"), _several(_TEXT))
    content |= {f"label/{head}": _NUMBER for head in label_heads(vocabulary)}
    content |= {f"frame_label/{head}": _several(_NUMBER) for head in FRAME_HEADS}
    return {
        "type": f"{_PACKAGE}.features_dict.FeaturesDict",
        "content": {"features": content},
        "proto_cls": "tensorflow_datasets.FeaturesDict",
    }


def write(manifest: Manifest) -> None:
    """Writes both files beside the shards of a manifest."""
    splits = [
        {
            "name": split,
            "filepathTemplate": "{SPLIT}-{SHARD_X_OF_Y}.{FILEFORMAT}",
            "shardLengths": [str(shard.events) for shard in manifest.shards_of(split)],
            "numBytes": str(sum(_size(manifest, shard) for shard in manifest.shards_of(split))),
        }
        for split in manifest.splits()
    ]
    information = {
        "name": NAME,
        "version": VERSION,
        "description": f"Capture events with their pictures. {manifest.origin}".strip(),
        "fileFormat": "tfrecord",
        "moduleName": "camtrap_tf",
        "splits": splits,
    }
    _write(manifest.folder / "features.json", features(manifest.vocabulary))
    _write(manifest.folder / "dataset_info.json", information)


def _several(feature: dict[str, Any]) -> dict[str, Any]:
    return {
        "pythonClassName": f"{_PACKAGE}.sequence_feature.Sequence",
        "sequence": {"feature": feature, "length": "-1"},
    }


def _size(manifest: Manifest, shard) -> int:
    return (manifest.folder / shard.file).stat().st_size


def _write(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=1) + "\n")
