"""Tables of boxes, those of a picture one after another."""

import numpy as np
import pandas as pd

SIDES = ("left", "top", "width", "height")  # shares of the picture
COLUMNS = {
    "path": "string",  # of the picture
    "confidence": "float32",  # how sure the detector is, in [0, 1]; the surest box comes first
    **dict.fromkeys(SIDES, "float32"),
    "category": "string",  # what the detector calls it
}


def runs(paths: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Where the boxes of each picture begin, and how many they are.

    Args:
        paths: [boxes] string.

    Returns:
        Two [pictures] int.

    >>> runs(pd.Series(["a.jpg", "a.jpg", "b.jpg"]))
    (array([0, 2]), array([2, 1]))
    """
    starts = np.flatnonzero((paths != paths.shift()).fillna(True).to_numpy(bool))
    return starts, np.diff(np.append(starts, len(paths)))


def spread(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Positions of all boxes of some pictures, one picture after another.

    Args:
        starts, counts: [pictures] int, as of `runs`.

    >>> spread(np.array([5, 0]), np.array([2, 3]))
    array([5, 6, 0, 1, 2])
    """
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts, counts) + within
