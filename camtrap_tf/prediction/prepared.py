"""Described pictures as they become ready, for a review; what computes them is another process.

The page must answer while a network computes, so `describe` runs in a process of its own, which
ends with the one that started it. Its blocks are read as they appear; whose process wrote them does
not matter: where two people review the same folder, one of the two computes.
"""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core import locks, parquet
from camtrap_tf.core.artifacts import PathLike, check_stamp
from camtrap_tf.core.config import EVENT_GAP_SECONDS
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import listing
from camtrap_tf.prediction.descriptions import (
    KIND,
    VERSION,
    VIEWS,
    block_order,
    missing,
    open_job,
)
from camtrap_tf.prediction.job import FACTS, Job, events_of, with_times
from camtrap_tf.reviewing.live.events import Chunk, Progress

_RETRY = 2.0  # seconds between attempts at a folder that another process describes


class Prepared:
    """Blocks of a folder of descriptions; a `Source` of events.

    Args:
        folder: of the descriptions.
        gap_seconds: longest pause inside an event.
    """

    def __init__(self, folder: PathLike, gap_seconds: float = EVENT_GAP_SECONDS):
        self.job = Job(Path(folder), {})
        self._gap = gap_seconds
        self._order: list[int] = []
        self._blocks: dict[int, pd.DataFrame] = {}  # the pictures of each
        self._total: int | None = None
        self._read = self._ready = self._unreadable = 0
        self._began: float | None = None
        self._first = 0  # pictures that were ready before this process began
        self._process: SpawnProcess | None = None
        self._told: Connection | None = None
        self._message: str | None = None

    def start(self, sources: Sequence[PathLike], images: PathLike | None = None) -> None:
        """Begins to describe in another process."""
        context = multiprocessing.get_context("spawn")
        self._told, theirs = context.Pipe(duplex=False)
        given = ([str(s) for s in sources], images and str(images), self.job.folder, theirs)
        self._process = process = context.Process(target=_describe, args=given, daemon=True)
        process.start()
        theirs.close()

    def stop(self) -> None:
        """Ends the other process; what it has written is whole."""
        if self._process is not None:
            self._process.terminate()
            self._process.join()

    def poll(self) -> list[Chunk]:
        """See `Source`: blocks in their order, as far as there is no gap."""
        if not self._order and self.job.listed:
            self._order, blocks = block_order(self.job), self.job.blocks()
            self._blocks = {block.number: block.pictures for block in blocks}
            self._total = sum(map(len, self._blocks.values()))
        found = []
        while self._read < len(self._order) and self.job.has(self._order[self._read]):
            found.append(self._chunk(self._order[self._read]))
            self._read += 1
        if found and self._began is None:
            self._began, self._first = time.monotonic(), self._ready
        return found

    def _chunk(self, number: int) -> Chunk:
        pictures, table = self._blocks.pop(number), self.job.answers(number)
        check_stamp(parquet.stamp(table.schema), KIND, VERSION, self.job.file(number))
        facts = table.select(list(FACTS)).to_pandas().astype(FACTS)
        ids = with_times(pictures, facts)
        ids = events_of(ids, facts, self._gap, pictures["site"]).assign(
            site=pictures["site"].array, failure=facts["failure"].array
        )
        self._ready += len(ids)
        self._unreadable += int(facts["failure"].notna().sum())
        boxes = np.array(table["box"].to_pylist(), np.float32).reshape(-1, 4)
        raw = np.frombuffer(b"".join(table["features"].to_pylist()), np.float16)
        scores = table["score"].to_numpy()
        return Chunk(ids, scores, boxes, raw.reshape(len(ids), VIEWS, -1))

    def progress(self) -> Progress:
        """See `Source`."""
        self._hear()
        total = self._total
        done = bool(self._order) and self._read == len(self._order)
        state = "done" if done else "running" if self._order else "listing"
        if not done and self._message is not None:
            state = "failed"
        return Progress(
            state, total, self._ready, self._unreadable, self._seconds_left(total), self._message
        )

    def _hear(self) -> None:
        """What the other process has said, or that it has ended."""
        if self._told is not None and self._told.poll():
            try:
                self._message = self._told.recv()
            except EOFError:
                self._told = None
        process = self._process
        if process is not None and process.exitcode not in (None, 0) and self._message is None:
            self._message = (
                f"the process that looks at the pictures has ended (code {process.exitcode}); "
                "start camtrap review again: it goes on where it was"
            )

    def _seconds_left(self, total: int | None) -> float | None:
        since = self._ready - self._first
        if total is None or self._began is None or not since or total == self._ready:
            return None
        return (time.monotonic() - self._began) / since * (total - self._ready)


def _describe(sources: list[str], images: str | None, folder: Path, told: Connection) -> None:
    """The other process: describes, or says why it cannot; waits while another one does."""
    parent = multiprocessing.parent_process()

    def is_wanted() -> bool:
        return parent is None or parent.is_alive()

    while is_wanted():
        try:
            found = listing.resolve(sources, images)
            with locks.held(folder):
                if missing(open_job(found, folder)):
                    _describe_missing(found, folder, is_wanted)
            return
        except locks.Held:
            time.sleep(_RETRY)
        except (InputError, OSError) as error:
            told.send(str(error))
            return


def _describe_missing(found: listing.Listing, folder: Path, carry_on: Callable[[], bool]) -> None:
    """With the network, which takes a while to come, and which a finished job does without."""
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.prediction.describe import describe

    describe(found, folder, carry_on=carry_on)
