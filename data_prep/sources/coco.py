"""COCO Camera Traps JSON: `images`, `annotations`, `categories`.

The dialects in use differ; all of these are read: `frame_num` from 0 or from 1, `datetime` or
`date_captured`, ids and locations as text or as numbers, bare NaN, labels of single images or
of whole sequences repeated on every image, counts given or to be had from the boxes, behaviours
as shares of votes. The empty category is known by its name (`core.emptiness`), never by its id.
"""

import unicodedata
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
from camtrap_tf.events import path_columns
from camtrap_tf.events.ids import within
from camtrap_tf.events.table import EventTable, find, occurs
from data_prep.sources.fields import COUNT_REPAIRS, Reading, bin_of, column_of, mapped

_BABIES = {"babies": "young_present"}  # attribute -> its name in the files, where they differ


def read(path: PathLike, reading: Reading | None = None) -> EventTable:
    """Reads a COCO Camera Traps file.

    A sequence (`seq_id`) is a capture event, at each `location` where several use the id; an
    image without one is an event of one frame.
    Labels of single images keep their frame; `sequence_level_annotation` labels, which the
    files repeat on every image, become one label of the event. The count of a species in an
    image is `count` where all its annotations have one, else the number of its boxes where
    all have one, else missing. An annotation that is listed twice counts once. A further head is
    answered by the field of its name of an annotation, or of its `attributes`; else of its image.

    Args:
        path: the file.
        reading: with on_unknown 'drop', annotations of an unknown category, counts that are no
            numbers, other answers to further heads and images whose file another image has named
            are left out and counted.

    Raises:
        InputError: not such a file, or a row that breaks a rule (with its index, from 0).
    """
    path = existing_file(path, "a COCO Camera Traps file")
    reading = reading or Reading()
    images, annotations, categories = _columns(path, reading)
    frames = _frames(images, reading)
    annotations = _named(_once(annotations, reading), categories, reading)
    labels = _labels(annotations, frames, reading)
    events = frames.drop_duplicates("event_id")[["event_id", "site", "season", "time"]]
    events = events.assign(datetime=reading.times(events.pop("time"), "images"))
    labelled = occurs(events["event_id"], labels["event_id"])
    events["source"] = np.where(labelled, "annotation", "none")
    frames = frames[["event_id", "path", "image_id"]]
    return EventTable(events, frames, labels, path.name, reading.dropped, reading.heads)


def _columns(path: Path, reading: Reading) -> list[pd.DataFrame]:
    """Images, annotations and categories, each in the order of the file."""
    found: dict[str, list[pd.DataFrame]] = {}
    try:
        for piece in json_files.pieces(path):
            read = _PARTS.get(piece.part)
            rows = [read(_objects(piece)).assign(**_asked(piece, reading))] if read else []
            found.setdefault(piece.part, []).extend(rows)
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
    images, annotations, categories = parts
    _check_asked(images, annotations, path, reading)
    read_parts = [reading.answered(part, path, 0) for part in (images, annotations)]
    return [*read_parts, categories]


def _check_asked(
    images: pd.DataFrame, annotations: pd.DataFrame, path: Path, reading: Reading
) -> None:
    for name in reading.heads:
        if all(part[column_of(name)].isna().all() for part in (images, annotations)):
            raise InputError(
                "a further head is a field of annotations or images", name,
                f"{path.name} has none of that name; spell it as the file does, or leave the head "
                "out.",
            )  # fmt: skip


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


