"""What a detector and a frozen network see in a folder of pictures, as a job that goes on.

    job.json, pictures.parquet, not_processed.csv   as in `job`
    blocks/N.parquet   of a block of some hundred pictures: their times, the surest box, features

Blocks come in a random order that is always the same, so that what is ready at any time is a sample
of all sites and days. Needs no labels: `camtrap review FOLDER` learns from people on top of it. A
hundred thousand pictures take half a gigabyte.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import tensorflow as tf

from camtrap_tf.core import locks, parquet
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.config import InputSpec, PictureSpec
from camtrap_tf.core.hardware import processors
from camtrap_tf.core.labels import Task
from camtrap_tf.core.paths import on_disk
from camtrap_tf.core.recipes import STARTED, probe_config
from camtrap_tf.events.listing import Listing
from camtrap_tf.networks import architectures
from camtrap_tf.networks.detector import boxes
from camtrap_tf.networks.detector.finder import Finder
from camtrap_tf.networks.network import part_input, trunk_of
from camtrap_tf.pictures import crops, exif, files
from camtrap_tf.prediction.descriptions import (
    CROPS,
    KIND,
    SIDE,
    VERSION,
    missing,
    open_job,
    require_weights,
)
from camtrap_tf.prediction.job import FACTS, Block, Job

_BATCH = 16  # pictures at a time, each seen four times: whole and around the box, and mirrored


class Pixels(NamedTuple):
    """A picture as the network sees it, [SIDE, SIDE, 3] uint8, and as the detector does.

    With the file's bytes the part around its box is cut from those, else from the square.
    """

    square: np.ndarray
    padded: files.Padded
    content: bytes | None = None


class Seen(NamedTuple):
    """A picture as it was read; without pixels, why not."""

    facts: exif.Facts
    pixels: Pixels | None
    failure: str | None = None
    doubt: str | None = None


@dataclasses.dataclass(frozen=True)
class Looker:
    """The detector and the network, loaded.

    Args:
        finder: the detector.
        trunk: `[batch, crop, crop, 3]` float32 -> `[batch, width]`.
        spec: from squares to its input.
    """

    finder: Finder
    trunk: keras.Model
    spec: InputSpec

    @classmethod
    def load(cls, network: str = STARTED) -> "Looker":
        """With published weights.

        Raises:
            InputError: they are not on this computer; the message has the command.
        """
        require_weights(network)
        model = probe_config(Task.SPECIES, network, SIDE).model
        trunk = trunk_of(architectures.build(model, {"species": ("a", "b")}), "species")
        return cls(Finder(), trunk, InputSpec(model.crop, model.normalisation))

    @functools.cached_property
    def _see(self) -> Callable:
        """[n, SIDE, SIDE, 3] uint8 -> [n, width]: mean of the picture and its mirror image."""

        def see(pixels: tf.Tensor) -> tf.Tensor:
            both = tf.concat([pixels, pixels[:, :, ::-1]], axis=0)
            found = self.trunk(part_input(both, self.spec), training=False)
            return tf.reduce_mean(tf.stack(tf.split(found, 2)), axis=0)

        squares = tf.TensorSpec((None, None, None, 3), tf.uint8)
        return tf.function(see, autograph=False).get_concrete_function(squares)

    def describe(self, read: Sequence[Seen]) -> dict[str, np.ndarray]:
        """What is seen in pictures.

        Returns:
            `scores` [n] float32 and `boxes` [n, 4] float32 of the surest boxes, NaN without one;
            `features` [n, 2, width] float16, of the picture and of the part around its box; zeros
            where it could not be read.
        """
        pixels_of = {row: one.pixels for row, one in enumerate(read) if one.pixels is not None}
        there = list(pixels_of)
        scores, found = np.zeros(len(read), np.float32), np.full((len(read), 4), np.nan, np.float32)
        features = np.zeros((len(read), 2, self.trunk.output.shape[-1]), np.float16)
        for row in there:
            scores[row], found[row] = self._surest(pixels_of[row].padded)
        for start in range(0, len(there), _BATCH):
            rows = there[start : start + _BATCH]
            pixels = np.stack([pixels_of[row].square for row in rows])
            parts = np.stack([_part(pixels_of[row], found[row]) for row in rows])
            for view, squares in enumerate((pixels, parts)):
                features[rows, view] = self._see(tf.convert_to_tensor(squares)).numpy()
        return {"scores": scores, "boxes": found, "features": features}

    def _surest(self, padded: files.Padded) -> tuple[float, np.ndarray]:
        (answer,) = self.finder.find(padded.pixels[None], [padded.filled])
        if not len(answer.confidence):
            return 0.0, np.full(4, np.nan, np.float32)
        best = int(answer.confidence.argmax())
        return float(answer.confidence[best]), answer.boxes[best]


def _part(pixels: Pixels, box: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE, 3] uint8: the part around a box [4] float32, NaN for the whole picture."""
    if pixels.content is not None:
        with contextlib.suppress(files.PictureError):  # no memory for more of its pixels
            return crops.sharp(pixels.content, PictureSpec(size=SIDE), box)
    return crops.cut(pixels.square[None], crops.squares(box[None]))[0]


