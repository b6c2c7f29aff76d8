"""How far people agree with one another, and how often the model is right of what they drew."""

import dataclasses
import itertools
from collections.abc import Iterable

import numpy as np
import pandas as pd

from camtrap_tf.answers import intervals
from camtrap_tf.answers.predictions import ANIMAL, Predictions
from camtrap_tf.core.labels import EMPTY
from camtrap_tf.events.table import find
from camtrap_tf.reviewing.answers import resolve
from camtrap_tf.reviewing.journal import Answer, Verdict


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two reviewers and the events that both answered and were sure of.

    Args:
        first, second: their names.
        events: how many.
        share: of them, that both answered alike; NaN without any.
        kappa: Cohen's: agreement beyond what their habits alone would bring, 1 at best; NaN where
            both gave one and the same answer throughout.
    """

    first: str
    second: str
    events: int
    share: float
    kappa: float


def agreement(answers: Iterable[Answer]) -> list[Pair]:
    """Every pair of reviewers; an answer is 'empty' or a set of species (`Answer.said`).

    What was accepted in bulk is left out.
    """
    said: dict[str, dict[str, tuple]] = {}
    for answer in answers:
        own = said.setdefault(answer.reviewer, {})
        if answer.verdict is not Verdict.UNSURE and answer.wall is None:
            own[answer.event_id] = answer.said
    pairs = itertools.combinations(sorted(said), 2)
    return [_pair(first, second, said[first], said[second]) for first, second in pairs]


def _pair(first: str, second: str, ones: dict, others: dict) -> Pair:
    both = [event_id for event_id in ones if event_id in others]
    if not both:
        return Pair(first, second, 0, float("nan"), float("nan"))
    names = sorted({*(ones[e] for e in both), *(others[e] for e in both)})
    code = {name: number for number, name in enumerate(names)}
    table = np.zeros((len(names), len(names)))
    np.add.at(table, ([code[ones[e]] for e in both], [code[others[e]] for e in both]), 1)
    observed = np.trace(table) / len(both)
    expected = table.sum(axis=1) @ table.sum(axis=0) / len(both) ** 2
    kappa = (observed - expected) / (1 - expected) if expected < 1 else float("nan")
    return Pair(first, second, len(both), float(observed), float(kappa))


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """How often the model's answer to an event is among what people say.

    Args:
        events: drawn at random and decided by people.
        right: of them, those whose answer by the model people named.
        interval: 95%, Clopper and Pearson's; each event is one trial.
        undecided: drawn, but people could not tell or disagree evenly; in neither number.
    """

    events: int
    right: int
    interval: tuple[float, float]
    undecided: int


def accuracy(predictions: Predictions, answers: Iterable[Answer]) -> Accuracy | None:
    """The model's accuracy by event, from what was drawn at random; None where nothing was.

    Other events came up because they are doubtful or rare: their share of errors says nothing
    of the rest.

    Args:
        predictions: the model's, one row per picture or per event.
        answers: those drawn otherwise are left out.
    """
    decided, dropped = resolve([answer for answer in answers if answer.drawn == "random"])
    events = predictions.by_event()
    at = find(pd.Series([one.event_id for one in decided], dtype="string"), events.ids["event_id"])
    found = events.answers().to_numpy(object)
    pairs = [(one, found[place]) for one, place in zip(decided, at, strict=True) if place >= 0]
    pairs = [(one, answer) for one, answer in pairs if isinstance(answer, str)]
    vague = [one for one, _ in pairs if ANIMAL in {s.species for s in one.sightings}]
    dropped.add("an animal that nobody named", [one.event_id for one in vague])
    pairs = [(one, answer) for one, answer in pairs if one not in vague]
    if not pairs:
        return None
    right = sum(answer in ([s.species for s in one.sightings] or [EMPTY]) for one, answer in pairs)
    interval = intervals.clopper_pearson(right, len(pairs))
    return Accuracy(len(pairs), right, interval, sum(dropped.counts.values()))
