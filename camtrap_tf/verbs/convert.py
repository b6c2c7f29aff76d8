"""Writes predictions in the formats that people and programs use.

PATH is the folder that `camtrap predict` wrote, or a predictions.parquet.

camtrap convert answers/predictions.parquet --format=csv,megadetector --out=FOLDER
camtrap convert answers/predictions.parquet --format=camtrap_dp --out=FOLDER
    --deployments=deployments.csv --time_zone=+03:00 --project='Serengeti 2026'
    --sampling_design=systematicRandom --contributor='Ada Lovelace'

"""

import datetime
from pathlib import Path

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Ending, counted
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind
from camtrap_tf.verbs import output_flags

__doc__ = f"{__doc__}{output_flags.HELP}"
INPUTS = {
    ARGUMENTS: Input(Kind.EITHER),
    "images": Input(Kind.FOLDER),
    "reviews": Input(Kind.FILE),
    **output_flags.INPUTS,
    **output_flags.PACKAGE_INPUTS,
}


def define(values: flags.FlagValues) -> None:
    output_flags.define(values, ["csv"])
    output_flags.define_package(values)
    flags.DEFINE_string("out", None, "folder to write", flag_values=values, required=True)
    flags.DEFINE_multi_string(
        "reviews", [], "people's answers (camtrap review), which replace the model's",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "images", None, "folder that the paths of the pictures are relative to", flag_values=values
    )


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    if len(arguments) != 1:
        raise InputError(
            "convert takes one results folder or predictions file",
            arguments,
            "camtrap convert answers --format=csv --out=FOLDER",
        )
    from camtrap_tf import outputs
    from camtrap_tf.answers import boxes, summary
    from camtrap_tf.answers.predictions import Predictions
    from camtrap_tf.reviewing import answers

    file = Path(arguments[0])
    file = file / file_names.PREDICTIONS if file.is_dir() else file
    outputs.check(values.format, output_flags.options(values, values.images), values.out)
    predictions = Predictions.open(file)
    if values.reviews:
        predictions = answers.merge(predictions, answers.read(values.reviews))
    completed = datetime.datetime.fromtimestamp(file.stat().st_mtime)
    options = output_flags.options(values, values.images, completed, boxes.beside(file))
    written = outputs.write(predictions, values.out, values.format, options)
    answered = f", {counted(int(predictions.reviewed().sum()), 'pictures')} answered by people"
    return Ending(
        f"{summary.tally(predictions).rstrip('.')}{answered * bool(values.reviews)}.\n"
        f"Written: {', '.join(map(str, written))}."
    )
