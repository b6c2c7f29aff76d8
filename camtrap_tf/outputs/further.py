"""Species of a capture event beside its answer: of two animals that passed together.

An event has one answer. What else was in it is what a person saw or, where no person answered,
what the networks are sure of on single frames, or name in a box beside others (`answers.boxes`).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from camtrap_tf.answers.boxes import NamedBoxes, parts
from camtrap_tf.answers.predictions import ANIMAL, Predictions
from camtrap_tf.core.heads import COUNT, choices
from camtrap_tf.core.labels import BINARY, COUNT_BINS, EMPTY, MISSING, UNKNOWN, count_bin
from camtrap_tf.events.table import find

SURE = 0.95  # probability of a species, and so of a wrong one at most 0.05 by calibration
BETWEEN = " | "  # species of one cell


def events(
    predictions: Predictions, boxes: NamedBoxes | None = None
) -> Iterator[tuple[Predictions, pd.Series]]:
    """All events, in parts (`Predictions.event_blocks`), each with names of its further species.

    Args:
        predictions: a row per picture.
        boxes: what is in each box, if that is known.

    Yields:
        Events, and [events] string: 'impala | zebra', missing where there is one species. The
        first part has no rows, so that there is one.
    """
    yield predictions.select(np.arange(0)), pd.Series([], dtype="string")
    people = _joined(of_people(predictions))
    for rows in predictions.event_blocks():
        part = predictions.select(rows)
        found = part.by_event()
        seen = people.combine_first(_joined(of_single_frames(part, found, boxes)))
        yield found, seen.reindex(found.event_names()).reset_index(drop=True)


def _joined(seen: Predictions) -> pd.Series:
    """Names of species, by event."""
    words = seen.answers() if len(seen) else pd.Series([], dtype="string")
    return words.groupby(seen.event_names().array).agg(BETWEEN.join).astype("string")


def of_single_frames(
    part: Predictions, events: Predictions, boxes: NamedBoxes | None = None
) -> Predictions:
    """What networks are sure to see on single frames beside the answer of their event.

    A row for each event and species, made of the frames that say so with a probability of
    `SURE`, and of boxes of other species than their picture, which are named by a rule of their
    own; `frame` numbers those of an event. An event that is empty or 'unknown' on the whole,
    or that a person answered, has none.

    Args:
        part: the frames of whole events; each is heard by itself, not read with its event.
        events: `part.by_event()`.
        boxes: what is in each box, if that is known.
    """
    seen = parts(part, boxes)
    part = seen.answers.alone()
    words, codes, event = part.words, part.answer_codes(), part.event_codes()
    nameless = (ANIMAL, EMPTY, UNKNOWN)
    named = np.array([word not in nameless for word in words] + [False])  # -1 is the last
    own = events.answer_codes()[event]
    sure = part.answer_confidence() >= SURE
    if EMPTY in part.classes:
        sure &= part.answer_confidence() * part.animal_probability() >= SURE
    sure |= seen.other
    rows = np.flatnonzero(sure & named[codes] & named[own] & (codes != own) & ~part.reviewed())
    apart = part.select(rows)
    if COUNT in part.classes:
        _count_boxes(apart, seen.picture[rows], codes[rows], seen.several()[rows])
    apart.ids["event_id"] = [f"{e} {c}" for e, c in zip(event[rows], codes[rows], strict=True)]
    found, at = apart.by_event(), event[rows][~apart.ids["event_id"].duplicated()]
    found.ids["event_id"] = events.ids["event_id"].iloc[at].array
    found.ids["frame"] = pd.Series(at).groupby(at).cumcount().array
    return found


def _count_boxes(
    apart: Predictions, picture: np.ndarray, codes: np.ndarray, several: np.ndarray
) -> None:
    """Makes the count of boxes the number of those of one species in their picture."""
    names = apart.classes[COUNT]
    number = pd.Series(codes).groupby([picture, codes]).transform("size").to_numpy()
    bins = map(count_bin, number[several].tolist())
    known = [one if one in names else None for one in bins]
    apart.probabilities[COUNT][several] = _one_hot(known, names)


def of_people(predictions: Predictions) -> Predictions:
    """Species that people saw beside an event's first: a row each, `frame` numbers them."""
    listed = predictions.info.get("review", {}).get("further_sightings", {})
    rows = [(event, n, one) for event, seen in listed.items() for n, one in enumerate(seen)]
    events = pd.Series([event for event, _, _ in rows], dtype="string")
    at = find(events, predictions.event_names())
    rows = [row for row, place in zip(rows, at, strict=True) if place != MISSING]
    first = predictions.ids.iloc[at[at != MISSING]]
    ids = first[["reviewed_by", "reviewed_at"]].assign(
        event_id=[event for event, _, _ in rows], frame=[n for _, n, _ in rows]
    )
    said = [{"species": one["species"], "count": one["count"]} for _, _, one in rows]
    said = [
        told
        | {name: BINARY[value] for name, value in one["attributes"].items()}
        | one.get("choices", {})
        for told, (_, _, one) in zip(said, rows, strict=True)
    ]
    classes = {"species": tuple(dict.fromkeys(told["species"] for told in said))}
    classes["count"] = predictions.classes.get("count", COUNT_BINS)
    known = {head: predictions.classes[head] for head in choices(predictions.classes)}
    classes |= known | dict.fromkeys(
        (n for t in said for n in t if n not in classes and n not in known), BINARY
    )
    probabilities = {
        head: _one_hot([told.get(head) for told in said], names) for head, names in classes.items()
    }
    return Predictions(ids, classes, probabilities)


def _one_hot(values: list[str | None], names: tuple[str, ...]) -> np.ndarray:
    """[values, names] float32; a row of NaN where nothing was told."""
    rows = [[np.nan] * len(names) if v is None else [v == name for name in names] for v in values]
    return np.array(rows, np.float32).reshape(len(values), len(names))
