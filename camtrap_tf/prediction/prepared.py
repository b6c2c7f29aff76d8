"""Described pictures as they become ready, for a review; what computes them is another process.

The page must answer while a network computes, so `describe` runs in a process of its own, which
ends with the one that started it. Its blocks are read as they appear; whose process wrote them does
not matter: where two people review the same folder, one of the two computes.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core import locks, parquet
from camtrap_tf.core.artifacts import PathLike, check_stamp
from camtrap_tf.core.child import Child, Tell
from camtrap_tf.core.config import EVENT_GAP_SECONDS
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import listing
from camtrap_tf.prediction.descriptions import (
    KIND,
    VERSION,
    VIEWS,
    block_order,
    list_stamp,
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
        self._stamp: tuple[int, ...] = ()
        self._order: list[int] = []
        self._blocks: dict[int, pd.DataFrame] = {}  # the pictures of those that are not read
        self._total: int | None = None
        self._read = self._ready = self._unreadable = 0
        self._began: float | None = None
        self._first = 0  # pictures that were ready before this process began
        self._child: Child | None = None
        self._message: str | None = None

    def start(self, sources: Sequence[PathLike], images: PathLike | None = None) -> None:
        """Begins to describe in another process."""
        given = [str(source) for source in sources], images and str(images), self.job.folder
        self._child = Child(_describe, *given)
        self._child.start()

    def stop(self) -> None:
        """Ends the other process; what it has written is whole."""
        if self._child is not None:
            self._child.stop()

    def poll(self) -> list[Chunk]:
        """See `Source`: blocks in their order, as far as there is no gap."""
        self._follow_list()
        found = []
        while self._read < len(self._order) and self.job.has(self._order[self._read]):
            number = self._order[self._read]
            try:
                found.append(self._chunk(number))
            except Exception:
                if not found:
                    raise
                break  # the blocks before it must not be lost: the next call tells of it
            del self._blocks[number]
            self._read += 1
        if found and self._began is None:
            self._began, self._first = time.monotonic(), self._ready
        return found

    def _follow_list(self) -> None:
        """Takes up which pictures there are; more may be listed at any time."""
        stamp = list_stamp(self.job)
        if stamp == self._stamp or not self.job.listed:
            return
        self._stamp, self._order, listed = stamp, block_order(self.job), self.job.blocks()
        left = set(self._order[self._read :])
        self._blocks = {one.number: one.pictures for one in listed if one.number in left}
        self._total = self._ready + sum(map(len, self._blocks.values()))

    def _chunk(self, number: int) -> Chunk:
        pictures, table = self._blocks[number], self.job.answers(number)
        check_stamp(parquet.stamp(table.schema), KIND, VERSION, self.job.file(number))
        facts = table.select(list(FACTS)).to_pandas().astype(FACTS)
        ids = with_times(pictures, facts)
        ids = events_of(ids, facts, self._gap, pictures["site"]).assign(
            site=pictures["site"].array, failure=facts["failure"].array
        )
        boxes = np.array(table["box"].to_pylist(), np.float32).reshape(-1, 4)
        raw = np.frombuffer(b"".join(table["features"].to_pylist()), np.float16)
        features = raw.reshape(len(ids), VIEWS, -1)
        self._ready += len(ids)
        self._unreadable += int(facts["failure"].notna().sum())
        return Chunk(ids, table["score"].to_numpy(), boxes, features)

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
        if self._child is None:
            return
        for told in self._child.hear():
            self._message = told
        code = self._child.exitcode
        if code and self._message is None:
            self._message = (
                f"the process that looks at the pictures has ended (code {code}); "
                "start camtrap review again: it goes on where it was"
            )

    def _seconds_left(self, total: int | None) -> float | None:
        since = self._ready - self._first
        if total is None or self._began is None or not since or total == self._ready:
            return None
        return (time.monotonic() - self._began) / since * (total - self._ready)


def _describe(sources: list[str], images: str | None, folder: Path, tell: Tell) -> None:
    """The other process: describes, or says why it cannot; waits while another one does."""
    while True:
        try:
            found = listing.resolve(sources, images)
            with locks.held(folder):
                if missing(open_job(found, folder)):
                    _describe_missing(found, folder)
            return
        except locks.Held:
            time.sleep(_RETRY)
        except (InputError, OSError) as error:
            tell(str(error))
            return


def _describe_missing(found: listing.Listing, folder: Path) -> None:
    """With the network, which takes a while to come, and which a finished job does without."""
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.prediction.describe import describe

    describe(found, folder)
