"""Several probes at once: the questions that shards can answer, seen whole, as crops, or both.

    FOLDER/TASK-VIEW/   a run of each, as `probe` writes it

`camtrap bundle --run=FOLDER` takes them all.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.config import Config, View
from camtrap_tf.core.config_io import override
from camtrap_tf.core.errors import require
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import STARTED, probe_config
from camtrap_tf.core.workers.work import Workers
from camtrap_tf.events import tasks
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.engines import Engine
from camtrap_tf.networks.pretrained import weights
from camtrap_tf.networks.run import Run
from camtrap_tf.pictures import crops
from camtrap_tf.prediction import shard_boxes
from camtrap_tf.training.probe import probe

BOTH = (View.WHOLE, View.CROP)


def probe_all(
    shards: PathLike,
    folder: PathLike,
    views: Sequence[View] = BOTH,
    questions: Sequence[Task] = (),
    network: str = STARTED,
    changes: Mapping[str, str] | None = None,
    images: PathLike | None = None,
    detections: Detections | None = None,
    features: PathLike | None = None,
    engine: Engine = Engine.AUTO,
    workers: Workers | None = None,
) -> list[Run]:
    """Fits heads for questions, one run for each question and view.

    Args:
        shards: folder of shards.
        folder: gets the runs, `TASK-VIEW` each; of one view and one question that is named, it is
            the run directory itself.
        views: what is seen of a picture.
        questions: tasks; none: those that the shards can teach (`fitting`).
        network: whose features, a name in `recipes.PROBED`.
        changes: to the recipe, values by dotted name, as text.
        images: folder that the shards were made from, to look for boxes in; needed for crops
            where there are neither `detections` nor boxes beside the shards (`shard_boxes`).
        detections: boxes, in place of those that are looked for.
        features: folder for the features of pictures; None: beside the shards.
        engine: what computes features, and the detector, on processors.
        workers: compute them instead of this process, see `core.workers`.

    Returns:
        The finished runs, question by question; in one bundle they answer together.

    Raises:
        InputError: as of `probe`; no boxes, weights that are not on this computer, or a folder
            that holds something else.

    Example, where the weights of lite0 and megadetector-lite are on the computer:

        runs = probe_all("shards", "runs/probe", images="PICTURES")
        bundle = make_bundle(["runs/probe"], "bundle")
    """
    manifest, folder = Manifest.read(shards), Path(folder)
    alone = len(questions) == len(views) == 1
    questions = questions or fitting(manifest)
    configs = [
        _config(probe_config(task, network, manifest.picture.size), view, changes or {})
        for task in questions
        for view in views
    ]
    _check(configs[0], views, detections or images)
    if View.CROP in views:
        crops.check(manifest.picture)
        detections = shard_boxes.find(manifest, images, engine, workers, detections)
    return [
        probe(
            config,
            shards,
            folder if alone else folder / run_name(config.train.task, config.model.view),
            features,
            detections if config.model.view is View.CROP else None,
            engine,
            workers,
        )
        for config in configs
    ]


def run_name(task: Task, view: View) -> str:
    """Of a run among several.

    >>> run_name(Task.EMPTY, View.CROP)
    'empty-crop'
    """
    return f"{task.value}-{view.value}"


def fitting(manifest: Manifest) -> list[Task]:
    """The questions that make a bundle of these pictures.

    Raises:
        InputError: nothing can be learnt from them.
    """
    found = tasks.fitting(manifest)
    if not found:
        tasks.check(manifest, Task.ONE_STAGE)
    labelled = tasks.taught(manifest, Task.ANIMAL)
    counted = all(any(classes.values()) for classes in labelled.values())
    return found if counted else [Task.SPECIES if t is Task.ANIMAL else t for t in found]


def _config(config: Config, view: View, changes: Mapping[str, str]) -> Config:
    return override(config, {"model.view": view.value, **changes})


def _check(config: Config, views: Sequence[View], boxes: object) -> None:
    """Before anything slow: the published weights are there, and boxes are of use."""
    if config.model.weights and config.model.architecture in weights.KNOWN:
        weights.require(config.model.architecture)
    require(
        View.CROP in views or boxes is None,
        "boxes are for probes that see crops",
        ", ".join(view.value for view in views),
        "Give --view=both, or leave out --detections and --images.",
    )
