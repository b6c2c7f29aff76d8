"""MegaDetector's results as input: where something was detected, and how surely.

Any file of the batch format is read (https://lila.science/megadetector-output-format), those of
its relatives too. What counts is the surest detection of a picture, be it an animal, a person or
a vehicle: a network trained on pictures of people answers those, too. The threshold that decides
between 'empty' and 'something' is, where none is given, the file's own
`typical_detection_threshold`, else 0.2, that of MegaDetector 5. The file is read in
pieces, twice where its pictures come before its categories: memory holds answers, not the file.
"""

import contextlib
import dataclasses
import enum
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from camtrap_tf.core import json_files
from camtrap_tf.core.artifacts import (
    PathLike,
    existing_file,
)
from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import find

THRESHOLD = 0.2  # 'typical_detection_threshold' of MegaDetector 5
EMPTY_NAMES = ("empty", "blank")
UNLISTED = "not in MegaDetector's results"


class Use(enum.Enum):
    """What detections are for in prediction."""

    BOXES = "boxes"  # networks see the part of the picture around the surest box
    STAGE1 = "stage1"  # the detector says which pictures are empty, in place of stage 1


@dataclasses.dataclass(frozen=True)
class Detector:
    """Detections and what they are for."""

    detections: "Detections"
    use: Use

    def record(self) -> dict[str, Any]:
        """What answers depend on, as JSON values."""
        found = self.detections
        content = hashlib.sha256()
        for part in (found.paths, found.failures):
            content.update("\n".join(part.fillna("")).encode())
        for numbers in (found.confidence, found.boxes):
            content.update(numbers.tobytes())
        digest = content.hexdigest()[:16]
        return {"use": self.use.value, "threshold": found.threshold, "detections": digest}


@dataclasses.dataclass(frozen=True)
class Detections:
    """The surest detection of each picture.

    Args:
        paths: [n] string, with '/', as the file has them; each once.
        confidence: [n] float32 in [0, 1], 0 where nothing was detected, NaN where it failed.
        boxes: [n, 4] float32, left, top, width and height as shares of the picture; NaN where
            nothing was detected.
        failures: [n] string, why the detector gave no answer; missing where it did.
        threshold: from this confidence on there is something.
    """

    paths: pd.Series
    confidence: np.ndarray
    boxes: np.ndarray
    failures: pd.Series
    threshold: float

    def __len__(self) -> int:
        return len(self.paths)

    def of(self, paths: pd.Series) -> "Detections":
        """Those of the given pictures in their order; a failure where one is not listed."""
        place = find(paths, self.paths)
        known = place >= 0
        failures = pd.Series(self.failures.array.take(place, allow_fill=True))
        return Detections(
            paths.reset_index(drop=True),
            np.where(known, self.confidence[place], np.float32(np.nan)),
            np.where(known[:, None], self.boxes[place], np.float32(np.nan)),
            failures.mask(~known, UNLISTED).astype("string"),
            self.threshold,
        )

    @property
    def something(self) -> np.ndarray:
        """[n] bool: a detection reaches the threshold."""
        with np.errstate(invalid="ignore"):
            return self.confidence >= self.threshold


def read(path: PathLike, threshold: float | None = None) -> Detections:
    """Reads a results file.

    Args:
        path: JSON.
        threshold: in (0, 1]; None = the file's, else 0.2.

    Raises:
        InputError: no such file, one that breaks a rule of the format, or another threshold.
    """
    content = head(path)
    metadata = content.get("info", {}).get("detector_metadata") or {}
    if threshold is None:
        threshold = metadata.get("typical_detection_threshold", THRESHOLD)
    if not isinstance(threshold, int | float) or not 0 < threshold <= 1:
        raise InputError("a threshold lies above 0, up to 1", threshold, "Give 0.2, say.")
    none = {key for key, name in content["detection_categories"].items() if name in EMPTY_NAMES}
    parts = [_surest_of(rows, none) for rows in images(path)]
    paths, confidence, boxes, failures = zip(*parts, strict=True)
    return Detections(
        once(pd.concat(paths, ignore_index=True), path),
        np.concatenate(confidence),
        np.concatenate(boxes),
        pd.concat(failures, ignore_index=True),
        float(threshold),
    )


