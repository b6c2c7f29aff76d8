"""Pictures of a folder to capture events, as in `camtrap_tf.events.grouping`, without pandas."""

import dataclasses
import datetime
from collections.abc import Iterable
from pathlib import PurePosixPath


@dataclasses.dataclass(frozen=True)
class Frame:
    """A picture file.

    Args:
        path: relative to the watched folder, with '/'; its folder is the camera.
        taken: EXIF time, camera-local, or None.
        modified: when the file was last written, seconds since 1970.
        size: bytes.
    """

    path: str
    taken: datetime.datetime | None
    modified: float
    size: int

    @property
    def camera(self) -> str:
        """Folder of the file."""
        return str(PurePosixPath(self.path).parent)


def group(frames: Iterable[Frame], gap_seconds: float) -> list[list[Frame]]:
    """Events: pictures of one camera, each at most `gap_seconds` after the one before.

    A picture without a time is an event of its own.

    >>> noon = datetime.datetime(2024, 5, 1, 12)
    >>> later = noon + datetime.timedelta(seconds=9)
    >>> files = [Frame("a/2.jpg", later, 0, 0), Frame("a/1.jpg", noon, 0, 0)]
    >>> [[frame.path for frame in event] for event in group(files, 10)]
    [['a/1.jpg', 'a/2.jpg']]
    """
    latest = datetime.datetime.max
    ordered = sorted(frames, key=lambda f: (f.camera, f.taken or latest, f.path))
    events: list[list[Frame]] = []
    for frame in ordered:
        if events and _follows(events[-1][-1], frame, gap_seconds):
            events[-1].append(frame)
        else:
            events.append([frame])
    return events


def _follows(last: Frame, frame: Frame, gap_seconds: float) -> bool:
    if last.camera != frame.camera or last.taken is None or frame.taken is None:
        return False
    return (frame.taken - last.taken).total_seconds() <= gap_seconds


def is_over(event: list[Frame], now: float, wait: float) -> bool:
    """Nothing was written to the event's files for `wait` seconds.

    A file from the future, which a camera computer without a clock sees, counts as old.
    """
    return all(abs(now - frame.modified) >= wait for frame in event)
