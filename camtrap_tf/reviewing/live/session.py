"""One person's work on events of which no model knows anything yet, and the model that learns.

Requests read and write what is in memory under one lock and never wait for a fit: a thread fits
heads to a copy of the answers and swaps in whole what it found. Answers go to the journal before
the page hears of it. Other processes may append to the same journal: what they wrote is taken up
before every reply.
"""

import collections
import dataclasses
import datetime
import functools
import logging
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np

from camtrap_tf.answers.people import FLOOR, Shown, any_names_people, names_people
from camtrap_tf.answers.predictions import ANIMAL
from camtrap_tf.core.artifacts import PathLike, existing_folder
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, COUNT_BINS, EMPTY
from camtrap_tf.core.paths import on_disk
from camtrap_tf.reviewing.agreement import agreement
from camtrap_tf.reviewing.answers import resolve
from camtrap_tf.reviewing.journal import (
    Answer,
    Journal,
    Ledger,
    Verdict,
    mark_line,
    undo_of,
    wall_line,
)
from camtrap_tf.reviewing.live import beforehand, learner
from camtrap_tf.reviewing.live import listing as lists
from camtrap_tf.reviewing.live import walls as screens
from camtrap_tf.reviewing.live.accuracy import TARGET, Running
from camtrap_tf.reviewing.live.asking import Question, Why
from camtrap_tf.reviewing.live.events import GROWTH, Event, Shelf, Source
from camtrap_tf.reviewing.live.learner import Known, Model, Pool
from camtrap_tf.reviewing.session import GUARDS, PAGE, RECENT, YOUNG, Saved, Stale, is_inside, said

RECENTLY = datetime.timedelta(minutes=30)  # who answered since then is at work
_TICK = 1.0  # seconds between looks at what became ready
_BEST = 5  # suggestions
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class State:
    """What the last fit found; swapped whole.

    Args:
        pool: events that it knows.
        known: the answers that it has learnt from.
        model: the heads.
        probabilities: [events, words] float32.
        running: how often it is right; None where too little is known.
    """

    pool: Pool
    known: Known
    model: Model
    probabilities: np.ndarray
    running: Running | None

    @functools.cached_property
    def names(self) -> np.ndarray:
        """[events] str: the model's answers."""
        return learner.said(self.probabilities, self.model.words)

    @functools.cached_property
    def confidence(self) -> np.ndarray:
        """[events] float32: the probability of each answer."""
        return learner.sureness(self.probabilities, self.names, self.model.words)

    def suggestions(self, place: int) -> list[dict]:
        """The likeliest answers to an event, best first."""
        if place >= len(self.probabilities):
            return []
        row = self.probabilities[place]
        best = np.argsort(-row, kind="stable")[:_BEST]
        words = self.model.words
        return [
            {"name": words[code], "probability": float(row[code])}
            for code in best
            if row[code] > 0.0005
        ]

    def guess(self, place: int) -> tuple[str, float]:
        """The model's answer to an event, and its probability."""
        return str(self.names[place]), float(self.confidence[place])


@dataclasses.dataclass(frozen=True)
class Finish:
    """How far the way out is.

    Args:
        state: 'none', 'running', 'done' or 'failed'.
        step: what is being made, in words.
        message: why it failed, and the way out.
        files: what was made: `path` and `what` of each.
        commands: that go on from there.
    """

    state: str = "none"
    step: str = ""
    message: str | None = None
    files: tuple[dict, ...] = ()
    commands: tuple[str, ...] = ()


class Finisher(Protocol):
    """Makes what a review leads to, in the background."""

    def start(self) -> None:
        """Begins; where it has begun already, nothing more."""
        ...

    def progress(self) -> Finish:
        """How far it is."""
        ...


