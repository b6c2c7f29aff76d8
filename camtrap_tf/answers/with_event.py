"""Pictures read with their event: what the other frames show helps to name the animal on one.

The frames of an event nearly always show one species, and some of them show it better. So the
log-probability of a picture's species becomes w · its event's + (1 - w) · its own, made to sum to
1; the event's is what its frames say together (`event_rules`). w is the bundle's, chosen on the
validation split (`choose`), or given.

Only the species is read so: whether a picture is empty, and all else, it says by itself. A picture
that stands alone, the only one of its event with an animal, keeps its answer, and so does one that
a person answered. What each picture says by itself stays beside it (`Predictions.own`): events are
made of that, and so are further species of an event.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from camtrap_tf.answers import metrics
from camtrap_tf.answers.event_rules import log_probabilities, take_apart
from camtrap_tf.answers.predictions import WITH_EVENT, Predictions, concatenate
from camtrap_tf.core.errors import require
from camtrap_tf.core.heads import SPECIES
from camtrap_tf.core.labels import MISSING

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 0.9)  # of the event, tried on the validation split
USUAL = 0.9  # where it is wanted and there is nothing to choose it on


def check(weight: float) -> None:
    """Raises InputError for what is no weight."""
    require(
        0 <= weight <= 1,
        "the weight of a picture's event lies in [0, 1]",
        weight,
        f"Give {USUAL}, or 0 to read every picture by itself.",
    )


def heads_read(weight: float, classes: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Heads that are read with the event."""
    return (SPECIES,) if weight and SPECIES in classes else ()


def read(predictions: Predictions, weight: float) -> Predictions:
    """Predictions whose pictures are read with their events; as they are with the weight 0.

    Args:
        predictions: whole events, a row per picture, in whatever way they were read before.
        weight: of the event, in [0, 1].
    """
    check(weight)
    alone = predictions.alone()
    if not heads_read(weight, alone.classes):
        return alone
    own, codes = np.asarray(alone.probabilities[SPECIES]), alone.event_codes()
    counted = alone.answered(SPECIES)
    rows = np.flatnonzero(counted & (np.bincount(codes, counted)[codes] > 1) & ~alone.reviewed())
    given, joined = alone.by_event().probabilities[SPECIES][codes[rows]], own.copy()
    joined[rows] = (_join_all if alone.one_stage else _join)(own[rows], given, weight)
    return dataclasses.replace(
        alone,
        probabilities=alone.probabilities | {SPECIES: joined},
        own={SPECIES: own},
        info=alone.info | {WITH_EVENT: weight},
    )


def read_parts(
    parts: Callable[[], Iterable[Predictions]], events: Sequence[pd.Series], weight: float
) -> Iterator[Predictions]:
    """Parts of predictions as `read` would read them together.

    Most events lie in one part. The pictures of the others are in memory together.

    Args:
        parts: gives them, in order, whenever it is called.
        events: names of the events of their rows, part by part.
        weight: of the event, in (0, 1].
    """
    divided = _divided(events)
    joined, start = np.zeros(0), 0
    if any(rows.any() for rows in divided):
        pairs = zip(parts(), divided, strict=True)
        apart = concatenate([part.select(rows) for part, rows in pairs if rows.any()])
        joined = read(apart, weight).probabilities[SPECIES]
    for part, rows in zip(parts(), divided, strict=True):
        found, end = read(part, weight), start + np.count_nonzero(rows)
        if end > start:
            found.probabilities[SPECIES][rows] = joined[start:end]
        yield found
        start = end


def _divided(names: Sequence[pd.Series]) -> list[np.ndarray]:
    """By part, [rows] bool: the row's event has rows in other parts, too."""
    part = np.repeat(np.arange(len(names)), list(map(len, names)))
    codes = pd.factorize(pd.concat(names))[0] if names else part
    first, last = (np.full(codes.max(initial=-1) + 1, value) for value in (len(names), -1))
    np.minimum.at(first, codes, part)
    np.maximum.at(last, codes, part)
    divided = (first != last)[codes]
    return [divided[part == number] for number in range(len(names))]


def _join(own: np.ndarray, given: np.ndarray, weight: float) -> np.ndarray:
    """[rows, classes] float32 from pictures' probabilities and those of their events."""
    logits = weight * log_probabilities(given) + (1 - weight) * log_probabilities(own)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _join_all(own: np.ndarray, given: np.ndarray, weight: float) -> np.ndarray:
    """The same where 'empty' is the last class, whose probability stays."""
    joined = _join(take_apart(own), take_apart(given), weight) * (1 - own[:, -1:])
    return np.concatenate([joined, own[:, -1:]], axis=1)


def choose(validation: Predictions, weights: Sequence[float] = WEIGHTS) -> float:
    """The weight with which most pictures of a labelled split are named rightly.

    Of equals the one with the lower log loss. 0 where no picture has a species' label.
    """
    labels = validation.labels.get(SPECIES, np.array([]))
    if not np.any(labels != MISSING):
        return 0.0
    return max(weights, key=lambda weight: _score(read(validation, weight)))


def _score(predictions: Predictions) -> tuple[float, float]:
    labels = predictions.labels[SPECIES]
    known = labels != MISSING
    right = (predictions.top(SPECIES) == labels)[known].mean()
    return float(right), -metrics.log_loss(predictions.probabilities[SPECIES], labels).value
