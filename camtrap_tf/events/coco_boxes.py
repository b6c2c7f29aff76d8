"""Boxes that a COCO Camera Traps file brings, told as MegaDetector's results tell theirs.

A person drew them, so each has the confidence 1. A picture whose annotations have no box was not
looked at, unless they say that it is empty: then there is none.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from camtrap_tf.core import json_files
from camtrap_tf.core.emptiness import Meaning, Names
from camtrap_tf.core.errors import InputError

NO_BOX = "no box in the COCO file"
_AT_ONCE = 10_000


def is_coco(path: Path) -> bool:
    """Whether a JSON file is in COCO's format; reads no further than it must.

    Raises:
        ValueError: it is no JSON object.
    """
    for name, value in json_files.outline(path, rows=1):
        if name in ("annotations", "categories"):
            return True
        if name == "detection_categories":
            return False
        if name == "images" and value:
            return isinstance(value[0], dict) and "file_name" in value[0]
    return False


def categories(path: Path) -> dict[str, str]:
    """Names of the categories by id."""
    rows = [row for one in json_files.pieces(path) if one.part == "categories" for row in one.rows]
    return {str(row["id"]): str(row["name"]) for row in rows}


def images(path: Path) -> Iterator[list[dict[str, Any]]]:
    """Yields pictures as `detections.images` does, some thousands at a time.

    Raises:
        InputError: a picture with boxes does not tell its size.
        ValueError, KeyError, TypeError: not such a file.
    """
    words = categories(path)
    none = {key for key, name in words.items() if Names().meaning(name) is Meaning.EMPTY}
    listed: list[dict] = []
    there = False
    told: dict[str, list[dict]] = defaultdict(list)
    for piece in json_files.pieces(path):
        if piece.part == "images":
            there = True
            listed += piece.rows
        elif piece.part == "annotations":
            for row in piece.rows:
                told[str(row["image_id"])].append(row)
    if not there:
        raise KeyError("images")
    for start in range(0, max(len(listed), 1), _AT_ONCE):
        rows = listed[start : start + _AT_ONCE]
        yield [_told(image, told.get(str(image["id"]), []), none) for image in rows]


def _told(image: dict, annotations: list[dict], none: set[str]) -> dict[str, Any]:
    """A picture with its `detections`, or why it has none."""
    entry = {"file": image["file_name"]}
    drawn = [one for one in annotations if one.get("bbox")]
    empty = bool(annotations) and all(str(one["category_id"]) in none for one in annotations)
    if not drawn and not empty:
        return entry | {"failure": NO_BOX, "detections": None}
    if not drawn:
        return entry | {"detections": []}
    width, height = image.get("width"), image.get("height")
    if not width or not height:
        raise InputError(
            "a picture with boxes tells its `width` and `height`, which they are shares of",
            f"{image['file_name']}: {width} x {height}",
            "Write both into the file.",
        )
    found = [
        {"category": str(one["category_id"]), "conf": 1.0, "bbox": _share(one, width, height)}
        for one in drawn
    ]
    return entry | {"detections": found}


def _share(annotation: dict, width: float, height: float) -> list[float]:
    """Left, top, width and height of a box in pixels as shares, cut at the picture's edges."""
    left, top, across, down = map(float, annotation["bbox"])
    first = max(left, 0) / width, max(top, 0) / height
    last = min(left + across, width) / width, min(top + down, height) / height
    return [*first, last[0] - first[0], last[1] - first[1]]
