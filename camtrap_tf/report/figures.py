"""Figures of the report as inline SVG: text stays text, and nothing is loaded from outside."""

import dataclasses
import html
import io

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#595959"  # Okabe and Ito's, safe for colour blindness
_SIZE = (6.4, 3.2)  # inches
_STYLE = {
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


_BINS = np.linspace(0, 1, 21)


def _confidences(confidence: np.ndarray) -> Drawing:
    def plot(axes: Axes) -> None:
        axes.hist(confidence, _BINS, color=BLUE, edgecolor="white")
        _confidence_axis(axes, "pictures")

    sure = np.mean(confidence >= 0.9)
    words = f"Histogram: {sure:.0%} of the answers have a confidence of at least 90%."
    return Drawing("How sure are the answers?", words[11:].capitalize(), _svg(plot, words))


def _right_and_wrong(confidence: np.ndarray, right: np.ndarray) -> Drawing:
    def plot(axes: Axes) -> None:
        groups = [confidence[~right], confidence[right]]
        _, _, (wrong, _) = axes.hist(
            groups, _BINS, stacked=True, color=[ORANGE, BLUE], edgecolor="white",
            label=["wrong (hatched)", "right"],
        )  # fmt: skip
        for patch in wrong:
            patch.set_hatch("////")
        _confidence_axis(axes, "pictures")
        axes.legend(frameon=False, reverse=True, loc="upper left")

    high = confidence >= 0.9
    share = f"{right[high].mean():.1%}" if high.any() else "none"
    words = (
        f"Of the answers with a confidence of at least 90% ({high.mean():.0%} of all), "
        f"{share} are right; of the others, "
        f"{f'{right[~high].mean():.1%}' if (~high).any() else 'none'}."
    )
    return Drawing("How sure are the answers, and are they right?", words, _svg(plot, words))


def _kept(confidence: np.ndarray, right: np.ndarray) -> Drawing:
    order = np.argsort(-confidence, kind="stable")
    number = np.arange(1, len(order) + 1)
    share, accuracy = number / len(order), np.cumsum(right[order]) / number
    # A threshold keeps all answers of equal confidence or none, so only the last of each counts.
    last = np.append(np.diff(confidence[order]) != 0, True)
    share, accuracy, threshold = share[last], accuracy[last], confidence[order][last]

    def plot(axes: Axes) -> None:
        axes.plot(threshold, accuracy, color=BLUE, label="right, among those accepted")
        axes.plot(threshold, share, color=ORANGE, ls="--", label="accepted, of all pictures")
        _confidence_axis(axes, "")
        axes.set_xlabel("accept answers with at least this confidence")
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.legend(frameon=False, loc="lower left")

    note = "Accept the sure answers, look at the rest yourself: " + _kept_words(
        share, accuracy, threshold
    )
    return Drawing("How much can be left to the model?", note, _svg(plot, note))


def _kept_words(share: np.ndarray, accuracy: np.ndarray, threshold: np.ndarray) -> str:
    for target in (0.99, 0.95, 0.9):
        enough = np.flatnonzero(accuracy >= target)
        if len(enough) and share[enough[-1]] >= 0.05:
            best = enough[-1]
            return (
                f"with a threshold of {threshold[best]:.0%}, {share[best]:.0%} of the pictures "
                f"are accepted, and {accuracy[best]:.1%} of those are right."
            )
    return "here no threshold that keeps more than a few pictures makes 90% of them right."


def _confidence_axis(axes: Axes, unit: str) -> None:
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("confidence of the answer")
    axes.set_ylabel(unit)
    axes.tick_params(colors=GREY)


def _svg(plot, description: str) -> str:
    """An `<svg>` element that scales with the page and is described in words."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        plot(figure.subplots())
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    described = f'<svg role="img" aria-label="{html.escape(description, quote=True)}"'
    return svg.replace("<svg", described, 1)
