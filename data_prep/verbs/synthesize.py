"""Draws a synthetic Serengeti: pictures, metadata in Dryad's format, and the truth behind them.

  camtrap synthesize --out=world/ --events=600

Nothing it draws is a photograph; it is for demos, tests and experiments.
"""

from typing import Any

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Ending, command
from camtrap_tf.core.errors import InputError


def define(values: flags.FlagValues) -> None:
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_string("out", None, "folder to write", required=True, **where)
    flags.DEFINE_integer("events", 600, "number of capture events", **where)
    flags.DEFINE_float("empty_share", 0.75, "share of events without an animal", **where)
    flags.DEFINE_float("gold_share", 0.1, "share of animal events that experts label", **where)
    flags.DEFINE_integer("seed", 0, "seed of the drawn world", **where)
    flags.DEFINE_integer("processes", 1, "that draw", **where)


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    if arguments:
        raise InputError("synthesize takes flags only", arguments, "Write --out=FOLDER.")
    from camtrap_tf.core.progress import Meter
    from data_prep import synthetic

    world = synthetic.World(
        events=values.events,
        empty_share=values.empty_share,
        gold_share=values.gold_share,
        seed=values.seed,
    )
    with Meter(values.events, "drawing", "events") as meter:
        summary = synthetic.write(
            world,
            values.out,
            progress=lambda done, _: meter.advance(done - meter.done),
            processes=values.processes,
        )
    return Ending(
        f"{values.out}: {summary.frames:,} drawn pictures of {summary.events:,} capture events.",
        (command("prepare", source="dryad", metadata=values.out, out=file_names.EVENTS),),
    )
