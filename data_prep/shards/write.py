"""Shards: pictures and labels in TFRecord files, one idempotent task per file.

A folder of shards holds, in the order they are written:
    plan.json            what the folder is made from; another plan is refused
    SPLIT-i-of-n.tfrecord  and beside each a .json report: checksum, sums, unreadable pictures
    quarantine.csv       pictures that could not be read: path, event_id, reason
    doubtful.csv         pictures that are stored but seem to be damaged: the same
    features.json, dataset_info.json   for `tfds.builder_from_directory`
    manifest.json        last; see `camtrap_tf.events.manifest`
A run that was interrupted goes on where it stopped when it is started again.
"""

import itertools
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from camtrap_tf.core import csv_text, file_names, locks
from camtrap_tf.core.artifacts import (
    PathLike,
    absolute,
    as_path,
    existing_folder,
    is_remote,
    read_json,
    write_json,
    write_text,
)
from camtrap_tf.core.asked import check_same
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.hardware import processors
from camtrap_tf.core.paths import is_there, on_disk
from camtrap_tf.core.progress import Meter
from camtrap_tf.core.workers import local
from camtrap_tf.core.workers.work import Work, Workers
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.events.table import Dropped
from camtrap_tf.pictures import files as pictures
from data_prep.shards import tfds_metadata
from data_prep.shards.plan import Plan
from data_prep.shards.tasks import Report, start_writing

log = logging.getLogger("camtrap")

PLAN_FILE, QUARANTINE_FILE, DOUBTFUL_FILE = "plan.json", "quarantine.csv", "doubtful.csv"
_LOOKED_AT = 50  # paths tried before the start, to notice a wrong picture folder


@locks.holds("folder")
def write_shards(
    plan: Plan,
    images: PathLike,
    folder: PathLike,
    picture: PictureSpec | None = None,
    processes: int = 0,
    verify: bool = False,
    engine: Workers | None = None,
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
        engine: writes the shards instead of processes of this machine, see `core.workers`.

    Returns:
        The manifest, which is the same for any number of processes.

    Raises:
        InputError: `processes` is negative, the folder holds shards of another plan, no picture
            is found, or the disk is full; what has been written stays and the next run goes on
            from there.
    """
    if processes < 0:
        raise InputError("processes are at least 0", processes, "Give 0 for one per processor.")
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
    engine = engine or local.engine(min(processes or processors(), len(plan)))
    reports = _reports(engine, plan, images, folder, picture)
    _write_list(folder / QUARANTINE_FILE, "could not be read", [r.quarantine for r in reports])
    _write_list(folder / DOUBTFUL_FILE, "seem to be damaged", [r.doubtful for r in reports])
    result = _manifest(folder, plan, picture, reports)
    tfds_metadata.write(result)
    result.write()
    log.info("wrote %s\n%s", folder, _table(result))
    return result


def _reports(
    engine: Workers, plan: Plan, images: Path, folder: Path, picture: PictureSpec
) -> list[Report]:
    """Has all shards written; their reports, in the plan's order."""
    reports: list[Any] = [None] * len(plan)
    arguments = absolute(images), absolute(folder), picture
    work = Work(start_writing, arguments, plan.tasks(), folder)
    room = _Room(folder, len(plan.paths))
    with Meter(len(plan.paths), "sharding") as meter:
        for i, report in engine(work, meter.advance):
            reports[i] = report
            room.look(report.shard.frames + len(report.quarantine), folder / report.shard.file)
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


def _configuration(plan: Plan, picture: PictureSpec) -> dict[str, Any]:
    """What decides the content of a folder of shards, by dotted name."""
    return {
        "split": plan.split_rule,
        "seed": plan.seed,
        "events_per_shard": plan.events_per_shard,
        **{f"picture.{name}": value for name, value in to_json(picture).items()},
        "rule of making the square": pictures.RULE,
        **{f"vocabulary.{part}": names for part, names in plan.vocabulary.to_json().items()},
        "events": f"{len(plan.texts):,} events with {len(plan.paths):,} pictures",
        "checksum of events, labels and order": plan.content[:16],
    }


def _refuse_other(folder: Path, asked: dict[str, Any]) -> None:
    """Raises InputError where the folder holds shards that are made from another plan."""
    path = folder / PLAN_FILE
    if not path.exists():
        if (folder / file_names.MANIFEST).exists():
            raise InputError(
                f"a folder of shards has a {PLAN_FILE}", str(folder), "Give another folder."
            )
        return
    check_same(folder, read_json(path, "shard plan", 1)["configuration"], asked)


def _whole(folder: Path, plan: Plan) -> bool:
    files = [file_names.MANIFEST, *(shard[0] for shard in plan.shards)]
    return all((folder / file).is_file() for file in files)


def _look(plan: Plan, images: Path) -> None:
    """Raises InputError where none of some pictures is found: the folder must be wrong."""
    few = plan.paths[np.linspace(0, len(plan.paths) - 1, _LOOKED_AT).astype(int)]
    if not any(is_there(on_disk(images, path)) for path in few):
        raise InputError(
            f"pictures lie in {images} under the paths of the event table",
            few[0],
            "Check the picture folder.",
        )


def _write_list(path: Path, what: str, parts: list[list[list[str]]]) -> None:
    """Writes what each shard has to say about some pictures, and how many they are to the log."""
    rows = list(itertools.chain.from_iterable(parts))
    write_text(path, csv_text.text([["path", "event_id", "reason"], *rows]))
    if rows:
        log.warning("%s pictures %s: see %s", f"{len(rows):,}", what, path)


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
        picture_rule=pictures.RULE,
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
