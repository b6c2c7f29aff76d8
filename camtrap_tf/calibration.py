"""Calibration: one temperature per head, so that '90% sure' is right nine times out of ten.

Guo et al. 2017: dividing a head's logits by one number T leaves every answer as it is and
changes only how sure the network says it is. T is fitted on the validation split, stored in
the bundle, and applied in the network's graph, so that exported models are calibrated too.
"""

import dataclasses

import numpy as np
from scipy import optimize, special

from camtrap_tf.labels import MISSING
from camtrap_tf.predictions import Predictions, log_probabilities

BINS = 15  # of confidence, as Guo et al. use
LEAST_GAIN = 1.92  # of log likelihood: half of chi-square's 95% point, 3.84, for one parameter
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
    """The temperature that makes labels most likely; 1 where that is hardly more likely.

    Minimises the summed log loss plus (log T)²/2: a prior that is worth about one picture,
    which keeps T in bounds where a small split is answered without a mistake. The pictures of
    an event count as one together, as they are nearly the same picture. A gain below
    LEAST_GAIN is what chance gives; T is then 1.

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
    own = logits[np.arange(len(used)), labels[used].astype(int)] @ weights

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        partition = special.logsumexp(logits * sharpness, axis=1) @ weights
        return partition - own * sharpness + log_temperature**2 / 2

    bounds = (-np.log(HOTTEST), np.log(HOTTEST))
    best = optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(best.x)) if loss(0) - best.fun > LEAST_GAIN else 1.0


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
    tempered = {
        head: temper(values, by_head[head]) if head in by_head else values
        for head, values in predictions.probabilities.items()
    }
    return dataclasses.replace(predictions, probabilities=tempered)


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


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Reliability:
    """Answers by confidence, in bins of equal width.

    Args:
        confidence: [rows] float in [0, 1], NaN where there is no answer (not used).
        right: [rows] float: 1 right, 0 wrong, NaN where the truth is not known (not used).
        bins: their number; a confidence on a boundary belongs to the lower bin.
    """
    used = ~np.isnan(confidence) & ~np.isnan(right)
    confidence, right = confidence[used].astype(float), right[used]
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        return Reliability(
            np.bincount(index, confidence, bins) / count,
            np.bincount(index, right, bins) / count,
            count,
        )


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
    # Σ (p - y)² = Σ p² - 2 p_true + 1
    score = np.mean(np.einsum("ij,ij->i", kept, kept) - 2 * own + 1)
    return float(score / 2 if kept.shape[1] == 2 else score)


def errors(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """`calibration_error` of the top class and `brier`, over answers with a label."""
    right = np.where(labels == MISSING, np.nan, probabilities.argmax(axis=1) == labels)
    curve = reliability(probabilities.max(axis=1), right)
    return {"calibration_error": curve.error, "brier": brier(probabilities, labels)}
