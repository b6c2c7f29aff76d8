"""Scores of familiarity and the area under their curve, by hand; the report on drawn animals."""

import numpy as np
import pytest

from camtrap_tf.core.labels import Task
from camtrap_tf.networks.familiarity import BOTH, ENERGY, energy
from experiments import draws
from experiments.further import unknowns
from experiments.further.unknowns import Animals
from experiments.lab import SCALES, Job, NotAvailable


def animals(features, logits, labels, events=None) -> Animals:
    events = np.arange(len(labels)) if events is None else np.array(events)
    return Animals(
        np.array(features, np.float32), np.array(logits, np.float32), np.array(labels), events
    )


# Two classes with means (2, 0) and (0, 2), and variance 1 along x and 0 along y.
LEARNT = animals([[1, 0], [3, 0], [-1, 2], [1, 2]], np.zeros((4, 2)), [0, 0, 1, 1])


def test_scores_of_logits_by_hand():
    seen = animals([[0, 0]] * 2, [[0, np.log(3)], [np.log(2), np.log(2)]], [0, 0])
    np.testing.assert_allclose(unknowns.max_probability(LEARNT, LEARNT, seen), [0.75, 0.5])
    np.testing.assert_allclose(unknowns.max_logit(LEARNT, LEARNT, seen), [np.log(3), np.log(2)])
    np.testing.assert_allclose(unknowns.energy(LEARNT, LEARNT, seen), [np.log(4), np.log(4)])
    written_out = energy(seen.logits)[:, 0]
    np.testing.assert_allclose(written_out, unknowns.energy(LEARNT, LEARNT, seen), rtol=1e-6)


def test_scores_of_features_by_hand():
    seen = animals([[2, 0], [4, 0], [3, 3]], np.zeros((3, 2)), [0] * 3)
    found = unknowns.mahalanobis(LEARNT, LEARNT, seen)
    # The floor is a hundredth of the mean variance 1/2: variances 1.005 and 0.005.
    expected = [0, -2 / np.sqrt(1.005), -np.sqrt(3**2 / 1.005 + 1 / 0.005)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        unknowns.cosine(LEARNT, LEARNT, seen), [1, 1, np.sqrt(0.5)], rtol=1e-6
    )


def test_both_scores_count_in_their_deviations():
    logits = np.log([[1, 1], [1, 3], [1, 1], [1, 3]])  # energies log 2 and log 4
    learnt = animals(LEARNT.features, logits, LEARNT.labels)
    assert unknowns.energy_and_distance(learnt, learnt, learnt).mean() == pytest.approx(0, abs=1e-6)
    seen = animals([[1, 0], [4, 0]], logits[:2], [0, 0])
    one, other = unknowns.energy_and_distance(learnt, learnt, seen)
    # The first is as far as all are, and its energy one deviation below the mean.
    assert one == pytest.approx(-1, abs=1e-5)
    assert other < one


def test_a_class_without_pictures_is_nobodys_neighbour():
    learnt = animals(LEARNT.features, np.zeros((4, 3)), LEARNT.labels)
    seen = animals([[2, 0]], np.zeros((1, 3)), [0])
    assert unknowns.cosine(learnt, learnt, seen) == pytest.approx(1)
    assert unknowns.mahalanobis(learnt, learnt, seen) == pytest.approx(0, abs=1e-6)


def test_auroc_by_hand():
    # Of 2 x 3 pairs the known win 3 + 1.5: 2 beats 0 and 1, and half of 2.
    known, unknown = np.array([3.0, 2.0]), np.array([0.0, 2.0, 2.0])
    value, drawn = draws.auroc(known, np.arange(2), unknown, np.arange(3))
    assert value == pytest.approx((3 + 1 + 0.5 + 0.5) / 6)
    assert drawn.shape == (1000,)
    # Two known: 1 or 2/3, as often each, and their mean.
    assert drawn.mean() == pytest.approx(value, abs=0.02)
    # Rows of one event are drawn together: with one event on each side there is no spread.
    _, drawn = draws.auroc(known, np.zeros(2, int), unknown, np.zeros(3, int))
    assert (drawn == value).all()


def test_an_events_score_is_the_mean_of_its_frames():
    values, events = unknowns.by_event(np.array([1.0, 3, 5]), np.array([0, 0, 1]))
    assert (values.tolist(), events.tolist()) == ([2, 5], [0, 1])


@pytest.fixture
def report(monkeypatch):
    """The report of one network of two, by splits of a hundred known and ten unknown animals."""
    labels = [0] * 100 + [-1] * 10
    logits = np.zeros((110, 2))
    logits[:100, 0], logits[100:, 0] = np.arange(100) + 10, -5  # known 10 to 109
    features = np.ones((110, 2))  # which tell nothing
    split = animals(features, logits, labels)
    done, missing = (Job(Task.ANIMAL, "small", (("train.seed", s),), "without_1") for s in "01")

    def look(lab, job, name):
        if job is missing:
            raise NotAvailable("not trained yet")
        return split

    monkeypatch.setattr(unknowns, "jobs", lambda lab: [done, missing])
    monkeypatch.setattr(unknowns, "_name", lambda lab, job: f"hare, seed {job.changes[0][1]}")
    monkeypatch.setattr(unknowns, "look", look)
    return unknowns.report(None)


def test_report(report):
    found = {(row.subject, row.figure, row.split): row for row in report}
    row = found["energy", "AUROC of pictures", "test"]
    assert (row.measured, row.low, row.high) == (1, 1, 1)
    assert row.scored == 100 + 2 * 10  # those of the training split are unknown, too
    assert row.note == "hare, seed 0: 1.000"
    assert {row.subject for row in report if row.split == "val"} == set(unknowns.SCORES)
    # The threshold is that of the sixth of a hundred: five known ones lie below.
    shares = {
        kind: found["hare, seed 0", f"{kind} pictures called unknown", "test"].measured
        for kind in ("known", "unknown")
    }
    assert shares == {"known": 0.05, "unknown": 1}
    assert found["hare, seed 1", "AUROC", ""].note == "not trained yet"


def test_the_score_in_use_is_among_those_tried():
    assert {ENERGY, BOTH} <= set(unknowns.SCORES)
    assert SCALES["small"].seeds[: unknowns.SEEDS] == (0, 1)
