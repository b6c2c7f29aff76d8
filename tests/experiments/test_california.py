"""One-stage answers taken apart, and the study's schedules."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from experiments.california import california


@pytest.fixture
def answers():
    """Two events of two frames: an elk that one frame shows, and nothing."""
    joint = np.array([[0.1, 0.7, 0.2], [0.06, 0.04, 0.9], [0.1, 0.1, 0.8], [0.2, 0.1, 0.7]])
    frames = np.array([1, 2, 2, 2])
    events = np.array([1, 1, 2, 2])
    return Predictions(
        pd.DataFrame({"path": list("abcd"), "event_id": ["1", "1", "2", "2"]}),
        {"species": ("cow", "elk", "empty")},
        {"species": joint.astype(np.float32)},
        {"species": frames},
        {"species": events},
    )


def test_one_network_answers_as_two(answers):
    found = california.two_heads(answers)
    np.testing.assert_allclose(found.probabilities["empty"][0], [0.8, 0.2], atol=1e-6)
    np.testing.assert_allclose(found.probabilities["species"][1], [0.6, 0.4], atol=1e-6)
    assert found.labels["empty"].tolist() == [0, 1, 1, 1]
    assert found.labels["species"].tolist() == [1, -1, -1, -1]


def test_frames_count_for_species_as_they_show_an_animal(answers):
    found = california.by_event(answers)
    # As empty as the frame that is least so.
    np.testing.assert_allclose(found.probabilities["empty"][:, 1], [0.2, 0.7], atol=1e-6)
    # Elk: (0.7 + 0.04) / (0.8 + 0.1).
    np.testing.assert_allclose(found.probabilities["species"][0, 1], 0.74 / 0.9, atol=1e-6)
    assert found.top("empty").tolist() == found.labels["empty"].tolist() == [0, 1]
    assert found.top("species")[0] == found.labels["species"][0] == 1


def test_empty_pictures_of_events_with_an_animal(answers):
    found = california.empty_of_animal(california.two_heads(answers))
    assert found.tolist() == [False, True, False, False]
    figures = california.measure("", 0, "val", answers)
    assert len(figures) == 5
    # Pictures that have their event's labels are never empty ones of an animal's event.
    of_events = dataclasses.replace(answers, labels=answers.event_labels)
    levels = [figure["level"] for figure in california.measure("", 0, "val", of_events)]
    assert levels == ["pictures", "pictures", "events", "events"]


def test_answers_to_pictures_alone_are_counted_by_picture(answers):
    figures = california.measure_alone("", 0, "val", answers)
    assert [(f["level"], f["question"]) for f in figures] == [
        ("pictures alone", "empty"),
        ("pictures alone", "species"),
    ]
    assert [f["right"] for f in figures] == [1.0, 1.0]


@pytest.mark.parametrize("row", california.ROWS)
def test_a_schedule_fits_its_epochs(row):
    config = california.recipe(row, seed=3, epochs=11, crop=32)
    assert config.train.seed == 3
    assert config.train.schedule[-1].first <= 11


def test_the_papers_stages_in_proportion():
    schedule = california.recipe("paper", 0, 11, 32).train.schedule
    # 18, 29, 43 and 52 of 55 epochs are 3.6, 5.8, 8.6 and 10.4 of 11.
    assert [step.first for step in schedule] == [1, 5, 7, 10, 11]


def test_seeds_have_a_mean_and_a_spread():
    row = {"row": "quick", "split": "val", "level": "events", "question": "empty", "low": 0.0}
    rows = [dict(row, seed=seed, right=right) for seed, right in enumerate((0.5, 0.6, 0.8))]
    (found,) = california.spread(rows)
    assert (found["seed"], found["right"]) == ("mean of 3", 0.6333)
    assert (found["low"], found["high"]) == (0.5, 0.8)


def test_networks_answer_together(answers):
    other = dataclasses.replace(answers, probabilities={"species": np.eye(3)[[0, 2, 2, 2]]})
    found = {
        ("modern, difference", 0, "val"): answers,
        ("modern, zoom", 0, "val"): other,
        ("modern, zoom", 1, "val"): other,
        ("modern, zoom", 0, "test"): other,
    }
    rows = california.together(found, "val")
    right = {(r["row"], r["seed"], r["level"], r["question"]): r["right"] for r in rows}
    assert {key[:2] for key in right} == {
        ("modern, zoom", "2 networks"),
        ("modern, difference and zoom", "3 networks"),
    }
    # The elk's picture: (0.1 + 1 + 1) / 3 for a cow, (0.7 + 0 + 0) / 3 for an elk.
    assert right["modern, difference and zoom", "3 networks", "pictures", "species"] == 0
    assert right["modern, difference and zoom", "3 networks", "pictures", "empty"] == 1
