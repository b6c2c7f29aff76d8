"""Means, differences and their intervals."""

import numpy as np
import pytest

from experiments import draws


def test_share_leaves_unscored_rows_out():
    mean, low, high = draws.share(np.array([1.0, 0.0, np.nan, 1.0]), np.array([0, 1, 2, 3]))
    assert mean == pytest.approx(2 / 3)
    assert 0 <= low <= mean <= high <= 1


def test_difference_is_paired():
    """Two figures that always differ by 0.25 have a difference without spread."""
    events = np.arange(40)
    one = np.random.default_rng(0).random(40)
    assert draws.difference(one, events, one + 0.25, events) == pytest.approx((0.25, 0.25, 0.25))


def test_difference_of_pictures_and_events():
    pictures, whole = np.array([0.0, 1.0, 1.0, 1.0]), np.array([1.0, 1.0])
    found = draws.difference(pictures, np.array([0, 0, 1, 1]), whole, np.array([0, 1]))
    # Draws: event 0 twice gives 1 - 0.5, both 1 - 0.75, event 1 twice 1 - 1.
    assert found == pytest.approx((0.25, 0.0, 0.5))
