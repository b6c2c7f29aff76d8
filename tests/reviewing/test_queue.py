import math

import numpy as np
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.reviewing import queue
from tests.reviewing.conftest import predictions_of

NAN = float("nan")


def gains(predictions, *arguments, **options) -> dict[str, float]:
    table = queue.order(predictions, *arguments, **options)
    return dict(zip(table["event_id"], table["gain"].round(4), strict=True))


def test_gain_by_hand(small):
    # e0 hare 0.9*0.9 = 0.81; e1 hare 0.7*0.55 = 0.385; e2 empty 0.95.
    # e3: mean P(empty) 0.5, an animal; lion 0.5*0.9 = 0.45, and one of two frames is empty.
    # rarity, N = 4: hare twice, log(2)/log(4) = 1/2; lion and empty once, 1.
    assert gains(small) == pytest.approx(
        {
            "e3": (1 - 0.45 * 0.5) * 2,
            "e1": (1 - 0.385) * 1.5,
            "e0": (1 - 0.81) * 1.5,
            "e2": (1 - 0.95) * 2,
        },
        abs=1e-4,
    )
    table = queue.order(small)
    assert table["event_id"].tolist() == ["e3", "e1", "e0", "e2"]
    assert table["frames_disagree"].tolist() == [0.5, 0, 0, 0]
    assert table.index.tolist() == [3, 1, 0, 2]


def test_of_labelled_events_only_suspected_errors_gain(small):
    small.event_labels = {
        "empty": np.array([0, 0, 0, 0, 0, -1, -1]), "species": np.array([0, 0, 1, 0, 0, -1, -1])
    }  # fmt: skip
    # e0 is labelled as answered; e1, a hare of 0.385, is labelled lion of 0.7*0.45 = 0.315;
    # e2, empty of 0.95, is labelled hare, about which stage 2 was not asked; e3 has no label.
    assert gains(small) == pytest.approx(
        {"e2": 0.95 * 2, "e3": (1 - 0.45 * 0.5) * 2, "e1": (0.385 - 0.315) * 1.5, "e0": 0},
        abs=1e-4,
    )


def test_models_that_disagree():
    predictions = predictions_of([[(0.1, 0.9)], [(0.1, 0.9)]])
    other = predictions_of([[(0.1, 0.9)], [(0.1, 0.2)]])
    found = queue.order(predictions, [predictions, other])
    assert found["event_id"].tolist() == ["e1", "e0"]
    assert found["models_disagree"].tolist() == [0.5, 0]
    with pytest.raises(InputError, match="the same pictures"):
        queue.order(predictions, [predictions_of([[(0.1, 0.9)]])])


def test_unreadable_events_come_last():
    table = queue.order(predictions_of([[(NAN, NAN)], [(0.01, 0.99)], [(0.5, 0.5), (NAN, NAN)]]))
    assert table["event_id"].tolist() == ["e2", "e1", "e0"]
    assert table["gain"].iloc[2] == 0


def test_a_single_event_is_not_rare():
    assert gains(predictions_of([[(0.0, 0.75)]])) == {"e0": 0.25}


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("unsure", ["e3", "e1", "e0"]),
        ("species:hare", ["e1", "e0"]),
        ("species:lion,empty", ["e3", "e2"]),
    ],
)
def test_only_some(small, only, expected):
    assert queue.order(small, only=only)["event_id"].tolist() == expected


def test_only_unsure_below(small):
    assert queue.order(small, only="unsure", below=0.4)["event_id"].tolist() == ["e1"]
    surest = queue.order(small).set_index("event_id")["confidence"]["e1"]
    assert queue.order(small, only="unsure", below=surest).empty


def test_random_is_a_permutation_by_seed():
    predictions = predictions_of([[(0.1, 0.9)]] * 200)
    first, again, other = (
        queue.order(predictions, only="random", seed=seed)["event_id"].tolist()
        for seed in (0, 0, 1)
    )
    assert first == again != other
    assert sorted(first) == sorted(other) == sorted(f"e{i}" for i in range(200))


@pytest.mark.parametrize("only", ["rare", "species:", "species:dodo", "random:lion", "unsure:x"])
def test_unknown_choices_are_errors(small, only):
    with pytest.raises(InputError):
        queue.order(small, only=only)


def test_suggestions(small):
    events = small.by_event()
    first, second, third, _ = queue.suggestions(events)
    assert first == [("hare", pytest.approx(0.81)), ("empty", pytest.approx(0.1)),
                     ("lion", pytest.approx(0.09))]  # fmt: skip
    assert [name for name, _ in second] == ["hare", "lion", "empty"]
    assert third == [("empty", pytest.approx(0.95)), ("animal", pytest.approx(0.05))]
    assert len(queue.suggestions(events, 1)[0]) == 1


def test_rarity_of_many():
    predictions = predictions_of([[(0.0, 1.0)]] * 99 + [[(0.0, 0.0)]])
    rarity = queue.order(predictions).sort_index()["rarity"]
    assert rarity[99] == 1
    assert rarity[0] == pytest.approx(math.log(100 / 99) / math.log(100))
