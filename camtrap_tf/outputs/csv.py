"""CSV: one row per picture, or per capture event, for spreadsheets, R and pandas.

UTF-8, comma, header. Numbers have four decimals. An empty cell means 'not known' or 'not
asked'. A text that a spreadsheet program would run as a formula has an apostrophe before it, which
our own readers take off (`core/csv_text.py`). Columns:

path                    picture, relative to its folder; empty in rows of events
event_id, frame         capture event, position of the picture in it (from 0)
site, season, datetime  as far as known; datetime is camera-local, YYYY-MM-DD HH:MM:SS
time_source             where datetime comes from: 'metadata', or of the picture's header 'capture',
                        'digitised', 'maker' (MakerNote), 'xmp', 'gps' (UTC, unless the header
                        has an offset) or
                        'modification' (of the file: not to be trusted)
failure                 why the picture could not be read; such a row has no answer
doubt                   what seems to be damaged in a picture that is answered all the same
reviewed_by, reviewed_at
                        the person who answered, and when (UTC); empty where a network did. A
                        person's answer has no probabilities
answer                  'empty', else 'unknown' where the animal looks like none of the species
                        learnt, else the most probable species ('animal' where no species was
                        asked for)
animal_probability      probability that there is an animal
familiarity             how much the picture looks like those the species were learnt from, a
                        number without bounds; of models that can answer 'unknown'
detection               how sure a detector was of its surest box in the picture, 0 where it found
                        nothing; of an event the mean over its pictures. Of bundles that see crops
HEAD, HEAD_confidence   for every head of the model (`empty`, `species`, `count`, `standing`,
                        ...): its most probable class and the probability of it. They are the
                        head's own answer: species and count are given on a picture taken for
                        empty, too, where the network was asked, and of an unknown animal the
                        species that is nearest; mind `answer`.
read_with_event         of pictures that were read with their events: whether that changed the
                        species, or how sure it is
species_alone, species_alone_confidence
                        what such a picture says by itself; the species and `answer` above are
                        what it says with its event
species_1 ... species_5, species_1_probability ...
                        the five most probable species, best first
boxes, in_boxes         of bundles that see crops: number of the boxes in which something was named,
                        and what, '2 zebra | 1 impala' (`answers.boxes`)
further_species         of events: species seen beside the answer, 'impala | zebra'; by a person
                        or, where none answered, on single pictures, at least 0.95 probable, or
                        in boxes

Of bundles that see crops boxes.csv has a row for each box in which something was named: path,
event_id, frame, box (its number in the picture, from 0, the surest first), left, top, width and
height as shares of the picture, detection (how sure the detector is), answer, answer_confidence.
"""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.answers.boxes import NamedBoxes
from camtrap_tf.answers.predictions import Predictions, class_names
from camtrap_tf.core import csv_text
from camtrap_tf.core.artifacts import PathLike, atomic
from camtrap_tf.core.boxes import SIDES
from camtrap_tf.core.labels import MISSING
from camtrap_tf.outputs import further
from camtrap_tf.outputs.further import BETWEEN
from camtrap_tf.outputs.options import Options

TOP, DECIMALS = 5, 4


def frame(predictions: Predictions, boxes: NamedBoxes | None = None) -> pd.DataFrame:
    """The rows as described in this module's documentation, in the predictions' order."""
    rows = predictions.to_pandas()
    if "species" in predictions.classes:
        rows = rows.assign(**_best_species(predictions))
    return rows if boxes is None else rows.assign(**in_boxes(predictions, boxes))


def in_boxes(pictures: Predictions, boxes: NamedBoxes) -> dict[str, np.ndarray | pd.Series]:
    """The columns `boxes` and `in_boxes` of pictures: how many there are, and what they show."""
    rows = boxes.parts(pictures)
    seen = pd.DataFrame({"picture": rows.picture, "answer": rows.answers.answers()})[rows.boxed]
    counts = seen.groupby(["picture", "answer"], sort=False, as_index=False).size()
    counts = counts.sort_values("size", ascending=False, kind="stable")
    texts = counts["size"].astype("string") + " " + counts["answer"]
    together = texts.groupby(counts["picture"]).agg(BETWEEN.join).reindex(range(len(pictures)))
    number = np.bincount(rows.picture[rows.boxed], minlength=len(pictures))
    return {"boxes": number, "in_boxes": together.astype("string")}


def frame_of_boxes(pictures: Predictions, boxes: NamedBoxes) -> pd.DataFrame:
    """The boxes in which something was named, a row each; numbered from 0 in each picture."""
    rows = boxes.parts(pictures)
    answers = rows.answers
    sides = {name: rows.sides[:, place] for place, name in enumerate(SIDES)}
    told = pd.DataFrame(
        {
            **{name: answers.ids[name] for name in ("path", "event_id", "frame")},
            "box": rows.number(),
            **sides,
            "detection": rows.confidence,
            "answer": answers.answers(),
            "answer_confidence": answers.answer_confidence(),
        }
    )
    return told[rows.boxed].reset_index(drop=True)


def write_files(predictions: Predictions, folder: Path, options: Options) -> list[Path]:
    """Writes predictions.csv, a row per picture, events.csv, and boxes.csv if boxes are known."""
    files, boxes = [folder / "predictions.csv", folder / "events.csv"], options.boxes
    how = {"guard": options.guard_formulas, "bom": options.bom}
    write_rows((frame(part, boxes) for part in blocks(predictions)), files[0], **how)
    seen_too = further.events(predictions, boxes)
    events = (frame(part).assign(further_species=seen) for part, seen in seen_too)
    write_rows(events, files[1], **how)
    if boxes is not None:
        files.append(folder / "boxes.csv")
        rows = (frame_of_boxes(part, boxes) for part in blocks(predictions))
        write_rows(rows, files[2], **how)
    return files


def blocks(predictions: Predictions) -> Iterator[Predictions]:
    """Pictures some thousands at a time; the first part has none, so that there is one."""
    rows = itertools.chain([np.arange(0)], predictions.blocks())
    return map(predictions.select, rows)


def write(parts: Iterable[Predictions], path: PathLike) -> None:
    """Writes one CSV file, atomically: the parts, of which there is one at least."""
    write_rows(map(frame, parts), path)


def write_rows(
    tables: Iterable[pd.DataFrame], path: PathLike, guard: bool = True, bom: bool = False
) -> None:
    """Writes data frames of the same columns, one below the other, atomically.

    Args:
        tables: the frames.
        path: of the file.
        guard: whether texts that look like formulas get an apostrophe.
        bom: whether the file begins with the mark by which Excel knows UTF-8.
    """
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(csv_text.BOM if bom else "")
        for number, block in enumerate(tables):
            csv_text.write_frame(
                block,
                file,
                guard=guard,
                header=number == 0,
                float_format=f"%.{DECIMALS}f",
                date_format="%Y-%m-%d %H:%M:%S",
            )


def _best_species(predictions: Predictions) -> dict[str, pd.Series | np.ndarray]:
    names, probabilities = predictions.classes["species"], predictions.probabilities["species"]
    order = np.argsort(-probabilities, axis=1, kind="stable")
    asked, by_network = predictions.answered("species"), ~predictions.reviewed()
    columns = {}
    for rank in range(min(TOP, len(names))):
        indices = np.where(asked if rank == 0 else asked & by_network, order[:, rank], MISSING)
        own = np.take_along_axis(probabilities, order[:, rank : rank + 1], axis=1)[:, 0]
        columns[f"species_{rank + 1}"] = class_names(indices, names)
        columns[f"species_{rank + 1}_probability"] = np.where(by_network, own, np.nan)
    return columns
