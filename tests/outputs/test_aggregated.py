"""`camtrap aggregate`: events as tables, by other rules, with their neighbours."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from camtrap_tf import cli
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY
from camtrap_tf.outputs.aggregated import aggregate
from tests.answers.test_neighbours import labelled, make


@pytest.fixture
def answers(tmp_path):
    make().write(tmp_path / "answers.parquet")
    labelled(20, 4).write(tmp_path / "validation.parquet")
    return tmp_path / "answers.parquet"


def run(answers, *flags) -> tuple[int, pd.DataFrame]:
    out = answers.parent / "events"
    code = cli.main(["aggregate", str(answers), f"--out={out}", *flags])
    return code, pd.read_csv(out / "events.csv")


def test_the_verb_writes_events(answers, capsys):
    code, table = run(answers)
    assert code == 0 and table["event_id"].tolist() == list("vwxy")
    assert "species_alone" not in table
    assert "4 events in" in capsys.readouterr().out


def test_the_verb_reads_events_with_their_neighbours(answers):
    validation = f"--validation={answers.parent / 'validation.parquet'}"
    code, table = run(answers, "--neighbours=30", validation)
    assert code == 0
    assert table["read_with_neighbours"].tolist() == [True, True, False, False]
    assert table["species_alone"].tolist() == ["lion", "zebra", "zebra", "lion"]
    events = Predictions.read(answers.parent / "events" / "event_predictions.parquet")
    assert events.info["read_with_neighbours"]["weight"] > 0


def test_rules_in_place_of_the_bundles(tmp_path):
    values = np.float32([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    scores = {"detection": np.float32([0.1, 0.9, 0.9])}
    ids = pd.DataFrame({"path": list("abc"), "event_id": ["x"] * 3})
    labels = {"species": np.zeros(3, int)}
    names = {"species": ("lion", "zebra")}
    given = Predictions(ids, names, {"species": values}, labels, labels, scores=scores)
    lion = {
        rule: aggregate(given, tmp_path, rule).probabilities["species"][0, 0]
        for rule in (None, "detector", "maximum")
    }
    assert lion[None] == pytest.approx(1.4 / 3)
    assert lion["detector"] == pytest.approx((0.09 + 0.18 + 0.27) / 1.9)
    assert lion["maximum"] == pytest.approx(0.9 / 1.7)
    few = aggregate(given, tmp_path, "auto", validation=given)
    assert few.info["event_rules"] == {"species": "detector"}  # the usual: one event is no reason
    six = given.select(np.tile(range(3), 6))
    six.ids["event_id"] = np.repeat(list("abcdef"), 3)
    chosen = aggregate(given, tmp_path, "auto", validation=six)
    assert chosen.info["event_rules"] == {"species": "surest"}  # right on each; the lowest loss
    with pytest.raises(InputError, match="Give --validation=FILE"):
        aggregate(given, tmp_path, "auto")
    with pytest.raises(InputError, match="known by their times"):
        aggregate(given, tmp_path, minutes=30)
    alone = {"classes": {"empty": BINARY}, "probabilities": {"empty": values}, "labels": {}}
    presence = dataclasses.replace(given, **alone, event_labels={})
    with pytest.raises(InputError, match="the species is read; received 'answers to empty'"):
        aggregate(presence, tmp_path, minutes=30)
