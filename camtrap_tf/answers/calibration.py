"""Calibration: one temperature per head, so that '90% sure' is right nine times out of ten.

Guo et al. 2017: dividing a head's logits by one number T leaves every answer as it is and
changes only how sure the network says it is. T is fitted on the validation split, stored in
the bundle, and applied in the network's graph, so that exported models are calibrated too.
"""

import dataclasses

import numpy as np
from scipy import optimize, special

from camtrap_tf.answers import intervals
from camtrap_tf.answers.event_rules import log_probabilities
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import FAMILIARITY, MISSING

BINS = 15  # of confidence, as Guo et al. use
LEAST_GAIN = 1.92  # of log likelihood: half of chi-square's 95% point, 3.84, for one parameter
CHANCE_DRAWS = 200
HOTTEST = 20.0  # temperatures searched: 1 / HOTTEST to HOTTEST
# Rows a temperature is fitted on, evenly taken where there are more: its standard error is
# then below 1%, far below the difference between one validation split and the next.
ROWS = 200_000


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities whose logits are divided by `temperature`.

    Args:
        probabilities: [rows, classes] float, rows sum to 1 or are NaN.
        temperature: positive; above 1 the answers become less sure.

    Returns:
        [rows, classes] float32; NaN rows stay NaN.
    """
    tempered = special.softmax(log_probabilities(probabilities) / temperature, axis=1)
    return tempered.astype(np.float32)


def fit_temperature(
    probabilities: np.ndarray, labels: np.ndarray, events: np.ndarray | None = None
) -> float:
    """The temperature that makes labels most likely; 1 where that is hardly an improvement.

    Minimises the summed log loss plus (log T)²/2: a prior that is worth about one picture,
    which keeps T in bounds where a small split is answered without a mistake. The pictures of
    an event count as one together, as they are nearly the same picture. A gain below
    LEAST_GAIN is what chance gives; T is then 1. It is 1, too, where the Brier score does not
    fall: a few answers that are wildly wrong weigh without bound in the log loss, and would make
    a small split's other answers less sure than they deserve.

    Args:
        probabilities: [rows, classes] float, rows sum to 1 or are NaN (not used).
        labels: [rows] integers, -1 missing (not used).
        events: [rows] int, number of the row's event; each row its own where None.

    Returns:
        In [1 / HOTTEST, HOTTEST]; 1 where there is nothing to fit on.
    """
    used = np.flatnonzero((labels != MISSING) & ~np.isnan(probabilities[:, 0]))
    used = used[:: max(1, -(-len(used) // ROWS))]
    if not len(used):
        return 1.0
    events = np.arange(len(used)) if events is None else events[used]
    weights = 1 / np.bincount(events)[events]
    logits = log_probabilities(probabilities[used].astype(np.float64))
    truth = (np.arange(len(used)), labels[used].astype(int))
    own = logits[truth] @ weights

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        partition = special.logsumexp(logits * sharpness, axis=1) @ weights
        return partition - own * sharpness + log_temperature**2 / 2

    def squares(temperature: float) -> float:
        values = special.softmax(logits / temperature, axis=1)
        return float(_squares(values, values[truth]) @ weights)

    bounds = (-np.log(HOTTEST), np.log(HOTTEST))
    best = optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
    found = float(np.exp(best.x))
    better = loss(0) - best.fun > LEAST_GAIN and squares(found) < squares(1.0)
    return found if better else 1.0


def _squares(probabilities: np.ndarray, own: np.ndarray) -> np.ndarray:
    """[rows] Σ (p - y)² = Σ p² - 2 p_true + 1, `own` being p_true."""
    return np.einsum("ij,ij->i", probabilities, probabilities) - 2 * own + 1


def temperatures(predictions: Predictions) -> dict[str, float]:
    """Temperature by head, fitted on labelled predictions of the *validation* split."""
    events = predictions.event_codes()
    return {
        head: fit_temperature(predictions.probabilities[head], np.asarray(labels), events)
        for head, labels in predictions.labels.items()
        if head in predictions.classes
    }


def calibrate(predictions: Predictions, by_head: dict[str, float]) -> Predictions:
    """Predictions with each head's temperature applied; a head that has none stays as it is."""
    predictions = predictions.alone()
    tempered = {
        head: temper(values, by_head[head]) if head in by_head else values
        for head, values in predictions.probabilities.items()
    }
    return dataclasses.replace(predictions, probabilities=tempered)


def familiarity_threshold(predictions: Predictions, share: float) -> float | None:
    """The familiarity that a share of the known animals stay below.

    Known are pictures with a species' label that are not judged empty: the pictures that would
    be answered with a species.

    Args:
        predictions: labelled, of the *validation* split.
        share: of the known animals that may be called unknown, in [0, 1).

    Returns:
        None where there is nothing to learn it from.
    """
    if FAMILIARITY not in predictions.scores or "species" not in predictions.labels:
        return None
    labels = predictions.labels["species"]
    empty = len(predictions.classes["species"]) - 1 if predictions.one_stage else MISSING
    known = (labels != MISSING) & (labels != empty) & ~predictions.judged_empty()
    familiarity = predictions.scores[FAMILIARITY]
    values = familiarity[known & ~np.isnan(familiarity)]
    if not len(values):
        return None
    # 'higher' of 100 values 1 to 100 is 6 for 5%: five lie below it. The threshold lies half way
    # to them, so that no picture is on it, where rounding in an export would decide.
    least = np.quantile(values, share, method="higher")
    below = values[values < least]
    return float((least + (below.max() if len(below) else least - 0.01)) / 2)


