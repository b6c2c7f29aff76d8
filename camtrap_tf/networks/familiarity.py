"""Familiarity of a picture: which score a network tells, and what becomes of it."""

import keras
import numpy as np
from scipy import special

from camtrap_tf.core.heads import SPECIES
from camtrap_tf.core.labels import FAMILIARITY

ENERGY, BOTH = "energy", "energy and distance"  # scores: the first where no distance was learnt


def score(model: keras.Model) -> str | None:
    """Which score a network tells; None where it names no species."""
    if FAMILIARITY in model.output:
        return BOTH
    return ENERGY if SPECIES in model.output else None


def energy(logits):
    """Familiarity [n, 1] of logits [n, classes]: log Σ exp(logit), before any temperature.

    The negative of the energy of Liu et al. 2020, 'Energy-based Out-of-distribution Detection':
    low where no class has evidence for itself. Written out, since TFLite has no `logsumexp`.
    """
    ops = keras.ops
    highest = ops.max(logits, axis=1, keepdims=True)
    return highest + ops.log(ops.sum(ops.exp(logits - highest), axis=1, keepdims=True))


def sides(familiarity: np.ndarray, threshold: float) -> np.ndarray:
    """[n, 2]: familiarity [n, 1] as 'probabilities' of unknown and known, equal at the threshold.

    As the logistic function of the distance: a difference that matters is one near it.
    """
    known = special.expit(familiarity - threshold)
    return np.concatenate([1 - known, known], axis=1)
