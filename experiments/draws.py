"""Intervals of several shares and of their differences, over the same draws of capture events."""

from collections.abc import Sequence

import numpy as np

DRAWS = 1000
Measured = tuple[np.ndarray, np.ndarray]  # values [rows], NaN unscored; event of each row [rows]


def shares(
    measured: Sequence[Measured], level: float = 0.95, seed: int = 0
) -> list[tuple[float, float, float]]:
    """Means with their bootstrap intervals, then differences of each later one to the first.

    Events are drawn with replacement, all figures over the same draws: the interval of a
    difference is that of a paired comparison.

    Args:
        measured: values [rows] (NaN is not scored) with the event of each row; events are
            numbered alike in all of them.
        level: of the intervals.
        seed: of the draws.

    Returns:
        (mean, low, high) per figure, then (difference, low, high) per figure after the first.

    >>> one = np.array([0.0, 1.0, 1.0, 1.0]), np.array([0, 0, 1, 1])
    >>> whole = np.array([1.0, 1.0]), np.array([0, 1])
    >>> [round(mean, 2) for mean, low, high in shares([one, whole])]
    [0.75, 1.0, 0.25]
    """
    number = max(int(events.max(initial=-1)) for _, events in measured) + 1
    random = np.random.default_rng(seed)
    weights = random.multinomial(number, np.full(number, 1 / number), DRAWS)
    weights = np.vstack([np.ones(number, int), weights])  # first the events as they are
    columns = []
    for values, events in measured:
        scored = ~np.isnan(values)
        sums = np.bincount(events[scored], values[scored], number)
        counts = np.bincount(events[scored], minlength=number)
        with np.errstate(invalid="ignore"):
            columns.append((weights @ sums) / (weights @ counts))
    columns += [column - columns[0] for column in columns[1:]]
    return [_interval(column, level) for column in columns]


def _interval(column: np.ndarray, level: float) -> tuple[float, float, float]:
    drawn = column[1:][~np.isnan(column[1:])]
    if not len(drawn):
        return float(column[0]), float("nan"), float("nan")
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(column[0]), float(low), float(high)
