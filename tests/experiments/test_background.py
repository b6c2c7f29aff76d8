"""What pictures are compared with, and the channel that comes of it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.core.config_io import override
from camtrap_tf.core.recipes import PRESETS
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.network import input_spec
from experiments.california import background


@pytest.fixture
def ids():
    """Five events at noon of five days, of two frames each."""
    days = pd.date_range("2020-01-01T12:00", periods=5)
    names = [name for name in "abcde" for _ in range(2)]
    return pd.DataFrame({"event_id": names, "site": "s", "datetime": np.repeat(days, 2)})


def test_events_are_compared_with_earlier_ones_of_their_site_and_hour():
    times = ["2020-01-01T23:30", "2020-01-02T00:30", "2020-01-02T12:00", "2020-01-03T00:00"]
    times = np.array([*times, "2020-01-04T00:10"], "datetime64[s]")
    found = background.earlier(times, np.array(list("aaaab")))
    assert [own.tolist() for own in found] == [[], [0], [], [1, 0], []]
    many = np.arange("2020-01-01", "2020-01-21", dtype="datetime64[D]").astype("datetime64[s]")
    last = background.earlier(many, np.full(20, "a"))[-1]
    assert last.tolist() == list(range(18, 18 - background.EVENTS, -1))


def test_what_stands_beside_a_picture(ids):
    squares = np.full((10, 2, 2, 3), 50, np.uint8)
    squares[8:, 0, 0] = 80  # rests through event e
    squares[9, 1, 1] = 70  # moves
    found = {what: background.beside(squares, ids, what) for what in background.BESIDE}
    for seen in found.values():
        np.testing.assert_array_equal(seen[..., :3], squares)
        assert not seen[:8, ..., 3].any()
    channel = {what: seen[8:, ..., 3].tolist() for what, seen in found.items()}
    assert channel["nothing"] == [[[0, 0], [0, 0]]] * 2
    assert channel["event"] == [[[0, 0], [0, 10]]] * 2  # the median of two is their mean
    assert channel["site"] == [[[30, 0], [0, 0]], [[30, 0], [0, 20]]]
    assert channel["larger"] == [[[30, 0], [0, 10]], [[30, 0], [0, 20]]]
    # Two earlier events are too few.
    assert not background.beside(squares[4:], ids[4:], "site")[..., 3].any()


@pytest.mark.slow
def test_a_network_learns_from_pictures_in_memory(tiny_shards):
    manifest = Manifest.read(tiny_shards)
    changes = {
        "train.task": "one_stage",
        "train.epochs": "12",
        "train.batch_size": "8",
        "train.rate_for_batch": "0",
        "train.warmup_epochs": "1",
        "model.architecture": "small",
        "model.crop": "32",
        "model.context": "difference",
    }
    config = override(PRESETS["modern"], changes)
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, ema=0.0))
    squares, ids, splits, labels = background._all_splits(manifest)
    assert len(squares) == len(ids) == len(splits) == len(labels["picture"])
    seen = background.beside(squares, ids, "nothing")
    heads = manifest.vocabulary.heads(config.train.task)
    spec = input_spec(config.model, manifest)
    train = splits == "train"
    model = background.learn(config, spec, seen[train], labels["picture"][train], heads)
    from camtrap_tf.networks.network import Network

    network = Network(model, spec, config.train.task, heads)
    answers = background._answers(
        network, seen[train], ids[train], {k: v[train] for k, v in labels.items()}
    )
    assert (answers.top("species") == labels["picture"][train]).mean() > 0.8
