"""Events read with their neighbours: what passed a camera ten minutes ago often passes it again.

Two events of a place with an animal and less than half an hour between them mostly show the same
species. So the species of an event can be read with those of its neighbours: its log-probability
becomes its own plus w times the mean of what the neighbours say. A neighbour's word counts for no
more than neighbours are alike: with probability `ALIKE` the species is the same, else it is any. w
is `USUAL`, unless a labelled split is clearly for another (`choose`), and what comes out is
calibrated after, not before.

This is for whole seasons. It is no part of a bundle, of exports or of the program on cameras, which
see one event at a time. Only the species is read so, of events with an animal that no person
answered; neighbours that are called empty say nothing. What an event says by itself stays beside it
(`Predictions.own`).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from camtrap_tf.answers import calibration, metrics
from camtrap_tf.answers.aggregation import clearly_better
from camtrap_tf.answers.event_rules import log_probabilities, take_apart
from camtrap_tf.answers.predictions import WITH_NEIGHBOURS, Predictions
from camtrap_tf.core.errors import require
from camtrap_tf.core.heads import SPECIES
from camtrap_tf.core.labels import MISSING

ALIKE = 0.9  # probability that neighbouring events show the same species
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the neighbours, tried on the labelled split
USUAL = 0.5  # where there is nothing to choose it on
MINUTES = 30.0


@dataclasses.dataclass(frozen=True)
class Reading:
    """How events are read with their neighbours.

    Args:
        minutes: between two neighbours, at most, from the end of one to the beginning of the other.
        weight: of what they say, in [0, 1].
        temperature: that the logits of an event read so are divided by.
    """

    minutes: float = MINUTES
    weight: float = USUAL
    temperature: float = 1.0

    def __post_init__(self):
        require(
            self.minutes > 0,
            "neighbouring events lie more than 0 minutes apart",
            self.minutes,
            f"Give {MINUTES:g}.",
        )
        require(
            0 <= self.weight <= 1,
            "the weight of neighbouring events lies in [0, 1]",
            self.weight,
            f"Give {USUAL}, or 0 to read every event by itself.",
        )


def read(pictures: Predictions, reading: Reading) -> Predictions:
    """A row per event, the species read with the neighbours; as `by_event` with the weight 0.

    Args:
        pictures: a row per picture of whole seasons, with times.
        reading: how.
    """
    events = pictures.by_event()
    if not reading.weight or SPECIES not in events.classes:
        return events
    own = np.asarray(events.probabilities[SPECIES])
    says = events.answered(SPECIES) & ~events.judged_empty()
    first, second = pairs(*spans(pictures), reading.minutes, says)
    number = np.bincount(first, minlength=len(events))
    rows = np.flatnonzero((number > 0) & ~events.reviewed())
    given = _messages(own, events.one_stage)
    sums = np.zeros_like(given)
    np.add.at(sums, first, given[second])
    joined = own.copy()
    joined[rows] = _join(own[rows], sums[rows] / number[rows, None], reading, events.one_stage)
    info = events.info | {WITH_NEIGHBOURS: dataclasses.asdict(reading)}
    probabilities = events.probabilities | {SPECIES: joined.astype(np.float32)}
    return dataclasses.replace(events, probabilities=probabilities, own={SPECIES: own}, info=info)


def spans(pictures: Predictions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each event, in the order of `by_event`: number of its place, first and last time.

    A place is a site; of pictures without one, their folder. Times are float64 minutes, NaN where
    they are not known.
    """
    codes = pictures.event_codes()
    first = np.unique(codes, return_index=True)[1]
    folders = pictures.ids["path"].fillna("").str.rpartition("/")[0]
    known = "site " + pictures.ids["site"]
    places = pd.factorize(known.fillna("folder " + folders))[0][first]
    times = pictures.ids["datetime"].to_numpy("datetime64[us]")
    minutes = np.where(np.isnat(times), np.nan, times.astype(np.int64) / 6e7)
    spread = pd.Series(minutes).groupby(codes).agg(["min", "max"]).to_numpy(float)
    return places, spread[:, 0], spread[:, 1]


