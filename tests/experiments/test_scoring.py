"""From predictions to rows, worked out by hand."""

import types

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from experiments import published as paper
from experiments import scoring
from experiments.further import averaging, calibration, label_noise, rare_classes
from experiments.lab import NotAvailable
from experiments.paper_results import table_s3
from experiments.rows import Row


def answered(head, names, answers, labels, event_ids):
    """Predictions of one head that answer each row with probability 0.9."""
    p = np.full((len(answers), len(names)), 0.1 / (len(names) - 1), np.float32)
    p[np.arange(len(answers)), answers] = 0.9
    ids = pd.DataFrame({"path": [f"{i}.jpg" for i in range(len(answers))], "event_id": event_ids})
    values = {head: np.array(labels)}
    return Predictions(ids, {head: names}, {head: p}, values, values, {"split": "test"})


EMPTY = ("empty", ("no", "yes"))


def test_figures_have_intervals_and_published_values():
    predictions = answered(*EMPTY, [0, 0, 1, 1], [0, 1, 1, 1], ["a", "b", "c", "d"])
    (row,) = scoring.figures(predictions, "vgg16", [paper.EMPTY_TOP1], paper.TABLE_2)
    assert (row.measured, row.scored, row.published, row.split) == (0.75, 4, 0.968, "test")
    assert row.low < 0.75 < row.high


def test_a_figure_without_labels_says_so():
    predictions = answered(*EMPTY, [0], [0], ["a"])
    (row,) = scoring.figures(predictions, "x", [paper.COUNT_TOP1], {})
    assert row == Row("x", paper.COUNT_TOP1, "test", note="no such labels here")


def test_coverage_by_hand():
    right = np.array([1.0, 1.0, 0.0, 1.0, np.nan])
    confidence = np.array([0.9, 0.8, 0.7, np.nan, 0.9])
    points = scoring.coverage(right, confidence, np.arange(5), [0.5, 0.75, 0.95])
    assert [point[0] for point in points] == [0.5, 0.75, 0.95]
    assert [point[1] for point in points[:2]] == pytest.approx([2 / 3, 1])
    assert np.isnan(points[2][1])
    assert [point[3] for point in points] == pytest.approx([0.75, 0.5, 0])


def test_averaging_over_an_event():
    """Event a: three pictures, one wrong; the mean is right. Event b: one picture, wrong."""
    predictions = answered(*EMPTY, [1, 1, 0, 0], [1, 1, 1, 1], ["a", "a", "a", "b"])
    pictures, events, gain = averaging.gain(predictions, "empty")
    assert (pictures.measured, events.measured, gain.measured) == (0.5, 0.5, 0.0)
    predictions = answered(*EMPTY, [1, 1, 0], [1, 1, 1], ["a", "a", "a"])
    assert averaging.gain(predictions, "empty")[2].measured == pytest.approx(1 / 3)


def test_errors_of_the_label_of_an_empty_picture():
    """0: all agree. 1: only the label is wrong. 2: the answer is wrong. 3: answer follows label."""
    predictions = answered(*EMPTY, [0, 1, 1, 0], [0, 0, 0, 0], ["a", "a", "b", "b"])
    truths = pd.DataFrame({"animals": [2, 0, 1, 0]}, index=[f"{i}.jpg" for i in range(4)])
    told, true, label, _ = label_noise.answers_empty(predictions, truths)
    assert told.tolist() == [1, 0, 0, 1]
    assert true.tolist() == [1, 1, 0, 0]
    assert label.tolist() == [1, 0, 1, 0]
    rows = {row.figure: row.measured for row in label_noise._rows("empty", told, true, label, _)}
    assert rows["accuracy against the label"] == 0.5
    assert rows["label is not what is to be seen"] == 0.5
    assert rows["errors where the label is wrong, of all errors"] == 0.5
    assert rows["errors in which the answer is true, of all errors"] == 0.5


