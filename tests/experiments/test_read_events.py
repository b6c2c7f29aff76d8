"""The table of rules and weights: what is chosen is chosen on validation, and scored on both."""

import numpy as np
import pandas as pd

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY
from experiments.california import read_events


def make(animal: list[float], lion: list[float]) -> Predictions:
    """Two events of two frames, of a lion and a zebra."""
    classes = {"empty": BINARY, "species": ("lion", "zebra")}
    probabilities = {
        head: np.stack([np.float32(p), 1 - np.float32(p)], 1)
        for head, p in zip(classes, (animal, lion), strict=True)
    }
    labels = {"empty": np.zeros(4, int), "species": np.array([0, 0, 1, 1])}
    ids = pd.DataFrame({"path": list("abcd"), "event_id": list("xxyy")})
    return Predictions(ids, classes, probabilities, labels, labels)


def test_rules_and_weights_are_marked_and_scored():
    # The first frame of x shows it; the second is wrong and shows less.
    rows = make([0.95, 0.55, 0.9, 0.9], [0.9, 0.05, 0.1, 0.1])
    found = {("whole", split): rows for split in ("val", "test")}
    lines = read_events.measure(found, "whole", 1)
    events = {
        (line["question"], line["rule"]): line
        for line in lines
        if (line["level"], line["split"]) == ("events", "test")
    }
    assert len(events) == 4 + 5
    # By animal: lion (0.855 + 0.0275) / 1.5 = 0.59; mean 0.475.
    assert events["species", "mean"]["right"] == 0.5
    assert events["species", "animal"]["right"] == 1.0 and events["species", "animal"]["usual"]
    assert sum(line["chosen"] for line in events.values()) == 2
    pictures = {
        line["weight"]: line["right"]
        for line in lines
        if (line["level"], line["split"], line["question"]) == ("pictures", "test", "species")
    }
    # 0.9 log(0.59 / 0.41) + 0.1 log(0.05 / 0.95) = 0.03: a lion with its event.
    assert pictures[0.0] == 0.75 and pictures[0.9] == 1.0
    means = read_events.means([*lines, *read_events.measure(found, "whole", 2)], [1, 2])
    (chosen,) = [
        line["right"]
        for line in means
        if line["chosen"] and (line["split"], line["level"]) == ("test", "events")
        if line["question"] == "species"
    ]
    assert chosen == 1.0 and means[0]["seed"] == "mean of 2"
