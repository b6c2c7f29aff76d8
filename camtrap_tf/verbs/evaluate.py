"""Runs a bundle on a labelled split of shards and scores its answers.

Writes predictions.parquet and metrics.json, and prints a table.
"""

import logging
from pathlib import Path

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Ending, command, counted
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind

log = logging.getLogger("camtrap")
INPUTS = {
    "bundle": Input(Kind.BUNDLE),
    "shards": Input(Kind.SHARDS),
    "detections": Input(Kind.FILE),
}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string("bundle", None, "bundle to score", flag_values=values, required=True)
    flags.DEFINE_string("shards", None, "folder of shards", flag_values=values, required=True)
    flags.DEFINE_string("split", "test", "split to score on", flag_values=values)
    flags.DEFINE_string(
        "detections",
        None,
        "boxes, for bundles that see the part around one: what `camtrap detect` or MegaDetector "
        "wrote of these pictures; without it those in SHARDS/boxes, which `camtrap probe` left",
        flag_values=values,
    )
    flags.DEFINE_string("out", None, "folder to write", flag_values=values, required=True)


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags, predicts and scores."""
    if arguments:
        raise InputError("evaluate takes flags only", arguments, "Write --bundle=B --shards=S.")
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.answers import metrics, summary
    from camtrap_tf.events import detections
    from camtrap_tf.prediction.evaluation import evaluate

    boxes = detections.read(values.detections) if values.detections else None
    found = evaluate(values.bundle, values.shards, values.split, values.out, boxes)
    log.info("%s", metrics.table(found.scores))
    log.info("wrote %s", values.out)
    lines = [f"  {line}" for line in summary.numbers(found.scores)]
    of = f"On {counted(len(found.predictions), 'pictures')} of split {values.split}, with 95%"
    file = Path(values.out) / file_names.PREDICTIONS
    return Ending(
        "\n".join((f"{of} intervals:", *lines)),
        (
            command("report", predictions=file, shards=values.shards, out=file_names.REPORT),
            command("predict", "PICTURES", bundle=values.bundle, out="answers"),
        ),
    )
