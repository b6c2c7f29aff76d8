"""Shards: pictures and labels in TFRecord files, one idempotent task per file.

A folder of shards holds, in the order they are written:
    plan.json            what the folder is made from; another plan is refused
    SPLIT-i-of-n.tfrecord  and beside each a .json report: checksum, sums, unreadable pictures
    quarantine.csv       pictures that could not be read: path, event_id, reason
    features.json, dataset_info.json   for `tfds.builder_from_directory`
    manifest.json        last; see `camtrap_tf.manifest`
A run that was interrupted goes on where it stopped when it is started again.
"""

import concurrent.futures
import concurrent.futures.process
import csv
import dataclasses
import errno
import functools
import io
import logging
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from camtrap_tf import manifest, pictures, records
from camtrap_tf.artifacts import (
    PathLike,
    as_path,
    atomic,
    existing_folder,
    is_remote,
    read_json,
    sha256,
    write_json,
    write_text,
)
from camtrap_tf.config import PictureSpec, to_json
from camtrap_tf.errors import InputError
from camtrap_tf.event_table import Dropped
from camtrap_tf.labels import BINARY, EMPTY, Vocabulary
from camtrap_tf.manifest import Manifest, Shard
from camtrap_tf.progress import Meter
from camtrap_tf.records import EventRecord
from data_prep import tfds_metadata
from data_prep.plan import Plan, ShardTask, image_labels, usable

log = logging.getLogger("camtrap")

PLAN_FILE, QUARANTINE_FILE = "plan.json", "quarantine.csv"
_BYTES_PER_PIXEL = 0.5  # of a stored JPEG: photographs at quality 95 take 0.3 to 0.5
_LOOKED_AT = 50  # paths tried before the start, to notice a wrong picture folder


@dataclasses.dataclass(frozen=True)
class Report:
    """What one shard holds; lies beside it as JSON.

    Args:
        shard: as the manifest lists it.
        made_from: SHA-256 of the task and the picture specification.
        class_counts: head -> number of pictures per class, by image-level label.
        sums, squares: per channel, of the stored pictures' pixel values and their squares.
        quarantine: path, event id and reason of each unreadable picture.
        lost_events: ids of events without a readable picture.
    """

    shard: Shard
    made_from: str
    class_counts: dict[str, list[int]]
    sums: list[int]
    squares: list[int]
    quarantine: list[list[str]]
    lost_events: list[str]


def write_shards(
    plan: Plan,
    images: PathLike,
    folder: PathLike,
    picture: PictureSpec | None = None,
    processes: int = 0,
    verify: bool = False,
    engine: "Engine | None" = None,
) -> Manifest:
    """Writes the shards of a plan that are not there yet, then the manifest.

    Args:
        plan: see `plan.make`.
        images: folder that the events' picture paths are relative to.
        folder: where the shards go; made if need be.
        picture: how pictures are cut and stored.
        processes: how many write shards at a time; 0 = one per processor, 1 = this one alone.
            With more than one, a script that calls this starts under
            `if __name__ == "__main__":`, since each process imports it.
        verify: check the checksums of a finished folder too, and write damaged shards again.
        engine: writes the shards instead of processes of this machine, see `beam.engine`.

    Returns:
        The manifest, which is the same for any number of processes.

    Raises:
        InputError: the folder holds shards of another plan, no picture is found, or the disk
            is full; what has been written stays and the next run goes on from there.
    """
    picture = picture or PictureSpec()
    folder, configuration = as_path(folder), _configuration(plan, picture)
    _refuse_other(folder, configuration)
    if _whole(folder, plan) and not verify:
        log.info("%s is complete and made from the same events: nothing to do", folder)
        return Manifest.read(folder)
    images = existing_folder(images, "the picture folder")
    _look(plan, images)
    write_json(folder / PLAN_FILE, "shard plan", 1, {"configuration": configuration})
    for leftover in folder.glob(".tmp-*"):  # of processes that were killed
        leftover.unlink(missing_ok=True)
    engine = engine or functools.partial(_run, processes=processes or _processors())
    reports = engine(plan, images, folder, picture)
    quarantine = [row for report in reports for row in report.quarantine]
    _write_quarantine(folder / QUARANTINE_FILE, quarantine)
    if quarantine:
        where = folder / QUARANTINE_FILE
        log.warning("%s pictures could not be read: see %s", f"{len(quarantine):,}", where)
    result = _manifest(folder, plan, picture, reports)
    tfds_metadata.write(result)
    result.write()
    log.info("wrote %s\n%s", folder, _table(result))
    return result


