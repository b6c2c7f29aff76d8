"""Familiarity: the distance to what was learnt, by hand; networks that tell it."""

import keras
import numpy as np
import pytest

from camtrap_tf.batches import pipeline
from camtrap_tf.core.config import Context
from camtrap_tf.core.labels import FAMILIARITY, Task
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.familiarity import BOTH, ENERGY, energy, score
from camtrap_tf.training import familiarity


def test_energy_is_the_logarithm_of_the_sum():
    logits = np.array([[1.0, 2.0, -3.0], [100.0, 100.0, 100.0]], np.float32)
    expected = [np.log(np.exp(logits[0]).sum()), 100 + np.log(3)]
    np.testing.assert_allclose(energy(logits)[:, 0], expected, rtol=1e-6)


def test_distances_are_those_to_the_nearest_mean():
    rng = np.random.default_rng(0)
    covariance = np.array([[2.0, 0.6], [0.6, 0.5]])
    labels = np.repeat([0, 2], 4000)  # nothing is known of class 1
    means = np.array([[5.0, 1.0], [np.nan, np.nan], [-3.0, 2.0]])
    features = means[labels] + rng.multivariate_normal([0, 0], covariance, 8000)
    distance = familiarity.Distance.learn(features, labels, 3)
    assert np.isnan(distance.means[1]).all()
    asked = np.array([[5.0, 1.0], [6.0, 1.0], [-3.0, 3.0], [1.0, 1.0]])
    inverse = np.linalg.inv(covariance)
    expected = [min((a - m) @ inverse @ (a - m) for m in means[[0, 2]]) for a in asked]
    np.testing.assert_allclose(distance(asked), np.sqrt(expected), rtol=0.05, atol=0.1)


def test_of_one_picture_of_each_class_distances_are_those_between_classes():
    features = np.random.default_rng(2).normal(size=(7, 40)) * 5
    distance = familiarity.Distance.learn(features, np.arange(7), 7)
    assert distance(features).max() < 1e-6
    between = distance(features[:1] / 2 + features[1:2] / 2)
    assert 1 < between[0] < 10  # in deviations, not in millions of them


def test_the_block_answers_as_the_formulas_do():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 60)
    labels[labels == 1] = 2  # nothing is known of class 1
    features = rng.gamma(2.0, size=(60, 8)).astype(np.float32) + labels[:, None]
    logits = rng.normal(size=(60, 3)).astype(np.float32)
    block = familiarity._block(features, logits, labels, features, logits)
    energies = np.asarray(energy(logits))[:, 0]
    distances = familiarity.Distance.learn(features, labels, 3)(features)
    of_energy, of_distance, constant = familiarity.of_both(energies, distances)
    expected = of_energy * energies + of_distance * distances + constant
    found = block([features, logits])
    assert block.name == FAMILIARITY and found.shape == (60, 1)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4, atol=1e-4)
    assert abs(expected.mean()) < 1e-6  # each in deviations of what was learnt from
    far = np.asarray(block([features + 30, logits]))
    assert far.max() < np.asarray(found).min()


def test_at_most_so_many_pictures_of_a_class(monkeypatch):
    monkeypatch.setattr(familiarity, "PER_CLASS", 3)
    labels = np.array([0] * 9 + [1] * 2)
    assert familiarity.balanced(labels).tolist() == [0, 4, 8, 9, 10]


@pytest.mark.parametrize(("task", "classes"), [(Task.ANIMAL, 2), (Task.ONE_STAGE, 3)])
def test_labels_and_pictures_go_together(tiny_shards, task, classes):
    manifest = Manifest.read(tiny_shards)
    labels = pipeline.labelled(manifest, "train", task)
    assert np.bincount(labels[labels >= 0]).tolist() == [16] * classes
    for label, channel in ((0, 2), (1, 0)):
        rows = np.flatnonzero(labels == label)[:5]
        (pixels,) = pipeline.stored_pictures(manifest, "train", 8, rows=rows)
        assert pixels.shape[0] == 5
        assert (pixels.numpy().mean(axis=(1, 2)).argmax(axis=1) == channel).all()


def test_a_stack_has_its_events_label(tiny_shards):
    labels = pipeline.labelled(Manifest.read(tiny_shards), "train", Task.ONE_STAGE, Context.LATE)
    assert np.bincount(labels[labels >= 0]).tolist() == [8] * 3
    assert (labels[1::2] == -1).all()


@pytest.mark.slow
@pytest.mark.parametrize("context", ["none", "difference", "late"])
def test_a_trained_network_tells_familiarity(tiny_shards, tmp_path, context):
    from camtrap_tf.core.config_io import override
    from camtrap_tf.training.train import train
    from tests.recipes import SMALL

    changes = {"model.crop": "32", "train.batch_size": "8", "train.epochs": "1"}
    config = override(SMALL, changes | {"train.task": "one_stage", "model.context": context})
    run = train(config, tiny_shards, tmp_path / "run")
    network = run.network()
    assert network.score == BOTH
    pixels = next(iter(pipeline.stored_pictures(
        Manifest.read(tiny_shards), "train", 16, network.spec.context)))  # fmt: skip
    answers = network.probabilities(pixels.numpy())
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape, np.uint8)
    assert network.probabilities(noise)[FAMILIARITY].max() < answers[FAMILIARITY].mean()
    # Its other answers are those of the network as it was trained.
    logits = network.model.output
    bare = keras.Model(network.model.input, {h: v for h, v in logits.items() if h != FAMILIARITY})
    assert score(bare) == ENERGY
    network.model = bare
    del network._answer
    before = network.probabilities(pixels.numpy())
    np.testing.assert_array_equal(answers["species"], before["species"])
    assert not np.allclose(answers[FAMILIARITY], before[FAMILIARITY])
    # Killed after the network was written: done again, it is the same.
    before = load_weights(run)
    (run.folder / "result.json").unlink()
    after = load_weights(train(config, tiny_shards, run.folder))
    assert before.keys() == after.keys()
    for path, value in before.items():
        np.testing.assert_array_equal(after[path], value)


def load_weights(run) -> dict[str, np.ndarray]:
    return {v.path: v.numpy() for v in run.network().model.weights}
