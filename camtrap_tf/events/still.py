"""Boxes that stay in one place for days: a branch, a stone, and no animal.

A detector that takes a branch for an animal does so on every picture of its camera. Such a box
comes back in the same place, as large as before, day after day; what lives does not.
"""

import collections
import dataclasses
import itertools
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from camtrap_tf.core.errors import require

COLUMNS = ("camera", "left", "top", "width", "height", "pictures", "days", "first", "last")
_SEEN = ["camera", "place"]
# Cells in which a box looks for its like: parts of the picture, and of its size in octaves.
_CELL, _SIZES, _LEAST = 0.05, 0.25, 1e-4
LOWEST = 0.8  # overlap: boxes that share less may lie in cells that are not neighbours


@dataclasses.dataclass(frozen=True)
class Rule:
    """What makes a box one that stays.

    Args:
        overlap: intersection over union from which two boxes are in the same place, at least 0.8.
        pictures: on so many it is there.
        days: on so many different days, where the camera's times are known.
        untimed: on so many pictures in place of `pictures`, where they are not.
        largest: share of the picture that it covers at most, in (0, 1]: what fills the picture
            always overlaps.
    """

    overlap: float = 0.85
    pictures: int = 10
    days: int = 3
    untimed: int = 20
    largest: float = 0.2

    def __post_init__(self):
        for name, least in (("overlap", LOWEST), ("largest", 0.0)):
            value = getattr(self, name)
            require(least <= value <= 1, f"{name} is a share of {least} to 1", value, "Try 0.85.")
        for name in ("pictures", "days", "untimed"):
            value = getattr(self, name)
            require(value >= 1, f"{name} is at least 1", value, "Try 10.")


def find(boxes: pd.DataFrame, rule: Rule | None = None) -> tuple[pd.DataFrame, np.ndarray]:
    """Places where boxes stay.

    Args:
        boxes: a row each: `path` and `camera` (string), `taken` (datetime64, missing where
            unknown), `left`, `top`, `width`, `height` (shares of the picture).
        rule: what makes a box one that stays.

    Returns:
        places: a row each, `COLUMNS`; the box is the median of its boxes, `first` and `last` are
            paths, in order of time. The most frequent first.
        place: [boxes] int, the row of `places` that a box is of, -1 where it does not stay.

    >>> box = {"left": 0.5, "top": 0.5, "width": 0.1, "height": 0.2}
    >>> rows = [{"path": f"{i}.jpg", "camera": "A", "taken": None, **box} for i in range(20)]
    >>> places, place = find(pd.DataFrame(rows))
    >>> places["pictures"].tolist(), set(place.tolist())
    ([20], {0})
    """
    rule = rule or Rule()
    own = boxes.reset_index(drop=True).assign(place=_alike(boxes, rule.overlap))
    own["taken"] = pd.to_datetime(own["taken"])
    own["day"] = own["taken"].dt.floor("D")
    small = own["width"] * own["height"] <= rule.largest
    found = own[small].sort_values(["taken", "path"]).groupby(_SEEN, sort=True)
    places = found.agg(
        **{name: (name, "median") for name in ("left", "top", "width", "height")},
        pictures=("path", "nunique"),
        days=("day", "nunique"),
        first=("path", "first"),
        last=("path", "last"),
    ).reset_index()
    timed = places["days"] > 0
    stays = np.where(
        timed,
        (places["pictures"] >= rule.pictures) & (places["days"] >= rule.days),
        places["pictures"] >= rule.untimed,
    ).astype(bool)
    order = ["pictures", "camera", "place"]
    places = places[stays].sort_values(order, ascending=[False, True, True], ignore_index=True)
    row = pd.Series(places.index, index=places["place"])
    return places[list(COLUMNS)], row.reindex(own["place"].where(small)).fillna(-1).to_numpy(int)


def _alike(boxes: pd.DataFrame, overlap: float) -> np.ndarray:
    """[boxes] int: of a camera those that lie on the same first box have one number."""
    numbers, count = np.empty(len(boxes), int), 0
    corners = boxes[["left", "top", "width", "height"]].to_numpy(float)
    for rows in boxes.groupby(boxes["camera"].to_numpy()).indices.values():
        leaders: dict[tuple, list[int]] = collections.defaultdict(list)
        for row in rows:
            near = [other for cell in _cells(corners[row]) for other in leaders.get(cell, ())]
            common = shared(corners[row], corners[near])
            if common.max(initial=0) >= overlap:
                numbers[row] = numbers[near[common.argmax()]]
                continue
            numbers[row], count = count, count + 1
            leaders[_cell(corners[row])].append(row)
    return numbers


def _cell(box: np.ndarray) -> tuple[int, ...]:
    """Where a box's middle lies, and how large it is."""
    column, row = (box[:2] + box[2:] / 2) / _CELL
    wide, high = np.log2(np.maximum(box[2:], _LEAST)) / _SIZES
    return int(column), int(row), math.floor(wide), math.floor(high)


def _cells(box: np.ndarray) -> Iterator[tuple[int, ...]]:
    """Its own cell and those around it."""
    return itertools.product(*((one - 1, one, one + 1) for one in _cell(box)))


def shared(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[n] intersection over union of a box with others [n, 4]: left, top, width and height."""
    ends = np.minimum(one[:2] + one[2:], others[:, :2] + others[:, 2:])
    common = np.maximum(ends - np.maximum(one[:2], others[:, :2]), 0).prod(axis=1)
    return common / (one[2:].prod() + others[:, 2:].prod(axis=1) - common)
