"""Calibration: one temperature per head, so that '90% sure' is right nine times out of ten.

Guo et al. 2017: dividing a head's logits by one number T leaves every answer as it is and
changes only how sure the network says it is. T is fitted on the validation split, stored in
the bundle, and applied in the network's graph, so that exported models are calibrated too.
"""

import dataclasses

import numpy as np
from scipy import optimize, special

from camtrap_tf.labels import MISSING
from camtrap_tf.predictions import Predictions

BINS = 15  # of confidence, as Guo et al. use
HOTTEST = 20.0  # temperatures searched: 1 / HOTTEST to HOTTEST
# Rows a temperature is fitted on, evenly taken where there are more: its standard error is
# then below 1%, far below the difference between one validation split and the next.
ROWS = 200_000
_SMALLEST = np.finfo(np.float32).tiny  # a float32 softmax can round to 0, whose log is -inf


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Logits up to a constant per row, finite: [..., classes] float64."""
    return np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST))


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities whose logits are divided by `temperature`.

    Args:
        probabilities: [rows, classes] float, rows sum to 1 or are NaN.
        temperature: positive; above 1 the answers become less sure.

    Returns:
        [rows, classes] float32; NaN rows stay NaN.
    """
    tempered = special.softmax(log_probabilities(probabilities) / temperature, axis=-1)
    return tempered.astype(np.float32)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that makes labels most likely.

    Minimises the summed log loss plus (log T)²/2: a prior that is worth about one picture. On
    a large split it does not matter; on a small one that is answered without a mistake, where
    the loss alone would make the network infinitely sure, it keeps T in bounds.

    Args:
        probabilities: [rows, classes] float, rows sum to 1 or are NaN (not used).
        labels: [rows] integers, -1 missing (not used).

    Returns:
        In [1 / HOTTEST, HOTTEST]; 1 where there is nothing to fit on.
    """
    used = np.flatnonzero((labels != MISSING) & ~np.isnan(probabilities[:, 0]))
    used = used[:: max(1, -(-len(used) // ROWS))]
    if not len(used):
        return 1.0
    logits, labels = log_probabilities(probabilities[used]), labels[used].astype(int)
    own = logits[np.arange(len(labels)), labels].sum()

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        partition = special.logsumexp(logits * sharpness, axis=1).sum()
        return partition - own * sharpness + log_temperature**2 / 2

    bounds = (-np.log(HOTTEST), np.log(HOTTEST))
    best = optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(best.x))


def temperatures(predictions: Predictions) -> dict[str, float]:
    """Temperature by head, fitted on labelled predictions of the *validation* split."""
    return {
        head: fit_temperature(predictions.probabilities[head], np.asarray(labels))
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