def test_errors_of_the_label_of_a_species():
    names = ("lion", "topi", "zebra")
    predictions = answered("species", names, [0, 1, 2, 2], [0, 0, 0, -1], ["a", "a", "b", "b"])
    seen = ["lion|zebra", "topi", None, "zebra"]
    truths = pd.DataFrame({"species": seen}, index=[f"{i}.jpg" for i in range(4)])
    told, true, label, _ = label_noise.answers_species(predictions, truths)
    np.testing.assert_array_equal(told, [1, 0, 0, np.nan])
    np.testing.assert_array_equal(true, [1, 1, 0, np.nan])
    np.testing.assert_array_equal(label, [1, 0, 0, np.nan])


def test_accuracies_of_one_stage():
    names = ("lion", "zebra", "empty")
    predictions = answered("species", names, [0, 1, 2, 2, 0], [0, 0, 0, 2, 2], list("abcde"))
    found = table_s3.accuracies(predictions)
    assert np.nanmean(found[paper.ONE_STAGE_TOTAL]) == pytest.approx(2 / 5)
    assert np.nanmean(found[paper.ONE_STAGE_EMPTY]) == pytest.approx(3 / 5)
    assert np.nanmean(found[paper.ONE_STAGE_SPECIES]) == pytest.approx(1 / 3)


def test_recall_by_rarity():
    names = tuple("abcdefg")
    predictions = answered("species", names, [0, 1, 6, 6], [0, 6, 6, -1], ["a", "b", "c", "d"])
    found = rare_classes.right(predictions, np.arange(7) == 6)
    np.testing.assert_array_equal(found["recall of rare species"], [np.nan, 0, 1, np.nan])
    np.testing.assert_array_equal(found["recall of frequent species"], [1, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(found["top-1"], [1, 0, 1, np.nan])


def test_calibration_rows_by_hand():
    """90% sure, right three times in four, on both splits: the temperature is about 2."""
    answers, labels = np.zeros(400, int), (np.arange(400) % 4 == 3).astype(int)
    one = answered(*EMPTY, answers, labels, [str(i) for i in range(400)])
    found = {row.figure: row for row in calibration.measured("empty", "empty", one, one)}
    assert found["temperature"].measured == pytest.approx(2, rel=0.03)
    assert found["calibration error before"].measured == pytest.approx(0.15, abs=1e-6)
    assert found["calibration error after"].measured < 0.01
    assert found["change of the calibration error"].high < -0.05
    assert found["Brier score before"].measured == pytest.approx(0.75 * 0.01 + 0.25 * 0.81)


class AnsweredLab:
    """Two seeds of every method on one event of a rare and three of a frequent species."""

    scale = types.SimpleNamespace(seeds=(0, 1), architectures=("small",))
    manifest = types.SimpleNamespace(class_counts={"train": {"species": [99, 1]}})
    expert = "test"

    def architecture(self, published):
        return "small"

    def run(self, job):
        if dict(job.changes).get("train.seed") == self.missing:
            raise NotAvailable("not trained yet")

    def predictions(self, job, split):
        rare = dict(job.changes).get("train.rare") == "oversampling"
        wrong = dict(job.changes).get("train.seed") == "1"
        answers = [int(rare), 0, 0, int(wrong)]
        return answered("species", ("a", "b"), answers, [1, 0, 0, 0], ["a", "b", "c", "d"])

    missing = "none"


def test_methods_for_rare_classes_over_seeds():
    found = {(row.subject, row.figure): row for row in rare_classes.report(AnsweredLab())}
    plain = found["none", "recall of frequent species"]
    assert plain.measured == pytest.approx((1 + 2 / 3) / 2)
    assert plain.note == "seeds 1.000 0.667"
    assert found["none", "recall of rare species"].measured == 0
    gain = found["oversampling", "gain: recall of rare species"]
    assert (gain.measured, gain.scored) == (1, 1)
    assert gain.note == "seeds 1.000 1.000; paper: rises"
    assert found["emphasis", "gain: top-1"].measured == 0


def test_a_seed_without_all_networks_is_left_out():
    lab = AnsweredLab()
    lab.missing = "1"
    found = {(row.subject, row.figure): row for row in rare_classes.report(lab)}
    assert found["none", "recall of frequent species"].note == "seeds 1.000"
    lab.scale = types.SimpleNamespace(seeds=(), architectures=("small",))
    assert {row.note for row in rare_classes.report(lab)} == {"not trained yet"}
