from pathlib import Path

import pytest

from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task, Vocabulary
from camtrap_tf.events import tasks
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.events.table import Dropped


def manifest(animals, empty, species, count=(0, 0)):
    names = tuple(f"s{i}" for i in range(len(species)))
    counts = {"empty": [animals, empty], "species": list(species), "count": list(count)}
    return Manifest(
        Path(), Vocabulary(names, ("1", "2"), ()), PictureSpec(), (0,) * 3, (1,) * 3, (),
        {"train": counts}, "", 0, Dropped(),
    )  # fmt: skip


def test_two_classes_can_be_learnt():
    both = manifest(30, 50, (20, 10))
    assert tasks.fitting(both) == [Task.EMPTY, Task.ANIMAL]
    assert tasks.taught(both, Task.ONE_STAGE) == {"species": {"s0": 20, "s1": 10, "empty": 50}}
    for task in Task:
        tasks.check(both, task)


@pytest.mark.parametrize(
    ("made", "task", "says"),
    [
        (manifest(30, 0, (20, 10)), Task.EMPTY,
         "received '30 with an animal, 0 empty'. Use --task=one_stage, which"),
        (manifest(30, 9, (30, 0)), Task.SPECIES, "received '30 s0'. Use --task=one_stage, which"),
        (manifest(30, 9, (30, 0)), Task.ANIMAL, "received '30 s0'. Use --task=one_stage, which"),
        (manifest(0, 9, ()), Task.ONE_STAGE, "received '9 empty'. No task can be learnt"),
        (manifest(30, 0, (30,)), Task.ANIMAL, "received '30 s0'. No task can be learnt"),
        (manifest(0, 0, (0, 0)), Task.ANIMAL, "received 'none'. No task"),
    ],
)  # fmt: skip
def test_one_class_is_refused_with_the_task_that_fits(made, task, says):
    with pytest.raises(InputError) as caught:
        tasks.check(made, task)
    assert says in str(caught.value)


def test_numbers_of_one_species_can_be_learnt():
    tasks.check(manifest(30, 0, (30,), count=(20, 10)), Task.ANIMAL)


def test_shards_that_do_not_count_their_classes_are_taken(tiny_shards):
    for task in Task:
        tasks.check(Manifest.read(tiny_shards), task)
