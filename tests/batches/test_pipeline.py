"""Shards to batches: order, labels, counts."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from camtrap_tf.batches import pipeline
from camtrap_tf.core import words
from camtrap_tf.core.config import AugmentConfig, Context, InputSpec
from camtrap_tf.core.labels import Task
from camtrap_tf.events import records
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.network import part_input
from camtrap_tf.pictures import augmentation, crops, graph
from camtrap_tf.pictures.context import ALONE


def data(task: Task, **changes) -> pipeline.TrainingData:
    spec = InputSpec(32, mean=(100.0,) * 3, std=(30.0,) * 3)
    whole = pipeline.TrainingData("train", task, spec, AugmentConfig(), 8, seed=3)
    return dataclasses.replace(whole, **changes)


def batches_of(manifest, settings, epoch, done=0) -> list:
    """Pixels, labels and keys as networks learn from them."""
    batches = pipeline.training(manifest, settings, epoch, done)
    return list(pipeline.finished(batches, settings).as_numpy_iterator())


def labels_of(manifest, task, epoch):
    batches = batches_of(manifest, data(task), epoch)
    names = batches[0][1].keys()
    return len(batches), {h: np.concatenate([b[1][h] for b in batches]) for h in names}


@pytest.mark.parametrize(
    ("task", "steps"), [(Task.EMPTY, 6), (Task.ANIMAL, 4), (Task.SPECIES, 4), (Task.ONE_STAGE, 6)]
)
def test_an_epoch_has_the_steps_the_manifest_promises(tiny_shards, task, steps):
    # 24 events of two frames, a third of them empty: 48 frames, 32 with an animal.
    manifest = Manifest.read(tiny_shards)
    assert pipeline.steps_per_epoch(manifest, data(task)) == steps
    assert labels_of(manifest, task, 1)[0] == steps


def test_labels_of_each_task(tiny_shards):
    manifest = Manifest.read(tiny_shards)
    _, empty = labels_of(manifest, Task.EMPTY, 1)
    assert np.bincount(empty["empty"]).tolist() == [32, 16]
    _, animal = labels_of(manifest, Task.ANIMAL, 1)
    assert np.bincount(animal["species"]).tolist() == [16, 16]
    assert set(animal["count"]) == {0}
    _, one_stage = labels_of(manifest, Task.ONE_STAGE, 1)
    assert np.bincount(one_stage["species"]).tolist() == [16, 16, 16]


def test_order_and_pixels_are_a_function_of_seed_and_epoch(tiny_shards):
    manifest = Manifest.read(tiny_shards)

    def pixels(epoch, seed):
        batches = batches_of(manifest, data(Task.EMPTY, seed=seed), epoch)
        return np.concatenate([pixels for pixels, _, _ in batches])

    first = pixels(1, 3)
    np.testing.assert_array_equal(first, pixels(1, 3))
    assert not np.array_equal(first, pixels(2, 3))
    assert not np.array_equal(first, pixels(1, 4))


def test_parts_around_boxes_are_those_that_prediction_sees(tiny_shards):
    manifest = Manifest.read(tiny_shards)
    paths = pipeline.index(manifest, "train")[0]["path"].astype("string")
    boxes = np.random.default_rng(0).uniform(0, 0.5, (len(paths), 4)).astype(np.float32)
    boxes[5] = np.nan  # nothing was found there
    found = Detections(paths, np.ones(len(paths)), boxes, pd.Series([pd.NA] * len(paths)), 0.2)
    plain = AugmentConfig(random_crop=False, flip=False, brightness=0.0, contrast=(1.0, 1.0))
    spec = dataclasses.replace(data(Task.EMPTY).spec, crop=manifest.picture.size)
    seen = data(Task.EMPTY, spec=spec, augment=plain, detections=found)
    batches = batches_of(manifest, seen, 1)
    keys = np.concatenate([batch[2] for batch in batches])
    pixels = np.concatenate([batch[0] for batch in batches])
    (squares,) = pipeline.stored_pictures(manifest, "train", len(paths))
    expected = part_input(crops.cut(squares.numpy(), crops.squares(boxes)), spec).numpy()
    place = keys[:, 0] * 24 + keys[:, 1] * 2 + keys[:, 2]  # 12 events of two frames in a shard
    assert sorted(place) == list(range(48))
    np.testing.assert_allclose(pixels, expected[place], atol=1 / 30 + 1e-5)  # one grey level
    again, drawn, _, _ = pipeline.Again(manifest, seen).batch(keys[:8], 1, 0)
    again = augmentation.finish(plain, spec)(again, drawn)
    np.testing.assert_allclose(again, pixels[:8], atol=1e-5)


def keys_of(manifest, settings, epoch, done=0):
    return [tuple(key) for *_, keys in batches_of(manifest, settings, epoch, done) for key in keys]


def test_every_epoch_shows_all_pictures_in_an_order_of_its_own(tiny_shards):
    manifest = Manifest.read(tiny_shards)
    first, second, other = (
        keys_of(manifest, data(Task.EMPTY, seed=seed), epoch)
        for seed, epoch in ((3, 1), (3, 2), (4, 1))
    )
    assert len(set(first)) == 48 and set(first) == set(second) == set(other)
    assert first != second and first != other


def test_an_epoch_goes_on_after_the_batches_that_are_done(tiny_shards):
    manifest, settings = Manifest.read(tiny_shards), data(Task.EMPTY)
    whole, rest = batches_of(manifest, settings, 1), batches_of(manifest, settings, 1, done=2)
    assert len(whole) == 6 and len(rest) == 4
    for one, other in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(one[2], other[2])
        np.testing.assert_array_equal(one[0], other[0])


@pytest.fixture
def own_labels(tiny_shards, tmp_path):
    """A split of two events, red and empty, whose frames have some labels of their own."""
    manifest = Manifest.read(tiny_shards)
    (shard,) = manifest.shards_of("val")
    whole = [records.decode(one) for one in records.read_file(manifest.folder / shard.file)]
    red = next(event for event in whole if event.labels.get("species") == 1)
    empty = next(event for event in whole if event.labels["empty"] == 1)
    own = [
        dataclasses.replace(red, frame_labels={"empty": [1, 0], "species": [-1, 0]}),
        dataclasses.replace(empty, frame_labels={"empty": [-1, 0], "species": [-1, 1]}),
    ]
    encoded = [records.encode(event, manifest.vocabulary) for event in own]
    records.write_file(tmp_path / shard.file, encoded)
    few = dataclasses.replace(shard, events=2, frames=4)
    return dataclasses.replace(manifest, folder=tmp_path, shards=(few,)), red


def test_frames_have_their_own_labels_else_those_of_their_event(own_labels):
    manifest, red = own_labels
    _, labels, event_labels = pipeline.index(manifest, "val")
    assert event_labels["species"].tolist() == [1, 1, -1, -1]
    assert labels["empty"].tolist() == [1, 0, 1, 0]
    # The empty frame of an event of red animals shows none, and nothing that moves.
    assert labels["species"].tolist() == [-1, 0, -1, 1]
    moving = red.labels["moving"]
    assert labels["moving"].tolist() == [-1, moving, -1, -1]


def test_of_whole_events_labels_are_the_events(own_labels):
    manifest, _ = own_labels
    spec = InputSpec(32, mean=(0.0,) * 3, context=Context.LATE)
    settings = data(Task.EMPTY, spec=spec, split="val", batch_size=1)
    (shard,) = manifest.shards
    # Steps are counted for three frames an event: two of them here.
    manifest = dataclasses.replace(manifest, shards=(dataclasses.replace(shard, frames=6),))
    batches = batches_of(manifest, settings, 1)
    found = {int(keys[0, 1]): labels["empty"].tolist() for _, labels, keys in batches}
    assert found == {0: [0], 1: [1]}  # the first frame of the red event is itself empty


def test_an_empty_picture_teaches_no_species_whatever_else_is_told():
    frame = {"empty": tf.constant([0, 1, -1]), "species": tf.constant([2, 2, 2])}
    assert pipeline.usable(frame, Task.ANIMAL).numpy().tolist() == [True, False, False]
    assert pipeline.usable(frame, Task.EMPTY).numpy().tolist() == [True, True, False]


def test_a_damaged_shard_is_told_in_words(tiny_shards, tmp_path):
    manifest = Manifest.read(tiny_shards)
    for shard in manifest.shards:
        content = bytearray((tiny_shards / shard.file).read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / shard.file).write_bytes(content)
    damaged = dataclasses.replace(manifest, folder=tmp_path)
    with pytest.raises(tf.errors.DataLossError) as error:
        batches_of(damaged, data(Task.EMPTY), 1)
    assert "a shard is damaged. `camtrap verify`" in (words.mishap(error.value) or "")
    assert words.mishap(tf.errors.NotFoundError(None, None, "a fault of ours")) is None


def test_a_network_of_whole_events_sees_each_once_in_an_epoch(tiny_shards):
    manifest = Manifest.read(tiny_shards)
    spec = InputSpec(32, mean=(0.0,) * 3, context=Context.LATE)
    settings = data(Task.EMPTY, spec=spec)
    # 48 pictures, for three of which an event is taken: two batches of eight events.
    assert pipeline.steps_per_epoch(manifest, settings) == 2
    keys = keys_of(manifest, settings, 1)
    assert len(set(keys)) == 16 and {frame for _, _, frame in keys} == {0}


def test_no_epoch_waits_for_tensorflows_tuning(tiny_shards):
    manifest = Manifest.read(tiny_shards)
    assert pipeline.training(manifest, data(Task.EMPTY), 1).options().autotune.enabled is False
    assert pipeline.stored_pictures(manifest, "val", 4).options().autotune.enabled is False


def test_index_and_pictures_go_together(tiny_shards):
    manifest = Manifest.read(tiny_shards)
    ids, labels, event_labels = pipeline.index(manifest, "val")
    assert list(ids["event_id"][:3]) == ["val-0", "val-0", "val-1"]
    assert list(ids["frame"][:3]) == [0, 1, 0]
    assert list(ids["path"][:2]) == ["val-0/0.jpg", "val-0/1.jpg"]
    assert labels["empty"].tolist() == [1, 1, 0, 0, 0, 0] * 2 + [1, 1, 0, 0]
    assert event_labels["species"].tolist()[:6] == [-1, -1, 1, 1, 0, 0]
    stored = np.concatenate(list(pipeline.stored_pictures(manifest, "val", 5).as_numpy_iterator()))
    assert stored.shape == (16, 40, 40, 3)
    centre = stored[:, 20, 20].astype(int)
    assert ((centre[:, 0] > 200) == (labels["species"] == 1)).all()  # red
    assert ((centre[:, 2] > 200) == (labels["species"] == 0)).all()  # blue


@pytest.mark.parametrize("context", [Context.DIFFERENCE, Context.ZOOM])
def test_some_pictures_are_seen_as_if_alone(tiny_shards, context):
    manifest = Manifest.read(tiny_shards)
    still = AugmentConfig(False, False, 0.0, (1.0, 1.0))
    spec = InputSpec(16, mean=(0.0,) * 3, context=context)

    def epoch(hide: float, number: int = 1):
        hidden = dataclasses.replace(still, hide_context=hide)
        settings = data(Task.EMPTY, spec=spec, augment=hidden)
        pixels, _, keys = zip(*batches_of(manifest, settings, number), strict=True)
        return dict(zip(map(tuple, np.concatenate(keys)), np.concatenate(pixels), strict=True))

    shown, hidden, again, other = epoch(0.0), epoch(0.5), epoch(0.5), epoch(0.5, 2)

    def marked(pixels) -> bool:
        return np.all(pixels[..., 3] == np.float32(ALONE / graph.DIFFERENCE_STD))

    differ = [key for key, pixels in shown.items() if not marked(pixels)]
    assert len(differ) >= 40
    unseen = [key for key in differ if marked(hidden[key])]
    assert len(differ) / 4 < len(unseen) < 3 * len(differ) / 4
    for key in set(differ) - set(unseen):
        np.testing.assert_array_equal(hidden[key], shown[key])
    if context is Context.DIFFERENCE:
        for key in unseen:
            np.testing.assert_array_equal(hidden[key][..., :3], shown[key][..., :3])
    for key in differ:
        np.testing.assert_array_equal(hidden[key], again[key])
    assert unseen != [key for key in differ if marked(other[key])]


def test_pictures_are_asked_as_if_alone(tiny_shards):
    manifest = Manifest.read(tiny_shards)

    def pictures(**flags):
        batches = pipeline.stored_pictures(manifest, "val", 5, Context.DIFFERENCE, **flags)
        return np.concatenate(list(batches.as_numpy_iterator()))

    together, alone = pictures(), pictures(alone=True)
    np.testing.assert_array_equal(alone[..., :3], together[..., :3])
    assert together[..., 3].any()
    assert (alone[..., 3] == ALONE).all()