def _frames(images: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """One row per image, in capture order within each event.

    Returns:
        `event_id, path, image_id, site, season, time` (text) and `frame`, the position.
    """
    same = _repeats(images, "image_id", [*images.columns.drop("image_id")])
    reading.dropped.add("image listed twice", images["image_id"][same])
    frames = _with_events(images[~same])
    frames = frames[~reading.named_before(frames["path"], frames["image_id"])]
    corrupt = frames.pop("corrupt").to_numpy()
    reading.dropped.add("image marked corrupt", frames["image_id"][corrupt])
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
    sequence = within(images["site"], sequence)
    return images.drop(columns="sequence").assign(event_id=sequence.fillna(ids))


def _image_columns(images: Piece) -> pd.DataFrame:
    return pd.DataFrame({
        "image_id": _strings(map(_key, _required(images, "id"))),
        "path": path_columns.normal(_strings(map(str, _required(images, "file_name")))),
        "sequence": _strings(_texts(images, "seq_id")),
        "site": _strings(_texts(images, "location")),
        "season": _strings(_texts(images, "season")),
        "time": _strings(_texts(images, "datetime", "date_captured")),
        "number": _numbers(images, "frame_num"),
        "corrupt": np.array([bool(image.get("corrupt")) for image in images.rows], bool),
    })  # fmt: skip


def _labels(rows: pd.DataFrame, frames: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Label rows: one per image and species, or one per event and species."""
    place = find(rows["image_id"], frames["image_id"])
    rule = "annotation of an image that is not listed or is corrupt"
    reading.dropped.add(rule, rows["id"][place < 0])
    rows, place = rows[place >= 0].drop(columns=["id", "image_id"]), place[place >= 0]
    rows["place"] = place
    for column in map(column_of, reading.heads):
        of_image = frames[column].array.take(place)
        rows[column] = rows[column].fillna(pd.Series(of_image, index=rows.index))
    groups = rows.groupby(["place", "species", "whole"], sort=False)
    merged = _count_animals(groups).assign(**reading.agreed(groups))
    merged["event_id"] = frames["event_id"].array.take(merged["place"])
    frame = pd.Series(frames["frame"].to_numpy()[merged["place"]], dtype="Int32")
    merged["frame"] = frame.mask(merged["whole"])
    merged = merged.sort_values("place", kind="stable")
    repeats = merged["whole"] & merged.duplicated(["event_id", "species", "whole"])
    return merged.loc[~repeats].drop(columns=["place", "whole"])


def _once(annotations: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """The annotations without those listed before: alike in id, image, category, box and count."""
    told = [column_of(name) for name in reading.heads]
    again = _repeats(annotations, "id", ["image_id", "category", "box", "count", *told])
    again &= annotations["id"].notna() | annotations["box"].notna()
    reading.dropped.add("annotation listed twice", annotations["id"][again])
    return annotations[~again]


def _repeats(rows: pd.DataFrame, key: str, others: list[str]) -> pd.Series:
    """[rows] bool: those that repeat another in `key` and `others`; most keys occur once."""
    twice = rows[rows[key].duplicated(keep=False)]
    return twice.duplicated([key, *others]).reindex(rows.index, fill_value=False)


def _named(rows: pd.DataFrame, categories: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """The annotations that name something, with `species` and `number`."""
    place = find(rows["category"], categories["id"])
    if (place < 0).any() and reading.unknown is None:
        row = rows.index[(place < 0).argmax()]
        raise InputError(
            "`category_id` is the id of a category", rows["category"][row],
            f"Correct annotation {row}, or leave such annotations out with --on_unknown=drop.",
        )  # fmt: skip
    reading.dropped.add("annotation of an unknown category", rows["id"][place < 0])
    rows, place = rows[place >= 0], place[place >= 0]
    names = pd.Series(categories["name"].array.take(place), index=rows.index)
    rows = rows.assign(species=reading.named(names))
    rows = rows[rows["species"].notna()]
    return rows.assign(number=_numbers_of_animals(rows, reading))


def _numbers_of_animals(rows: pd.DataFrame, reading: Reading) -> pd.Series:
    """Number of animals, or the lower bound of a bin; NaN where it is not given or of 'empty'."""
    counts = rows["count"].where(rows["species"] != EMPTY)
    found = {text: _number(text) for text in counts.dropna().unique()}
    wrong = counts.isin([text for text, number in found.items() if number is None])
    if wrong.any() and reading.unknown is None:
        row = rows.index[wrong.argmax()]
        raise InputError(
            f"`count` is a whole number of animals from 1 or one of {', '.join(COUNT_BINS)}",
            counts[row],
            f"Correct annotation {row}, or leave its `count` out.",
        )
    reading.dropped.add("annotation: unknown count", counts[wrong])
    return counts.map(found).astype(float)


def _number(text: str) -> float | None:
    """The number of animals that a count tells, NaN where it is missing, None where it is wrong."""
    name = bin_of(COUNT_REPAIRS.get(text, text))
    number = float(pd.to_numeric(text, errors="coerce"))
    if name in COUNT_BINS:
        return count_lower_bound(name) if np.isnan(number) else number
    return np.nan if name is None and np.isnan(number) else None


def _annotation_columns(annotations: Piece) -> pd.DataFrame:
    rows = annotations.rows
    return pd.DataFrame({
        "id": _strings(_texts(annotations, "id")),
        "image_id": _strings(map(_key, _required(annotations, "image_id"))),
        "category": _strings(map(_key, _required(annotations, "category_id"))),
        "whole": np.array([bool(row.get("sequence_level_annotation")) for row in rows], bool),
        "box": _strings(map(_box, rows)),
        "count": _strings(_texts(annotations, "count")),
        **_attributes(annotations),
    })  # fmt: skip


def _category_columns(categories: Piece) -> pd.DataFrame:
    """Ids and names."""
    return pd.DataFrame({
        "id": _strings(map(_key, _required(categories, "id"))),
        "name": _strings(map(str, _required(categories, "name"))),
    })  # fmt: skip


def _key(value: Any) -> str:
    """An id as text: 7, 7.0 and "7" are one."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _box(row: dict) -> str | None:
    """The box of an annotation as text, to compare; None where it has none."""
    box = row.get("bbox") or row.get("bbox_relative")
    return str(box) if box else None


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


def _asked(piece: Piece, reading: Reading) -> dict[str, pd.Series]:
    """By its column what each row says of a further head, as text: itself or its attributes."""
    return {
        column_of(name): _strings(_said(row, name) for row in piece.rows) for name in reading.heads
    }


def _said(row: dict, name: str) -> str | None:
    attributes = row.get("attributes")
    value = row.get(name, attributes.get(name) if isinstance(attributes, dict) else None)
    return None if value is None or value != value else _key(value)


def _count_animals(groups) -> pd.DataFrame:
    """One row per image and species, with `count`: the bin of the number of animals."""
    attributes = {name: (name, "max") for name in ATTRIBUTES if name in groups.obj}
    merged = groups.agg(
        rows=("box", "size"), boxes=("box", "count"),
        counted=("number", "count"), number=("number", "sum"), **attributes,
    ).reset_index()  # fmt: skip
    given = merged["counted"] == merged["rows"]
    known = (given | (merged["boxes"] == merged["rows"])) & (merged["species"] != EMPTY)
    number = merged["number"].where(given, merged["rows"]).where(known)
    bins = {n: count_bin(int(n)) for n in number.dropna().unique()}
    facts = merged[["place", "species", "whole", *attributes]]
    return facts.assign(count=number.map(bins).astype("string"))


def _tied(event: np.ndarray, number: np.ndarray) -> bool:
    """Whether two images of an event have no order by `frame_num`."""
    pairs = pd.DataFrame({"event": event, "number": number})
    return bool(pairs.duplicated().any())


def _strings(texts: Iterable[str | None]) -> pd.Series:
    """A column of text, accents as one character with their letters (NFC)."""
    column = pd.Series(list(texts), dtype="string")
    if column.str.isascii().all():
        return column
    return mapped(column, lambda text: unicodedata.normalize("NFC", text))


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
