"""Planning: what to leave to the network, what to send to people, and what that saves.

The paper's idea ('Saving Human Labor via Confidence Thresholding'): accept an answer where
the network is sure enough, and let people label the rest. A threshold is chosen on the
validation split and checked on the test split; a figure found where it was chosen is not
believed.

An answer is a row of predictions, a picture or (after `by_event`) a capture event. Answers of
two kinds have a threshold each, as in the paper: 'empty', and 'animal', whose species (or
count) is asked for. 'unknown' is an answer of neither kind: people label it.
"""

import dataclasses
import json
import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from camtrap_tf.answers import intervals, metrics
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.artifacts import PathLike, write_json
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, MISSING

HOURS_PER_YEAR = 52 * 40  # of work: 40 hours a week, as the paper counts
RISK = 0.05  # probability that a promise is not kept
GRID = np.arange(100) / 100  # thresholds of curves and promises


@dataclasses.dataclass(frozen=True)
class Curve:
    """Accuracy against coverage (Figs. S.5 to S.7).

    Args:
        thresholds: [k] float: answers with at least this confidence are accepted.
        coverage: [k] float: share accepted of all answers.
        accuracy: [k] float: share right among those accepted, NaN where none is.
    """

    thresholds: np.ndarray
    coverage: np.ndarray
    accuracy: np.ndarray


def curve(confidence: np.ndarray, right: np.ndarray, thresholds: np.ndarray = GRID) -> Curve:
    """The curve of labelled answers.

    Args:
        confidence: [rows] float, NaN without an answer: never accepted, but counted.
        right: [rows] float: 1 right, 0 wrong, NaN where the truth is not known (not used).
        thresholds: [k] float.
    """
    known = ~np.isnan(right)
    confidence = np.where(np.isnan(confidence), -np.inf, confidence)[known]
    right = right[known]
    order = np.argsort(confidence, kind="stable")
    below = np.searchsorted(confidence[order], thresholds)
    accepted = len(order) - below
    hits = np.append(np.cumsum(right[order][::-1])[::-1], 0)[below]
    with np.errstate(invalid="ignore", divide="ignore"):
        return Curve(np.asarray(thresholds), accepted / len(order), hits / accepted)


def lowest_threshold(confidence: np.ndarray, right: np.ndarray, target: float) -> float:
    """The lowest threshold at which the accepted answers reach the target; inf where none does.

    Args:
        confidence, right: as of `curve`.
        target: accuracy in (0, 1].
    """
    known = ~np.isnan(right) & ~np.isnan(confidence)
    values = np.unique(np.append(confidence[known], 0))
    reached = curve(confidence[known], right[known], values).accuracy >= target
    return float(values[reached.argmax()]) if reached.any() else math.inf


def smallest_proof(target: float, risk: float = RISK) -> int:
    """How many independent answers, all right, it takes to promise an accuracy.

    They prove it where target ** n <= risk.

    >>> smallest_proof(0.966), smallest_proof(0.99)
    (87, 299)
    """
    return math.ceil(math.log(risk) / math.log(target))


def promised_threshold(
    confidence: np.ndarray,
    right: np.ndarray,
    events: np.ndarray,
    target: float,
    risk: float = RISK,
) -> float:
    """A threshold whose accepted answers reach the target with probability 1 - `risk`.

    In words: if the pictures to come are like the validation split, then this threshold, in
    95 of 100 projects that do the same, leaves at least the target share of the automatic
    answers right. Nothing is assumed about the network or its confidence.

    Fixed-sequence testing (Angelopoulos et al. 2021, 'Learn then test'): thresholds are tried
    from strict to lax, each by the exact one-sided bound of Clopper and Pearson, until the
    first that fails. The sequence begins where twice as many events are accepted as a proof
    without a mistake takes, which is known before any label is looked at. The pictures of an
    event are not independent: one of each, drawn at random, is used.

    Args:
        confidence, right: as of `curve`.
        events: [rows] int, the row's event.
        target: accuracy in (0, 1).
        risk: in (0, 1).

    Returns:
        In [0, 1); inf where the target cannot be promised.
    """
    rows = np.flatnonzero(~np.isnan(right) & ~np.isnan(confidence))
    rows = np.random.default_rng(0).permutation(rows)
    rows = rows[np.unique(events[rows], return_index=True)[1]]
    confidence, right = confidence[rows], right[rows]
    start = min(2 * smallest_proof(target, risk), len(rows))
    promised = math.inf
    for threshold in GRID[::-1]:
        accepted = confidence >= threshold
        trials, hits = int(accepted.sum()), int(right[accepted].sum())
        if trials < start or not trials:
            continue
        # P(at least so many right | accuracy = target) is the p-value of 'accuracy < target'.
        if stats.binom.sf(hits - 1, trials, target) > risk:
            break
        promised = float(threshold)
    return promised


