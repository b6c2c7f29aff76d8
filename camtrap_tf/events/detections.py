"""MegaDetector's results as input: where something was detected, and how surely.

Any file of the batch format is read (https://lila.science/megadetector-output-format), those of
its relatives too, and boxes that people drew, in a COCO Camera Traps file (`coco_boxes`). What
counts is the surest detection of a picture, be it an animal, a person or a vehicle: a network
trained on pictures of people answers those, too. The threshold that decides between 'empty' and
'something' is, where none is given, the file's own `typical_detection_threshold`, else 0.2, that of
MegaDetector 5. MegaDetector's files are read in pieces, twice where pictures come before
categories: memory holds answers, not the file.
"""

import contextlib
import dataclasses
import enum
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from camtrap_tf.core import json_files
from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.emptiness import Meaning, Names
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.paths import normal
from camtrap_tf.events import coco_boxes, path_columns
from camtrap_tf.events.table import find

THRESHOLD = 0.2  # 'typical_detection_threshold' of MegaDetector 5
# Those of files that do not name their own.
CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}
_FILE = ("file", "image_file", "filepath", "file_path")  # names that a picture's path goes by
_ROUNDING = 1e-3  # by so much a confidence may lie beyond 1
UNLISTED = "not in MegaDetector's results"


class Use(enum.Enum):
    """What detections are for in prediction."""

    BOXES = "boxes"  # networks see the part of the picture around the surest box
    VIEW = "view"  # some networks see the part around the surest box, others the whole
    STAGE1 = "stage1"  # the detector says which pictures are empty, in place of stage 1


@dataclasses.dataclass(frozen=True)
class Detector:
    """Detections and what they are for."""

    detections: "Detections"
    use: Use

    def record(self) -> dict[str, Any]:
        """What answers depend on, as JSON values."""
        found = self.detections
        told = {"threshold": found.threshold, "detections": found.sha256[:16]}
        return {"use": self.use.value, **told}


