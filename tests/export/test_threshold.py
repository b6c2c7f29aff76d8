"""Thresholds at a stated recall, and what they do, on probabilities written by hand."""

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from export import threshold


def test_threshold_at_a_recall():
    probabilities = np.array([0.9, 0.8, 0.3, 0.2, 0.1, 0.7])
    animal = np.array([True, True, True, True, True, False])
    assert threshold.at_recall(probabilities, animal, 0.6) == 0.3
    assert threshold.at_recall(probabilities, animal, 0.61) == 0.2
    assert threshold.at_recall(probabilities, animal, 1.0) == 0.1
    hundred = np.arange(100, 0, -1) / 100  # 0.55 * 100 is a little more than 55
    assert threshold.at_recall(hundred, np.ones(100, bool), 0.55) == hundred[54]
    with pytest.raises(InputError, match=r"a recall in \(0, 1\]"):
        threshold.at_recall(probabilities, ~np.ones(6, bool), 0.5)


def labelled(probability: list[float], empty: list[int], events: str) -> Predictions:
    p = np.float32(probability)
    ids = pd.DataFrame({"event_id": list(events), "path": list("123456"[: len(events)])})
    values = {"empty": np.stack([p, 1 - p], axis=1)}
    return Predictions(ids, {"empty": ("animal", "empty")}, values, {"empty": np.array(empty)})


def test_a_picture_on_its_own_threshold_passes():
    """A threshold is the probability of a picture, so that one is on it each time; or several."""
    answers = labelled([0.75, 0.5, 0.5, 0.5, 0.25], [0, 0, 0, 1, 1], "abcde")
    animal = answers.labels["empty"] == 0
    for recall in (0.6, 1.0):
        chosen = threshold.at_recall(answers.probabilities["empty"][:, 0], animal, recall)
        assert chosen == 0.5
        effect = threshold.Effect.of(answers, chosen, "val", threshold.Level.PICTURES)
        assert effect.recall == 1.0 >= recall  # the second and third are on it, both pass
        assert effect.removed == 0.5  # so does one that is empty
        # As people are told: what passes is what is not judged empty.
        answers.info["animal_threshold"] = chosen
        assert answers.judged_empty().tolist() == [False] * 4 + [True]


def test_an_event_passes_with_any_of_its_frames():
    ids = {"event_id": ["a", "a", "b", "b", "c", "d"], "path": list("123456")}
    probability = np.array([0.1, 0.8, 0.2, 0.3, 0.4, np.nan])
    answers = Predictions(
        pd.DataFrame(ids),
        {"empty": ("animal", "empty")},
        {"empty": np.stack([probability, 1 - probability], axis=1)},
        {"empty": np.array([1, 0, 1, 1, 0, 0])},  # a: empty, animal; b: both empty; c, d: animal
        {},
        {},
    )
    pictures, events = (
        threshold.Effect.of(answers, 0.35, "test", level) for level in threshold.Level
    )
    # d has no answer. Of the animals 2 and 5 both pass; 1, 3 and 4 are empty and do not.
    assert (pictures.animals, pictures.recall, pictures.empties, pictures.removed) == (2, 1, 3, 1)
    assert (events.animals, events.recall, events.empties, events.removed) == (2, 1, 1, 1)
    seen = threshold.Seen.of(answers, threshold.Level.EVENTS)
    np.testing.assert_allclose(seen.probability, [0.8, 0.3, 0.4], rtol=1e-6)
    assert "pictures         2  100.0%" in threshold.table([pictures])
