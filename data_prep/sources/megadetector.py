"""MegaDetector batch results as labels: empty, or the category of what was detected."""

import collections
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, count_bin
from camtrap_tf.events import detections as megadetector
from camtrap_tf.events.table import EventTable, occurs
from data_prep.sources.fields import Reading

THRESHOLD = megadetector.THRESHOLD


def read(
    path: PathLike, reading: Reading | None = None, threshold: float = THRESHOLD
) -> EventTable:
    """Reads a batch output file (format 1.x), a picture as an event of one frame.

    A picture is labelled with each category that has a detection of at least `threshold`
    ('animal', 'person', 'vehicle'), and their number; as empty where there is none. Pictures
    that the detector could not read are left out. The site is the folder of the picture.

    Args:
        path: the file.
        reading: with on_unknown 'drop', detections of a category that the file does not name
            are left out and counted.
        threshold: in [0, 1].

    Raises:
        InputError: not such a file, or a threshold outside [0, 1].
    """
    if not 0 <= threshold <= 1:
        raise InputError("threshold is at least 0 and at most 1", threshold, "Try 0.2.")
    reading = reading or Reading()
    categories = megadetector.head(path)["detection_categories"]
    names = _names(categories, reading)
    parts = [_part(images, names, threshold, reading) for images in megadetector.images(path)]
    paths, failed, contents, labels = zip(*parts, strict=True)
    every, unread = pd.concat(paths, ignore_index=True), np.concatenate(failed)
    kept = megadetector.once(every, unread, np.concatenate(contents), path)
    reading.dropped.add("picture the detector could not read", every[kept][unread[kept]])
    ids = every[kept][~unread[kept]].reset_index(drop=True)
    events = pd.DataFrame({"event_id": ids, "source": "megadetector"})
    events["site"] = ids.str.extract(r"^(.+)/", expand=False)
    frames = pd.DataFrame({"event_id": ids, "path": ids})
    table = pd.concat(labels, ignore_index=True).drop_duplicates(["event_id", "species"])
    events["source"] = events["source"].where(occurs(ids, table["event_id"]), "none")
    origin = f"MegaDetector at {threshold:g}, {Path(path).name}"
    return EventTable(events, frames, table.assign(frame=0), origin, reading.dropped)


def _names(categories: dict, reading: Reading) -> dict[str, str | None]:
    """Species by the id of a category; None where its name says nothing."""
    names = pd.Series([str(name) for name in categories.values()], dtype="string")
    species = {name: reading.name(name) for name in names}
    return {str(key): species[str(name)] for key, name in categories.items()}


def _part(
    images: list[dict], names: dict[str, str | None], threshold: float, reading: Reading
) -> tuple[pd.Series, np.ndarray, np.ndarray, pd.DataFrame]:
    """Paths, failures and contents of some pictures, and what is to be seen on them."""
    rows = [
        (image["file"], species, count)
        for image in images
        if image.get("detections") is not None
        for species, count in _seen(image, names, threshold, reading)
    ]
    return (
        pd.Series([image["file"] for image in images], dtype="string"),
        np.array([image.get("detections") is None for image in images], bool),
        megadetector.contents(images),
        pd.DataFrame(rows, columns=["event_id", "species", "count"], dtype="string"),
    )


def _seen(
    image: dict, names: dict[str, str | None], threshold: float, reading: Reading
) -> list[tuple[str, str | None]]:
    """Species and count of a picture: categories detected, or 'empty'."""
    found: collections.Counter[str | None] = collections.Counter()
    for detection in image["detections"]:
        category = str(detection.get("category"))
        if category not in names and reading.unknown is None:
            raise InputError(
                f"a category is one of {', '.join(names)}", category,
                "Complete the categories, or leave such detections out with --on_unknown=drop.",
            )  # fmt: skip
        if megadetector.is_removed(detection):
            continue
        if megadetector.confidence_of(detection, image["file"]) >= threshold:
            if category not in names:
                reading.dropped.add("detection of an unknown category", [category])
            found[names.get(category)] += 1
    something = None in found
    found.pop(EMPTY, None)
    found.pop(None, None)
    seen: list[tuple[str, str | None]] = [
        (name, count_bin(number)) for name, number in found.items() if name
    ]
    return seen or ([] if something else [(EMPTY, None)])