@dataclasses.dataclass(frozen=True)
class Detections:
    """The surest detection of each picture.

    Args:
        paths: [n] string, in their one form (`core.paths`); each once.
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
        place = find(path_columns.normal(paths), self.paths)
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
    def sha256(self) -> str:
        """Over what was detected where."""
        content = hashlib.sha256()
        for part in (self.paths, self.failures):
            content.update("\n".join(part.fillna("")).encode())
        for numbers in (self.confidence, self.boxes):
            content.update(numbers.tobytes())
        return content.hexdigest()

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
    threshold = threshold_of(content, threshold)
    none = empty_categories(content)
    parts = [(*_surest_of(rows, none), contents(rows)) for rows in images(path)]
    paths, confidence, boxes, failures, answers = zip(*parts, strict=True)
    paths, failures = (pd.concat(part, ignore_index=True) for part in (paths, failures))
    kept = once(paths, failures.notna().to_numpy(), np.concatenate(answers), path)
    return Detections(
        paths[kept].reset_index(drop=True),
        np.concatenate(confidence)[kept],
        np.concatenate(boxes)[kept],
        failures[kept].reset_index(drop=True),
        threshold,
    )


def threshold_of(head: dict[str, Any], threshold: float | None = None) -> float:
    """The threshold given; where None, that of a file's `head`, else 0.2.

    Raises:
        InputError: it does not lie in (0, 1].
    """
    info = head.get("info")
    told = info.get("detector_metadata") if isinstance(info, dict) else None
    metadata = told if isinstance(told, dict) else {}
    if threshold is None:
        threshold = metadata.get("typical_detection_threshold", THRESHOLD)
    if not isinstance(threshold, int | float) or not 0 < threshold <= 1:
        raise InputError("a threshold lies above 0, up to 1", threshold, "Try 0.2.")
    return float(threshold)


def joined(parts: Sequence[Detections]) -> Detections:
    """Those of several sets of pictures as one, with the first one's threshold."""
    return Detections(
        pd.concat([part.paths for part in parts], ignore_index=True),
        np.concatenate([part.confidence for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        pd.concat([part.failures for part in parts], ignore_index=True),
        parts[0].threshold,
    )


def empty_categories(head: dict[str, Any]) -> set[str]:
    """The categories by which some relatives say that a picture is empty; see `head`."""
    categories = head["detection_categories"].items()
    return {key for key, name in categories if Names().meaning(str(name)) is Meaning.EMPTY}


def contents(images: list[dict]) -> np.ndarray:
    """[images] int64: equal where what was detected is equal."""
    texts = (json.dumps(image.get("detections"), sort_keys=True) for image in images)
    return np.array([hash(text) for text in texts], np.int64)


def head(path: PathLike) -> dict[str, Any]:
    """`info`, where the file has it, and `detection_categories`.

    A file that names no categories, such as a plain list of pictures, has MegaDetector's.

    Raises:
        InputError: no such file, or something else.
    """
    with _told(path) as file:
        if _is_coco(file):
            return {"detection_categories": coco_boxes.categories(file)}
        wanted = {"info", "detection_categories"}
        content = {} if json_files.is_list(file) else json_files.members(file, wanted)
        content.setdefault("detection_categories", dict(CATEGORIES))
        content["detection_categories"].items()
        return content


def images(path: PathLike) -> Iterator[list[dict]]:
    """Yields the pictures of a file, some thousands at a time; each has its `file`, with '/'.

    Raises:
        InputError: no such file, or something else.
    """
    listed = False
    with _told(path) as file:
        if _is_coco(file):
            for rows in coco_boxes.images(file):
                yield [_named(image, row) for row, image in enumerate(rows)]
            return
        for piece in json_files.pieces(file, "images"):
            if piece.part == "images":
                listed = True
                yield [_named(image, row) for row, image in enumerate(piece.rows, piece.first)]
        if not listed:
            raise KeyError("images")


def _is_coco(file: Path) -> bool:
    return not json_files.is_list(file) and coco_boxes.is_coco(file)


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
    """An image of the list, whose `file` is its path in its one form."""
    image = {"file": image} if isinstance(image, str) else image
    found = [image.get(key) for key in _FILE] if isinstance(image, dict) else []
    path = next((path for path in found if isinstance(path, str) and path), None)
    if path is None:
        raise InputError("every image has a `file`", image, f"Correct image {row} (from 0).")
    found = image.get("detections")
    if found is not None and not _are_objects(found):
        raise InputError(
            "`detections` of an image are a list of objects, or null", found,
            f"Correct image {row} (from 0), {path}.",
        )  # fmt: skip
    return {**image, "file": normal(path)}


def _are_objects(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(one, dict) for one in values)


def once(paths: pd.Series, failed: np.ndarray, contents: np.ndarray, path: PathLike) -> np.ndarray:
    """Which entries of a file count, one of each picture: the first that did not fail.

    Batches that are merged list a picture once more where it failed before, or twice alike.

    Args:
        paths: [n] string.
        failed: [n] bool, the detector gave no answer.
        contents: [n] int64, equal where the answers are.
        path: of the file, for people.

    Returns:
        [kept] int64 positions, in the order of the file.

    Raises:
        InputError: a picture has two answers that differ.
    """
    order = np.lexsort((np.arange(len(paths)), failed, pd.factorize(paths)[0]))
    again = paths.iloc[order].duplicated().to_numpy()
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))  # of each picture
    differ = again & ~failed[order] & (contents[order] != contents[order][first])
    if differ.any():
        raise InputError(
            "a picture is listed once, or with one answer", paths.iloc[order[differ.argmax()]],
            f"Drop one of its answers from {Path(path).name}.",
        )  # fmt: skip
    return np.sort(order[~again])


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


