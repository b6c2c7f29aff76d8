"""Which events are labelled, and what self-training takes for true."""

import numpy as np
import pandas as pd

from camtrap_tf.answers.predictions import Predictions
from experiments.california import few_labels


def test_events_are_labelled_until_there_are_so_many_pictures():
    ids = pd.DataFrame({"event_id": [f"e{i}" for i in range(20) for _ in range(3)]})
    found = few_labels.labelled(ids, 10, seed=0)
    assert len(found) == len(set(found)) == 4  # 9 pictures are too few, 12 are enough
    assert few_labels.labelled(ids, 30, seed=0)[:4] == found
    assert few_labels.labelled(ids, 10, seed=1) != found
    assert len(few_labels.labelled(ids, 900, seed=0)) == 20


def test_what_a_network_is_sure_of_is_taken_for_true():
    joint = [
        [0.7, 0.1, 0.2], [0.1, 0.0, 0.9],  # a cow, gone on the second picture
        [0.0, 0.2, 0.8], [0.1, 0.0, 0.9],  # empty: at most 0.2 for an animal
        [0.4, 0.4, 0.2], [0.4, 0.4, 0.2],  # an animal, but which one
    ]  # fmt: skip
    answers = Predictions(
        pd.DataFrame({"path": list("abcdef"), "event_id": list("112233")}),
        {"species": ("cow", "elk", "empty")},
        {"species": np.array(joint, np.float32)},
        {"species": np.array([0, 2, 2, 2, 1, 1])},
        {"species": np.array([0, 0, 2, 2, 1, 1])},
    )
    # Cow: 0.8 that there is an animal, (0.7 + 0.1) / (0.8 + 0.1) that it is a cow: 0.71.
    assert few_labels.believed(answers) == {"1": (0, [0, 2]), "2": (2, [2, 2])}
