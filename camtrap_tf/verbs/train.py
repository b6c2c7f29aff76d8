"""Trains one network on shards. Stop it at any time; the same command goes on.

SIGTERM, which schedulers send before they take a machine away, ends it after the running steps,
with a checkpoint and exit status 75.

A two-stage system takes two runs: --task=empty and --task=animal. The recipe (--preset=auto)
suits the amount of data and this machine, its crop the shards, its batch the pictures, unless
--set says otherwise. What was chosen is said, and written to RUN/config.json.

"""

import json
import logging
from pathlib import Path

from absl import flags

from camtrap_tf.core import config_help, file_names
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.commands import Command, Ending, command, counted
from camtrap_tf.core.config import View, Words
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import PRESETS

log = logging.getLogger("camtrap")
INPUTS = {
    "shards": Input(Kind.SHARDS),
    "init": Input(Kind.EITHER),
    "images": Input(Kind.FOLDER),
    "detections": Input(Kind.FILE),
    "config": Input(Kind.FILE),
}
__doc__ = f"{__doc__}{config_help.TEXT}"


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string("shards", None, "folder of shards", flag_values=values, required=True)
    flags.DEFINE_string("run", None, "run directory to write", flag_values=values, required=True)
    flags.DEFINE_enum(
        "task", None, [t.value for t in Task], "what to learn", flag_values=values, required=True
    )
    flags.DEFINE_enum(
        "preset",
        "auto",
        ["auto", *PRESETS],
        "recipe; auto: what the run was begun with, else what suits the data and this machine",
        flag_values=values,
    )
    flags.DEFINE_string(
        "config",
        None,
        "recipe from a file in place of a preset: JSON as in a run's config.json",
        flag_values=values,
    )
    flags.DEFINE_string(
        "init",
        None,
        "run, bundle, .keras or .weights.h5 file to start from; heads with other classes start "
        "fresh (--set=train.freeze_epochs=2 lets them settle first)",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "vocabulary",
        None,
        [words.value for words in Words],
        "with --init: mine = the shards' own, heads with other classes start fresh; same = an "
        "error unless the shards have the classes of what is started from (default: mine)",
        flag_values=values,
    )
    flags.DEFINE_string(
        "select_on",
        None,
        "split that chooses the best epoch (default: val); expert_test is what the paper did, and "
        "makes the figures on that split optimistic",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "view", None, [view.value for view in View],
        "what the network sees: whole pictures, or the crop around the surest box of a detector "
        "(default: whole)", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "images", None,
        "with --view=crop: folder that the shards were made from, where boxes are looked for once",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "detections", None,
        "with --view=crop: boxes, in place of those that are looked for", flag_values=values,
    )  # fmt: skip
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
    flags.DEFINE_boolean(
        "dry_run", False, "say what would be trained, and for how long", flag_values=values
    )


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags and trains."""
    if arguments:
        raise InputError("train takes flags only", arguments, "Write --shards=FOLDER.")
    from camtrap_tf.core import hardware
    from camtrap_tf.events import detections
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.training import recipe

    named = {name: values[name].value for name in ("init", "vocabulary", "select_on", "view")}
    if values.dry_run:
        changes = {
            f"{'model' if name == 'view' else 'train'}.{name}": value
            for name, value in named.items()
            if value is not None
        }
        changes |= read_changes(values.set)
        chosen = recipe.choose(
            Manifest.read(values.shards), Task(values.task), values.preset, values.config,
            changes, values.run,
        )  # fmt: skip
        text = json.dumps({"config": to_json(chosen.config)}, indent=1)
        log.info("%s\n%s", text, "\n".join(chosen.notes))
        return Ending(f"would train {chosen.describe(hardware.look())}.")
    run = recipe.learn(
        values.shards,
        values.run,
        values.task,
        preset=values.preset,
        config=values.config,
        changes=read_changes(values.set),
        profile=values.profile,
        images=values.images,
        detections=detections.read(values.detections) if values.detections else None,
        **named,
    )
    manifest = Manifest.read(values.shards)
    return Ending(_tally(run, manifest), _next(values, Path(values.run), manifest))


def _tally(run, manifest) -> str:
    """What the best epoch has come to.

    Example: 'runs/animal: best epoch 17 of 20; on 113 pictures of val right: species 83%.'
    """
    train, best = run.config.train, run.result["best"]
    start = f"{train.select_on}_accuracy_"
    heads = [
        f"{name.removeprefix(start)} {value:.0%}"
        for name, value in best.items()
        if name.startswith(start)
    ]
    pictures = counted(manifest.frames(train.select_on, train.task), "pictures")
    return (
        f"{run.folder}: best epoch {best['epoch']:.0f} of {train.epochs}; on {pictures} of "
        f"{train.select_on} right: {', '.join(heads)}."
    )


def _next(values: flags.FlagValues, folder: Path, manifest) -> tuple[Command, ...]:
    """The other stage, where it fits and is not there; then the bundle of what there is."""
    from camtrap_tf.events import tasks

    stages = [task.value for task in tasks.fitting(manifest)]
    if values.task not in stages:
        return (command("bundle", run=[folder], out="bundle"),)
    runs = [folder if task == values.task else folder.with_name(task) for task in stages]
    missing = [
        command("train", shards=values.shards, task=task, run=run)
        for task, run in zip(stages, runs, strict=True)
        if run != folder and not (run / file_names.RESULT).is_file()
    ]
    return (*missing, command("bundle", run=runs, out="bundle"))


def read_changes(texts: list[str]) -> dict[str, str]:
    """Reads `--set=FIELD=VALUE`, repeated: values by field."""
    for text in texts:
        if "=" not in text:
            raise InputError("--set has the form field=value", text, "Such as train.epochs=10.")
    return dict(text.split("=", 1) for text in texts)