@dataclasses.dataclass(frozen=True)
class Answers:
    """Answers of one kind on one split.

    Args:
        confidence, right: as of `curve`; NaN confidence for rows of the other kind.
        events: [rows] int.
    """

    confidence: np.ndarray
    right: np.ndarray
    events: np.ndarray


def answers(predictions: Predictions, question: str = "species") -> dict[str, Answers]:
    """The answers of labelled predictions, by kind.

    Args:
        predictions: labelled.
        question: what is asked of an animal: a head such as 'species' or 'count'.

    Returns:
        EMPTY: rows answered 'empty' (not of a model that cannot say so); 'animal': all others
        that have an answer but 'unknown'.
    """
    empty, events = predictions.judged_empty(), predictions.event_codes()
    right = metrics.right_answers(predictions)
    animal = ~empty & ~predictions.judged_unknown() & predictions.answered(question)
    sure = np.where(animal, predictions.confidence(question), np.nan)
    right_animal = right if question == "species" else _right_answers(predictions, question)
    found = {"animal": Answers(sure, np.where(animal, right_animal, np.nan), events)}
    if EMPTY not in predictions.classes and not predictions.one_stage:
        return found
    sure = np.where(empty, 1 - predictions.animal_probability(), np.nan)
    return {EMPTY: Answers(sure, np.where(empty, right, np.nan), events)} | found


def _right_answers(predictions: Predictions, head: str) -> np.ndarray:
    labels = predictions.labels[head]
    right = np.where(labels == MISSING, np.nan, predictions.top(head) == labels)
    if EMPTY in predictions.labels:
        right[predictions.labels[EMPTY] == 1] = 0  # an answer about an animal that is not there
    return right


@dataclasses.dataclass(frozen=True)
class Part:
    """The plan for answers of one kind.

    Args:
        kind: EMPTY or 'animal'.
        threshold: accept from this confidence on; inf: accept none.
        share: of all rows (of the test split) that are answered so.
        coverage: share of them that is accepted, on test; on validation: `chosen_coverage`.
        accuracy: share of the accepted that is right, on test, with its 95% interval;
            `chosen_accuracy` on validation, where the threshold was chosen.
        proof: events accepted on validation; `needed`: events without a mistake that a
            promise takes.
        warnings: why the target is not certain to be met, in words.
    """

    kind: str
    threshold: float
    share: float
    chosen_coverage: float
    chosen_accuracy: float
    coverage: float
    coverage_interval: tuple[float, float]
    accuracy: float
    accuracy_interval: tuple[float, float]
    proof: int
    needed: int
    warnings: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Labour:
    """Hours of people, with the 95% interval of the share that is automated.

    Args:
        rows: answers wanted (pictures or events).
        by_hand: hours to label them all.
        left: hours to label what is not automated; `left_interval`.
        cost, cost_interval: of the hours left, at the wage; 0 without one.
    """

    rows: float
    by_hand: float
    left: float
    left_interval: tuple[float, float]
    cost: float
    cost_interval: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to automate.

    Args:
        target: accuracy asked for.
        question: what is asked of an animal.
        promised: thresholds were chosen with a guarantee.
        parts: per kind of answer.
        automated: share of all rows accepted, on test, with its 95% interval.
        accuracy: of all that is accepted, on test, with its 95% interval.
        unknown: share of all rows that are answered 'unknown', on test; None for a model that
            does not say so.
        known_unknown: share of the rows with a known animal that are answered so, on test;
            `known_unknown_interval`. NaN where there are none.
        labour: hours and cost.
    """

    target: float
    question: str
    promised: bool
    parts: tuple[Part, ...]
    automated: float
    automated_interval: tuple[float, float]
    accuracy: float
    accuracy_interval: tuple[float, float]
    unknown: float | None
    known_unknown: float
    known_unknown_interval: tuple[float, float]
    labour: Labour

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of all parts."""
        return tuple(f"{part.kind}: {text}" for part in self.parts for text in part.warnings)


