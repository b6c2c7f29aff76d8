"""All boxes of MegaDetector's results, where `detections` keeps the surest of each picture."""

import dataclasses
import functools
import hashlib
from typing import NamedTuple

import numpy as np
import pandas as pd

from camtrap_tf.core import boxes
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.boxes import COLUMNS, SIDES
from camtrap_tf.events import detections, path_columns

_FOUND = {name: kind for name, kind in COLUMNS.items() if name != "path"}


@dataclasses.dataclass(frozen=True)
class BoxTable:
    """Boxes from a threshold on.

    Args:
        rows: columns `core.boxes.COLUMNS`; paths are in their one form (`core.paths`).
        threshold: lowest confidence of a box.
    """

    rows: pd.DataFrame
    threshold: float

    def __len__(self) -> int:
        return len(self.rows)

    @functools.cached_property
    def _pictures(self) -> tuple[pd.Index, np.ndarray, np.ndarray]:
        """Path, first box and number of boxes of each picture that has some."""
        starts, counts = boxes.runs(self.rows["path"])
        return pd.Index(self.rows["path"].iloc[starts]), starts, counts

    def of(self, paths: pd.Series) -> "BoxTable":
        """The boxes of the given pictures, in their order and under these paths."""
        names, starts, counts = self._pictures
        place = names.get_indexer(pd.Index(path_columns.normal(paths)))
        known = np.flatnonzero(place >= 0)
        starts, counts = starts[place[known]], counts[place[known]]
        rows = self.rows.iloc[boxes.spread(starts, counts)]
        named = paths.iloc[np.repeat(known, counts)].array
        return BoxTable(rows.assign(path=named).reset_index(drop=True), self.threshold)

    @property
    def sha256(self) -> str:
        """Over what was found where."""
        content = hashlib.sha256(f"{self.threshold:g}".encode())
        for name in ("path", "category"):
            content.update("\n".join(self.rows[name]).encode())
        content.update(self.rows[["confidence", *SIDES]].to_numpy(np.float32).tobytes())
        return content.hexdigest()


def read(path: PathLike, threshold: float | None = None) -> BoxTable:
    """Reads the boxes of a results file, in pieces.

    Args:
        path: JSON, see `detections`.
        threshold: in (0, 1], lowest confidence of a box; None = the file's, else 0.2.

    Raises:
        InputError: as of `detections.read`.
    """
    content = detections.head(path)
    lowest = detections.threshold_of(content, threshold)
    none = detections.empty_categories(content)
    words = {str(key): str(name) for key, name in content["detection_categories"].items()}
    parts = [_of_images(images, lowest, none, words) for images in detections.images(path)]
    paths, failed, contents = ([part[i] for part in parts] for i in range(3))
    paths = pd.concat(paths, ignore_index=True)
    kept = detections.once(paths, np.concatenate(failed), np.concatenate(contents), path)
    first = np.cumsum([0, *(len(part.paths) for part in parts)])
    picture = np.concatenate([part.picture + at for part, at in zip(parts, first, strict=False)])
    rows = pd.concat([part.rows for part in parts], ignore_index=True)
    rows = rows.assign(path=paths.iloc[picture].array)[np.isin(picture, kept)]
    return BoxTable(rows[list(COLUMNS)].reset_index(drop=True).astype(COLUMNS), lowest)


class _Part(NamedTuple):
    """Some pictures of a file: as `detections.once` takes them, and their boxes."""

    paths: pd.Series
    failed: np.ndarray
    contents: np.ndarray
    picture: np.ndarray  # [boxes] position of each box's picture
    rows: pd.DataFrame  # columns `_FOUND`


def _of_images(images: list[dict], lowest: float, none: set[str], words: dict[str, str]) -> _Part:
    """Boxes from `lowest` on, the surest of a picture first, the larger of two alike."""
    found = [
        (number, *_numbers(one, image["file"]), words.get(str(one.get("category")), ""))
        for number, image in enumerate(images)
        for one in image.get("detections") or []
        if str(one.get("category")) not in none and not detections.is_removed(one)
    ]
    rows = pd.DataFrame(found, columns=["picture", *_FOUND]).astype({"picture": int, **_FOUND})
    rows = rows[rows["confidence"] >= np.float32(lowest)]
    rows = rows.assign(area=-rows["width"] * rows["height"], unsure=-rows["confidence"])
    rows = rows.sort_values(["picture", "unsure", "area"], kind="stable")
    return _Part(
        pd.Series([image["file"] for image in images], dtype="string"),
        np.array([image.get("detections") is None for image in images], bool),
        detections.contents(images),
        rows["picture"].to_numpy(),
        rows[list(_FOUND)],
    )


def _numbers(detection: dict, file: str) -> tuple[float, ...]:
    confidence, box = detections.box_of(detection, file)
    return confidence, *box
