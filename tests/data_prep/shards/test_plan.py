import numpy as np
import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import COUNT_BINS, Task, Vocabulary
from camtrap_tf.events.table import EventTable
from data_prep.choice import draws
from data_prep.shards import plan, tasks


def small_table():
    """Four events: frames labelled; labelled as a whole; empty; frames labelled in part."""
    return EventTable(
        pd.DataFrame({
            "event_id": ["a", "b", "c", "d"], "site": ["S1", None, "S2", "S2"],
            "datetime": [pd.Timestamp("2015-12-01 08:00:05"), pd.NaT, pd.NaT, pd.NaT],
        }),
        pd.DataFrame({"event_id": list("aabbbcdd"), "path": [f"{n}.jpg" for n in range(8)]}),
        pd.DataFrame(
            [
                ("a", 0, "empty", None, None, None), ("a", 1, "zebra", "2", None, None),
                ("b", None, "topi", "51+", 0.5, 0.51), ("c", None, "empty", None, None, None),
                ("d", 1, "zebra", None, None, None),
            ],
            columns=["event_id", "frame", "species", "count", "standing", "moving"],
        ),
    )  # fmt: skip


def many(n):
    ids = [f"e{i}" for i in range(n)]
    return EventTable(
        pd.DataFrame({"event_id": ids}),
        pd.DataFrame({"event_id": ids, "path": ids}),
        pd.DataFrame({"event_id": ids, "species": "zebra"}),
    )


def test_vocabulary_holds_what_occurs():
    vocabulary = plan.vocabulary_of(small_table())
    assert vocabulary == Vocabulary(("topi", "zebra"), COUNT_BINS, ("standing", "moving"))
    assert plan.vocabulary_of(many(2)) == Vocabulary(("zebra",), (), ())


def test_a_task_holds_its_events_with_labels_and_frames():
    made = plan.make(small_table(), np.array(["train"] * 4))
    assert made.shards == (("train-00000-of-00001.tfrecord", "train", 0, 4),)
    task = made.task(0)
    order = np.argsort(draws.uniform(list("abcd"), 0, "order"))
    assert task.texts["event_id"] == [list("abcd")[i] for i in order]
    back = np.argsort(order)  # back in the order a, b, c, d
    labels = {head: label[back].tolist() for head, label in task.labels.items()}
    assert labels == {
        "empty": [0, 0, 1, 0],
        "species": [1, 0, -1, 1],
        "count": [1, 11, -1, -1],
        "standing": [-1, 0, -1, -1],  # a share of exactly one half is no majority
        "moving": [-1, 1, -1, -1],
    }
    assert task.sizes[back].tolist() == [2, 3, 1, 2]
    frames = dict(zip(task.paths, zip(*task.frame_labels.values(), strict=True), strict=True))
    assert {path: tuple(map(int, label)) for path, label in frames.items()} == {
        "0.jpg": (1, -1), "1.jpg": (0, 1), "2.jpg": (-1, -1), "3.jpg": (-1, -1),
        "4.jpg": (-1, -1), "5.jpg": (-1, -1), "6.jpg": (-1, -1), "7.jpg": (0, 1),
    }  # fmt: skip
    assert [task.texts["datetime"][i] for i in back] == ["2015-12-01T08:00:05", "", "", ""]
    assert [task.texts["site"][i] for i in back] == ["S1", "", "S2", "S2"]


def test_each_shard_has_the_sizes_of_its_own_events():
    ids = [f"e{number}" for number in range(6)]
    owners = [name for number, name in enumerate(ids) for _ in range(number + 1)]
    events = EventTable(
        pd.DataFrame({"event_id": ids}),
        pd.DataFrame({"event_id": owners, "path": [f"{n}.jpg" for n in range(len(owners))]}),
        pd.DataFrame({"event_id": ids, "species": "zebra"}),
    )
    made = plan.make(events, np.array(["train"] * 6), events_per_shard=2)
    for task in made.tasks():
        expected = [ids.index(name) + 1 for name in task.texts["event_id"]]
        assert task.sizes.tolist() == expected
        assert len(task.paths) == sum(expected)


