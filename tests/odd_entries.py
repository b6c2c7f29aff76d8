"""Directory entries with a picture's suffix that are no ordinary picture files."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

# By name: what becomes of each; None of one that is an ordinary picture under an odd name.
NOT_TEXT, LINES, LONG = b"b\xe4r.jpg", b"two\nlines\x1b[2J\r.jpg", b"9" * 240 + b".jpg"
PICTURES = (b"good.jpg", LINES, LONG)
UNREADABLE = (b"pipe.jpg", b"itself.jpg", b"nowhere.jpg", b"endless.jpg", b"link to a pipe.jpg",
              b"empty.jpg")  # fmt: skip
DEPTH = 1200  # folders in one another: more than Python's calls


def write(folder: Path) -> None:
    """Writes them beside a picture `good.jpg`: pipes, links that lead nowhere, odd names."""
    good = (folder / "good.jpg").read_bytes()
    for name in (NOT_TEXT, LINES, LONG):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(good)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "itself.jpg").symlink_to("itself.jpg")
    (folder / "nowhere.jpg").symlink_to("nothing")
    (folder / "endless.jpg").symlink_to("/dev/zero")
    (folder / "link to a pipe.jpg").symlink_to("pipe.jpg")
    (folder / "folder.jpg").mkdir()
    (folder / "round.jpg").symlink_to(".", target_is_directory=True)
    (folder / "empty.jpg").touch()
    Path(os.fsdecode(os.fsencode(folder) + b"/f\xe4lder")).mkdir()


@contextlib.contextmanager
def deepened(folder: Path) -> Iterator[None]:
    """Folders in one another; they are removed again, since shutil.rmtree cannot do that."""
    folder.mkdir(exist_ok=True)
    for start in range(0, DEPTH, 400):
        below = folder / "/".join("d" * min(DEPTH, start + 400))
        below.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        os.removedirs(folder / "/".join("d" * DEPTH))
