"""What a review knows, and how it is kept up to date.

Requests read and write what is in memory under one lock and never wait for a fit: a thread fits
heads to a copy of the answers and swaps in whole what it found. Answers go to the journal before
the page hears of it. Other processes may append to the same journal: what they wrote is taken up
before every reply.
"""

import collections
import dataclasses
import datetime
import logging
import statistics
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from camtrap_tf.answers.people import Shown
from camtrap_tf.answers.predictions import ANIMAL
from camtrap_tf.core.artifacts import PathLike, existing_folder
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY
from camtrap_tf.reviewing.journal import (
    Journal,
    Ledger,
)
from camtrap_tf.reviewing.live import beforehand, learner
from camtrap_tf.reviewing.live.accuracy import TARGET
from camtrap_tf.reviewing.live.events import GROWTH, Shelf, Source
from camtrap_tf.reviewing.live.finishing import Finisher
from camtrap_tf.reviewing.live.learner import Known, Model, Pool
from camtrap_tf.reviewing.live.state import State
from camtrap_tf.reviewing.session import RECENT, Saved, Stale

RECENTLY = datetime.timedelta(minutes=30)  # who answered since then is at work
_TICK = 1.0  # seconds between looks at what became ready
log = logging.getLogger("camtrap")


class Memory:
    """Events as they become ready, the answers of one reviewer, and the model.

    Args:
        source: of events.
        images: folder that the pictures' paths are relative to.
        journal: file that answers are appended to.
        reviewer: name of the person.
        folder: of the review, for the page.
        target: accuracy that is aimed at, in (0, 1).
        finisher: what "Finish" does; None: nothing.
        people: what becomes of pictures that show people (`camtrap_tf.answers.people`).
        guesses: what another model says of the pictures, or will; None: none does.
        labels: what people have said of pictures before; it becomes lines of the journal.
    """

    def __init__(
        self,
        source: Source,
        images: PathLike,
        journal: PathLike,
        reviewer: str,
        folder: PathLike,
        target: float = TARGET,
        finisher: Finisher | None = None,
        people: Shown = Shown.SHOW,
        guesses: beforehand.Kept | None = None,
        labels: beforehand.Labels | None = None,
    ):
        self.images = existing_folder(images, "the folder of pictures")
        self.folder, self.reviewer, self.target = Path(folder), reviewer, target
        self.finisher, self.people = finisher, people
        self.shelf = Shelf(source)
        self._guesses, self._labels, self._labelled = guesses, labels or {}, 0
        self.queue = uuid.uuid5(uuid.NAMESPACE_URL, str(self.folder.resolve())).hex[:16]
        self._journal = Journal(journal)
        self._ledger = Ledger()
        self._lock, self._dirty = threading.RLock(), threading.Event()
        self._known: Known | None = None  # of the events of `state`
        self._coming: Any = None  # of the events that are being learnt, mostly the same
        self.state: State | None = None
        self._seconds: collections.deque[float] = collections.deque(maxlen=RECENT)
        self._memory: dict[str, tuple] = {}  # see `_remember`
        self._faults: dict[str, str] = {}  # by what was tried, why it went wrong
        self._stopped = False
        with self._lock:
            self._follow()
            past = [a.seconds for a in self._ledger.standing() if a.reviewer == reviewer]
            self._seconds.extend(seconds for seconds in past if seconds is not None)
        self._checked: Model | None = None

    @property
    def journal_file(self) -> Path:
        """Where answers go."""
        return self._journal.path

    def start(self) -> None:
        """Begins to learn in the background."""
        for work in (self._work, self._check_on):
            threading.Thread(target=work, name=work.__name__, daemon=True).start()

    def stop(self) -> None:
        """Ends the threads; what was answered is on the disk anyway."""
        self._stopped = True
        self._dirty.set()

    def _work(self) -> None:
        while not self._stopped:
            self._dirty.wait(_TICK)
            self._dirty.clear()
            self._survive(self.fit)

    def _check_on(self) -> None:
        while not self._stopped:
            time.sleep(_TICK)
            self._survive(self.check)

    def _survive(self, work: Callable[[], None]) -> None:
        """A fault is logged and shown; it must not end the thread that the page waits for."""
        try:
            work()
            self._faults.pop(work.__name__, None)
        except Exception as error:
            if work.__name__ not in self._faults:  # once, not every second
                log.exception("the model could not be fitted")
            self._faults[work.__name__] = f"{type(error).__name__}: {error}"

    def learn(self) -> None:
        """Takes up new events and answers, fits, and looks how often the model is right."""
        self.fit()
        self.check()

    def fit(self) -> None:
        """Takes up new events and answers, and fits; a thread calls it again and again."""
        self.shelf.refresh()
        with self._lock:
            self._follow()
            self._take_labels()
        pool, changed = self._pool()
        if pool is None:
            return
        guessed = self._guesses is not None and self._guesses.follow()
        guesses = self._guessed(pool) if changed or guessed else None
        with self._lock:
            if changed or guessed:
                self._coming = Known.of(pool, self._ledger, guesses)
            known, number = self._coming.copy(), self._ledger.length
        fitted = self._known is self._coming
        if fitted and self.state and self.state.model.number == number:
            return
        model = learner.learn(known, number)
        probabilities = model.probabilities(pool.vectors, pool.scores)
        with self._lock:
            self._known = self._coming
            running = self.state.running if self.state else None
            self.state = State(pool, known, model, probabilities, running)

    def check(self) -> None:
        """Looks how often the latest model is right; another thread does so, as it takes longer."""
        state = self.state
        if state is None or self._checked is state.model:
            return
        running = learner.running(state.known, state.model)
        self._checked = state.model
        with self._lock:
            self.state = dataclasses.replace(self.state or state, running=running)

    def _pool(self) -> tuple[Pool | None, bool]:
        """What is known of the events, found anew where enough have come; whether it was."""
        before = self.state.pool if self.state else None
        if not self.shelf.source.progress().can_begin:
            return before, False
        grown = len(self.shelf) >= GROWTH * len(before or ())
        last = self.shelf.source.progress().state != "running" and len(self.shelf) > len(
            before or ()
        )
        if before is None or grown or last:
            pool = self.shelf.pool()
            if pool is not None:
                pool.compute()
            return pool, True
        return before, False

    def _guessed(self, pool: Pool) -> np.ndarray | None:
        """[events] str: what another model says of the events of a pool."""
        if self._guesses is None:
            return None
        events = self.shelf.events[: len(pool)]
        return self._guesses.of([frame.path for frame in event.frames] for event in events)

    def _take_labels(self) -> None:
        """Writes labels of events that became ready into the journal, each once."""
        new = self.shelf.events[self._labelled :] if self._labels else []
        given = [
            beforehand.answer_of(self._labels, event.event_id, [f.path for f in event.frames])
            for event in new
        ]
        lines = [one.to_json() for one in given if one is not None and one.id not in self._ledger]
        if lines:
            self._journal.append(*lines)
        self._labelled += len(new)
        for line in lines:
            self._take(line)

    def _follow(self) -> None:
        """Takes up what the journal has got since it was last read."""
        for line in self._journal.follow():
            self._take(line)

    def _take(self, line: dict) -> None:
        """Takes up one line; one that is known changes nothing."""
        self._ledger.add(line)
        touched = self._ledger.touched(line)
        for known in {id(one): one for one in (self._known, self._coming) if one}.values():
            for event_id in touched:
                known.update(event_id, self._ledger)
        self._dirty.set()

    def __len__(self) -> int:
        return len(self.shelf)

    def _classes(self) -> list[str]:
        """Species that people have named, the most frequent first, and those that are guessed."""
        return self._remember("classes", self._count_classes)

    def _count_classes(self) -> list[str]:
        counts = collections.Counter(
            sighting.species for answer in self._ledger.standing() for sighting in answer.sightings
        )
        guessed = set() if self._known is None else set(self._known.guesses.tolist())
        names = [*(name for name, _ in counts.most_common()), *sorted(guessed)]
        return [name for name in dict.fromkeys(names) if name not in ("", ANIMAL, EMPTY)]

    def _at_work(self) -> list[str]:
        """Names of the reviewers who answered lately, and this one."""
        since = datetime.datetime.now(datetime.UTC) - RECENTLY
        return sorted({*self._ledger.since(since), self.reviewer})

    def _is_due(self, place: int) -> bool:
        """Whether an event is among the next blind draws: nobody must see what the model says."""
        known = self._known
        if known is None or place >= len(known.pool) or known.single[place]:
            return False
        return place in self.due()

    def due(self) -> set[int]:
        """The next blind draws, for everybody at work."""
        known = self._known
        if known is None:
            return set()
        left = np.flatnonzero(~known.single)
        number = min(4 * len(self._at_work()), len(left))
        if not number:
            return set()
        first = np.argpartition(known.pool.keys[left], number - 1)[:number]
        return set(left[first].tolist())

    def _remember(self, name: str, compute: Callable[[], Any]) -> Any:
        """What stays the same as long as model, answers and events do, computed once."""
        state = self.state
        now = state and state.model, self._ledger.changes, len(self.shelf)
        before = self._memory.get(name, (None,))[0]
        if before is None or before[0] is not now[0] or before[1:] != now[1:]:
            self._memory[name] = now, compute()
        return self._memory[name][1]

    def _told(self) -> dict:
        state = self.state
        return {
            "number": 0 if state is None else state.model.number,
            "answers": 0 if state is None else state.model.answers,
            "pending": state is None or state.model.number != self._ledger.length,
            "fault": next(iter(list(self._faults.values())), None),
        }

    def _saved(self) -> Saved:
        known = self._known
        done = 0 if known is None else int(known.answered.sum())
        pace = statistics.median(self._seconds) if self._seconds else None
        left = len(self) - done
        return Saved(done, len(self), None if pace is None else pace * left, None)

    def _after(self) -> dict:
        """What the page hears after an answer: how far, and whether a newer model comes."""
        told = self._told()
        model = {"model": told["number"], "pending": told["pending"]}
        return dataclasses.asdict(self._saved()) | model

    def _append(self, line: dict) -> None:
        self._journal.append(line)
        self._take(line)

    def _check_queue(self, queue_name: str) -> None:
        if queue_name != self.queue:
            raise Stale

    def _check_event(self, event_id: object) -> None:
        if isinstance(event_id, str) and event_id not in self.shelf.place:
            self.shelf.refresh()  # the page was open while the program was started again
        if not isinstance(event_id, str) or event_id not in self.shelf.place:
            raise InputError("an answer is to an event that is ready", event_id, "Reload.")


def utc_now() -> str:
    """The time as a line of the journal has it."""
    return datetime.datetime.now(datetime.UTC).isoformat()
