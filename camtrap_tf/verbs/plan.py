"""Says which answers to leave to the network and what to send to people, for a target accuracy.

Thresholds are chosen on the answers to a validation split and checked on those to a test
split; both are files that `camtrap evaluate` writes. Accept a picture's answer where its
confidence reaches the threshold of its kind ('empty' or an animal), and label the others.
--promise chooses thresholds that keep the target with 95% certainty, whatever the network, if
the season to come is like the validation split.
"""

import logging

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Ending, command
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind

log = logging.getLogger("camtrap")
INPUTS = {"validation": Input(Kind.FILE), "test": Input(Kind.FILE)}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    file = {"flag_values": values, "required": True}
    flags.DEFINE_string("validation", None, "predictions.parquet of the validation split", **file)
    flags.DEFINE_string("test", None, "predictions.parquet of the test split", **file)
    flags.DEFINE_float(
        "target", 0.966, "accuracy of the automatic answers (the volunteers': 0.966)",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_float("pictures", 100_000, "pictures a season", flag_values=values)
    flags.DEFINE_float("seconds", 10, "a person's work for one label", flag_values=values)
    flags.DEFINE_float("wage", 0, "per hour, in any currency", flag_values=values)
    flags.DEFINE_enum(
        "by", "picture", ["picture", "event"], "what is labelled: pictures or capture events",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "question", "species", "what is asked of an animal: species, count, or another head",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_boolean("promise", False, "thresholds with a guarantee", flag_values=values)
    flags.DEFINE_string("out", None, "JSON file to write the plan to", flag_values=values)


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags, plans and prints."""
    if arguments:
        raise InputError("plan takes flags only", arguments, "Use --validation=FILE --test=FILE.")
    from camtrap_tf.answers import planning
    from camtrap_tf.answers.predictions import Predictions

    validation, test = (Predictions.read(f) for f in (values.validation, values.test))
    rows = values.pictures
    if values.by == "event":
        rows /= len(test)  # seasons of the test split's size
        validation, test = validation.by_event(), test.by_event()
        rows *= len(test)
    made = planning.plan(
        validation,
        test,
        values.target,
        rows,
        values.seconds,
        values.wage,
        values.question,
        values.promise,
    )
    log.info("%s", planning.text(made, f"{values.by}s"))
    if values.out:
        planning.write(made, values.out)
        log.info("wrote %s", values.out)
    return Ending(
        f"{made.automated:.0%} of the {values.by}s can be left to the network, which is right on "
        f"{made.accuracy:.1%} of them."
        if made.automated
        else f"Nothing can be left to the network at a target of {values.target:.1%}.",
        (
            command(
                "report",
                predictions=values.test,
                validation=values.validation,
                out=file_names.REPORT,
            ),
        ),
    )
