"""Figures of the report as inline SVG: text stays text, and nothing is loaded from outside."""

import dataclasses
import html
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from camtrap_tf.answers import calibration, intervals, metrics, planning
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.artifacts import PathLike, atomic
from camtrap_tf.core.heads import Kind, find, in_order
from camtrap_tf.core.labels import MISSING
from camtrap_tf.reporting.tables import percent, plain_name

# Okabe and Ito's, safe for colour blindness.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#007A5E", "#595959"
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
        name: of its files.
        title, note: for its heading and the text below it.
        svg: an `<svg>` element.
        figure: what it was drawn as.
    """

    name: str
    title: str
    note: str
    svg: str
    figure: Figure


def draw(predictions: Predictions, right: np.ndarray, scores: dict) -> list[Drawing]:
    """The report's figures.

    Args:
        predictions: one row per picture.
        right: [rows] float: 1 right, 0 wrong, NaN where the truth is not known.
        scores: what `metrics.evaluate` returned.
    """
    confidence = predictions.answer_confidence()
    answered = np.isfinite(confidence)
    known = answered & np.isfinite(right)
    if not known.any():
        return [_confidences(confidence[answered])] if answered.any() else []
    drawings = [
        _right_and_wrong(confidence[known], right[known] == 1),
        _kept(confidence[known], right[known], predictions.event_codes()[known]),
    ]
    scored = in_order(scores["images"]["heads"])
    heads = [head for head in scored if not find(head, predictions.classes[head]).is_attribute]
    if heads:
        drawings += [_coverage(predictions, heads), _reliability(predictions, heads)]
    classes = scores["images"]["heads"].get("species", {}).get("per_class")
    return drawings + ([_classes(classes)] if classes else [])


def save(drawings: list[Drawing], folder: PathLike) -> None:
    """Writes each figure as NAME.svg and NAME.png (200 dots per inch)."""
    for drawing in drawings:
        for suffix in (".svg", ".png"):
            path = Path(folder) / (drawing.name + suffix)
            with atomic(path) as temporary, matplotlib.rc_context(_STYLE):
                drawing.figure.savefig(temporary, format=suffix[1:], dpi=200)


_BINS = np.linspace(0, 1, 21).tolist()


def _confidences(confidence: np.ndarray) -> Drawing:
    def plot(axes: Axes) -> None:
        axes.hist(confidence, _BINS, color=BLUE, edgecolor="white")
        _confidence_axis(axes, "pictures")

    sure = percent(float(np.mean(confidence >= 0.9)), 0)
    words = f"{sure} of the answers have a confidence of at least 90%."
    return _drawing("confidence", "How sure are the answers?", words, plot)


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
    title = "How sure are the answers, and are they right?"
    return _drawing("right-and-wrong", title, words, plot)


_FEW = 2000  # events, below which noise makes a calibration error that is worth a word
_MARKS = np.arange(20) / 20  # thresholds whose intervals are drawn


def _kept(confidence: np.ndarray, right: np.ndarray, events: np.ndarray) -> Drawing:
    """Share of the answers accepted at each threshold, and share of those that are right."""
    curve = planning.curve(confidence, right)
    bands = [
        intervals.ratio(np.where(confidence >= mark, right, np.nan), events) for mark in _MARKS
    ]
    low, high = np.transpose(bands)

    def plot(axes: Axes) -> None:
        axes.fill_between(_MARKS, low, high, color=BLUE, alpha=0.2, lw=0, label="95% interval")
        axes.plot(curve.thresholds, curve.accuracy, color=BLUE, label="right, among those accepted")
        axes.plot(
            curve.thresholds,
            curve.coverage,
            color=ORANGE,
            ls="--",
            label="accepted, of all answers",
        )
        _confidence_axis(axes, "")
        axes.set_xlabel("accept answers with at least this confidence")
        _share_axis(axes)
        axes.legend(frameon=False, loc="lower left")

    note = (
        "Accept the sure answers and look at the rest yourself: "
        + _kept_words(curve.coverage, curve.accuracy)
        + " A threshold is to be chosen on other pictures than those it is judged by: see "
        "“camtrap plan”."
    )
    return _drawing("kept", "How much can be left to the model?", note, plot)


def _coverage(predictions: Predictions, heads: list[str]) -> Drawing:
    """Accuracy and coverage of each question by itself, as Figs. S.5 to S.7."""
    curves = {head: planning.curve(*_head(predictions, head)) for head in heads}
    lenient = {
        head: planning.curve(predictions.confidence(head), rows)
        for head, rows in _lenient(predictions, heads).items()
    }

    def plot(*axes: Axes) -> None:
        for one, (head, curve) in zip(axes, curves.items(), strict=True):
            if head in lenient:
                extra, label = lenient[head], find(head, predictions.classes[head]).lenient_title
                one.plot(extra.thresholds, extra.accuracy, color=GREEN, ls=":", label=label)
            one.plot(curve.thresholds, curve.accuracy, color=BLUE, label="right")
            one.plot(curve.thresholds, curve.coverage, color=ORANGE, ls="--", label="accepted")
            one.set_title(_title(predictions, head), fontsize=10)
            _confidence_axis(one, "")
            _share_axis(one)
            one.legend(frameon=False, loc="lower left", fontsize=8)

    words = []
    for head, curve in curves.items():
        share, right = curve.coverage[-1], curve.accuracy[-1]
        sure = f"{percent(share, 0)} are accepted at 99%, {percent(right)} of them right"
        words.append(f"{_title(predictions, head)}: {sure if share else 'none is accepted at 99%'}")
    note = "Each question by itself, on the pictures that have a label for it. " + "; ".join(words)
    return _drawing("coverage", "Each question by itself", note + ".", plot, panels=len(heads))


def _title(predictions: Predictions, head: str) -> str:
    return find(head, predictions.classes[head]).title or plain_name(head)


def _head(predictions: Predictions, head: str) -> tuple[np.ndarray, np.ndarray]:
    """Confidence of a head's most probable class, and whether it is right."""
    labels = np.asarray(predictions.labels[head])
    right = np.where(labels == MISSING, np.nan, predictions.top(head) == labels)
    return predictions.confidence(head), right


