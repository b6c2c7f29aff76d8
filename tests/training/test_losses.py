"""Losses worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from camtrap_tf.batches import sampling
from camtrap_tf.core.config import TrainConfig
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task
from camtrap_tf.training import losses

LOGITS = {"species": tf.math.log([[0.5, 0.2, 0.3], [0.1, 0.1, 0.8], [0.2, 0.2, 0.6]])}
LABELS = {"species": tf.constant([0, 1, -1])}
# 40% of empty pictures lie in events of an animal: three in four of them of the first.
NOISE = {"species": tf.constant([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.3, 0.1, 0.6]])}


def test_label_noise_counts_what_an_empty_picture_may_be_called():
    sums = losses.head_sums(LOGITS, LABELS, noise=NOISE)["species"]
    expected = -math.log(0.5 + 0.3 * 0.3) - math.log(0.1 + 0.8 * 0.1)
    assert float(sums["loss"]) == pytest.approx(expected, rel=1e-6)
    assert (float(sums["correct"]), float(sums["count"])) == (1, 2)


def test_smoothing_and_weights_by_hand():
    smooth = float(losses.head_sums(LOGITS, LABELS, smoothing=0.1)["species"]["loss"])
    # Nine tenths for the true class and one thirtieth for each of the three.
    first = 0.9 * math.log(0.5) + (math.log(0.5) + math.log(0.2) + math.log(0.3)) / 30
    second = 0.9 * math.log(0.1) + (2 * math.log(0.1) + math.log(0.8)) / 30
    assert smooth == pytest.approx(-first - second, rel=1e-6)
    weights = {"species": tf.constant([0.5, 4.0, 9.0])}
    sums = losses.head_sums(LOGITS, LABELS, weights=weights)["species"]
    expected = -0.5 * math.log(0.5) - 4 * math.log(0.1)
    assert float(sums["loss"]) == pytest.approx(expected, rel=1e-6)
    assert float(sums["count"]) == 2


def test_heads_add_up_their_means_over_labelled_rows():
    sums = {
        "species": {"loss": tf.constant(6.0)},
        "count": {"loss": tf.constant(1.0)},
        "moving": {"loss": tf.constant(0.0)},  # no label in the batch
    }
    counts = {"species": tf.constant(4.0), "count": tf.constant(2.0), "moving": tf.constant(0.0)}
    assert float(losses.mean_loss(sums, counts)) == 6 / 4 + 1 / 2


def test_failures_are_of_the_first_and_of_all_five_guesses():
    logits = tf.tile(tf.range(7, dtype=tf.float32)[None], [4, 1])  # class 6 first, class 0 last
    assert losses.failures(logits, tf.constant([6, 2, 1, -1])).numpy().tolist() == [0, 1, 2, 0]


def test_no_noise_is_cross_entropy():
    plain = losses.head_sums(LOGITS, LABELS)["species"]["loss"]
    assert float(plain) == pytest.approx(-math.log(0.5) - math.log(0.1), rel=1e-6)
    same = losses.head_sums(LOGITS, LABELS, noise={"species": tf.eye(3)})["species"]["loss"]
    assert float(same) == pytest.approx(float(plain), rel=1e-6)


def test_noise_of_bursts_is_by_class():
    found = sampling.burst_noise(np.array([30, 10, 60]), 0.4)
    np.testing.assert_allclose(found, NOISE["species"])
    # Stage 1: 'no' (an animal), 'yes' (empty).
    np.testing.assert_allclose(sampling.burst_noise(np.array([5, 9]), 0.25), [[1, 0], [0.25, 0.75]])


def test_gradients_are_finite_where_a_label_cannot_be():
    logits = tf.Variable([[-60.0, 60.0, 0.0]])
    with tf.GradientTape() as tape:
        sums = losses.head_sums({"species": logits}, {"species": tf.constant([0])}, noise=NOISE)
    gradient = tape.gradient(sums["species"]["loss"], logits).numpy()
    assert np.isfinite(gradient).all()


def test_burst_noise_is_for_networks_that_know_empty():
    with pytest.raises(InputError, match="burst_noise goes with"):
        TrainConfig(burst_noise=0.2)
    assert TrainConfig(task=Task.ONE_STAGE, burst_noise=0.2).burst_noise == 0.2
