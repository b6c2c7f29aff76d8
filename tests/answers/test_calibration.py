"""Temperatures: known answers, and no more certainty than the data gives."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

from camtrap_tf.answers import calibration
from camtrap_tf.answers.predictions import Predictions


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


def test_a_few_wildly_wrong_answers_do_not_make_the_others_unsure():
    """The log loss asks for T > 1, the Brier score for T < 1: T stays 1."""
    sure = np.tile([1 - 1e-9, 1e-9], (10, 1))
    fair = np.tile([0.6, 0.4], (90, 1))
    labels = np.array([1] * 3 + [0] * 97)
    together = np.vstack([sure, fair])
    assert calibration.fit_temperature(together, labels) == 1.0
    assert calibration.fit_temperature(together[:10], labels[:10]) > 5
    assert calibration.fit_temperature(fair, labels[10:]) < 0.5


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


def test_bins_of_equal_numbers_of_answers():
    # Halves: [0.6, 0.7] right once in 2, [0.8, 0.9] always right; of equal width, one bin of four.
    confidence, right = np.array([0.9, 0.6, 0.8, 0.7]), np.array([1.0, 0.0, 1.0, 1.0])
    curve = calibration.reliability(confidence, right, 2, equal_mass=True)
    np.testing.assert_allclose(curve.confidence, [0.65, 0.85])
    np.testing.assert_allclose(curve.accuracy, [0.5, 1.0])
    assert curve.count.tolist() == [2, 2]
    assert calibration.reliability(confidence, right, 2).count.tolist() == [0, 4]
    alike = calibration.reliability(np.full(5, 0.7), np.ones(5), 3, equal_mass=True)
    assert alike.count.tolist() == [5, 0, 0]  # answers that are equally sure stay together


def test_chance_makes_a_calibration_error_on_few_events():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 3000)
    right = (rng.random(3000) < confidence).astype(float)
    many = calibration.error(confidence, right, np.arange(3000))
    assert many.value < many.chance < 0.05
    few = calibration.error(confidence, right, np.arange(3000) // 100)  # 30 events
    assert few.value == many.value
    assert few.chance > 3 * many.chance
    wrong = calibration.error(confidence, np.zeros(3000), np.arange(3000))
    assert wrong.value == pytest.approx(confidence.mean())
    assert wrong.value > wrong.chance
    assert np.isnan(calibration.error(confidence[:0], right[:0], np.array([], int)).value)


def test_the_change_of_the_error_by_hand():
    # All said 0.9, then 0.75, and 3 of 4 are right: 0.15 and then 0.
    right = np.tile([1.0, 1.0, 1.0, 0.0], 100)
    events = np.arange(400) // 4  # every event has the same answers: no spread
    before, after = np.full(400, 0.9), np.full(400, 0.75)
    assert calibration.change(before, after, right, events) == pytest.approx((-0.15,) * 3)
    difference, low, high = calibration.change(before, after, right, np.arange(400))
    assert low < difference < high < 0


def test_an_over_confident_network_is_calibrated_on_other_pictures():
    """Logits three times too large: the fitted temperature is 3, and the error falls."""
    rng = np.random.default_rng(1)
    logits = 2 * rng.standard_normal((8000, 4))
    truth = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([rng.choice(4, p=p) for p in truth])
    said = np.exp(3 * logits) / np.exp(3 * logits).sum(1, keepdims=True)
    temperature = calibration.fit_temperature(said[:4000], labels[:4000])
    assert temperature == pytest.approx(3, rel=0.08)
    said, labels = said[4000:], labels[4000:]
    tempered, right = calibration.temper(said, temperature), said.argmax(1) == labels
    before, after = (
        calibration.error(p.max(1), right.astype(float), np.arange(4000)) for p in (said, tempered)
    )
    assert before.value > 0.15
    assert after.value < after.chance < 0.03
