"""Checks an event table and its pictures, and shows what deserves a look.

  camtrap lint --events=events.parquet
  camtrap lint --events=events.parquet --images=pictures/ --out=findings.csv

It reports what reading the source left out; events without pictures, label or time; ids and
paths that occur twice; events on which volunteers disagree; empty events that rest on few
votes; with --images, files that are missing or belong to no event, and pictures that cannot be
read or are all black or white. The exit status is 0 whatever is found, unless --strict.
"""

import logging
from typing import Any

from absl import flags

from camtrap_tf.core import csv_text
from camtrap_tf.core.commands import Ending, command, counted
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind

log = logging.getLogger("camtrap")
INPUTS = {
    "events": Input(Kind.FILE),
    "images": Input(Kind.FOLDER),
    "search_effort": Input(Kind.FILE),
}


def define(values: flags.FlagValues) -> None:
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_string("events", None, "event table, see camtrap prepare", required=True, **where)
    flags.DEFINE_string("images", None, "folder that the picture paths are relative to", **where)
    flags.DEFINE_boolean("look", True, "with --images: decode every picture", **where)
    flags.DEFINE_string("out", None, "CSV file of all findings, one per row", **where)
    flags.DEFINE_boolean("strict", False, "fail where anything is found", **where)
    flags.DEFINE_float(
        "evenness", 0.7, "from which evenness of votes volunteers disagree, 0 to 1", **where
    )
    flags.DEFINE_integer("votes", 5, "blanks that an empty event should rest on", **where)
    flags.DEFINE_string(
        "search_effort", None, "search_effort.csv of Snapshot Serengeti: events outside are found",
        **where,
    )  # fmt: skip


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    if arguments:
        raise InputError("lint takes flags only", arguments, "Write --events=PATH.")
    from camtrap_tf.core.artifacts import atomic
    from camtrap_tf.events.table import EventTable
    from data_prep.choice import lint
    from data_prep.sources import dryad

    table = EventTable.read(values.events)
    effort = dryad.read_search_effort(values.search_effort) if values.search_effort else None
    findings = lint.lint(
        table,
        values.images,
        look=values.look,
        evenness=values.evenness,
        votes=values.votes,
        effort=effort,
    )
    log.info("%s: %s events\n%s", values.events, f"{len(table):,}", lint.summary(findings))
    if values.out:
        with (
            atomic(values.out) as temporary,
            open(temporary, "w", encoding="utf-8", newline="") as file,
        ):
            csv_text.write_frame(findings, file)
        log.info("wrote %s", values.out)
    if values.strict and len(findings):
        raise InputError(
            "with --strict nothing is found",
            f"{findings['count'].sum():,} findings",
            "See the list.",
        )
    found = int(findings["count"].sum())
    images = values.images or "PICTURES"
    return Ending(
        f"{counted(len(table), 'capture events')}: {counted(found, 'findings')}."
        if found
        else f"{counted(len(table), 'capture events')}: nothing to find fault with.",
        (command("shard", events=values.events, images=images, out="shards"),),
    )
