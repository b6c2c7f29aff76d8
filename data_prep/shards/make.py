"""An event table and pictures -> shards; split and stored size are chosen where they are not given.

prospect   what would be written, with the reasons of what was chosen
shard      writes it
"""

import dataclasses
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from camtrap_tf.core import choices, file_names, hardware
from camtrap_tf.core.artifacts import PathLike, as_path, read_json
from camtrap_tf.core.commands import counted, listed
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.errors import InputError, require
from camtrap_tf.core.labels import Vocabulary
from camtrap_tf.core.workers.work import Workers
from camtrap_tf.events.detections import Detections, of_labelled
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.events.table import EventTable
from camtrap_tf.pictures import files
from data_prep.choice import auto_split, select, splits
from data_prep.shards import plan, write
from data_prep.shards.plan import EVENTS_PER_SHARD, Plan

AUTO = "auto"
_SAMPLED = 8  # pictures whose storing is measured
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Options:
    """How events are divided and pictures stored.

    Args:
        split: a name in `splits.RULES`, or 'auto', see `auto_split.choose`.
        shares: of train, val and test.
        cut_dates, split_file: of some rules, see `splits.assign`.
        preset: the recipe that is to learn from the shards; 'auto' is the one that suits.
        size: side of the stored square, pixels; None is what suits the recipe.
        picture: how pictures are stored; its size counts for nothing.
        vocabulary: names of the labels; None takes those that occur.
        events_per_shard: at most.
        seed: of split, order and choice of empty events; of 'auto' the first that is tried.
    """

    split: str = AUTO
    shares: tuple[float, ...] = splits.SHARES
    cut_dates: Sequence[str] = ()
    split_file: PathLike = ""
    preset: str = AUTO
    size: int | None = None
    picture: PictureSpec = dataclasses.field(default_factory=PictureSpec)
    vocabulary: Vocabulary | None = None
    events_per_shard: int = EVENTS_PER_SHARD
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Prospect:
    """What shards will hold.

    Args:
        plan: every event in its place.
        picture: how pictures are stored.
        counts: events by class and split, see `splits.class_shares`.
        notes: what was chosen, and why.
    """

    plan: Plan
    picture: PictureSpec
    counts: pd.DataFrame
    notes: tuple[str, ...]

    def __str__(self) -> str:
        missing = splits.missing_classes(self.counts).items()
        return "\n".join(
            (
                *self.notes,
                "events by class and split",
                splits.balance_table(self.counts),
                *(f"no event in {name}: {', '.join(classes)}" for name, classes in missing),
            )
        )


def prospect(
    table: EventTable,
    options: Options | None = None,
    present: "Present | None" = None,
    computer: hardware.Hardware | None = None,
    **selection: Any,
) -> Prospect:
    """What is selected of a table, how it is divided and how it is stored.

    Args:
        table: the events.
        options: how; None is all defaults.
        present: what a folder of shards that has been begun goes by; it is kept to.
        computer: what will train; None is this machine.
        selection: of `select.select`.

    Raises:
        InputError: nothing is left, or the table has not got what the split needs.
    """
    options = options or Options()
    chosen = select.select(table, seed=options.seed, **selection)
    notes = [f"selected {counted(len(chosen), 'events')}", str(chosen.dropped)]
    rule, seed, why = _rule(chosen, options, present)
    named = f"--split={rule}" + f" --seed={seed}" * (seed != options.seed)
    notes += [f"{named}: {why}"] if why else []
    extra: dict[str, Any] = {"cut_dates": options.cut_dates, "split_file": options.split_file}
    split = splits.assign(chosen, rule, options.shares, seed, **extra)
    size, why = _size(options, len(chosen.frames), present, computer or hardware.look())
    notes += [f"--size={size}: {why}"] if why else []
    planned = plan.make(
        chosen,
        split,
        split_rule=splits.describe(rule, options.shares, **extra),
        seed=seed,
        events_per_shard=options.events_per_shard,
        vocabulary=options.vocabulary,
    )
    picture = dataclasses.replace(options.picture, size=size)
    return Prospect(planned, picture, splits.class_shares(chosen, split), tuple(notes))


def _rule(table: EventTable, options: Options, present: "Present | None") -> tuple[str, int, str]:
    """The split rule and its seed, and why they were chosen; '' where they were given."""
    if options.split != AUTO:
        return options.split, options.seed, ""
    if present is not None:
        return present.rule, present.seed, _AS_BEFORE
    choice = auto_split.choose(table, options.shares, options.seed)
    return choice.rule, choice.seed, str(choice)


_AS_BEFORE = "as in the shards that are there"


def _size(
    options: Options, pictures: int, present: "Present | None", computer: hardware.Hardware
) -> tuple[int, str]:
    """Side of the stored square, and why it was chosen; '' where it was given."""
    if options.size is not None:
        return options.size, ""
    if present is not None:
        return present.size, _AS_BEFORE
    if options.preset != AUTO:
        return choices.stored_size(options.preset), f"for --preset={options.preset}"
    to_learn_from = int(pictures * options.shares[0])
    preset, why = choices.choose_preset(to_learn_from, computer)
    return choices.stored_size(preset), f"for --preset={preset} ({why})"


