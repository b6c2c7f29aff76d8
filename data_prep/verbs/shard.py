"""Selects events, assigns them to splits and writes them with their pictures as shards.

  camtrap shard --events=events.parquet --images=pictures/ --out=shards/

The split (--split=auto) is by site where there are enough of them, else by day, else by event;
the stored size suits the recipe that suits the data and this machine. What was chosen is said,
with the reasons. Started again with the same flags it goes on where it stopped; it refuses other
flags.
"""

import json
import logging
from typing import Any

from absl import flags

from camtrap_tf.core import hardware
from camtrap_tf.core.commands import Command, Ending, command
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind
from camtrap_tf.core.recipes import PRESETS
from camtrap_tf.core.workers import flags as workers

log = logging.getLogger("camtrap")
INPUTS = {
    "events": Input(Kind.FILE),
    "images": Input(Kind.FOLDER),
    "detections": Input(Kind.FILE),
    "split_file": Input(Kind.FILE),
    "vocabulary": Input(Kind.FILE, ("data", "serengeti")),
}


def define(values: flags.FlagValues) -> None:
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_string("events", None, "event table, see camtrap prepare", required=True, **where)
    flags.DEFINE_string(
        "images", None, "folder that the picture paths are relative to", required=True, **where
    )
    flags.DEFINE_string("out", None, "folder of shards to write", required=True, **where)
    flags.DEFINE_enum(
        "split", "auto",
        ["auto", "event", "class", "site", "season", "day", "date", "paper", "site_file"],
        "what stays together in one split; class: the events of each class are divided by "
        "themselves; date: the latest events are the test set; paper: expert-labelled events are "
        "the test set; site_file: sites as --split_file has them",
        **where,
    )  # fmt: skip
    flags.DEFINE_list(
        "cut_dates", [], "with --split=date: first day of val and of test, such as "
        "2012-01-01,2012-07-01; else by --shares", **where,
    )  # fmt: skip
    flags.DEFINE_string(
        "split_file",
        "",
        'with --split=site_file: JSON, {"splits": {"train": [sites], ...}}',
        **where,
    )
    flags.DEFINE_string("shares", "0.8,0.1,0.1", "shares of train, val and test", **where)
    flags.DEFINE_integer("seed", 0, "seed of split, order and choice of empty events", **where)
    flags.DEFINE_integer("min_events", 1, "events that a species must have", **where)
    flags.DEFINE_integer("min_images", 1, "pictures that a species must have", **where)
    flags.DEFINE_integer("top_species", None, "keep only so many of the commonest", **where)
    flags.DEFINE_integer("frames", None, "keep only events of exactly so many pictures", **where)
    flags.DEFINE_boolean(
        "cap_empty", False,
        "keep no more empty pictures than the largest species has, for one-stage networks",
        **where,
    )  # fmt: skip
    flags.DEFINE_boolean(
        "balance_empty", False, "keep no more empty pictures than others, at random", **where
    )
    flags.DEFINE_string(
        "vocabulary", "data",
        "species of the network: data, those that occur; serengeti, its 48; or a bundle.json or "
        "manifest.json, its own, so that training goes on from there with the same heads", **where,
    )  # fmt: skip
    flags.DEFINE_integer(
        "size", None, "side of the stored square, pixels (default: what suits --preset)", **where
    )
    flags.DEFINE_enum(
        "preset", "auto", ["auto", *PRESETS],
        "recipe that is to learn from the shards, see camtrap train: the stored size suits it",
        **where,
    )  # fmt: skip
    flags.DEFINE_float("bar_share", 0.0, "share of the height cut off at the bottom", **where)
    flags.DEFINE_boolean(
        "detect_bar", False, "cut only what looks like an info bar, bar_share at most", **where
    )
    flags.DEFINE_enum(
        "fit", "squash", ["squash", "pad", "shortest"],
        "how the square is made: distorted, whole on black, or its middle", **where,
    )  # fmt: skip
    flags.DEFINE_boolean("keep_original", False, "store the files' own bytes", **where)
    flags.DEFINE_boolean(
        "crops", False,
        "store, beside each square, the part around what a detector found, cut sharp from the file",
        **where,
    )  # fmt: skip
    flags.DEFINE_string(
        "detections", None,
        "with --crops: the boxes, as camtrap detect or MegaDetector writes them",
        **where,
    )  # fmt: skip
    flags.DEFINE_boolean(
        "verify", False, "check a finished folder's checksums; write damaged shards again", **where
    )
    flags.DEFINE_integer("jpeg_quality", 95, "quality of the stored pictures, 1 to 100", **where)
    flags.DEFINE_integer("events_per_shard", 500, "events in a shard, at most", **where)
    flags.DEFINE_integer("processes", 0, "how many write shards; 0 = one per processor", **where)
    workers.define(values)
    flags.DEFINE_boolean("dry_run", False, "say what would be written, and write nothing", **where)


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    if arguments:
        raise InputError("shard takes flags only", arguments, "Write --events=PATH.")
    from camtrap_tf.events import detections, tasks
    from camtrap_tf.events.table import EventTable
    from data_prep.shards import make

    options, selection = _options(values), _selection(values)
    if values.dry_run:
        table = EventTable.read(values.events)
        made = make.prospect(table, options, make.present(values.out), **selection)
        log.info("%s", made)
        return Ending(make.describe(made, values.images, hardware.processors()))
    manifest = make.shard(
        values.events,
        values.images,
        values.out,
        options,
        detections=detections.read(values.detections) if values.detections else None,
        processes=values.processes,
        verify=values.verify,
        engine=workers.read(values),
        **selection,
    )
    fitting = [task.value for task in tasks.fitting(manifest)]
    return Ending(make.tally(manifest), _next(values.out, fitting))


