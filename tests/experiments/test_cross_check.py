"""Which pictures of an animal's event are taken for empty."""

import numpy as np
import tensorflow as tf

from camtrap_tf.events.manifest import Manifest
from experiments import subsets
from experiments.california import cross_check


def test_every_event_has_its_third():
    folds = [cross_check.fold(f"e{number}") for number in range(300)]
    assert folds == [cross_check.fold(f"e{number}") for number in range(300)]
    assert all(70 < folds.count(number) < 130 for number in range(cross_check.FOLDS))


def test_what_looks_emptier_than_empty_events_is_taken_for_empty_but_never_all_of_an_event():
    animal = np.array([0.9, 0.1, 0.3, 0.2, 0.1, 0.4, 0.35])
    events = np.array(list("aabcccd"))
    empty = np.array([False, False, True, False, False, False, False])
    # Below 0.3: one of a, two of c; of c the third one stays, and d has no other.
    found = cross_check.judged(animal, events, empty)
    assert found.tolist() == [False, True, False, True, True, False, False]
    animal[5] = 0.25  # now all three of c look empty
    found = cross_check.judged(animal, events, empty)
    assert found.tolist() == [False, True, False, True, True, False, False]


def test_pictures_are_labelled_empty_in_training_alone(tiny_shards, tmp_path):
    manifest = Manifest.read(tiny_shards)
    of_events = subsets.write_subset(manifest, subsets.labels_of_events(manifest), tmp_path / "of")
    manifest = Manifest.read(of_events)
    events = [
        tf.train.Example.FromString(raw)
        for shard in manifest.shards_of("train")
        for raw in tf.data.TFRecordDataset(str(of_events / shard.file)).as_numpy_iterator()
    ]
    chosen = next(e for e in events if e.features.feature["label/empty"].int64_list.value[0] == 0)
    name = subsets.event_id(chosen)
    subset = cross_check.relabelled(manifest, {name: [True]})
    own = subset.change(chosen).features.feature["frame_label/empty"].int64_list.value
    assert list(own) == [1] + [-1] * (len(own) - 1)
    other = next(e for e in events if subsets.event_id(e) != name)
    before = other.SerializeToString(deterministic=True)
    assert subset.change(other).SerializeToString(deterministic=True) == before
    assert subset.whole == subsets.TESTED


def test_a_third_is_left_out(tiny_shards):
    manifest = Manifest.read(tiny_shards)
    event = tf.train.Example()
    event.features.feature["event_id"].bytes_list.value.append(b"e1")
    own = cross_check.fold("e1")
    assert cross_check.without(manifest, own).change(event) is None
    assert cross_check.without(manifest, (own + 1) % cross_check.FOLDS).change(event) is event
