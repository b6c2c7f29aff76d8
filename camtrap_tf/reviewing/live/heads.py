"""Linear heads on event vectors, fitted to people's answers in some milliseconds."""

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np
from scipy import optimize, special
from sklearn.linear_model import LogisticRegression

from camtrap_tf.reviewing.live.vectors import one_thread

STRENGTH = 100.0  # scikit-learn's C: the weight of the answers against the penalty
DETECTED = 0.2  # the detector's score from which on there mostly is something
_LEAST = 0.005  # stands for the score of an event in which it found nothing
_STEPS = 200


@dataclasses.dataclass(frozen=True)
class Head:
    """Logits are `vectors @ kernel + bias`.

    Args:
        names: of the classes.
        kernel: [width, classes] float32.
        bias: [classes] float32.
    """

    names: tuple[str, ...]
    kernel: np.ndarray
    bias: np.ndarray

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """[events, classes] float32, rows sum to 1."""
        return special.softmax(vectors @ self.kernel + self.bias, axis=1)


def fit(
    vectors: np.ndarray, labels: Sequence[str], weights: np.ndarray, strength: float = STRENGTH
) -> Head:
    """A head whose classes are the labels' names, in alphabetical order.

    One event of a class is enough; a head of one class is sure of it.

    Args:
        vectors: [n, width] float32, at least one row.
        labels: [n] names.
        weights: [n], what each row counts.
        strength: scikit-learn's C.
    """
    found, codes = np.unique(np.asarray(labels, str), return_inverse=True)
    names, width = tuple(str(name) for name in found), vectors.shape[1]
    if len(names) == 1:
        return Head(names, np.zeros((width, 1), np.float32), np.zeros(1, np.float32))
    model = LogisticRegression(C=strength, max_iter=_STEPS, tol=1e-3)
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # about few steps, and about more classes than half the rows
        model.fit(vectors.astype(np.float64), codes, weights)
    kernel, bias = model.coef_.T, model.intercept_
    if len(names) == 2:  # scikit-learn keeps one row of two
        kernel, bias = np.hstack([-kernel, kernel]) / 2, np.hstack([-bias, bias]) / 2
    return Head(names, kernel.astype(np.float32), bias.astype(np.float32))


@dataclasses.dataclass(frozen=True)
class Presence:
    """Whether there is something in an event: the detector's log-odds and what answers add.

    Args:
        kernel: [width] float32.
        bias: added to all.
    """

    kernel: np.ndarray
    bias: float = 0.0

    def probabilities(self, vectors: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """[events] float64 that there is something; scores [events] are the detector's."""
        return special.expit(expected(scores) + vectors @ self.kernel + self.bias)


def expected(scores: np.ndarray) -> np.ndarray:
    """[events] log-odds that there is something by the detector's highest score alone."""
    known = np.clip(np.nan_to_num(scores), _LEAST, 1 - _LEAST)
    return special.logit(known) - special.logit(DETECTED)


def fit_presence(
    vectors: np.ndarray,
    scores: np.ndarray,
    there: np.ndarray,
    weights: np.ndarray,
    strength: float = STRENGTH,
) -> Presence:
    """Corrects the detector by the answers, the more the more there are.

    Args:
        vectors: [n, width] float32.
        scores: [n] float, the detector's.
        there: [n] bool, people say that there is something.
        weights: [n], what each row counts.
        strength: the weight of the answers against the penalty.
    """
    rows = np.hstack([vectors, np.ones((len(vectors), 1))]).astype(np.float64)
    sign, given = np.where(there, 1.0, -1.0), expected(scores)

    def loss(kernel: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (given + rows @ kernel)
        slope = -strength * weights * sign * special.expit(-margin)
        value = strength * weights @ np.logaddexp(0, -margin) + kernel @ kernel / 2
        return float(value), slope @ rows + kernel

    start = np.zeros(rows.shape[1])
    with one_thread():
        found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", tol=1e-4).x
    return Presence(found[:-1].astype(np.float32), float(found[-1]))
