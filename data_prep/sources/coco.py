"""COCO Camera Traps JSON: `images`, `annotations`, `categories`.

The dialects in use differ; all of these are read: `frame_num` from 0 or from 1, `datetime` or
`date_captured`, ids and locations as text or as numbers, bare NaN, labels of single images or
of whole sequences repeated on every image, counts given or to be had from the boxes, behaviours
as shares of votes. The empty category is known by its name, 'empty' or 'blank', never by its id.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from camtrap_tf.core import json_files
from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.json_files import Piece
from camtrap_tf.core.labels import ATTRIBUTES, COUNT_BINS, EMPTY, count_bin, count_lower_bound
from camtrap_tf.events.table import Dropped, EventTable, find, occurs
from data_prep.sources.fields import COUNT_REPAIRS, species_or_empty, times

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
    images, annotations, categories = _columns(path)
    names = dict(zip(categories["id"], categories["name"], strict=True))
    dropped = Dropped()
    frames = _frames(images, dropped)
    labels = _labels(annotations, names, frames, dropped)
    events = frames.drop_duplicates("event_id")[["event_id", "site", "season", "time"]]
    events = events.assign(datetime=times(events.pop("time"), dropped))
    labelled = occurs(events["event_id"], labels["event_id"])
    events["source"] = np.where(labelled, "annotation", "none")
    return EventTable(events, frames[["event_id", "path", "image_id"]], labels, path.name, dropped)


def _columns(path: Path) -> list[pd.DataFrame]:
    """Images, annotations and categories, each in the order of the file."""
    found: dict[str, list[pd.DataFrame]] = {}
    try:
        for piece in json_files.pieces(path):
            read = _PARTS.get(piece.part)
            found.setdefault(piece.part, []).extend([read(_objects(piece))] if read else [])
    except InputError:  # is a ValueError, too
        raise
    except ValueError as error:
        raise _not_json(path, error) from error
    if not found.keys() >= _PARTS.keys():
        raise InputError(
            f"a COCO Camera Traps file has the lists {', '.join(_PARTS)}",
            sorted(found),
            f"Check {path}.",
        )
    parts = [pd.concat(found[part], ignore_index=True) for part in _PARTS]
    if parts[0].empty:
        raise InputError("`images` holds at least one image", [], f"Check {path}.")
    return parts


def _not_json(path: Path, error: ValueError) -> InputError:
    return InputError(
        "a COCO Camera Traps file is a JSON object", str(path), f"Download it again: {error}."
    )


def _objects(piece: Piece) -> Piece:
    for i, row in enumerate(piece.rows, piece.first):
        if not isinstance(row, dict):
            raise InputError(
                f"every row of `{piece.part}` is an object",
                row,
                f"Correct row {i}, counted from 0.",
            )
    return piece


def _frames(images: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """One row per image, in capture order within each event.

    Returns:
        `event_id, path, image_id, site, season, time` (text) and `frame`, the position.
    """
    frames = _with_events(images)
    corrupt = frames.pop("corrupt").to_numpy()
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


def _with_events(images: pd.DataFrame) -> pd.DataFrame:
    """Images with the column `event_id`: that of the sequence, or the image's own."""
    ids, sequence = images["image_id"], images["sequence"]
    if ids.duplicated().any():
        raise InputError(
            "an image id occurs once", ids[ids.duplicated()].iloc[0], "Drop the second image."
        )
    clash = ids[sequence.isna() & occurs(ids, sequence)]
    if len(clash):
        raise InputError(
            "the id of an image without `seq_id` is no other image's `seq_id`",
            clash.iloc[0],
            "Give every image a `seq_id`.",
        )
    return images.drop(columns="sequence").assign(event_id=sequence.fillna(ids))


