"""Intervals: events are drawn, not pictures, and the short cuts change nothing."""

import numpy as np
import pytest
from scipy import stats

from camtrap_tf.answers import intervals


def test_rows_that_are_their_own_events_give_binomial_quantiles():
    values = (np.arange(400) < 320).astype(float)
    low, high = intervals.ratio(values, np.arange(400))
    expected = stats.binom.ppf([0.025, 0.975], 400, 0.8) / 400
    np.testing.assert_allclose([low, high], expected, atol=0.006)


def test_copies_of_a_picture_in_its_event_add_nothing():
    values = (np.arange(100) < 70).astype(float)
    once = intervals.ratio(values, np.arange(100))
    thrice = intervals.ratio(np.repeat(values, 3), np.repeat(np.arange(100), 3))
    assert once == pytest.approx(thrice)


def test_a_plain_bootstrap_of_events_agrees():
    rng = np.random.default_rng(0)
    events = np.sort(rng.integers(0, 150, 400))
    values = (rng.random(400) < np.random.default_rng(1).random(150)[events]).astype(float)
    values[::17] = np.nan
    found = intervals.ratio(values, events)
    rows = [np.flatnonzero(events == event) for event in np.unique(events)]
    drawn = [
        np.nanmean(values[np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])])
        for _ in range(2000)
    ]
    np.testing.assert_allclose(found, np.quantile(drawn, [0.025, 0.975]), atol=0.012)


def test_many_kinds_of_events_are_drawn_in_blocks():
    values = np.random.default_rng(0).normal(size=20_000)
    low, high = intervals.ratio(values, np.arange(20_000))
    error = values.std() / np.sqrt(20_000)
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.08)


@pytest.mark.parametrize(
    ("value", "expected"), [(1.0, (0.025 ** (1 / 20), 1)), (0.0, (0, 1 - 0.025 ** (1 / 20)))]
)
def test_no_mistake_is_not_certainty(value, expected):
    found = intervals.ratio(np.full(60, value), np.repeat(np.arange(20), 3))
    assert found == pytest.approx(expected)


def test_nothing_scored_and_one_event_only():
    assert np.isnan(intervals.ratio(np.array([np.nan]), np.array([0]))).all()
    assert np.isnan(intervals.ratio(np.array([0.0, 1.0]), np.array([0, 0]))).all()


def test_confusions_keep_each_event_together():
    # Two kinds of events: rows in cells 0 and 1, or in cells 2 and 2.
    cells, events = np.array([0, 1, 2, 2, 1, 0]), np.array([5, 5, 6, 6, 9, 9])
    drawn = intervals.confusions(cells, 3, events)
    assert drawn.shape == (intervals.DRAWS, 3)
    assert (drawn[:, 0] == drawn[:, 1]).all() and (drawn[:, 2] % 2 == 0).all()
    assert (drawn.sum(axis=1) == 6).all()
    # An event is of the first kind with probability 2/3: three draws make 2 of them on average.
    assert drawn[:, 0].mean() == pytest.approx(2, abs=0.1)


def test_quantiles_leave_out_what_is_not_known():
    drawn = np.array([[0.0, np.nan, np.nan], [1.0, 0.5, np.nan]])
    low, high = intervals.quantiles(drawn)
    np.testing.assert_allclose(low, [0.025, 0.5, np.nan])
    np.testing.assert_allclose(high, [0.975, 0.5, np.nan])


def test_sums_by_cell_over_draws_of_events():
    # Two events: the first adds 1 to cell 0, the second 2 to cell 1.
    drawn = intervals.sums(np.array([1.0, 2.0]), np.array([0, 1]), 3, np.array([5, 9]))
    assert drawn.shape == (intervals.DRAWS, 3)
    assert {tuple(row) for row in drawn.tolist()} == {(2, 0, 0), (1, 2, 0), (0, 4, 0)}


def test_events_with_one_sum_but_other_numbers_of_pictures_are_of_several_kinds():
    # One right picture in each of 100 events, of 10 pictures or of 40: 100 / (4000 - 30 n) are
    # right, where n small events are drawn, 40 to 60 of 100 in 95 of 100 draws.
    sizes = np.repeat([10, 40], 50)
    events = np.repeat(np.arange(100), sizes)
    values = np.concatenate([np.eye(1, size)[0] for size in sizes])
    few, many = stats.binom.ppf([0.025, 0.975], 100, 0.5)
    expected = 100 / (4000 - 30 * few), 100 / (4000 - 30 * many)
    assert intervals.ratio(values, events) == pytest.approx(expected, abs=0.001)


def test_numbers_that_no_event_has_are_no_events():
    found = intervals.ratio(np.array([1.0, 1.0]), np.array([0, 5]))
    assert found == intervals.clopper_pearson(2, 2)
    assert intervals.ratio(np.array([0.0, 1.0, 1.0]), np.array([0, 0, 9])) == intervals.ratio(
        np.array([0.0, 1.0, 1.0]), np.array([0, 0, 1])
    )
