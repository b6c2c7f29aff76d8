"""Metrics: sums and counts that are merged and divided once; NumPy and SciPy only.

Two rules hold throughout. A row whose label is missing (-1) is not scored. A row that has a
label but no answer (NaN probabilities, class -1) is scored as wrong: a picture that could not
be read, or that stage 1 took for empty, is not left out of the figure.
"""

import dataclasses
import json
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from camtrap_tf.answers import calibration, intervals
from camtrap_tf.answers.event_rules import log_probabilities
from camtrap_tf.answers.predictions import ANIMAL, Predictions
from camtrap_tf.core import heads
from camtrap_tf.core.artifacts import PathLike, existing_file, read_json, write_json
from camtrap_tf.core.labels import BINARY, EMPTY, MISSING

KIND, VERSION = "metrics", 1
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
        """Sum and number of `values` (any shape, bool or float); NaN is not scored."""
        scored = ~np.isnan(values)
        return cls(float(np.sum(values, where=scored)), int(np.sum(scored)))

    def __add__(self, other: "Ratio") -> "Ratio":
        return Ratio(self.sum + other.sum, self.count + other.count)

    @property
    def value(self) -> float:
        """sum / count, NaN over nothing."""
        return self.sum / self.count if self.count else float("nan")


def top_k_rows(probabilities: np.ndarray, labels: np.ndarray, k: int = 1) -> np.ndarray:
    """[n] float: 1 where the true class is among the `k` most probable, else 0; NaN unlabelled.

    Equal probabilities are ranked by class index, as argmax ranks them.

    Args:
        probabilities: [n, classes] float, NaN rows without an answer.
        labels: [n] integers, -1 missing.
        k: at least 1.
    """
    scored = np.flatnonzero(labels != MISSING)
    kept, truth = probabilities[scored], labels[scored].astype(int)
    own = kept[np.arange(len(truth)), truth][:, None]
    before = np.arange(kept.shape[1]) < truth[:, None]
    rank = np.sum((kept > own) | ((kept == own) & before), axis=1)
    return _spread((rank < k) & ~np.isnan(own[:, 0]), scored, len(labels))


def _spread(values: np.ndarray, rows: np.ndarray, number: int) -> np.ndarray:
    """[number] float: `values` in their rows, NaN elsewhere."""
    spread = np.full(number, np.nan)
    spread[rows] = values
    return spread


def top_k(probabilities: np.ndarray, labels: np.ndarray, k: int = 1) -> Ratio:
    """How often the true class is among the `k` most probable ones; see `top_k_rows`."""
    return Ratio.of(top_k_rows(probabilities, labels, k))


