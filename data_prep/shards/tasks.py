"""One task: the pictures and labels of one shard, written to one TFRecord file.

A task is idempotent and depends on nothing but itself: its file and the report beside it (JSON:
checksum, sums, unreadable pictures) stand whole or not at all, and the same task gives the same
bytes wherever and however often it runs. This module imports no pandas: a process that only
writes shards starts at once and stays small.
"""

import dataclasses
import errno
import functools
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from camtrap_tf.core.artifacts import (
    PathLike,
    as_path,
    atomic,
    existing_folder,
    is_remote,
    read_json,
    sha256,
    write_json,
)
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, MISSING, Task, Vocabulary
from camtrap_tf.core.paths import on_disk
from camtrap_tf.core.workers.work import Advance, Do
from camtrap_tf.events import records
from camtrap_tf.events.manifest import Shard
from camtrap_tf.events.records import EventRecord
from camtrap_tf.pictures import crops
from camtrap_tf.pictures import files as pictures

_BYTES_PER_PIXEL = 0.5  # of a stored JPEG: photographs at quality 95 take 0.3 to 0.5
_STAMP = ("artifact", "version")


@dataclasses.dataclass(frozen=True)
class ShardTask:
    """All that writing one shard needs; small, and pickled to where it is written.

    Args:
        file: name of the TFRecord file.
        split: its split.
        vocabulary: names of the labels.
        texts: `event_id`, `site`, `season`, `datetime` (ISO 8601) -> one text per event.
        labels: head -> [events] int label, -1 where missing.
        sizes: [events] int, frames of each event.
        paths: [frames] path of each frame, events one after another.
        frame_labels: `empty`, `species` -> [frames] int label, -1 where the frame has none.
        boxes: [frames, 5] float32, what is stored sharp of each frame beside it, see
            `records.EventRecord`; None where that is nothing.
    """

    file: str
    split: str
    vocabulary: Vocabulary
    texts: dict[str, list[str]]
    labels: dict[str, np.ndarray]
    sizes: np.ndarray
    paths: list[str]
    frame_labels: dict[str, np.ndarray]
    boxes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.sizes)

    @functools.cached_property
    def content(self) -> str:
        """SHA-256 of everything in the task, as hexadecimal digits."""
        digest = hashlib.sha256(json.dumps([self.file, self.vocabulary.to_json()]).encode())
        for texts in (*self.texts.values(), self.paths):
            digest.update("\n".join((*texts, "")).encode())
        for numbers in (*self.labels.values(), self.sizes, *self.frame_labels.values()):
            digest.update(numbers.astype("<i4").tobytes())
        if self.boxes is not None:
            digest.update(self.boxes.astype("<f4").tobytes())
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class Report:
    """What one shard holds; lies beside it as JSON.

    Args:
        shard: as the manifest lists it.
        made_from: SHA-256 of the task and the picture specification.
        class_counts: head -> number of pictures per class, by image-level label.
        sums, squares: per channel, of the stored pictures' pixel values and their squares.
        quarantine: path, event id and reason of each unreadable picture.
        doubtful: the same of each picture that is stored but seems to be damaged.
        lost_events: ids of events without a readable picture.
    """

    shard: Shard
    made_from: str
    class_counts: dict[str, list[int]]
    sums: list[int]
    squares: list[int]
    quarantine: list[list[str]]
    lost_events: list[str]
    doubtful: list[list[str]] = dataclasses.field(default_factory=list)


def start_writing(images: PathLike, folder: PathLike, picture: PictureSpec) -> Do:
    """What writes shards into a folder, of tasks one after another; its results are reports.

    Raises:
        InputError: this machine does not see the pictures' folder, or, as a shard is written, the
            disk has no room for it.
    """
    existing_folder(images, "the picture folder")

    def write(tasks: Iterable[ShardTask], advance: Advance) -> Iterator[Report]:
        for task in tasks:
            report = write_shard(task, images, folder, picture)
            advance(report.shard.frames + len(report.quarantine))
            yield report

    return write


