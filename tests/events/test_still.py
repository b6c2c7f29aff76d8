"""Boxes that stay in one place for days."""

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events import still


def rows(camera, number, days, box, shake=0.0, seed=0):
    """Boxes of a camera, one a picture, spread over days; None: without times."""
    moved = np.random.default_rng(seed).normal(0, shake, (number, 4)) + box
    times = [None if days is None else f"2020-01-{1 + i % days:02d} 10:00" for i in range(number)]
    table = pd.DataFrame(moved, columns=["left", "top", "width", "height"])
    paths = [f"{camera}/{seed}-{i:03d}.jpg" for i in range(number)]
    return table.assign(path=paths, camera=camera, taken=pd.to_datetime(times))


def test_a_branch_is_found_and_what_moves_is_not():
    branch = rows("A", 30, 5, [0.1, 0.2, 0.15, 0.1], shake=0.001)
    places = np.random.default_rng(1).uniform(0, 0.8, (60, 2))
    animal = rows("A", 60, 5, [0.0, 0.0, 0.12, 0.1], seed=2)
    animal[["left", "top"]] = places
    found, place = still.find(pd.concat([animal, branch], ignore_index=True))
    assert len(found) == 1 and (place[60:] == 0).all() and (place[:60] == -1).all()
    one = found.iloc[0]
    assert (one["camera"], one["pictures"], one["days"]) == ("A", 30, 5)
    assert (one["first"], one["last"]) == ("A/0-000.jpg", "A/0-029.jpg")
    np.testing.assert_allclose(one[["left", "top"]].to_numpy(float), [0.1, 0.2], atol=0.001)


@pytest.mark.parametrize(
    ("number", "days", "box", "stays"),
    [
        (10, 3, [0.1, 0.1, 0.2, 0.2], True),
        (9, 3, [0.1, 0.1, 0.2, 0.2], False),  # too few pictures
        (40, 2, [0.1, 0.1, 0.2, 0.2], False),  # an animal that rests for two days
        (20, None, [0.1, 0.1, 0.2, 0.2], True),
        (19, None, [0.1, 0.1, 0.2, 0.2], False),  # without times more pictures are wanted
        (40, 5, [0.1, 0.1, 0.5, 0.5], False),  # what fills the picture always overlaps
    ],
)
def test_how_often_and_how_long(number, days, box, stays):
    found, place = still.find(rows("A", number, days, box))
    assert (len(found) == 1) == stays and (place == (0 if stays else -1)).all()


def test_each_camera_has_places_of_its_own():
    parts = [rows(camera, 8, 4, [0.5, 0.5, 0.1, 0.1]) for camera in ("A", "B")]
    assert still.find(pd.concat(parts))[0].empty
    found, _ = still.find(pd.concat(parts), still.Rule(pictures=8))
    assert found["camera"].tolist() == ["A", "B"]


def test_boxes_that_overlap_by_the_share_are_one_place():
    # Shifted by s of its width, two boxes share (1 - s) / (1 + s): 0.85 at 0.081.
    one, near, far = ([left, 0.5, 0.2, 0.2] for left in (0.3, 0.3 + 0.2 * 0.08, 0.3 + 0.2 * 0.083))
    both = [rows("A", 5, 3, box, seed=seed) for seed, box in enumerate((one, near))]
    assert len(still.find(pd.concat(both))[0]) == 1
    apart = [rows("A", 5, 3, box, seed=seed) for seed, box in enumerate((one, far))]
    assert still.find(pd.concat(apart))[0].empty


def test_no_boxes_and_impossible_rules():
    none = rows("A", 0, 1, [0, 0, 0.1, 0.1])
    found, place = still.find(none)
    assert found.empty and list(found) == list(still.COLUMNS) and place.shape == (0,)
    with pytest.raises(InputError, match=r"overlap is a share of 0\.8 to 1; received 0\.5"):
        still.Rule(overlap=0.5)
    with pytest.raises(InputError, match="days is at least 1; received 0"):
        still.Rule(days=0)