def pairs(
    places: np.ndarray, begin: np.ndarray, end: np.ndarray, minutes: float, says: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbouring events, each pair both ways round.

    Args:
        places: [events] int.
        begin, end: [events] float, minutes.
        minutes: between two of them, at most.
        says: [events] bool, which have something to say, and are told.

    Returns:
        Two [pairs] int arrays: who is told, and by whom.

    >>> begin = np.array([0.0, 20.0, 70.0, 5.0])
    >>> told, by = pairs(np.array([0, 0, 0, 1]), begin, begin + 1, 30, np.ones(4, bool))
    >>> told.tolist(), by.tolist()
    ([0, 1], [1, 0])
    """
    usable = np.flatnonzero(says & ~np.isnan(begin))
    rows = usable[np.lexsort((begin[usable], places[usable]))]
    found, step = [np.zeros((0, 2), int)], 1
    while step < len(rows):
        one, other = rows[:-step], rows[step:]
        near = (places[one] == places[other]) & (begin[other] - end[one] <= minutes)
        if not near.any():
            break
        found.append(np.stack([one[near], other[near]], axis=1))
        step += 1
    both = np.concatenate(found)
    return np.concatenate([both[:, 0], both[:, 1]]), np.concatenate([both[:, 1], both[:, 0]])


def _messages(own: np.ndarray, one_stage: bool) -> np.ndarray:
    """[events, species] float64: log-probability of a neighbour's species, by each event."""
    shown = take_apart(own) if one_stage else own
    return np.log(ALIKE * np.nan_to_num(shown.astype(float)) + (1 - ALIKE) / shown.shape[1])


def _join(own: np.ndarray, given: np.ndarray, reading: Reading, one_stage: bool) -> np.ndarray:
    shown = take_apart(own) if one_stage else own
    logits = (log_probabilities(shown) + reading.weight * given) / reading.temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    joined = powers / powers.sum(axis=1, keepdims=True)
    if not one_stage:
        return joined
    return np.concatenate([joined * (1 - own[:, -1:]), own[:, -1:]], axis=1)


def choose(
    validation: Predictions, minutes: float = MINUTES, weights: Sequence[float] = WEIGHTS
) -> Reading:
    """How much neighbours are to weigh, by a labelled split; calibrated after.

    The usual weight stands unless another names clearly more events rightly
    (`aggregation.clearly_better`): of those the best, of equals the one with the lower log loss. 0
    where no event has a species' label.

    Args:
        validation: labelled pictures, with times.
        minutes: between neighbours, at most.
        weights: to try; where `USUAL` is not among them, the first one stands.
    """
    labels = validation.event_labels.get(SPECIES, np.array([]))
    if not np.any(labels != MISSING):
        return Reading(minutes, 0.0)
    tried = [_Tried.of(validation, Reading(minutes, weight)) for weight in weights]
    stands = next((one for one in tried if one.reading.weight == USUAL), tried[0])
    better = [one for one in tried if clearly_better(one.right, stands.right)]
    return max([stands, *better], key=lambda one: one.score).reading


@dataclasses.dataclass(frozen=True, eq=False)
class _Tried:
    """What comes of a reading of labelled events.

    Args:
        reading: calibrated.
        right: [events] float, 1 where the species is named rightly, NaN without a label.
        loss: mean log loss.
    """

    reading: Reading
    right: np.ndarray
    loss: float

    @classmethod
    def of(cls, validation: Predictions, reading: Reading) -> "_Tried":
        """Reads the events so, and looks how right that is."""
        reading = _calibrated(validation, reading)
        events = read(validation, reading)
        labels = events.labels[SPECIES]
        right = np.where(labels == MISSING, np.nan, events.top(SPECIES) == labels)
        return cls(reading, right, metrics.log_loss(events.probabilities[SPECIES], labels).value)

    @property
    def score(self) -> tuple[float, float]:
        """The higher, the better."""
        return float(np.nanmean(self.right)), -self.loss


def _calibrated(validation: Predictions, reading: Reading) -> Reading:
    """The same with the temperature that the events which it changes ask for."""
    events = read(validation, reading)
    if not events.own or SPECIES not in events.labels:
        return reading
    changed = events.select(events.read_with_event())
    values, labels = np.asarray(changed.probabilities[SPECIES]), changed.labels[SPECIES]
    temperature = calibration.fit_temperature(values, labels)
    return dataclasses.replace(reading, temperature=temperature)
