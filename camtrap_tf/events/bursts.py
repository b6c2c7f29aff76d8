"""Which pictures are one capture event, where nothing says so: the one rule for that.

Prediction, its blocks and the program on a camera's computer use it; it needs neither pandas nor
TensorFlow.

Cameras. Pictures of a folder are those of a camera. The folders that a camera begins when one is
full (100RECNX, 101RECNX) are one; where the headers tell several devices, a folder is several
cameras.

Order. Names that end in a number are counted by the camera, which begins anew at 0001 after 9999
or in its next folder; they tell the order even where the clock does not. Where the clock goes back
from one number to the next, it was set: what comes after is not mixed with what came before, even
if the times are the same. Numbers that do not rise with time at all were given by somebody else,
and count for nothing. Other names are in the order of their times.

Events. In this order a picture belongs to the event of the one before it if
- they were taken within the gap of one another; but
- pictures that the camera numbers within a trigger (2 of 3) go on with the next number, up to
  `BURST_PAUSE`, and end with the same or a lower one, or another total;
- triggers that the camera numbers are events of their own;
- a picture without a time is alone, unless the number within its trigger says otherwise.
"""

import dataclasses
import datetime
import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

BURST_PAUSE = 60.0  # seconds; no camera waits longer between two pictures of a trigger
JITTER = 1.0  # seconds that a camera's times may go back within a trigger
_FAR = 10  # a counter's next picture is rarely further away: people delete pictures, but not most
_FOLDER = re.compile(r"[1-9]\d\d([A-Za-z0-9_]{5})")  # of cameras, by the DCF standard
_COUNTED = re.compile(r"(.*\D|)(\d{1,300})(\D*)", re.DOTALL)  # names have 255 characters
_PLACE = re.compile(r"[ _-]?\d{1,2}[ _-]?of[ _-]?\d{1,2}", re.IGNORECASE)  # in a trigger
_DIGITS = re.compile(r"(\d{1,300})")


@dataclasses.dataclass(frozen=True)
class Frame:
    """A picture, as far as events go.

    Args:
        path: relative, with '/'.
        taken: camera-local, or None.
        device: maker, model and serial number, as far as the header tells them.
        position: place among the pictures of one trigger, from 1, or None.
        total: how many pictures the trigger takes, or None.
        trigger: the camera's own number of the trigger, or None.
    """

    path: str
    taken: datetime.datetime | None = None
    device: str | None = None
    position: int | None = None
    total: int | None = None
    trigger: int | None = None


F = TypeVar("F", bound=Frame)


def camera_folder(path: str) -> str:
    """The folder of a picture's camera.

    >>> camera_folder("B04/DCIM/100RECNX/RCNX9999.JPG"), camera_folder("B04/IMG_0001.JPG")
    ('B04/DCIM/*RECNX', 'B04')
    """
    return _camera(path.rpartition("/")[0])


def file_order(names: Iterable[str]) -> list[str]:
    """Names of files of one folder in the order in which a camera writes them.

    >>> file_order(["IMG_10.JPG", "IMG_9.JPG"]), file_order(["A9999.JPG", "A0001.JPG", "A9998.JPG"])
    (['IMG_9.JPG', 'IMG_10.JPG'], ['A9998.JPG', 'A9999.JPG', 'A0001.JPG'])
    """
    counted = sorted(_Counted.of(Frame(name)) for name in names)
    series = itertools.groupby(counted, key=lambda one: one.series)
    return [one.frame.path for _, own in series for one in _from_seam(list(own))]


def events(frames: Iterable[F], gap_seconds: float) -> list[list[F]]:
    """Events of pictures, each in the order in which they were taken.

    Args:
        frames: of any number of cameras, in any order.
        gap_seconds: longest pause inside an event.

    >>> noon = datetime.datetime(2024, 5, 1, 12)
    >>> later = noon + datetime.timedelta(seconds=9)
    >>> frames = [Frame("a/2.jpg", later), Frame("a/1.jpg", noon), Frame("b/3.jpg", noon)]
    >>> [[frame.path for frame in event] for event in events(frames, 10)]
    [['a/1.jpg', 'a/2.jpg'], ['b/3.jpg']]
    """
    found: list[list[F]] = []
    for camera in _cameras(frames):
        last = None
        for frame in _ordered(camera):
            if last is not None and follows(last, frame, gap_seconds):
                found[-1].append(frame)
            else:
                found.append([frame])
            last = frame
    return found


def follows(last: Frame, frame: Frame, gap_seconds: float) -> bool:
    """Whether a picture is of the same event as the one before it of its camera."""
    step = _difference(last.position, frame.position)
    if (step is not None and step <= 0) or _differ(last.total, frame.total):
        return False
    if _differ(last.trigger, frame.trigger):
        return False
    if last.taken is None or frame.taken is None:
        return last.taken is frame.taken and step == 1
    pause = (frame.taken - last.taken).total_seconds()
    numbered = step == 1 or (last.trigger is not None and last.trigger == frame.trigger)
    return -JITTER <= pause <= (max(gap_seconds, BURST_PAUSE) if numbered else gap_seconds)


