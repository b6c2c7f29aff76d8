"""Which events may keep the model's answer at a wished accuracy, and which still need a look.

The model answers the blind draws without having learnt from them. Of these the least confidence is
taken from which on its answers are right often enough: open events that it is at least as sure of
may keep its answer. A confidence that was chosen on some draws does a little better on them than
on others, and the open events are harder than blind draws, since hard ones are asked first. So the
share that was right is given with an interval, and `promised` says whether all of that reaches the
target.
"""

import dataclasses
import math

import numpy as np

from camtrap_tf.answers import planning
from camtrap_tf.answers.predictions import ANIMAL
from camtrap_tf.reviewing.live import accuracy, learner
from camtrap_tf.reviewing.live.learner import Known, Model

PEOPLE, BULK, MODEL, LOOK = "people", "people in bulk", "model", "needs a look"
UNDECIDED = "people cannot tell"  # or they disagree, or nobody could name the animal


@dataclasses.dataclass(frozen=True, eq=False)
class Triage:
    """Who answers each event.

    Args:
        target: accuracy that the model's answers shall have.
        threshold: of the model's confidence; inf: none of its answers may be kept.
        drawn: blind draws that it was chosen on.
        accepted, right: of these draws, those that reach it, and those of them that are right.
        low, high: interval of that share, see `accuracy.interval`.
        names: [events] str, the model's answers.
        confidence: [events] float32, in these.
        by: [events] str: PEOPLE, BULK, UNDECIDED, MODEL or LOOK.
    """

    target: float
    threshold: float
    drawn: int
    accepted: int
    right: int
    low: float
    high: float
    names: np.ndarray
    confidence: np.ndarray
    by: np.ndarray

    @property
    def promised(self) -> bool:
        """Whether the whole interval reaches the target."""
        return self.low >= self.target

    def counts(self) -> dict[str, int]:
        """Events by who answers them."""
        return {
            name: int((self.by == name).sum()) for name in (PEOPLE, BULK, UNDECIDED, MODEL, LOOK)
        }

    def sentence(self) -> str:
        """What follows, in words."""
        left, kept = (f"{self.counts()[name]:,}" for name in (LOOK, MODEL))
        if self.drawn < accuracy.FEWEST:
            return (
                f"{left} events need a look: fewer than {accuracy.FEWEST} random checks do not "
                "tell what may keep the model's answer"
            )
        if math.isinf(self.threshold):
            return (
                f"{left} events need a look: the model is never sure enough for {self.target:.0%}"
            )
        return (
            f"{left} events need a look, and {kept} may keep the model's answer: of "
            f"{self.accepted} random checks that it is as sure of ({self.threshold:.0%}), "
            f"{self.right} are right (95% interval {self.low:.0%}–{self.high:.0%}; "
            f"target {self.target:.0%})"
        )

    def to_json(self) -> dict:
        """The figures, without the events; a threshold that nothing reaches is null."""
        names = ("target", "drawn", "accepted", "right", "low", "high")
        told = {name: getattr(self, name) for name in names}
        threshold = None if math.isinf(self.threshold) else self.threshold
        return told | {
            "threshold": threshold, "promised": self.promised, "events": self.counts(),
            "in_words": self.sentence(),
        }  # fmt: skip


def sort_out(known: Known, model: Model, target: float) -> Triage:
    """Decides who answers each event.

    Args:
        known: the answers.
        model: that has learnt from all of them.
        target: accuracy that its answers shall have, in (0, 1).
    """
    probabilities = model.probabilities(known.pool.vectors, known.pool.scores)
    names = learner.said(probabilities, model.words)
    confidence = learner.sureness(probabilities, names, model.words)
    checks = learner.checks(known)
    threshold = math.inf
    if len(checks.right) >= accuracy.FEWEST:
        right = checks.right.astype(float)
        threshold = planning.lowest_threshold(checks.confidence, right, target)
    reached = checks.confidence >= threshold
    accepted, right = int(reached.sum()), int(checks.right[reached].sum())
    low, high = accuracy.interval(right, accepted)
    kept = (confidence >= threshold) & (names != ANIMAL)
    by = np.where(kept, MODEL, LOOK).astype(object)
    by[known.bulk], by[known.single] = BULK, PEOPLE
    by[known.single & (known.labels == "")] = UNDECIDED
    drawn = len(checks.right)
    return Triage(target, threshold, drawn, accepted, right, low, high, names, confidence, by)
