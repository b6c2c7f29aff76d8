"""COCO Camera Traps JSON: `images`, `annotations`, `categories`.

The dialects in use differ; all of these are read: `frame_num` from 0 or from 1, `datetime` or
`date_captured`, ids and locations as text or as numbers, bare NaN, labels of single images or
of whole sequences repeated on every image, counts given or to be had from the boxes, behaviours
as shares of votes. The empty category is known by its name, 'empty' or 'blank', never by its id.
"""

import json
from typing import Any

import numpy as np
import pandas as pd

from camtrap_tf.artifacts import PathLike, existing_file
from camtrap_tf.errors import InputError
from camtrap_tf.event_table import Dropped, EventTable, find, occurs
from camtrap_tf.labels import ATTRIBUTES, COUNT_BINS, EMPTY, count_bin, count_lower_bound
from data_prep.sources.fields import COUNT_REPAIRS, species_or_empty, times

Rows = list[dict[str, Any]]
_BABIES = {"babies": "young_present"}  # attribute -> its name in the files, where they differ


def read(path: PathLike) -> EventTable:
    """Reads a COCO Camera Traps file.

    A sequence (`seq_id`) is a capture event; an image without one is an event of one frame.
    Labels of single images keep their frame; `sequence_level_annotation` labels, which the
    files repeat on every image, become one label of the event. The count of a species in an
    image is `count` where all its annotations have one, else the number of its boxes where
    all have one, else missing.

    Raises:
        InputError: not such a file, or a row that breaks a rule (with its index, from 0).
    """
    path = existing_file(path, "a COCO Camera Traps file")
    content = _load(path)
    dropped = Dropped()
    frames = _frames(content["images"], dropped)
    labels = _labels(content["annotations"], _names(content["categories"]), frames, dropped)
    events = frames.drop_duplicates("event_id")[["event_id", "site", "season", "time"]]
    events = events.assign(datetime=times(events.pop("time"), dropped))
    labelled = occurs(events["event_id"], labels["event_id"])
    events["source"] = np.where(labelled, "annotation", "none")
    return EventTable(events, frames[["event_id", "path", "image_id"]], labels, path.name, dropped)


def _load(path) -> dict[str, Rows]:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(
            "a COCO Camera Traps file is valid JSON", str(path), f"Download it again: {error}."
        ) from error
    parts = ("images", "annotations", "categories")
    found = sorted(content) if isinstance(content, dict) else type(content).__name__
    if not isinstance(content, dict) or not all(isinstance(content.get(p), list) for p in parts):
        raise InputError(
            f"a COCO Camera Traps file has the lists {', '.join(parts)}", found, f"Check {path}."
        )
    if not content["images"]:
        raise InputError("`images` holds at least one image", [], f"Check {path}.")
    return content


def _names(categories: Rows) -> dict[Any, str]:
    """Category id -> species; the empty category becomes `labels.EMPTY`."""
    ids = _required(categories, "id", "categories")
    names = map(str, _required(categories, "name", "categories"))
    return dict(zip(ids, map(species_or_empty, names), strict=True))


def _frames(images: Rows, dropped: Dropped) -> pd.DataFrame:
    """One row per image, in capture order within each event.

    Returns:
        `event_id, path, image_id, site, season, time` (text) and `frame`, the position.
    """
    frames = _image_columns(images)
    corrupt = np.array([bool(image.get("corrupt")) for image in images])
    dropped.add("image marked corrupt", frames["image_id"][corrupt])
    frames = frames[~corrupt]
    event = pd.factorize(frames["event_id"])[0]
    number = frames.pop("number").to_numpy()
    ties = pd.Index(frames["path"]).argsort() if _tied(event, number) else np.arange(len(frames))
    rank = np.empty(len(frames), np.int64)
    rank[ties] = np.arange(len(frames))
    order = np.lexsort((rank, number, event))
    frames, event = frames.iloc[order].reset_index(drop=True), event[order]
    first = np.searchsorted(event, event)
    return frames.assign(frame=np.arange(len(frames)) - first)


def _image_columns(images: Rows) -> pd.DataFrame:
    ids = pd.Series(map(str, _required(images, "id", "images")), dtype="string")
    paths = pd.Series(_required(images, "file_name", "images"), dtype="string")
    if ids.duplicated().any():
        raise InputError(
            "an image id occurs once", ids[ids.duplicated()].iloc[0], "Drop the second image."
        )
    sequence = pd.Series(_texts(images, "seq_id"), dtype="string")
    alone = sequence.isna()
    clash = ids[alone & occurs(ids, sequence)]
    if len(clash):
        raise InputError(
            "the id of an image without `seq_id` is no other image's `seq_id`",
            clash.iloc[0],
            "Give every image a `seq_id`.",
        )
    time = pd.Series(_texts(images, "datetime", "date_captured"), dtype="string")
    return pd.DataFrame({
        "event_id": sequence.fillna(ids),
        "path": paths.str.replace("\\", "/", regex=False),
        "image_id": ids,
        "site": pd.Series(_texts(images, "location"), dtype="string"),
        "season": pd.Series(_texts(images, "season"), dtype="string"),
        "time": time,
        "number": _numbers(images, "frame_num", "images"),
    })  # fmt: skip


