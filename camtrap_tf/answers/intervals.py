"""Intervals around figures: events are drawn anew, not pictures.

The pictures of one capture event are nearly the same picture: a hundred of them from ten
events say about as much as ten. So the bootstrap draws *events* with replacement. Events that
contribute the same to a figure are one kind of event, and a draw is a multinomial number per
kind: the same distribution, without touching a million events a thousand times.
"""

import numpy as np
from scipy import sparse, stats

LEVEL = 0.95
DRAWS = 1000
BLOCKS = 2000  # more kinds of events than this are put into so many random blocks, then drawn


def ratio(
    values: np.ndarray, events: np.ndarray, level: float = LEVEL, seed: int = 0
) -> tuple[float, float]:
    """Interval of a mean over rows, such as an accuracy.

    Where every event agrees on 0 or on 1, a bootstrap knows no spread; the interval is then
    Clopper and Pearson's, with one trial per event.

    Args:
        values: [rows] float or bool, NaN where a row is not scored.
        events: [rows] int, number of the row's event.
        level: share of intervals that hold the true figure.
        seed: of the draws.

    Returns:
        Low, high; NaN where nothing is scored, or one event that does not agree.
    """
    scored = ~np.isnan(values)
    values, events = np.asarray(values[scored], float), events[scored]
    if not len(values):
        return float("nan"), float("nan")
    sums, counts = np.bincount(events, values), np.bincount(events)
    sums, counts = sums[counts > 0], counts[counts > 0]
    if (values == values[0]).all() and values[0] in (0, 1):
        trials = len(counts)
        return clopper_pearson(trials * int(values[0]), trials, level)
    if len(counts) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    kinds, times = _kinds(sums + 1j * counts, rng)
    weights = _draws(times, rng)
    drawn = (weights @ np.bincount(kinds, sums)) / (weights @ np.bincount(kinds, counts))
    low, high = quantiles(drawn, level)
    return float(low), float(high)


def confusions(
    matrix_cells: np.ndarray, cells: int, events: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Confusion matrices of bootstrap samples of events.

    Args:
        matrix_cells: [rows] int, the cell that each scored row falls into.
        cells: number of cells.
        events: [rows] int, number of the row's event.
        seed: of the draws.

    Returns:
        [DRAWS, cells] float: how often each cell occurs.
    """
    rng = np.random.default_rng(seed)
    events = (np.cumsum(np.bincount(events) > 0) - 1)[events]  # numbered without gaps
    keys = rng.integers(0, 2**63, cells, dtype=np.uint64)
    signatures = np.zeros(events.max(initial=-1) + 1, np.uint64)  # equal for equal events
    np.add.at(signatures, events, keys[matrix_cells])
    kinds, times = _kinds(signatures, rng)
    ones = np.ones(len(events))
    shape = (len(times), cells)
    per_kind = sparse.coo_matrix((ones, (kinds[events], matrix_cells)), shape).tocsr()
    return np.asarray(_draws(times, rng) @ per_kind)


def sums(
    values: np.ndarray, cells: np.ndarray, number: int, events: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Sums of values by cell over bootstrap samples of events.

    Args:
        values: [rows] float.
        cells: [rows] int, the cell that each row falls into.
        number: of cells.
        events: [rows] int, number of the row's event.
        seed: of the draws.

    Returns:
        [DRAWS, cells] float.
    """
    rng = np.random.default_rng(seed)
    events = np.unique(events, return_inverse=True)[1]  # numbered without gaps
    blocks, times = _kinds(np.arange(events.max(initial=-1) + 1), rng)
    keys = blocks[events] * number + cells
    per_block = np.bincount(keys, values, len(times) * number).reshape(len(times), number)
    return _draws(times, rng) @ per_block


def quantiles(drawn: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """[2, ...]: the middle `level` of draws [draws, ...]; NaN draws are left out."""
    tail = (1 - level) / 2
    known = ~np.isnan(drawn).all(axis=0)
    found = np.full((2, *drawn.shape[1:]), np.nan)
    found[:, known] = np.nanquantile(drawn[:, known], [tail, 1 - tail], axis=0)
    return found


def clopper_pearson(right: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact interval of a share, from independent trials.

    >>> low, high = clopper_pearson(10, 10)
    >>> round(low, 4), high  # 0.025 ** (1 / 10)
    (0.6915, 1.0)
    """
    interval = stats.binomtest(right, trials).proportion_ci(level, "exact")
    return float(interval.low), float(interval.high)


def _kinds(contributions: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Kind of each event, and how many events are of each kind."""
    _, kinds, times = np.unique(contributions, return_inverse=True, return_counts=True)
    if len(times) <= BLOCKS:
        return kinds, times
    return rng.permutation(len(contributions)) % BLOCKS, np.ones(BLOCKS, int)


def _draws(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[DRAWS, kinds] float: weight of each kind's sums in every draw."""
    return rng.multinomial(times.sum(), times / times.sum(), DRAWS) / times
