"""Fits linear heads to the features of a pretrained network, in seconds: for few labels.

  camtrap probe --shards=shards --view=both --images=PICTURES --run=runs/probe
  camtrap bundle --run=runs/probe --out=bundle

Without --task it answers what the pictures can teach: empty or not, and which species. --view=crop
sees the part of each picture around the surest box of a detector, --view=both a run of that and one
of the whole picture; in one bundle the two answer together, better than either. Boxes are looked
for in --images, the folder that `camtrap shard` was given, and kept in SHARDS/boxes, unless
--detections brings them. Features of all pictures are computed once and kept in SHARDS/features.

What is written is a run, as `camtrap train` writes it, or of several questions and views a folder
of runs, such as RUN/species-crop.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Command, Ending, command, counted
from camtrap_tf.core.config import View
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import PROBED
from camtrap_tf.core.workers import flags as workers
from camtrap_tf.verbs.train import read_changes

if TYPE_CHECKING:
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.networks.run import Run

BOTH = "both"
_OTHERS = {Task.EMPTY: "species", Task.SPECIES: "empty", Task.ANIMAL: "empty"}
INPUTS = {
    "shards": Input(Kind.SHARDS),
    "images": Input(Kind.FOLDER),
    "detections": Input(Kind.FILE),
}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string("shards", None, "folder of shards", flag_values=values, required=True)
    flags.DEFINE_string(
        "run", None, "run directory to write, or folder for several", flag_values=values,
        required=True,
    )  # fmt: skip
    flags.DEFINE_enum(
        "task", None, [t.value for t in Task],
        "what to learn; without it what the pictures can teach: empty and animal (species where "
        "no counts are labelled), or one_stage", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_enum(
        "weights",
        "lite0",
        list(PROBED),
        "network with ImageNet weights, which `camtrap weights get` brings",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "view", View.WHOLE.value, [*(v.value for v in View), BOTH],
        "what is seen of a picture: whole, the crop around the surest box, or both, a run of each",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "images", None,
        "folder that the shards were made from, where boxes are looked for once; not needed for "
        "--view=whole", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "detections",
        None,
        "boxes, in place of those that are looked for: what `camtrap detect` or MegaDetector wrote "
        "of these pictures",
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
    workers.define(values)
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
    from camtrap_tf.training.probes import probe_all

    folder, task = Path(values.run), Task(values.task) if values.task else None
    runs = probe_all(
        values.shards,
        folder,
        tuple(View) if values.view == BOTH else (View(values.view),),
        () if task is None else (task,),
        values.weights,
        given,
        values.images,
        detections.read(values.detections) if values.detections else None,
        values.features,
        Engine(values.engine_cpu),
        workers.read(values),
    )
    manifest = Manifest.read(values.shards)
    return Ending("\n".join(_tally(one, manifest) for one in runs), (_next(folder, task),))


def _tally(done: "Run", manifest: "Manifest") -> str:
    """What one run has come to."""
    split, best = done.config.train.select_on, done.result["best"]
    start = f"{split}_accuracy_"
    right = [f"{k.removeprefix(start)} {v:.0%}" for k, v in best.items() if k.startswith(start)]
    pictures = counted(manifest.frames(split, done.config.train.task), "pictures")
    return f"{done.folder}: on {pictures} of {split} right: {', '.join(right)}."


def _next(folder: Path, task: Task | None) -> Command:
    """A bundle, with the other stage where it lies beside."""
    beside = folder.with_name(_OTHERS.get(task, folder.name) if task else folder.name)
    result = file_names.RESULT
    both = beside != folder and any((*beside.glob(result), *beside.glob(f"*/{result}")))
    runs = sorted([folder, beside], key=lambda run: run.name != "empty") if both else folder
    return command("bundle", run=runs, out="bundle")