def within_one_bin_rows(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """[n] float: 1 where the answer is the true bin or a neighbour, else 0; NaN unlabelled.

    Args:
        predicted: [n] integers, index of the bin answered, -1 without an answer.
        labels: [n] integers, -1 missing.
    """
    near = np.abs(predicted.astype(int) - labels.astype(int)) <= 1
    return np.where(labels != MISSING, near & (predicted != MISSING), np.nan)


def within_one_bin(predicted: np.ndarray, labels: np.ndarray) -> Ratio:
    """How often the answer is the true bin or a neighbour; see `within_one_bin_rows`."""
    return Ratio.of(within_one_bin_rows(predicted, labels))


def multilabel_rows(predicted: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy, precision and recall of a set of attributes, picture by picture.

    For one picture with the set P predicted and the set T true: accuracy |P∩T| / |P∪T|,
    precision |P∩T| / |P|, recall |P∩T| / |T|; each counts as 1 where its denominator is 0
    (the authors' released code). An attribute whose label is missing belongs to neither set;
    a picture without any label is not scored. A picture without an answer scores 0.

    Args:
        predicted: [n, attributes] integers: 1 yes, 0 no, -1 without an answer.
        labels: [n, attributes] integers: 1 yes, 0 no, -1 missing.

    Returns:
        `accuracy`, `precision`, `recall`: [n] float, NaN where not scored.
    """
    known = labels != MISSING
    yes, true = (predicted == 1) & known, labels == 1
    answered = ((predicted != MISSING) | ~known).all(axis=1)
    both = (yes & true).sum(axis=1)
    sizes = {
        "accuracy": (yes | true).sum(axis=1),
        "precision": yes.sum(axis=1),
        "recall": true.sum(axis=1),
    }
    return {
        name: np.where(
            known.any(axis=1),
            np.where(size == 0, 1.0, both / np.maximum(size, 1)) * answered,
            np.nan,
        )
        for name, size in sizes.items()
    }


def multilabel(predicted: np.ndarray, labels: np.ndarray) -> dict[str, Ratio]:
    """`multilabel_rows` averaged over pictures: Ratios `accuracy`, `precision`, `recall`."""
    return {name: Ratio.of(v) for name, v in multilabel_rows(predicted, labels).items()}


def confusion(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """[classes, classes + 1] int64: row = truth, column = answer, last column = no answer.

    Matrices of parts add up to the matrix of the whole.

    Args:
        predicted: [n] integers, -1 without an answer.
        labels: [n] integers, -1 missing.
        classes: number of classes.
    """
    scored = labels != MISSING
    cells = _cells(predicted[scored], labels[scored], classes)
    return np.bincount(cells, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


def _cells(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    answer = np.where(predicted == MISSING, classes, predicted).astype(np.int64)
    return labels.astype(np.int64) * (classes + 1) + answer


def per_class(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of each class, from `confusion` matrices.

    Args:
        matrix: [..., classes, classes + 1] numbers.

    Returns:
        [..., classes] arrays: `support` (pictures of the class), `predicted` (pictures answered
        so), `precision`, `recall`, `f1`; NaN where a denominator is 0.
    """
    right = np.diagonal(matrix, axis1=-2, axis2=-1).astype(float)
    support, predicted = matrix.sum(axis=-1), matrix[..., :-1].sum(axis=-2)
    with np.errstate(invalid="ignore"):
        return {
            "support": support,
            "predicted": predicted,
            "precision": right / predicted,
            "recall": right / support,
            "f1": 2 * right / (support + predicted),
        }


def averages(figures: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Macro and weighted means of `per_class` figures, over classes that occur or are answered.

    A precision or recall over nothing counts as 0, as in scikit-learn.

    Returns:
        `precision_macro`, `precision_weighted`, `recall_macro` ... [...] float; and
        `mean_recall`, over the classes that occur only.
    """
    support, seen = figures["support"], figures["support"] + figures["predicted"] > 0
    means = {}
    with np.errstate(invalid="ignore"):
        for name in ("precision", "recall", "f1"):
            values = np.nan_to_num(figures[name])
            means[f"{name}_macro"] = np.sum(values * seen, axis=-1) / seen.sum(axis=-1)
            means[f"{name}_weighted"] = np.sum(values * support, -1) / support.sum(axis=-1)
        occurs = (support > 0).sum(axis=-1)
        means["mean_recall"] = np.nan_to_num(figures["recall"]).sum(axis=-1) / occurs
    return means


def average_precision(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """[classes] float: area under each class's precision-recall steps; NaN where none is true.

    The mean, over the pictures of the class, of the precision among all pictures that get at
    least this picture's probability. A picture without an answer adds 0.

    Args:
        probabilities: [n, classes] float, NaN rows without an answer.
        labels: [n] integers, -1 missing.
    """
    known = labels != MISSING
    columns, labels = np.ascontiguousarray(probabilities[known].T), labels[known]
    areas = np.full(len(columns), np.nan)
    for index, scores in enumerate(columns):
        own = scores[labels == index]
        everybody, answered = np.sort(scores[~np.isnan(scores)]), np.sort(own[~np.isnan(own)])
        above = len(everybody) - np.searchsorted(everybody, answered)
        right = len(answered) - np.searchsorted(answered, answered)
        if len(own):
            areas[index] = np.sum(right / above) / len(own)
    return areas


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> Ratio:
    """Minus the log of the true class's probability, over rows with a label and an answer."""
    scored = np.flatnonzero((labels != MISSING) & ~np.isnan(probabilities[:, 0]))
    own = probabilities[scored, labels[scored].astype(int)]
    return Ratio.of(-log_probabilities(own))


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
    truths, answers = predictions.truth_codes(), predictions.answer_codes()
    animal, empty = (predictions.words.index(word) for word in (ANIMAL, EMPTY))
    coarse = (truths == animal) | (answers == animal)
    same_kind = (truths == empty) == (answers == empty)
    right = np.where(coarse, same_kind, truths == answers) & (answers != MISSING)
    return np.where(truths == MISSING, np.nan, right)


def called_unknown(predictions: Predictions) -> np.ndarray:
    """[rows] float: 1 where a known animal is answered 'unknown', 0 where not, else NaN.

    Scored are pictures whose species is labelled and that are not judged empty.
    """
    truths, words = predictions.truth_codes(), predictions.words
    animal = (truths != MISSING) & ~np.isin(truths, [words.index(ANIMAL), words.index(EMPTY)])
    scored = animal & (predictions.answer_codes() != MISSING) & ~predictions.judged_empty()
    return np.where(scored, predictions.judged_unknown(), np.nan)


def evaluate(predictions: Predictions) -> dict:
    """All figures of labelled predictions, as JSON values.

    A figure NAME that is a mean comes with NAME_interval, its 95% interval when capture events
    are drawn anew (`intervals`).

    Returns:
        `images` and, where pictures carry event ids and event labels, `events`; each with
        `rows`, `unreadable`, and `heads`: by head name `scored`, `unanswered` (scored as
        wrong), `top1` (of `empty`: with the animal threshold), `top5` (more than five
        classes), `majority` and `majority_class` (the constant answer), `within_one` and
        `bins_hit` (count), `log_loss`, `brier`, `calibration_error` (of answers given),
        `precision`, `recall` and `animal_recall` (empty), `mean_recall`, `f1_macro`,
        `f1_weighted`, `mean_average_precision` and `per_class` (not of yes-or-no heads).
        `attributes` holds the multi-label figures. `answer` scores what the two stages say
        together: 'empty' or the species; 'unknown' is wrong where the species is known.
        `called_unknown`, of models that say so, is the share of such animals. A head without
        labels is left out; a figure over nothing is None. Where pictures were read with their
        events, `images_alone` has what each says by itself.
    """
    scores = {"images": _level(predictions)}
    if predictions.own:
        scores["images_alone"] = _level(predictions.alone())
    if predictions.event_labels and predictions.ids["event_id"].notna().any():
        scores["events"] = _level(predictions.by_event())
    return scores


def _level(predictions: Predictions) -> dict:
    labels = {
        head: np.asarray(values)
        for head, values in predictions.labels.items()
        if head in predictions.classes and np.any(np.asarray(values) != MISSING)
    }
    events = predictions.event_codes()
    level = {
        "rows": len(predictions),
        "unreadable": int(predictions.ids["failure"].notna().sum()),
        "heads": {h: _head(predictions, h, values, events) for h, values in labels.items()},
    }
    attributes = heads.attributes({head: predictions.classes[head] for head in labels})
    if attributes:
        level["attributes"] = _attributes(predictions, attributes, events)
    if EMPTY in labels and "species" in labels:
        level["answer"] = _answer(predictions, events)
    if predictions.info.get("familiarity_threshold") is not None:
        level |= _plain(_mean("called_unknown", called_unknown(predictions), events))
    return level


def _head(predictions: Predictions, head: str, labels: np.ndarray, events: np.ndarray) -> dict:
    probabilities, names = predictions.probabilities[head], predictions.classes[head]
    predicted = predictions.decided(head)
    scored = labels != MISSING
    most, share = majority(labels)
    entry = {
        "scored": int(scored.sum()),
        "unanswered": int((scored & (predicted == MISSING)).sum()),
        "majority": share.value,
        "majority_class": names[most],
        "log_loss": log_loss(probabilities, labels).value,
    }
    right = np.where(scored, predicted == labels, np.nan)
    entry |= _mean("top1", right, events)
    entry |= calibration.errors(probabilities, labels)
    if len(names) > TOP:
        entry |= _mean("top5", top_k_rows(probabilities, labels, TOP), events)
    if heads.find(head, names).kind is heads.Kind.ORDERED:
        entry |= _mean("within_one", within_one_bin_rows(predicted, labels), events)
        low, high = predictions.interval(head)
        entry |= _mean("bins_hit", np.where(scored, _inside(labels, low, high), np.nan), events)
    cells = _cells(predicted[scored], labels[scored], len(names))
    entry |= _class_figures(head, names, cells, events[scored])
    if tuple(names) != BINARY:
        areas = average_precision(probabilities, labels)
        entry["mean_average_precision"] = np.nanmean(areas)
        for name, figures in entry["per_class"].items():
            figures |= _plain({"average_precision": areas[names.index(name)]})
    return _plain(entry)


def _inside(labels: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return (low != MISSING) & (low <= labels) & (labels <= high)


def _mean(name: str, values: np.ndarray, events: np.ndarray) -> dict:
    """A figure and its interval: values [rows] float, NaN not scored."""
    return {name: Ratio.of(values).value, f"{name}_interval": intervals.ratio(values, events)}


def _class_figures(
    head: str, names: tuple[str, ...], cells: np.ndarray, events: np.ndarray
) -> dict:
    """Figures that come from the confusion matrix, with intervals."""
    shape = (len(names), len(names) + 1)
    number = shape[0] * shape[1]
    figures = per_class(np.bincount(cells, minlength=number).reshape(shape))
    drawn = per_class(intervals.confusions(cells, number, events).reshape(-1, *shape))
    truth, answer = np.divmod(cells, shape[1])
    right = (truth == answer).astype(float)
    for name, kind in (("recall", truth), ("precision", answer)):
        figures[f"{name}_interval"] = np.array(
            [intervals.ratio(right[kind == i], events[kind == i]) for i in range(shape[0])]
        )
    figures["f1_interval"] = intervals.quantiles(drawn["f1"]).T
    if not heads.find(head, names).of_animals:
        named = {
            "precision": ("precision", 1),
            "recall": ("recall", 1),
            "animal_recall": ("recall", 0),
        }
        return {
            name + suffix: figures[key + suffix][index]
            for name, (key, index) in named.items()
            for suffix in ("", "_interval")
        }
    if tuple(names) == BINARY:
        return {}
    entry = {}
    means, drawn_means = averages(figures), averages(drawn)
    for name in ("mean_recall", "f1_macro", "f1_weighted"):
        entry[name] = means[name]
        entry[f"{name}_interval"] = intervals.quantiles(drawn_means[name])
    return entry | {"per_class": _by_name(figures, names)}


def _by_name(figures: dict[str, np.ndarray], names: Sequence[str]) -> dict[str, dict]:
    """Figures of the classes that occur or are answered, by class name."""
    occurs = np.flatnonzero(figures["support"] + figures["predicted"])
    return {
        names[int(i)]: _plain({key: values[i] for key, values in figures.items()}) for i in occurs
    }


def _attributes(predictions: Predictions, heads: list[str], events: np.ndarray) -> dict:
    predicted = np.stack([predictions.top(head) for head in heads], axis=1)
    labels = np.stack([predictions.labels[head] for head in heads], axis=1)
    rows = multilabel_rows(predicted, labels)
    entry: dict = {"scored": Ratio.of(rows["accuracy"]).count}
    for name, values in rows.items():
        entry |= _mean(name, values, events)
    return _plain(entry)


def _answer(predictions: Predictions, events: np.ndarray) -> dict:
    """Accuracy of 'empty' or the species, on pictures whose truth is one of them."""
    truths, words = predictions.truth_codes(), predictions.words
    scored = (truths != MISSING) & (truths != words.index(ANIMAL))
    most, share = majority(truths[scored])
    entry = {
        "scored": int(scored.sum()),
        "unanswered": int((predictions.answer_codes()[scored] == MISSING).sum()),
        "majority": share.value,
        "majority_class": words[most],
    }
    right = np.where(scored, right_answers(predictions), np.nan)
    return _plain(entry | _mean("top1", right, events))


def by_place(predictions: Predictions, column: str = "site") -> list[dict]:
    """How often answers are right at each site (or in each season), worst first.

    Args:
        predictions: labelled, one row per picture or event.
        column: of `ids`.

    Returns:
        Per place `name`, `rows`, `events`, `right` and `right_interval` (95%, events drawn
        anew), `empty` (share of empty truths), and `worse`: the whole interval lies below
        the accuracy on the other places together. Places without labels are left out.
    """
    right, events = right_answers(predictions), predictions.event_codes()
    empty = predictions.truth_codes() == predictions.words.index(EMPTY)
    codes, names = pd.factorize(predictions.ids[column])
    scored = np.flatnonzero(~np.isnan(right) & (codes >= 0))
    scored = scored[np.argsort(codes[scored], kind="stable")]
    whole, places = Ratio.of(right[scored]), []
    for rows in np.split(scored, np.flatnonzero(np.diff(codes[scored])) + 1):
        if len(rows):
            here = Ratio.of(right[rows])
            rest = Ratio(whole.sum - here.sum, whole.count - here.count).value
            entry = _mean("right", right[rows], np.unique(events[rows], return_inverse=True)[1])
            entry |= {
                "name": str(names[codes[rows[0]]]),
                "rows": len(rows),
                "events": len(np.unique(events[rows])),
                "empty": empty[rows].mean(),
                "worse": bool(entry["right_interval"][1] < rest),
            }
            places.append(_plain(entry))
    return sorted(places, key=lambda place: (place["right"], place["name"]))


def _plain(entry: dict) -> dict:
    """NumPy values as Python's, NaN as None."""

    def plain(value: object) -> object:
        if isinstance(value, np.ndarray | tuple):
            return [plain(part) for part in value]
        value = value.item() if isinstance(value, np.generic) else value
        return None if value != value else value

    return {key: plain(value) for key, value in entry.items()}


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


_LEVELS = {
    "images": "pictures",
    "images_alone": "pictures, each by itself",
    "events": "capture events",
}


def table(scores: dict) -> str:
    """`evaluate`'s figures as plain text, for a terminal."""
    parts = []
    for level, title in _LEVELS.items():
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
    if level.get("called_unknown") is not None:
        lines.append(f"known animals called unknown: {_cell(level['called_unknown'])}")
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


def write(scores: dict, path: PathLike) -> None:
    """Writes figures as JSON (`metrics.json`), stamped and with a checksum."""
    write_json(path, KIND, VERSION, scores)


def read(path: PathLike) -> dict:
    """Reads what `write` wrote, or an earlier version, which put no stamp on it.

    Raises:
        InputError: no such file, or another one; also where it is damaged.
    """
    content = json.loads(existing_file(path, "a file of metrics").read_text(encoding="utf-8"))
    return read_json(path, KIND, VERSION) if "artifact" in content else content
