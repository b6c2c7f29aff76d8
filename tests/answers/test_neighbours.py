"""Neighbouring events lend a word by weights worked out by hand, and both readings are kept."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers import neighbours
from camtrap_tf.answers.neighbours import Reading
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY

CLASSES = {"empty": BINARY, "species": ("lion", "zebra")}


def make(lion=(0.8, 0.8, 0.4, 0.3, 0.9), animal=(0.9,) * 5, **changes) -> Predictions:
    """Events at one site: v of two frames at 12:00 and 12:10, w at 12:35, x at 13:20; y elsewhere.

    Columns of `ids` by name are `changes`.
    """
    times = ["12:00", "12:10", "12:35", "13:20", "12:36"]
    columns = {
        "path": [f"{name}.jpg" for name in "abcde"],
        "event_id": list("vvwxy"),
        "site": ["S1"] * 4 + ["S2"],
        "datetime": pd.to_datetime([f"2020-05-01 {time}" for time in times]),
    }
    values = {
        head: np.stack([np.float32(p), 1 - np.float32(p)], axis=1)
        for head, p in (("empty", animal), ("species", lion))
    }
    return Predictions(pd.DataFrame(columns | changes), CLASSES, values)


def test_an_event_joins_its_own_word_and_its_neighbours():
    found = neighbours.read(make(), Reading(30, 0.5))
    # v and w lie 25 minutes apart, from v's end. What the other says: 0.9 · 0.4 + 0.05 = 0.41 of a
    # lion to v, 0.9 · 0.8 + 0.05 = 0.77 to w. x, 45 minutes later, and y have no neighbour.
    odds = np.array([4 * (0.41 / 0.59) ** 0.5, 0.4 / 0.6 * (0.77 / 0.23) ** 0.5])
    species = found.probabilities["species"][:, 0]
    np.testing.assert_allclose(species, [*odds / (1 + odds), 0.3, 0.9], rtol=1e-5)
    assert found.answers().tolist() == ["lion", "lion", "zebra", "lion"]
    assert found.alone().answers().tolist() == ["lion", "zebra", "zebra", "lion"]
    assert found.info["read_with_neighbours"] == {"minutes": 30, "weight": 0.5, "temperature": 1.0}
    assert found.to_pandas()["read_with_neighbours"].tolist() == [True, True, False, False]
    assert found.to_pandas()["species_alone"].tolist()[1] == "zebra"
    wider = neighbours.read(make(), Reading(60, 0.5))
    assert wider.read_with_event().tolist() == [True, True, True, False]


def test_what_is_written_has_both_readings(tmp_path):
    found = neighbours.read(make(), Reading())
    found.write(tmp_path / "events.parquet")
    again = Predictions.read(tmp_path / "events.parquet")
    pd.testing.assert_frame_equal(again.to_pandas(), found.to_pandas())


def test_who_says_nothing_and_who_is_not_told():
    alone = make().by_event().probabilities["species"]
    for changes in (
        {"animal": (0.9, 0.9, 0.1, 0.9, 0.9)},  # w is empty
        {"datetime": pd.to_datetime([None] * 5)},
        {"site": list("aabcd")},
    ):
        found = neighbours.read(make(**changes), Reading())
        np.testing.assert_array_equal(found.probabilities["species"], alone)
    # A person's answer stands, and is heard.
    given = make(lion=(0.8, 0.8, 0.0, 0.3, 0.9), reviewed_by=[None, None, "ann", None, None])
    found = neighbours.read(given, Reading(30, 1.0)).probabilities["species"][:, 0]
    odds = 4 * 0.05 / 0.95
    np.testing.assert_allclose(found[:2], [odds / (1 + odds), 0.0], rtol=1e-5)


def test_a_folder_is_a_place_where_no_site_is_known():
    paths = ["A/a.jpg", "A/b.jpg", "A/c.jpg", "A/d.jpg", "B/e.jpg"]
    found = neighbours.read(make(path=paths, site=None), Reading())
    assert found.read_with_event().tolist() == [True, True, False, False]


def test_of_one_stage_the_probability_of_empty_stays():
    base = make()
    values = np.float32([[0.56, 0.14, 0.3], [0.56, 0.14, 0.3], [0.28, 0.42, 0.3]])
    names = {"species": ("lion", "zebra", "empty")}
    three = base.select(np.arange(3))
    one = dataclasses.replace(three, classes=names, probabilities={"species": values})
    found = neighbours.read(one, Reading(30, 0.5)).probabilities["species"]
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(found[:, 2], 0.3, rtol=1e-6)
    odds = 0.4 / 0.6 * (0.77 / 0.23) ** 0.5
    np.testing.assert_allclose(found[1, 0], 0.7 * odds / (1 + odds), rtol=1e-5)


def labelled(right: int, wrong: int) -> Predictions:
    """Pairs of events: a sure lion, and one that is unsure and a lion in `right` of the pairs."""
    number = right + wrong
    days = pd.to_datetime("2020-05-01") + pd.to_timedelta(np.repeat(np.arange(number), 2), "D")
    times = days + pd.to_timedelta(np.tile([0, 10], number), "min")
    lion = np.tile(np.float32([0.95, 0.45]), number)
    truth = np.zeros(2 * number, int)
    truth[2 * right + 1 :: 2] = 1
    ids = pd.DataFrame({
        "path": [f"{i}.jpg" for i in range(2 * number)],
        "event_id": [f"e{i}" for i in range(2 * number)],
        "site": "S1",
        "datetime": times,
    })  # fmt: skip
    values = {"species": np.stack([lion, 1 - lion], axis=1)}
    names = {"species": ("lion", "zebra")}
    return Predictions(ids, names, values, {"species": truth}, {"species": truth})


def test_the_weight_is_chosen_on_labelled_events():
    helps = neighbours.choose(labelled(20, 4), 30)
    assert neighbours.choose(labelled(3, 4), 30).weight == neighbours.USUAL  # seven tell nothing
    assert helps.weight > 0 and helps.minutes == 30
    assert neighbours.choose(labelled(4, 20), 30).weight == 0
    unlabelled = dataclasses.replace(labelled(4, 4), labels={}, event_labels={})
    assert neighbours.choose(unlabelled).weight == 0
    # Calibrated after: pairs agree less often than is said with the full weight.
    assert neighbours.choose(labelled(28, 20), 30, (1.0,)).temperature > 1


def test_what_is_no_reading_is_refused():
    for given, told in (({"minutes": 0}, "more than 0 minutes"), ({"weight": 2}, r"in \[0, 1\]")):
        with pytest.raises(InputError, match=told):
            Reading(**given)
