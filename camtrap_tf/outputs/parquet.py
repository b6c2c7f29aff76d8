"""Plain Parquet: one column per answer and per probability, for pandas, R, DuckDB and Arrow.

answers.parquet has one row per picture, answers_by_event.parquet one per capture event. Columns
are those of `outputs/csv.py` without its five best species, and `p_HEAD_CLASS`, the probability
of each class, such as p_species_zebra or p_moving_yes. What is not known, or was not asked, is
null; so are the probabilities of a person's answer. Text is text, times are times.
"""

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
    write(predictions, files[0])
    write(predictions.by_event(), files[1])
    return files


def write(predictions: Predictions, path: PathLike) -> None:
    """Writes one Parquet file, atomically, a block of rows at a time."""
    schema = pa.Schema.from_pandas(frame(predictions.select(np.arange(0))), preserve_index=False)
    blocks = (frame(predictions.select(rows)) for rows in predictions.blocks())
    with (
        atomic(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for block in blocks:
            writer.write_table(pa.Table.from_pandas(block, schema, preserve_index=False))


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
