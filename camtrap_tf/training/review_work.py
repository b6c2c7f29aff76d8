"""All pictures of a review, and what was said of them, as what is made of them needs it."""

import dataclasses

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.heads import COUNT, SPECIES
from camtrap_tf.core.labels import BINARY, COUNT_BINS, EMPTY, MISSING
from camtrap_tf.prediction.descriptions import is_sharp
from camtrap_tf.prediction.prepared import Prepared
from camtrap_tf.reviewing.journal import Ledger
from camtrap_tf.reviewing.live import accuracy, beforehand, learner
from camtrap_tf.reviewing.live.events import Shelf
from camtrap_tf.reviewing.live.learner import Known

SURE = 0.5  # of the detector's highest score in an event: frames from there on show the animal
NOTHING = 0.1  # the detector's highest score in an event, below which it mostly is empty


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """All pictures of a review, and what was said of them.

    Args:
        ids: a row per picture, as `Predictions.ids`.
        events: [pictures] int, the number of each picture's event.
        features: [pictures, views, width] float16.
        scores: [pictures] float32, the detector's.
        known: people's answers, by event.
        model: of the review.
        left: pictures that are not looked through yet, and are not among these.
        sharp: the second view is cut from the pictures' files (`PictureSpec.crops`).
    """

    ids: pd.DataFrame
    events: np.ndarray
    features: np.ndarray
    scores: np.ndarray
    known: Known
    model: learner.Model
    left: int = 0
    sharp: bool = False

    @classmethod
    def read(
        cls, prepared: PathLike, ledger: Ledger, guesses: beforehand.Kept | None = None
    ) -> "Work":
        """Of descriptions, a journal and guesses; the same model as the page has.

        Raises:
            InputError: nothing is described, or nobody has named an animal yet.
        """
        source = Prepared(prepared)
        kept = _Kept(source)
        shelf = Shelf(kept)
        shelf.refresh()
        pool = shelf.pool()
        if pool is None:
            raise InputError("a review has pictures", str(prepared), "Run camtrap review first.")
        guessed = None
        if guesses is not None and guesses.follow():
            guessed = guesses.of([frame.path for frame in one.frames] for one in shelf.events)
        known = Known.of(pool, ledger, guessed)
        model = learner.learn(known, ledger.length)
        if model.species is None or len(model.species.names) < 2:
            raise InputError(
                "a model tells at least two species apart",
                0 if model.species is None else list(model.species.names),
                "Answer some more events.",
            )
        ids = pd.concat([chunk.ids for chunk in kept.chunks], ignore_index=True)
        events = ids["event_id"].astype(str).map(pool.place).to_numpy()
        features = np.concatenate([chunk.features for chunk in kept.chunks])
        scores = np.concatenate([chunk.scores for chunk in kept.chunks])
        left = (source.progress().pictures or len(ids)) - len(ids)
        sharp = is_sharp(prepared)
        return cls(ids, events, features, scores, known, model, left, sharp)

    def labels(self, head: str) -> np.ndarray:
        """[pictures] int: the class of pictures that teach a head; -1 of the others.

        An animal is taken to be on the pictures on which the detector is surest.
        """
        said = self.said(head)
        empty = self.said(EMPTY)[self.events] == BINARY[1]
        highest = np.zeros(len(self.known.pool), np.float32)
        np.maximum.at(highest, self.events, self.scores)
        shown = (self.scores >= SURE * highest[self.events]) | empty
        usable = shown & self.ids["failure"].isna().to_numpy()
        code = {name: number for number, name in enumerate(self.classes(head))}
        found = np.array([code.get(name, MISSING) for name in said])[self.events]
        return np.where(usable, found, MISSING)

    def said(self, head: str) -> np.ndarray:
        """[events] str: what people have said of each, '' where they said nothing.

        The species of an empty event is 'empty', which is no class of that head. Where
        `taught_by_detector`, the detector says which open events are empty.
        """
        known = self.known
        if head in known.further:
            return known.further[head]
        names = np.where(known.answered, known.labels, "").astype(object)
        if head != EMPTY:
            return names
        if self.taught_by_detector:
            names[~known.answered & (known.pool.scores < NOTHING)] = EMPTY
        there = np.where(names == EMPTY, BINARY[1], BINARY[0])
        return np.where(names == "", "", there).astype(object)

    @property
    def taught_by_detector(self) -> bool:
        """Whether nobody has answered 'empty', so that open events without a detection stand in."""
        return not (self.known.answered & (self.known.labels == EMPTY)).any()

    def classes(self, head: str) -> tuple[str, ...]:
        """Class names of a head."""
        if head == SPECIES:
            assert self.model.species is not None
            return self.model.species.names
        return COUNT_BINS if head == COUNT else BINARY

    def drawn(self) -> np.ndarray:
        """[pictures] bool: of an event that is a blind draw."""
        known = self.known
        sample = accuracy.sample(known.pool.keys, known.single, known.draws.items())
        return sample[self.events]


class _Kept:
    """A source whose chunks stay at hand."""

    def __init__(self, source: Prepared):
        self.chunks, self.progress = source.poll(), source.progress

    def poll(self):
        return self.chunks