def plan(
    validation: Predictions | PathLike,
    test: Predictions | PathLike,
    target: float = 0.966,
    rows: float = 100_000,
    seconds: float = 10,
    wage: float = 0.0,
    question: str = "species",
    promise: bool = False,
) -> Plan:
    """A plan for a project: thresholds from validation, figures from test.

    Args:
        validation, test: labelled predictions of one model, one row per picture or per event; or
            their files.
        target: accuracy in (0, 1) that the accepted answers shall have.
        rows: pictures (or events) that the project takes in a season.
        seconds: of a person's work for one label.
        wage: per hour, in any currency.
        question: what is asked of an animal: a head such as 'species' or 'count'.
        promise: choose thresholds by `promised_threshold`, half of RISK for each kind.

    Raises:
        InputError: a number out of range, answers of two models, or predictions without labels
            or the question.
    """
    validation, test = Predictions.of(validation), Predictions.of(test)
    _check(validation, test, target, rows, seconds, question)
    seen, unseen = answers(validation, question), answers(test, question)
    parts, accepted = [], np.zeros(len(test), bool)
    right = np.full(len(test), np.nan)
    for kind, mine in unseen.items():
        parts.append(_part(kind, seen[kind], mine, target, promise, RISK / len(unseen)))
        accepted |= mine.confidence >= parts[-1].threshold
        right = np.where(np.isnan(right), mine.right, right)
    events = unseen["animal"].events
    automated = accepted.astype(float)
    share, interval = float(automated.mean()), intervals.ratio(automated, events)
    good = np.where(accepted, right, np.nan)
    mistaken = metrics.called_unknown(test)
    says_so = test.info.get("familiarity_threshold") is not None
    return Plan(
        target,
        question,
        promise,
        tuple(parts),
        share,
        interval,
        metrics.Ratio.of(good).value,
        intervals.ratio(good, events),
        float(test.judged_unknown().mean()) if says_so else None,
        metrics.Ratio.of(mistaken).value,
        intervals.ratio(mistaken, events),
        _labour(rows, seconds, wage, share, interval),
    )


def check_one_model(validation: Predictions, test: Predictions) -> None:
    """Refuses answers of two models: a threshold found with one says nothing about the other.

    Raises:
        InputError: their classes differ, or the versions of their models, where both are known.
    """
    versions = [split.info.get("model_version") for split in (validation, test)]
    alike = validation.classes == test.classes and (None in versions or len(set(versions)) == 1)
    if not alike:
        raise InputError(
            "validation and test are answers of the same model",
            [version or "unknown version" for version in versions],
            "Answer both with one bundle: `camtrap evaluate --split=val` and `--split=test`.",
        )


def _check(
    validation: Predictions,
    test: Predictions,
    target: float,
    rows: float,
    seconds: float,
    question: str,
) -> None:
    check_one_model(validation, test)
    splits = (validation, test)
    rules = (
        (
            0 < target < 1,
            "a target accuracy lies between 0 and 1",
            target,
            "Try 0.966.",
        ),
        (rows > 0, "a season has at least one picture", rows, "Give their number."),
        (seconds > 0, "a label takes some seconds", seconds, "Try 10."),
        (
            all(question in split.classes and question in split.labels for split in splits),
            "the question is a head of the model, and labelled",
            question,
            f"Labelled heads: {', '.join(test.labels) or 'none'}.",
        ),
        (
            all(np.isfinite(metrics.right_answers(split)).any() for split in splits),
            "a plan is made from labelled predictions of a validation and a test split",
            "predictions without labels",
            "Write them with `camtrap evaluate --split=val` and `--split=test`.",
        ),
    )
    for kept, rule, value, way_out in rules:
        if not kept:
            raise InputError(rule, value, way_out)


def _part(
    kind: str, seen: Answers, unseen: Answers, target: float, promise: bool, risk: float
) -> Part:
    if promise:
        threshold = promised_threshold(seen.confidence, seen.right, seen.events, target, risk)
    else:
        threshold = lowest_threshold(seen.confidence, seen.right, target)
    chosen, reached = _accepted(seen, threshold), _accepted(unseen, threshold)
    proof = len(np.unique(seen.events[seen.confidence >= threshold]))  # independent answers
    needed = smallest_proof(target, risk)
    return Part(
        kind=kind,
        threshold=threshold,
        share=float(np.mean(~np.isnan(unseen.confidence))),
        chosen_coverage=chosen.coverage,
        chosen_accuracy=chosen.accuracy,
        coverage=reached.coverage,
        coverage_interval=reached.coverage_interval,
        accuracy=reached.accuracy,
        accuracy_interval=reached.accuracy_interval,
        proof=proof,
        needed=needed,
        warnings=tuple(
            _warnings(
                target,
                threshold,
                proof,
                needed,
                chosen.accuracy_interval,
                reached.accuracy,
                risk,
                promise,
            )
        ),
    )


class _Accepted(NamedTuple):
    """Coverage and accuracy of the answers at or above a threshold, each with its interval."""

    coverage: float
    coverage_interval: tuple[float, float]
    accuracy: float
    accuracy_interval: tuple[float, float]


def _accepted(split: Answers, threshold: float) -> _Accepted:
    mine = ~np.isnan(split.confidence)
    accepted = split.confidence >= threshold
    covered = np.where(mine, accepted, np.nan)
    good = np.where(accepted, split.right, np.nan)
    return _Accepted(
        metrics.Ratio.of(covered).value,
        intervals.ratio(covered, split.events),
        metrics.Ratio.of(good).value,
        intervals.ratio(good, split.events),
    )


