"""Plain Parquet: one column per answer and per probability, for pandas, R, DuckDB and Arrow.

answers.parquet has one row per picture, answers_by_event.parquet one per capture event. Columns
are those of `outputs/csv.py` without the five best species, and `p_HEAD_CLASS`, the probability
of each class, such as p_species_zebra or p_moving_yes. What is not known, or was not asked, is
null; so are the probabilities of a person's answer. Text is text, times are times. Of bundles
that see crops answers_by_box.parquet has what boxes.csv has there.
"""

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from camtrap_tf.answers.boxes import NamedBoxes
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import parquet
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.outputs import csv, further
from camtrap_tf.outputs.options import Options


def write_files(predictions: Predictions, folder: Path, options: Options) -> list[Path]:
    """Writes answers.parquet, answers_by_event.parquet and, if known, answers_by_box.parquet."""
    files, boxes = [folder / "answers.parquet", folder / "answers_by_event.parquet"], options.boxes
    write_rows((frame(part, boxes) for part in csv.blocks(predictions)), files[0])
    events = further.events(predictions, boxes)
    write_rows((frame(part).assign(further_species=seen) for part, seen in events), files[1])
    if boxes is not None:
        files.append(folder / "answers_by_box.parquet")
        rows = (csv.frame_of_boxes(part, boxes) for part in csv.blocks(predictions))
        write_rows(rows, files[2])
    return files


def write_rows(frames: Iterable[pd.DataFrame], path: PathLike) -> None:
    """Writes one Parquet file, atomically: data frames of the same columns, one at least."""
    frames = iter(frames)
    first = next(frames)
    schema = pa.Schema.from_pandas(first, preserve_index=False)
    with parquet.writer(path, schema) as writer:
        for part in itertools.chain([first], frames):
            writer.write_table(pa.Table.from_pandas(part, schema, preserve_index=False))


def frame(predictions: Predictions, boxes: NamedBoxes | None = None) -> pd.DataFrame:
    """The rows as described in this module's documentation, in the predictions' order."""
    columns = dict(predictions.to_pandas().items())
    hidden = predictions.reviewed()[:, None]
    for head, names in predictions.classes.items():
        values = np.where(hidden, np.nan, predictions.probabilities[head])
        columns |= {f"p_{head}_{name}": values[:, i] for i, name in enumerate(names)}
    columns |= {} if boxes is None else csv.in_boxes(predictions, boxes)
    return pd.DataFrame(columns)
