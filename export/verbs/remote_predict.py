"""Sends every picture below a folder to an exported model on TensorFlow Serving.

Writes a CSV file, one row per picture. A picture that the server cannot read has valid=False.
"""

import contextlib

from absl import flags

from camtrap_tf.core.commands import Ending, counted
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind

INPUTS = {ARGUMENTS: Input(Kind.FOLDER)}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string(
        "server",
        None,
        "http://HOST:8501 (REST) or grpc://HOST:8500",
        flag_values=values,
        required=True,
    )
    flags.DEFINE_string("out", None, "CSV file to write", flag_values=values, required=True)
    flags.DEFINE_string("model", "camtrap", "the model's name on the server", flag_values=values)
    flags.DEFINE_integer(
        "connections", 8, "requests under way at a time", flag_values=values, lower_bound=1
    )
    flags.DEFINE_integer("batch", 8, "pictures in one request", flag_values=values, lower_bound=1)


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags, asks and writes."""
    if len(arguments) != 1:
        raise InputError(
            "remote-predict takes one folder of pictures",
            arguments,
            "camtrap remote-predict FOLDER --server=http://HOST:8501 --out=answers.csv",
        )
    from export.serving.client import connect, predict_folder

    with contextlib.closing(connect(values.server, values.model)) as client:
        bad = predict_folder(arguments[0], client, values.out, values.connections, values.batch)
    return Ending(
        f"{values.out}: the answers; the server could not read {counted(bad, 'pictures')}."
    )
