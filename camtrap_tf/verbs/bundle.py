"""Puts trained runs together into one bundle, the thing that predicts."""

from absl import flags

from camtrap_tf.answers.event_rules import RULES
from camtrap_tf.core.commands import Ending, command, counted
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind

AUTO = "auto"
INPUTS = {"run": Input(Kind.RUNS)}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_multi_string(
        "run",
        None,
        "a finished run directory, or a folder of them (repeatable)",
        flag_values=values,
        required=True,
    )
    flags.DEFINE_string("out", None, "bundle to write", flag_values=values, required=True)
    flags.DEFINE_float(
        "animal_threshold",
        0.5,
        "ask stage 2 where the probability of an animal reaches this",
        flag_values=values,
    )
    flags.DEFINE_float(
        "unknown_share",
        0.05,
        "share of the animals of the validation split that may be called 'unknown' though their "
        "species is known; 0: nothing is called so",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "event_rule",
        AUTO,
        [AUTO, *RULES],
        "how the frames of an event make one answer: 'auto' counts frames as they show an animal, "
        "or, for each head, takes another rule that is clearly better on the validation split; "
        "'mean' is the paper's; 'detector' is for bundles that see crops",
        flag_values=values,
    )
    flags.DEFINE_float(
        "read_with_event",
        None,
        "weight, from 0 to 1, of its event where the species on a picture is read: 0 reads each "
        "picture by itself (default: of networks from published weights, as in a probe, the best "
        "on the validation split; of others 0)",
        flag_values=values,
    )


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags and makes the bundle."""
    if arguments:
        raise InputError("runs are given as --run=FOLDER", arguments, "Put --run= before each.")

    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.networks.bundle import make_bundle

    rule = None if values.event_rule == AUTO else values.event_rule
    bundle = make_bundle(
        values.run,
        values.out,
        values.animal_threshold,
        values.unknown_share,
        rule,
        values.read_with_event,
    )
    return Ending(
        _tally(bundle),
        (
            command("predict", "PICTURES", bundle=values.out, out="answers"),
            command("evaluate", bundle=values.out, shards="SHARDS", out="evaluation"),
        ),
    )


def _tally(bundle) -> str:
    """What a bundle can say.

    Example: 'bundle: 2 networks (empty, animal) know 7 species.'
    """
    tasks = ", ".join(member.task.value for member in bundle.members)
    networks, species = len(bundle.members), counted(len(bundle.vocabulary.species), "species")
    return f"{bundle.folder}: {counted(networks, 'networks')} ({tasks}) for {species}."
