"""Sets boxes apart that stay in one place for days, with a page on which people look at them.

    FOLDER/still.csv        a row for each place: camera, box, how often, and `set_apart`: yes or no
           still.html       the same with pictures
           detections.json  the results that came in; boxes that are set apart have a negative
                            confidence, as MegaDetector's own tools mark those taken back

Whoever sees an animal on the page writes `no` in its row and gives the same command again.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd

from camtrap_tf.core import csv_text, file_names, locks
from camtrap_tf.core.artifacts import PathLike, atomic, write_text
from camtrap_tf.core.errors import InputError, require
from camtrap_tf.core.progress import Meter
from camtrap_tf.events import csv_files, detections, still
from camtrap_tf.events.bursts import camera_folder
from camtrap_tf.events.still import Rule
from camtrap_tf.outputs import megadetector
from camtrap_tf.pictures import exif
from camtrap_tf.reporting import cards

CONFIDENCE = 0.1  # boxes below it are left as they are
YES, NO = "yes", "no"
_SHOWN = 3  # pictures of a place
_BOX = ["left", "top", "width", "height"]


class Still(NamedTuple):
    """What was found.

    Args:
        folder: with the files.
        places: a row each, `still.COLUMNS` and `set_apart`.
        boxes: how many were looked at.
        set_apart: how many of them were set apart.
    """

    folder: Path
    places: pd.DataFrame
    boxes: int
    set_apart: int


@locks.holds("folder")
def set_apart(
    results: PathLike,
    folder: PathLike,
    images: PathLike | None = None,
    rule: Rule | None = None,
    confidence: float = CONFIDENCE,
) -> Still:
    """Finds boxes that stay in one place for days, and writes results without them.

    Args:
        results: MegaDetector JSON, of `detect` or any other detector.
        folder: gets the files; rows of its still.csv that a person has changed are obeyed.
        images: folder that the paths are relative to: times are read from the pictures where
            the results have none, and the page shows them. Without it the page has no pictures.
        rule: what makes a box one that stays.
        confidence: of boxes that are looked at, at least.

    Returns:
        What was found.

    Raises:
        InputError: no such results; a still.csv whose `set_apart` is neither yes nor no.
    """
    require(0 < confidence <= 1, "a confidence lies above 0, up to 1", confidence, "Try 0.1.")
    folder, root = Path(folder), None if images is None else Path(images)
    boxes = read_boxes(results, confidence, root)
    places, place = still.find(boxes, rule)
    places["set_apart"] = _told_before(folder / file_names.STILL, places)
    apart = np.isin(place, places.index[places["set_apart"] == YES])
    taken = set(zip(boxes["row"][apart], boxes["number"][apart], strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / file_names.STILL) as path, open(path, "w", newline="") as file:
        csv_text.write_frame(places, file)
    megadetector.write_images(
        folder / file_names.DETECTIONS, _header(results), _without(results, taken)
    )
    write_text(folder / file_names.STILL_PAGE, _page(places, boxes.assign(place=place), root))
    return Still(folder, places, len(boxes), int(apart.sum()))


def read_boxes(results: PathLike, confidence: float, root: Path | None = None) -> pd.DataFrame:
    """The boxes of a results file, a row each.

    Args:
        results: MegaDetector JSON.
        confidence: of those that are read, at least.
        root: folder of the pictures, for times that the results do not tell.

    Returns:
        `row` of the picture in the file, `number` of the box in the picture, `path`, `camera`,
        `taken`, `left`, `top`, `width`, `height`.
    """
    rows, none = [], detections.empty_categories(detections.head(results))
    for row, image in enumerate(_images(results)):
        for number, one in enumerate(image.get("detections") or ()):
            if detections.is_removed(one) or str(one.get("category")) in none:
                continue
            conf, box = detections.box_of(one, image["file"])
            if conf >= confidence:
                rows.append((row, number, image["file"], image.get("datetime"), *box))
    table = pd.DataFrame(rows, columns=["row", "number", "path", "taken", *_BOX])
    times = {path: exif.parse(str(told))[0] for path, told in _pairs(table) if told is not None}
    if root is not None:
        times |= _headers(
            root, [path for path in dict.fromkeys(table["path"]) if path not in times]
        )
    table["taken"] = pd.to_datetime(table["path"].map(times))
    table["camera"] = table["path"].map(camera_folder)
    return table


def _pairs(table: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    return zip(table["path"], table["taken"].astype(object), strict=True)


def _headers(root: Path, paths: list[str]) -> dict:
    """When pictures were taken, by path."""
    times = {}
    with Meter(len(paths), "reading times") as meter:
        for path in paths:
            times[path] = exif.read(root / path).taken
            meter.advance(1)
    return times


def _images(results: PathLike) -> Iterator[dict]:
    for rows in detections.images(results):
        yield from rows


def _header(results: PathLike) -> dict[str, Any]:
    head = detections.head(results)
    info = head.get("info")
    told = {"boxes_set_apart": "that stay in one place for days: negative confidence"}
    return head | {"info": (info if isinstance(info, dict) else {}) | told}


def _without(results: PathLike, taken: set[tuple[int, int]]) -> Iterator[dict]:
    """The pictures of a file, with the boxes that are set apart taken back."""
    for row, image in enumerate(_images(results)):
        found = image.get("detections")
        if found:
            found = [
                one | {"conf": -one["conf"]} if (row, number) in taken else one
                for number, one in enumerate(found)
            ]
            highest = max((one["conf"] for one in found), default=0.0)
            image = image | {"detections": found}
            if "max_detection_conf" in image:  # of older versions
                image["max_detection_conf"] = max(highest, 0.0)
        yield image


def _told_before(path: Path, places: pd.DataFrame) -> list[str]:
    """`set_apart` of each place: what a person has written of it, else yes."""
    if not path.is_file():
        return [YES] * len(places)
    before = csv_files.read(path, {name: name for name in ("camera", *_BOX, "set_apart")})
    said = before["set_apart"].astype("string").str.strip().str.lower().fillna("")
    wrong = said[~said.isin([YES, NO])]
    if len(wrong):
        row = wrong.index[0] + csv_files.first_row(path)
        raise InputError("set_apart is yes or no", str(wrong.iloc[0]), f"Correct row {row}.")
    boxes, own = (table[_BOX].to_numpy(float) for table in (before, places))
    found = []
    for camera, box in zip(places["camera"], own, strict=True):
        # Further pictures move a place a little: what was said of the one that it is most like.
        shared = np.where(before["camera"].fillna("") == camera, still.shared(box, boxes), 0)
        like = shared.max(initial=0) >= still.LOWEST
        found.append(said.iloc[shared.argmax()] if like else YES)
    return found


def _page(places: pd.DataFrame, boxes: pd.DataFrame, root: Path | None) -> str:
    """The page: each place with its first, middle and last picture."""
    shown = []
    for row, place in enumerate(places.to_dict("records")):
        own = boxes[boxes["place"] == row].sort_values(["taken", "path"])
        chosen = np.unique(np.linspace(0, len(own) - 1, _SHOWN).round().astype(int))
        pictures = [_picture(one, root) for one in own.iloc[chosen].to_dict("records")]
        shown.append(place | {"pictures_shown": pictures})
    folder = Path(__file__).parent
    loader = jinja2.FileSystemLoader(folder)
    template = jinja2.Environment(loader=loader, autoescape=True).get_template("still.html")
    return template.render(places=shown, table=file_names.STILL)


def _picture(one: dict, root: Path | None) -> dict[str, Any]:
    """A picture of the page, with where its box lies in percent."""
    box = {name: round(100 * one[name], 2) for name in _BOX}
    taken = "" if pd.isna(one["taken"]) else f"{one['taken']:%Y-%m-%d %H:%M}"
    data = None if root is None else cards.thumbnail(root / one["path"])
    return {"path": one["path"], "taken": taken, "data": data, **box}
