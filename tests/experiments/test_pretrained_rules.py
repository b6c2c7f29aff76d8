"""Rules for events, and ways to take one, on drawn numbers."""

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY
from experiments.pretrained import looked_at, neighbours, rules
from tests.answers.test_neighbours import labelled


def events_of(right: list[list[int]]) -> rules.Events:
    """Events answered by the first rules as given, by the others wrongly."""
    values = np.zeros((len(rules.RULES), len(right[0])))
    values[: len(right)] = right
    return rules.Events(values, np.where(values, -0.1, -3.0), np.arange(len(right[0])).astype(str))


def test_ways_to_take_a_rule():
    # 'mean' is right on two of four events more than 'detector', which is nothing clear.
    found = {name: way(events_of([[1, 1, 0, 0]])) for name, way in rules.WAYS.items()}
    assert {rules.RULES[found[name]] for name in ("most right", "likeliest")} == {"mean"}
    assert rules.RULES[found["most right, clearly"]] == "detector"  # 2 of 2: 2 · 0.5² > 5%
    assert rules.RULES[found["likeliest, clearly"]] == "mean"  # 2 · 2.9 > 1.92
    assert rules.RULES[rules.WAYS["most right, clearly"](events_of([[1] * 6]))] == "mean"
    assert rules.RULES[found["usual"]] == "detector"


def test_a_way_is_scored_on_events_it_did_not_choose_on():
    known = events_of([[1] * 30, [0] * 30])
    assert rules.drawn(known) == {"usual": 0.0} | dict.fromkeys(list(rules.WAYS)[1:], 1.0)


def answered(animal: list[float], lion: list[float], lions: list[int]) -> Predictions:
    """Pictures of events of two, with their labels."""
    values = {
        name: np.stack([np.float32(p), 1 - np.float32(p)], axis=1)
        for name, p in (("empty", animal), ("species", lion))
    }
    number = len(lions)
    labels = {"empty": np.zeros(number, int), "species": np.array(lions)}
    ids = pd.DataFrame({
        "path": [str(i) for i in range(number)],
        "event_id": [str(i // 2) for i in range(number)],
        "datetime": pd.to_datetime([f"2020-01-{1 + i // 4 % 28:02d}" for i in range(number)]),
    })  # fmt: skip
    classes = {"empty": BINARY, "species": ("lion", "zebra")}
    return Predictions(ids, classes, values, labels, labels, {"animal_threshold": 0.5})


def test_frames_weighted_by_the_detector():
    rows = answered([0.9, 0.6], [0.8, 0.1], [0, 0])
    found = rules.answer(rows, np.float32([0.1, 0.9]))
    said = dict(zip(rules.RULES, np.exp(found.likely[:, 0]), strict=True))
    assert said["mean"] == pytest.approx(0.45) and said["surest"] == pytest.approx(0.8)
    assert said["animal"] == pytest.approx((0.9 * 0.8 + 0.6 * 0.1) / 1.5)
    assert said["detector"] == pytest.approx(0.1 * 0.8 + 0.9 * 0.1)
    assert said["surest of the detector"] == pytest.approx(0.1)
    assert found.right[:, 0].tolist() == [said[rule] > 0.5 for rule in rules.RULES]
    assert (
        rules.folds_of_days(answered([0.5] * 8, [0.5] * 8, [0] * 8)).reshape(2, 4).std(1).sum() == 0
    )


def test_events_read_with_their_neighbours():
    # Of 24 unsure events 20 show what their sure neighbour shows.
    said = {"val": labelled(20, 4), "learnt": labelled(4, 20)}
    chosen = neighbours.readings(said)
    assert chosen["validation days"].weight > 0 and chosen["learnt days"].weight == 0
    lines = neighbours.lines([labelled(20, 4)] * 2, [chosen] * 2)
    by = {(line["read"], line["of"]): line for line in lines}
    for of in ("events", "pictures"):
        alone, read, worse = (by[name, of] for name in ("alone", "validation days", "learnt days"))
        assert alone["right"] == pytest.approx(28 / 48, abs=1e-4) and alone["gain"] == ""
        assert read["right"] == pytest.approx(44 / 48, abs=1e-4)
        assert read["gain"] == pytest.approx(16 / 48, abs=1e-4) and read["gain_low"] > 0
        assert worse["right"] == alone["right"] and worse["weight"] == "0 0"
    assert by["with a neighbour", "events"]["right"] == 1
    assert by["with a neighbour", "pairs"]["right"] == pytest.approx(20 / 24, abs=1e-4)
    assert set(map(len, lines)) == {len(lines[0])}


def test_pictures_that_the_whole_view_is_sure_about_are_not_looked_at():
    whole = answered([0.99, 0.99], [0.98, 0.4], [0, 0])
    both = answered([0.99, 0.99], [0.1, 0.9], [0, 0])
    rows, looked = looked_at.mixed(whole, both, 0.9)
    assert looked.tolist() == [False, True]
    np.testing.assert_allclose(rows.probabilities["species"][:, 0], [0.98, 0.9], rtol=1e-6)
    said = {days: {"whole": whole, "both": both} for days in looked_at.DAYS}
    lines = looked_at.lines([said, said])
    found = {
        line["threshold"]: (line["looked_at"], line["right"])
        for line in lines
        if (line["days"], line["of"]) == ("test", "both questions, pictures, alone")
    }
    # Whole: the first alone is right; where it is sure of that, both are; both views: the second.
    assert (found["0"], found["0.9"], found["all"]) == ((0, 0.5), (0.5, 1), (1, 0.5))