def head(path: PathLike) -> dict[str, Any]:
    """`info`, where the file has it, and `detection_categories`.

    Raises:
        InputError: no such file, or something else.
    """
    with _told(path) as file:
        content = json_files.members(file, {"info", "detection_categories"})
        content["detection_categories"].items()
        return content


def images(path: PathLike) -> Iterator[list[dict]]:
    """Yields the pictures of a file, some thousands at a time; each has its `file`, with '/'.

    Raises:
        InputError: no such file, or something else.
    """
    listed = False
    with _told(path) as file:
        for piece in json_files.pieces(file):
            if piece.part == "images":
                listed = True
                yield [_named(image, row) for row, image in enumerate(piece.rows, piece.first)]
        if not listed:
            raise KeyError("images")


@contextlib.contextmanager
def _told(path: PathLike) -> Iterator[Path]:
    """The file; what is wrong with it is told as input."""
    file = existing_file(path, "a MegaDetector file")
    try:
        yield file
    except InputError:  # is a ValueError, too
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "a MegaDetector file is JSON with `images` and `detection_categories`",
            str(path),
            f"Write it again: {error}.",
        ) from error


def _named(image: Any, row: int) -> dict:
    if not isinstance(image, dict) or not isinstance(image.get("file"), str):
        raise InputError("every image has a `file`", image, f"Correct image {row} (from 0).")
    image["file"] = image["file"].replace("\\", "/")
    return image


def once(paths: pd.Series, path: PathLike) -> pd.Series:
    """The paths of a file's pictures, each of them once.

    Raises:
        InputError: a picture that is listed twice.
    """
    twice = paths[paths.duplicated()]
    if len(twice):
        name = Path(path).name
        raise InputError(
            "a picture is listed once", twice.iloc[0], f"Drop the second one from {name}."
        )
    return paths


def _surest_of(
    rows: list[dict], none: set[str]
) -> tuple[pd.Series, np.ndarray, np.ndarray, pd.Series]:
    """Paths, confidences, boxes and failures of some pictures, as in `Detections`."""
    best = [_surest(image.get("detections") or [], image["file"], none) for image in rows]
    failed = np.array([image.get("detections") is None for image in rows], bool)
    confidence = np.array([conf for conf, _ in best], np.float32)
    reasons = [
        str(image.get("failure") or "no detections") if one else None
        for image, one in zip(rows, failed, strict=True)
    ]
    return (
        pd.Series([image["file"] for image in rows], dtype="string"),
        np.where(failed, np.float32(np.nan), confidence),
        np.array([box for _, box in best], np.float32).reshape(-1, 4),
        pd.Series(reasons, dtype="string"),
    )


_NO_BOX = (np.nan,) * 4


def _surest(detections: list[dict], file: str, none: set[str]) -> tuple[float, tuple[float, ...]]:
    """Confidence and box of the surest detection; the largest box between equals.

    Categories in `none` are what some relatives write for an empty picture.
    """
    detections = [one for one in detections if str(one.get("category")) not in none]
    if not detections:
        return 0.0, _NO_BOX
    try:
        ranked = [(float(one["conf"]), tuple(map(float, one["bbox"]))) for one in detections]
        conf, box = max(ranked, key=lambda pair: (pair[0], pair[1][2] * pair[1][3]))
        left, top, width, height = box
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            "a detection has `conf` and a `bbox` of four numbers", file, f"Correct it: {error!r}."
        ) from error
    # Detectors round, and some reach a little beyond the edge.
    inside = min(left, top) >= -0.01 and max(left + width, top + height) <= 1.01
    if not (0 <= conf <= 1 and inside and min(width, height) > 0):
        raise InputError(
            "`conf` is a share, and `bbox` a part of the picture as shares of it",
            {"file": file, "conf": conf, "bbox": list(box)},
            "Correct it, or write the file again with relative boxes.",
        )
    left, top = max(left, 0.0), max(top, 0.0)
    return conf, (left, top, min(width, 1 - left), min(height, 1 - top))


def is_stage1(detector: Detector | None) -> bool:
    """Whether a detector answers in place of stage 1."""
    return detector is not None and detector.use is Use.STAGE1
