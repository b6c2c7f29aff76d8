"""Figures of the report as inline SVG: text stays text, and nothing is loaded from outside."""

import dataclasses
import html
import io
import re
import zlib
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from camtrap_tf.report.tables import percent

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#595959"  # Okabe and Ito's, safe for colour blindness
_SIZE = (6.4, 3.2)  # inches
_STYLE: Any = {
    "svg.fonttype": "none",  # letters stay letters: they can be read out, searched and copied
    "svg.hashsalt": "camtrap",  # the same page from the same predictions
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A figure.

    Args:
        title, note: for its heading and the text below it.
        svg: an `<svg>` element.
    """

    title: str
    note: str
    svg: str


def draw(confidence: np.ndarray, right: np.ndarray) -> list[Drawing]:
    """The report's figures.

    Args:
        confidence: [rows] float, of the answers, NaN where there is none.
        right: [rows] float: 1 right, 0 wrong, NaN where the truth is not known.
    """
    answered = np.isfinite(confidence)
    confidence, right = confidence[answered], right[answered]
    known = np.isfinite(right)
    if not known.any():
        return [_confidences(confidence)] if len(confidence) else []
    confidence, right = confidence[known], right[known] == 1
    return [_right_and_wrong(confidence, right), _kept(confidence, right)]


_BINS = np.linspace(0, 1, 21).tolist()


def _confidences(confidence: np.ndarray) -> Drawing:
    def plot(axes: Axes) -> None:
        axes.hist(confidence, _BINS, color=BLUE, edgecolor="white")
        _confidence_axis(axes, "pictures")

    sure = percent(float(np.mean(confidence >= 0.9)), 0)
    words = f"{sure} of the answers have a confidence of at least 90%."
    return Drawing("How sure are the answers?", words, _svg(plot, words))


def _right_and_wrong(confidence: np.ndarray, right: np.ndarray) -> Drawing:
    def plot(axes: Axes) -> None:
        groups = [confidence[~right], confidence[right]]
        axes.hist(
            groups, _BINS, stacked=True, color=[ORANGE, BLUE], edgecolor="white",
            label=["wrong (hatched)", "right"], hatch=["////", ""],
        )  # fmt: skip
        _confidence_axis(axes, "pictures")
        axes.legend(frameon=False, reverse=True, loc="upper left")

    high = confidence >= 0.9
    sure, unsure = (right[group].mean() if group.any() else None for group in (high, ~high))
    words = (
        f"Of the answers with a confidence of at least 90% ({percent(high.mean(), 0)} of all), "
        f"{percent(sure)} are right; of the others, {percent(unsure)}."
    )
    return Drawing("How sure are the answers, and are they right?", words, _svg(plot, words))


_THRESHOLDS = np.arange(100) / 100


def _kept(confidence: np.ndarray, right: np.ndarray) -> Drawing:
    """Share of the answers accepted at each threshold, and share of those that are right."""
    order = np.argsort(confidence)
    below = np.searchsorted(confidence[order], _THRESHOLDS)
    number = len(confidence) - below
    hits = np.append(np.cumsum(right[order][::-1])[::-1], 0)[below]
    share, accuracy = number / len(confidence), hits / np.maximum(number, 1)

    def plot(axes: Axes) -> None:
        some = number > 0
        axes.plot(
            _THRESHOLDS[some], accuracy[some], color=BLUE, label="right, among those accepted"
        )
        axes.plot(_THRESHOLDS, share, color=ORANGE, ls="--", label="accepted, of all answers")
        _confidence_axis(axes, "")
        axes.set_xlabel("accept answers with at least this confidence")
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.legend(frameon=False, loc="lower left")

    note = "Accept the sure answers and look at the rest yourself: " + _kept_words(share, accuracy)
    return Drawing("How much can be left to the model?", note, _svg(plot, note))


def _kept_words(share: np.ndarray, accuracy: np.ndarray) -> str:
    """The lowest threshold that makes 99%, else 95%, else 90% of what it accepts right."""
    for target in (0.99, 0.95, 0.9):
        enough = np.flatnonzero((accuracy >= target) & (share >= 0.05))
        if len(enough):
            best = enough[0]
            kept, right = percent(float(share[best]), 0), percent(float(accuracy[best]))
            return (
                f"on these pictures a threshold of {_THRESHOLDS[best]:.0%} accepts {kept} of the "
                f"answers, and {right} of those are right."
            )
    return "on these pictures no threshold accepts a fair share of which 90% are right."


def _confidence_axis(axes: Axes, unit: str) -> None:
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("confidence of the answer")
    axes.set_ylabel(unit)
    axes.tick_params(colors=GREY)


def _svg(plot: Callable[[Axes], None], description: str) -> str:
    """An `<svg>` element that scales with the page and is described in words."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        plot(figure.subplots())
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    own = f"f{zlib.crc32(description.encode()):08x}-"  # ids are unique in the page, too
    svg = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{own}", svg)
    described = f'<svg role="img" aria-label="{html.escape(description, quote=True)}"'
    return svg.replace("<svg", described, 1)
