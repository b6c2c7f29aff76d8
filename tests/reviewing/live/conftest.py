"""Drawn events whose features fall into clear groups, one for each species."""

import itertools

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.reviewing.live.events import Chunk, Progress
from camtrap_tf.reviewing.live.session import LiveSession

SPECIES = ("deer", "fox", "hare", "empty")
WIDTH, FRAMES = 12, 2


def truth(number: int) -> str:
    """Of every ten events four are deer, three foxes, one a hare and two empty."""
    return ("deer", "fox", "empty", "deer", "fox", "hare", "deer", "empty", "fox", "deer")[
        number % 10
    ]


def drawn_chunk(first: int, number: int, noise: float = 0.3) -> Chunk:
    """Events `first` to `first + number`, two pictures each, ten of them to a day."""
    rng = np.random.default_rng(first)
    rows = list(itertools.product(range(first, first + number), range(FRAMES)))
    kinds = [SPECIES.index(truth(event)) for event, _ in rows]
    middle = np.random.default_rng(7).normal(size=(len(SPECIES), 2, WIDTH))
    features = middle[kinds] + noise * rng.normal(size=(len(rows), 2, WIDTH))
    empty = np.array([kind == 3 for kind in kinds])
    ids = pd.DataFrame(
        {
            "path": [f"s/{event:05d}_{frame}.jpg" for event, frame in rows],
            "event_id": [f"e{event:05d}" for event, _ in rows],
            "frame": [frame for _, frame in rows],
            "site": "s",
            "datetime": [pd.Timestamp("2020-01-01") + pd.Timedelta(hours=2 * e) for e, _ in rows],
            "failure": None,
        }
    )
    scores = np.where(empty, 0.05, 0.8).astype(np.float32)
    boxes = np.where(empty[:, None], np.nan, [0.2, 0.3, 0.4, 0.4]).astype(np.float32)
    return Chunk(ids, scores, boxes, features.astype(np.float16))


class DrawnSource:
    """Chunks that become ready when `give` says so."""

    def __init__(self, *chunks: Chunk):
        self.waiting = list(chunks)
        self.state = "running"
        self.ready = 0

    def give(self, *chunks: Chunk, last: bool = False) -> None:
        """More events; `last`: there will be no others."""
        self.waiting += chunks
        self.state = "done" if last else "running"

    def poll(self) -> list[Chunk]:
        """See `Source`."""
        found, self.waiting = self.waiting, []
        self.ready += sum(len(chunk.ids) for chunk in found)
        return found

    def progress(self) -> Progress:
        """See `Source`."""
        return Progress(self.state, 400, self.ready)


@pytest.fixture
def make_live(tmp_path):
    """Makes sessions that share a journal; `learn` is called by hand, no thread runs."""

    def make(events: int = 120, reviewer: str = "anna", source=None) -> LiveSession:
        if source is None:
            source = DrawnSource(drawn_chunk(0, events))
            source.state = "done"
        images = tmp_path / "images"
        images.mkdir(exist_ok=True)
        journal = tmp_path / "review" / "reviews.jsonl"
        session = LiveSession(source, images, journal, reviewer, tmp_path / "review")
        session.learn()
        return session

    return make


def say(session: LiveSession, question: dict, name: str | None = None, **more) -> dict:
    """Answers a question by the truth, or with another name."""
    number = int(question["event_id"][1:])
    name = truth(number) if name is None else name
    sightings = [] if name == "empty" else [{"species": name, "count": None, "attributes": {}}]
    content = {
        "id": more.pop("id", f"{session.reviewer}-{question['event_id']}"),
        "event_id": question["event_id"],
        "verdict": "empty" if name == "empty" else "animal",
        "sightings": sightings,
        "seconds": 2.0,
        "asked": question.get("asked"),
    }
    return session.answer(session.queue, content | more)