def _lenient(predictions: Predictions, heads: list[str]) -> dict[str, np.ndarray]:
    """By head [rows] float: right by its more lenient figure; of heads that have one."""
    rows = {}
    for head in heads:
        names, labels = predictions.classes[head], predictions.labels[head]
        row = find(head, names)
        if row.kind is Kind.ORDERED:
            rows[head] = metrics.within_one_bin_rows(predictions.top(head), labels)
        elif row.lenient and len(names) > metrics.TOP:
            rows[head] = metrics.top_k_rows(predictions.probabilities[head], labels, metrics.TOP)
    return rows


def _reliability(predictions: Predictions, heads: list[str]) -> Drawing:
    """Confidence against accuracy, before and after calibration where that is known."""
    temperatures = predictions.info.get("temperatures", {})
    applied = {head: value for head, value in temperatures.items() if value != 1}
    undone = calibration.calibrate(
        predictions, {head: 1 / applied[head] for head in heads if head in applied}
    )
    after = {head: calibration.reliability(*_head(predictions, head)) for head in heads}
    before = {
        head: calibration.reliability(*_head(undone, head)) for head in heads if head in applied
    }

    def plot(*axes: Axes) -> None:
        for one, head in zip(axes, heads, strict=True):
            one.plot([0, 1], [0, 1], color=GREY, lw=1, ls=":")
            if head in before:
                _dots(one, before[head], "s", ORANGE, "before calibration", filled=False)
            _dots(one, after[head], "o", BLUE, "as answered", filled=True)
            one.set_title(_title(predictions, head), fontsize=10)
            _confidence_axis(one, "right" if head == heads[0] else "")
            _share_axis(one)
            one.legend(frameon=False, loc="upper left", fontsize=8)

    words = "; ".join(
        _distance(_title(predictions, head), predictions, undone if head in before else None, head)
        for head in heads
    )
    note = (
        "On the dotted line, answers are right as often as they say. Below it they are too "
        "sure. Larger dots stand for more pictures. Mean distance, in bins of equal numbers of "
        f"pictures: {words}."
    )
    return _drawing(
        "reliability", "Can its confidence be taken at its word?", note, plot, panels=len(heads)
    )


def _distance(title: str, predictions: Predictions, undone: Predictions | None, head: str) -> str:
    """Calibration error in words; on few events beside what noise alone makes of it."""
    events = predictions.event_codes()
    confidence, right = _head(predictions, head)
    curve = calibration.reliability(confidence, right, equal_mass=True)
    text = f"{title} {percent(curve.error)}"
    if undone is not None:
        earlier = calibration.reliability(*_head(undone, head), equal_mass=True)
        text += f" ({percent(earlier.error)} before calibration)"
    number = len(np.unique(events[~np.isnan(confidence) & ~np.isnan(right)]))
    if number < _FEW:
        chance = calibration.error(confidence, right, events).chance
        text += (
            f", where a perfectly calibrated model would show up to {percent(chance)} on so few "
            f"capture events ({number})"
        )
    return text


