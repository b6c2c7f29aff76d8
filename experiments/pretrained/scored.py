"""Answers of several runs as one figure: its mean, and its interval over what is drawn anew."""

import dataclasses

import numpy as np

from camtrap_tf.answers import intervals
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import MISSING


@dataclasses.dataclass(frozen=True)
class Scored:
    """Pictures or events of a run, one after the other.

    Args:
        right: [rows] float, 1 right, 0 wrong, NaN not scored.
        units: [rows] str, the capture event or the camera of each: what is drawn anew. One that
            is scored in several runs is drawn for all of them together.
    """

    right: np.ndarray
    units: np.ndarray

    def figures(self) -> dict[str, float | int]:
        """The mean, its 95% interval, and how many rows and units were scored."""
        known = ~np.isnan(self.right)
        units = np.unique(self.units[known], return_inverse=True)[1]
        low, high = intervals.ratio(self.right[known], units)
        mean = float(self.right[known].mean()) if known.any() else float("nan")
        return {
            "scored": int(known.sum()),
            "units": int(units.max(initial=-1)) + 1,
            "right": round(mean, 4),
            "low": round(low, 4),
            "high": round(high, 4),
        }


def join(runs: list[Scored]) -> Scored:
    """Several runs as one."""
    return Scored(np.concatenate([r.right for r in runs]), np.concatenate([r.units for r in runs]))


def summary(values: list[Scored | float]) -> dict[str, float | int | str]:
    """Figures of what was scored in several runs; of plain numbers their mean alone."""
    scored = [value for value in values if isinstance(value, Scored)]
    if scored:
        return {**join(scored).figures()}
    mean = float(np.mean([value for value in values if isinstance(value, float)]))
    blank = dict.fromkeys(("scored", "units", "right", "low", "high"), "")
    return blank | {"right": round(mean, 4)}


def decided(rows: Predictions, head: str) -> Scored:
    """Whether pictures or events are answered rightly, as far as they have a label."""
    truth = rows.labels[head]
    right = np.where(truth == MISSING, np.nan, rows.decided(head) == truth)
    return Scored(right, rows.event_names().to_numpy())
