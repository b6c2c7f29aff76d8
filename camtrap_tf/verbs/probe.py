"""Fits linear heads to the features of a pretrained network, in seconds: for few labels.

Features of all pictures are computed once and kept in SHARDS/features. A two-stage system takes
two runs: --task=empty and --task=species. What is written is a run, as `camtrap train` writes it.

A second view: --view=crop --detections=FILE sees the part of each picture around the surest box of
a detector. The runs of both views in one bundle answer together, better than either.
"""

from pathlib import Path

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Command, Ending, command, counted
from camtrap_tf.core.config import View
from camtrap_tf.core.config_io import override
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import PROBED, probe_config
from camtrap_tf.verbs.train import read_changes

INPUTS = {"shards": Input(Kind.SHARDS), "detections": Input(Kind.FILE)}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string("shards", None, "folder of shards", flag_values=values, required=True)
    flags.DEFINE_string("run", None, "run directory to write", flag_values=values, required=True)
    flags.DEFINE_enum(
        "task", None, [t.value for t in Task], "what to learn", flag_values=values, required=True
    )
    flags.DEFINE_enum(
        "weights",
        "lite0",
        list(PROBED),
        "network with ImageNet weights, which `camtrap weights get` brings",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "view", View.WHOLE.value, [v.value for v in View], "what of a picture", flag_values=values
    )
    flags.DEFINE_string(
        "detections",
        None,
        "boxes for --view=crop: what `camtrap detect` or MegaDetector wrote of these pictures",
        flag_values=values,
    )
    flags.DEFINE_string(
        "features",
        None,
        "folder for the features of pictures; without it SHARDS/features",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "engine_cpu",
        "auto",
        ["auto", "keras", "litert"],
        "what computes features on processors, as in `camtrap predict`",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "set",
        [],
        "change one field of the recipe, such as --set=model.crop=224 (repeatable)",
        flag_values=values,
    )


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags and fits."""
    if arguments:
        raise InputError("probe takes flags only", arguments, "Write --shards=FOLDER.")
    given = read_changes(values.set)

    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.events import detections
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.networks.engines import Engine
    from camtrap_tf.training.probe import probe

    manifest = Manifest.read(values.shards)
    config = probe_config(Task(values.task), values.weights, manifest.picture.size)
    boxes = detections.read(values.detections) if values.detections else None
    recipe = override(config, {"model.view": values.view} | given)
    engine = Engine(values.engine_cpu)
    done = probe(recipe, values.shards, values.run, values.features, boxes, engine)
    selecting = done.config.train.select_on
    start, best = f"{selecting}_accuracy_", done.result["best"]
    right = [f"{k.removeprefix(start)} {v:.0%}" for k, v in best.items() if k.startswith(start)]
    pictures = counted(manifest.frames(selecting, done.config.train.task), "pictures")
    tally = f"{done.folder}: on {pictures} of {selecting} right: {', '.join(right)}."
    return Ending(tally, (_next(done.folder, done.config.train.task),))


def _next(folder: Path, task: Task) -> Command:
    """A bundle, with the other stage where it lies beside."""
    other = {Task.EMPTY: "species", Task.SPECIES: "empty", Task.ANIMAL: "empty"}.get(task, "")
    beside = folder.with_name(other) if other else folder
    both = beside != folder and (beside / file_names.RESULT).is_file()
    runs = sorted([folder, beside], key=lambda run: run.name != "empty") if both else folder
    return command("bundle", run=runs, out="bundle")
