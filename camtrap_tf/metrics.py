"""Metrics: sums and counts that are merged and divided once; NumPy only.

Two rules hold throughout. A row whose label is missing (-1) is not scored. A row that has a
label but no answer (NaN probabilities, class -1) is scored as wrong: a picture that could not
be read, or that stage 1 took for empty, is not left out of the figure.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from camtrap_tf.labels import BINARY, EMPTY, MISSING
from camtrap_tf.predictions import ANIMAL, Predictions

TOP = 5  # the paper's second figure for species: is the truth among the five best guesses?


@dataclasses.dataclass(frozen=True)
class Ratio:
    """A sum and how many it is over; ratios of parts add up to the ratio of the whole.

    >>> (Ratio(1, 2) + Ratio(5, 6)).value
    0.75
    """

    sum: float = 0.0
    count: int = 0

    @classmethod
    def of(cls, values: np.ndarray) -> "Ratio":
        """Sum and number of `values` (any shape, bool or float)."""
        return cls(float(np.sum(values)), int(np.size(values)))

    def __add__(self, other: "Ratio") -> "Ratio":
        return Ratio(self.sum + other.sum, self.count + other.count)

    @property
    def value(self) -> float:
        """sum / count, NaN over nothing."""
        return self.sum / self.count if self.count else float("nan")


def top_k(probabilities: np.ndarray, labels: np.ndarray, k: int = 1) -> Ratio:
    """How often the true class is among the `k` most probable ones.

    Equal probabilities are ranked by class index, as argmax ranks them.

    Args:
        probabilities: [n, classes] float, NaN rows without an answer.
        labels: [n] integers, -1 missing.
        k: at least 1.
    """
    scored = labels != MISSING
    probabilities, labels = probabilities[scored], labels[scored]
    own = probabilities[np.arange(len(labels)), labels][:, None]
    before = np.arange(probabilities.shape[1]) < labels[:, None]
    rank = np.sum((probabilities > own) | ((probabilities == own) & before), axis=1)
    return Ratio.of((rank < k) & ~np.isnan(own[:, 0]))


def within_one_bin(predicted: np.ndarray, labels: np.ndarray) -> Ratio:
    """How often the answer is the true bin or a neighbour of it.

    Args:
        predicted: [n] integers, index of the bin answered, -1 without an answer.
        labels: [n] integers, -1 missing.
    """
    scored = labels != MISSING
    predicted, labels = predicted[scored].astype(int), labels[scored].astype(int)
    return Ratio.of((np.abs(predicted - labels) <= 1) & (predicted != MISSING))


def multilabel(predicted: np.ndarray, labels: np.ndarray) -> dict[str, Ratio]:
    """Accuracy, precision and recall of a set of attributes, averaged over pictures.

    For one picture with the set P predicted and the set T true: accuracy |P∩T| / |P∪T|,
    precision |P∩T| / |P|, recall |P∩T| / |T|; each counts as 1 where its denominator is 0
    (the authors' released code). An attribute whose label is missing belongs to neither set;
    a picture without any label is not scored. A picture without an answer scores 0.

    Args:
        predicted: [n, attributes] integers: 1 yes, 0 no, -1 without an answer.
        labels: [n, attributes] integers: 1 yes, 0 no, -1 missing.

    Returns:
        Ratios `accuracy`, `precision`, `recall`.
    """
    known = labels != MISSING
    scored = known.any(axis=1)
    yes, true = ((predicted == 1) & known)[scored], (labels == 1)[scored]
    answered = ((predicted != MISSING) | ~known)[scored].all(axis=1)
    both = (yes & true).sum(axis=1)
    sizes = {
        "accuracy": (yes | true).sum(axis=1),
        "precision": yes.sum(axis=1),
        "recall": true.sum(axis=1),
    }
    return {
        name: Ratio.of(np.where(size == 0, 1.0, both / np.maximum(size, 1)) * answered)
        for name, size in sizes.items()
    }


def confusion(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """[classes, classes + 1] int64: row = truth, column = answer, last column = no answer.

    Matrices of parts add up to the matrix of the whole.

    Args:
        predicted: [n] integers, -1 without an answer.
        labels: [n] integers, -1 missing.
        classes: number of classes.
    """
    scored = labels != MISSING
    answer = np.where(predicted == MISSING, classes, predicted)[scored].astype(np.int64)
    cells = labels[scored].astype(np.int64) * (classes + 1) + answer
    return np.bincount(cells, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


def per_class(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of each class, from a `confusion` matrix.

    Returns:
        [classes] arrays: `support` (pictures of the class), `predicted` (pictures answered
        so), `precision`, `recall`, `f1`; NaN where a denominator is 0.
    """
    right = np.diagonal(matrix).astype(float)
    support, predicted = matrix.sum(axis=1), matrix[:, :-1].sum(axis=0)
    with np.errstate(invalid="ignore"):
        return {
            "support": support,
            "predicted": predicted,
            "precision": right / predicted,
            "recall": right / support,
            "f1": 2 * right / (support + predicted),
        }


def majority(labels: np.ndarray, reference: np.ndarray | None = None) -> tuple[int, Ratio]:
    """What the constant answer 'the most frequent class' scores: the floor for a model.

    Args:
        labels: [n] integers to score on, -1 missing.
        reference: labels to take the most frequent class from, such as the training set's;
            `labels` themselves when None.

    Returns:
        The class (-1 where there is no label), and its share among `labels`.
    """
    reference = labels if reference is None else reference
    counts = np.bincount(reference[reference != MISSING].astype(int))
    most = int(counts.argmax()) if counts.size else MISSING
    return most, Ratio.of(labels[labels != MISSING] == most)


def right_answers(predictions: Predictions) -> np.ndarray:
    """[rows] float: 1 where `answers()` is the truth, 0 where not, NaN where that is not known.

    No answer is not the truth. Where only 'an animal' is known, or answered, every animal is
    right.
    """
    truths, answers = predictions.truths(), predictions.answers()
    coarse = ((truths == ANIMAL) | (answers == ANIMAL)).fillna(False).to_numpy(bool)
    same = (truths == answers).fillna(False).to_numpy(bool)
    same_kind = ((truths == EMPTY) == (answers == EMPTY)).fillna(False).to_numpy(bool)
    right = np.where(coarse, same_kind, same).astype(float)
    right[truths.isna().to_numpy(bool)] = np.nan
    return right


def evaluate(predictions: Predictions) -> dict:
    """All figures of labelled predictions, as JSON values.

    Returns:
        `images` and, where pictures carry event ids and event labels, `events`; each with
        `rows`, `unreadable`, and `heads`: by head name `scored`, `unanswered` (scored as
        wrong), `top1`, `top5` (more than five classes), `majority` and `majority_class` (the
        constant answer), `within_one` (count), `precision`, `recall` and `animal_recall`
        (empty), `mean_recall` and `per_class` (more than two classes). `attributes` holds
        the multi-label figures. `answer` scores what the two stages say together: 'empty' or
        the species. A head without labels is left out; a figure over nothing is None.
    """
    scores = {"images": _level(predictions)}
    if predictions.event_labels and predictions.ids["event_id"].notna().any():
        scores["events"] = _level(predictions.by_event())
    return scores


def _level(predictions: Predictions) -> dict:
    labels = {
        head: np.asarray(values)
        for head, values in predictions.labels.items()
        if head in predictions.classes and np.any(np.asarray(values) != MISSING)
    }
    level = {
        "rows": len(predictions),
        "unreadable": int(predictions.ids["failure"].notna().sum()),
        "heads": {head: _head(predictions, head, values) for head, values in labels.items()},
    }
    attributes = [head for head in labels if _is_attribute(head, predictions.classes[head])]
    if attributes:
        level["attributes"] = _attributes(predictions, attributes)
    if EMPTY in labels and "species" in labels:
        level["answer"] = _answer(predictions)
    return level


def _is_attribute(head: str, names: Sequence[str]) -> bool:
    return head != EMPTY and tuple(names) == BINARY


def _head(predictions: Predictions, head: str, labels: np.ndarray) -> dict:
    probabilities, names = predictions.probabilities[head], predictions.classes[head]
    predicted = predictions.top(head)
    scored = labels != MISSING
    most, share = majority(labels)
    entry = {
        "scored": int(scored.sum()),
        "unanswered": int((scored & (predicted == MISSING)).sum()),
        "top1": top_k(probabilities, labels).value,
        "majority": share.value,
        "majority_class": names[most],
    }
    if len(names) > TOP:
        entry["top5"] = top_k(probabilities, labels, TOP).value
    if head == "count":
        entry["within_one"] = within_one_bin(predicted, labels).value
    figures = per_class(confusion(predicted, labels, len(names)))
    if head == EMPTY:
        entry["precision"], entry["recall"] = (figures[key][1] for key in ("precision", "recall"))
        entry["animal_recall"] = figures["recall"][0]
    elif len(names) > 2:
        seen = figures["support"] > 0
        entry["mean_recall"] = figures["recall"][seen].mean()
        entry["per_class"] = _by_name(figures, names)
    return _plain(entry)


def _by_name(figures: dict[str, np.ndarray], names: Sequence[str]) -> dict[str, dict]:
    """Figures of the classes that occur or are answered, by class name."""
    occurs = np.flatnonzero(figures["support"] + figures["predicted"])
    return {
        names[int(i)]: _plain({key: values[i] for key, values in figures.items()}) for i in occurs
    }


def _attributes(predictions: Predictions, heads: list[str]) -> dict:
    predicted = np.stack([predictions.top(head) for head in heads], axis=1)
    labels = np.stack([predictions.labels[head] for head in heads], axis=1)
    ratios = multilabel(predicted, labels)
    scored = ratios["accuracy"].count
    return {"scored": scored} | _plain({name: ratio.value for name, ratio in ratios.items()})


def _answer(predictions: Predictions) -> dict:
    """Accuracy of 'empty' or the species, on pictures whose truth is one of them."""
    truths, answers = predictions.truths(), predictions.answers()
    scored = (truths.fillna(ANIMAL) != ANIMAL).to_numpy(bool)
    counts = truths[scored].value_counts()
    entry = {
        "scored": int(scored.sum()),
        "unanswered": int(answers[scored].isna().sum()),
        "top1": Ratio.of(right_answers(predictions)[scored]).value,
        "majority": Ratio(counts.iloc[0], int(scored.sum())).value,
        "majority_class": counts.index[0],
    }
    return _plain(entry)


def _plain(entry: dict) -> dict:
    """NumPy scalars as Python's, NaN as None."""
    plain = {key: v.item() if isinstance(v, np.generic) else v for key, v in entry.items()}
    return {key: None if value != value else value for key, value in plain.items()}


_MULTILABEL = ("accuracy", "precision", "recall")
_COLUMNS = {
    "scored": "scored",
    "unanswered": "no answer",
    "top1": "top-1",
    "top5": "top-5",
    "within_one": "±1 bin",
    "majority": "majority",
    "majority_class": "majority class",
}


def table(scores: dict) -> str:
    """`evaluate`'s figures as plain text, for a terminal."""
    parts = []
    for level, title in (("images", "pictures"), ("events", "capture events")):
        if level in scores:
            parts += [*_level_lines(scores[level], title), ""]
    species = scores["images"]["heads"].get("species", {}).get("per_class")
    if species:
        parts += _class_lines(species)
    return "\n".join(parts).rstrip()


def _level_lines(level: dict, title: str) -> list[str]:
    entries = level["heads"] | ({"answer": level["answer"]} if "answer" in level else {})
    rows = [[name, *(_cell(entry.get(key)) for key in _COLUMNS)] for name, entry in entries.items()]
    lines = [f"{level['rows']:,} {title}, {level['unreadable']:,} unreadable"]
    if not entries:
        return [*lines, "no labels, nothing to score"]
    lines += _grid(["head", *_COLUMNS.values()], rows)
    if EMPTY in entries:
        empty = entries[EMPTY]
        lines.append(
            f"empty pictures: precision {_cell(empty['precision'])}, recall "
            f"{_cell(empty['recall'])}; animals found {_cell(empty['animal_recall'])}"
        )
    if "attributes" in level:
        figures = (f"{key} {_cell(level['attributes'][key])}" for key in _MULTILABEL)
        lines.append("attributes together: " + ", ".join(figures))
    return lines


def _class_lines(classes: dict[str, dict]) -> list[str]:
    """Species by number of pictures, most frequent first."""
    keys = ("support", "predicted", "precision", "recall", "f1")
    ordered = sorted(classes.items(), key=lambda item: -item[1]["support"])
    rows = [[name, *(_cell(entry[key]) for key in keys)] for name, entry in ordered]
    return _grid(["species", "pictures", "answered", "precision", "recall", "F1"], rows)


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.1%}"
    return value if isinstance(value, str) else f"{value:,}"


def _grid(header: list[str], rows: Iterable[list[str]]) -> list[str]:
    """Lines with aligned columns: the first to the left, the others to the right."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
