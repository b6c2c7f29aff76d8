"""One person's work on a queue: what to show, what was answered, how much is left.

The queue is computed once. Showing a page of events and taking an answer cost the same for ten
events and for a hundred thousand.
"""

import collections
import dataclasses
import hashlib
import os
import statistics
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from camtrap_tf.answers.boxes import NamedBoxes
from camtrap_tf.answers.people import Shown, any_names_people
from camtrap_tf.answers.people import find as find_people
from camtrap_tf.answers.predictions import ANIMAL, Predictions
from camtrap_tf.core import heads
from camtrap_tf.core.artifacts import PathLike, existing_folder
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, COUNT_BINS, EMPTY, UNKNOWN
from camtrap_tf.core.paths import on_disk
from camtrap_tf.events.table import occurs
from camtrap_tf.pictures.files import is_text
from camtrap_tf.reviewing import queue
from camtrap_tf.reviewing.agreement import accuracy, agreement
from camtrap_tf.reviewing.answers import resolve
from camtrap_tf.reviewing.journal import Answer, Journal, Ledger, Verdict, undo_of

# What the page says of pictures that show people.
GUARDS = {Shown.BLUR: "blurred, as it shows people", Shown.HIDE: "left out, as it shows people"}
PAGE = 50  # events in one page, at most
YOUNG = "babies"
RECENT = 50  # answers whose seconds tell the time left


class Stale(Exception):
    """The page in the browser belongs to another queue: it must be loaded again."""


@dataclasses.dataclass(frozen=True)
class Saved:
    """What the page needs to know after an answer or an undo.

    Args:
        done, total: events of the queue answered by this reviewer, and all.
        seconds_left: at the pace of the latest answers; None before there is one.
        next: position of the next event without an answer; None where all have one.
    """

    done: int
    total: int
    seconds_left: float | None
    next: int | None


