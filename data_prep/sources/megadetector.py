"""MegaDetector batch results as labels: empty, or the category of what was detected."""

import collections
import json

import pandas as pd

from camtrap_tf.artifacts import PathLike, existing_file
from camtrap_tf.errors import InputError
from camtrap_tf.event_table import Dropped, EventTable
from camtrap_tf.labels import EMPTY, count_bin
from data_prep.sources.fields import species_or_empty

THRESHOLD = 0.2  # 'typical_detection_threshold' of MegaDetector 5


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
    path = existing_file(path, "a MegaDetector file")
    images, names = _load(path)
    dropped = Dropped()
    failed = [image["file"] for image in images if image.get("detections") is None]
    dropped.add("picture the detector could not read", failed)
    images = [image for image in images if image.get("detections") is not None]
    ids = [image["file"].replace("\\", "/") for image in images]
    if len(set(ids)) < len(ids):
        twice = collections.Counter(ids).most_common(1)[0][0]
        raise InputError("a picture is listed once", twice, f"Drop the second one from {path}.")
    labels = [
        (event, species, count)
        for event, image in zip(ids, images, strict=True)
        for species, count in _seen(image["detections"], names, threshold)
    ]
    events = pd.DataFrame({"event_id": pd.Series(ids, dtype="string"), "source": "megadetector"})
    events["site"] = events["event_id"].str.extract(r"^(.+)/", expand=False)
    frames = pd.DataFrame({"event_id": ids, "path": ids})
    columns = ["event_id", "species", "count"]
    table = pd.DataFrame(labels, columns=columns, dtype="string")
    origin = f"MegaDetector at {threshold:g}, {path.name}"
    return EventTable(events, frames, table.assign(frame=0), origin, dropped)


def _load(path) -> tuple[list[dict], dict[str, str]]:
    """The images, and category id -> name."""
    try:
        content = json.loads(path.read_bytes())
        names = {str(key): name for key, name in content["detection_categories"].items()}
        images = list(content["images"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "a MegaDetector file is JSON with `images` and `detection_categories`",
            str(path),
            f"Write it again: {error}.",
        ) from error
    for row, image in enumerate(images):
        if not isinstance(image, dict) or not isinstance(image.get("file"), str):
            raise InputError("every image has a `file`", image, f"Correct image {row} (from 0).")
    return images, names


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
