"""Walls: many events on one screen, of which people click away what does not belong.

A wall holds open events that the model gives one name, or that look alike. What is accepted is one
line of the journal, counts little when heads are fitted (`learner.WALL_WEIGHT`) and nothing for the
accuracy. Later some of it comes up again as a blind draw; two errors among those of one name shut
its walls.
"""

import dataclasses

import numpy as np

from camtrap_tf.answers.predictions import ANIMAL
from camtrap_tf.core.labels import EMPTY
from camtrap_tf.reviewing.live.learner import Known

SURE = 0.9  # confidence from which a wall of one name holds events
TILES = 40  # on one screen
ACCEPTED = 200  # events in one line
LEAST = 8  # look-alikes below which there is no wall of them
ERRORS = 2  # found in a name's accepted events, which shut its walls


@dataclasses.dataclass(frozen=True)
class Wall:
    """Open events that may be accepted together.

    Args:
        wall: its name for requests: 'name:NAME' or 'alike:NUMBER'.
        name: what they may be; None: nothing is known.
        events: their numbers, the least sure first.
        confidence: of each, of the model's answer.
        closed: why it must not be used; None where it may.
    """

    wall: str
    name: str | None
    events: np.ndarray
    confidence: np.ndarray
    closed: str | None = None

    @property
    def sure(self) -> int:
        """Events from `SURE` on; of look-alikes all."""
        return int((self.confidence >= self.threshold).sum())

    @property
    def threshold(self) -> float:
        """Confidence from which events are on the wall."""
        return SURE if self.wall.startswith("name:") else 0.0

    def to_json(self) -> dict:
        """What a list of walls says of it."""
        return {
            "wall": self.wall, "kind": self.wall.partition(":")[0], "name": self.name,
            "events": len(self.events), "sure": self.sure, "threshold": self.threshold,
            "open": self.closed is None, "closed_because": self.closed,
        }  # fmt: skip

    def above(self, confidence: float) -> "Wall":
        """The events of at least a confidence."""
        kept = self.confidence >= confidence
        return dataclasses.replace(self, events=self.events[kept], confidence=self.confidence[kept])


def walls(known: Known, names: np.ndarray, confidence: np.ndarray, due: set[int]) -> list[Wall]:
    """All walls: those of names, most sure events first; then those of look-alikes.

    Args:
        known: the answers.
        names: [events] str, the model's answers; of 'animal' alone, before any species is known,
            there is no wall.
        confidence: [events] float32, of those.
        due: events that are the next blind draws: they are on no wall.
    """
    open_ones = ~known.answered
    open_ones[list(due)] = False
    places = np.flatnonzero(open_ones)
    places = places[np.argsort(confidence[places], kind="stable")]
    closed = _closed(known)
    found = [
        Wall(f"name:{name}", name, own, confidence[own], closed.get(name))
        for name, own in _grouped(names[places], places)
        if name != ANIMAL
    ]
    alike = [
        Wall(f"alike:{number}", _usual(names[own]), own, confidence[own])
        for number, own in _grouped(known.pool.clusters[places], places)
        if len(own) >= LEAST
    ]
    found.sort(key=lambda wall: -wall.sure)
    alike.sort(key=lambda wall: -len(wall.events))
    return found + alike


def emptied(name: str) -> Wall:
    """A wall that was there: all of its events have an answer by now, or another guess.

    Raises:
        LookupError: no wall is ever called so.
    """
    kind, _, rest = name.partition(":")
    if kind not in ("name", "alike") or not rest:
        raise LookupError("walls are called 'name:NAME' or 'alike:NUMBER'")
    return Wall(name, rest if kind == "name" else None, np.zeros(0, int), np.zeros(0, np.float32))


def _grouped(keys: np.ndarray, places: np.ndarray) -> list[tuple]:
    names = sorted(set(keys.tolist()))
    return [(name, places[keys == name]) for name in names]


def _usual(names: np.ndarray) -> str | None:
    found, times = np.unique(names.astype(str), return_counts=True)
    name = str(found[times.argmax()])
    return None if name == ANIMAL else name


def _closed(known: Known) -> dict[str, str]:
    """By name, why its walls are shut."""
    checks: dict[str, list[bool]] = {}
    for name, right in known.checked.values():
        checks.setdefault(name, []).append(right)
    wrong = {name: (found.count(False), len(found)) for name, found in checks.items()}
    return {
        name: f"{errors} of {number} checks of accepted events were wrong"
        for name, (errors, number) in wrong.items()
        if errors >= ERRORS
    }


def verdict_of(name: str) -> dict:
    """The part of an answer that a name stands for."""
    if name == EMPTY:
        return {"verdict": EMPTY, "sightings": []}
    return {
        "verdict": "animal",
        "sightings": [{"species": name, "count": None, "attributes": {}}],
    }
