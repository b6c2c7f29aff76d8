"""Which rule makes the best answer of an event's frames? Chosen on validation, told on test."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from camtrap_tf.answers import intervals, metrics
from camtrap_tf.answers.event_rules import DETECTOR, RULES, WEIGHED
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import heads
from camtrap_tf.core.labels import DETECTION, EMPTY, MISSING


@dataclasses.dataclass(frozen=True)
class Row:
    """One rule for one head.

    Args:
        head, rule: what is tried.
        accuracy: share of the validation events answered rightly.
        interval: 95%, events drawn anew.
        log_loss: on the validation events.
        chosen: the best rule of its head on validation.
        test_accuracy, test_interval: the same on the test split; None without one.
    """

    head: str
    rule: str
    accuracy: float
    interval: tuple[float, float]
    log_loss: float
    chosen: bool = False
    test_accuracy: float | None = None
    test_interval: tuple[float, float] | None = None


def compare(validation: Predictions, test: Predictions | None = None) -> list[Row]:
    """Every rule for the heads whose rule is chosen (`heads`), as far as there are labels.

    The rule with the highest accuracy on the validation split is chosen; between equals, the
    one with the lower log loss. The test split has no part in the choice.

    Args:
        validation, test: labelled predictions, one row per picture, of one model.

    Returns:
        Rows by head, in the order of `event_rules.RULES`.
    """
    table = []
    scored = all(DETECTION in p.scores for p in (validation, test) if p is not None)
    for head in heads.in_order(validation.classes):
        row = heads.find(head, validation.classes[head])
        labels = validation.event_labels.get(head, np.array([]))
        if row.rule_chosen and np.any(labels != MISSING):
            rules = _rules(row, scored)
            table += _compare_head(head, rules, validation, test)
    return table


def chosen(table: list[Row]) -> dict[str, str]:
    """The rule chosen for each head: what `Predictions.by_event` takes."""
    return {row.head: row.rule for row in table if row.chosen}


def usual(classes: Mapping[str, Sequence[str]], scored: bool = False) -> dict[str, str]:
    """The rule for each head where there is no validation split to choose it on.

    Args:
        classes: class names by head.
        scored: a detector's score is kept of every picture.

    >>> usual({"empty": ("no", "yes"), "species": ("deer", "fowl")})
    {'empty': 'maximum', 'species': 'animal'}
    >>> usual({"species": ("deer", "fowl"), "count": ("1", "2+")}, scored=True)
    {'species': 'detector', 'count': 'animal'}
    """
    rows = {head: heads.find(head, names) for head, names in classes.items()}
    return {h: (scored and row.scored_rule) or row.event_rule for h, row in rows.items()}


def _rules(row: heads.Head, scored: bool) -> list[str]:
    """Those that make sense of a head, each once; `scored`: there is a detector's score."""
    left_out = ("geometric",) if row.kind is not heads.Kind.YES_NO else ()
    left_out += () if row.of_animals else WEIGHED  # by its own answer
    left_out += () if scored else (DETECTOR,)
    return [rule for rule in RULES if rule not in left_out]


def _compare_head(
    head: str, rules: list[str], validation: Predictions, test: Predictions | None
) -> list[Row]:
    rows = []
    for rule in rules:
        accuracy, interval, loss = _score(validation, head, rule)
        tested = _score(test, head, rule)[:2] if test is not None else (None, None)
        rows.append(Row(head, rule, accuracy, interval, loss, False, *tested))
    best = max(rows, key=lambda row: (row.accuracy, -row.log_loss))
    return [dataclasses.replace(row, chosen=row is best) for row in rows]


def _score(
    predictions: Predictions, head: str, rule: str
) -> tuple[float, tuple[float, float], float]:
    events = _without_others(predictions, head).by_event({head: rule})
    labels = events.labels[head]
    right = np.where(labels == MISSING, np.nan, events.decided(head) == labels)
    return (
        metrics.Ratio.of(right).value,
        intervals.ratio(right, np.arange(len(events))),
        metrics.log_loss(events.probabilities[head], labels).value,
    )


def _without_others(predictions: Predictions, head: str) -> Predictions:
    """A head with what rules weigh its frames by."""
    kept = [name for name in predictions.classes if name in (EMPTY, head)]
    return dataclasses.replace(
        predictions,
        classes={name: predictions.classes[name] for name in kept},
        probabilities={name: predictions.probabilities[name] for name in kept},
        labels={},
        scores={name: own for name, own in predictions.scores.items() if name == DETECTION},
        event_labels={head: predictions.event_labels[head]},
    )