def _image_columns(images: Piece) -> pd.DataFrame:
    paths = _strings(_required(images, "file_name"))
    return pd.DataFrame({
        "image_id": _strings(map(str, _required(images, "id"))),
        "path": paths.str.replace("\\", "/", regex=False),
        "sequence": _strings(_texts(images, "seq_id")),
        "site": _strings(_texts(images, "location")),
        "season": _strings(_texts(images, "season")),
        "time": _strings(_texts(images, "datetime", "date_captured")),
        "number": _numbers(images, "frame_num"),
        "corrupt": np.array([bool(image.get("corrupt")) for image in images.rows], bool),
    })  # fmt: skip


def _labels(
    annotations: pd.DataFrame, names: dict, frames: pd.DataFrame, dropped: Dropped
) -> pd.DataFrame:
    """Label rows: one per image and species, or one per event and species."""
    rows = annotations.assign(species=_species(annotations.pop("category"), names))
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


def _species(categories: pd.Series, names: dict[Any, str]) -> pd.Series:
    """[annotations] species by the id of its category."""
    species = [names.get(category) for category in categories]
    if None in species:
        row = species.index(None)
        raise InputError(
            "`category_id` is the id of a category",
            categories.iloc[row],
            f"Correct annotation {row}.",
        )
    return _strings(species)


def _annotation_columns(annotations: Piece) -> pd.DataFrame:
    rows = annotations.rows
    return pd.DataFrame({
        "id": _strings(_texts(annotations, "id")),
        "image_id": _strings(map(str, _required(annotations, "image_id"))),
        "category": pd.Series(_required(annotations, "category_id"), dtype=object),
        "whole": np.array([bool(row.get("sequence_level_annotation")) for row in rows], bool),
        "box": np.array([bool(row.get("bbox") or row.get("bbox_relative")) for row in rows], bool),
        "number": np.array(
            [_count(row.get("count"), i) for i, row in enumerate(rows, annotations.first)], float
        ),
        **_attributes(annotations),
    })  # fmt: skip


def _category_columns(categories: Piece) -> pd.DataFrame:
    """Ids and species; the empty category becomes `labels.EMPTY`."""
    names = map(str, _required(categories, "name"))
    return pd.DataFrame({
        "id": pd.Series(_required(categories, "id"), dtype=object),
        "name": _strings(map(species_or_empty, names)),
    })  # fmt: skip


_PARTS = {
    "images": _image_columns,
    "annotations": _annotation_columns,
    "categories": _category_columns,
}


def _attributes(annotations: Piece) -> dict[str, np.ndarray]:
    """Attribute -> [rows] share of votes, of those attributes that any annotation has."""
    fields = {name: _BABIES.get(name, name) for name in ATTRIBUTES}
    present = set().union(*annotations.rows)
    return {
        name: _numbers(annotations, field) for name, field in fields.items() if field in present
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


def _strings(texts: Iterable[str | None]) -> pd.Series:
    return pd.Series(list(texts), dtype="string")


def _required(piece: Piece, field: str) -> list:
    values = [row.get(field) for row in piece.rows]
    if None in values:
        index = values.index(None)
        raise InputError(
            f"every row of `{piece.part}` has the field `{field}`",
            piece.rows[index],
            f"Add it to row {index + piece.first} (counted from 0) of `{piece.part}`, if this is a "
            "COCO Camera Traps file.",
        )
    return values


def _texts(piece: Piece, *fields: str) -> list[str | None]:
    """The first of `fields` that a row has, as text; None where it has none, or NaN."""
    values = []
    for row in piece.rows:
        value = next((row[f] for f in fields if row.get(f) is not None), None)
        values.append(None if value is None or value != value else str(value))
    return values


def _numbers(piece: Piece, field: str) -> np.ndarray:
    """[rows] float64, NaN where the field is missing."""
    values = [row.get(field) for row in piece.rows]
    try:
        return np.array([np.nan if value is None else float(value) for value in values], float)
    except (TypeError, ValueError):
        wrong = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").isna()
        index = next(i for i, bad in enumerate(wrong) if bad and values[i] is not None)
        raise InputError(
            f"`{field}` is a number",
            values[index],
            f"Correct row {index + piece.first} of `{piece.part}`.",
        ) from None