def _next(shards: str, tasks: list[str]) -> tuple[Command | str, ...]:
    train = (command("train", shards=shards, task=task, run=f"runs/{task}") for task in tasks)
    return (*train, command("audit", shards)) if tasks else (_ONE_CLASS,)


_ONE_CLASS = (
    "label empty pictures, or another species: there is one class only, and nothing to learn"
)


def _options(values: flags.FlagValues):
    from camtrap_tf.core.config import Fit, PictureSpec
    from data_prep.shards.make import Options

    picture = PictureSpec(
        bar_share=values.bar_share,
        jpeg_quality=values.jpeg_quality,
        fit=Fit(values.fit),
        detect_bar=values.detect_bar,
        keep_original=values.keep_original,
        crops=values.crops,
    )
    return Options(
        values.split,
        _shares(values.shares),
        values.cut_dates,
        values.split_file,
        values.preset,
        values.size,
        picture,
        _vocabulary(values.vocabulary),
        values.events_per_shard,
        values.seed,
    )


def _selection(values: flags.FlagValues) -> dict:
    return {
        "least": values.min_events,
        "least_images": values.min_images,
        "top_species": values.top_species,
        "frames": values.frames,
        "balance": values.balance_empty,
        "cap": values.cap_empty,
    }


def _vocabulary(choice: str):
    """None: what the data has."""
    from camtrap_tf.core.artifacts import check_sum, existing_file
    from camtrap_tf.core.labels import Vocabulary

    if choice in ("data", "serengeti"):
        return None if choice == "data" else Vocabulary()
    file = existing_file(choice, "a vocabulary other than data or serengeti")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        vocabulary = Vocabulary.from_json(content["vocabulary"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "a vocabulary is taken from a bundle.json or manifest.json", choice, "Give one."
        ) from error
    check_sum(content, file)
    return vocabulary


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in text.split(","))
    except ValueError:
        raise InputError("shares are numbers", text, "Write --shares=0.8,0.1,0.1.") from None
