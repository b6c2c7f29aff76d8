"""Example pictures in the manner of the paper's Fig. 1: truth, answer, picture, guesses."""

import base64
import dataclasses
import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from camtrap_tf.answers.boxes import NamedBoxes, Parts, parts
from camtrap_tf.answers.people import Shown, find
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import heads
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.heads import COUNT, EMPTY, SPECIES
from camtrap_tf.core.labels import MISSING, UNKNOWN
from camtrap_tf.pictures import files
from camtrap_tf.reporting.tables import plain_name

WIDTH = 480  # of a thumbnail, pixels
QUALITY = 80  # of its JPEG
COLOUR = "#f5a623"  # of boxes
HIDDEN = "left out: it shows people"
GUESSES = 5  # best guesses shown per list


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of an answer; `right` is None where the truth is not known."""

    text: str
    right: bool | None = None


@dataclasses.dataclass(frozen=True)
class Bar:
    """One line of a list of guesses."""

    name: str
    share: float
    true: bool = False


@dataclasses.dataclass(frozen=True)
class Card:
    """One example.

    Args:
        path, place: file name, and what is known of event, site and time.
        picture: thumbnail as a data URI, or None.
        description: the picture in words, for those who do not see it.
        truth: '' where not known.
        answer: parts of the answer.
        lists: (title, kind, bars) per question.
        without: why there is no picture.
        boxes: what is in each of several boxes, by their numbers in the picture.
    """

    path: str
    place: str
    picture: str | None
    description: str
    truth: str
    answer: list[Part]
    lists: list[tuple[str, str, list[Bar]]]
    without: str = "no picture at hand"
    boxes: str = ""


@dataclasses.dataclass(frozen=True)
class Section:
    """Examples of one kind."""

    title: str
    note: str
    cards: list[Card]


_KINDS = {
    "right": (
        "Examples: right answers",
        "Drawn at random, one capture event each, with as many different species as there is "
        "room for.",
    ),
    "wrong": (
        "Examples: wrong answers",
        "Those the model was surest about, one capture event each, with as many different true "
        "species as there is room for. Look at the picture before you blame the model: now and "
        "then it is the label that is wrong.",
    ),
    "sure": (
        "Examples: sure answers",
        "Those the model was surest about, one capture event each, with as many different "
        "species as there is room for.",
    ),
    "unsure": (
        "Examples: unsure answers",
        "Those the model was least sure about, one capture event each. They need a person's "
        "look first.",
    ),
}


def sections(
    predictions: Predictions,
    right: np.ndarray,
    images_root: PathLike | None,
    number: int,
    people: Shown = Shown.SHOW,
    boxes: NamedBoxes | None = None,
) -> list[Section]:
    """Right and wrong answers where the truth is known, else sure and unsure ones.

    Args:
        predictions: one row per picture.
        right: [rows] float: 1 right, 0 wrong, NaN where the truth is not known.
        images_root: folder of the pictures, or None.
        number: of examples in all.
        people: what becomes of pictures that show people.
        boxes: what is in each box, if that is known.
    """
    guarded = np.zeros(len(predictions), bool) if people is Shown.SHOW else find(predictions)
    answered = predictions.answers().notna().to_numpy(bool)
    sure = predictions.answer_confidence()
    chance = np.random.default_rng(0).random(len(predictions))
    if np.isfinite(right).any():
        chosen = {
            "right": _choose(predictions.answers(), predictions, answered & (right == 1), chance),
            "wrong": _choose(predictions.truths(), predictions, answered & (right == 0), sure),
        }
    else:
        alike = pd.Series("", index=range(len(predictions)))
        chosen = {
            "sure": _choose(predictions.answers(), predictions, answered, sure),
            "unsure": _choose(alike, predictions, answered, -sure),
        }
    rows = _share_out(chosen, number)
    return [
        Section(
            *_KINDS[kind],
            [
                card(predictions, row, images_root, people if guarded[row] else Shown.SHOW, boxes)
                for row in kept
            ],
        )
        for kind, kept in rows.items()
        if len(kept)
    ]


def _choose(
    groups: pd.Series, predictions: Predictions, mask: np.ndarray, score: np.ndarray
) -> np.ndarray:
    """Rows in `mask`, one per event, by score, the groups taking turns."""
    ids = predictions.ids
    table = pd.DataFrame(
        {
            "group": groups.to_numpy(object),
            "event": ids["event_id"].fillna(ids["path"]).to_numpy(object),
            "score": score,
        }
    )[mask]
    table = table.sort_values("score", ascending=False, kind="stable").drop_duplicates("event")
    table["turn"] = table.groupby("group").cumcount()
    return table.sort_values(["turn", "score"], ascending=[True, False]).index.to_numpy()


def _share_out(chosen: dict[str, np.ndarray], number: int) -> dict[str, np.ndarray]:
    """Half of `number` for each of two kinds; what one cannot fill goes to the other.

    A picture is not shown twice.
    """
    (first, rows), (second, others) = chosen.items()
    half = max(number - number // 2, number - len(others))
    rows = rows[:half]
    others = others[~np.isin(others, rows)]
    return {first: rows, second: others[: number - len(rows)]}


def card(
    predictions: Predictions,
    row: int,
    images_root: PathLike | None,
    people: Shown = Shown.SHOW,
    boxes: NamedBoxes | None = None,
) -> Card:
    """The example of one row; `people`: how its picture is shown; `boxes`: what is in each."""
    one = predictions.select(np.array([row]))
    seen = parts(one, boxes)
    ids = one.ids.iloc[0]
    answer, truth = _answer(one), _truth(one)
    place = [
        f"event {ids['event_id']}" if pd.notna(ids["event_id"]) else "",
        f"site {ids['site']}" if pd.notna(ids["site"]) else "",
        f"{ids['datetime']:%Y-%m-%d %H:%M}" if pd.notna(ids["datetime"]) else "",
    ]
    said = "Camera-trap picture; the answer is " + ", ".join(part.text for part in answer)
    return Card(
        path=ids["path"],
        place=", ".join(filter(None, place)),
        picture=None
        if images_root is None
        else thumbnail(
            Path(images_root) / ids["path"], people=people, boxes=seen.sides[seen.boxed]
        ),
        description=f"{said}; the truth is {truth}." if truth else f"{said}.",
        truth=truth,
        answer=answer,
        lists=_lists(one),
        without=HIDDEN if people is Shown.HIDE else Card.without,
        boxes=_in_boxes(seen),
    )


def _in_boxes(seen: Parts) -> str:
    """'1: zebra, 2: impala' of several boxes, '' of others."""
    if len(seen.picture) == 1:
        return ""
    words = map(plain_name, seen.answers.answers())
    return ", ".join(f"{number}: {word}" for number, word in enumerate(words, 1))


def thumbnail(
    path: Path,
    width: int = WIDTH,
    people: Shown = Shown.SHOW,
    boxes: np.ndarray | None = None,
) -> str | None:
    """A JPEG data URI at most `width` pixels wide; None where there is no readable picture.

    `boxes` [n, 4] (left, top, width and height as shares of the picture) are drawn, several with
    their numbers.

    None of what is hidden, too, and no more than coarse colours of what is blurred.

    Nothing is said about those: unreadable pictures are in the report's list of failures.
    """
    if people is Shown.HIDE:
        return None
    try:
        if people is Shown.BLUR:
            encoded = files.blurred(path, (width, 2 * width))
        else:
            encoded = _with_boxes(files.as_jpeg(path, (width, 2 * width), QUALITY), boxes)
    except files.PictureError:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(encoded).decode()


def _with_boxes(encoded: bytes, boxes: np.ndarray | None) -> bytes:
    """A JPEG with boxes drawn into it."""
    if boxes is None or not len(boxes):
        return encoded
    picture = Image.open(io.BytesIO(encoded))
    pen, size = ImageDraw.Draw(picture), np.array(2 * picture.size)
    for number, box in enumerate(boxes, 1):
        left, top, width, height = (box * size).tolist()
        pen.rectangle((left, top, left + width, top + height), outline=COLOUR, width=2)
        if len(boxes) > 1:
            pen.rectangle((left, top, left + 8 + 6 * len(str(number)), top + 14), fill=COLOUR)
            pen.text((left + 4, top + 1), str(number), fill="black")
    drawn = io.BytesIO()
    picture.save(drawn, "jpeg", quality=QUALITY)
    return drawn.getvalue()


def _choices(one: Predictions) -> list[str]:
    """Heads but the species that are answered by one of several classes."""
    return [COUNT] * (COUNT in one.classes) + heads.choices(one.classes)


def _label(one: Predictions, head: str) -> int:
    return int(one.labels[head][0]) if head in one.labels else MISSING


def _truth(one: Predictions) -> str:
    """The truth in words, '' where not known: 'zebra, 2, standing'."""
    word = one.truths().iat[0]
    if pd.isna(word):
        return ""
    words = [plain_name(word)]
    if word != EMPTY:
        labels = {head: _label(one, head) for head in _choices(one)}
        words += [_said(one, head, label) for head, label in labels.items() if label != MISSING]
        attributes = heads.attributes(one.classes)
        words += [plain_name(head) for head in attributes if _label(one, head) == 1]
    return ", ".join(words)


def _said(one: Predictions, head: str, index: int) -> str:
    """A class as it is said: '1 animal', '11-50 animals', 'male'."""
    name, unit = one.classes[head][index], heads.find(head, one.classes[head]).unit
    if not unit:
        return plain_name(name)
    return f"{name} {unit.removesuffix('s') if name == '1' else unit}"


def _answer(one: Predictions) -> list[Part]:
    """The answer in parts, each with right or wrong where the truth is known."""
    word, truth = one.answers().iat[0], one.truths().iat[0]
    known = None if pd.isna(truth) else word == truth
    parts = [Part(plain_name(word), known)]
    if word in (EMPTY, UNKNOWN):
        return parts
    for head in _choices(one):
        if one.answered(head)[0]:
            top, label = int(one.top(head)[0]), _label(one, head)
            right = None if label == MISSING else top == label
            parts.append(Part(_said(one, head, top), right))
    for head in heads.attributes(one.classes):
        if one.top(head)[0] == 1:
            label = _label(one, head)
            parts.append(Part(plain_name(head), None if label == MISSING else label == 1))
    return parts


def _lists(one: Predictions) -> list[tuple[str, str, list[Bar]]]:
    """Best guesses per question; on a picture taken for empty only the first question."""
    lists = []
    if EMPTY in one.classes:
        animal, label = float(one.animal_probability()[0]), _label(one, EMPTY)
        bars = [Bar("an animal is there", animal, label == 0)]
        if one.judged_empty()[0]:
            return [("", "animal", [Bar("empty", 1 - animal, label == 1), *bars])]
        lists.append(("", "animal", bars))
    for head in [SPECIES] * (SPECIES in one.classes) + _choices(one):
        if one.answered(head)[0]:
            label = heads.find(head, one.classes[head]).label
            lists.append((label or plain_name(head), head, _best(one, head)))
    bars = [
        Bar(plain_name(head), float(one.probabilities[head][0, 1]), _label(one, head) == 1)
        for head in heads.attributes(one.classes)
        if one.answered(head)[0]
    ]
    return [*lists, ("Behaviour", "behaviour", bars)] if bars else lists


def _best(one: Predictions, head: str) -> list[Bar]:
    probabilities, label = one.probabilities[head][0], _label(one, head)
    order = np.argsort(-probabilities, kind="stable")[:GUESSES]
    names = one.classes[head]
    return [Bar(plain_name(names[i]), float(probabilities[i]), i == label) for i in order]
