"""MegaDetector batch results as labels: empty, or the category of what was detected."""

import collections
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, count_bin
from camtrap_tf.events import detections as megadetector
from camtrap_tf.events.table import Dropped, EventTable
from data_prep.sources.fields import species_or_empty

THRESHOLD = megadetector.THRESHOLD


def read(path: PathLike, threshold: float = THRESHOLD) -> EventTable:
    """Reads a batch output file (format 1.x), a picture as an event of one frame.

    A picture is labelled with each category that has a detection of at least `threshold`
    ('animal', 'person', 'vehicle'), and their number; as empty where there is none. Pictures
    that the detector could not read are left out. The site is the folder of the picture.

    Raises:
        InputError: not such a file, or a threshold outside [0, 1].
    """
    if not 0 <= threshold <= 1:
        raise InputError("threshold is at least 0 and at most 1", threshold, "Give 0.2, say.")
    categories = megadetector.head(path)["detection_categories"]
    names = {str(key): name for key, name in categories.items()}
    paths, failed, labels = [], [], []
    for images in megadetector.images(path):
        paths.append(pd.Series([image["file"] for image in images], dtype="string"))
        failed.append(np.array([image.get("detections") is None for image in images], bool))
        labels.append(_labels(images, names, threshold))
    every = megadetector.once(pd.concat(paths, ignore_index=True), path)
    unread = np.concatenate(failed)
    dropped = Dropped()
    dropped.add("picture the detector could not read", every[unread].tolist())
    ids = every[~unread].reset_index(drop=True)
    events = pd.DataFrame({"event_id": ids, "source": "megadetector"})
    events["site"] = ids.str.extract(r"^(.+)/", expand=False)
    frames = pd.DataFrame({"event_id": ids, "path": ids})
    table = pd.concat(labels, ignore_index=True)
    origin = f"MegaDetector at {threshold:g}, {Path(path).name}"
    return EventTable(events, frames, table.assign(frame=0), origin, dropped)


def _labels(images: list[dict], names: dict[str, str], threshold: float) -> pd.DataFrame:
    """What is to be seen on the pictures that were read, a row for each species."""
    rows = [
        (image["file"], species, count)
        for image in images
        if image.get("detections") is not None
        for species, count in _seen(image["detections"], names, threshold)
    ]
    return pd.DataFrame(rows, columns=["event_id", "species", "count"], dtype="string")


def _seen(
    detections: list[dict], names: dict[str, str], threshold: float
) -> list[tuple[str, str | None]]:
    """Species and count of a picture: categories detected, or 'empty'."""
    found: collections.Counter[str] = collections.Counter()
    for detection in detections:
        category = str(detection.get("category"))
        if category not in names:
            raise InputError(
                f"a category is one of {', '.join(names)}", category, "Complete the categories."
            )
        if detection.get("conf", 0) >= threshold:
            found[species_or_empty(names[category])] += 1
    found.pop(EMPTY, None)
    return [(name, count_bin(number)) for name, number in found.items()] or [(EMPTY, None)]