def clock_steps(frames: Iterable[F]) -> list[tuple[F, datetime.timedelta]]:
    """Pictures before which the clock of their camera was set back, and how far.

    They are those at which `events` takes a clock to have been set.

    >>> noon = datetime.datetime(2024, 5, 1, 12)
    >>> frames = [Frame("1.jpg", noon), Frame("2.jpg", noon - datetime.timedelta(hours=1))]
    >>> [(frame.path, str(step)) for frame, step in clock_steps(frames)]
    [('2.jpg', '1:00:00')]
    """
    return [
        (one.frame, latest - one.taken)
        for camera in _cameras(frames)
        for own in _in_series(sorted(map(_Counted.of, camera)))
        for (session, latest, _), (later, _, one) in itertools.pairwise(_in_sessions(own))
        if later > session
    ]


def is_unfinished(event: Sequence[Frame]) -> bool:
    """Whether the camera says that more pictures of the event's last trigger come."""
    last = event[-1]
    return last.position is not None and last.total is not None and last.position < last.total


def _difference(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else other - one


def _differ(one: int | None, other: int | None) -> bool:
    return _difference(one, other) not in (None, 0)


def _cameras(frames: Iterable[F]) -> list[list[F]]:
    """The frames of each camera; a header that tells no device is that of the only one."""
    folders: dict[str, list[F]] = {}
    for frame in frames:
        folders.setdefault(camera_folder(frame.path), []).append(frame)
    cameras = []
    for _, own in sorted(folders.items()):
        devices: dict[str, list[F]] = {}
        for frame in own:
            devices.setdefault(frame.device or "", []).append(frame)
        several = len(devices.keys() - {""}) > 1
        cameras += [devices[device] for device in sorted(devices)] if several else [own]
    return cameras


@functools.lru_cache(1 << 12)
def _camera(folder: str) -> str:
    above, slash, name = folder.rpartition("/")
    numbered = _FOLDER.fullmatch(name)
    return f"{above}{slash}*{numbered[1]}" if numbered else folder


class _Counted(NamedTuple):
    """A frame and what its path says of its place.

    Args:
        natural: its path with numbers as numbers: 9 comes before 10.
        folder: of the file.
        series: what stands before and after the last number of its name.
        number: that number.
        frame: the frame.
    """

    natural: list[str | int]
    folder: str
    series: tuple[str, str]
    number: int
    frame: Any

    @classmethod
    def of(cls, frame: Frame) -> "_Counted":
        """Takes a frame's path apart."""
        folder, _, name = frame.path.rpartition("/")
        natural: list[str | int] = list(_DIGITS.split(frame.path))
        natural[1::2] = map(int, natural[1::2])
        found = _COUNTED.fullmatch(_PLACE.sub("", name))
        before, number, after = found.groups() if found else (name, "0", "")
        return cls(natural, folder, (before, after), int(number), frame)

    @property
    def taken(self) -> datetime.datetime:
        """When it was taken; in the beginning where nobody knows."""
        return self.frame.taken or datetime.datetime.min


def _ordered(frames: Iterable[F]) -> Iterator[F]:
    """The frames of a camera in the order in which they were taken, then those without a time."""
    counted = sorted(map(_Counted.of, frames))
    keyed = [
        (session, latest, one.series, place, one.frame)
        for own in _in_series(counted)
        for place, (session, latest, one) in enumerate(_in_sessions(own))
    ]
    keyed.sort(key=lambda one: one[:4])
    yield from (frame for *_, frame in keyed)
    yield from (one.frame for one in counted if one.frame.taken is None)


def _in_series(counted: list[_Counted]) -> Iterable[list[_Counted]]:
    """The frames that have a time, by the series of their names."""
    series: dict[tuple[str, str], list[_Counted]] = {}
    for one in counted:
        if one.frame.taken is not None:
            series.setdefault(one.series, []).append(one)
    return series.values()


def _in_sessions(series: list[_Counted]) -> Iterator[tuple[int, datetime.datetime, _Counted]]:
    """Frames of one series, each with the number of times that its clock was set back.

    Between the two stands the latest time since then: frames of several series are in its order.
    """
    folders = itertools.groupby(series, key=lambda one: one.folder)
    counted = [one for _, own in folders for one in _from_seam(list(own))]
    if not _tells_order(counted):
        yield from ((0, one.taken, one) for one in series)
        return
    session, latest = 0, datetime.datetime.min
    for one in counted:
        if one.taken < latest and _goes_back(latest, one.taken):
            session, latest = session + 1, one.taken
        latest = max(latest, one.taken)
        yield session, latest, one


def _from_seam(counted: list[_Counted]) -> list[_Counted]:
    """By number, but after a counter's end what it counted when it began anew.

    A low number that was taken before the last one is no new beginning.
    """
    first, last = counted[0], counted[-1]
    end = 10 ** max(4, len(str(last.number))) - 1
    if first.number > _FAR or end - last.number > _FAR or first.taken < last.taken:
        return counted
    steps = [
        ((other.taken - one.taken).total_seconds(), one.number - other.number)
        for one, other in itertools.pairwise(counted)
    ]
    if not steps or min(steps) >= (0.0, -_FAR):
        return counted
    seam = 1 + steps.index(min(steps))
    return counted[seam:] + counted[:seam]


def _tells_order(counted: list[_Counted]) -> bool:
    """Whether numbers are a camera's: they rise with time, in small steps."""
    pairs = list(itertools.pairwise(counted))
    backwards = sum(b.taken < a.taken and _goes_back(a.taken, b.taken) for a, b in pairs)
    near = sum(b.number - a.number <= _FAR for a, b in pairs)
    return backwards <= max(3, len(pairs) / 3) and near >= len(pairs) / 2


def _goes_back(one: datetime.datetime, other: datetime.datetime) -> bool:
    return (other - one).total_seconds() < -JITTER