def write_shard(
    task: ShardTask, images: PathLike, folder: PathLike, picture: PictureSpec
) -> Report:
    """Writes one shard and its report; does nothing where both stand already.

    The same task gives the same bytes, wherever and however often it runs.

    Raises:
        InputError: the disk has no room for the shard.
    """
    file = as_path(folder) / task.file
    made_from = f"{task.content} {to_json(picture)}"
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
        places, frames = [], []
        for place in range(end - task.sizes[i], end):
            try:
                stored = pictures.store(images / task.paths[place], picture)
            except pictures.PictureError as error:
                tally.unreadable(i, place, str(error))
                continue
            tally.read(i, place, stored.histogram)
            places.append(place)
            frames.append(stored.encoded)
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
        )


def _expected_bytes(task: ShardTask, images: Path, picture: PictureSpec) -> float:
    """Roughly what the shard takes on the disk."""
    if picture.keep_original:
        files = (images / path for path in task.paths)
        return sum(file.stat().st_size for file in files if file.is_file())
    return len(task.paths) * picture.size**2 * _BYTES_PER_PIXEL


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
        self.lost_events: list[str] = []

    def read(self, event: int, place: int, histogram: np.ndarray) -> None:
        """Counts a picture: the position of its event, its own, and its pixels."""
        self.events.append(event)
        self.places.append(place)
        self.histogram += histogram

    def unreadable(self, event: int, place: int, reason: str) -> None:
        """Lists a picture for the quarantine."""
        self.quarantine.append([self.task.paths[place], self.task.texts["event_id"][event], reason])

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
        )


