import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY
from camtrap_tf.outputs import csv, further, parquet
from camtrap_tf.outputs.options import Options

SPECIES = ("ass", "bat", "cat")


@pytest.fixture
def predictions() -> Predictions:
    """Of e1 a frame is sure of a bat and one of a cat; of e2 none is; a person answered e3."""
    events = ["e1", "e1", "e1", "e1", "e2", "e2", "e3", "e3", None]
    species = [(1, 0, 0)] * 2 + [(0, 0.02, 0.98), (0, 1, 0), (1, 0, 0), (0, 0.9, 0.1)]
    species += [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    ids = pd.DataFrame(
        {
            "path": [f"{n}.jpg" for n in range(len(events))],
            "event_id": events,
            "reviewed_by": [None] * 6 + ["Ada", "Ada", None],
        }
    )
    seen = {"species": "eland, common", "count": "2", "attributes": {"moving": True}}
    return Predictions(
        ids,
        {"empty": BINARY, "species": SPECIES},
        {
            "empty": np.float32([(1, 0)] * len(events)),
            "species": np.float32(species),
        },
        info={"review": {"further_sightings": {"e3": [seen, seen | {"species": "cat"}]}}},
    )


def test_events_and_their_further_species(predictions):
    nothing, *parts = further.events(predictions)
    assert len(nothing[0]) == len(nothing[1]) == 0
    ((events, seen),) = parts
    assert events.ids["event_id"].tolist() == ["e1", "e2", "e3", "8.jpg"]
    assert seen.tolist() == ["cat | bat", pd.NA, "eland, common | cat", pd.NA]


def test_tables_of_events_have_them(predictions, tmp_path):
    tables = [
        pd.read_csv(csv.write_files(predictions, tmp_path, Options())[1], dtype="string"),
        pq.read_table(parquet.write_files(predictions, tmp_path, Options())[1]).to_pandas(),
    ]
    for table in tables:
        found = dict(zip(table["event_id"], table["further_species"].fillna(""), strict=True))
        assert found == {
            "e1": "cat | bat", "e2": "", "e3": "eland, common | cat", "8.jpg": "",
        }  # fmt: skip
        assert dict(zip(table["event_id"], table["answer"], strict=True))["e1"] == "ass"


def test_models_without_species_and_no_pictures_at_all(predictions, tmp_path):
    plain = Predictions(
        predictions.ids, {"empty": BINARY}, {"empty": predictions.probabilities["empty"]}
    )
    for part in (plain, predictions.select(np.arange(0))):
        assert all(seen.isna().all() for _, seen in further.events(part))
        for write in (csv.write_files, parquet.write_files):
            assert all(file.is_file() for file in write(part, tmp_path, Options()))
