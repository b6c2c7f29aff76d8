import numpy as np
import pandas as pd

from camtrap_tf.answers import metrics, summary
from camtrap_tf.answers.predictions import Predictions


def predictions(animal, species, failure=(), labels=None, info=None, **scores):
    rows = len(animal)
    failures = [None] * (rows - len(failure)) + list(failure)
    ids = pd.DataFrame({"path": [f"{i}.jpg" for i in range(rows)], "failure": failures})
    ids["event_id"] = ids["path"]
    animal = np.array(animal, np.float32)
    values = {
        "empty": np.stack([animal, 1 - animal], 1),
        "species": np.array(species, np.float32).reshape(rows, 2),
    }
    classes = {"empty": ("no", "yes"), "species": ("cow", "elk")}
    beside = {name: np.array(part, np.float32) for name, part in scores.items()}
    return Predictions(ids, classes, values, labels or {}, labels or {}, info or {}, beside)


NONE = [np.nan, np.nan]


def test_a_tally_in_the_users_words():
    made = predictions(
        [0.1, 0.2, 0.9, 0.8, 0.9, 0.95, np.nan],
        [NONE, NONE, [0.1, 0.9], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4], NONE],
        failure=["truncated"],
        info={"familiarity_threshold": 0.0},
        familiarity=[np.nan, np.nan, 1, 1, 1, -1, np.nan],
    )
    assert summary.tally(made) == ("7 pictures: 2 empty, 2 elk, 1 cow, 1 unknown, 1 unreadable.")
    assert summary.tally(made.select(np.zeros(7, bool))) == "No pictures."
    assert summary.tally(made.select(np.arange(7) == 4)) == "1 picture: 1 cow."


def test_three_numbers_with_intervals():
    labels = {"empty": np.array([1, 0, 0, 0]), "species": np.array([-1, 0, 0, 1])}
    made = predictions(
        [0.1, 0.9, 0.9, 0.2],
        [NONE, [0.9, 0.1], [0.2, 0.8], [0.4, 0.6]],
        labels=labels,
    )
    first, second, third = summary.numbers(metrics.evaluate(made))
    # Three of four; of the animals two; empty and cow are right, elk and empty are not.
    assert first.startswith("empty or not: 75% right [")
    assert first.endswith("] of 4 pictures; always saying 'animal': 75%")
    assert second.startswith("species of animals: 67% right [")
    assert third.startswith("both together: 50% right [")
    assert summary.numbers({"images": {"heads": {}}}) == []


def test_other_figures_take_the_place_of_those_that_there_are_not():
    entry = {"scored": 9, "top1": 0.5, "majority": 0.4, "majority_class": "cow",
             "mean_recall": 0.25, "mean_recall_interval": [0.2, 0.3]}  # fmt: skip
    assert summary.numbers({"images": {"heads": {"species": entry}}}) == [
        "species of animals: 50% right of 9 pictures; always saying 'cow': 40%",
        "species, each counting the same: 25% right [20% to 30%] of 9 pictures",
    ]
