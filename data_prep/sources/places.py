"""Where the pictures of metadata lie: the folder that their paths are relative to."""

import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import EventTable
from camtrap_tf.pictures import files

_TRIED = 60  # paths, over the whole table
_FOLDERS = 200  # subfolders that are tried, at most


@dataclasses.dataclass(frozen=True)
class Place:
    """A folder with pictures of a table.

    Args:
        folder: that the paths are relative to.
        found, tried: of the paths that were tried, how many lead to a file.
    """

    folder: Path
    found: int
    tried: int


def locate(table: EventTable, pictures: Path, metadata: Path | None = None) -> Place:
    """The folder under which most pictures of a table are found.

    Looked at are `pictures`, the folder of the metadata, the folders that hold these, and their
    subfolders.

    Raises:
        InputError: none of the paths that were tried leads to a file in any of them.
    """
    paths = table.frames["path"].tolist()
    if not paths:
        raise InputError("the metadata list pictures", "none", "Check the metadata.")
    tried = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, _TRIED).astype(int))]
    looked, best = 0, Place(pictures, 0, len(tried))
    for folder in _candidates(pictures, metadata):
        looked += 1
        place = Place(folder, sum(os.path.isfile(folder / path) for path in tried), len(tried))
        best = max(best, place, key=lambda one: one.found)
        if best.found == len(tried):
            break
    if not best.found:
        raise InputError(
            f"pictures of the metadata lie in {pictures}",
            f"none of {len(paths):,} found, such as {tried[0]} ({looked} folders looked at)",
            "Give the folder that these paths begin in; perhaps the pictures are still to be "
            "downloaded.",
        )
    return best


def _candidates(pictures: Path, metadata: Path | None) -> Iterator[Path]:
    first = [pictures, *([metadata if metadata.is_dir() else metadata.parent] if metadata else [])]
    above = [parent for folder in first for parent in folder.resolve().parents[:2]]
    yield from dict.fromkeys((*first, *above))
    yield from _subfolders(dict.fromkeys(first))


def _subfolders(folders: Iterable[Path]) -> Iterator[Path]:
    """Folders in the folders, and in these, at most `_FOLDERS`."""
    below = map(_inside, folders)
    first = list(itertools.islice(itertools.chain.from_iterable(below), _FOLDERS))
    yield from first
    deeper = (one for folder in first for one in _inside(folder))
    yield from itertools.islice(deeper, _FOLDERS - len(first))


def _inside(folder: Path) -> list[Path]:
    """The folders in a folder; none where it may not be opened."""
    try:
        return sorted(one for one in folder.iterdir() if _is_searched(one))
    except OSError:
        return []


def _is_searched(path: Path) -> bool:
    return os.path.isdir(path) and not files.passed_over(path.name)
