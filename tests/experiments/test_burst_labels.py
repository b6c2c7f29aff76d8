"""What is counted of the empty pictures of labelled events."""

import numpy as np
import pandas as pd

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY
from experiments.further import burst_labels


def test_figures_by_hand():
    animal = np.array([0.9, 0.4, 0.3, 0.4, 0.1], np.float32)
    answers = Predictions(
        pd.DataFrame({"path": list("abcde"), "event_id": ["1", "1", "1", "1", "2"]}),
        {"empty": BINARY},
        {"empty": np.stack([animal, 1 - animal], 1)},
        event_labels={"empty": np.array([0, 0, 0, 0, 1])},
    )
    found = burst_labels.right(answers, np.array([True, True, False, False, False]))
    nothing = np.nan
    # The event without an animal is not scored.
    expected = {
        "empty pictures found": [nothing, nothing, 1, 1, nothing],
        "pictures of animals kept": [1, 0, nothing, nothing, nothing],
        "empty below animal, of all pairs": [nothing, nothing, 1, 0.75, nothing],  # 0.4 = 0.4
    }
    assert found.keys() == expected.keys()
    for figure, values in expected.items():
        np.testing.assert_array_equal(found[figure], values)