class Session:
    """Events in their order, pictures by number, and the answers of one reviewer.

    Args:
        predictions: one row per picture.
        order: what `queue.order` returned.
        images: folder that the pictures' paths are relative to.
        journal: file that answers are appended to; its answers count as given.
        reviewer: name of the person.
        drawn: how events came up, written into the answers: 'random', or any other word.
        blind: show neither the model's suggestions nor why an event came up.
        others: further files of answers, for `results`.
        people: what becomes of pictures that show people (`camtrap_tf.answers.people`).
        boxes: what is in each box of the pictures, if that is known; shown unless `blind`.
    """

    def __init__(
        self,
        predictions: Predictions,
        order: pd.DataFrame,
        images: PathLike,
        journal: PathLike,
        reviewer: str,
        drawn: str = "gain",
        blind: bool = False,
        others: Sequence[PathLike] = (),
        people: Shown = Shown.SHOW,
        boxes: NamedBoxes | None = None,
    ):
        _check(predictions, order, reviewer)
        self.images = existing_folder(images, "the folder of pictures")
        self.predictions, self.reviewer, self.drawn, self.blind = (
            predictions, reviewer, drawn, blind,
        )  # fmt: skip
        self._events = predictions.by_event()
        self._event = order.index.to_numpy()  # from positions to rows of `_events`
        self._order = order.reset_index(drop=True)
        self._frames, self._starts = _frames_by_event(predictions)
        self._position = {name: place for place, name in enumerate(self._order["event_id"])}
        self.queue = _name_of(self._order, self.images)
        self._check_pictures()
        self._lock = threading.Lock()
        self._journal, self._others = Journal(journal), [Journal(path) for path in others]
        self._ledger = Ledger(self._journal.lines())
        self._answered = bytearray(
            self._ledger.of(reviewer, name) is not None for name in self._position
        )
        self._done = sum(self._answered)
        self.people, self._boxes = people, None if blind else boxes
        self._of_people = self._find_people()
        self._seconds = collections.deque(self._past_seconds(), RECENT)

    def __len__(self) -> int:
        return len(self._order)

    def describe(self) -> dict:
        """What stays the same: names of all answers, who, how far."""
        classes = self.predictions.classes
        attributes = heads.attributes(classes)
        species = [name for name in classes.get("species", ()) if name != EMPTY]
        return {
            "queue": self.queue,
            "live": False,
            "reviewer": self.reviewer,
            "file": str(self._journal.path),
            "drawn": self.drawn,
            "blind": self.blind,
            "boxes": self._boxes is not None,
            "species": species + ([] if self.predictions.one_stage else [ANIMAL]),
            "counts": list(classes.get("count", COUNT_BINS)),
            "attributes": attributes or list(ATTRIBUTES),
            "choices": {head: list(classes[head]) for head in heads.choices(classes)},
            "young": YOUNG,
            **dataclasses.asdict(self._saved(0)),
        }

    def page(self, start: int, count: int) -> list[dict]:
        """Events at positions `start` to `start + count`, `PAGE` at most."""
        places = range(max(start, 0), min(start + min(count, PAGE), len(self)))
        events = self._events.select(self._event[places.start : places.stop])
        guesses = [] if self.blind else queue.suggestions(events)
        return [
            self._shown(place, [] if self.blind else guesses[number])
            for number, place in enumerate(places)
        ]

    def picture(self, queue_name: str, place: int, frame: int) -> Path:
        """The file of one frame of one event of the queue, by number.

        Raises:
            Stale: the number is of another queue.
            LookupError: there is no such event or frame.
        """
        if queue_name != self.queue:
            raise Stale
        rows = self._rows(place)
        if not 0 <= frame < len(rows):
            raise LookupError(f"event {place} has {len(rows)} pictures")
        path = self.predictions.ids["path"].iat[rows[frame]]
        if not is_inside(path):
            raise LookupError("the picture lies outside the folder of pictures")
        return on_disk(self.images, path)

    def shows_people(self, place: int) -> bool:
        """Whether the event shows people, as far as its answers tell.

        The reviewer's own answer decides; without one, other people's, and then the model's.
        Never, where all pictures are shown anyway.

        Raises:
            LookupError: there is no such event.
        """
        rows = self._rows(place)
        if self.people is Shown.SHOW:
            return False
        mine = self._ledger.of(self.reviewer, self._order["event_id"].iat[place])
        if mine is not None and mine.verdict is not Verdict.UNSURE:
            return any_names_people(mine.said)
        return bool(self._of_people[rows].any())

    def _find_people(self) -> np.ndarray:
        """[rows] bool: by what the model says, and by what other reviewers have said."""
        if self.people is Shown.SHOW:
            return np.zeros(len(self.predictions), bool)
        files = (self._journal, *self._others)
        answers = Ledger(line for file in files for line in file.lines()).standing()
        given = [a for a in answers if a.reviewer != self.reviewer]
        told = [a.event_id for a in given if any_names_people(a.said)]
        names = self.predictions.event_names()
        said = occurs(names, pd.Series(told, dtype="string"))
        return find_people(self.predictions) | np.asarray(said)

    def answer(self, queue_name: str, content: dict) -> Saved:
        """Appends an answer to the file; the same `id` again changes nothing.

        Args:
            queue_name: `describe()['queue']` that the page was loaded with.
            content: `id`, `event_id`, `verdict`, `sightings`, `seconds` as in `journal`.

        Raises:
            Stale: the page is of another queue.
            InputError: an impossible answer, or an event that is not in the queue.
            OSError: it could not be written.
        """
        if queue_name != self.queue:
            raise Stale
        now = Answer("-", self.reviewer, Verdict.EMPTY).at.isoformat()
        answer = Answer.from_json(
            content | {"reviewer": self.reviewer, "drawn": self.drawn, "at": now}
        )
        self._check_answer(answer)
        place = self._position[answer.event_id]
        with self._lock:
            if answer.id not in self._ledger:
                self._append(answer.to_json())
                self._mark(place)
                if answer.seconds is not None:
                    self._seconds.append(answer.seconds)
            return self._saved(place + 1)

    def undo(
        self, queue_name: str, undo_id: str | None = None
    ) -> tuple[Answer | None, int | None, Saved]:
        """Takes this reviewer's latest answer back; again and again, back to the first.

        Args:
            queue_name: `describe()['queue']` that the page was loaded with.
            undo_id: unique; the same again, from a browser that got no reply, changes nothing.

        Returns:
            The answer that no longer counts (None where there is none left), the position of
            its event (None where it is not in this queue), and how far.

        Raises:
            Stale: the page is of another queue.
            OSError: it could not be written.
        """
        if queue_name != self.queue:
            raise Stale
        with self._lock:
            answer = self._ledger.undone_by(undo_id) if undo_id else None
            if answer is None:
                answer = self._ledger.latest(self.reviewer)
                if answer is None:
                    return None, None, self._saved(0)
                line = undo_of(answer, undo_id or uuid.uuid4().hex)
                self._append(line)
                for event_id in self._ledger.touched(line):
                    if event_id in self._position:
                        self._mark(self._position[event_id])
            place = self._position.get(answer.event_id)
            return answer, place, self._saved(place or 0)

    def events_of(self, answer: Answer) -> int:
        """How many events were answered together with this answer: a wall's, else one."""
        return self._ledger.events_of(answer)

    def results(self) -> dict:
        """Agreement of all reviewers of the files, and accuracy of what was drawn at random."""
        files = (self._journal, *self._others)
        answers = Ledger(line for file in files for line in file.lines()).standing()
        people = collections.Counter(answer.reviewer for answer in answers)
        decided, dropped = resolve(answers)
        scored = accuracy(self.predictions, answers)
        return {
            "reviewers": dict(sorted(people.items())),
            "pairs": [_plain(dataclasses.asdict(pair)) for pair in agreement(answers)],
            "decided": len(decided),
            "undecided": dropped.counts,
            "accuracy": None if scored is None else dataclasses.asdict(scored),
        }

    def _shown(self, place: int, guesses: list[tuple[str, float]]) -> dict:
        row = self._order.iloc[place]
        rows = self._rows(place)
        ids = self.predictions.ids.iloc[rows]
        first = ids.iloc[0]
        mine = self._ledger.of(self.reviewer, row["event_id"])
        return {
            "place": place,
            "event_id": row["event_id"],
            "site": None if pd.isna(first["site"]) else first["site"],
            "datetime": None if pd.isna(first["datetime"]) else str(first["datetime"]),
            "frames": [
                {
                    "name": PurePosixPath(path).name,
                    "failure": None if pd.isna(why) else why,
                    **found,
                }
                for path, why, found in zip(
                    ids["path"], ids["failure"], self._found(rows), strict=True
                )
            ],
            "people": GUARDS[self.people] if self.shows_people(place) else None,
            "suggestions": [{"name": name, "probability": p} for name, p in guesses],
            "reasons": [] if self.blind else reasons(row),
            "mine": None if mine is None else said(mine),
        }

    def _found(self, rows: np.ndarray) -> list[dict]:
        """[rows] `boxes` of pictures, with names where one has several; nothing if unknown."""
        if self._boxes is None:
            return [{}] * len(rows)
        seen = self._boxes.parts(self.predictions.select(rows))
        names = seen.answers.answers().where(seen.several(), None)
        sides = seen.sides.astype(float).round(4).tolist()
        named = [
            {"sides": own, "name": None if pd.isna(name) else name}
            for own, name in zip(sides, names, strict=True)
        ]
        boxed = seen.boxed
        return [
            {"boxes": [named[row] for row in range(one.start, one.stop) if boxed[row]]}
            for one in seen.slices()
        ]

    def _rows(self, place: int) -> np.ndarray:
        if not 0 <= place < len(self):
            raise LookupError(f"the queue has {len(self)} events")
        event = self._event[place]
        return self._frames[self._starts[event] : self._starts[event + 1]]

    def _append(self, line: dict) -> None:
        self._journal.append(line)
        self._ledger.add(line)

    def _mark(self, place: int) -> None:
        """Brings `_answered` and `_done` up to date for one event."""
        event_id = self._order["event_id"].iat[place]
        has = self._ledger.of(self.reviewer, event_id) is not None
        self._done += has - self._answered[place]
        self._answered[place] = has

    def _saved(self, start: int) -> Saved:
        following = self._answered.find(0, start)
        if following < 0:
            following = self._answered.find(0)
        left = len(self) - self._done
        pace = statistics.median(self._seconds) if self._seconds else None
        return Saved(
            self._done,
            len(self),
            None if pace is None else pace * left,
            None if following < 0 else following,
        )

    def _past_seconds(self) -> list[float]:
        own = [a for a in self._ledger.standing() if a.reviewer == self.reviewer]
        return [a.seconds for a in own if a.seconds is not None]

    def _check_answer(self, answer: Answer) -> None:
        if answer.event_id not in self._position:
            raise InputError("an answer is to an event of the queue", answer.event_id, "Reload.")
        bins = self.predictions.classes.get("count", COUNT_BINS)
        wrong = [s.count for s in answer.sightings if s.count not in (None, *bins)]
        if wrong:
            raise InputError(f"counts are among {', '.join(bins)}", wrong, "Choose one of them.")
        for sighting in answer.sightings:
            for head, name in sighting.choices.items():
                known = self.predictions.classes.get(head, ())
                if name not in known:
                    raise InputError(
                        f"answers to '{head}' are among {list(known)}", name, "Choose one of them."
                    )

    def _check_pictures(self) -> None:
        """A wrong folder is told at once, not picture by picture."""
        paths = self.predictions.ids["path"].iloc[:: max(len(self.predictions) // 20, 1)]
        if not any(
            is_inside(path) and os.path.isfile(on_disk(self.images, path)) for path in paths
        ):
            raise InputError(
                "--images is the folder that was predicted: the pictures' paths are relative to it",
                f"{self.images} without {paths.iloc[0]}",
                "Give the folder that `camtrap predict` was given.",
            )


def is_inside(path: str) -> bool:
    """Whether a relative path stays in its folder."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not PurePosixPath(path).is_absolute() and ".." not in parts


def said(answer: Answer) -> dict:
    """An answer as the page shows it."""
    line = answer.to_json()
    return {name: line[name] for name in ("verdict", "sightings")}


def reasons(row: pd.Series) -> list[str]:
    """Why an event came up, in words."""
    found = []
    if pd.isna(row["answer"]):  # as all are where there is no model
        return []
    if pd.notna(row["label"]) and row["suspicion"] > 0:
        found.append(f"labelled {row['label']}, the model says {row['answer']}")
    if row["answer"] == UNKNOWN:  # has no probability, and is as rare as can be
        found.append("called unknown: like nothing the model has learnt")
    elif row["confidence"] < queue.UNSURE_BELOW:
        found.append(f"unsure: {row['confidence']:.0%}")
    for who in ("frames", "models"):
        if row[f"{who}_disagree"] > 0:
            found.append(f"{who} disagree: {row[f'{who}_disagree']:.0%}")
    if row["rarity"] >= 0.5 and row["answer"] != UNKNOWN:
        found.append("a rare answer")
    return found


def _plain(content: dict) -> dict:
    """JSON knows no NaN."""
    return {key: None if value != value else value for key, value in content.items()}


def _frames_by_event(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Rows by event and frame, and where each event's begin."""
    codes = predictions.event_codes()
    frame = predictions.ids["frame"].fillna(0).to_numpy(int)
    rows = np.lexsort((frame, codes))
    return rows, np.concatenate([[0], np.cumsum(np.bincount(codes))])


def _name_of(order: pd.DataFrame, images: Path) -> str:
    """A short name that another queue, or another folder, does not have."""
    content = "\n".join([str(images.resolve()), *order["event_id"]])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _check(predictions: Predictions, order: pd.DataFrame, reviewer: str) -> None:
    if predictions.ids["path"].isna().any():
        raise InputError(
            "review shows pictures: one row each", "rows without a path", "Give image-level rows."
        )
    if not len(order):
        raise InputError("there is something to review", "no events", "Choose another --only.")
    if not reviewer.strip() or not is_text(reviewer):
        raise InputError("a reviewer has a name, in UTF-8", reviewer, "Give --reviewer=NAME.")
