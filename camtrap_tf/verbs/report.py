"""Makes one HTML page out of predictions, to be read in a browser, mailed or printed.

With labels in the predictions it says how often they are right and shows right and wrong
examples; without, sure and unsure ones. --images gives the pictures for the examples.
"""

import logging

from absl import flags

from camtrap_tf.core.commands import Ending, command
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind

log = logging.getLogger("camtrap")
INPUTS = {
    "predictions": Input(Kind.FILE),
    "images": Input(Kind.FOLDER),
    "shards": Input(Kind.SHARDS),
    "validation": Input(Kind.FILE),
}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string(
        "predictions", None, "predictions.parquet to report on", flag_values=values, required=True
    )
    flags.DEFINE_string(
        "images", None, "folder that the pictures' paths are relative to", flag_values=values
    )
    flags.DEFINE_string(
        "shards",
        None,
        "folder of the shards that were scored: shows what data preparation left out",
        flag_values=values,
    )
    flags.DEFINE_string(
        "validation",
        None,
        "predictions.parquet of the validation split: shows what can be left to the model",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "compare",
        [],
        "NAME=FILE: labelled predictions of other pictures to show beside (repeatable)",
        flag_values=values,
    )
    flags.DEFINE_float(
        "target", 0.966, "accuracy that automatic answers should have", flag_values=values
    )
    flags.DEFINE_string(
        "figures", None, "folder to write the figures to, as SVG and PNG", flag_values=values
    )
    flags.DEFINE_enum(
        "people", "show", ["show", "blur", "hide"],
        "examples that show people, as far as the answers tell (no promise: see docs/predict.md)",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string("out", None, "HTML file to write", flag_values=values, required=True)
    flags.DEFINE_string("title", "Camera-trap report", "heading of the page", flag_values=values)
    flags.DEFINE_integer(
        "examples", 24, "number of example pictures", lower_bound=0, flag_values=values
    )


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags and writes the page."""
    if arguments:
        raise InputError("report takes flags only", arguments, "Use --predictions=FILE.")
    from camtrap_tf.answers import boxes, summary
    from camtrap_tf.answers.predictions import Predictions
    from camtrap_tf.core.artifacts import existing_folder
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.reporting import write_report

    images = existing_folder(values.images, "--images") if values.images else None
    predictions = Predictions.read(values.predictions)
    failed = int(predictions.ids["failure"].notna().sum())
    log.info("read %s: %d pictures, %d unreadable", values.predictions, len(predictions), failed)
    write_report(
        predictions,
        values.out,
        images,
        dropped=Manifest.read(values.shards).dropped if values.shards else None,
        title=values.title,
        examples=values.examples,
        validation=Predictions.read(values.validation) if values.validation else None,
        others={name: Predictions.read(file) for name, file in map(_named, values.compare)},
        target=values.target,
        figures_folder=values.figures,
        people=values.people,
        boxes=boxes.beside(values.predictions),
    )
    log.info("wrote %s", values.out)
    review = command("review", values.predictions, images=values.images or "PICTURES")
    return Ending(
        f"{summary.tally(predictions)}\n{values.out}: the report, to open in a browser.", (review,)
    )


def _named(text: str) -> tuple[str, str]:
    name, _, file = text.rpartition("=")
    if not name:
        raise InputError("--compare is NAME=FILE", text, "Write --compare='new sites=FILE'.")
    return name, file
