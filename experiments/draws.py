"""Intervals of shares and of their differences, capture events drawn anew."""

import numpy as np

from camtrap_tf.answers import intervals

Interval = tuple[float, float, float]  # mean (or difference), low, high


def share(values: np.ndarray, events: np.ndarray) -> Interval:
    """Mean of values [rows] (NaN is not scored) with its 95% interval; NaN over nothing."""
    scored = ~np.isnan(values)
    mean = float(values[scored].mean()) if scored.any() else float("nan")
    return mean, *intervals.ratio(values, events)


def auroc(
    positive: np.ndarray,
    positive_events: np.ndarray,
    negative: np.ndarray,
    negative_events: np.ndarray,
    seed: int = 0,
) -> tuple[float, np.ndarray]:
    """Area under the ROC curve, and what it is when events are drawn anew.

    It is the share of pairs of a positive and a negative in which the positive has the higher
    score; equal scores count half.

    Args:
        positive, negative: scores, [n] and [m] float, one at least of each.
        positive_events, negative_events: [n] and [m] int, numbered from 0 without gaps.
        seed: of the draws.

    Returns:
        The area, and [draws] float.

    >>> ones = np.zeros(2, int)
    >>> auroc(np.array([3.0, 2.0]), ones, np.array([2.0, 1.0]), ones)[0]
    0.875
    """
    shape = (positive_events.max() + 1, negative_events.max() + 1)
    won = np.zeros(shape)  # pairs won by the positive, by event of either side
    for event in range(shape[1]):
        scores = np.sort(negative[negative_events == event])
        above = [np.searchsorted(scores, positive, side) for side in ("left", "right")]
        won[:, event] = np.bincount(positive_events, np.mean(above, axis=0), shape[0])
    sizes = [np.bincount(events) for events in (positive_events, negative_events)]
    rng = np.random.default_rng(seed)
    weights = [rng.multinomial(n, np.full(n, 1 / n), intervals.DRAWS) for n in shape]
    pairs = (weights[0] @ sizes[0]) * (weights[1] @ sizes[1])
    drawn = np.einsum("ij,ij->i", weights[0] @ won, weights[1]) / pairs
    return float(won.sum() / len(positive) / len(negative)), drawn


def difference(
    one: np.ndarray,
    one_events: np.ndarray,
    other: np.ndarray,
    other_events: np.ndarray,
    seed: int = 0,
) -> Interval:
    """Mean of `other` minus mean of `one`, with the interval of a paired comparison.

    Both means are taken over the same draws of events.

    Args:
        one, other: [rows] float, NaN is not scored; they may differ in length.
        one_events, other_events: [rows] int, the row's event, numbered alike.
        seed: of the draws.

    >>> pictures, whole = np.array([0.0, 1.0, 1.0, 1.0]), np.array([1.0, 1.0])
    >>> difference(pictures, np.array([0, 0, 1, 1]), whole, np.array([0, 1]))[0]
    0.25
    """
    number = max(int(events.max(initial=-1)) for events in (one_events, other_events)) + 1
    drawn = np.random.default_rng(seed).multinomial(
        number, np.full(number, 1 / number), intervals.DRAWS
    )
    weights = np.vstack([np.ones(number, int), drawn])  # first the events as they are
    differences = _means(other, other_events, weights) - _means(one, one_events, weights)
    low, high = intervals.quantiles(differences[1:])
    return float(differences[0]), float(low), float(high)


def _means(values: np.ndarray, events: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[draws] float: mean of the values in each draw; NaN where none is scored."""
    scored, number = ~np.isnan(values), weights.shape[1]
    sums = np.bincount(events[scored], values[scored], number)
    counts = np.bincount(events[scored], minlength=number)
    with np.errstate(invalid="ignore"):
        return (weights @ sums) / (weights @ counts)
