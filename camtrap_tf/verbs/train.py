"""Trains one network on shards. Stop it at any time; the same command goes on.

A two-stage system takes two runs: --task=empty and --task=animal.
"""

from absl import flags

from camtrap_tf.core.config import Words
from camtrap_tf.core.config_io import override
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import PRESETS


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string("shards", None, "folder of shards", flag_values=values, required=True)
    flags.DEFINE_string("run", None, "run directory to write", flag_values=values, required=True)
    flags.DEFINE_enum(
        "task", None, [t.value for t in Task], "what to learn", flag_values=values, required=True
    )
    flags.DEFINE_enum("preset", "paper", list(PRESETS), "recipe", flag_values=values)
    flags.DEFINE_string(
        "init",
        "",
        "run, bundle, .keras or .weights.h5 file to start from; heads with other classes start "
        "fresh (--set=train.freeze_epochs=2 lets them settle first)",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "vocabulary",
        "mine",
        [words.value for words in Words],
        "with --init: mine = the shards' own, heads with other classes start fresh; same = an "
        "error unless the shards have the classes of what is started from",
        flag_values=values,
    )
    flags.DEFINE_string(
        "select_on",
        "val",
        "split that chooses the best epoch; expert_test is what the paper did, and makes the "
        "figures on that split optimistic",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "profile",
        False,
        "trace the second train.steps_per_call steps for TensorBoard's profiler",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "set",
        [],
        "change one field of the recipe, such as --set=train.batch_size=64 (repeatable)",
        flag_values=values,
    )


def run(values: flags.FlagValues, arguments: list[str]) -> None:
    """Reads the flags and trains."""
    named = {name: values[name].value for name in ("task", "init", "vocabulary", "select_on")}
    changes = {**{f"train.{name}": value for name, value in named.items()}, **_changes(values.set)}
    config = override(PRESETS[values.preset], changes)

    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.training.train import train

    train(config, values.shards, values.run, values.profile)


def _changes(texts: list[str]) -> dict[str, str]:
    for text in texts:
        if "=" not in text:
            raise InputError("--set has the form field=value", text, "Such as train.epochs=10.")
    return dict(text.split("=", 1) for text in texts)
