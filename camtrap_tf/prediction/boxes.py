"""What is in each box: several species in one picture, by the networks of a bundle that see crops.

    boxes/N.parquet   the boxes of a block of the job (`job`), and what the networks see in them
    boxes.parquet     all of them, which `answers.boxes` reads

A picture with one box needs no more than it was asked already. Those with several, where the
picture's answer is an animal, are read again, and the part around each box is answered as the one
around the surest box was. A block of boxes depends on the boxes and the block of answers alone and
ends in an atomic rename, as in `job`.
"""

import concurrent.futures
import dataclasses
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from camtrap_tf.answers import boxes as named
from camtrap_tf.answers.predictions import ROW_GROUP, Predictions
from camtrap_tf.core import boxes, file_names, parquet
from camtrap_tf.core.artifacts import absolute, existing_folder
from camtrap_tf.core.boxes import SIDES
from camtrap_tf.core.config import PictureSpec, View
from camtrap_tf.core.heads import EMPTY, SPECIES
from camtrap_tf.core.paths import on_disk
from camtrap_tf.core.progress import Meter
from camtrap_tf.core.workers import local
from camtrap_tf.core.workers.work import Advance, Do, Work, Workers
from camtrap_tf.events.boxes import BoxTable
from camtrap_tf.networks.bundle import Bundle, classes
from camtrap_tf.pictures import crops
from camtrap_tf.pictures import files as pictures
from camtrap_tf.prediction.job import Block, Job, is_whole
from camtrap_tf.prediction.predictor import Options, Predictor

FOLDER = "boxes"
KIND, VERSION = "block of boxes with species", 1


def name_boxes(
    bundle: Bundle, root: Path, job: Job, options: Options, engine: Workers | None = None
) -> Path:
    """Has every box of a job's pictures answered, or goes on; the pictures are answered already.

    Args:
        bundle: what predicts; some of its networks see crops.
        root: folder that the pictures' paths are relative to.
        job: the results folder.
        options: how; `boxes` are what was found in the pictures.
        engine: answers the blocks instead of this process.

    Returns:
        The path of boxes.parquet in the folder.
    """
    found = _needed(options.boxes)
    missing = unnamed(job, found)
    if missing:
        here = dataclasses.replace(bundle, folder=absolute(bundle.folder))
        arguments = here, absolute(root), Job(absolute(job.folder), {}), options
        tasks = (block for block in job.blocks() if block.number in missing)
        work = Work(start_naming, arguments, tasks, job.folder)
        with Meter(sum(missing.values()), "naming boxes") as meter:
            for _ in (engine or local.engine())(work, meter.advance):
                pass
    return _assemble(job, _species(bundle), found.threshold)


def unnamed(job: Job, found: BoxTable) -> dict[int, int]:
    """By number of a block whose boxes have no answers yet, how many pictures it has."""
    return {b.number: len(b) for b in job.blocks() if not _is_done(job, b, found)}


def crop_networks(bundle: Bundle) -> Bundle:
    """The bundle with those of its networks that tell the species of crops."""
    heads = bundle.vocabulary.heads
    members = [m for m in bundle.members if m.view is View.CROP and SPECIES in heads(m.task)]
    return dataclasses.replace(bundle, members=tuple(members))


def start_naming(bundle: Bundle, root: Path, job: Job, options: Options) -> Do:
    """What answers the boxes of blocks one after another, and keeps them in their job.

    Args:
        bundle: what predicts.
        root: folder that the pictures' paths are relative to.
        job: where the blocks are kept; a result is a block's number.
        options: how they are answered.
    """
    existing_folder(root, "the folder that the pictures' paths are relative to")
    found = _needed(options.boxes)
    namer = _Namer(bundle, root, options)

    def name(blocks: Iterable[Block], advance: Advance) -> Iterator[int]:
        for block in blocks:
            own = found.of(block.pictures["path"])
            probabilities = namer.species(own.rows, _with_animal(job, block, bundle))
            stamp = {"artifact": KIND, "version": VERSION, "boxes": own.sha256}
            table = named.table(own.rows, probabilities, namer.names)
            parquet.write(parquet.stamped(table, stamp), _file(job, block.number))
            advance(len(block))
            yield block.number

    return name


