"""Plain Parquet: one column per answer and per probability, for pandas, R, DuckDB and Arrow.

answers.parquet has one row per picture, answers_by_event.parquet one per capture event. Columns
are those of `outputs/csv.py` without the five best species, and `p_HEAD_CLASS`, the probability
of each class, such as p_species_zebra or p_moving_yes. What is not known, or was not asked, is
null; so are the probabilities of a person's answer. Text is text, times are times.
"""

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import parquet
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.outputs import further
from camtrap_tf.outputs.options import Options


def write_files(predictions: Predictions, folder: Path, options: Options) -> list[Path]:
    """Writes answers.parquet and answers_by_event.parquet."""
    files = [folder / "answers.parquet", folder / "answers_by_event.parquet"]
    rows = itertools.chain([np.arange(0)], predictions.blocks())
    write_rows((frame(predictions.select(block)) for block in rows), files[0])
    events = further.events(predictions)
    write_rows((frame(part).assign(further_species=seen) for part, seen in events), files[1])
    return files


def write_rows(frames: Iterable[pd.DataFrame], path: PathLike) -> None:
    """Writes one Parquet file, atomically: data frames of the same columns, one at least."""
    frames = iter(frames)
    first = next(frames)
    schema = pa.Schema.from_pandas(first, preserve_index=False)
    with parquet.writer(path, schema) as writer:
        for part in itertools.chain([first], frames):
            writer.write_table(pa.Table.from_pandas(part, schema, preserve_index=False))


def frame(predictions: Predictions) -> pd.DataFrame:
    """The rows as described in this module's documentation, in the predictions' order."""
    columns = dict(predictions.to_pandas().items())
    hidden = predictions.reviewed()[:, None]
    for head, names in predictions.classes.items():
        values = np.where(hidden, np.nan, predictions.probabilities[head])
        columns |= {f"p_{head}_{name}": values[:, i] for i, name in enumerate(names)}
    return pd.DataFrame(columns)