def _dots(
    axes: Axes, curve: calibration.Reliability, marker: str, colour: str, label: str, filled: bool
) -> None:
    size = 12 + 120 * curve.count / max(curve.count.max(), 1)
    some = curve.count > 0
    axes.plot(curve.confidence[some], curve.accuracy[some], color=colour, lw=1)
    axes.scatter(
        curve.confidence[some], curve.accuracy[some], size[some], marker=marker,
        facecolors=colour if filled else "none", edgecolors=colour, label=label,
    )  # fmt: skip


def _classes(classes: dict[str, dict]) -> Drawing:
    """Number of pictures and share found of every class, by size (Figs. S.8 and S.9)."""
    kept = {name: entry for name, entry in classes.items() if entry["support"]}
    names = sorted(kept, key=lambda name: (kept[name]["support"], name))
    support = [kept[name]["support"] for name in names]
    recall = np.array([kept[name]["recall"] for name in names], float)
    bounds = np.array([kept[name]["recall_interval"] for name in names], float)
    errors = np.nan_to_num(np.abs(bounds.T - recall))
    places = np.arange(len(names))

    def plot(sizes: Axes, found: Axes) -> None:
        sizes.barh(places, support, color=GREY, height=0.7)
        sizes.set_xscale("log")
        sizes.set_xlim(0.5, 2 * max(support))
        sizes.set_yticks(places, [plain_name(name) for name in names])
        sizes.set_xlabel("pictures")
        found.barh(places, recall, color=BLUE, height=0.7)
        found.errorbar(recall, places, xerr=errors, fmt="none", ecolor="#1b1f23", capsize=2)
        found.set_yticks(places, [])
        found.set_xlim(0, 1.02)
        found.xaxis.set_major_formatter(PercentFormatter(1))
        found.set_xlabel("called so, with 95% interval")
        for axes in (sizes, found):
            axes.set_ylim(-0.6, len(names) - 0.4)

    best, worst = names[-1], names[0]
    note = (
        f"Species by number of pictures, from {plain_name(best)} ({support[-1]:,}) to "
        f"{plain_name(worst)} ({support[0]:,}), and the share of each that is called so. "
        "Where a species was seen in one event only, there is no interval."
    )
    height = 0.8 + 0.26 * len(names)
    title = "Rare and frequent species"
    return _drawing("classes", title, note, plot, panels=2, size=(6.4, max(height, 1.6)))


def _kept_words(share: np.ndarray, accuracy: np.ndarray) -> str:
    """The lowest threshold that makes 99%, else 95%, else 90% of what it accepts right."""
    for target in (0.99, 0.95, 0.9):
        enough = np.flatnonzero((accuracy >= target) & (share >= 0.05))
        if len(enough):
            best = enough[0]
            kept, right = percent(float(share[best]), 0), percent(float(accuracy[best]))
            return (
                f"on these pictures a threshold of {planning.GRID[best]:.0%} accepts {kept} of the "
                f"answers, and {right} of those are right."
            )
    return "on these pictures no threshold accepts a fair share of which 90% are right."


def _confidence_axis(axes: Axes, unit: str) -> None:
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("confidence of the answer")
    axes.set_ylabel(unit)
    axes.tick_params(colors=GREY)


def _share_axis(axes: Axes) -> None:
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def _drawing(
    name: str,
    title: str,
    note: str,
    plot: Callable[..., None],
    panels: int = 1,
    size: tuple[float, float] | None = None,
) -> Drawing:
    """A figure with panels side by side, as an `<svg>` element that scales with the page."""
    width, height = size or (_SIZE[0] * max(1, 0.6 * panels), _SIZE[1])
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        plot(*np.ravel(figure.subplots(1, panels)))
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return Drawing(name, title, note, _element(buffer.getvalue(), name, note), figure)


def _element(svg: str, name: str, description: str) -> str:
    """The element without its preamble, described in words, its ids its own in the page."""
    svg = svg[svg.index("<svg") :]
    own = f"{name}-"
    svg = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{own}", svg)
    described = f'<svg role="img" aria-label="{html.escape(description, quote=True)}"'
    return svg.replace("<svg", described, 1)
