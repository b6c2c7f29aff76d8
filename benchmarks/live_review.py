"""How fast a review that learns answers, with drawn features of a hundred thousand pictures.

    python -m benchmarks.live_review [--events=20000] [--frames=5] [--answers=500] [--journal=50000]

Features are drawn around twenty centres, one for each species, as wide as those of lite0 (two views
of 1,280). No picture is read and no network runs. Told, in one process and one run:

    first question     from features on the disk's side to a question: vectors, components, walls
    new order          from an answer to questions of a model that has learnt from it, the median
                       of ten after --answers answers; the bound of the claim is 2 s
    answer             until it is on the disk and the page hears of it
    state, next, walls, wall, listing   requests, medians of five; what they remember is anew
                       after every answer
    accuracy           the running accuracy, which another thread computes
    start again        with --journal answers in the journal
    memory             of the process at its largest, and what features take on the disk
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from camtrap_tf.reviewing.journal import Answer, Journal, Sighting, Verdict
from camtrap_tf.reviewing.live import learner
from camtrap_tf.reviewing.live.events import Chunk, Progress
from camtrap_tf.reviewing.live.session import LiveSession

SPECIES, WIDTH, BLOCK = 20, 1280, 100
_NOISE = 1.0  # against centres of the same length: neighbours overlap a little


class Drawn:
    """Blocks of drawn features, all ready.

    Args:
        events, frames: how many, and pictures of each.
    """

    def __init__(self, events: int, frames: int):
        self.events, self.frames = events, frames
        rng = np.random.default_rng(0)
        self.truths = rng.choice(SPECIES, events, p=_shares())
        self._centres = rng.normal(size=(SPECIES, 2, WIDTH)).astype(np.float32)
        self._given = False

    def poll(self) -> Iterator[Chunk]:
        """See `Source`: all at the first call."""
        if self._given:
            return
        self._given = True
        per_block = BLOCK // self.frames
        for first in range(0, self.events, per_block):
            yield self._chunk(np.arange(first, min(first + per_block, self.events)))

    def _chunk(self, events: np.ndarray) -> Chunk:
        rng = np.random.default_rng(int(events[0]) + 1)
        row = np.repeat(events, self.frames)
        frame = np.tile(np.arange(self.frames), len(events))
        noise = rng.normal(size=(len(row), 2, WIDTH)).astype(np.float32)
        features = (self._centres[self.truths[row]] + _NOISE * noise).astype(np.float16)
        start, pause = pd.Timestamp("2024-01-01"), pd.Timedelta(minutes=30)
        ids = pd.DataFrame(
            {
                "path": [f"s{e % 40}/{e}_{f}.jpg" for e, f in zip(row, frame, strict=True)],
                "event_id": [f"s{e % 40}/{e}_0.jpg" for e in row],
                "frame": frame,
                "site": [f"s{e % 40}" for e in row],
                "datetime": [start + int(e) * pause for e in row],
                "failure": None,
            }
        )
        boxes = np.tile(np.float32([0.2, 0.2, 0.3, 0.3]), (len(row), 1))
        return Chunk(ids, rng.uniform(0.3, 0.9, len(row)).astype(np.float32), boxes, features)

    def progress(self) -> Progress:
        """See `Source`."""
        pictures = self.events * self.frames
        return Progress("done", pictures, pictures)


def _shares() -> np.ndarray:
    """Of the species: each half as frequent again as the next."""
    shares = 1.5 ** -np.arange(SPECIES)
    return shares / shares.sum()


class Taken(NamedTuple):
    """Seconds by the clock, and of processor time."""

    clock: float
    processor: float


def take(call: Callable[[], object]) -> Taken:
    """What a call takes."""
    begun, used = time.perf_counter(), time.process_time()
    call()
    return Taken(time.perf_counter() - begun, time.process_time() - used)


def median(call: Callable[[], object], times: int = 5) -> Taken:
    """What a call takes, mostly."""
    return middle([take(call) for _ in range(times)])


def middle(taken: list[Taken]) -> Taken:
    """Medians."""
    clock = statistics.median(one.clock for one in taken)
    return Taken(clock, statistics.median(one.processor for one in taken))


def tell(name: str, taken: Taken, note: str = "") -> None:
    """Prints a line of the result."""
    clock, processor = (1000 * seconds for seconds in taken)
    print(f"{name:<20} {clock:8.0f} ms, processor {processor:8.0f} ms  {note}", flush=True)


def say(session: LiveSession, question: dict, truths: np.ndarray) -> None:
    """Answers a question by the truth."""
    species = f"species_{truths[int(question['event_id'].split('/')[1].split('_')[0])]}"
    sighting = {"species": species, "count": None, "attributes": {}}
    content = {"id": question["event_id"], "event_id": question["event_id"], "verdict": "animal",
               "sightings": [sighting], "seconds": 2.0, "asked": question["asked"]}  # fmt: skip
    session.answer(session.queue, content)


def run(source: Drawn, folder: Path, answers: int) -> None:
    """A review from its beginning to so many answers, and what each step takes."""
    session = LiveSession(source, folder, folder / "reviews.jsonl", "anna", folder)
    tell("drawing and pooling", take(session.shelf.refresh), "drawing is no part of a review")
    tell("first question", take(lambda: (session.fit(), session.next(3))))
    while session.status()["saved"]["done"] < answers:
        for question in session.next(20)["questions"]:
            say(session, question, source.truths)
        session.fit()
    orders, saved = [], []
    for _ in range(10):
        (question,) = session.next(1)["questions"]
        saved.append(take(lambda q=question: say(session, q, source.truths)))
        orders.append(take(lambda: (session.fit(), session.next(3))))
    tell("answer", middle(saved))
    slowest = 1000 * max(one.clock for one in orders)
    tell("new order", middle(orders), f"slowest {slowest:.0f} ms; bound 2000")
    state = session.state
    if state is not None:
        tell("accuracy", median(lambda: learner.running(state.known, state.model)))
    tell("state", median(session.status))
    tell("next", median(lambda: session.next(3)))
    tell("walls", median(session.walls))
    name = session.walls()["walls"][0]["wall"]
    tell("wall", median(lambda: session.wall(name)))
    (question,) = session.next(1)["questions"]
    say(session, question, source.truths)
    tell("listing, anew", take(lambda: session.listing({"order": "gain", "by": "model"})))
    tell("listing, next page", median(lambda: session.listing({"order": "gain", "start": "50"})))


def start_again(source: Drawn, folder: Path, number: int) -> None:
    """A session with a long journal: reading it, and the first model."""
    path = folder / "long.jsonl"
    lines = []
    for n in range(number):
        event = n % source.events
        sighting = (Sighting(f"species_{source.truths[event]}"),)
        event_id = f"s{event % 40}/{event}_0.jpg"
        reviewer = f"person {n // source.events}"
        lines.append(Answer(event_id, reviewer, Verdict.ANIMAL, sighting, id=str(n)).to_json())
    _write(path, lines)
    opened: list[LiveSession] = []
    read = take(lambda: opened.append(LiveSession(source, folder, path, "anna", folder)))
    tell("journal read", read, f"{number:,} answers")
    (session,) = opened
    session.shelf.refresh()
    tell("known and learnt", take(session.fit), "components, all answers, heads")


def _write(path: Path, lines: list[dict]) -> None:
    """A journal as `Journal` writes it, without a flush to the disk for every line."""
    import json

    from camtrap_tf.core import checksums

    whole = (line | {checksums.FIELD: checksums.of_json(line)} for line in lines)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in whole))
    assert len(Journal(path).lines()) == len(lines)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("events", 20_000), ("frames", 5), ("answers", 500), ("journal", 50_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    pictures = given.events * given.frames
    print(f"{given.events:,} events, {pictures:,} pictures")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run(Drawn(given.events, given.frames), folder, given.answers)
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"memory {largest:,.0f} MB; features on the disk {pictures * 5120 / 1e6:,.0f} MB")
        start_again(Drawn(given.events, given.frames), folder, given.journal)


if __name__ == "__main__":
    main()
