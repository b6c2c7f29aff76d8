"""Shows people events in a page of their browser; without a model one learns while they answer.

  camtrap review PICTURES
  camtrap review answers

PICTURES is a folder of pictures that nobody has predicted. They are looked at in the background,
and a model learns from every answer: it is in PICTURES_review, or --out. What is known of them is
used: --bundle or --predictions for the first suggestions, --events for labels.

RESULTS is the folder that `camtrap predict` wrote, or a predictions.parquet; or an event table, to
be labelled without a model. People are shown what the model is unsure of.

Each answer is appended to reviews.jsonl there at once; stop and start again at any time. Several
people give the same --reviews, each with a --reviewer of their own, or a file each. What they said
goes
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
# Flags of what was predicted.
_OF_RESULTS = ("images", "only", "below", "member", "seed", "blind", "export_events")
_OF_PICTURES = ("bundle", "predictions")
INPUTS = {
    ARGUMENTS: Input(Kind.EITHER),
    "images": Input(Kind.FOLDER),
    "member": Input(Kind.FILE),
    "events": Input(Kind.FILE),
    "bundle": Input(Kind.FOLDER),
    "predictions": Input(Kind.FILE),
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
    flags.DEFINE_string(
        "out", None, "of PICTURES: folder for answers and features (default: PICTURES_review)",
        **where,
    )  # fmt: skip
    flags.DEFINE_float("target", 0.9, "of PICTURES: accuracy that is aimed at", **where)
    flags.DEFINE_string("export_events", None, "event table to write from the answers", **where)
    flags.DEFINE_string(
        "events", None, "with --export_events: event table that the answers are added to; of "
        "PICTURES: event table whose labels count as answers", **where,
    )  # fmt: skip
    flags.DEFINE_string(
        "bundle", None, "of PICTURES: its answers are the first suggestions", **where
    )
    flags.DEFINE_string(
        "predictions", None, "of PICTURES: predictions.parquet, or an event table (`camtrap "
        "prepare` makes one of other programs' results), whose answers are the first suggestions",
        **where,
    )  # fmt: skip


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    if len(arguments) != 1:
        raise InputError("review takes one folder", arguments, "camtrap review RESULTS --images=P")
    from camtrap_tf.prediction import review
    from camtrap_tf.training import review_pictures

    results = arguments[0]
    if review_pictures.is_new(results):
        return _review_new(values, results)
    wrong = [name for name in _OF_PICTURES if values[name].value is not None]
    if wrong:
        raise InputError(
            "first suggestions are for a folder of pictures",
            f"{', '.join(f'--{name}' for name in wrong)} and {results}, which has answers",
            "Leave the flag out, or give the folder of pictures.",
        )
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


def _review_new(values: flags.FlagValues, pictures: str) -> Ending:
    """A folder of pictures of which nothing is known."""
    from camtrap_tf.training import review_pictures

    foreign = [name for name in _OF_RESULTS if values[name].value != values[name].default]
    if foreign:
        raise InputError(
            f"{pictures} is a folder of pictures without predictions: flags for it are --out, "
            "--reviews, --reviewer, --target, --people, --port, --bundle, --predictions, --events",
            ", ".join(f"--{name}" for name in foreign),
            "Leave them out, or give the folder that `camtrap predict` wrote.",
        )
    given = review_pictures.review_pictures(
        pictures,
        values.out,
        values.reviews[0] if values.reviews else None,
        values.reviewer,
        values.target,
        values.port,
        values.people,
        review_pictures.First(values.bundle, values.predictions, values.events),
    )
    events = len({one.event_id for one in given})
    names = ("out", "bundle", "predictions", "events")
    again = command("review", pictures, **{name: values[name].value for name in names})
    return Ending(f"{counted(events, 'capture events')} answered; go on at any time.", (again,))


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