def _labels(annotations: Rows, names: dict, frames: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """Label rows: one per image and species, or one per event and species."""
    rows = _annotation_columns(annotations, names)
    place = find(rows["image_id"], frames["image_id"])
    dropped.add("annotation of an image that is not listed or is corrupt", rows["id"][place < 0])
    rows, place = rows[place >= 0].drop(columns=["id", "image_id"]), place[place >= 0]
    rows["place"] = place
    merged = _count_animals(rows.groupby(["place", "species", "whole"], sort=False))
    merged["event_id"] = frames["event_id"].array.take(merged["place"])
    frame = pd.Series(frames["frame"].to_numpy()[merged["place"]], dtype="Int32")
    merged["frame"] = frame.mask(merged["whole"])
    merged = merged.sort_values("place", kind="stable")
    repeats = merged["whole"] & merged.duplicated(["event_id", "species", "whole"])
    return merged.loc[~repeats].drop(columns=["place", "whole"])


def _annotation_columns(annotations: Rows, names: dict) -> pd.DataFrame:
    categories = _required(annotations, "category_id", "annotations")
    species = [names.get(category) for category in categories]
    if None in species:
        row = species.index(None)
        raise InputError(
            "`category_id` is the id of a category", categories[row], f"Correct annotation {row}."
        )
    image_ids = map(str, _required(annotations, "image_id", "annotations"))
    return pd.DataFrame({
        "id": [row.get("id") for row in annotations],
        "image_id": pd.Series(image_ids, dtype="string"),
        "species": pd.Series(species, dtype="string"),
        "whole": [bool(row.get("sequence_level_annotation")) for row in annotations],
        "box": [bool(row.get("bbox") or row.get("bbox_relative")) for row in annotations],
        "number": [_count(row.get("count"), i) for i, row in enumerate(annotations)],
        **_attributes(annotations),
    })  # fmt: skip


def _attributes(annotations: Rows) -> dict[str, np.ndarray]:
    """Attribute -> [rows] share of votes, of those attributes that any annotation has."""
    fields = {name: _BABIES.get(name, name) for name in ATTRIBUTES}
    present = set().union(*annotations)
    return {
        name: _numbers(annotations, field, "annotations")
        for name, field in fields.items()
        if field in present
    }


def _count_animals(groups) -> pd.DataFrame:
    """One row per image and species, with `count`: the bin of the number of animals."""
    attributes = {name: (name, "max") for name in ATTRIBUTES if name in groups.obj}
    merged = groups.agg(
        rows=("box", "size"), boxes=("box", "sum"),
        counted=("number", "count"), number=("number", "sum"), **attributes,
    ).reset_index()  # fmt: skip
    given = merged["counted"] == merged["rows"]
    known = (given | (merged["boxes"] == merged["rows"])) & (merged["species"] != EMPTY)
    number = merged["number"].where(given, merged["rows"]).where(known)
    bins = {n: count_bin(int(n)) for n in number.dropna().unique()}
    facts = merged[["place", "species", "whole", *attributes]]
    return facts.assign(count=number.map(bins).astype("string"))


def _count(value: Any, row: int) -> float:
    """Number of animals, the lower bound of a bin, or NaN where `count` is not given."""
    if value is None or value == "" or value != value:
        return np.nan
    text = COUNT_REPAIRS.get(str(value), str(value))
    if text in COUNT_BINS:
        return count_lower_bound(text)
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if number >= 1 and number == int(number):
        return number
    raise InputError(
        f"`count` is a whole number of animals from 1 or one of {', '.join(COUNT_BINS)}",
        value,
        f"Correct annotation {row}, or leave its `count` out.",
    )


def _tied(event: np.ndarray, number: np.ndarray) -> bool:
    """Whether two images of an event have no order by `frame_num`."""
    pairs = pd.DataFrame({"event": event, "number": number})
    return bool(pairs.duplicated().any())


def _required(rows: Rows, field: str, part: str) -> list:
    values = [row.get(field) for row in rows]
    if None in values:
        index = values.index(None)
        raise InputError(
            f"every row of `{part}` has the field `{field}`",
            rows[index],
            f"Add it to row {index} (counted from 0) of `{part}`.",
        )
    return values


def _texts(rows: Rows, *fields: str) -> list[str | None]:
    """The first of `fields` that a row has, as text; None where it has none, or NaN."""
    values = []
    for row in rows:
        value = next((row[f] for f in fields if row.get(f) is not None), None)
        values.append(None if value is None or value != value else str(value))
    return values


def _numbers(rows: Rows, field: str, part: str) -> np.ndarray:
    """[rows] float64, NaN where the field is missing."""
    values = [row.get(field) for row in rows]
    try:
        return np.array([np.nan if value is None else float(value) for value in values])
    except (TypeError, ValueError):
        wrong = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").isna()
        index = next(i for i, bad in enumerate(wrong) if bad and values[i] is not None)
        raise InputError(
            f"`{field}` is a number", values[index], f"Correct row {index} of `{part}`."
        ) from None
