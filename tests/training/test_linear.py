"""Linear heads: the optimum, rare classes, absent ones, strength chosen by folds of events."""

import numpy as np
import pytest

from camtrap_tf.core.labels import MISSING
from camtrap_tf.training import linear
from camtrap_tf.training.linear import Head, Standard


def test_standardised_features_have_mean_0_and_deviation_1():
    features = np.array([[[1.0, 5.0], [3.0, 5.0]], [[5.0, 5.0], [7.0, 5.0]]], np.float32)
    standard = Standard.learn(features)
    assert standard.mean.tolist() == [4, 5]
    # A feature that never varies counts as if it had a hundredth of the mean deviation.
    np.testing.assert_allclose(standard.deviation, [np.sqrt(5), 0.01 * np.sqrt(5) / 2], rtol=1e-6)
    np.testing.assert_allclose(standard(features)[0, 0], [-3 / np.sqrt(5), 0], atol=1e-6)


def test_a_head_takes_the_standardisation_in():
    rng = np.random.default_rng(0)
    features = rng.gamma(2.0, size=(9, 5)).astype(np.float32)
    standard = Standard.learn(features)
    head = Head(rng.normal(size=(5, 3)).astype(np.float32), np.array([1, 0, -1], np.float32), 0.1)
    raw = head.behind(standard)
    np.testing.assert_allclose(
        raw.logits(features), head.logits(standard(features)), rtol=1e-4, atol=1e-4
    )


def drawn(counts: list[int], apart: float, seed: int = 0) -> tuple:
    """Features [n, 2, 3], labels and events; two pictures an event, classes `apart` deviations."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    means = apart * np.eye(len(counts), 3)[labels]
    features = means[:, None] + rng.normal(size=(len(labels), 2, 3))
    return features.astype(np.float32), labels, np.arange(len(labels)) // 2


def gradient(head: Head, features, labels, weights) -> np.ndarray:
    """Of C times the weighted loss, plus half the squared kernel, by the kernel."""
    logits = head.logits(features)
    answers = np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])
    wrong = weights[:, None] * (answers - np.eye(logits.shape[1])[labels])
    return head.strength * features.T @ wrong + head.kernel


@pytest.mark.parametrize("weighted", [False, True])
def test_a_head_is_where_the_loss_and_its_penalty_are_lowest(weighted):
    features, labels, events = drawn([60, 30, 10], apart=2)
    head = linear.fit(features, labels, events, 3, weighted)
    # N / (3 n): 100/180, 100/90, 100/30.
    each = np.array([100 / 180, 100 / 90, 100 / 30]) if weighted else np.ones(3)
    rows, twice = features.reshape(-1, 3), np.repeat(labels, 2)
    slope = gradient(head, rows, twice, each[twice])
    assert np.abs(slope).max() < 0.02 * np.abs(head.kernel).max()
    assert (head.logits(features[:, 0]).argmax(1) == labels).mean() > 0.7


def test_two_classes_have_opposite_logits():
    features, labels, events = drawn([20, 20], apart=3)
    logits = linear.fit(features, labels, events, 2, False).logits(features[:, 0])
    np.testing.assert_allclose(logits[:, 0], -logits[:, 1], atol=1e-5)
    assert (logits.argmax(1) == labels).mean() > 0.9


def test_classes_without_pictures_are_never_the_answer():
    features, labels, events = drawn([20, 20], apart=3)
    labels = np.where(labels == 1, 3, labels)
    labels[::7] = MISSING
    head = linear.fit(features, labels, events, 5, True)
    assert head.kernel[:, [1, 2, 4]].tolist() == np.zeros((3, 3)).tolist()
    assert head.bias[[1, 2, 4]].tolist() == [linear.ABSENT] * 3
    assert set(head.logits(features[:, 0]).argmax(1)) == {0, 3}


def test_of_one_class_it_is_always_the_answer():
    features, labels, events = drawn([8], apart=1)
    head = linear.fit(features, labels, events, 2, True)
    assert head.bias.tolist() == [0, linear.ABSENT] and not head.kernel.any()


def test_noise_asks_for_a_stiff_head_and_clear_classes_for_a_freer_one():
    noise, labels, events = drawn([40, 40], apart=0)
    assert linear.fit(noise, labels, events, 2, False).strength < linear.USUAL
    features, labels, events = drawn([40, 40], apart=6)
    assert linear.fit(features, labels, events, 2, False).strength == max(linear.STRENGTHS)


def test_folds_keep_events_together():
    features, labels, _ = drawn([30, 30], apart=1)
    events = np.array([f"event {number // 5}" for number in range(60)])
    data = linear._Data(features, labels, events, 2, False)
    folds = data.folds()
    assert sorted(np.concatenate(folds)) == list(range(60)) and len(folds) == linear.FOLDS
    names = [set(events[fold]) for fold in folds]
    assert sum(map(len, names)) == len(set.union(*names)) == 12
    some = data.some(20, seed=1)
    assert len(some.labels) == 20 and len(set(some.events)) == 4


def test_one_event_is_too_few_to_choose_on():
    features, labels, _ = drawn([4, 4], apart=3)
    head = linear.fit(features, labels, np.zeros(8), 2, False)
    assert head.strength == linear.USUAL