@dataclasses.dataclass(frozen=True)
class Reliability:
    """A reliability diagram: what was said against what came true, by bin of confidence.

    Args:
        confidence: [bins] float, mean confidence in the bin; NaN where it is empty.
        accuracy: [bins] float, share that is right; NaN where it is empty.
        count: [bins] int, answers in the bin.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: mean |confidence - accuracy|, weighted by `count`."""
        gaps = np.nan_to_num(np.abs(self.confidence - self.accuracy))
        return float(gaps @ self.count / self.count.sum()) if self.count.any() else float("nan")


def reliability(
    confidence: np.ndarray, right: np.ndarray, bins: int = BINS, equal_mass: bool = False
) -> Reliability:
    """Answers by confidence, in bins.

    Args:
        confidence: [rows] float in [0, 1], NaN where there is no answer (not used).
        right: [rows] float: 1 right, 0 wrong, NaN where the truth is not known (not used).
        bins: their number; a confidence on a boundary belongs to the lower bin.
        equal_mass: bins of (nearly) equal numbers of answers, instead of equal width: where
            most answers are sure, bins of equal width leave a few answers to most of them.
    """
    used = ~np.isnan(confidence) & ~np.isnan(right)
    confidence, right = confidence[used].astype(float), right[used]
    index = _bins(confidence, bins, equal_mass)
    count = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        return Reliability(
            np.bincount(index, confidence, bins) / count,
            np.bincount(index, right, bins) / count,
            count,
        )


def _bins(confidence: np.ndarray, bins: int, equal_mass: bool) -> np.ndarray:
    """[rows] int: bin of each answer. Equal confidences share a bin."""
    if not equal_mass:
        return np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    edges = np.quantile(confidence, np.arange(1, bins) / bins) if len(confidence) else []
    return np.searchsorted(edges, confidence, "left")


@dataclasses.dataclass(frozen=True)
class Error:
    """Expected calibration error of a set of answers, and what it is worth.

    Args:
        value: in bins of equal numbers of answers.
        chance: what a perfectly calibrated network would stay below in 95 of 100 such sets:
            on a small set, noise alone makes an error.
    """

    value: float
    chance: float


def error(confidence: np.ndarray, right: np.ndarray, events: np.ndarray, seed: int = 0) -> Error:
    """The calibration error beside what chance makes of it.

    For `chance`, the confidences are taken at their word and truth is drawn anew: one random
    number for all answers of an event, which are right or wrong together where they are equally
    sure.

    Args:
        confidence, right: as of `reliability`.
        events: [rows] int, number of the row's event.
        seed: of the draws.
    """
    used = ~np.isnan(confidence) & ~np.isnan(right)
    confidence, right = confidence[used].astype(float), right[used]
    if not len(confidence):
        return Error(float("nan"), float("nan"))
    events = np.unique(events[used], return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    drawn = [
        reliability(confidence, rng.random(events.max() + 1)[events] < confidence, BINS, True).error
        for _ in range(CHANCE_DRAWS)
    ]
    value = reliability(confidence, right, BINS, True).error
    return Error(value, float(np.quantile(drawn, 0.95)))


def change(
    before: np.ndarray, after: np.ndarray, right: np.ndarray, events: np.ndarray, seed: int = 0
) -> tuple[float, float, float]:
    """How much calibration changes the expected calibration error, with its 95% interval.

    Both errors are taken over the same draws of events, so that what noise adds to either
    largely cancels. The bins (of equal numbers of answers) stay those of the whole set.

    Args:
        before, after: [rows] float, confidence; NaN where there is no answer (not used).
        right: as of `reliability`.
        events: [rows] int, number of the row's event.
        seed: of the draws.

    Returns:
        The error after minus that before, low, high.
    """
    used = ~np.isnan(before) & ~np.isnan(after) & ~np.isnan(right)
    values, drawn = [], []
    for confidence in (before[used].astype(float), after[used].astype(float)):
        index, gaps = _bins(confidence, BINS, True), confidence - right[used]
        values.append(np.abs(np.bincount(index, gaps, BINS)).sum() / len(gaps))
        count = intervals.sums(np.ones(len(gaps)), index, BINS, events[used], seed).sum(axis=1)
        sums = intervals.sums(gaps, index, BINS, events[used], seed)
        drawn.append(np.abs(sums).sum(axis=1) / count)
    low, high = intervals.quantiles(drawn[1] - drawn[0])
    return float(values[1] - values[0]), float(low), float(high)


def brier(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Brier score: mean over rows of the squared distance to the truth, Σ (p - y)².

    Halved for two classes, where it is the usual (p - y)² of either class.

    Args:
        probabilities: [rows, classes] float; NaN rows are not used.
        labels: [rows] integers; -1 is not used.
    """
    used = np.flatnonzero((labels != MISSING) & ~np.isnan(probabilities[:, 0]))
    if not len(used):
        return float("nan")
    kept = probabilities[used].astype(np.float64, copy=False)
    own = kept[np.arange(len(used)), labels[used].astype(int)]
    score = np.mean(_squares(kept, own))
    return float(score / 2 if kept.shape[1] == 2 else score)


def errors(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """`calibration_error` of the top class and `brier`, over answers with a label."""
    right = np.where(labels == MISSING, np.nan, probabilities.argmax(axis=1) == labels)
    curve = reliability(probabilities.max(axis=1), right)
    return {"calibration_error": curve.error, "brier": brier(probabilities, labels)}
