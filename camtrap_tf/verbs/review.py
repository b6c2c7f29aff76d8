"""Shows people the events that the model is unsure of, in a page of their browser.

  camtrap review answers

RESULTS is the folder that `camtrap predict` wrote, or a predictions.parquet; or an event table, to
be labelled without a model. Each answer is appended to RESULTS/reviews.jsonl at once; stop and
start again at any time. Several people give the same --reviews, each with a --reviewer of their
own, or a file each. What they said goes
  - into every output format with `camtrap convert PREDICTIONS --reviews=reviews.jsonl`;
  - into an event table to train on, with --export_events=EVENTS.parquet (serves no page).
"""

import logging
from pathlib import Path
from typing import Any

from absl import flags

from camtrap_tf.core.commands import Ending, command, counted
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind

log = logging.getLogger("camtrap")
INPUTS = {
    ARGUMENTS: Input(Kind.EITHER),
    "images": Input(Kind.FOLDER),
    "member": Input(Kind.FILE),
    "events": Input(Kind.FILE),
}


def define(values: flags.FlagValues) -> None:
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_string(
        "images", None, "folder of the pictures (default: the one that was predicted)", **where
    )
    flags.DEFINE_multi_string(
        "reviews", [], "files of answers; the first is appended to (default: in RESULTS)", **where
    )
    flags.DEFINE_string("reviewer", None, "who answers (default: your login name)", **where)
    flags.DEFINE_string(
        "only", "all",
        "all; unsure; species:NAME,NAME; random, for an estimate of the accuracy", **where,
    )  # fmt: skip
    flags.DEFINE_float(
        "below",
        0.9,
        "with --only=unsure: events whose answer has a probability below this",
        **where,
    )
    flags.DEFINE_multi_string(
        "member", [], "other models' predictions of the same pictures: where they differ, a "
        "look is worth more", **where,
    )  # fmt: skip
    flags.DEFINE_integer("seed", 0, "with --only=random: seed of the order", **where)
    flags.DEFINE_boolean("blind", False, "do not show what the model says", **where)
    flags.DEFINE_enum(
        "people", "show", ["show", "blur", "hide"],
        "pictures that show people, as far as the answers tell (no promise: see docs/predict.md)",
        **where,
    )  # fmt: skip
    flags.DEFINE_integer("port", 8765, "port of the page; 0 = any free one", **where)
    flags.DEFINE_string("export_events", None, "event table to write from the answers", **where)
    flags.DEFINE_string(
        "events", None, "with --export_events: event table that the answers are added to", **where
    )


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    if len(arguments) != 1:
        raise InputError("review takes one folder", arguments, "camtrap review RESULTS --images=P")
    from camtrap_tf.prediction import review

    results = arguments[0]
    if values.export_events:
        return _export(values, review.read(results), review.journals(results, values.reviews))
    given = review.review(
        results,
        values.images,
        values.reviews,
        values.reviewer,
        only=values.only,
        below=values.below,
        members=values.member,
        seed=values.seed,
        blind=values.blind,
        port=values.port,
        people=values.people,
    )
    return _after(results, given, review.journals(results, values.reviews))


def _after(results: str, given: list, reviews: list[Path]) -> Ending:
    """How many events have been answered, and what becomes of the answers."""
    events = len({one.event_id for one in given})
    return Ending(
        f"{counted(events, 'capture events')} answered in {reviews[0]}.",
        (
            command("convert", results, reviews=reviews, out="tables"),
            command("review", results, export_events="reviewed.parquet"),
        ),
    )


def _export(values: flags.FlagValues, predictions, reviews: list[Path]) -> Ending:
    from camtrap_tf.events.table import EventTable
    from camtrap_tf.reviewing import answers

    base = EventTable.read(values.events) if values.events else None
    table = answers.event_table(predictions, answers.read(reviews), base)
    table.write(values.export_events)
    log.info("%s", table.dropped)
    return Ending(
        f"{values.export_events}: {counted(len(table), 'capture events')} with people's answers.",
        (
            command(
                "shard",
                events=values.export_events,
                images=values.images or "PICTURES",
                out="more_shards",
            ),
        ),
    )
