"""From predictions to rows: the paper's figures with their intervals."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from camtrap_tf.answers import metrics
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import EMPTY
from experiments import draws
from experiments import published as paper
from experiments.lab import Job, Lab, NotAvailable
from experiments.rows import Row

# Our name of a figure -> where `metrics.evaluate` keeps it.
PLACES = {
    paper.EMPTY_TOP1: ("heads", EMPTY, "top1"),
    paper.SPECIES_TOP1: ("heads", "species", "top1"),
    paper.SPECIES_TOP5: ("heads", "species", "top5"),
    paper.COUNT_TOP1: ("heads", "count", "top1"),
    paper.COUNT_NEAR: ("heads", "count", "within_one"),
    **{f"attributes {n}": ("attributes", n) for n in ("accuracy", "precision", "recall")},
}
SPECIES = (paper.SPECIES_TOP1, paper.SPECIES_TOP5)
COUNT = (paper.COUNT_TOP1, paper.COUNT_NEAR)


def figures(
    predictions: Predictions,
    subject: str,
    names: Sequence[str],
    published: Mapping[tuple[str, str], float],
    by_event: bool = False,
    note: str = "",
) -> list[Row]:
    """Rows of the named figures; a figure without labels has a row that says so.

    Args:
        predictions: one row per picture.
        subject: what answered, such as an architecture.
        names: keys of `PLACES`.
        published: the paper's figures by (subject, figure).
        by_event: score whole events, by mean probability over their pictures.
        note: for every row.
    """
    level = metrics.evaluate(predictions).get("events" if by_event else "images", {})
    split = predictions.info.get("split", "")
    return [
        _row(level, subject, name, split, published.get((subject, name)), note) for name in names
    ]


def _row(level: dict, subject: str, name: str, split: str, known: float | None, note: str) -> Row:
    *path, key = PLACES[name]
    entry = level
    for part in path:
        entry = entry.get(part, {})
    if entry.get(key) is None:
        return Row(subject, name, split, published=known, note=note or "no such labels here")
    low, high = entry.get(f"{key}_interval") or (None, None)
    return Row(subject, name, split, entry[key], low, high, entry["scored"], known, note)


def compare(
    lab: Lab,
    jobs: Sequence[Job],
    split: str,
    names: Sequence[str],
    published: Mapping[tuple[str, str], float],
    by_event: bool = False,
    with_ensemble: bool = False,
) -> list[Row]:
    """`figures` of several networks on a split and, if asked, of their ensemble.

    A network that there is not has one row with the reason. The paper's figures of networks
    that the scale leaves out follow.
    """

    def score(subject: str, get: Callable[[], Predictions]) -> list[Row]:
        try:
            return figures(get(), subject, names, published, by_event)
        except NotAvailable as reason:
            known = {name: published.get((subject, name)) for name in names}
            return [Row(subject, n, split, published=v, note=str(reason)) for n, v in known.items()]

    rows = []
    for job in jobs:
        rows += score(job.architecture, lambda job=job: lab.predictions(job, split))
    if with_ensemble:
        rows += score(paper.ENSEMBLE, lambda: lab.ensemble(jobs, split))
    named = {(row.subject, row.figure) for row in rows}
    return rows + [
        Row(subject, figure, published=value, note="published only")
        for (subject, figure), value in published.items()
        if (subject, figure) not in named
    ]


def guarded(subject: str, figure: str, split: str, rows: Callable[[], list[Row]]) -> list[Row]:
    """`rows()`, or one empty row with the reason why there are none."""
    try:
        return rows()
    except NotAvailable as reason:
        return [Row(subject, figure, split, note=str(reason))]


def coverage(
    right: np.ndarray, confidence: np.ndarray, events: np.ndarray, thresholds: Sequence[float]
) -> list[tuple[float, float, tuple[float, float], float]]:
    """What remains, and how good it is, when unsure answers are left to people.

    Args:
        right: [rows] float, 1 right, 0 wrong, NaN unlabelled.
        confidence: [rows] float, NaN without an answer (never kept).
        events: [rows] int, the row's event.
        thresholds: least confidences that are kept.

    Returns:
        Per threshold: itself, accuracy of what is kept, its interval, share kept.
    """
    scored = ~np.isnan(right)
    points = []
    for threshold in thresholds:
        kept = scored & (np.nan_to_num(confidence, nan=-1.0) >= threshold)
        accuracy, *interval = draws.share(np.where(kept, right, np.nan), events)
        points.append((threshold, accuracy, tuple(interval), kept.sum() / max(scored.sum(), 1)))
    return points


def right_and_confidence(predictions: Predictions, head: str) -> tuple[np.ndarray, np.ndarray]:
    """[rows] float each: whether the head's best guess is the label, and its probability."""
    labels = np.asarray(predictions.labels[head])
    right = np.where(labels >= 0, predictions.top(head) == labels, np.nan)
    return right, predictions.confidence(head)


def event_codes(predictions: Predictions) -> np.ndarray:
    """[rows] int: number of the row's event."""
    import pandas as pd

    return pd.factorize(predictions.ids["event_id"].fillna(predictions.ids["path"]))[0]
