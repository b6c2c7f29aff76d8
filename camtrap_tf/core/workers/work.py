"""Tasks in, results out: what every engine is given, and what it gives back."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Advance = Callable[[int], None]  # is told of units, such as pictures, as they are done
# Does tasks one after another; yields the result of each, in their order.
Do = Callable[[Iterable, Advance], Iterator[Any]]


@dataclasses.dataclass(frozen=True)
class Work:
    """Tasks of one kind, each of which leaves a file.

    Args:
        start: called as `start(*arguments)` once where tasks are done; loads what they share. A
            function of a module, for it is named to other processes.
        arguments: of `start`; can be pickled, and name local paths from the root.
        tasks: one after another; can be pickled. Doing one again does no harm.
        folder: where the files go; every worker sees it.
    """

    start: Callable[..., Do]
    arguments: tuple
    tasks: Iterable
    folder: Path


# An engine: does all tasks; yields (number of the task, its result) in any order. A task that
# raises InputError ends the work with it.
Workers = Callable[[Work, Advance], Iterator[tuple[int, Any]]]


@dataclasses.dataclass(frozen=True)
class Here:
    """An engine that does its tasks in this process, where what is known of this machine holds.

    Args:
        do: what it does.
    """

    do: Workers

    def __call__(self, work: Work, advance: Advance) -> Iterator[tuple[int, Any]]:
        """Does all tasks, as every engine."""
        return self.do(work, advance)


def do_one(do: Do, task: Any) -> tuple[int, Any]:
    """Does one task; returns how many units it was, and its result."""
    units: list[int] = []
    (result,) = do([task], units.append)
    return sum(units), result
