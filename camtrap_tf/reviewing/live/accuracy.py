"""How often a model that goes on learning is right, as far as blind draws tell.

All events stand in one random order that is fixed before anybody answers. People answer its events
in that order without seeing what the model says, a share of all they answer; events that were asked
for another reason are answered already when the order reaches them. So the first events of the
order, as far as all are answered, are a random sample, whatever was asked besides. Events that were
accepted in bulk are none of it until somebody has looked at them by themselves.

The model has learnt from these events. Whether it is right about each is therefore asked of heads
that are fitted without it (ten folds). The figure is that of new events like these: of the same
sites, seasons and days. Of days that nobody has answered anything of it is too high, and of the
open events of these pictures too low, since the hard ones are asked first.

A person looks at the figure all the time. An interval of a sample whose size was fixed beforehand
leaves out the truth too often then (25% instead of 5%, where it is looked at 97 times), so this is
a sequence of intervals that all hold the truth at once with 95% probability: those shares p whose
likelihood is at least a twentieth of the average over all shares (Robbins 1970; a uniform prior).
"""

import dataclasses
import hashlib
from collections.abc import Iterable

import numpy as np
from scipy import optimize, special

TARGET = 0.9  # accuracy that is aimed at
LEVEL = 0.95
FEWEST = 10  # draws below which nothing is told
FOLDS = 10
_FURTHER = 40  # answers ahead of which the accuracy is foretold


@dataclasses.dataclass(frozen=True)
class Running:
    """The accuracy so far.

    Args:
        right, drawn: of the draws those that held-out heads are right about, and all.
        low, high: the interval.
        foretold: the accuracy after `further` more answers, by the trend; None without a trend.
        further: answers.
    """

    right: int
    drawn: int
    low: float
    high: float
    foretold: float | None = None
    further: int = _FURTHER

    @property
    def share(self) -> float:
        """Of the draws that are right."""
        return self.right / self.drawn


def interval(right: int, drawn: int, level: float = LEVEL) -> tuple[float, float]:
    """An interval that may be looked at after every draw.

    >>> low, high = interval(90, 100)
    >>> round(low, 2), round(high, 2)
    (0.77, 0.97)
    """
    if not drawn:
        return 0.0, 1.0
    # log of p^k (1-p)^(n-k) over its average, the beta function; 0 where the likelihood is average
    constant = special.betaln(right + 1, drawn - right + 1) + np.log(1 - level)

    def excess(share: float) -> float:
        logs = special.xlogy(right, share) + special.xlog1py(drawn - right, -share)
        return float(logs - constant)

    best, tiny = right / drawn, 1e-12
    low = optimize.brentq(excess, tiny, best) if right else 0.0
    high = optimize.brentq(excess, best, 1 - tiny) if right < drawn else 1.0
    return float(low), float(high)


def draw_keys(event_ids: Iterable[str], seed: int = 0) -> np.ndarray:
    """[events] uint64: events are drawn by ascending key, which each has from its name alone."""
    digests = [hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8) for name in event_ids]
    return np.array([int.from_bytes(one.digest(), "big") for one in digests], np.uint64)


def sample(keys: np.ndarray, single: np.ndarray, draws: Iterable[tuple[int, int]]) -> np.ndarray:
    """[events] bool: those that are a random sample, as far as blind draws have come.

    A blind draw takes the event with the lowest key among those that are ready and that nobody
    has answered by themselves: all ready events below it are answered. So it brings them into
    the sample, too.

    Args:
        keys: [events], see `draw_keys`.
        single: [events] bool, somebody has answered the event by itself.
        draws: of each blind answer the event's number and how many events were ready.
    """
    found = np.zeros(len(keys), bool)
    for event, ready in draws:
        found[:ready] |= keys[:ready] <= keys[event]
    return found & single


def folds_of(keys: np.ndarray) -> np.ndarray:
    """[events] int in [0, FOLDS): the fold of each event, from its key."""
    return (keys % FOLDS).astype(int)


def foretell(half: float, whole: float, answers: int, further: int = _FURTHER) -> float | None:
    """The accuracy after further answers, if errors go on falling as a power of their number.

    Args:
        half, whole: accuracy with half of the answers, and with all, on the same draws.
        answers: how many all are.
        further: how many more.

    >>> foretell(0.6, 0.8, 40)  # errors were halved by doubling the answers
    0.9
    """
    if not 0 < whole < 1 or whole <= half:
        return None
    power = np.log2((1 - half) / (1 - whole))
    return float(round(1 - (1 - whole) * (answers / (answers + further)) ** power, 6))
