"""The report's figures in words and tables: plain values for the template."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from camtrap_tf.answers import metrics
from camtrap_tf.answers.predictions import ANIMAL, Predictions
from camtrap_tf.core import heads
from camtrap_tf.core.heads import EMPTY, SPECIES

PLACES = 40  # worst sites listed
MISTAKES = 12  # most frequent confusions listed
PATHS = 100  # paths listed per reason of failure
NO_ANSWER = "no answer"
_WHITE, _DARK = np.array([255, 255, 255]), np.array([8, 69, 148])  # ends of the shading


def percent(share: float | None, digits: int = 1) -> str:
    """A share as people read it; what is not quite nothing or all is not shown as such.

    >>> percent(0.5), percent(0.9999), percent(0.0002), percent(1.0), percent(None)
    ('50.0%', '>99.9%', '<0.1%', '100%', '–')
    """
    if share is None or share != share:
        return "–"
    if share in (0, 1):
        return f"{share:.0%}"
    step = 10**-digits
    if 100 * share < step / 2 or 100 * share >= 100 - step / 2:
        return f"<{step:g}%" if share < 0.5 else f">{100 - step:g}%"
    return f"{share:.{digits}%}"


def plain_name(name: str) -> str:
    """A class name as words.

    >>> plain_name("striped_skunk"), plain_name("batEaredFox"), plain_name("Alces alces")
    ('striped skunk', 'bat eared fox', 'Alces alces')
    """
    words = re.sub("(?<=[a-z])[A-Z]", lambda capital: " " + capital[0].lower(), name)
    return words.replace("_", " ")


def facts(predictions: Predictions) -> list[str]:
    """Where and when the pictures were taken, as far as known."""
    ids = predictions.ids
    sites, times = ids["site"].nunique(), ids["datetime"].dropna()
    found = []
    if sites:
        found.append(f"{sites:,} camera sites" if sites > 1 else "1 camera site")
    if len(times):
        first, last = (f"{time.day} {time:%B %Y}" for time in (times.min(), times.max()))
        found.append(first if first == last else f"{first} to {last}")
    return found


@dataclasses.dataclass(frozen=True)
class Kind:
    """How many pictures and capture events got a kind of answer."""

    name: str
    pictures: int
    picture_share: float
    events: int | None
    event_share: float


def headline(predictions: Predictions) -> list[Kind]:
    """Everything, with an animal, empty, unreadable or unanswered.

    `events` is None where pictures carry no event ids.
    """
    pictures = _kinds(predictions)
    has_events = bool(predictions.ids["event_id"].notna().any())
    events = _kinds(predictions.by_event()) if has_events else {}
    return [
        Kind(
            name,
            count,
            count / max(pictures["all"], 1),
            events.get(name),
            events.get(name, 0) / max(events.get("all", 0), 1),
        )
        for name, count in pictures.items()
    ]


def _kinds(predictions: Predictions) -> dict[str, int]:
    answers, failed = predictions.answers(), predictions.ids["failure"].notna()
    counts = {
        "all": len(answers),
        "with an animal": int((answers.notna() & (answers != EMPTY).fillna(False)).sum()),
        "empty": int((answers == EMPTY).sum()),
        "not readable": int((answers.isna() & failed).sum()),
    }
    silent = int((answers.isna() & ~failed).sum())
    return counts | ({"without an answer": silent} if silent else {})


_TOGETHER = ("Empty or which species, both steps together", "answer", "top1", True)
_ATTRIBUTES = ("Which behaviours? Overlap of answer and truth", "attributes", "accuracy", False)
_LENIENT = {heads.Kind.CHOICE: "top5", heads.Kind.ORDERED: "within_one"}


def _questions(classes: dict[str, tuple[str, ...]]) -> list[tuple[str, str, str, bool]]:
    """What is asked, in order, whether it is scored or not.

    Returns:
        Question, head or part of `metrics.evaluate`, figure in it, and whether it has a
        majority figure.
    """
    found = []
    for name in heads.in_order(classes):
        row = heads.find(name, classes[name])
        if not row.is_attribute:
            question = row.question or f"{plain_name(name)}?"
            found.append((question, name, "top1", True))
        if row.lenient:
            found.append((row.lenient, name, _LENIENT[row.kind], False))
        if name == SPECIES:
            found.append(_TOGETHER)
    return [*found, _ATTRIBUTES]


def accuracy(scores: dict, predictions: Predictions) -> list[dict]:
    """One row per question that has labels: right among pictures, events, constant answer.

    Args:
        scores: `metrics.evaluate(predictions)`.
        predictions: labelled.
    """
    one_stage = predictions.one_stage
    asked = {"Which species?": "Empty, or which species?"} if one_stage else {}
    pictures, alone, events = (
        _entries(scores.get(level)) for level in ("images", "images_alone", "events")
    )
    questions = _questions(predictions.classes)
    asked_twice = [(*row, pictures) for row in questions]
    asked_twice += [
        (f"{row[0]} Each picture by itself", *row[1:], alone)
        for row in questions
        if row[1] in predictions.own
    ]
    rows = []
    for question, part, figure, has_majority, level in asked_twice:
        entry = level.get(part, {})
        if figure in entry:
            rows.append(
                {
                    "question": asked.get(question, question),
                    "pictures": entry[figure],
                    "pictures_interval": entry.get(f"{figure}_interval"),
                    "events": events.get(part, {}).get(figure),
                    "events_interval": events.get(part, {}).get(f"{figure}_interval"),
                    "majority": entry["majority"] if has_majority else None,
                    "majority_class": _constant(part, entry) if has_majority else "",
                    "scored": entry["scored"],
                }
            )
    return rows


def _entries(level: dict | None) -> dict[str, dict]:
    if level is None:
        return {}
    return level["heads"] | {key: level[key] for key in ("attributes", "answer") if key in level}


def interval(bounds: Sequence[float | None] | None, digits: int = 0) -> str:
    """An interval in words, '' where it is not known.

    >>> interval([0.5, 0.75]), interval(None)
    ('50% to 75%', '')
    """
    if bounds is None or any(bound is None or bound != bound for bound in bounds):
        return ""
    return " to ".join(percent(bound, digits) for bound in bounds)


def places(predictions: Predictions) -> list[dict]:
    """By site and by season: right answers, worst first; where there are at least two.

    Returns:
        Per column `title`, `places` (of `metrics.by_place`, at most PLACES) and `more`.
    """
    found = []
    for column, title in (("site", "Camera sites"), ("season", "Seasons")):
        if predictions.ids[column].nunique() > 1:
            rows = metrics.by_place(predictions, column)
            if rows:
                more = len(rows) - len(rows[:PLACES])
                found.append({"title": title, "places": rows[:PLACES], "more": more})
    return found


def comparison(predictions: Predictions, others: dict[str, Predictions]) -> list[dict]:
    """This report's pictures beside others, such as unseen sites or another season.

    Returns:
        Per set its `name`, `pictures`, `events`, `sites`, and `figures`: per question the
        figure and its interval, by picture and by event.
    """
    rows = []
    for name, one in {"these pictures": predictions, **others}.items():
        scores = metrics.evaluate(one)
        rows.append(
            {
                "name": name,
                "pictures": len(one),
                "events": int(one.ids["event_id"].nunique()),
                "sites": int(one.ids["site"].nunique()),
                "figures": {row["question"]: row for row in accuracy(scores, one)},
            }
        )
    return rows


def _constant(part: str, entry: dict) -> str:
    """The constant answer in words."""
    if part == EMPTY:
        return {"yes": "empty", "no": "animal"}[entry["majority_class"]]
    return plain_name(entry["majority_class"])


def empties(predictions: Predictions) -> dict | None:
    """How well empty pictures and animals are told apart; None where labels do not say.

    Returns:
        `animals`: share of the pictures with an animal that are taken for such; `empty`: share
        of the empty pictures that are; `called`: share of those called empty that are empty.
    """
    truths, answers = predictions.truths(), predictions.answers()
    known = truths.notna().to_numpy(bool)
    truths, answers = truths[known] == EMPTY, answers[known].fillna(NO_ANSWER)
    if not truths.any() or truths.all():
        return None
    called, answered = answers == EMPTY, answers != NO_ANSWER
    return {
        "animals": _ratio((~truths & ~called & answered).sum(), (~truths).sum()),
        "empty": _ratio((truths & called).sum(), truths.sum()),
        "called": _ratio((truths & called).sum(), called.sum()),
    }


def species(predictions: Predictions) -> list[dict]:
    """One row per answer that occurs, or is true: numbers of pictures and events.

    With labels also how many there are in truth, the share of them found, and the share of
    the answers that are right.
    """
    answers, truths = predictions.answers(), predictions.truths()
    said, there = answers.value_counts(), truths.value_counts()
    events = pd.Series(dtype=int)
    if predictions.ids["event_id"].notna().any():
        events = predictions.by_event().answers().value_counts()
    both = answers[(answers == truths).fillna(False).to_numpy(bool)].value_counts()
    checked = answers[truths.notna()].value_counts()
    names = sorted(set(said.index) | set(there.index), key=lambda n: (-said.get(n, 0), n))
    most = max((said.get(name, 0) for name in names if name != EMPTY), default=0)
    return [
        {
            "name": name,
            "said": int(said.get(name, 0)),
            "bar": said.get(name, 0) / most if most and name != EMPTY else 0,
            "events": int(events.get(name, 0)) if len(events) else None,
            "true": int(there.get(name, 0)) if len(there) else None,
            "found": _ratio(both.get(name, 0), there.get(name, 0)),
            "right": _ratio(both.get(name, 0), checked.get(name, 0)),
        }
        for name in names
    ]


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _pairs(predictions: Predictions) -> pd.DataFrame:
    """[truths, answers] int: rows and columns by frequency of the truth; 'no answer' last."""
    truths = predictions.truths()
    known = (truths.fillna(ANIMAL) != ANIMAL).to_numpy(bool)
    truths, answers = truths[known], predictions.answers()[known].fillna(NO_ANSWER)
    counts = pd.crosstab(truths.to_numpy(object), answers.to_numpy(object))
    rows = list(truths.value_counts().index)
    others = sorted(set(counts.columns) - set(rows) - {NO_ANSWER})
    last = [NO_ANSWER] if NO_ANSWER in counts.columns else []
    return counts.reindex(index=rows, columns=rows + others + last, fill_value=0)


def confusion(predictions: Predictions) -> dict | None:
    """Truth against answer, with shading; None without labels of at least two kinds."""
    counts = _pairs(predictions)
    if len(counts) < 2:
        return None
    counts = counts.loc[:, (counts.sum() > 0) | counts.columns.isin(counts.index)]
    shares = counts.div(counts.sum(axis=1), axis=0)
    rows = [
        {
            "name": truth,
            "total": int(counts.loc[truth].sum()),
            "cells": [
                {
                    "count": int(counts.loc[truth, answer]),
                    "share": float(shares.loc[truth, answer]),
                    "answer": answer,
                    "style": shade(float(shares.loc[truth, answer])),
                }
                for answer in counts.columns
            ],
        }
        for truth in counts.index
    ]
    return {"columns": list(counts.columns), "rows": rows}


def shade(share: float) -> str:
    """CSS of a cell: a background from white to dark blue, and the ink that reads best on it."""
    colour = np.rint(_WHITE + (_DARK - _WHITE) * share).astype(int)
    on_black = (luminance(colour) + 0.05) / 0.05
    on_white = 1.05 / (luminance(colour) + 0.05)
    ink = "#fff" if on_white > on_black else "#000"
    return f"background:#{''.join(f'{value:02x}' for value in colour)};color:{ink}"


def luminance(colour: np.ndarray) -> float:
    """Relative luminance in [0, 1] of an sRGB colour [3] in 0..255 (WCAG 2)."""
    share = np.asarray(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def mistakes(predictions: Predictions) -> list[dict]:
    """The most frequent pairs of a truth and another answer."""
    counts = _pairs(predictions)
    totals = counts.sum(axis=1)
    pairs = counts.stack()
    wrong = pairs[
        (pairs > 0) & (pairs.index.get_level_values(0) != pairs.index.get_level_values(1))
    ]
    return [
        {"truth": truth, "answer": answer, "count": int(n), "share": n / totals[truth]}
        for (truth, answer), n in wrong.sort_values(ascending=False, kind="stable")[
            :MISTAKES
        ].items()
    ]


def failures(predictions: Predictions) -> list[dict]:
    """Pictures that could not be read, by reason, most frequent first."""
    failed = predictions.ids[predictions.ids["failure"].notna()]
    return [
        {
            "reason": reason,
            "count": int(count),
            "paths": failed.loc[failed["failure"] == reason, "path"].head(PATHS).tolist(),
        }
        for reason, count in failed["failure"].value_counts().items()
    ]