class _Namer:
    """Networks that see crops, and how pictures are read for them."""

    def __init__(self, bundle: Bundle, root: Path, options: Options):
        self.bundle, self.root, self.options = crop_networks(bundle), root, options
        self.names = _species(bundle)

    @functools.cached_property
    def _replica(self):
        return Predictor(self.bundle, self.options).replicas[0]

    def species(self, rows: pd.DataFrame, animal: pd.Series) -> np.ndarray:
        """[boxes, species] float32; NaN in pictures with one box, and beside those given.

        Args:
            rows: boxes of a block.
            animal: paths of the pictures with an animal.
        """
        probabilities = np.full((len(rows), len(self.names)), np.nan, np.float32)
        starts, counts = boxes.runs(rows["path"])
        asked = (counts > 1) & rows["path"].iloc[starts].isin(animal).to_numpy(bool)
        if self.names:
            for at, parts in self._parts(rows, starts[asked], counts[asked]):
                probabilities[at] = self._replica.answer(2, parts)[SPECIES]
        return probabilities

    def _parts(
        self, rows: pd.DataFrame, starts: np.ndarray, counts: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of boxes, and the parts [n, size, size, 3] uint8 around them, in batches.

        Pictures that can no longer be read are left out.
        """
        size, sides = self.options.batch_size, rows[list(SIDES)].to_numpy(np.float32)

        def cut(start: int, count: int) -> np.ndarray | None:
            path = on_disk(self.root, rows["path"].iloc[start])
            return _cut(path, self.bundle.picture, sides[start : start + count])

        with concurrent.futures.ThreadPoolExecutor(self.options.threads or None) as pool:
            for first in range(0, len(starts), size):
                some = slice(first, first + size)
                found = list(pool.map(cut, starts[some], counts[some]))
                read = [part is not None for part in found]
                at = boxes.spread(starts[some][read], counts[some][read])
                parts = [one for part in found if part is not None for one in part]
                for batch in range(0, len(at), size):
                    yield at[batch : batch + size], np.stack(parts[batch : batch + size])


def _cut(path: Path, picture: PictureSpec, sides: np.ndarray) -> np.ndarray | None:
    """[boxes, size, size, 3] uint8: the parts around boxes of a picture; None: it is unreadable."""
    try:
        if picture.crops:
            content = pictures.read_bytes(path)
            return np.stack([crops.sharp(content, picture, box) for box in sides])
        pixels = pictures.read(path, picture).pixels
    except pictures.PictureError:
        return None
    return crops.cut(np.repeat(pixels[None], len(sides), axis=0), crops.squares(sides))


def _with_animal(job: Job, block: Block, bundle: Bundle) -> pd.Series:
    """Paths of those pictures of a block whose answer is an animal."""
    asked = {head: own for head, own in classes(bundle).items() if head in (EMPTY, SPECIES)}
    table = job.answers(block.number, ["path", *(f"p_{head}" for head in asked)])
    probabilities = {
        head: table[f"p_{head}"].combine_chunks().flatten().to_numpy().reshape(-1, len(own))
        for head, own in asked.items()
    }
    ids, info = table.select(["path"]).to_pandas(), {"animal_threshold": bundle.animal_threshold}
    answers = Predictions(ids, asked, probabilities, info=info)
    return answers.ids["path"][answers.answered(next(iter(asked))) & ~answers.judged_empty()]


def _species(bundle: Bundle) -> tuple[str, ...]:
    """Names of the classes that boxes are asked for; none where no network tells them of crops."""
    return classes(bundle)[SPECIES] if crop_networks(bundle).members else ()


def _needed(found: BoxTable | None) -> BoxTable:
    if found is None:
        raise ValueError("options.boxes are what is named")
    return found


def _file(job: Job, number: int) -> Path:
    return job.folder / FOLDER / f"{number:06d}.parquet"


def _is_done(job: Job, block: Block, found: BoxTable) -> bool:
    """Whether the boxes of a block have answers, and are those that were found."""
    path = _file(job, block.number)
    if not is_whole(path):
        return False
    with parquet.open_file(path) as file:
        stamp = parquet.stamp(file.schema_arrow)
    return stamp.get("boxes") == found.of(block.pictures["path"]).sha256


def _assemble(job: Job, species: tuple[str, ...], threshold: float) -> Path:
    """Makes boxes.parquet of the blocks; returns its path."""
    path = job.folder / file_names.BOXES
    stamp = named.stamp(species, threshold)
    empty = parquet.stamped(named.schema(species).empty_table(), stamp)
    waiting = [empty]
    with parquet.writer(path, empty.schema) as writer:
        for block in job.blocks():
            waiting.append(parquet.read(_file(job, block.number)).cast(empty.schema))
            if sum(map(len, waiting)) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting), row_group_size=ROW_GROUP)
                waiting = []
        writer.write_table(pa.concat_tables(waiting or [empty]), row_group_size=ROW_GROUP)
    return path
