"""What is in each box of a picture: boxes.parquet, beside predictions.parquet.

A detector found the boxes; of pictures that have several, networks that see crops answered each
(`prediction.boxes`). Whatever names the boxes reads them here, by one rule:

- The one box of a picture is what the picture is, by both views and read with its event.
- Of several, each is the species of the picture, unless the networks see another one in it that
  is at least `SURE` probable. Each is one animal; what else is answered of the picture (what it
  does, young) is said of none.
- A picture that is empty or could not be read, in which nothing was found, or that a person
  answered, has no boxes: its answer is that of the whole picture. Boxes of 'unknown' animals are
  unknown.
"""

import dataclasses
import functools
import itertools
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from camtrap_tf.answers.columns import Column, StoredColumn
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import boxes, file_names, parquet
from camtrap_tf.core.artifacts import PathLike, as_path, check_stamp, existing_file
from camtrap_tf.core.boxes import COLUMNS, SIDES
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.heads import COUNT, SPECIES
from camtrap_tf.core.labels import COUNT_BINS, DETECTION, EMPTY, MISSING

KIND, VERSION = "boxes file", 1
# Probability of another species than the picture's. Of 153 surest boxes whose species is known, 68
# reach it and 66 of these are right (0.8: 37 of 38, 0.6: 79 of 81); docs/predict.md has the rest.
SURE = 0.7
_WAY_OUT = "Run the same `camtrap predict` again; it makes the file anew."
_ONE = COUNT_BINS[0]


class Parts(NamedTuple):
    """Pictures, or what is in their boxes.

    Args:
        picture: [rows] int, position of the picture.
        answers: a row each.
        sides: [rows, 4] float32: left, top, width and height of the box; NaN of whole pictures.
        confidence: [rows] float32: how sure the detector is of the box; NaN of whole pictures.
        other: [rows] bool: the box has another species than its picture.
    """

    picture: np.ndarray
    answers: Predictions
    sides: np.ndarray
    confidence: np.ndarray
    other: np.ndarray

    @property
    def boxed(self) -> np.ndarray:
        """[rows] bool: the row is a box."""
        return ~np.isnan(self.confidence)

    def several(self) -> np.ndarray:
        """[rows] bool: the picture has several boxes."""
        return np.bincount(self.picture)[self.picture] > 1

    def number(self) -> np.ndarray:
        """[rows] int: the row's number within its picture, from 0."""
        first = np.searchsorted(self.picture, self.picture)
        return np.arange(len(self.picture)) - first

    def slices(self) -> list[slice]:
        """[pictures] the rows of each picture."""
        ends = np.cumsum(np.bincount(self.picture))
        return [slice(*pair) for pair in itertools.pairwise([0, *ends.tolist()])]


def whole(pictures: Predictions) -> Parts:
    """Pictures, a row each."""
    none = np.full((len(pictures), 5), np.nan, np.float32)
    rows = np.arange(len(pictures))
    return Parts(rows, pictures, none[:, :4], none[:, 4], np.zeros(len(rows), bool))


def parts(pictures: Predictions, boxes: "NamedBoxes | None") -> Parts:
    """Pictures, or what is in their boxes where there are some."""
    return whole(pictures) if boxes is None else boxes.parts(pictures)


