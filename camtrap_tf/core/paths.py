"""Names of pictures as metadata write them, and as the disk does.

A name has one form here: '/' between folders, and letters with their accents as one character
each (Unicode's NFC). Macs write accents apart (NFD), so the same name may be other bytes on a
disk than in a table, and look alike.
"""

import functools
import os
import re
import unicodedata
from pathlib import Path

from camtrap_tf.core.artifacts import is_remote

# What most names have nothing of: other than plain characters, '\', empty and '.' parts, space
# at an end. It serves Arrow's regular expressions, too.
ODD = r"[^ -~]|\\|//|(?:^|/)\.(?:/|$)|^\s|\s$|/$"
_ODD = re.compile(ODD)


def normal(path: str) -> str:
    r"""A picture's path in its one form.

    >>> normal("./a\\b//c.jpg "), normal("\\\\nas\\x.jpg")
    ('a/b/c.jpg', '//nas/x.jpg')
    >>> normal("cafe\u0301.jpg") == "caf\xe9.jpg"
    True
    """
    if not _ODD.search(path):
        return path
    text = unicodedata.normalize("NFC", path.strip()).replace("\\", "/")
    share = "/" if text.startswith("//") and not text.startswith("///") else ""
    root = "/" if text.startswith("/") else ""
    return share + root + "/".join(part for part in text.split("/") if part not in ("", "."))


def on_disk(root: Path, path: str) -> Path:
    """Where a picture lies, by the name that the disk has for it.

    Where there is no file of exactly that name, one whose name is the same letters in another
    form; else the name as it is.
    """
    exact = root / path
    if path.isascii() or is_remote(root) or is_there(exact):
        return exact
    here = root
    for part in path.split("/"):
        here = here / _spelled(here, part)
    return here if is_there(here) else exact


def is_there(path: Path) -> bool:
    r"""Whether a path leads to something; false for one that no disk can hold, too.

    >>> is_there(Path("a" * 300)), is_there(Path("\0")), is_there(Path("."))
    (False, False, True)
    """
    try:
        return path.exists()
    except OSError:  # too long, or through a folder that may not be searched
        return False


def _spelled(folder: Path, name: str) -> str:
    if is_there(folder / name):
        return name
    try:
        names = _names(folder, folder.stat().st_mtime_ns)
    except OSError:
        return name
    return names.get(unicodedata.normalize("NFC", name), name)


@functools.lru_cache(64)
def _names(folder: Path, modified: int) -> dict[str, str]:
    """Name on the disk by name in NFC, of what a folder holds that is not plain ASCII."""
    del modified  # it tells a folder from what it was before
    return {
        unicodedata.normalize("NFC", name): name
        for name in os.listdir(folder)
        if not name.isascii()
    }
