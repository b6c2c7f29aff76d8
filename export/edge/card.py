"""What lies in the watched folder: ordinary picture files, and whatever else a card may hold.

Links are not followed: what they lead to was not taken by the camera, and may lie anywhere.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from camtrap_tf.pictures import files

Skip = Callable[[str, str], None]  # of a path and a reason


def pictures(folder: Path, skip: Skip) -> Iterator[tuple[str, os.stat_result]]:
    """Yields path and status of each ordinary picture file; `skip` is told of other entries."""
    for path in files.find(folder):
        try:
            status = (folder / path).lstat()
        except FileNotFoundError:  # deleted since the folder was read
            continue
        except OSError as error:
            skip(path, str(error.strerror))
            continue
        if reason := _no_file(status):
            skip(path, reason)
        else:
            yield path, status


def _no_file(status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "a link: not followed"
    return "" if stat.S_ISREG(status.st_mode) else "not a file"


def is_inside(path: object) -> bool:
    r"""Whether a value is a path, relative with '/', that stays in its folder.

    >>> is_inside("cam/1.jpg"), is_inside("../1.jpg"), is_inside("/1.jpg"), is_inside("a\0.jpg")
    (True, False, False, False)
    """
    if not isinstance(path, str) or "\0" in path:
        return False
    return not {"", ".", ".."} & set(path.split("/"))


def is_picture(folder: Path, path: str) -> bool:
    """Whether a path is one that `pictures` may yield: inside the folder, over no link."""
    *folders, name = path.split("/")
    if (
        not is_inside(path)
        or not files.is_picture_name(name)
        or any(map(files.passed_over, folders))
    ):
        return False
    file = folder / path
    return file.is_file() and file.resolve() == folder.resolve() / path