def shard(
    events: EventTable | PathLike,
    images: PathLike,
    out: PathLike,
    options: Options | None = None,
    *,
    detections: Detections | None = None,
    processes: int = 0,
    verify: bool = False,
    engine: Workers | None = None,
    **choices_made: Any,
) -> Manifest:
    """Writes the shards of an event table; goes on where it was stopped.

    Args:
        events: the table, or its file.
        images: folder that the pictures' paths are relative to.
        out: folder of shards.
        options: how; None is all defaults.
        detections: boxes that sharp crops (`picture.crops`) are cut around.
        processes, verify, engine: see `write.write_shards`.
        choices_made: fields of `Options`, such as `split="site"`, and arguments of
            `select.select`, such as `least=5` or `balance=True`.

    Raises:
        InputError: as `prospect` and `write.write_shards`.
    """
    table = events if isinstance(events, EventTable) else EventTable.read(events)
    own = {field.name for field in dataclasses.fields(Options)} & choices_made.keys()
    given = {name: choices_made.pop(name) for name in own}
    options = dataclasses.replace(options or Options(), **given)
    made = prospect(table, options, present(out), **choices_made)
    log.info("%s", made)
    planned = _with_boxes(made.plan, made.picture, detections)
    return write.write_shards(planned, images, out, made.picture, processes, verify, engine)


def _with_boxes(planned: Plan, picture: PictureSpec, detections: Detections | None) -> Plan:
    """The plan with the boxes that sharp crops are cut around, where those are asked for."""
    if not picture.crops:
        require(
            detections is None,
            "boxes are for shards that hold crops",
            "--detections without --crops",
            "Give --crops, too, or leave out --detections.",
        )
        return planned
    if detections is None:
        raise InputError(
            "sharp crops are cut around boxes",
            "--crops without --detections",
            "Run `camtrap detect PICTURES --out=found`, and give "
            f"--detections=found/{file_names.DETECTIONS}; or the results of MegaDetector.",
        )
    found = of_labelled(detections, pd.Series(planned.paths, dtype="string"))
    boxes = np.concatenate([found.boxes, found.confidence[:, None]], axis=1)
    return dataclasses.replace(planned, boxes=boxes.astype(np.float32))


@dataclasses.dataclass(frozen=True)
class Present:
    """What a folder of shards goes by: its split rule and seed, and the size of its squares."""

    rule: str
    size: int
    seed: int = 0


def present(out: PathLike) -> Present | None:
    """What a folder of shards that has been begun goes by."""
    path = as_path(out) / write.PLAN_FILE
    if not path.is_file():
        return None
    asked = read_json(path, "shard plan", 1)["configuration"]
    return Present(asked["split"].split(",")[0], asked["picture.size"], asked["seed"])


@dataclasses.dataclass(frozen=True)
class Cost:
    """What storing a picture takes, measured.

    Args:
        bytes: of the stored picture.
        seconds: of one processor.
    """

    bytes: float
    seconds: float


def measure(paths: Sequence[str], images: PathLike, picture: PictureSpec) -> Cost | None:
    """The cost of storing a picture, the mean of some; None if none of them can be read."""
    sizes, start = [], time.process_time()
    for i in np.unique(np.linspace(0, len(paths) - 1, _SAMPLED).astype(int)).tolist():
        path = str(paths[i])
        try:
            sizes.append(len(files.store(as_path(images) / path, picture).encoded))
        except files.PictureError:
            continue
    seconds = time.process_time() - start
    return Cost(float(np.mean(sizes)), seconds / len(sizes)) if sizes else None


def describe(made: Prospect, images: PathLike, processors: int) -> str:
    """What writing would take, in a line: files, bytes and time."""
    paths = made.plan.paths.tolist()
    number, cost = len(paths), measure(paths, images, made.picture)
    if cost is None:
        raise InputError(
            f"pictures lie in {Path(images)} under the paths of the event table",
            paths[0],
            "Check the picture folder.",
        )
    seconds = choices.duration(cost.seconds * number / processors)
    return (
        f"would write {counted(number, 'pictures')} in {counted(len(made.plan), 'shards')}: about "
        f"{cost.bytes * number / 1e6:,.1f} MB in {seconds} on {counted(processors, 'processors')}"
    )


def tally(manifest: Manifest) -> str:
    """What shards hold, in a line.

    Example: '1,143 pictures in 229 capture events: 915 train, 113 val, 115 test.'
    """
    pictures = {split: manifest.frames(split) for split in manifest.splits()}
    events = sum(one.events for one in manifest.shards)
    where = f"{counted(sum(pictures.values()), 'pictures')} in {counted(events, 'capture events')}"
    return f"{where}: {listed(pictures)}."