class LiveSession:
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

    # ------------------------------------------------------------ the thread

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
        changed = changed or guessed
        with self._lock:
            if changed:
                self._coming = Known.of(pool, self._ledger, guesses)
            known, number = self._coming.copy(), self._ledger.length
        if not changed and self.state and self.state.model.number == number:
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
        self._labelled += len(new)
        given = [
            beforehand.answer_of(self._labels, event.event_id, [f.path for f in event.frames])
            for event in new
        ]
        lines = [one.to_json() for one in given if one is not None and one.id not in self._ledger]
        if lines:
            self._journal.append(*lines)
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

    # ------------------------------------------------------------ what the page asks

    def __len__(self) -> int:
        return len(self.shelf)

    def describe(self) -> dict:
        """What stays the same, and how far the work is."""
        with self._lock:
            return {
                "queue": self.queue,
                "live": True,
                "target": self.target,
                "folder": str(self.folder),
                "reviewer": self.reviewer,
                "file": str(self._journal.path),
                "drawn": "model",
                "blind": False,
                "species": [*self._classes(), ANIMAL],
                "counts": list(COUNT_BINS),
                "attributes": list(ATTRIBUTES),
                "choices": {},
                "young": YOUNG,
                **dataclasses.asdict(self._saved()),
            }

    def status(self) -> dict:
        """How far preparation, model and accuracy are."""
        with self._lock:
            self._follow()
            progress = self.shelf.source.progress()
            state, known = self.state, self._known
            return {
                "preparing": dataclasses.asdict(progress)
                | {"events": len(self.shelf), "can_begin": self.state is not None},
                "model": self._told(),
                "classes": self._classes(),
                "saved": dataclasses.asdict(self._saved()),
                "bulk": 0 if known is None else int(known.bulk.sum()),
                "accuracy": None if state is None else self._accuracy(state.running),
                "walls": sum(one["open"] and one["sure"] > 0 for one in self.walls()["walls"]),
            }

    def _told(self) -> dict:
        state = self.state
        return {
            "number": 0 if state is None else state.model.number,
            "answers": 0 if state is None else state.model.answers,
            "pending": state is None or state.model.number != self._ledger.length,
            "fault": next(iter(list(self._faults.values())), None),
        }

    def _accuracy(self, running: Running | None) -> dict | None:
        if running is None:
            return None
        told = {"answers": running.further, "share": running.foretold}
        return {
            "right": running.right, "drawn": running.drawn, "share": running.share,
            "low": running.low, "high": running.high, "target": self.target,
            "met": running.low >= self.target,
            "more": None if running.foretold is None else told,
        }  # fmt: skip

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

    def next(self, count: int, skip: Iterable[int] = ()) -> dict:
        """The next questions for this reviewer.

        Args:
            count: of them, `PAGE` at most.
            skip: numbers of events that are on the screen.
        """
        with self._lock:
            self._follow()
            state, known = self.state, self._known
            if state is None or known is None or known.pool is not state.pool:
                return {"model": 0, "questions": [], "left": "prepare"}
            people = self._at_work()
            own, several = people.index(self.reviewer), len(people)
            count = max(1, min(count, PAGE))
            asked = learner.ask(known, state.probabilities, count * several, skip)
            questions = [self._question(one, state) for one in asked[own::several] or asked[:1]]
            running = self.shelf.source.progress().state in ("listing", "running")
            left = {} if questions else {"left": "prepare" if running else "nothing"}
            return {"model": state.model.number, "questions": questions, **left}

    def _at_work(self) -> list[str]:
        """Names of the reviewers who answered lately, and this one."""
        since = datetime.datetime.now(datetime.UTC) - RECENTLY
        return sorted({*self._ledger.since(since), self.reviewer})

    def _question(self, question: Question, state: State) -> dict:
        place, blind = question.event, question.blind
        name, probability = state.guess(place)
        asked = {
            "why": question.why.value, "blind": blind, "model": state.model.number,
            "guess": None if blind else name, "probability": None if blind else probability,
            "events": len(state.pool),
        }  # fmt: skip
        shown = self._shown(place, state, blind)
        if blind:  # what was accepted in bulk is looked at as if for the first time
            shown["mine"] = None
        return shown | {"reasons": _reasons(question, name, probability), "asked": asked}

    def page(self, start: int, count: int) -> list[dict]:
        """Events by number, `PAGE` at most."""
        return self.events(range(max(start, 0), min(start + min(count, PAGE), len(self))))

    def events(self, places: Iterable[int]) -> list[dict]:
        """Events by number; numbers that no event has are passed over."""
        with self._lock:
            self._follow()
            known = [place for place in places if 0 <= place < len(self)][:PAGE]
            return [self._shown(place, self.state, self._is_due(place)) for place in known]

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

    def _shown(self, place: int, state: State | None, blind: bool) -> dict:
        event = self.shelf.events[place]
        mine = self._ledger.of(self.reviewer, event.event_id)
        told = None if mine is None else said(mine) | {"bulk": mine.wall is not None}
        marks = self._ledger.marks(event.event_id)
        return {
            "place": place,
            "event_id": event.event_id,
            "site": event.site,
            "datetime": event.when,
            "frames": [
                {
                    "name": PurePosixPath(frame.path).name, "failure": frame.failure,
                    "box": frame.box, "score": frame.score,
                }
                for frame in event.frames
            ],
            "best": event.best,
            "people": GUARDS[self.people] if self.shows_people(place) else None,
            "suggestions": [] if blind or state is None else state.suggestions(place),
            "reasons": [],
            "mine": told,
            "note": marks.get("note") or None,
            "favourite": bool(marks.get("favourite")),
        }  # fmt: skip

    def picture(self, queue_name: str, place: int, frame: int) -> Path:
        """The file of one frame of one event, by number.

        Raises:
            Stale: the number is of another review.
            LookupError: there is no such event or frame.
        """
        self._check_queue(queue_name)
        if not 0 <= place < len(self):
            raise LookupError(f"{len(self)} events are ready")
        frames = self.shelf.events[place].frames
        if not 0 <= frame < len(frames):
            raise LookupError(f"event {place} has {len(frames)} pictures")
        path = frames[frame].path
        if not is_inside(path):
            raise LookupError("the picture lies outside the folder of pictures")
        return on_disk(self.images, path)

    def shows_people(self, place: int) -> bool:
        """Whether the event shows people, as far as its answers tell: people's, else the model's.

        Raises:
            LookupError: there is no such event.
        """
        if not 0 <= place < len(self):
            raise LookupError(f"{len(self)} events are ready")
        if self.people is Shown.SHOW:
            return False
        with self._lock:
            given = self._ledger.about(self.shelf.events[place].event_id)
            sure = [one for one in given if one.verdict is not Verdict.UNSURE]
            if sure:
                return any(any_names_people(one.said) for one in sure)
            state = self.state
        if state is None or place >= len(state.probabilities):
            return False
        columns = [names_people(word) for word in state.model.words]
        return float(state.probabilities[place, columns].sum()) >= FLOOR

    # ------------------------------------------------------------ many at once

    def walls(self) -> dict:
        """All walls that there are; see `walls.Wall.to_json`."""
        with self._lock:
            self._follow()
            number = 0 if self.state is None else self.state.model.number
            return {"model": number, "walls": [one.to_json() for one in self._walls()]}

    def _remember(self, name: str, compute: Callable[[], Any]) -> Any:
        """What stays the same as long as model, answers and events do, computed once."""
        state = self.state
        now = state and state.model, self._ledger.changes, len(self.shelf)
        before = self._memory.get(name, (None,))[0]
        if before is None or before[0] is not now[0] or before[1:] != now[1:]:
            self._memory[name] = now, compute()
        return self._memory[name][1]

    def _walls(self) -> list[screens.Wall]:
        return self._remember("walls", self._find_walls)

    def _find_walls(self) -> list[screens.Wall]:
        state, known = self.state, self._known
        if state is None or known is None:
            return []
        return screens.walls(known, state.names, state.confidence, self.due())

    def wall(self, name: str, count: int = screens.TILES, above: float | None = None) -> dict:
        """The least sure events of a wall; none of one that was emptied meanwhile.

        Args:
            name: of the wall.
            count: of events, `walls.TILES` at most.
            above: confidence; None: the wall's own threshold.

        Raises:
            LookupError: no wall is ever called so.
        """
        with self._lock:
            self._follow()
            found = next((one for one in self._walls() if one.wall == name), None)
            if found is None:
                found = screens.emptied(name)
            least = found.threshold if above is None else above
            kept = found.above(least)
            places = kept.events[: max(1, min(count, screens.TILES))].tolist()
            return {
                "wall": name, "model": self.state.model.number if self.state else 0,
                "name": found.name, "threshold": least, "total": len(kept.events),
                "tiles": [self._tile(place) for place in places],
            }  # fmt: skip

    def _tile(self, place: int) -> dict:
        event, state = self.shelf.events[place], self.state
        frame = event.frames[event.best]
        name, confidence = None, None
        if state is not None and place < len(state.probabilities) and not self._is_due(place):
            name, confidence = state.guess(place)
        return {
            "place": place, "event_id": event.event_id, "best": event.best, "box": frame.box,
            "score": frame.score, "site": event.site, "datetime": event.when,
            "frames": len(event.frames), "name": name, "confidence": confidence,
            "people": GUARDS[self.people] if self.shows_people(place) else None,
        }  # fmt: skip

    def accept(self, queue_name: str, content: dict) -> dict:
        """Gives many events one answer, in one line of the journal.

        Args:
            queue_name: `describe()['queue']` that the page was loaded with.
            content: `id`, `wall`, `name`, `accepted` and `left` (ids of events), `model`,
                `threshold`, `seconds`. The same `id` again changes nothing.

        Raises:
            Stale: the page is of another review.
            InputError: no name, no events or too many, events that are not ready, or a wall
                that its checks have shut.
            OSError: it could not be written.
        """
        self._check_queue(queue_name)
        name, accepted, left = _names_of(content)
        for event_id in (*accepted, *left):
            self._check_event(event_id)
        given = {"event_id": "-", "reviewer": self.reviewer, "at": _now(), "drawn": "wall"}
        facts = {key: content.get(key) for key in ("id", "seconds")}
        answer = Answer.from_json(screens.verdict_of(name) | given | facts)
        with self._lock:
            self._follow()
            if answer.id in self._ledger:
                return self._after() | {"accepted": 0, "skipped": []}
            shut = next((w.closed for w in self._walls() if w.wall == f"name:{name}"), None)
            if shut is not None:
                raise InputError(f"walls of {name} are shut", shut, "Answer them one by one.")
            free = [one for one in accepted if not self._ledger.about(one)]
            skipped = [one for one in accepted if one not in set(free)]
            if free:
                told = {key: content.get(key) for key in ("model", "threshold")}
                self._append(wall_line(str(content.get("wall")), answer, free, left, **told))
            return self._after() | {"accepted": len(free), "skipped": skipped}

    def alike(self, place: int, count: int) -> dict:
        """Open events that look most like one, most alike first."""
        with self._lock:
            self._follow()
            state, known = self.state, self._known
            if state is None or known is None or not 0 <= place < len(state.pool):
                raise LookupError("nothing is known of that event yet")
            left = ~known.answered
            left[[place, *self.due()]] = False
            candidates = np.flatnonzero(left)
            near = state.pool.likeness.nearest(place, candidates, max(1, min(count, screens.TILES)))
            return {"tiles": [self._tile(other) for other in near.tolist()]}

    def listing(self, asked: Mapping[str, str]) -> dict:
        """Events by order and filters; see `listing.select`."""
        with self._lock:
            self._follow()
            rows = self._rows()
            kept, total = lists.page(rows, asked, PAGE)
            answers = collections.Counter(row.answer for row in rows if row.answer is not None)
            return {
                "total": total,
                "sites": sorted({row.site for row in rows if row.site is not None}),
                "answers": dict(answers.most_common()),
                "events": [
                    self._tile(row.place)
                    | {name: getattr(row, name) for name in _OF_ROW}
                    | {
                        "note": self._ledger.marks(self.shelf.events[row.place].event_id).get(
                            "note"
                        )
                    }
                    for row in kept
                ],
            }

    def _rows(self) -> list[lists.Row]:
        return self._remember("rows", self._find_rows)

    def _find_rows(self) -> list[lists.Row]:
        state, due = self.state, self.due()
        number = len(self.shelf)
        answers, confidence, unlike = ([None] * number for _ in range(3))
        if state is not None:
            known = len(state.probabilities)
            answers[:known] = state.names.tolist()
            confidence[:known] = state.confidence.tolist()
            unlike[:known] = self._unlike(state).tolist()
        for place in due:
            answers[place] = confidence[place] = unlike[place] = None
        return [
            self._row(place, event, answers[place], confidence[place], unlike[place])
            for place, event in enumerate(self.shelf.events)
        ]

    @staticmethod
    def _unlike(state: State) -> np.ndarray:
        """[events] how little each looks like anything answered."""
        places = np.arange(len(state.pool))
        return 1 - state.pool.likeness.to_nearest(places, np.flatnonzero(state.known.single))

    def _row(
        self,
        place: int,
        event: Event,
        answer: str | None,
        confidence: float | None,
        unlike: float | None,
    ) -> lists.Row:
        given = self._ledger.about(event.event_id)
        by = None if answer is None else "model"
        if given:
            answer = next(iter(given[-1].said), None)
            by = "people" if any(one.wall is None for one in given) else "bulk"
        unsure = any(one.verdict is Verdict.UNSURE for one in given)
        favourite = bool(self._ledger.marks(event.event_id).get("favourite"))
        text = f"{event.event_id} {event.frames[0].path}"
        return lists.Row(
            place, event.site, event.when, answer, by, confidence, unlike, unsure, favourite, text
        )

    # ------------------------------------------------------------ what people say

    def answer(self, queue_name: str, content: dict) -> dict:
        """Appends an answer to the file; the same `id` again changes nothing.

        Args:
            queue_name: `describe()['queue']` that the page was loaded with.
            content: `id`, `event_id`, `verdict`, `sightings`, `seconds`, and `asked` as the
                question had it, as in `journal`.

        Raises:
            Stale: the page is of another review.
            InputError: an impossible answer, or an event that is not ready.
            OSError: it could not be written.
        """
        self._check_queue(queue_name)
        asked = content.get("asked")
        blind = isinstance(asked, dict) and asked.get("blind") is True
        facts = {"reviewer": self.reviewer, "at": _now(), "drawn": "random" if blind else "model"}
        answer = Answer.from_json(content | facts | {"wall": None})
        self._check_event(answer.event_id)
        self._check_counts(answer)
        with self._lock:
            self._follow()
            if answer.id not in self._ledger:
                self._append(self._with_guess(answer).to_json())
                if answer.seconds is not None:
                    self._seconds.append(answer.seconds)
            return self._after()

    def _after(self) -> dict:
        """What the page hears after an answer: how far, and whether a newer model comes."""
        told = self._told()
        model = {"model": told["number"], "pending": told["pending"]}
        return dataclasses.asdict(self._saved()) | model

    def _with_guess(self, answer: Answer) -> Answer:
        """A blind answer with what the model said, which the page was not told."""
        if answer.asked is None or not answer.asked["blind"] or self.state is None:
            return answer
        place = self.shelf.place[answer.event_id]
        if place >= len(self.state.probabilities):
            return answer
        name, probability = self.state.guess(place)
        told = {"guess": name, "probability": round(probability, 4)}
        return dataclasses.replace(answer, asked=answer.asked | told)

    def undo(
        self, queue_name: str, undo_id: str | None = None
    ) -> tuple[Answer | None, int | None, Saved]:
        """Takes this reviewer's latest answer back, or the latest wall: all of it.

        Args:
            queue_name: `describe()['queue']` that the page was loaded with.
            undo_id: unique; the same again changes nothing.

        Returns:
            The answer that no longer counts, the number of its event, and how far.

        Raises:
            Stale: the page is of another review.
            OSError: it could not be written.
        """
        self._check_queue(queue_name)
        with self._lock:
            self._follow()
            answer = self._ledger.undone_by(undo_id or "")
            if answer is None:
                answer = self._ledger.latest(self.reviewer)
                if answer is None:
                    return None, None, self._saved()
                self._append(undo_of(answer, undo_id or uuid.uuid4().hex))
            place = self.shelf.place.get(answer.event_id)
            return answer, place, self._saved()

    def events_of(self, answer: Answer) -> int:
        """How many events were answered together with this answer: a wall's, else one."""
        return self._ledger.events_of(answer)

    def mark(self, queue_name: str, content: dict) -> dict:
        """Sets `favourite` or `note` of an event."""
        self._check_queue(queue_name)
        event_id = content.get("event_id")
        self._check_event(event_id)
        marks = {name: content[name] for name in ("favourite", "note") if name in content}
        kinds = {"favourite": bool, "note": str}
        wrong = {n: v for n, v in marks.items() if not isinstance(v, kinds[n])}
        if wrong or not marks:
            raise InputError(
                "a mark is `favourite`, true or false, or a `note`, a text", wrong or content,
                "Load the page again.",
            )  # fmt: skip
        with self._lock:
            self._append(mark_line(str(event_id), self.reviewer, **marks))
            told = self._ledger.marks(str(event_id))
        return {"favourite": bool(told.get("favourite")), "note": told.get("note") or None}

    def results(self) -> dict:
        """Agreement of all reviewers, and the running accuracy."""
        with self._lock:
            self._follow()
            answers = self._ledger.standing()
            state = self.state
        people = collections.Counter(answer.reviewer for answer in answers)
        decided, dropped = resolve(answers)
        pairs = [dataclasses.asdict(pair) for pair in agreement(answers)]
        return {
            "reviewers": dict(sorted(people.items())),
            "pairs": [{k: None if v != v else v for k, v in pair.items()} for pair in pairs],
            "decided": len(decided),
            "undecided": dropped.counts,
            "accuracy": None,
            "accuracy_live": None if state is None else self._accuracy(state.running),
            "bulk": sum(answer.wall is not None for answer in answers),
        }

    # ------------------------------------------------------------ the way out

    def finishing(self) -> dict:
        """How far the finish is."""
        found = Finish() if self.finisher is None else self.finisher.progress()
        return dataclasses.asdict(found)

    def finish(self, queue_name: str) -> dict:
        """Begins to make a bundle, predictions and tables; while it runs, nothing more."""
        self._check_queue(queue_name)
        if self.finisher is None:
            raise InputError("this review can be finished", "no way to", "Use camtrap review.")
        self.finisher.start()
        return self.finishing()

    # ------------------------------------------------------------ helpers

    def _append(self, line: dict) -> None:
        self._journal.append(line)
        self._take(line)

    def _saved(self) -> Saved:
        known = self._known
        done = 0 if known is None else int(known.answered.sum())
        pace = statistics.median(self._seconds) if self._seconds else None
        left = len(self) - done
        return Saved(done, len(self), None if pace is None else pace * left, None)

    def _check_queue(self, queue_name: str) -> None:
        if queue_name != self.queue:
            raise Stale

    def _check_event(self, event_id: object) -> None:
        if isinstance(event_id, str) and event_id not in self.shelf.place:
            self.shelf.refresh()  # the page was open while the program was started again
        if not isinstance(event_id, str) or event_id not in self.shelf.place:
            raise InputError("an answer is to an event that is ready", event_id, "Reload.")

    @staticmethod
    def _check_counts(answer: Answer) -> None:
        wrong = [s.count for s in answer.sightings if s.count not in (None, *COUNT_BINS)]
        if wrong:
            raise InputError(
                f"counts are among {', '.join(COUNT_BINS)}", wrong, "Choose one of them."
            )
        choices = [s.choices for s in answer.sightings if s.choices]
        if choices:
            raise InputError("this review asks no further questions", choices, "Leave them out.")


