"""Selects events, assigns them to splits and writes them with their pictures as shards.

  camtrap shard --events=events.parquet --images=pictures/ --out=shards/ --split=site

Started again with the same flags it goes on where it stopped; with others it refuses.
"""

import json
import logging
import shlex

from absl import flags

from camtrap_tf.core.errors import InputError

log = logging.getLogger("camtrap")


def define(values: flags.FlagValues) -> None:
    where = {"flag_values": values}
    flags.DEFINE_string("events", None, "event table, see camtrap prepare", required=True, **where)
    flags.DEFINE_string(
        "images", None, "folder that the picture paths are relative to", required=True, **where
    )
    flags.DEFINE_string("out", None, "folder of shards to write", required=True, **where)
    flags.DEFINE_enum(
        "split", "event", ["event", "site", "season", "day", "date", "paper", "site_file"],
        "what stays together in one split; date: the latest events are the test set; paper: "
        "expert-labelled events are the test set; site_file: sites as --split_file has them",
        **where,
    )  # fmt: skip
    flags.DEFINE_list(
        "cut_dates", [], "of --split=date: first day of val and of test, such as "
        "2012-01-01,2012-07-01; else by --shares", **where,
    )  # fmt: skip
    flags.DEFINE_string(
        "split_file", "", 'of --split=site_file: JSON, {"splits": {"train": [sites], ...}}', **where
    )
    flags.DEFINE_string("shares", "0.8,0.1,0.1", "of train, val and test", **where)
    flags.DEFINE_integer("seed", 0, "of splits, order and choice of empty events", **where)
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
    flags.DEFINE_integer("size", 256, "side of the stored square, pixels", **where)
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
        "verify", False, "check a finished folder's checksums; write damaged shards again", **where
    )
    flags.DEFINE_integer("jpeg_quality", 95, "of the stored pictures, 1 to 100", **where)
    flags.DEFINE_integer("events_per_shard", 500, "events in a shard, at most", **where)
    flags.DEFINE_integer("processes", 0, "that write shards; 0 = one per processor", **where)
    flags.DEFINE_enum(
        "engine", "local", ["local", "beam"],
        "who writes: processes of this machine, or Apache Beam (data_prep/shards/beam.py)", **where,
    )  # fmt: skip
    flags.DEFINE_string("beam_options", "--runner=FnApiRunner", "of Beam's pipeline", **where)


def run(values: flags.FlagValues, arguments: list[str]) -> None:
    if arguments:
        raise InputError("shard takes flags only", arguments, "Write --events=PATH.")
    from camtrap_tf.core.config import Fit, PictureSpec
    from camtrap_tf.events.table import EventTable
    from data_prep.choice import select, splits
    from data_prep.shards import plan
    from data_prep.shards import write as shard

    picture = PictureSpec(
        values.size,
        values.bar_share,
        values.jpeg_quality,
        Fit(values.fit),
        values.detect_bar,
        values.keep_original,
    )
    shares = _shares(values.shares)
    vocabulary = _vocabulary(values.vocabulary)
    table = EventTable.read(values.events)
    log.info("read %s: %s events", values.events, f"{len(table):,}")
    table = select.select(
        table,
        least=values.min_events,
        least_images=values.min_images,
        top_species=values.top_species,
        frames=values.frames,
        balance=values.balance_empty,
        cap=values.cap_empty,
        seed=values.seed,
    )
    log.info("selected %s events\n%s", f"{len(table):,}", table.dropped)
    options = {"cut_dates": values.cut_dates, "split_file": values.split_file}
    split = splits.assign(table, values.split, shares, values.seed, **options)
    _tell_classes(splits.class_shares(table, split))
    planned = plan.make(
        table,
        split,
        split_rule=splits.describe(values.split, shares, **options),
        seed=values.seed,
        events_per_shard=values.events_per_shard,
        vocabulary=vocabulary,
    )
    shard.write_shards(
        planned,
        values.images,
        values.out,
        picture,
        values.processes,
        values.verify,
        _engine(values),
    )


def _vocabulary(choice: str):
    """None: what the data has."""
    from camtrap_tf.core.artifacts import existing_file
    from camtrap_tf.core.labels import Vocabulary

    if choice in ("data", "serengeti"):
        return None if choice == "data" else Vocabulary()
    file = existing_file(choice, "a vocabulary other than data or serengeti")
    try:
        return Vocabulary.from_json(json.loads(file.read_text(encoding="utf-8"))["vocabulary"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "a vocabulary is taken from a bundle.json or manifest.json", choice, "Give one."
        ) from error


def _tell_classes(counts) -> None:
    from data_prep.choice import splits

    log.info("events by class and split\n%s", splits.balance_table(counts))
    for split, classes in splits.missing_classes(counts).items():
        log.warning("no event in %s: %s", split, ", ".join(classes))


def _engine(values: flags.FlagValues):
    if values.engine == "local":
        return None
    from data_prep.shards import beam

    return beam.engine(shlex.split(values.beam_options))


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in text.split(","))
    except ValueError:
        raise InputError("shares are numbers", text, "Write --shares=0.8,0.1,0.1.") from None