def is_removed(detection: dict) -> bool:
    """Whether a detection was taken back: its confidence is negative then."""
    conf = detection.get("conf")
    return isinstance(conf, int | float) and -1 - _ROUNDING <= conf < 0


def confidence_of(detection: dict, file: str) -> float:
    """The confidence of a detection that was not taken back, in [0, 1].

    Raises:
        InputError: it has none, or another one.
    """
    try:
        conf = float(detection["conf"])
    except (KeyError, TypeError, ValueError):
        conf = np.nan
    if not 0 <= conf <= 1 + _ROUNDING:
        raise InputError(
            "the `conf` of a detection is a share", {"file": file, "conf": detection.get("conf")},
            "Correct it, or write the file again.",
        )  # fmt: skip
    return min(conf, 1.0)


def _surest(detections: list[dict], file: str, none: set[str]) -> tuple[float, tuple[float, ...]]:
    """Confidence and box of the surest detection; the largest box between equals.

    Categories in `none` are what some relatives write for an empty picture. A negative
    confidence marks a detection that was taken back (repeat detection elimination).
    """
    detections = [one for one in detections if str(one.get("category")) not in none]
    detections = [one for one in detections if not is_removed(one)]
    if not detections:
        return 0.0, _NO_BOX
    ranked = [_numbers(one, file) for one in detections]
    return _checked(*max(ranked, key=lambda pair: (pair[0], pair[1][2] * pair[1][3])), file)


def box_of(detection: dict, file: str) -> tuple[float, tuple[float, ...]]:
    """Confidence and box of a detection that was not taken back.

    Raises:
        InputError: no share, or no part of the picture.
    """
    return _checked(*_numbers(detection, file), file)


def _numbers(detection: dict, file: str) -> tuple[float, tuple[float, ...]]:
    try:
        left, top, width, height = map(float, detection["bbox"])
        return float(detection["conf"]), (left, top, width, height)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            "a detection has `conf` and a `bbox` of four numbers", file, f"Correct it: {error!r}."
        ) from error


def _checked(conf: float, box: tuple[float, ...], file: str) -> tuple[float, tuple[float, ...]]:
    """The same, within the picture."""
    left, top, width, height = box
    # Detectors round, and some reach a little beyond the edge.
    inside = min(left, top) >= -0.01 and max(left + width, top + height) <= 1.01
    if not (0 <= conf <= 1 + _ROUNDING and inside and min(width, height) > 0):
        raise InputError(
            "`conf` is a share, and `bbox` a part of the picture as shares of it",
            {"file": file, "conf": conf, "bbox": list(box)},
            "Correct it, or write the file again with relative boxes.",
        )
    left, top = max(left, 0.0), max(top, 0.0)
    return min(conf, 1.0), (left, top, min(width, 1 - left), min(height, 1 - top))


def boxes_of(detections: Detections, paths: pd.Series) -> np.ndarray:
    """[n, 4] float32: the boxes of labelled pictures, NaN where nothing was detected.

    Raises:
        InputError: as of `of_labelled`.
    """
    return of_labelled(detections, paths).boxes


def of_labelled(detections: Detections, paths: pd.Series) -> Detections:
    """What was detected in labelled pictures, in their order.

    Raises:
        InputError: most of the pictures are not listed: their paths are written another way.
    """
    found = detections.of(paths)
    listed = (found.failures != UNLISTED).fillna(True).to_numpy(bool)
    if listed.mean() < 0.5:
        raise InputError(
            "detections name the pictures as the shards do, e.g. " + str(paths.iloc[0]),
            f"{listed.sum()} of {len(paths)} are there; detections have "
            + (detections.paths.iloc[0] if len(detections) else "no pictures"),
            "Run `camtrap detect` on the folder that was given as --images.",
        )
    return found


def is_stage1(detector: Detector | None) -> bool:
    """Whether a detector answers in place of stage 1."""
    return detector is not None and detector.use is Use.STAGE1
