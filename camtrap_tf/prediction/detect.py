"""Boxes on a season of pictures, as a job that can be stopped at any moment and goes on.

    job.json, pictures.parquet, not_processed.csv   as in `job`
    blocks/N.parquet   the boxes of a block of some hundred pictures; there when it is whole
    detections.json    all of them: MegaDetector batch results 1.6

The detector has one class without a name: what MegaDetector boxes, animals as well as people and
vehicles. Pictures of one size are answered together; memory holds some pictures and one block.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import datetime
import functools
import itertools
import logging
import operator
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from camtrap_tf import __version__
from camtrap_tf.core import file_names, locks, parquet
from camtrap_tf.core.artifacts import PathLike, absolute, as_path, check_stamp, existing_folder
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.hardware import processors
from camtrap_tf.core.paths import on_disk
from camtrap_tf.core.progress import Meter
from camtrap_tf.core.workers import local
from camtrap_tf.core.workers.work import Advance, Do, Work, Workers
from camtrap_tf.events.listing import Listing, resolve
from camtrap_tf.events.table import EventTable
from camtrap_tf.networks import engines
from camtrap_tf.networks.detector import boxes
from camtrap_tf.networks.detector.boxes import FLOOR, Boxes
from camtrap_tf.networks.detector.finder import Finder
from camtrap_tf.networks.detector.yolox import NAME
from camtrap_tf.networks.engines import Engine
from camtrap_tf.networks.pretrained import weights
from camtrap_tf.outputs import megadetector
from camtrap_tf.pictures import files as pictures
from camtrap_tf.prediction.job import BLOCK_SIZE, Block, Job, list_pictures, tell_doubts

KIND, VERSION = "block of boxes", 1
CATEGORY = "something"
# Of confidence: from here on there mostly is something, and a cautious one. On full-size pictures
# of Serengeti 82 to 91% of the boxes above 0.2 are right, and 72 to 74% of those above 0.1.
TYPICAL, CAUTIOUS = 0.2, 0.1
_AHEAD = 3  # batches that are decoded before they are needed
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Search:
    """How boxes are looked for.

    Args:
        longer: longer side of the network's input, pixels, a multiple of 32; 0: by the size of
            each picture (`boxes.side_of`).
        floor: lowest confidence that is written, in (0, 1).
        category: what the boxes are called.
        batch_size: pictures in one call of the network.
        block_size: pictures whose boxes are kept together.
        threads: that decode; 0 = one per processor.
        engine_cpu: what computes the network on processors.
    """

    longer: int = 0
    floor: float = FLOOR
    category: str = CATEGORY
    batch_size: int = 8
    block_size: int = BLOCK_SIZE
    threads: int = 0
    engine_cpu: Engine = Engine.AUTO

    def __post_init__(self):
        if self.longer < 0 or self.longer % boxes.COARSEST:
            raise InputError(
                f"sides of the detector's input are multiples of {boxes.COARSEST}",
                self.longer,
                "Give 640 for full-size pictures, 320 for small ones, or 0 for either.",
            )
        if not 0 < self.floor < 1:
            raise InputError("the floor lies between 0 and 1", self.floor, f"Give {FLOOR}.")
        for name in ("batch_size", "block_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is at least 1", getattr(self, name), "Give 8.")


class Found(NamedTuple):
    """What came of a picture: its boxes, or the reason why there are none; what seems damaged."""

    boxes: Boxes | None
    failure: str | None = None
    doubt: str | None = None


@locks.holds("folder")
def detect(
    sources: Listing | Sequence[PathLike | EventTable],
    folder: PathLike,
    search: Search | None = None,
    images: PathLike | None = None,
    only_new: bool = False,
    engine: Workers | None = None,
) -> Path:
    """Finds boxes in pictures, into a results folder; goes on where it was stopped.

    Args:
        sources: see `listing.resolve`; or what that returns.
        folder: the results folder.
        search: how.
        images: folder that paths are relative to, see `listing.resolve`.
        only_new: look for pictures that came since they were listed, too.
        engine: looks instead of this process, see `core.workers`.

    Returns:
        The path of detections.json in the folder.

    Raises:
        InputError: no pictures, no weights on this computer, or a folder that holds another job.
    """
    search = search or Search()
    weights.require(NAME)
    found = sources if isinstance(sources, Listing) else resolve(sources, images)
    if found.shards:
        raise InputError(
            "boxes are looked for in pictures as they were taken, not in shards",
            str(found.shards),
            "Give the folder of the pictures.",
        )
    job = Job.claim(folder, _record(found, search), found.root)
    if only_new or not job.listed:
        list_pictures(job, found, search.block_size)
    total, missing = job.counts()
    if missing < total:
        log.info("%s of %s pictures are done already", f"{total - missing:,}", f"{total:,}")
    if missing:
        engine_cpu = engines.asked_of(engine, search.engine_cpu)
        search = dataclasses.replace(search, engine_cpu=engine_cpu)
        side = _side_of_litert(job, found.root, search)
        arguments = absolute(found.root), Job(absolute(job.folder), {}), search, side
        work = Work(start_looking, arguments, job.pending(), job.folder)
        with Meter(missing, "detecting") as meter:
            for _ in (engine or local.engine())(work, meter.advance):
                pass
    path = job.folder / file_names.DETECTIONS
    megadetector.write_images(path, _header(search), _images(job))
    tell_doubts(_doubts(job))
    return path


def _doubts(job: Job) -> pd.Series:
    """What seems to be damaged in each picture; blocks of earlier versions do not tell."""
    tables = (job.answers(block.number) for block in job.blocks())
    found = [table["doubt"].to_pandas() for table in tables if "doubt" in table.column_names]
    return pd.concat(found or [pd.Series(dtype="string")], ignore_index=True)


def start_looking(root: Path, job: Job, search: Search, side: tuple[int, int] | None) -> Do:
    """What looks for boxes in blocks of pictures one after another, and keeps them in their job.

    Args:
        root: folder that the pictures' paths are relative to.
        job: where the blocks are kept; a result is a block's number.
        search: how.
        side: of pictures that LiteRT computes, rows and columns; None: Keras computes all.
    """
    existing_folder(root, "the folder that the pictures' paths are relative to")
    finder = Finder(search.floor)
    if side is not None:
        finder.use_litert(side)

    def look(blocks: Iterable[Block], advance: Advance) -> Iterator[int]:
        for block, found in find_boxes(blocks, root, finder, search, advance):
            _write_block(job, block, found)
            yield block.number

    return look


def _side_of_litert(job: Job, root: PathLike, search: Search) -> tuple[int, int] | None:
    """Rows and columns of the first picture, if LiteRT is to compute pictures of that shape.

    Pictures of other shapes are computed by Keras: converting takes longer than they do.
    """
    total, missing = job.counts()
    if not engines.is_open(job.folder, search.engine_cpu, total):
        return None
    side = next(_sides(job, as_path(root), search), None)
    if side is None:
        return None
    computation, begun = Finder(search.floor).computation(side), missing < total
    given = job.folder, search.engine_cpu, [computation.key], lambda: [computation], total, begun
    return side if engines.settle(*given) else None


def _sides(job: Job, root: Path, search: Search) -> Iterator[tuple[int, int]]:
    """Rows and columns of what the network sees of the pictures that can be read."""
    shape_of = functools.partial(boxes.side_of, longer=search.longer)
    for block in job.blocks():
        for path in block.pictures["path"]:
            read = _read(root, path, shape_of)
            if not isinstance(read, str):
                yield read.pixels.shape[0], read.pixels.shape[1]


def _record(found: Listing, search: Search) -> dict[str, Any]:
    """What the boxes depend on."""
    return {
        "sources": list(found.names),
        "images": found.images,
        "detector": weights.known(NAME).origin.sha256,
        "longer": search.longer,
        "floor": search.floor,
    }


def find_boxes(
    blocks: Iterable[Block],
    root: PathLike,
    finder: Finder,
    search: Search,
    advance: Callable[[int], None] = lambda pictures: None,
) -> Iterator[tuple[Block, list[Found]]]:
    """Yields the blocks in order with what came of each of their pictures.

    Args:
        blocks: pictures.
        root: folder that their paths are relative to.
        finder: the detector.
        search: how.
        advance: is told of pictures as they are answered.
    """
    with contextlib.closing(_read_ahead(blocks, as_path(root), search)) as reads:
        for block, rows in itertools.groupby(reads, key=operator.itemgetter(0)):
            yield block, _answered(rows, finder, search.batch_size, advance)


def _answered(
    rows: Iterable[tuple], finder: Finder, batch_size: int, advance: Callable[[int], None]
) -> list[Found]:
    """What came of a block's pictures; those of one shape are answered together."""
    found: dict[int, Found] = {}
    waiting: dict[tuple, list] = collections.defaultdict(list)

    def ask(batch: list) -> None:
        pixels = np.stack([picture.pixels for _, picture in batch])
        answers = finder.find(pixels, [picture.filled for _, picture in batch])
        for (row, picture), one in zip(batch, answers, strict=True):
            found[row] = Found(one, doubt=picture.doubt)
        advance(len(batch))
        batch.clear()

    for _, row, read in rows:
        if isinstance(read, str):
            found[row] = Found(None, read)
            advance(1)
            continue
        batch = waiting[read.pixels.shape]
        batch.append((row, read))
        if len(batch) == batch_size:
            ask(batch)
    for batch in filter(None, waiting.values()):
        ask(batch)
    return [found[row] for row in sorted(found)]


