"""The paths that a verb reads, looked at before anything slow is imported.

A verb's module names them in a table, `INPUTS`, and `camtrap` checks them before it calls the verb:
a mistyped path is reported at once, without waiting for TensorFlow.
"""

import difflib
import enum
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import is_remote
from camtrap_tf.core.errors import InputError

ARGUMENTS = ""  # in the place of a flag's name: the words that belong to no flag


class Kind(enum.Enum):
    """What a path leads to, in words."""

    FILE = "an existing file"
    FOLDER = "an existing folder"
    EITHER = "an existing file or folder"
    PREFIX = "an existing folder, or the beginning of the names of existing files"
    RUN = "a run directory"
    RUNS = "a run directory, or a folder of them"
    BUNDLE = "a bundle"
    SHARDS = "a folder of shards"


class Input(NamedTuple):
    """A path that a verb reads.

    Args:
        kind: what it leads to.
        words: values that are no paths.
    """

    kind: Kind
    words: tuple[str, ...] = ()


# The file that a folder of ours holds, and the command that makes the folder.
_STAMPS = {
    Kind.RUN: file_names.CONFIG, Kind.RUNS: file_names.CONFIG,
    Kind.BUNDLE: file_names.BUNDLE, Kind.SHARDS: file_names.MANIFEST,
}  # fmt: skip
_MADE_BY = {Kind.RUN: "train", Kind.RUNS: "train", Kind.BUNDLE: "bundle", Kind.SHARDS: "shard"}
_FITS = {
    Kind.FILE: Path.is_file,
    Kind.FOLDER: Path.is_dir,
    Kind.EITHER: Path.exists,
    Kind.PREFIX: lambda path: path.exists() or any(path.parent.glob(f"{path.name}.*")),
}
_MOST_NAMES = 5_000  # of a folder that are compared with a name that is not there


def check(inputs: Mapping[str, Input], values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Looks whether the paths are there; remote ones are left to the verb.

    Args:
        inputs: by flag; `ARGUMENTS` for the words that belong to no flag.
        values: the parsed flags.
        arguments: those words.

    Raises:
        InputError: a path is not there, or leads to something else.
    """
    for name, (kind, words) in inputs.items():
        for path in _given(arguments if name == ARGUMENTS else values[name].value):
            if path not in words and not is_remote(path):
                _check_one(f"--{name}" if name else "PATH", kind, Path(path))


def _given(value: object) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, Sequence):
        yield from value


def _check_one(name: str, kind: Kind, path: Path) -> None:
    if kind in _STAMPS:
        _check_stamp(name, kind, path)
    elif not _FITS[kind](path):
        raise InputError(f"{name} is {kind.value}", str(path), _way_out(path))


def _check_stamp(name: str, kind: Kind, path: Path) -> None:
    if (path / _STAMPS[kind]).is_file():
        return
    if kind is Kind.RUNS and any(path.glob(f"*/{file_names.CONFIG}")):
        return
    way_out = _way_out(path)
    if path.exists():
        others = [k.value for k, file in _STAMPS.items() if (path / file).is_file()]
        what = f"This is {others[0]}" if others else f"There is no {_STAMPS[kind]} in it"
        way_out = f"{what}; camtrap {_MADE_BY[kind]} makes {kind.value}."
    raise InputError(f"{name} is {kind.value}", str(path), way_out)


def _way_out(path: Path) -> str:
    if path.exists():
        return f"This is a {'folder' if path.is_dir() else 'file'}."
    near = difflib.get_close_matches(path.name, _names(path.parent), n=1)
    return f"There is no such path; did you mean '{path.with_name(near[0])}'?" if near else _ABSENT


_ABSENT = "There is no such path."


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in itertools.islice(folder.iterdir(), _MOST_NAMES)]
    except OSError:
        return []
