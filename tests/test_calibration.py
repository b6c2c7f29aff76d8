"""Temperatures: known answers, and no more certainty than the data gives."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

from camtrap_tf import calibration
from camtrap_tf.predictions import Predictions


def test_temper_takes_the_square_root_at_two():
    # 0.8 : 0.2 = 4 : 1; square roots 2 : 1.
    tempered = calibration.temper(np.array([[0.8, 0.2], [np.nan, np.nan]]), 2.0)
    np.testing.assert_allclose(tempered[0], [2 / 3, 1 / 3], rtol=1e-6)
    assert np.isnan(tempered[1]).all()
    assert tempered.dtype == np.float32


def test_temper_bears_a_probability_that_was_rounded_to_zero():
    np.testing.assert_allclose(calibration.temper(np.array([[1.0, 0.0]]), 1e-2), [[1, 0]])


@pytest.mark.parametrize(("said", "right", "temperature"), [(0.9, 0.75, 2), (0.75, 0.9, 0.5)])
def test_temperature_of_answers_surer_or_less_sure_than_right(said, right, temperature):
    # logit(0.9) = ln 9 = 2 ln 3, logit(0.75) = ln 3.
    rows = 40_000
    probabilities = np.tile([said, 1 - said], (rows, 1))
    labels = (np.arange(rows) >= right * rows).astype(int)
    fitted = calibration.fit_temperature(probabilities, labels)
    assert fitted == pytest.approx(temperature, rel=2e-3)


def test_rows_without_label_or_answer_do_not_count():
    probabilities = np.tile([0.9, 0.1], (88, 1))
    labels = np.array([0, 1] * 20 + [-1] * 24 + [1] * 24)
    probabilities[64:] = np.nan
    alone = calibration.fit_temperature(probabilities[:40], labels[:40])
    assert alone > 2
    assert calibration.fit_temperature(probabilities, labels) == alone
    assert calibration.fit_temperature(probabilities[40:], labels[40:]) == 1.0


def test_a_small_set_without_mistakes_does_not_make_it_infinitely_sure():
    probabilities, labels = np.tile([0.9, 0.1], (40, 1)), np.zeros(40, int)
    temperature = calibration.fit_temperature(probabilities, labels)
    assert 0.2 < temperature < 1
    # The derivative of 40 ln(1 + 9^(-1/T)) + (ln T)²/2 is 0: with u = ln T, s = 1/T,
    # 40 s ln 9 / (1 + 9^s) + u = 0.
    sharpness = 1 / temperature
    slope = 40 * sharpness * np.log(9) / (1 + 9**sharpness) + np.log(temperature)
    assert slope == pytest.approx(0, abs=1e-3)


def test_what_chance_could_give_changes_nothing():
    # Ten right answers at 90%: the loss is 10 ln(1 / 0.9) = 1.05, less than the least gain.
    probabilities, labels = np.tile([0.9, 0.1], (10, 1)), np.zeros(10, int)
    assert calibration.fit_temperature(probabilities, labels) == 1.0
    # Forty pictures of ten events are ten.
    forty = np.tile([0.9, 0.1], (40, 1))
    assert calibration.fit_temperature(forty, np.zeros(40, int), np.arange(40) // 4) == 1.0


def test_predictions_are_fitted_and_calibrated_by_head():
    probabilities = {
        "empty": np.tile(np.float32([0.9, 0.1]), (4000, 1)),
        "species": np.tile(np.float32([0.5, 0.5]), (4000, 1)),
    }
    labels = {"empty": (np.arange(4000) >= 3000).astype(int)}
    ids = pd.DataFrame({"path": [f"{i}.jpg" for i in range(4000)]})
    classes = {"empty": ("no", "yes"), "species": ("a", "b")}
    predictions = Predictions(ids, classes, probabilities, labels)
    found = calibration.temperatures(predictions)
    assert found == {"empty": pytest.approx(2, rel=2e-2)}
    calibrated = calibration.calibrate(predictions, found)
    np.testing.assert_allclose(calibrated.probabilities["empty"][:, 0], 0.75, atol=5e-3)
    assert calibrated.probabilities["species"] is probabilities["species"]


def test_reliability_and_its_error_by_hand():
    # Bins of width 1/2: [0.3, 0.5] right once in 2, [0.9, 0.7] always right.
    confidence = np.array([0.3, 0.5, 0.9, 0.7, np.nan, 0.6])
    right = np.array([1, 0, 1, 1, 1, np.nan])
    curve = calibration.reliability(confidence, right, bins=2)
    np.testing.assert_allclose(curve.confidence, [0.4, 0.8])
    np.testing.assert_allclose(curve.accuracy, [0.5, 1.0])
    assert curve.count.tolist() == [2, 2]
    assert curve.error == pytest.approx((2 * 0.1 + 2 * 0.2) / 4)


def test_an_empty_bin_adds_nothing_to_the_error():
    curve = calibration.reliability(np.array([0.95]), np.array([1.0]))
    assert curve.error == pytest.approx(0.05)
    assert np.isnan(calibration.reliability(np.array([]), np.array([])).error)


def test_brier_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    two, five = rng.dirichlet(np.ones(2), 200), rng.dirichlet(np.ones(5), 200)
    labels = rng.integers(0, 2, 200)
    expected = sklearn.metrics.brier_score_loss(labels, two[:, 1])
    assert calibration.brier(two, labels) == pytest.approx(expected, abs=1e-12)
    labels = rng.integers(0, 5, 200)
    expected = np.mean(np.sum((five - np.eye(5)[labels]) ** 2, axis=1))
    assert calibration.brier(five, labels) == pytest.approx(expected, abs=1e-12)
