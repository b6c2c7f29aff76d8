"""Shards for benchmarks: 256-pixel JPEGs of about 22 KB, as real ones have."""

from pathlib import Path

import numpy as np
from PIL import Image

from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.labels import Task, Vocabulary
from camtrap_tf.events import records
from camtrap_tf.events.manifest import Manifest, Shard
from camtrap_tf.events.table import Dropped
from camtrap_tf.pictures import files


def write(folder: Path, events: int, shards: int = 4) -> Manifest:
    """Splits 'train' and 'val' of `events` events of three pictures, the 48 species by turns."""
    rng, vocabulary, written = np.random.default_rng(0), Vocabulary(), []
    for split in ("train", "val"):
        for number in range(shards):
            own = range(number, events, shards)
            file = folder / f"{split}-{number}.tfrecord"
            records.write_file(file, [_event(rng, event, vocabulary) for event in own])
            usable = {task.value: 3 * len(own) for task in Task}
            written.append(Shard(file.name, split, len(own), 3 * len(own), usable, "-"))
    manifest = Manifest(
        folder, vocabulary, PictureSpec(), (120.0,) * 3, (60.0,) * 3, tuple(written), {},
        "by hand", 0, Dropped(),
    )  # fmt: skip
    manifest.write()
    return manifest


def _event(rng: np.random.Generator, number: int, vocabulary: Vocabulary) -> bytes:
    labels = {"empty": 0, "species": number % 48, "count": 0}
    frames = [files.encode_jpeg(_picture(rng), 88) for _ in range(3)]
    paths = [f"{number}/{frame}.jpg" for frame in range(3)]
    return records.encode(records.EventRecord(str(number), paths, frames, labels), vocabulary)


def _picture(rng: np.random.Generator) -> np.ndarray:
    """Soft structure with some grain, [256, 256, 3] uint8."""
    coarse = Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8))
    smooth = np.asarray(coarse.resize((256, 256), Image.Resampling.BICUBIC), float)
    return np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)
