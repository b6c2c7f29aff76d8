"""Which tasks the pictures of a folder of shards can teach."""

from camtrap_tf.core.commands import listed
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, Task
from camtrap_tf.events.manifest import Manifest


def taught(manifest: Manifest, task: Task, split: str = "train") -> dict[str, dict[str, int]]:
    """Head -> class -> pictures of a split; no heads where that is not known."""
    counts = manifest.class_counts.get(split)
    if not counts:
        return {}
    found = {}
    for head, names in manifest.vocabulary.heads(task).items():
        own = [*counts.get(head, [])] + ([counts[EMPTY][1]] if task is Task.ONE_STAGE else [])
        found[head] = dict(zip(names, own, strict=True))
    return found


def obstacle(manifest: Manifest, task: Task) -> str:
    """What keeps a task from being learnt: the pictures that there are; '' if nothing does.

    It takes pictures of two classes, of one of its heads at least.
    """
    heads = taught(manifest, task)
    if not heads or any(_several(counts) for counts in heads.values()):
        return ""
    if task is Task.EMPTY:
        animals, empty = heads[EMPTY].values()
        return f"{animals:,} with an animal, {empty:,} empty"
    return listed(heads.get("species", {})) or "none"


def fitting(manifest: Manifest) -> list[Task]:
    """The tasks that make a bundle of these pictures: those of two stages, else of one."""
    two = [task for task in (Task.EMPTY, Task.ANIMAL) if not obstacle(manifest, task)]
    one = [] if obstacle(manifest, Task.ONE_STAGE) else [Task.ONE_STAGE]
    return two if len(two) == 2 else one


def check(manifest: Manifest, task: Task) -> None:
    """Raises InputError, which names the task that fits, where a task cannot be learnt."""
    found = obstacle(manifest, task)
    if found:
        others = " or ".join(f"--task={other.value}" for other in fitting(manifest))
        raise InputError(
            f"task '{task.value}' learns to tell classes apart: it takes training pictures of two",
            found,
            f"Use {others}, which these pictures can teach." if others else _LABEL_MORE,
        )


_LABEL_MORE = (
    "No task can be learnt from one class: label empty pictures, or another species, and write "
    "the shards anew."
)


def _several(counts: dict[str, int]) -> bool:
    return sum(number > 0 for number in counts.values()) > 1