def test_a_species_overrules_empty_of_the_same_frame():
    events = small_table()
    both = pd.DataFrame({"event_id": "d", "frame": 0, "species": ["zebra", "empty"]})
    labels = pd.concat([events.labels, both], ignore_index=True)
    task = plan.make(EventTable(events.events, events.frames, labels), np.array(["train"] * 4))
    found = task.task(0)
    place = found.paths.index("6.jpg")
    assert {head: int(label[place]) for head, label in found.frame_labels.items()} == {
        "empty": 0, "species": 1,
    }  # fmt: skip


def test_shards_are_equally_large_and_hold_every_event_once():
    split = np.array(["val"] * 23 + ["train"] * 100)
    made = plan.make(many(123), split, events_per_shard=40)
    assert [shard[0] for shard in made.shards] == [
        "train-00000-of-00003.tfrecord", "train-00001-of-00003.tfrecord",
        "train-00002-of-00003.tfrecord", "val-00000-of-00001.tfrecord",
    ]  # fmt: skip
    assert [len(task) for task in made.tasks()] == [33, 33, 34, 23]
    events = [event for task in made.tasks() for event in task.texts["event_id"]]
    assert sorted(events) == sorted(f"e{n}" for n in range(123))
    assert set(made.task(3).texts["event_id"]) == {f"e{n}" for n in range(23)}
    first = made.task(0).texts["event_id"]
    assert first != sorted(first)


def test_the_plan_does_not_depend_on_the_order_of_rows_but_on_the_seed():
    table, split = many(50), np.array(["train"] * 30 + ["val"] * 20)
    turned = EventTable(table.events[::-1], table.frames[::-1], table.labels[::-1])
    made = plan.make(table, split)
    assert plan.make(turned, split[::-1]).content == made.content
    assert plan.make(table, split, seed=1).content != made.content


def test_image_labels_and_what_tasks_can_use():
    # Event 0: a zebra (1) of count 2; event 1: empty; event 2: labelled 'not empty' only.
    labels = {"empty": [0, 1, 0], "species": [1, -1, -1], "count": [2, -1, -1]}
    labels = {head: np.array(label) for head, label in labels.items()}
    event = np.array([0, 0, 0, 1, 2])
    own = {"empty": np.array([-1, 1, 0, -1, -1]), "species": np.array([-1, -1, 0, -1, -1])}
    found = tasks.image_labels(labels, own, event)
    assert {head: label.tolist() for head, label in found.items()} == {
        "empty": [0, 1, 0, 1, 0],
        "species": [1, -1, 0, -1, -1],
        "count": [2, -1, 2, -1, -1],
    }
    usable = {task: use.tolist() for task, use in tasks.usable(found).items()}
    animal = [True, False, True, False, False]
    assert usable == {
        Task.EMPTY: [True] * 5,
        Task.ANIMAL: animal,
        Task.SPECIES: animal,
        Task.ONE_STAGE: [True, True, True, True, False],
    }


def test_what_cannot_be_planned_is_told():
    table, split = small_table(), np.array(["train"] * 4)
    with pytest.raises(InputError, match=r"in the vocabulary \(1 species\); received \['topi'\]"):
        plan.make(table, split, vocabulary=Vocabulary(("zebra",)))
    with pytest.raises(InputError, match="events_per_shard is at least 1; received 0"):
        plan.make(table, split, events_per_shard=0)
    extra = pd.DataFrame({"event_id": ["b"], "species": ["zebra"]})
    table.labels = pd.concat([table.labels, extra.reindex(columns=table.labels.columns)])
    with pytest.raises(InputError, match="one species; received 'b'"):
        plan.make(table, split)
