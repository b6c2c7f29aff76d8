"""Class weights of Eq. 1 and 2, copies of oversampling, the queues of emphasis sampling."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from camtrap_tf.batches import pipeline, sampling
from camtrap_tf.core.config import AugmentConfig, InputSpec
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task
from camtrap_tf.events.manifest import Manifest


def test_weights_of_eq_1_and_2():
    # f = 100/60, 100/30, 100/10 = 5/3, 10/3, 10; sum 15.
    np.testing.assert_allclose(
        sampling.class_weights(np.array([60, 30, 10])), [1 / 9, 2 / 9, 2 / 3]
    )
    np.testing.assert_allclose(sampling.class_weights(np.array([5, 0, 5])), [0.5, 0.0, 0.5])


def test_copies_give_every_class_the_same_share():
    counts = np.array([60, 30, 10])
    np.testing.assert_allclose(sampling.copies(counts) * counts, [100 / 3] * 3)


def test_queues_are_fed_by_failures_and_give_their_front():
    emphasis = sampling.Emphasis(batch_size=2, seed=0)
    keys = np.array([[0, i, 0] for i in range(7)])
    emphasis.add(keys, np.array([1, 0, 1, 2, 1, 0, 2]))
    assert [[key[1] for key in queue] for queue in emphasis.queues] == [[0, 2, 4], [3, 6]]
    fed = []
    for step in range(200):
        fed += [batch[:, 1].tolist() for batch in emphasis.due(1, step)]
    # A last single failure waits for company.
    assert sorted(fed) == [[0, 2], [3, 6]]
    assert [len(queue) for queue in emphasis.queues] == [1, 0]


def test_queues_are_drawn_from_with_the_papers_probabilities():
    emphasis = sampling.Emphasis(batch_size=1, seed=1)
    counts = [0, 0]
    for step in range(4000):
        emphasis.add(np.array([[1, step, 0], [2, step, 0]]), np.array([1, 2]))
        for batch in emphasis.due(1, step):
            counts[batch[0, 0] - 1] += 1
    # 4000 draws: standard deviations 25 and 30.
    assert abs(counts[0] - 800) < 100
    assert abs(counts[1] - 1400) < 120


def test_queues_are_the_same_after_a_round_trip():
    one, other = (sampling.Emphasis(batch_size=1, seed=3) for _ in range(2))
    one.add(np.array([[0, i, 0] for i in range(50)]), np.arange(50) % 3)
    other.load(one.to_json())
    assert one.queues == other.queues
    for step in range(20):
        np.testing.assert_array_equal(one.due(2, step), other.due(2, step))


def data(**changes) -> pipeline.TrainingData:
    spec = InputSpec(24, mean=(128.0,) * 3, std=(70.0,) * 3)
    return pipeline.TrainingData("train", Task.SPECIES, spec, AugmentConfig(), 8, 3, **changes)


def test_a_picture_fed_again_is_the_picture_of_its_key(noise_shards):
    manifest = Manifest.read(noise_shards)
    plain = AugmentConfig(random_crop=False, flip=False, brightness=0.0, contrast=(1.0, 1.0))
    settings = pipeline.TrainingData("train", Task.SPECIES, data().spec, plain, 8, 3)
    again = pipeline.Again(manifest, settings)
    for pixels, _, labels, keys in pipeline.training(manifest, settings, 1).take(2):
        other_pixels, _, other_labels, other_keys = again.batch(keys.numpy(), 1, 0)
        np.testing.assert_array_equal(other_pixels, pixels)  # nothing is drawn for `plain`
        np.testing.assert_array_equal(other_labels["species"], labels["species"])
        np.testing.assert_array_equal(other_keys, keys)


@pytest.mark.slow
def test_oversampling_evens_out_the_classes(noise_shards):
    tf.random.set_seed(0)  # shuffling depends on it, whichever tests ran before
    manifest = Manifest.read(noise_shards)
    counts = sampling.class_counts(manifest, "train", Task.SPECIES)
    settings, seen = data(oversample=True), np.zeros(8)
    traced = pipeline.Traced(manifest, settings)
    for epoch in range(1, 17):
        for _, _, labels, _ in pipeline.training(manifest, settings, epoch, traced=traced):
            seen += np.bincount(labels["species"], minlength=8)
    assert seen.sum() == 16 * 32
    assert (counts > 0).all()
    assert counts.max() >= 3 * counts.min()
    # Three standard deviations of a share of 1/8, or 0.044; unaided the largest class has 0.25.
    deviation = np.sqrt(1 / 8 * 7 / 8 / seen.sum())
    np.testing.assert_allclose(seen / seen.sum(), 1 / 8, atol=3 * deviation)


def test_counts_that_are_missing_are_named(tiny_shards):
    with pytest.raises(InputError, match="counts the classes of head 'species'"):
        sampling.class_counts(Manifest.read(tiny_shards), "train", Task.SPECIES)


def test_of_one_stage_empty_pictures_are_the_last_class(tiny_shards):
    counts = {"species": [7, 9], "empty": [16, 5]}  # blue, red; with an animal, and empty
    manifest = dataclasses.replace(Manifest.read(tiny_shards), class_counts={"train": counts})
    assert sampling.class_counts(manifest, "train", Task.ONE_STAGE).tolist() == [7, 9, 5]
    assert sampling.class_counts(manifest, "train", Task.EMPTY).tolist() == [16, 5]
    assert sampling.class_counts(manifest, "train", Task.SPECIES).tolist() == [7, 9]
