"""The rule is chosen on validation alone, and the test figure is of that rule."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers import aggregation
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY


def make(animal: list[float], empty: list[int]) -> Predictions:
    """Events of three frames; P(animal) per frame, 'empty' label per event."""
    p = np.float32(animal)
    ids = pd.DataFrame(
        {
            "path": [f"{i}.jpg" for i in range(len(p))],
            "event_id": [str(i // 3) for i in range(len(p))],
        }
    )
    labels = {"empty": np.repeat(empty, 3)}
    probabilities = {"empty": np.stack([p, 1 - p], axis=1)}
    return Predictions(ids, {"empty": BINARY}, probabilities, labels, labels)


def test_an_animal_in_one_frame_of_three():
    # Event 0 shows the animal in one frame only: the mean is 0.37, the maximum 0.9.
    validation = make([0.9, 0.1, 0.1, 0.2, 0.2, 0.2, 0.8, 0.8, 0.8], [0, 1, 0])
    # In the test split the maximum is fooled by one frame of an empty event.
    test = make([0.6, 0.1, 0.1, 0.9, 0.9, 0.9], [1, 0])
    table = {row.rule: row for row in aggregation.compare(validation, test)}
    assert list(table) == ["mean", "mean_logit", "geometric", "maximum"]
    assert table["mean"].accuracy == pytest.approx(2 / 3)
    # 0.1 · 0.9 · 0.9 has the cube root 0.433: with an animal at 0.567.
    assert table["geometric"].accuracy == table["maximum"].accuracy == 1.0
    assert table["maximum"].log_loss < table["geometric"].log_loss
    assert aggregation.chosen(list(table.values())) == {"empty": "maximum"}
    assert table["maximum"].test_accuracy == 0.5 and table["mean"].test_accuracy == 1.0


def first_alone(gained: int, lost: int, ties: int = 0) -> dict[str, aggregation.Row]:
    """Rows of 'empty' by rule, of events on which the means differ from the maximum, the usual.

    Args:
        gained: empty events with one sure frame, which the means alone answer rightly.
        lost: events with an animal on one frame, which they alone answer wrongly.
        ties: events that every rule answers rightly.
    """
    frames = [0.9, 0.1, 0.1] * (gained + lost) + [0.8, 0.8, 0.8] * ties
    labels = [1] * gained + [0] * (lost + ties)
    return {row.rule: row for row in aggregation.compare(make(frames, labels))}


@pytest.mark.parametrize(
    ("gained", "lost", "ties", "chosen"),
    [
        (5, 0, 0, "maximum"),  # every one of five events: still no more than chance, 2 · 0.5⁵ > 5%
        (5, 0, 100, "maximum"),
        (6, 0, 0, "mean_logit"),  # 2 · 0.5⁶ = 3.1%
        (6, 0, 100, "mean_logit"),  # events on which they agree say nothing of their difference
        (7, 2, 0, "maximum"),
        (8, 1, 0, "mean_logit"),
        (0, 9, 0, "maximum"),
        (3, 3, 3, "maximum"),
    ],
)
def test_the_usual_rule_stands_unless_another_is_clearly_better(gained, lost, ties, chosen):
    rows = first_alone(gained, lost, ties)
    number = gained + lost + ties
    for mean in ("mean", "mean_logit"):
        assert rows[mean].accuracy == pytest.approx((gained + ties) / number)
    assert rows["maximum"].accuracy == pytest.approx((lost + ties) / number)
    assert aggregation.chosen(list(rows.values())) == {"empty": chosen}


def test_without_a_test_split():
    row = aggregation.compare(make([0.9, 0.9, 0.9], [0]))[0]
    assert row.test_accuracy is None and row.interval == pytest.approx((0.025, 1.0))


def test_species_rules_mind_what_shows_an_animal():
    animal = np.float32([0.9, 0.6, 0.6])
    lion = np.float32([0.9, 0.2, 0.3])  # mean 0.47, by animal (0.81 + 0.12 + 0.18) / 2.1 = 0.53
    classes = {"empty": BINARY, "species": ("lion", "zebra")}
    probabilities = {
        head: np.stack([p, 1 - p], 1) for head, p in (("empty", animal), ("species", lion))
    }
    ids = pd.DataFrame({"path": list("abc"), "event_id": ["x"] * 3})
    labels = {"empty": np.zeros(3, int), "species": np.zeros(3, int)}
    rows = aggregation.compare(Predictions(ids, classes, probabilities, labels, labels))
    right = {(row.head, row.rule): row.accuracy for row in rows}
    assert [rule for head, rule in right if head == "species"] == [
        "mean", "mean_logit", "maximum", "animal", "surest",
    ]  # fmt: skip
    assert right["species", "mean"] == 0.0 and right["species", "animal"] == 1.0
    assert aggregation.chosen(rows)["species"] == "animal"  # the usual; `surest` is likelier
    assert aggregation.usual(classes) == {"empty": "maximum", "species": "animal"}


def test_the_rule_of_a_detector_is_tried_where_its_score_is_kept():
    # The frame that names the lion is the one in which the detector found something.
    lion = np.float32([0.3, 0.9, 0.2])
    classes = {"species": ("lion", "zebra")}
    ids = pd.DataFrame({"path": list("abc"), "event_id": ["x"] * 3})
    labels = {"species": np.zeros(3, int)}
    scores = {"detection": np.float32([0.1, 0.9, np.nan])}
    values = {"species": np.stack([lion, 1 - lion], axis=1)}
    rows = Predictions(ids, classes, values, labels, labels, scores=scores)
    found = {row.rule: row for row in aggregation.compare(rows)}
    assert found["mean"].accuracy == 0 and found["detector"].accuracy == 1
    assert found["detector"].chosen and list(found)[-1] == "detector"
    without = dataclasses.replace(rows, scores={})
    for pair in ((without, None), (rows, without)):
        assert "detector" not in {row.rule for row in aggregation.compare(*pair)}
