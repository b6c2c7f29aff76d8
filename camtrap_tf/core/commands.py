"""Command lines: how they are spelled, what a verb ends with, and verbs that stand for several.

A verb's `run` returns an `Ending`. A verb that stands for others (`demo`, `quickstart`) is a
list of `Step`s, which `follow` goes through; the function that runs a verb is handed in.
"""

import dataclasses
import logging
import os
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

log = logging.getLogger("camtrap")
Value = str | os.PathLike | bool | int | float | list | tuple


@dataclasses.dataclass(frozen=True)
class Command:
    """A verb of `camtrap` with its paths and flags; see `command`."""

    verb: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return shlex.join(("camtrap", self.verb, *self.arguments))


def command(verb: str, *paths: str | os.PathLike, **flags: Value | None) -> Command:
    """A command of paths and flags.

    Args:
        verb: its name.
        paths: what stands without a flag.
        flags: values by name: a list is a flag that is repeated, True and False are `--name` and
            `--noname`, and None is left out.

    >>> print(command("train", shards="my shards", set=["train.epochs=2"], profile=False))
    camtrap train '--shards=my shards' --set=train.epochs=2 --noprofile
    """
    words = [os.fspath(path) for path in paths]
    for name, value in flags.items():
        words += _flag(name, value)
    return Command(verb, tuple(words))


def _flag(name: str, value: Value | None) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no{name}"]
    if isinstance(value, list | tuple):
        return [f"--{name}={item}" for item in value]
    return [f"--{name}={os.fspath(value) if isinstance(value, os.PathLike) else value}"]


@dataclasses.dataclass(frozen=True)
class Ending:
    """What a verb has come to.

    Args:
        tally: in the user's words: "90 pictures: 41 empty, 37 cow, 8 unknown, 4 unreadable."
        then: what to do next, the likeliest first: commands, or sentences.

    >>> print(Ending("12 pictures.", (command("review", "answers"),)))
    12 pictures.
    Next: camtrap review answers
    """

    tally: str
    then: tuple[Command | str, ...] = ()

    def __str__(self) -> str:
        starts = ("Next: ", *["  or: "] * (len(self.then) - 1))
        return "\n".join(
            [self.tally, *(f"{a}{b}" for a, b in zip(starts, self.then, strict=False))]
        )


@dataclasses.dataclass(frozen=True)
class Step:
    """One command of a verb that stands for several.

    Args:
        command: what is run.
        done: a file that the command writes last: where it is, there is nothing to do. None: the
            command itself sees what it has done before.
    """

    command: Command
    done: Path | None = None


Run = Callable[[str, list[str]], Ending | None]


def follow(steps: Iterable[Step], camtrap: Run) -> None:
    """Runs commands one after the other, and shows each.

    Args:
        steps: may be a generator, which then sees what earlier steps have written.
        camtrap: runs a verb with its arguments; an error ends it all.
    """
    for step in steps:
        log.info("\n$ %s", step.command)
        if step.done is not None and step.done.is_file():
            log.info("done before: %s", step.done)
            continue
        ending = camtrap(step.command.verb, list(step.command.arguments))
        if ending is not None:
            log.info("%s", ending.tally)


def counted(number: int, unit: str) -> str:
    """A number with its unit, which is a plural.

    >>> counted(1, "pictures"), counted(1200, "pictures")
    ('1 picture', '1,200 pictures')
    """
    return f"{number:,} {unit.removesuffix('s') if number == 1 else unit}"


def listed(counts: dict[str, int], most: int = 6) -> str:
    """Counts by name, in their order, the last of many together; names without any are left out.

    >>> listed({"empty": 41, "cow": 37, "elk": 0})
    '41 empty, 37 cow'
    >>> listed({"a": 4, "b": 3, "c": 2, "d": 1}, most=2)
    '4 a, 3 b, 3 of 2 other kinds'
    """
    there = {name: count for name, count in counts.items() if count}
    most += len(there) == most + 1  # a single one takes no more room by its name
    shown = [f"{count:,} {name}" for name, count in list(there.items())[:most]]
    others = list(there.values())[most:]
    return ", ".join(shown + ([f"{sum(others):,} of {len(others)} other kinds"] if others else []))
