"""SpeciesNet's predictions as labels: files of version 20261015, and those of before.

A picture is labelled by its answer: the one for the whole picture where there is one, else those
of its detections, with their number. A label is 'id;class;order;family;genus;species;common name';
the species is its common name, or the lowest level that is told.
"""

import collections
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from camtrap_tf.core import json_files
from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, count_bin
from camtrap_tf.core.paths import normal
from camtrap_tf.events.table import EventTable
from data_prep.sources.fields import Reading

THRESHOLD = 0.2  # of detections, as of MegaDetector, which finds them
NO_ANSWER, TWICE = "picture without an answer", "picture listed once more"
Seen = Sequence[tuple[str, str | None]]  # species and count of a picture
_WHOLE, _NOTHING = "0", "no cv result"


def read(
    path: PathLike, reading: Reading | None = None, threshold: float = THRESHOLD
) -> EventTable:
    """Reads a file of predictions, a picture as an event of one frame.

    Pictures with `failures` or no answer are left out and counted. The site is the folder.

    Args:
        path: the file.
        reading: its rules.
        threshold: of detections that count, in [0, 1], where a file has no answer for whole
            pictures.

    Raises:
        InputError: not such a file, or a threshold outside [0, 1].
    """
    if not 0 <= threshold <= 1:
        raise InputError("threshold is at least 0 and at most 1", threshold, "Try 0.2.")
    reading, file = reading or Reading(), existing_file(path, "a file of SpeciesNet's predictions")
    answers: dict[str, Seen] = {}
    for name, seen in _entries(file, threshold):
        if not seen or name in answers:
            reading.dropped.add(TWICE if seen else NO_ANSWER, [name])
        else:
            answers[name] = seen
    ids = pd.Series(list(answers), dtype="string")
    events = pd.DataFrame({"event_id": ids, "source": "speciesnet"})
    events["site"] = ids.str.extract(r"^(.+)/", expand=False)
    rows = [(name, *one) for name, seen in answers.items() for one in seen]
    labels = pd.DataFrame(rows, columns=["event_id", "species", "count"], dtype="string")
    labels["species"] = reading.named(labels["species"])
    labels = labels[labels["species"].notna()].drop_duplicates(["event_id", "species"])
    frames = pd.DataFrame({"event_id": ids, "path": ids})
    return EventTable(
        events, frames, labels.assign(frame=0), f"SpeciesNet, {file.name}", reading.dropped
    )


def _entries(file: Path, threshold: float) -> Iterator[tuple[str, Seen]]:
    listed = False
    try:
        for piece in json_files.pieces(file, None):
            listed = listed or piece.part == "predictions"
            for entry in piece.rows if piece.part == "predictions" else ():
                yield normal(entry["filepath"]), _seen(entry, threshold)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise _refused(file, f"{type(error).__name__}: {error}") from error
    if not listed:
        raise _refused(file, "no `predictions`")


def _refused(file: Path, why: str) -> InputError:
    return InputError(
        "SpeciesNet's file is JSON with `predictions`, each with its `filepath`",
        f"{file}: {why}",
        "Write it again.",
    )


def _seen(entry: dict[str, Any], threshold: float) -> Seen:
    """Species and counts of a picture; none where it has no answer."""
    if "failures" in entry:
        return []
    if "prediction" in entry:  # before version 20261015
        return _told(species(entry["prediction"]))
    detections = entry.get("detections")
    if detections is None:
        return []
    whole = [one for one in detections if one["category"] == _WHOLE]
    if whole:
        return _told(_answer(whole[0]))
    counts = collections.Counter(_answer(one) for one in detections if one["conf"] >= threshold)
    named = [(name, count_bin(number)) for name, number in counts.items() if name]
    return named or ([] if counts else [(EMPTY, None)])


def _told(name: str) -> Seen:
    return [(name, None)] if name else []


def _answer(detection: dict[str, Any]) -> str:
    """The species of a detection: processed, else the likeliest one, else what was detected."""
    if "processed_classification" in detection:
        return species(detection["processed_classification"]["class"])
    if "raw_classifications" in detection:
        return species(detection["raw_classifications"]["classes"][0])
    return "" if detection["category"] == _WHOLE else detection["label"]


def species(label: str) -> str:
    """The name of a label; '' of one that says nothing.

    >>> species("u1;mammalia;perissodactyla;equidae;equus;quagga;plains zebra")
    'plains zebra'
    >>> species("u2;mammalia;carnivora;canidae;;;"), species("u3;;;;;;blank")
    ('canidae', 'blank')
    >>> species("u4;mammalia;;;canis;lupus;"), species("u5" + 6 * ";no cv result")
    ('canis lupus', '')
    """
    *_, order, family, genus, epithet, common = ["", "", "", "", "", *label.split(";")]
    found = common or (epithet and f"{genus} {epithet}".strip()) or genus or family or order
    return "" if found == _NOTHING else found