def write_shard(
    task: ShardTask, images: PathLike, folder: PathLike, picture: PictureSpec
) -> Report:
    """Writes one shard and its report; does nothing where both stand already.

    The same task gives the same bytes, wherever and however often it runs.

    Raises:
        InputError: the disk has no room for the shard.
    """
    file = as_path(folder) / task.file
    made_from = f"{task.content} {pictures.RULE} {to_json(picture)}"
    report = _standing(file, made_from)
    if report:
        return report
    _require_room(file.parent, _expected_bytes(task, as_path(images), picture))
    try:
        return _write(task, as_path(images), file, picture, made_from)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise _no_room(file.parent, str(error)) from None


def _write(
    task: ShardTask, images: Path, file: Path, picture: PictureSpec, made_from: str
) -> Report:
    tally = Tally(task)
    with atomic(file) as temporary:
        found = events(task, images, picture, tally)
        serialised = (records.encode(event, task.vocabulary) for event in found)
        checksum = records.write_file(temporary, serialised)
    report = tally.report(checksum, made_from)
    content = dataclasses.asdict(report)
    write_json(file.with_suffix(".json"), "shard report", 1, content)
    return report


def events(
    task: ShardTask, images: Path, picture: PictureSpec, tally: "Tally"
) -> Iterator[EventRecord]:
    """Yields each event of the task that has a readable picture."""
    ends = np.cumsum(task.sizes)
    for i, end in enumerate(ends):
        places, frames, parts = [], [], []
        for place in range(end - task.sizes[i], end):
            box = None if task.boxes is None else task.boxes[place, :4]
            try:
                stored = _store(on_disk(images, task.paths[place]), picture, box)
            except pictures.PictureError as error:
                tally.unreadable(i, place, str(error))
                continue
            tally.read(i, place, stored)
            places.append(place)
            frames.append(stored.encoded)
            parts.append(stored.part)
        if not frames:
            tally.lost(i)
            continue
        own = {head: label[places] for head, label in task.frame_labels.items()}
        yield EventRecord(
            **{name: texts[i] for name, texts in task.texts.items()},
            paths=[task.paths[place] for place in places],
            frames=frames,
            labels={head: int(label[i]) for head, label in task.labels.items()},
            frame_labels={
                head: label.tolist() for head, label in own.items() if (label >= 0).any()
            },
            parts=[] if task.boxes is None else parts,
            boxes=[] if task.boxes is None else task.boxes[places].tolist(),
        )


def _store(path: Path, picture: PictureSpec, box: np.ndarray | None) -> pictures.Stored:
    """What a shard holds of a picture; with a box, the part around it."""
    if box is None:
        return pictures.store(path, picture)
    content = pictures.read_bytes(path)
    stored, part = pictures.store(content, picture), crops.sharp(content, picture, box)
    return dataclasses.replace(stored, part=pictures.encode_jpeg(part, picture.jpeg_quality))


def _expected_bytes(task: ShardTask, images: Path, picture: PictureSpec) -> float:
    """Roughly what the shard takes on the disk."""
    if picture.keep_original:
        files = (on_disk(images, path) for path in task.paths)
        return sum(file.stat().st_size for file in files if file.is_file())
    return len(task.paths) * (1 + picture.crops) * picture.size**2 * _BYTES_PER_PIXEL


