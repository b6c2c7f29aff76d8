"""Subsets as shards of their own."""

import dataclasses

import numpy as np

from camtrap_tf.batches import pipeline
from camtrap_tf.core.artifacts import sha256
from camtrap_tf.core.labels import MISSING, Task
from camtrap_tf.events import records
from camtrap_tf.events.manifest import Manifest
from experiments import subsets


def counted(shards):
    """The tiny shards with counts: 24 events, of these 8 empty, 8 red (index 1), 8 blue."""
    counts = {"train": {"empty": [32, 16], "species": [16, 16]}}
    return dataclasses.replace(Manifest.read(shards), class_counts=counts)


def test_the_whole_needs_no_writing(tiny_shards, tmp_path):
    manifest = counted(tiny_shards)
    assert subsets.write(manifest, "all", tmp_path) == manifest.folder
    assert not list(tmp_path.iterdir())


def test_commonest_species_keep_their_names(tiny_shards, tmp_path):
    manifest = counted(tiny_shards)
    manifest.class_counts["train"]["species"] = [10, 22]
    subset = Manifest.read(subsets.write(manifest, "commonest", tmp_path))
    assert subset.vocabulary.species == ("red",)
    assert subset.frames("train") == subset.frames("train", Task.SPECIES) == 16
    _, labels, _ = pipeline.index(subset, "train")
    assert set(labels["species"].tolist()) == {0}
    assert subset.class_counts["train"]["species"] == [16]
    assert subset.class_counts["train"]["moving"] == [8, 8]


def test_fewer_empties_keep_all_animals(tiny_shards, tmp_path):
    manifest = counted(tiny_shards)
    manifest.class_counts["train"] = {"empty": [32, 16], "species": [8, 8]}  # half of 16 empties
    subset = Manifest.read(subsets.write(manifest, "fewer_empties", tmp_path))
    ids, labels, _ = pipeline.index(subset, "train")
    empty = np.asarray(labels["empty"])
    assert (empty == 0).sum() == 32
    assert 0 < (empty == 1).sum() < 16
    assert subset.frames("train", Task.ONE_STAGE) == len(ids)
    again = subsets.write(manifest, "fewer_empties", tmp_path)
    assert Manifest.read(again) == subset


def test_a_quarter_to_learn_from_is_tested_on_the_whole(tiny_shards, tmp_path):
    whole = counted(tiny_shards)
    subset = Manifest.read(subsets.write(whole, "quarter", tmp_path))
    assert 0 < subset.frames("train") < whole.frames("train") / 2
    assert subset.frames("val") == whole.frames("val")


def test_pictures_without_labels_of_their_own_have_their_events(tiny_shards, tmp_path):
    whole = Manifest.read(tiny_shards)
    shards = []
    for shard in whole.shards:
        written = []
        for record in records.read_file(whole.folder / shard.file):
            event = records.decode(record)
            event.frame_labels = {"empty": [1, MISSING]}
            written.append(records.encode(event, whole.vocabulary))
        records.write_file(tmp_path / shard.file, written)
        shards.append(dataclasses.replace(shard, sha256=sha256(tmp_path / shard.file)))
    own = dataclasses.replace(counted(tiny_shards), folder=tmp_path, shards=tuple(shards))
    subset = Manifest.read(subsets.write(own, "labels_of_events", tmp_path / "subsets"))
    _, before, events = pipeline.index(own, "train")
    _, after, _ = pipeline.index(subset, "train")
    assert before["empty"].tolist() != events["empty"].tolist() == after["empty"].tolist()
    assert after["species"].tolist() == events["species"].tolist()
    # What is tested on keeps them.
    assert pipeline.index(subset, "val")[1]["empty"].tolist()[::2] == [1] * 8


def test_a_species_that_is_left_out_is_nowhere(tiny_shards, tmp_path):
    manifest = counted(tiny_shards)
    manifest.class_counts["train"]["species"] = [10, 22]  # rank 1 is blue
    subset = Manifest.read(subsets.write(manifest, "without_1", tmp_path))
    assert subset.vocabulary.species == ("red",)
    assert subset.frames("train", Task.SPECIES) == 16
    assert subset.frames("train") == 48 - 16  # the empty ones stay
    for split in ("train", "val"):
        _, labels, _ = pipeline.index(subset, split)
        assert (np.asarray(labels["empty"]) == (np.asarray(labels["species"]) == -1)).all()