def _warnings(
    target: float,
    threshold: float,
    proof: int,
    needed: int,
    validated: tuple[float, float],
    achieved: float,
    risk: float,
    promise: bool,
) -> list[str]:
    """Why the target may not be met, in words."""
    takes = f"it takes {needed} events without a mistake to promise {target:.1%}"
    texts = []
    if math.isinf(threshold) and promise:
        texts.append(
            f"no threshold keeps {target:.1%} on the validation split: people label these ({takes})"
        )
    elif math.isinf(threshold):
        texts.append(
            f"no threshold reaches {target:.1%} on the validation split: people label these"
        )
    elif proof < needed:
        texts.append(
            f"the validation split is too small to promise {target:.1%}: events accepted there: "
            f"{proof}, which without one mistake prove no more than {risk ** (1 / proof):.1%}; "
            + takes
        )
    elif not promise and not validated[0] >= target:
        texts.append(
            f"{target:.1%} is reached on the validation split but not proven there: the "
            f"interval begins at {validated[0]:.1%}"
        )
    if achieved < target:
        texts.append(f"on the test split {achieved:.1%} of the accepted answers are right")
    return texts


def _labour(
    rows: float, seconds: float, wage: float, share: float, interval: tuple[float, float]
) -> Labour:
    by_hand = rows * seconds / 3600
    left, low, high = (by_hand * (1 - part) for part in (share, interval[1], interval[0]))
    return Labour(rows, by_hand, left, (low, high), left * wage, (low * wage, high * wage))


def share_automated(empty: float, of_empty: float, of_animals: float) -> float:
    """Share of all pictures automated, from the share of empty ones and that of each kind.

    >>> round(share_automated(0.75, 1.0, 0.972), 3)  # the paper's 99.3%
    0.993
    """
    return empty * of_empty + (1 - empty) * of_animals


def years_saved(years: float, labelled: float, pictures: float, share: float) -> float:
    """People's years that a share of pictures saves, at the speed of labelling so far.

    >>> round(years_saved(14.6, 5.5e6, 3.2e6, 0.993), 1)  # the paper's 8.4 years
    8.4
    """
    return years * pictures / labelled * share


def write(made: Plan, path: PathLike) -> None:
    """Writes a plan as JSON; a threshold that accepts nothing, a figure over nothing are null."""
    content = dataclasses.asdict(made) | {"warnings": made.warnings}
    write_json(path, "plan", 1, json.loads(json.dumps(content), parse_constant=lambda _: None))


def text(made: Plan, unit: str = "pictures") -> str:
    """A plan in words, for a terminal.

    Args:
        made: the plan.
        unit: what a row is.
    """
    how = "promised (5% risk)" if made.promised else "on validation"
    lines = [f"target: {made.target:.1%} of the automatic answers right, {how}", ""]
    for part in made.parts:
        lines += _part_lines(part, made.question)
    if made.unknown is not None:
        mistaken = _range(made.known_unknown, made.known_unknown_interval)
        lines += [
            f"answers 'unknown' ({made.unknown:.1%} of all): people label them all",
            f"  on test {mistaken} of the animals whose species is known are called unknown",
        ]
    labour = made.labour
    low, high = (f"{hours:,.0f}" for hours in labour.left_interval)
    lines += [
        "",
        f"automated: {_range(made.automated, made.automated_interval)} of all {unit}, on test",
        f"right, of those: {_range(made.accuracy, made.accuracy_interval)}",
        f"a season of {labour.rows:,.0f} {unit}: {labour.by_hand:,.0f} hours by hand, "
        f"{labour.left:,.0f} ({low} to {high}) with this plan",
    ]
    if labour.cost or labour.cost_interval[1]:
        low, high = (f"{cost:,.0f}" for cost in labour.cost_interval)
        lines.append(f"cost of those hours: {labour.cost:,.0f} ({low} to {high})")
    lines += [f"WARNING, {warning}" for warning in made.warnings]
    return "\n".join(lines)


def _part_lines(part: Part, question: str) -> list[str]:
    head = f"answers '{part.kind}' ({part.share:.1%} of all): "
    column = {EMPTY: "1 - animal_probability", "animal": f"{question}_confidence"}[part.kind]
    if math.isinf(part.threshold):
        return [head + "people label them all"]
    where = f"where {column} is at least {part.threshold:.3f}" if part.threshold > 0 else "them all"
    return [
        head + f"accept {where}",
        f"  on validation {part.chosen_coverage:.1%} accepted, {part.chosen_accuracy:.1%} of them "
        f"right; on test {_range(part.coverage, part.coverage_interval)} accepted, "
        f"{_range(part.accuracy, part.accuracy_interval)} of them right",
    ]


def _range(value: float, interval: tuple[float, float]) -> str:
    if math.isnan(value):
        return "not known"
    return f"{value:.1%} ({interval[0]:.1%} to {interval[1]:.1%})"