def describe(
    found: Listing,
    folder: PathLike,
    network: str = STARTED,
    carry_on: Callable[[], bool] = lambda: True,
) -> Job:
    """Describes all pictures, block by block; goes on where it was stopped.

    Args:
        found: the pictures.
        folder: for the descriptions.
        network: whose features, a name in `recipes.PROBED`.
        carry_on: asked before every block.

    Raises:
        InputError: no pictures, no weights, or a folder that holds another job.
    """
    with locks.held(folder):
        job = open_job(found, folder, network)
        left = missing(job)
        looker = Looker.load(network) if left else None
        with concurrent.futures.ThreadPoolExecutor(processors()) as pool:
            for number in left:
                if looker is None or not carry_on():
                    break
                _describe_block(job, job.block(number), found.root, looker, pool)
    return job


def _describe_block(
    job: Job, block: Block, root: Path, looker: Looker, pool: concurrent.futures.Executor
) -> None:
    look = functools.partial(_read, root, sharp=bool(job.record.get(CROPS)))
    read = list(pool.map(look, block.pictures["path"]))
    _write(job, block, read, looker.describe(read))


def _read(root: Path, name: str, sharp: bool) -> Seen:
    """Reads a picture once, for the network and for the detector, and for a sharp part of it."""
    path = on_disk(root, name)
    try:
        content = files.read_bytes(path)
        picture = files.read(content, PictureSpec(size=SIDE))
        padded = files.read_padded(content, boxes.side_of)
    except files.PictureError as error:
        return Seen(exif.read(path), None, str(error))
    pixels = Pixels(picture.pixels, padded, content if sharp else None)
    return Seen(picture.facts, pixels, doubt=picture.doubt)


def _write(job: Job, block: Block, read: Sequence[Seen], found: dict[str, np.ndarray]) -> None:
    """Keeps a block, atomically."""
    facts = pd.DataFrame([_facts(one) for one in read], columns=list(FACTS)).astype(FACTS)
    columns = {"path": pa.array(block.pictures["path"], pa.string(), from_pandas=True)}
    columns |= {name: pa.array(facts[name], from_pandas=True) for name in FACTS}
    columns["score"] = pa.array(found["scores"])
    columns["box"] = pa.FixedSizeListArray.from_arrays(pa.array(found["boxes"].reshape(-1)), 4)
    width = found["features"][0].nbytes
    raw = pa.py_buffer(np.ascontiguousarray(found["features"]).tobytes())
    columns["features"] = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(read), [None, raw]
    )
    stamp = {"artifact": KIND, "version": VERSION}
    parquet.write(parquet.stamped(pa.table(columns), stamp), job.file(block.number))


def _facts(one: Seen) -> tuple:
    """What is kept of a picture, in the order of `FACTS`."""
    told = one.facts
    position, size = told.burst or (None, None)
    return (
        told.taken, told.source, told.offset, one.failure, told.camera, position, size,
        told.trigger, one.doubt,
    )  # fmt: skip