_WORDS = {
    Why.UNSURE: "unsure: {share} {name}",
    Why.UNLIKE: "unlike anything answered so far",
}


def _reasons(question: Question, name: str, probability: float) -> list[str]:
    """Why a question is asked, in words; nothing of a blind one."""
    if question.why is Why.TYPICAL:
        return [f"stands for {max(question.stands_for, 1)} events that look alike"]
    words = _WORDS.get(question.why)
    return [] if words is None else [words.format(share=f"{probability:.0%}", name=name)]


_OF_ROW = ("answer", "by", "unlike", "favourite")


def _names_of(content: dict) -> tuple[str, list[str], list[str]]:
    """The name and the events of a wall that is accepted."""
    name, accepted, left = (content.get(key) for key in ("name", "accepted", "left"))
    lists = [accepted, [] if left is None else left]
    if not isinstance(name, str) or not name.strip():
        raise InputError("a wall is accepted under a name", name, "Choose one.")
    for one in lists:
        if not isinstance(one, list) or not all(isinstance(event, str) for event in one):
            raise InputError("`accepted` and `left` are lists of event ids", one, "Load the page.")
    found = [list(dict.fromkeys(one)) for one in lists]
    if not 1 <= len(found[0]) <= screens.ACCEPTED:
        raise InputError(
            f"1 to {screens.ACCEPTED} events are accepted at once", len(found[0]), "Take fewer."
        )
    return name.strip(), found[0], found[1]


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()
