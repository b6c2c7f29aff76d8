import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY
from camtrap_tf.outputs import Options, parquet

NAN = float("nan")


@pytest.fixture
def predictions() -> Predictions:
    """An animal, one that only a person named, an empty picture, an unreadable one."""
    ids = pd.DataFrame(
        {
            "path": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
            "event_id": ["e", "f", "g", "g"],
            "datetime": pd.to_datetime(["2020-01-02 03:04:05", None, None, None]),
            "failure": [None, None, None, "empty file"],
            "reviewed_by": [None, "Ada", None, None],
        }
    )
    probabilities = {
        "empty": np.array([[0.75, 0.25], [1, 0], [0.25, 0.75], [NAN, NAN]], np.float32),
        "species": np.array([[0.25, 0.75], [1, 0], [NAN, NAN], [NAN, NAN]], np.float32),
    }
    return Predictions(ids, {"empty": BINARY, "species": ("lion", "zebra")}, probabilities)


def test_one_column_per_answer_and_probability(predictions, tmp_path):
    parquet.write_rows([parquet.frame(predictions)], tmp_path / "a.parquet")
    table = pd.read_parquet(tmp_path / "a.parquet")
    assert list(table)[11:] == [
        "answer", "animal_probability", "empty", "empty_confidence", "species",
        "species_confidence", "p_empty_no", "p_empty_yes", "p_species_lion", "p_species_zebra",
    ]  # fmt: skip
    assert table["answer"].tolist() == ["zebra", "lion", "empty", pd.NA]
    assert table["datetime"][0] == pd.Timestamp("2020-01-02 03:04:05")
    np.testing.assert_array_equal(table["p_species_zebra"], [0.75, NAN, NAN, NAN])
    np.testing.assert_array_equal(table["p_empty_no"], [0.75, NAN, 0.25, NAN])
    assert pq.read_table(tmp_path / "a.parquet")["p_empty_no"].null_count == 2
    assert table["p_empty_no"].dtype == np.float32


def test_one_row_per_event(predictions, tmp_path):
    files = parquet.write_files(predictions, tmp_path, Options())
    assert [path.name for path in files] == ["answers.parquet", "answers_by_event.parquet"]
    assert pd.read_parquet(files[1])["answer"].tolist() == ["zebra", "lion", "empty"]


def test_no_rows_have_the_same_columns(predictions, tmp_path):
    parquet.write_rows([parquet.frame(predictions)], tmp_path / "a.parquet")
    parquet.write_rows(
        [parquet.frame(predictions.select(np.zeros(4, bool)))], tmp_path / "b.parquet"
    )
    a, b = (pq.read_table(tmp_path / f"{name}.parquet") for name in "ab")
    assert len(b) == 0 and a.schema.equals(b.schema)
