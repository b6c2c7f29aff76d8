"""What has become of a job's pictures since they were listed.

A picture is known by its path below the picture folder and its size, so that a season may move to
another disk; where nothing moved, the time of its last change counts, too.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import is_remote
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.paths import on_disk

REPLACED, DELETED = "replaced", "deleted"


def look(listed: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Pictures as they are now.

    Args:
        listed: columns `path, bytes, modified`, as they were; missing where there was no file.
        root: folder that the paths are relative to.

    Returns:
        The same rows, with `what`: `REPLACED` (another size), `DELETED`, or missing; `bytes` and
        `modified` are those of now, of deleted ones as they were.
    """
    if is_remote(root):
        return listed.assign(what=pd.Series(pd.NA, listed.index, "string"))
    found = [_status(on_disk(root, path)) for path in listed["path"]]
    size = pd.Series([one[0] for one in found], listed.index, "Int64")
    time = pd.Series([one[1] for one in found], listed.index, "Int64")
    known = listed["bytes"].notna()
    replaced = known & (size != listed["bytes"]).fillna(False)
    what = pd.Series(pd.NA, listed.index, "string").mask(replaced, REPLACED)
    what = what.mask(known & size.isna(), DELETED)
    was = {"bytes": size.fillna(listed["bytes"]), "modified": time.fillna(listed["modified"])}
    return listed.assign(what=what, **was)


def changed(listed: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Columns `path, what` of the pictures that were deleted, or replaced.

    Args:
        listed, root: as of `look`.
    """
    now = look(listed, root)
    rewritten = (now["modified"] != listed["modified"]).fillna(False) & listed["bytes"].notna()
    now["what"] = now["what"].mask(now["what"].isna() & rewritten, REPLACED)
    return now.loc[now["what"].notna(), ["path", "what"]]


def moved(listed: pd.DataFrame, pending: np.ndarray, root: Path) -> pd.DataFrame:
    """Pictures as they are where they have moved to.

    Args:
        listed: as of `look`.
        pending: [pictures] bool, whether they are still to be answered.
        root: the folder that they have moved to.

    Raises:
        InputError: a picture has another size there, one that is to be answered is missing, or
            all are.
    """
    now = look(listed, root)
    what = now["what"].fillna("").to_numpy(object)
    gone, other = what == DELETED, what == REPLACED
    wrong = other | (gone & pending)
    if wrong.any() or (len(now) and gone.all()):
        example = now["path"][wrong if wrong.any() else gone].iloc[0]
        raise InputError(
            "pictures that moved have their paths below --images and their sizes of before",
            f"{root}: {int(gone.sum()):,} of {len(now):,} are missing and {int(other.sum()):,} "
            f"have another size, such as {example}",
            "Give the folder that holds what the picture folder held, or a new --out.",
        )
    return now


def _status(file: Path) -> tuple[int | None, int | None]:
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None, None
    return found.st_size, found.st_mtime_ns
