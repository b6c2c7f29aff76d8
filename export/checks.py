"""Real pictures to compare an export with Keras on."""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from camtrap_tf.batches import pipeline
from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import PathLike, existing_folder
from camtrap_tf.core.config import Context
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import records
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.pictures import files
from camtrap_tf.pictures.context import stacked


@dataclasses.dataclass(frozen=True)
class Checks:
    """Pictures, as files and as what networks see.

    Args:
        encoded: [n] files' bytes.
        squares: [n, size, size, 3] uint8, read by Pillow.
        stacked: [n, size, size, channels] uint8, with what stands beside them in their events.
        labels: by head [n], -1 = missing; no heads where nothing is known.
        boxes: [n, 4] float32, for networks that see crops: what a detector finds, NaN where it is
            nothing.
        parts: [n, size, size, 3] uint8, for the same: the parts around boxes.
    """

    encoded: list[bytes]
    squares: np.ndarray
    stacked: np.ndarray
    labels: dict[str, np.ndarray]
    boxes: np.ndarray | None = None
    parts: np.ndarray | None = None

    def alone(self, context: Context) -> np.ndarray:
        """What networks see of the pictures as events of one frame each."""
        return self._beside(np.concatenate([stacked(one[None], context) for one in self.squares]))

    def together(self) -> np.ndarray:
        """What networks see of the pictures in their events."""
        return self._beside(self.stacked)

    def _beside(self, seen: np.ndarray) -> np.ndarray:
        return seen if self.parts is None else np.concatenate([seen, self.parts], axis=-1)


def read_checks(folder: PathLike, bundle: Bundle, count: int) -> Checks:
    """Pictures of a folder, or with their labels those of shards (all splits but 'train').

    Args:
        folder: of pictures, searched with all its subfolders, or of shards.
        bundle: gives the preprocessing.
        count: at most so many, spread evenly.

    Raises:
        InputError: no such folder, nothing readable in it, or shards of another project.
    """
    root = existing_folder(folder, "a folder of pictures or shards")
    if (root / file_names.MANIFEST).is_file():
        return _of_shards(Manifest.read(root), bundle, count)
    paths = list(files.find(root))
    every = paths[:: max(1, len(paths) // count)]
    encoded, squares = [], []
    for path in dict.fromkeys(itertools.chain(every, paths)):
        if len(encoded) == count:
            break
        try:
            content = files.read_bytes(root / path)
            squares.append(files.read(content, bundle.picture).pixels)
        except files.PictureError:
            continue
        encoded.append(content)
    if not encoded:
        raise InputError("--check_on holds readable pictures", str(root), "Check the folder.")
    return Checks(encoded, np.stack(squares), _in_threes(squares, bundle.context), {})


def _in_threes(squares: list[np.ndarray], context: Context) -> np.ndarray:
    """Pictures with what stands beside them, three neighbours taken for an event."""
    threes = [np.stack(squares[start : start + 3]) for start in range(0, len(squares), 3)]
    return np.concatenate([stacked(three, context) for three in threes])


def _of_shards(manifest: Manifest, bundle: Bundle, count: int) -> Checks:
    bundle.check_classes(manifest)
    splits = [split for split in manifest.splits() if split != "train"]
    encoded = [frame for split in splits for frame in _frames(manifest, split)]
    tables = [pipeline.index(manifest, split)[1] for split in splits]
    rows = np.linspace(0, len(encoded) - 1, min(count, len(encoded))).round().astype(int)
    chosen = [encoded[row] for row in rows]
    squares = [files.read(content, bundle.picture).pixels for content in chosen]
    return Checks(
        chosen,
        np.stack(squares),
        _of_events(manifest, splits, rows, bundle.context),
        {head: np.concatenate([t[head] for t in tables])[rows] for head in tables[0]},
    )


def _of_events(
    manifest: Manifest, splits: list[str], rows: np.ndarray, context: Context
) -> np.ndarray:
    """Rows of the splits, one after another, with what stands beside them in their events."""
    found, wanted, place = [], set(rows.tolist()), 0
    for split in splits:
        for batch in pipeline.stored_pictures(manifest, split, 64, context):
            found += [one for at, one in enumerate(batch.numpy(), place) if at in wanted]
            place += len(batch)
    return np.stack(found)


def _frames(manifest: Manifest, split: str) -> Iterator[bytes]:
    for shard in manifest.shards_of(split):
        for stored in tf.data.TFRecordDataset(str(manifest.folder / shard.file)).batch(1):
            yield from records.parse(stored, manifest.vocabulary)["frames"].flat_values.numpy()
