"""Makes one answer of the pictures of each event.

  camtrap aggregate answers/predictions.parquet --out=events

writes events.csv and event_predictions.parquet, a row per capture event, by the rules of the bundle
that answered. --event_rule takes another; 'auto' takes the usual one, or one that is clearly better
on labelled answers (--validation, which `camtrap evaluate --split=val` writes). --neighbours=30
reads the species of an event together with those of the same place within 30 minutes: for whole
seasons. Neighbours have the weight 0.5, unless another is clearly better on --validation; what the
event says by itself stays in the columns species_alone.
"""

from absl import flags

from camtrap_tf.answers.event_rules import RULES
from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Ending, command, counted
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind

INPUTS = {ARGUMENTS: Input(Kind.FILE), "validation": Input(Kind.FILE)}
AUTO = "auto"


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string("out", None, "folder to write", flag_values=values, required=True)
    flags.DEFINE_enum(
        "event_rule",
        None,
        [AUTO, *RULES],
        "how the pictures of an event make one answer, for all questions; 'auto': for each the "
        "usual one, or one that is clearly better on --validation (default: the bundle's rules)",
        flag_values=values,
    )
    flags.DEFINE_float(
        "neighbours",
        0.0,
        "read the species of an event with those of events of the same place, so many minutes "
        "apart at most; 30 is sensible, 0: each by itself",
        flag_values=values,
    )
    flags.DEFINE_string(
        "validation",
        None,
        "labelled predictions.parquet of the same bundle, to choose on",
        flag_values=values,
    )


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags and writes the events."""
    if len(arguments) != 1:
        raise InputError(
            "aggregate takes one file of predictions",
            arguments,
            "camtrap aggregate answers/predictions.parquet --out=FOLDER",
        )
    from camtrap_tf.outputs.aggregated import aggregate

    events = aggregate(
        arguments[0], values.out, values.event_rule, values.neighbours, values.validation
    )
    return Ending(
        f"{counted(len(events), 'events')} in {values.out}/{file_names.EVENT_TABLE}.",
        (command("convert", arguments[0], format="csv", out="tables"),),
    )
