"""Which event to ask about next.

First come typical events: each stands for as many others as possible that look like it and like
nothing before it (greedy facility location on a Gaussian similarity; Lin and Bilmes 2011), so that
ten answers cover most of what there is. After them rounds of five: three events between whose two
best answers the model is most torn, one that looks least like anything answered, and one blind
draw (`accuracy`). From a hundred answers on every tenth is a blind draw.
"""

import dataclasses
import enum
from collections.abc import Iterator

import numpy as np

LANDMARKS, CANDIDATES = 2000, 1000  # events that similarity is counted over, and looked at
WIDTH = 0.7  # of the Gaussian, as a share of the median distance between events


class Why(enum.Enum):
    """Why a question is asked."""

    TYPICAL = "typical"
    UNSURE = "unsure"
    UNLIKE = "unlike"
    RANDOM = "random"


TYPICAL = 20  # questions of that kind
ROUND = (Why.UNSURE, Why.UNSURE, Why.UNSURE, Why.UNLIKE, Why.RANDOM)
LATER = (*ROUND[:4], Why.UNSURE, *ROUND[:4], Why.RANDOM)
MANY = 100  # answers from which `LATER` holds


@dataclasses.dataclass(frozen=True)
class Question:
    """An event to ask about.

    Args:
        event: its number.
        why: it is asked about.
        stands_for: of a typical event, how many events are most like it.
    """

    event: int
    why: Why
    stands_for: int = 0

    @property
    def blind(self) -> bool:
        """Whether people must not see what the model says."""
        return self.why is Why.RANDOM


def kinds(answered: int) -> Iterator[Why]:
    """What is asked after so many answers to events by themselves, without end."""
    while True:
        if answered < TYPICAL:
            yield Why.TYPICAL
        elif answered < MANY:
            yield ROUND[(answered - TYPICAL) % len(ROUND)]
        else:
            yield LATER[(answered - MANY) % len(LATER)]
        answered += 1


class Likeness:
    """How alike events are.

    Args:
        vectors: [events, width] float32.
        seed: of the events that are looked at, where there are many.
    """

    def __init__(self, vectors: np.ndarray, seed: int = 0):
        self.vectors = vectors
        order = np.random.default_rng(seed).permutation(len(vectors))
        self._landmarks = np.sort(order[:LANDMARKS])
        self._squares = np.einsum("ij,ij->i", vectors, vectors)
        sample = self._landmarks[:500]
        distances = self._distances(sample, sample)
        apart = distances[np.triu_indices(len(sample), 1)]
        middle = float(np.median(apart)) if len(apart) else 1.0
        self._scale = max(2 * WIDTH**2 * middle, 1e-9)

    def _distances(self, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        """[ones, others] squared distances."""
        product = self.vectors[ones] @ self.vectors[others].T
        found = self._squares[ones][:, None] + self._squares[others][None] - 2 * product
        return np.maximum(found, 0)

    def of(self, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        """[ones, others] float32 in [0, 1], 1 for equals."""
        return np.exp(-self._distances(ones, others) / self._scale)

    def to_nearest(self, events: np.ndarray, known: np.ndarray) -> np.ndarray:
        """[events] float32: how like each is to the most similar of `known`; 0 without any."""
        if not len(known):
            return np.zeros(len(events), np.float32)
        parts = np.array_split(known, -(-len(known) // LANDMARKS))
        return np.max([self.of(events, part).max(axis=1) for part in parts], axis=0)

    def gains(self, candidates: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How much more alike all events become to what is known, by each candidate.

        Returns:
            [candidates, landmarks] similarities; [landmarks] that to the known ones.
        """
        return self.of(candidates, self._landmarks), self.to_nearest(self._landmarks, known)

    def typical(self, candidates: np.ndarray, known: np.ndarray, count: int) -> list[Question]:
        """Events that stand for most others that are unlike the known ones, best first.

        Args:
            candidates: [n] events to choose from.
            known: [m] events that are answered.
            count: how many.
        """
        if len(candidates) > CANDIDATES:
            candidates = candidates[:: len(candidates) // CANDIDATES]
        near, best = self.gains(candidates, known)
        share, found = len(self.vectors) / max(len(self._landmarks), 1), []
        open_ones = np.ones(len(candidates), bool)
        for _ in range(min(count, len(candidates))):
            gain = np.where(open_ones, np.maximum(near - best, 0).sum(axis=1), -1)
            pick = int(gain.argmax())
            stands_for = round(share * float((near[pick] > np.maximum(best, 0.5)).sum()))
            found.append(Question(int(candidates[pick]), Why.TYPICAL, stands_for))
            open_ones[pick] = False
            best = np.maximum(best, near[pick])
        return found

    def nearest(self, event: int, candidates: np.ndarray, count: int) -> np.ndarray:
        """Those of the candidates that look most like an event, most alike first."""
        near = self.of(np.array([event]), candidates)[0]
        return candidates[np.argsort(-near, kind="stable")[:count]]


def margins(probabilities: np.ndarray) -> np.ndarray:
    """[events] the best answer's probability less the second best's."""
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities))
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]
