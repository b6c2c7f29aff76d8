"""Which recipe a network is trained by: a preset or a file, changes to it, and what suits the data.

`choose` makes the recipe and says why, `learn` trains by it.
"""

import dataclasses
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from camtrap_tf.core import cache, choices, file_names, hardware
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.choices import Data
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.commands import counted
from camtrap_tf.core.config import (
    IMAGENET_IF_HERE,
    IMAGENET_WEIGHTS,
    Config,
    Context,
    Normalisation,
    Variant,
    View,
)
from camtrap_tf.core.config_io import override, parse, read_config
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.hardware import Hardware
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import PRESETS, PROBED, STARTED, tuned
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest

AUTO = "auto"
_FITTED = ("model.crop", "train.batch_size")  # what `choices.fit` may change
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A recipe for a data set.

    Args:
        config: the recipe.
        notes: what was chosen, and why.
        pictures: of an epoch.
    """

    config: Config
    notes: tuple[str, ...]
    pictures: int

    def describe(self, computer: Hardware) -> str:
        """How much there is to do, in a line, and how long it takes where that can be told."""
        train, model = self.config.train, self.config.model
        seconds = choices.training_seconds(self.config, self.pictures, computer)
        time = (
            f"about {choices.duration(seconds)}" if seconds else "a time that the first steps tell"
        )
        return (
            f"{train.epochs} epochs of {counted(self.pictures, 'pictures')}, {train.batch_size} at "
            f"a time, {model.architecture} on {model.crop} pixels: {time} on {computer}"
        )


def choose(
    manifest: Manifest,
    task: Task,
    preset: str = AUTO,
    given: Config | PathLike | None = None,
    changes: Mapping[str, Any] | None = None,
    folder: PathLike | None = None,
    computer: Hardware | None = None,
) -> Recipe:
    """The recipe for a task on a folder of shards.

    Args:
        manifest: of the shards.
        task: what is to be learnt.
        preset: a name in `PRESETS`, or 'auto': what a run was begun with, else what suits.
        given: a recipe or a file of one (JSON as in a run's config.json), in place of a preset.
        changes: values by dotted name; those of tables as JSON.
        folder: run directory: crop and batch of a run that was begun are kept to.
        computer: what trains; None is this machine.

    Raises:
        InputError: a preset and a file, an unknown field, a value that does not fit.
    """
    changes = {name: _text(value) for name, value in (changes or {}).items()}
    changes["train.task"] = task.value
    if changes.get("model.view") == View.CROP.value:  # which is seen by itself
        changes = {"model.context": Context.NONE.value, "augment.hide_context": "0"} | changes
    begun = _begun(folder)
    if given is not None and preset != AUTO:
        raise InputError(
            "a recipe is a preset or a file of one", f"preset {preset}, and one", "Give one."
        )
    if given is None and preset == AUTO and begun is not None:
        return Recipe(override(begun, changes), (), _pictures(manifest, task))
    computer = computer or hardware.look()
    data, notes = _data(manifest, task), []
    if given is not None:
        base = given if isinstance(given, Config) else read_config(given)
    else:
        base, notes = _of_preset(preset, data, task, changes, begun, computer)
    config = override(base, changes)
    if begun is not None:
        kept = {name: _value(begun, name) for name in _FITTED if name not in changes}
        return Recipe(override(config, kept), tuple(notes), data.pictures)
    if preset == AUTO and given is None and "model.context" not in changes:
        config, own = choices.choose_context(config, data)
        notes += own
    config, own = choices.fit(config, data, set(changes))
    choices.check_batch(config.train.batch_size, choices.examples_of(config, data.pictures))
    return Recipe(config, (*notes, *own), data.pictures)


def _of_preset(
    preset: str,
    data: Data,
    task: Task,
    changes: Mapping[str, str],
    begun: Config | None,
    computer: Hardware,
) -> tuple[Config, list[str]]:
    """A preset's recipe, the one that suits for 'auto', and what is to be said of it."""
    notes = []
    if preset == AUTO:
        preset, why = choices.choose_preset(data.pictures, computer)
        notes = [f"--preset={preset}: {why}"]
    architecture = changes.get("model.architecture", STARTED)
    recipe = tuned(preset, task, architecture)
    if recipe is None or not _takes_weights(architecture, changes):
        return PRESETS[preset], notes
    if begun is not None:  # as it was begun, whatever is on the computer by now
        return recipe if begun.model.weights else PRESETS[preset], notes
    if not cache.has_lite(architecture):
        absent = (
            f"the network starts from nothing; `camtrap weights get {architecture}` brings weights "
            "that have seen a million pictures, from which this preset would start"
        )
        return PRESETS[preset], [*notes, absent]
    return recipe, [*notes, f"model.weights=imagenet: {architecture} has seen a million pictures"]


def _takes_weights(architecture: str, changes: Mapping[str, str]) -> bool:
    """Whether what a person has set leaves a preset room to start from published weights."""
    free = {
        "model.weights": (IMAGENET_WEIGHTS, IMAGENET_IF_HERE),
        "model.normalisation": (Normalisation.IMAGENET.value,),
        "model.context": (Context.NONE.value, Context.DIFFERENCE.value),
        "model.variant": (Variant.STANDARD.value,),
        "train.init": ("",),
    }
    fits = all(changes[name] in values for name, values in free.items() if name in changes)
    return fits and architecture in PROBED


def _begun(folder: PathLike | None) -> Config | None:
    path = Path(folder) / file_names.CONFIG if folder is not None else None
    return read_config(path) if path is not None and path.is_file() else None


def _pictures(manifest: Manifest, task: Task) -> int:
    return manifest.frames("train", task)


def _data(manifest: Manifest, task: Task) -> Data:
    shards = manifest.shards_of("train")
    events, frames = sum(one.events for one in shards), sum(one.frames for one in shards)
    return Data(_pictures(manifest, task), events, frames, manifest.picture.size)


def _value(config: Config, dotted: str) -> str:
    part, field = dotted.split(".")
    return _text(getattr(getattr(config, part), field))


def _text(value: Any) -> str:
    """A field's value as `override` reads it."""
    plain = to_json(value)
    return plain if isinstance(plain, str) else json.dumps(plain)


def learn(
    shards: PathLike,
    run: PathLike,
    task: str | Task,
    *,
    preset: str = AUTO,
    config: Config | PathLike | None = None,
    changes: Mapping[str, Any] | None = None,
    init: PathLike | None = None,
    vocabulary: str | None = None,
    select_on: str | None = None,
    profile: bool = False,
    view: str | None = None,
    images: PathLike | None = None,
    detections: Detections | None = None,
):
    """Trains one network on shards; goes on where a run was stopped.

    Args:
        shards: folder of shards.
        run: run directory.
        task: what to learn, a `Task` or its value, such as 'empty' or 'animal'.
        preset: a name in `PRESETS`, or 'auto', which suits the data and this machine.
        config: a recipe, or a file of one, in place of a preset.
        changes: values by dotted name, such as {"train.epochs": 10}.
        init: run, bundle or file of weights to start from.
        vocabulary: with `init`: 'mine' is the shards' own, 'same' that of what it starts from.
        select_on: split that chooses the best epoch; 'val' where neither this nor `config` says
            another.
        profile: trace some steps for TensorBoard.
        view: what the network sees: 'whole' pictures, or the 'crop' around the surest box; None:
            as `config` says, else whole pictures.
        images: folder that the shards were made from, to look for boxes in; needed for crops
            where there are neither `detections` nor boxes beside the shards (`shard_boxes`).
        detections: boxes, in place of those that are looked for.

    Returns:
        The finished `Run`.

    Raises:
        InputError: shards that cannot teach the task, or a run directory of another recipe.
        Preempted: SIGTERM came; the same call goes on (`core.preemption`).
    """
    named = {
        "train.init": init,
        "train.vocabulary": vocabulary,
        "train.select_on": select_on,
        "model.view": view,
    }
    every = {name: str(value) for name, value in named.items() if value is not None}
    every |= {name: _text(value) for name, value in (changes or {}).items()}
    parse(every)  # before anything is read that takes longer
    manifest, task = Manifest.read(shards), _task(task)
    recipe = choose(manifest, task, preset, config, every, run, present(hardware.look()))
    for note in recipe.notes:
        log.info("%s", note)
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.prediction import shard_boxes
    from camtrap_tf.training.train import train

    if recipe.config.model.view is View.CROP:
        detections = shard_boxes.find(manifest, images, brought=detections)
    return train(recipe.config, shards, run, profile, detections)


def present(computer: Hardware) -> Hardware:
    """The same with the GPUs that TensorFlow finds; it is asked only where there are any."""
    if not computer.gpus:
        return computer
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    import tensorflow as tf

    found = len(tf.config.list_physical_devices("GPU"))
    if found < computer.gpus:
        log.warning(
            "TensorFlow finds %d of %d GPUs: pip install 'tensorflow[and-cuda]' brings CUDA",
            found, computer.gpus,
        )  # fmt: skip
    return dataclasses.replace(computer, gpus=found)


def _task(task: str | Task) -> Task:
    names = [one.value for one in Task]
    if not isinstance(task, Task) and task not in names:
        raise InputError(f"a task is one of {', '.join(names)}", task, "Pick one of them.")
    return Task(task)
