"""What the last fit found."""

import dataclasses
import functools

import numpy as np

from camtrap_tf.core.heads import COUNT
from camtrap_tf.core.labels import BINARY, EMPTY
from camtrap_tf.reviewing.live import learner
from camtrap_tf.reviewing.live.accuracy import Running
from camtrap_tf.reviewing.live.learner import Known, Model, Pool

_BEST = 5  # suggestions


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

    def further(self, place: int) -> list[str]:
        """Number and behaviours that an event probably shows, in words; none of an empty one."""
        if place >= len(self.probabilities) or self.names[place] == EMPTY:
            return []
        row, found = self.pool.vectors[place : place + 1], []
        for head, fitted in sorted(self.model.further.items()):
            probabilities = fitted.probabilities(row)[0]
            name = fitted.names[int(probabilities.argmax())]
            if name != BINARY[0] and probabilities.max() > 0.5:
                number = f"{name} animal{'' if name == '1' else 's'}"
                found.append(number if head == COUNT else head)
        return found

    def guess(self, place: int) -> tuple[str, float]:
        """The model's answer to an event, and its probability."""
        return str(self.names[place]), float(self.confidence[place])
