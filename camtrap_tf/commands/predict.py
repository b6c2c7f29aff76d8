"""Answers every picture below a folder with a bundle.

Writes predictions.parquet and what --format names into --out. Unreadable pictures are listed
with their reason.

"""

import logging
from pathlib import Path

from absl import flags

from camtrap_tf.commands import output_flags
from camtrap_tf.config import EVENT_GAP_SECONDS
from camtrap_tf.errors import InputError

log = logging.getLogger("camtrap")
__doc__ += output_flags.HELP


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    output_flags.define(values, ["csv", "megadetector"])
    flags.DEFINE_string("bundle", None, "bundle that predicts", flag_values=values, required=True)
    flags.DEFINE_string("out", None, "folder to write", flag_values=values, required=True)
    flags.DEFINE_string("events", None, "event table that gives event ids", flag_values=values)
    flags.DEFINE_float(
        "event_gap",
        EVENT_GAP_SECONDS,
        "without --events: seconds between pictures of one folder that begin a new event",
        flag_values=values,
    )


def run(values: flags.FlagValues, arguments: list[str]) -> None:
    """Reads the flags, predicts and writes."""
    if len(arguments) != 1:
        raise InputError(
            "predict takes one folder of pictures", arguments, "camtrap predict FOLDER --bundle=B"
        )
    from camtrap_tf import outputs
    from camtrap_tf.quiet import start_tensorflow

    options = output_flags.options(values, arguments[0])
    outputs.check(values.format, options)
    start_tensorflow()
    from camtrap_tf.bundle import Bundle
    from camtrap_tf.event_table import EventTable
    from camtrap_tf.predict import predict_folder

    bundle = Bundle.read(values.bundle)
    table = EventTable.read(values.events) if values.events else None
    predictions = predict_folder(arguments[0], bundle, table, values.event_gap)
    out = Path(values.out)
    predictions.write(out / "predictions.parquet")
    reasons = predictions.ids["failure"].value_counts()
    for reason, count in reasons.items():
        log.info("could not read %d: %s", count, reason)
    log.info("wrote %s", out / "predictions.parquet")
    outputs.write(predictions, out, values.format, options)