@dataclasses.dataclass(frozen=True)
class NamedBoxes:
    """Boxes of pictures and what networks see in them.

    Args:
        rows: columns `core.boxes.COLUMNS`.
        species: names of the classes, as the bundle has them.
        probabilities: [boxes, species] float32; NaN where no network was asked.
        threshold: lowest confidence of a box.
    """

    rows: pd.DataFrame
    species: tuple[str, ...]
    probabilities: np.ndarray | Column
    threshold: float

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def read(cls, path: PathLike) -> "NamedBoxes":
        """Opens a file; probabilities stay in it.

        Raises:
            InputError: no such file, another one, or damaged.
        """
        path = existing_file(path, "a file of boxes")
        file = parquet.open_file(path, "a file of boxes", _WAY_OUT)
        told = parquet.stamp(file.schema_arrow)
        check_stamp(told, KIND, VERSION, path)
        with parquet.reading(path, _WAY_OUT):
            rows = file.read(list(COLUMNS)).to_pandas().astype(COLUMNS)
        species = tuple(told["species"])
        column = StoredColumn(file, f"p_{SPECIES}", len(species)) if species else None
        none = np.zeros((len(rows), 0), np.float32)
        return cls(rows, species, none if column is None else column, told["threshold"])

    @functools.cached_property
    def _pictures(self) -> tuple[pd.Index, np.ndarray, np.ndarray]:
        """Path, first box and number of boxes of each picture that has some."""
        starts, counts = boxes.runs(self.rows["path"])
        return pd.Index(self.rows["path"].iloc[starts]), starts, counts

    @functools.cached_property
    def _numbers(self) -> np.ndarray:
        """[boxes + 1, 5] float32: sides and confidence; the last row, of no box, is NaN."""
        values = self.rows[[*SIDES, "confidence"]].to_numpy(np.float32)
        return np.concatenate([values, np.full((1, 5), np.nan, np.float32)])

    def parts(self, pictures: Predictions) -> Parts:
        """Pictures with a row for each box that has an answer, or for the whole picture.

        Raises:
            InputError: answers to other species.
        """
        names, starts, counts = self._pictures
        place = names.get_indexer(pd.Index(pictures.ids["path"]))
        seen = (
            (pictures.answer_codes() != MISSING)
            & ~pictures.judged_empty()
            & ~pictures.reviewed()
            & (place >= 0)
        )
        number = np.zeros(len(pictures), int)
        number[seen] = counts[place[seen]]
        picture = np.repeat(np.arange(len(pictures)), np.maximum(number, 1))
        box = np.full(len(picture), MISSING)
        box[number[picture] > 0] = boxes.spread(starts[place[seen]], counts[place[seen]])
        numbers, none = self._numbers[box], np.zeros(len(box), bool)
        rows = Parts(picture, pictures.select(picture), numbers[:, :4], numbers[:, 4], none)
        return rows._replace(other=self._name(rows, box))

    def _name(self, rows: Parts, box: np.ndarray) -> np.ndarray:
        """Makes the answers of pictures those of their boxes; returns which are of other species.

        Args:
            rows: answers are those of the pictures.
            box: [rows] position of the box, -1 = none.
        """
        answers, several, other = rows.answers, rows.several(), np.zeros(len(box), bool)
        if DETECTION in answers.scores:
            sure = np.where(rows.boxed, rows.confidence, answers.scores[DETECTION])
            answers.scores[DETECTION] = sure
        for head in answers.classes.keys() - {EMPTY, SPECIES}:
            answers.probabilities[head][several] = _one(head, answers.classes[head])
        at = np.flatnonzero(several & ~answers.judged_unknown())
        if SPECIES in answers.classes and self.species and len(at):
            own = self._species(box[at], answers.classes[SPECIES])
            differs = own.argmax(axis=1) != answers.top(SPECIES)[at]
            differs &= own.max(axis=1, initial=0) >= SURE
            other[at[differs]] = True
            answers.probabilities[SPECIES][other] = own[differs]
            if SPECIES in answers.own:
                answers.own[SPECIES][other] = own[differs]
        return other

    def _species(self, box: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
        """[boxes, names] float32: what networks see in boxes, 0 where they were not asked."""
        absent = sorted(set(self.species) - set(names))
        if absent:
            raise InputError(
                "boxes and answers have the same species", ", ".join(absent[:3]),
                "Put boxes.parquet of the same results folder beside predictions.parquet.",
            )  # fmt: skip
        own = np.zeros((len(box), len(names)), np.float32)
        own[:, [names.index(name) for name in self.species]] = self.probabilities[box]
        own = np.nan_to_num(own)
        if EMPTY in names:
            own[:, names.index(EMPTY)] = 0  # there is something in a box
        return own


def _one(head: str, names: tuple[str, ...]) -> np.ndarray:
    """[classes] float32: what is answered of one box among several: that it is one animal."""
    if head == COUNT and _ONE in names:
        return np.array([name == _ONE for name in names], np.float32)
    return np.full(len(names), np.nan, np.float32)


def stamp(species: tuple[str, ...], threshold: float) -> dict[str, Any]:
    """What a file says of its boxes; arguments as of `NamedBoxes`."""
    told = {"artifact": KIND, "version": VERSION}
    return told | {"species": list(species), "threshold": threshold}


def schema(species: tuple[str, ...]) -> pa.Schema:
    """Columns of a file of boxes, without its stamp."""
    kinds = {"string": pa.string(), "float32": pa.float32()}
    fields = [(name, kinds[kind]) for name, kind in COLUMNS.items()]
    own = [(f"p_{SPECIES}", pa.list_(pa.float32(), len(species)))] if species else []
    return pa.schema([*fields, *own])


def table(rows: pd.DataFrame, probabilities: np.ndarray, species: tuple[str, ...]) -> pa.Table:
    """Boxes as they are stored; arguments as of `NamedBoxes`."""
    columns = [pa.array(rows[name], from_pandas=True) for name in COLUMNS]
    if species:
        flat = pa.array(np.ascontiguousarray(probabilities, np.float32).reshape(-1))
        columns.append(pa.FixedSizeListArray.from_arrays(flat, len(species)))
    return pa.Table.from_arrays([*columns], schema=schema(species))


def beside(predictions: PathLike) -> NamedBoxes | None:
    """The boxes of a predictions file, in its folder; None if it has none."""
    path = as_path(predictions).with_name(file_names.BOXES)
    return NamedBoxes.read(path) if path.is_file() else None
