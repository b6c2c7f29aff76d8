"""Which rule makes the best answer of an event's frames? Chosen on validation, told on test.

The usual rule of a head (`usual`) stands unless another is clearly better on the validation split.
Twenty events choose between rules that differ by a point or two hardly better than chance, and by
that choice lose more than they gain (docs/results/pretrained.md).
"""

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
        chosen: the rule that the head is to take.
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

    Chosen is the usual rule, or, of those that are clearly better on the validation split, the one
    with the highest accuracy; between equals, with the lower log loss. A rule is clearly better
    where the 95% interval of its share of the events that one of the two answers rightly, and the
    other wrongly, lies above a half (a sign test): 6 of 6, 8 of 9, 15 of 20. The test split has no
    part in the choice.

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
            stands = usual({head: validation.classes[head]}, scored)[head]
            table += _compare_head(head, _rules(row, scored), stands, validation, test)
    return table


def chosen(table: list[Row]) -> dict[str, str]:
    """The rule chosen for each head: what `Predictions.by_event` takes."""
    return {row.head: row.rule for row in table if row.chosen}


def usual(classes: Mapping[str, Sequence[str]], scored: bool = False) -> dict[str, str]:
    """The rule for each head that stands unless another is clearly better.

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
    head: str, rules: list[str], stands: str, validation: Predictions, test: Predictions | None
) -> list[Row]:
    usually, rows = _right(_events(validation, head, stands), head), []
    for rule in rules:
        events = _events(validation, head, rule)
        right, labels = _right(events, head), events.labels[head]
        tested = (None, None)
        if test is not None:
            tested = _figures(_right(_events(test, head, rule), head))
        loss = metrics.log_loss(events.probabilities[head], labels).value
        wanted = rule == stands or clearly_better(right, usually)
        rows.append(Row(head, rule, *_figures(right), loss, wanted, *tested))
    best = max((r for r in rows if r.chosen), key=lambda row: (row.accuracy, -row.log_loss))
    return [dataclasses.replace(row, chosen=row is best) for row in rows]


def _events(predictions: Predictions, head: str, rule: str) -> Predictions:
    return _without_others(predictions, head).by_event({head: rule})


def clearly_better(right: np.ndarray, usually: np.ndarray) -> bool:
    """Whether a rule may take the place of the usual one; see `compare`.

    Args:
        right, usually: [events] float, 1 where the rule, and the usual one, is right, 0 where it is
            wrong, NaN without a label.
    """
    gained, lost = (int(np.count_nonzero(part)) for part in (right > usually, right < usually))
    return bool(gained and intervals.clopper_pearson(gained, gained + lost)[0] > 0.5)


def _right(events: Predictions, head: str) -> np.ndarray:
    """[events] float: 1 right, 0 wrong, NaN without a label."""
    labels = events.labels[head]
    return np.where(labels == MISSING, np.nan, events.decided(head) == labels)


def _figures(right: np.ndarray) -> tuple[float, tuple[float, float]]:
    return metrics.Ratio.of(right).value, intervals.ratio(right, np.arange(len(right)))


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
