"""The events that are ready to be looked at: their pictures, and what a network saw in them."""

import dataclasses
import threading
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from camtrap_tf.reviewing.live import vectors
from camtrap_tf.reviewing.live.learner import Pool

BEGIN = 100  # pictures that are ready before people are asked
GROWTH = 1.1  # the axes are found anew when there are so many times as many events


class Frame(NamedTuple):
    """A picture of an event.

    Args:
        path: relative to the folder of pictures.
        failure: why it could not be read; None where it could.
        score: the detector's, of its surest box; 0 without one.
        box: left, top, width and height of that box as shares of the picture; None without one.
    """

    path: str
    failure: str | None
    score: float
    box: tuple[float, float, float, float] | None


@dataclasses.dataclass(frozen=True)
class Event:
    """A capture event; `when` is camera-local, 'YYYY-MM-DD HH:MM:SS', None where unknown."""

    event_id: str
    site: str | None
    when: str | None
    frames: tuple[Frame, ...]

    @property
    def best(self) -> int:
        """The frame in which most is to be seen."""
        return int(np.argmax([frame.score for frame in self.frames]))

    @property
    def score(self) -> float:
        """Of the surest box of all frames."""
        return max(frame.score for frame in self.frames)

    @property
    def group(self) -> str:
        """Its site and day: the same animal may come back within."""
        return f"{self.site or ''}/{(self.when or self.event_id)[:10]}"


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Whole events that became ready together.

    Args:
        ids: a row per picture: `path, event_id, frame, site, datetime, failure`.
        scores: [pictures] float32 in [0, 1], of the surest box; 0 without one.
        boxes: [pictures, 4] float32, see `Frame`; NaN without one.
        features: [pictures, views, width] float16, zeros for pictures that could not be read.
    """

    ids: pd.DataFrame
    scores: np.ndarray
    boxes: np.ndarray
    features: np.ndarray

    def events(self) -> tuple[list[Event], np.ndarray]:
        """The events in the order of their first pictures, and [events, columns] of `pool`."""
        ids = self.ids.reset_index(drop=True)
        codes, names = pd.factorize(ids["event_id"])
        pooled = vectors.pool(self.features, self.scores, codes, len(names))
        order = np.lexsort((ids["frame"].fillna(0).to_numpy(int), codes))
        starts = np.searchsorted(codes[order], np.arange(len(names) + 1))
        facts = ids[["path", "failure", "site", "datetime"]].astype(object)
        facts = facts.where(facts.notna(), None)
        rows = list(facts.itertuples(index=False, name=None))
        found = [
            self._event(str(name), [(row, *rows[row]) for row in order[a:b]])
            for name, a, b in zip(names, starts[:-1], starts[1:], strict=True)
        ]
        return found, pooled.astype(np.float16)

    def _event(self, name: str, rows: list[tuple]) -> Event:
        _, _, _, site, when = rows[0]
        frames = tuple(self._frame(row, path, failure) for row, path, failure, *_ in rows)
        told = None if when is None else str(pd.Timestamp(when).floor("s"))
        return Event(name, None if site is None else str(site), told, frames)

    def _frame(self, row: int, path: str, failure: str | None) -> Frame:
        box = self.boxes[row]
        shown = None if np.isnan(box).any() else tuple(round(float(x), 4) for x in box)
        return Frame(str(path), failure, round(float(self.scores[row]), 4), shown)  # type: ignore


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far the preparation is; see `docs/no_labels.md`.

    Args:
        state: 'listing', 'running', 'done' or 'failed'.
        pictures: all of them; None before they are listed.
        ready, unreadable: pictures.
        seconds_left: by the pace so far; None where there is none.
        message: why it failed, and the way out.
    """

    state: str
    pictures: int | None = None
    ready: int = 0
    unreadable: int = 0
    seconds_left: float | None = None
    message: str | None = None

    @property
    def can_begin(self) -> bool:
        """Whether people can be asked."""
        return self.ready >= BEGIN or (self.state == "done" and self.ready > 0)


class Source(Protocol):
    """Where events come from."""

    def poll(self) -> Iterable[Chunk]:
        """Events that became ready since the last call; in the same order after a restart."""
        ...

    def progress(self) -> Progress:
        """How far it is."""
        ...


class Shelf:
    """All events that are ready; their numbers never change.

    Args:
        source: where they come from.
    """

    def __init__(self, source: Source):
        self.source = source
        self.events: list[Event] = []
        self.place: dict[str, int] = {}
        self._pooled: list[np.ndarray] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.events)

    def refresh(self) -> int:
        """Takes up what is ready; returns how many events came.

        An event that is there already, because its pictures lie far apart, is passed over.
        """
        with self._lock:
            before = len(self.events)
            for chunk in self.source.poll():
                found, pooled = chunk.events()
                new = [row for row, event in enumerate(found) if event.event_id not in self.place]
                for row in new:  # others read meanwhile: what has a place is there
                    self.events.append(found[row])
                    self.place[found[row].event_id] = len(self.events) - 1
                self._pooled.append(pooled[new])
            return len(self.events) - before

    def pooled(self) -> np.ndarray:
        """[events, columns] float16 of `vectors.pool`."""
        with self._lock:
            self._pooled = [np.concatenate(self._pooled)]
            return self._pooled[0]

    def pool(self) -> Pool | None:
        """What a learner needs of the events that are ready; None without any."""
        if not self.events:
            return None
        pooled = self.pooled()
        events = self.events[: len(pooled)]
        axes = vectors.Axes.learn(pooled)
        return Pool(
            np.array([event.event_id for event in events], object),
            _in_parts(axes, pooled),
            np.array([event.score for event in events], np.float32),
            np.array([event.group for event in events], object),
        )


def _in_parts(axes: vectors.Axes, pooled: np.ndarray, size: int = 4096) -> np.ndarray:
    """Vectors of many events, without all of them as float32 at once."""
    parts = [axes(pooled[start : start + size]) for start in range(0, len(pooled), size)]
    return np.concatenate(parts)
