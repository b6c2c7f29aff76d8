"""What predictions come to, in a few words: for the last lines of a verb."""

import numpy as np

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.commands import counted, listed
from camtrap_tf.core.labels import EMPTY, MISSING, UNKNOWN

# What the first three of them say that there are: how it is called, the head, the figure.
_FIGURES = (
    ("empty or not", EMPTY, "top1"),
    ("species of animals", "species", "top1"),
    ("both together", "answer", "top1"),
    ("species, each counting the same", "species", "mean_recall"),
    ("animals found", EMPTY, "animal_recall"),
    ("species among the five likeliest", "species", "top5"),
    ("number of animals, give or take a bin", "count", "within_one"),
)
_NUMBERS = 3
_SPOKEN = {(EMPTY, "no"): "animal", (EMPTY, "yes"): EMPTY}


def tally(predictions: Predictions) -> str:
    """How many pictures have which answer: empty ones first, unreadable ones last.

    Example: '90 pictures: 41 empty, 37 cow, 8 unknown, 4 unreadable.'
    """
    words = predictions.words
    sizes = np.zeros(len(words) + 1, np.int64)  # the last: without an answer
    for rows in predictions.blocks():
        codes = predictions.select(rows).answer_codes()
        sizes += np.bincount(np.where(codes == MISSING, len(words), codes), minlength=len(sizes))
    counts = dict(zip(words, sizes[:-1].tolist(), strict=True))
    ends = {name: counts.pop(name, 0) for name in (EMPTY, UNKNOWN)}
    animals = dict(sorted(counts.items(), key=lambda item: -item[1]))
    unreadable = int(predictions.ids["failure"].notna().sum())
    unanswered = int(sizes[-1]) - unreadable
    rest = {"without an answer": unanswered, "unreadable": unreadable}
    groups = ({EMPTY: ends[EMPTY]}, animals, {UNKNOWN: ends[UNKNOWN], **rest})
    said = ", ".join(filter(None, map(listed, groups)))
    return f"{counted(len(predictions), 'pictures')}: {said}." if said else "No pictures."


def numbers(scores: dict) -> list[str]:
    """The three figures that say most, with their 95% intervals, as lines for people.

    Args:
        scores: of `metrics.evaluate`.
    """
    level = scores["images"]
    entries = level["heads"] | ({"answer": level["answer"]} if "answer" in level else {})
    lines = []
    for name, head, figure in _FIGURES:
        entry = entries.get(head, {})
        if entry.get(figure) is not None and len(lines) < _NUMBERS:
            lines.append(f"{name}: {_with_interval(entry, figure)}{_beside(entry, head, figure)}")
    return lines


def _with_interval(entry: dict, figure: str) -> str:
    low, high = entry.get(f"{figure}_interval") or (None, None)
    text = f"{entry[figure]:.0%} right"
    return text if low is None or high is None else f"{text} [{low:.0%} to {high:.0%}]"


def _beside(entry: dict, head: str, figure: str) -> str:
    """How many pictures that rests on, and what the constant answer scores."""
    of = f" of {counted(entry['scored'], 'pictures')}" if "scored" in entry else ""
    if figure == "top1" and entry.get("majority") is not None:
        most = _SPOKEN.get((head, entry["majority_class"]), entry["majority_class"])
        return f"{of}; always saying '{most}': {entry['majority']:.0%}"
    return of
