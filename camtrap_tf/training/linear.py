"""Linear heads on fixed features, fitted to the optimum; their strength chosen by folds of events.

Multinomial logistic regression with an L2 penalty on standardised features. scikit-learn's C is
the weight of the data against the penalty: the larger, the freer the head.
"""

import concurrent.futures
import contextlib
import dataclasses
import os
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import threadpoolctl
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from camtrap_tf.batches import sampling
from camtrap_tf.core.labels import MISSING

STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)  # values of C, from stiff to free
USUAL = 0.01  # where there are too few events to choose
FOLDS = 4
MOST = 2000  # pictures that C is chosen on
FLOOR = 0.01  # of the mean deviation, below which no feature's is taken to lie
ABSENT = -10.0  # logit of a class without pictures; those of the others have mean 0
_STEPS = 300
_LARGE = 10_000  # rows from which several threads compute one product faster than one does


@dataclasses.dataclass(frozen=True)
class Standard:
    """From features to standardised ones: less their mean, by their deviation; [width] float32."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def learn(cls, features: np.ndarray) -> "Standard":
        """From features [..., width]."""
        rows = features.reshape(-1, features.shape[-1])
        deviation = rows.std(axis=0, dtype=np.float64)
        lowest = max(FLOOR * float(deviation.mean()), 1e-6)
        mean = rows.mean(axis=0, dtype=np.float64)
        return cls(mean.astype(np.float32), np.maximum(deviation, lowest).astype(np.float32))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Standardised features [..., width] float32."""
        return (features - self.mean) / self.deviation


@dataclasses.dataclass(frozen=True)
class Head:
    """Logits are `features @ kernel + bias`.

    Args:
        kernel: [width, classes] float32.
        bias: [classes] float32.
        strength: the C it was fitted with.
    """

    kernel: np.ndarray
    bias: np.ndarray
    strength: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """[n, classes] of features [n, width]."""
        return features @ self.kernel + self.bias

    def behind(self, standard: Standard) -> "Head":
        """The same head for features that are not standardised."""
        kernel = self.kernel / standard.deviation[:, None]
        return Head(kernel, self.bias - standard.mean @ kernel, self.strength)


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    events: np.ndarray,
    classes: int,
    weighted: bool,
    seed: int = 0,
) -> Head:
    """Fits a head, with the strength that folds of whole events favour.

    Args:
        features: [n, views, width] float32, standardised; all views of a picture have its label.
        labels: [n] int, classes or -1, missing; at least one is there.
        events: [n], what tells events apart.
        classes: number of classes; those without pictures are never the answer.
        weighted: every class counts the same (`sampling.loss_weights`), else every picture.
        seed: of the choice of pictures, where there are more than `MOST`.
    """
    known = np.flatnonzero(labels != MISSING)
    data = _Data(features[known], labels[known], events[known], classes, weighted)
    with warnings.catch_warnings():  # here, since threads share the filters
        warnings.simplefilter("ignore", ConvergenceWarning)
        return data.fit([choose_strength(data.some(MOST, seed))])[0]


def choose_strength(data: "_Data") -> float:
    """The C with the lowest loss on held-out events; `USUAL` where there is no telling."""
    folds = data.folds()
    if len(folds) < 2:
        return USUAL
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool, _threads(1):
        losses = list(pool.map(data.held_out_losses, folds))
    totals = np.sum([loss for loss, _ in losses], axis=0)
    weight = sum(weight for _, weight in losses)
    return STRENGTHS[int(totals.argmin())] if weight else USUAL


@dataclasses.dataclass(frozen=True)
class _Data:
    """Labelled pictures; see `fit`."""

    features: np.ndarray
    labels: np.ndarray
    events: np.ndarray
    classes: int
    weighted: bool

    def take(self, rows: np.ndarray) -> "_Data":
        return dataclasses.replace(
            self, features=self.features[rows], labels=self.labels[rows], events=self.events[rows]
        )

    def some(self, most: int, seed: int) -> "_Data":
        """Whole events drawn at random, as many as hold `most` pictures."""
        if len(self.labels) <= most:
            return self
        names, event = np.unique(self.events, return_inverse=True)
        place = np.random.default_rng(seed).permutation(len(names))[event]
        return self.take(np.sort(np.argsort(place, kind="stable")[:most]))

    def folds(self) -> list[np.ndarray]:
        """Rows of each fold; an event lies in one."""
        names, event = np.unique(self.events, return_inverse=True)
        fold = np.random.default_rng(0).permutation(len(names))[event] % FOLDS
        return [rows for rows in (np.flatnonzero(fold == i) for i in range(FOLDS)) if len(rows)]

    def weights(self) -> np.ndarray:
        """[n] float64: what each picture counts."""
        counts = np.bincount(self.labels, minlength=self.classes)
        each = sampling.loss_weights(counts) if self.weighted else np.ones(self.classes)
        return each[self.labels]

    def held_out_losses(self, fold: np.ndarray) -> tuple[np.ndarray, float]:
        """Loss on a fold of a head fitted to the others, by strength, and the weight of the fold.

        Pictures of a class that only the fold has tell nothing.
        """
        others = self.take(np.setdiff1d(np.arange(len(self.labels)), fold))
        fold = fold[np.isin(self.labels[fold], others.labels)]
        weights, losses = self.weights()[fold], []
        for head in others.fit(STRENGTHS):
            logits = head.logits(self.features[fold, 0])
            right = logits[np.arange(len(fold)), self.labels[fold]]
            losses.append(float(weights @ (np.logaddexp.reduce(logits, axis=1) - right)))
        return np.array(losses), float(weights.sum())

    def fit(self, strengths: Sequence[float]) -> list[Head]:
        """A head for each strength; each is fitted starting from the one before."""
        views, width = self.features.shape[1:]
        rows, labels = self.features.reshape(-1, width), np.repeat(self.labels, views)
        present = np.unique(labels)
        if len(present) == 1:
            return [self._head(present, np.zeros((1, width)), np.zeros(1), c) for c in strengths]
        weights = np.repeat(self.weights(), views).astype(np.float32)
        regression = LogisticRegression(warm_start=True, max_iter=_STEPS, tol=1e-3)
        heads = []
        for strength in strengths:
            with _threads(1 if len(rows) < _LARGE else None):
                regression.set_params(C=strength).fit(rows, labels, weights)
            kernel, bias = _symmetric(regression)
            heads.append(self._head(present, kernel, bias, strength))
        return heads

    def _head(self, present: np.ndarray, kernel, bias, strength: float) -> Head:
        """A head of all classes from rows [present, width] of those that have pictures."""
        whole = np.zeros((kernel.shape[1], self.classes), np.float32)
        constant = np.full(self.classes, ABSENT, np.float32)
        whole[:, present], constant[present] = kernel.T, bias
        return Head(whole, constant, strength)


def _symmetric(regression: LogisticRegression) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients [classes, width] and constants [classes]; of two classes one half each."""
    kernel, bias = regression.coef_, regression.intercept_
    if len(kernel) == 1:
        return np.concatenate([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2
    return kernel, bias


@contextlib.contextmanager
def _threads(limit: int | None) -> Iterator[None]:
    """Linear algebra with so many threads: on small matrices several only wait for each other."""
    with threadpoolctl.threadpool_limits(limit, "blas"):
        yield