def _require_room(folder: Path, need: float) -> None:
    if is_remote(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise _no_room(folder, f"{free / 1e6:,.1f} MB free, about {need / 1e6:,.1f} MB needed")


def _no_room(folder: Path, value: str) -> InputError:
    return InputError(
        f"the disk of {folder} has room for the next shard",
        value,
        "Free some space and run the same command again; it goes on from here.",
    )


class Tally:
    """Counts what goes into a shard."""

    def __init__(self, task: ShardTask):
        self.task = task
        self.events: list[int] = []  # of each picture read: position of its event
        self.places: list[int] = []  # of each picture read: position among the task's frames
        self.histogram = np.zeros((3, 256), np.int64)
        self.quarantine: list[list[str]] = []
        self.doubtful: list[list[str]] = []
        self.lost_events: list[str] = []

    def read(self, event: int, place: int, stored: pictures.Stored) -> None:
        """Counts a picture: the position of its event, its own, and what is stored of it."""
        self.events.append(event)
        self.places.append(place)
        self.histogram += stored.histogram
        if stored.doubt:
            self.doubtful.append(self._row(event, place, stored.doubt))

    def unreadable(self, event: int, place: int, reason: str) -> None:
        """Lists a picture for the quarantine."""
        self.quarantine.append(self._row(event, place, reason))

    def _row(self, event: int, place: int, reason: str) -> list[str]:
        return [self.task.paths[place], self.task.texts["event_id"][event], reason]

    def lost(self, event: int) -> None:
        """Counts an event without a readable picture."""
        self.lost_events.append(self.task.texts["event_id"][event])

    def report(self, checksum: str, made_from: str) -> Report:
        """All counts, when the shard is written."""
        task, places = self.task, np.array(self.places, np.int64)
        frame_labels = {head: label[places] for head, label in task.frame_labels.items()}
        labels = image_labels(task.labels, frame_labels, np.array(self.events, np.int64))
        shard = Shard(
            file=task.file,
            split=task.split,
            events=len(task) - len(self.lost_events),
            frames=len(places),
            frames_by_task={name.value: int(use.sum()) for name, use in usable(labels).items()},
            sha256=checksum,
        )
        values = np.arange(256)
        return Report(
            shard=shard,
            made_from=made_from,
            class_counts=_class_counts(labels, task.vocabulary),
            sums=(self.histogram @ values).tolist(),
            squares=(self.histogram @ values**2).tolist(),
            quarantine=self.quarantine,
            lost_events=self.lost_events,
            doubtful=self.doubtful,
        )


def _class_counts(labels: dict[str, np.ndarray], vocabulary: Vocabulary) -> dict[str, list[int]]:
    """Head -> number of pictures of each class."""
    return {
        head: np.bincount(labels[head][labels[head] >= 0], minlength=len(classes)).tolist()
        for head, classes in vocabulary.classes().items()
        if classes
    }


def read_report(file: PathLike) -> Report:
    """The report beside a shard; `file` is the shard."""
    content = read_json(as_path(file).with_suffix(".json"), "shard report", 1)
    shard = Shard(**content.pop("shard"))
    return Report(shard=shard, **{k: v for k, v in content.items() if k not in _STAMP})


def _standing(file: Path, made_from: str) -> Report | None:
    """The report of a shard that is whole and made from the same, else None."""
    if not (file.is_file() and file.with_suffix(".json").is_file()):
        return None
    try:
        report = read_report(file)
    except (InputError, TypeError):  # damaged: the shard is written again
        return None
    whole = report.made_from == made_from and report.shard.sha256 == sha256(file)
    return report if whole else None


def image_labels(
    labels: dict[str, np.ndarray], frame_labels: dict[str, np.ndarray], event: np.ndarray
) -> dict[str, np.ndarray]:
    """Labels of single pictures: the frame's own where it has one, else its event's.

    Of an empty picture nothing is known but that, whatever its event shows.

    Args:
        labels: head -> [events] label.
        frame_labels: head -> [frames] label.
        event: [frames] position of each frame's event.

    Returns:
        head -> [frames] label, -1 where missing.
    """
    own = {head: label[event] for head, label in labels.items()}
    for head, label in frame_labels.items():
        own[head] = np.where(label >= 0, label, own[head])
    shows = own[EMPTY] != 1
    return {
        head: label if head == EMPTY else np.where(shows, label, MISSING)
        for head, label in own.items()
    }


def usable(labels: dict[str, np.ndarray]) -> dict[Task, np.ndarray]:
    """Which pictures a task can use: [frames] bool by task, from `image_labels`."""
    empty, species = labels["empty"], labels["species"]
    animal = (empty == 0) & (species >= 0)
    return {
        Task.EMPTY: empty >= 0,
        Task.ANIMAL: animal,
        Task.SPECIES: animal,
        Task.ONE_STAGE: (empty == 1) | (species >= 0),
    }