def _class_counts(labels: dict[str, np.ndarray], vocabulary: Vocabulary) -> dict[str, list[int]]:
    """Head -> number of pictures of each class."""
    names = {EMPTY: BINARY, "species": vocabulary.species, "count": vocabulary.count_bins}
    names |= dict.fromkeys(vocabulary.attributes, BINARY)
    return {
        head: np.bincount(labels[head][labels[head] >= 0], minlength=len(classes)).tolist()
        for head, classes in names.items()
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
    report = read_report(file)
    whole = report.made_from == made_from and report.shard.sha256 == sha256(file)
    return report if whole else None


_STAMP = ("artifact", "version")
# Writes the shards of a plan: (plan, images, folder, picture) -> reports in the plan's order.
Engine = Callable[[Plan, Path, Path, PictureSpec], list[Report]]


def _run(plan: Plan, images: Path, folder: Path, picture: PictureSpec, processes: int) -> list:
    """Reports of all shards, in the plan's order."""
    processes = min(processes, len(plan))
    reports: list[Any] = [None] * len(plan)
    arguments = (images, folder, picture)
    room = _Room(folder, len(plan.paths))
    with Meter(len(plan.paths), "sharding") as meter:
        done = _here(plan, arguments) if processes == 1 else _pooled(plan, arguments, processes)
        for i, report in done:
            reports[i] = report
            pictures_done = report.shard.frames + len(report.quarantine)
            meter.advance(pictures_done)
            room.look(pictures_done, folder / report.shard.file)
    return reports


class _Room:
    """Tells once, and early, when the disk will not hold what is still to be written."""

    def __init__(self, folder: Path, pictures_in_all: int):
        self.folder, self.left = folder, pictures_in_all
        self.done = self.bytes = 0
        self.told = False

    def look(self, pictures_done: int, file: Path) -> None:
        """Counts a shard as written and compares what is to come with what is free."""
        if is_remote(self.folder):
            return
        self.left -= pictures_done
        self.done += pictures_done
        self.bytes += file.stat().st_size
        need, free = self.left * self.bytes / max(self.done, 1), shutil.disk_usage(self.folder).free
        if need > free and not self.told:
            self.told = True
            log.warning(
                "the disk of %s will not do: about %s MB are still to be written, %s MB are free",
                self.folder, f"{need / 1e6:,.0f}", f"{free / 1e6:,.0f}",
            )  # fmt: skip


def _here(plan: Plan, arguments: tuple) -> Iterator[tuple[int, Report]]:
    for i, task in enumerate(plan.tasks()):
        yield i, write_shard(task, *arguments)


def _pooled(plan: Plan, arguments: tuple, processes: int) -> Iterator[tuple[int, Report]]:
    """Yields (i, report) as shards are done; only a few tasks are in memory at a time."""
    context = multiprocessing.get_context("spawn")  # the caller may have threads: no fork
    with concurrent.futures.ProcessPoolExecutor(processes, context, _start_worker) as pool:
        running: dict[concurrent.futures.Future, int] = {}
        try:
            for i, task in enumerate(plan.tasks()):
                running[pool.submit(write_shard, task, *arguments)] = i
                if len(running) >= 2 * processes:
                    yield from _finished(running)
            while running:
                yield from _finished(running)
        except concurrent.futures.process.BrokenProcessPool:
            raise InputError(
                "the processes that write shards run to their end",
                "one was ended from outside",
                "Was memory short? Run the same command again, with --processes=1 perhaps.",
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _finished(running: dict) -> Iterator[tuple[int, Report]]:
    done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()


def _start_worker() -> None:
    """In a worker: Ctrl-C ends it at once and without a traceback, and so does the parent's end."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _configuration(plan: Plan, picture: PictureSpec) -> dict[str, Any]:
    """What decides the content of a folder of shards, by dotted name."""
    return {
        "split": plan.split_rule,
        "seed": plan.seed,
        "events_per_shard": plan.events_per_shard,
        **{f"picture.{name}": value for name, value in to_json(picture).items()},
        **{f"vocabulary.{part}": names for part, names in plan.vocabulary.to_json().items()},
        "events": f"{len(plan.texts):,} events with {len(plan.paths):,} pictures",
        "checksum of events, labels and order": plan.content[:16],
    }


def _refuse_other(folder: Path, asked: dict[str, Any]) -> None:
    """Raises InputError where the folder holds shards that are made from another plan."""
    path = folder / PLAN_FILE
    if not path.exists():
        if (folder / manifest.FILE).exists():
            raise InputError(
                f"a folder of shards has a {PLAN_FILE}", str(folder), "Give another folder."
            )
        return
    found = read_json(path, "shard plan", 1)["configuration"]
    different = [
        f"{name}: {found.get(name)} there, {asked.get(name)} asked for"
        for name in {**found, **asked}
        if found.get(name) != asked.get(name)
    ]
    if different:
        raise InputError(
            f"the shards in {folder} are made from one plan",
            "; ".join(different),
            "Give another folder, or delete this one first.",
        )


def _whole(folder: Path, plan: Plan) -> bool:
    files = [manifest.FILE, *(shard[0] for shard in plan.shards)]
    return all((folder / file).is_file() for file in files)


def _look(plan: Plan, images: Path) -> None:
    """Raises InputError where none of some pictures is found: the folder must be wrong."""
    few = plan.paths[np.linspace(0, len(plan.paths) - 1, _LOOKED_AT).astype(int)]
    if not any((images / path).exists() for path in few):
        raise InputError(
            f"pictures lie in {images} under the paths of the event table",
            few[0],
            "Check the picture folder.",
        )


def _write_quarantine(path: Path, rows: Iterable[list[str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([["path", "event_id", "reason"], *rows])
    write_text(path, buffer.getvalue())


def _manifest(folder: Path, plan: Plan, picture: PictureSpec, reports: list[Report]) -> Manifest:
    mean, std = _mean_and_std(reports, picture)
    return Manifest(
        folder=folder,
        vocabulary=plan.vocabulary,
        picture=picture,
        mean=mean,
        std=std,
        shards=tuple(report.shard for report in reports),
        class_counts=_merged_counts(reports),
        split_rule=plan.split_rule,
        seed=plan.seed,
        dropped=plan.dropped.merge(_lost(reports)),
        origin=plan.origin,
    )


def _mean_and_std(
    reports: list[Report], picture: PictureSpec
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per channel, over all pixels of the training split (of all splits where it has none)."""
    training = [report for report in reports if report.shard.split == "train"]
    chosen = training if any(report.shard.frames for report in training) else reports
    pixels = sum(report.shard.frames for report in chosen) * picture.size**2
    if not pixels:
        raise InputError(
            "at least one picture can be read",
            [report.quarantine[:1] for report in reports[:1]],
            f"See {QUARANTINE_FILE}.",
        )
    mean = np.sum([report.sums for report in chosen], axis=0) / pixels
    variance = np.sum([report.squares for report in chosen], axis=0) / pixels - mean**2
    return tuple(mean.tolist()), tuple(np.sqrt(np.maximum(variance, 0)).tolist())


def _merged_counts(reports: list[Report]) -> dict[str, dict[str, list[int]]]:
    """Split -> head -> pictures per class."""
    merged: dict[str, dict[str, list[int]]] = {}
    for report in reports:
        split = merged.setdefault(report.shard.split, {})
        for head, counts in report.class_counts.items():
            before = split.get(head, [0] * len(counts))
            split[head] = [a + b for a, b in zip(before, counts, strict=True)]
    return merged


def _lost(reports: list[Report]) -> Dropped:
    lost = Dropped()
    for report in reports:
        lost.add(f"picture: unreadable (all are in {QUARANTINE_FILE})", _paths(report))
        lost.add("event: none of its pictures is readable", report.lost_events)
    return lost


def _table(result: Manifest) -> str:
    """Lines for people: events and pictures of each split."""
    lines = []
    for split in result.splits():
        shards, frames = result.shards_of(split), result.frames(split)
        events = sum(shard.events for shard in shards)
        files = "1 shard" if len(shards) == 1 else f"{len(shards):,} shards"
        lines.append(f"  {split:<11} {events:>9,} events {frames:>9,} pictures in {files}")
    return "\n".join(lines)


def _paths(report: Report) -> list[str]:
    return [path for path, _, _ in report.quarantine]
