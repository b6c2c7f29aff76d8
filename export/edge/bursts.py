"""Picture files on a camera, and when their events are over."""

import dataclasses
from pathlib import Path
from typing import Any

from camtrap_tf.events import bursts
from camtrap_tf.pictures import exif


@dataclasses.dataclass(frozen=True)
class File(bursts.Frame):
    """A picture file.

    Args:
        modified: when it was last written, seconds since 1970.
        size: bytes.
    """

    modified: float = 0.0
    size: int = 0

    @classmethod
    def read(cls, folder: Path, path: str, **status: Any) -> "File":
        """Reads a file's header."""
        facts = exif.read(folder / path)
        position, total = facts.burst or (None, None)
        return cls(path, facts.taken, facts.camera, position, total, facts.trigger, **status)


def is_over(event: list[File], now: float, gap_seconds: float, writing_seconds: float) -> bool:
    """Whether nothing was written to the event's files for so long that nothing more will come.

    A file from the future, which a camera computer without a clock sees, counts as old.

    Args:
        event: its files.
        now: seconds since 1970.
        gap_seconds: longest pause inside an event; a camera that said how many pictures it
            takes may take longer to finish them.
        writing_seconds: without a change, after which a file is taken to be whole.
    """
    pause = gap_seconds
    if bursts.is_unfinished(event):
        pause = max(pause, bursts.BURST_PAUSE)
    return all(abs(now - file.modified) >= pause + writing_seconds for file in event)
