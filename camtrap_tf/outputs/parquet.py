"""Plain Parquet: one column per answer and per probability, for pandas, R, DuckDB and Arrow.

answers.parquet has one row per picture, answers_by_event.parquet one per capture event. Columns
are those of `outputs/csv.py` without its five best species, and `p_HEAD_CLASS`, the probability
of each class, such as p_species_zebra or p_moving_yes. What is not known, or was not asked, is
null; so are the probabilities of a person's answer. Text is text, times are times.
"""

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from camtrap_tf.artifacts import PathLike, atomic
from camtrap_tf.labels import FAMILIARITY
from camtrap_tf.outputs import csv
from camtrap_tf.outputs.options import Options
from camtrap_tf.predictions import Predictions


def write_files(predictions: Predictions, folder: Path, options: Options) -> list[Path]:
    """Writes answers.parquet and answers_by_event.parquet."""
    files = [folder / "answers.parquet", folder / "answers_by_event.parquet"]
    nothing = predictions.select(np.arange(0))
    pictures = (predictions.select(rows) for rows in predictions.blocks())
    for file, parts in zip(files, (pictures, predictions.events()), strict=True):
        write(itertools.chain([nothing], parts), file)
    return files


def write(parts: Iterable[Predictions], path: PathLike) -> None:
    """Writes one Parquet file, atomically: the parts, of which there is one at least."""
    frames = map(frame, parts)
    first = next(frames)
    schema = pa.Schema.from_pandas(first, preserve_index=False)
    with (
        atomic(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for part in itertools.chain([first], frames):
            writer.write_table(pa.Table.from_pandas(part, schema, preserve_index=False))


def frame(predictions: Predictions) -> pd.DataFrame:
    """The rows as described in this module's documentation, in the predictions' order."""
    columns = csv.answers(predictions)
    hidden = predictions.reviewed()[:, None]
    for head, names in predictions.classes.items():
        if head == FAMILIARITY:
            continue
        values = np.where(hidden, np.nan, predictions.probabilities[head])
        columns |= {f"p_{head}_{name}": values[:, i] for i, name in enumerate(names)}
    return pd.DataFrame(columns)
