"""Features of the pictures of shards, computed once and kept beside the shards.

    SHARDS/features/ARCHITECTURE-KEY/features.json       what computed them
                                     NAME-SHA.npy        [pictures, 2, width] float16, of a shard

A block belongs to one shard, by name and SHA-256; its rows are the shard's pictures in their
order, each as it is and mirrored. KEY is a hash of the network's weights and of how pictures reach
it: for the view of what a detector found (`crops`), of its boxes, too. So features never mix:
other weights, another crop or other shards are other files, and what is there already is not
computed again. Blocks are written whole, and read memory-mapped.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from camtrap_tf.batches import pipeline
from camtrap_tf.core import checksums
from camtrap_tf.core.artifacts import PathLike, absolute, atomic, is_remote, write_json
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import InputSpec
from camtrap_tf.core.errors import DamagedFile, require
from camtrap_tf.core.progress import Meter
from camtrap_tf.core.workers import local
from camtrap_tf.core.workers.work import Advance, Do, Work, Workers
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest, Shard
from camtrap_tf.networks.engines import hash_weights
from camtrap_tf.networks.network import part_input, trunk_of
from camtrap_tf.pictures import graph

KIND, VERSION = "picture features", 1
SEEN = 2  # a picture as it is, and its mirror image
_BATCH = 32  # pictures at a time, each seen twice
__all__ = ["Features", "trunk_of"]
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Features:
    """What a trunk says of the pictures of some shards.

    Args:
        folder: of the blocks.
        trunk: `[batch, crop, crop, 3]` float32 -> `[batch, width]`.
        spec: from the stored squares to its input.
        manifest: of the shards.
        detections: boxes that the trunk sees the parts around; None: it sees pictures whole.
    """

    folder: Path
    trunk: keras.Model
    spec: InputSpec
    manifest: Manifest
    detections: Detections | None = None

    @classmethod
    def open(
        cls,
        trunk: keras.Model,
        spec: InputSpec,
        manifest: Manifest,
        root: PathLike | None = None,
        detections: Detections | None = None,
    ) -> "Features":
        """Features in a folder below `root`; None: beside the shards.

        Raises:
            InputError: no `root` for shards in a remote store, where nothing can be mapped.
        """
        require(
            root is not None or not is_remote(manifest.folder),
            "features are kept in a local folder",
            str(manifest.folder),
            "Give one: --features=FOLDER.",
        )
        description = {
            "architecture": trunk.name,
            "weights_sha256": hash_weights(trunk),
            "input": to_json(spec),
            "picture": to_json(manifest.picture),
        }
        if detections is not None:
            description["around"] = detections.sha256
        key = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]
        parent = Path(manifest.folder / "features" if root is None else root)
        folder = parent / f"{trunk.name}-{key}"
        if not (folder / "features.json").is_file():
            write_json(folder / "features.json", KIND, VERSION, description)
        return cls(folder, trunk, spec, manifest, detections)

    def read(self, split: str, rows: np.ndarray | None = None) -> np.ndarray:
        """[n, 2, width] float32: features of a split's pictures and of their mirror images.

        What is missing is computed first.

        Args:
            split: of the shards.
            rows: [n] int, the places of those wanted in `pipeline.index`, ascending; None: all.
        """
        self.compute(split)
        shards, first, parts = self.manifest.shards_of(split), 0, []
        for shard in shards:
            block, last = np.load(self._path(shard), mmap_mode="r"), first + shard.frames
            inside = slice(None) if rows is None else rows[(rows >= first) & (rows < last)] - first
            parts.append(block[inside].astype(np.float32))
            first = last
        return np.concatenate(parts)

    def missing(self, split: str) -> list[Shard]:
        """Shards of a split without a block, or with one that is damaged."""
        return [s for s in self.manifest.shards_of(split) if not _is_whole(self._path(s))]

    def _path(self, shard: Shard) -> Path:
        return self.folder / f"{Path(shard.file).stem}-{shard.sha256[:12]}.npy"

    def compute(self, split: str, workers: Workers | None = None) -> None:
        """Writes the missing blocks of a split.

        Args:
            split: of the shards.
            workers: who computes them; None: this process.
        """
        shards = self.missing(split)
        if not shards:
            return
        manifest = dataclasses.replace(self.manifest, folder=absolute(self.manifest.folder))
        store = dataclasses.replace(self, folder=absolute(self.folder), manifest=manifest)
        work = Work(start_computing, (store,), shards, self.folder)
        with Meter(sum(shard.frames for shard in shards), f"features of {split}") as meter:
            for _ in (workers or local.engine())(work, meter.advance):
                pass
        log.info("wrote features of %s to %s", split, self.folder)

    def write_blocks(self, shards: Iterable[Shard], advance: Advance) -> Iterator[str]:
        """Writes the block of one shard after another; yields their names.

        Batches do not cross shards: a block is the same whatever was computed before.
        """
        squares = tf.TensorSpec((None, None, None, 3), tf.uint8)
        see = tf.function(self._see, autograph=False).get_concrete_function(squares)
        for shard in shards:
            only, parts = dataclasses.replace(self.manifest, shards=(shard,)), []
            for pixels in self._pixels(only, shard.split):
                parts.append(see(tf.convert_to_tensor(pixels)).numpy())
                advance(len(pixels))
            self._write(shard, np.concatenate(parts))
            yield shard.file

    def _write(self, shard: Shard, block: np.ndarray) -> None:
        with atomic(self._path(shard)) as temporary, temporary.open("wb") as file:
            np.save(file, block)
            checksums.seal_file(temporary, file)

    def _pixels(self, manifest: Manifest, split: str) -> Iterable:
        """[n, size, size, 3] uint8: stored squares, or their parts around what was detected."""
        if self.detections is None:
            return pipeline.stored_pictures(manifest, split, _BATCH)
        return pipeline.stored_parts(manifest, split, _BATCH, self.detections)

    def _see(self, pixels: tf.Tensor) -> tf.Tensor:
        both = (pixels, pixels[:, :, ::-1])
        make = graph.network_input if self.detections is None else part_input
        inputs = [make(squares, self.spec) for squares in both]
        features = self.trunk(tf.concat(inputs, axis=0), training=False)
        return tf.cast(tf.stack(tf.split(features, SEEN), axis=1), tf.float16)


def start_computing(store: Features) -> Do:
    """What computes features of shards one after another; its results are the shards' names."""
    return store.write_blocks


def _is_whole(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        checksums.check_seal(path)
    except DamagedFile as error:
        log.warning("%s; these features are computed again", error.value)
        return False
    return True