def _read_ahead(
    blocks: Iterable[Block], root: Path, search: Search
) -> Generator[tuple[Block, int, pictures.Padded | str], None, None]:
    """Block, row of it and its picture, or why there is none; threads read ahead."""
    shape_of = functools.partial(boxes.side_of, longer=search.longer)
    waiting: collections.deque = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(search.threads or processors()) as pool:
        try:
            for block in blocks:
                for row, path in enumerate(block.pictures["path"]):
                    waiting.append((block, row, pool.submit(_read, root, path, shape_of)))
                    if len(waiting) > _AHEAD * search.batch_size:
                        yield _now(*waiting.popleft())
            while waiting:
                yield _now(*waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _now(block: Block, row: int, read: concurrent.futures.Future) -> tuple:
    return block, row, read.result()


def _read(root: Path, path: str, shape_of: Callable) -> pictures.Padded | str:
    try:
        return pictures.read_padded(on_disk(root, path), shape_of)
    except pictures.PictureError as error:
        return str(error)


def _write_block(job: Job, block: Block, found: list[Found]) -> None:
    """Keeps the boxes of a block, atomically."""
    none = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    each = [none if one.boxes is None else one.boxes for one in found]
    numbers = pa.list_(pa.float32())
    table = pa.table(
        {
            "path": pa.array(block.pictures["path"], pa.string(), from_pandas=True),
            "failure": pa.array([one.failure for one in found], pa.string()),
            "doubt": pa.array([one.doubt for one in found], pa.string()),
            "confidence": pa.array([one.confidence for one in each], numbers),
            "boxes": pa.array([one.boxes.ravel() for one in each], numbers),
        }
    )
    stamp = {"artifact": KIND, "version": VERSION}
    parquet.write(parquet.stamped(table, stamp), job.file(block.number))


def _header(search: Search) -> dict[str, Any]:
    """All but the images of a results file."""
    origin = weights.known(NAME).origin
    return {
        "info": {
            "format_version": megadetector.FORMAT_VERSION,
            "detector": f"MegadetectorLite, run by camtrap_tf {__version__}",
            "detection_completion_time": datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
            "detector_metadata": {
                "typical_detection_threshold": TYPICAL,
                "conservative_detection_threshold": CAUTIOUS,
                "origin": origin.sentence(),
            },
        },
        "detection_categories": {"1": search.category},
    }


def _images(job: Job) -> Iterator[dict[str, Any]]:
    """The pictures of a results file, block by block."""
    for block in job.blocks():
        table = job.answers(block.number)
        check_stamp(parquet.stamp(table.schema), KIND, VERSION, f"block {block.number}")
        for row in table.to_pylist():
            if row["failure"] is not None:
                reason = f"{megadetector.UNREADABLE}: {row['failure']}"
                yield {"file": row["path"], "failure": reason, "detections": None}
            else:
                told = {"doubt": row["doubt"]} if row.get("doubt") else {}
                yield {"file": row["path"], "detections": _detections(row), **told}


def _detections(row: dict[str, Any]) -> list[dict[str, Any]]:
    corners = np.reshape(row["boxes"], (-1, 4)).round(megadetector.DIGITS)
    return [
        {"category": "1", "conf": round(confidence, megadetector.DIGITS), "bbox": box}
        for confidence, box in zip(row["confidence"], corners.tolist(), strict=True)
    ]
