"""Training: shards in, a run directory out.

A run directory holds
    config.json               configuration, data and versions; written when all has been checked,
                              and never changed
    checkpoints/              the whole state at the last checkpoint: weights, optimiser, seeds,
                              position in the data, sums of the epoch under way
    log.csv                   a row an epoch: loss and accuracy by head in training, and under
                              names such as val_accuracy_species on the selecting split
    tensorboard/              the same for TensorBoard
    best.keras                the network of the best epoch; at the end it also tells familiarity
    predictions-SPLIT.parquet its answers on the selecting split
    result.json               best epoch and its figures; written last
"""

import contextlib
import csv
import dataclasses
import io
import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from camtrap_tf import __version__
from camtrap_tf.answers import metrics
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.batches import sampling
from camtrap_tf.core import file_names, locks, preemption, slurm
from camtrap_tf.core.artifacts import (
    PathLike,
    atomic,
    content_sha256,
    read_json,
    write_json,
    write_text,
)
from camtrap_tf.core.codec import from_json, to_json
from camtrap_tf.core.config import Config, SelectBy, Strategy, TrainConfig, View
from camtrap_tf.core.config_io import difference
from camtrap_tf.core.errors import InputError, require
from camtrap_tf.core.labels import MISSING
from camtrap_tf.core.preemption import AGAIN, Notice, Preempted
from camtrap_tf.events import tasks
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks import transfer
from camtrap_tf.networks.network import input_spec
from camtrap_tf.networks.pretrained import origins
from camtrap_tf.networks.pretrained.weights import Origin
from camtrap_tf.networks.run import AS_FITTED, KIND, VERSION, Run, load_network
from camtrap_tf.pictures import crops
from camtrap_tf.prediction.shards import Split
from camtrap_tf.training import familiarity, heads, tensorboard
from camtrap_tf.training.remaining import by_epoch
from camtrap_tf.training.trainer import Trainer

SMALLEST_CROP = 0.7  # share of the stored square, below which a crop is most likely a mistake
log = logging.getLogger("camtrap")


def train(
    config: Config,
    shards: PathLike,
    folder: PathLike,
    profile: bool = False,
    detections: Detections | None = None,
) -> Run:
    """Trains one network; goes on where a run in `folder` stopped.

    Args:
        config: the recipe.
        shards: folder of shards with its manifest.
        folder: the run directory.
        profile: whether to trace the second call of the compiled steps for TensorBoard's profiler.
        detections: boxes, where `model.view` is crop.

    Returns:
        The finished run.

    Raises:
        InputError: `folder` holds a run of another configuration or other data (the message
            shows the difference), another process trains in it, the data cannot serve the task,
            or the loss diverges.
        Preempted: SIGTERM came; all that was done is in the last checkpoint. Uncaught it ends the
            process with status 75.
    """
    if config.train.strategy is Strategy.MULTI_WORKER:
        slurm.set_tf_config(os.environ)
    # Workers of one training share its folder, which the first of them holds.
    hold = contextlib.nullcontext() if _follows(config) else locks.held(folder)
    with hold, preemption.noticed() as notice, notice.deferred():
        return _train(config, shards, Path(folder), profile, detections, notice)


def _follows(config: Config) -> bool:
    """Whether this process is a worker of several, and not the first."""
    if config.train.strategy is not Strategy.MULTI_WORKER:
        return False
    try:
        return json.loads(os.environ.get("TF_CONFIG", "{}"))["task"]["index"] != 0
    except (ValueError, KeyError, TypeError):
        return False  # `distribution` says what is wrong


def _train(
    config: Config,
    shards: PathLike,
    folder: Path,
    profile: bool,
    detections: Detections | None,
    notice: Notice,
) -> Run:
    manifest = Manifest.read(shards)
    check_view(config, manifest, detections)
    check_data(config, manifest)
    record = describe_run(config, manifest, detections)
    begun = check_claim(folder, record)
    if is_finished(folder):
        return Run.read(folder)
    if config.train.select_on != "val":
        log.info(
            "the best epoch is chosen on '%s': figures on that split will be optimistic%s",
            config.train.select_on,
            " (the paper chose on its expert test set)" * (config.train.select_on == "expert_test"),
        )
    trainer = Trainer(config, manifest, detections)
    if profile and trainer.chief:
        trainer.profile = folder / file_names.TENSORBOARD
    progress, save = trainer.progress, lambda: trainer.save(folder)
    restored = trainer.restore(folder)
    if restored:
        log.info("going on in epoch %d of %d", progress.epoch, config.train.epochs)
    elif config.train.init:
        transfer.initialise(trainer.network, config.train.init, config.train.vocabulary)
        trainer.adopt()
    watched = _Watched(config, manifest, detections) if trainer.chief else None
    if not begun:
        write_json(folder / file_names.CONFIG, KIND, VERSION, record)
    if config.train.fit_heads and not restored:
        _fit_heads(trainer, config, manifest, detections, notice)
        save()  # so that they are fitted once
    _end_if(notice.asked, trainer)
    _run_epochs(trainer, folder, watched, notice)
    _tell_untraced(trainer)
    if watched is not None:
        best = _best(progress.rows, config.train)
        notice.until_asked(lambda: finish(folder, config, manifest, watched.split, best))
    _end_if(trainer.chief and not (folder / file_names.RESULT).is_file(), trainer)
    if watched is not None:
        log.info("best epoch %.0f of %d; wrote %s", best["epoch"], len(progress.rows), folder)
    return Run.read(folder)


def _run_epochs(trainer: Trainer, folder: Path, watched: "_Watched | None", notice: Notice) -> None:
    """Trains what is left of all epochs; the chief watches, and writes what they leave."""
    progress, train = trainer.progress, trainer.train
    start, first = time.monotonic(), progress.epoch

    def save() -> None:
        trainer.save(folder)

    def pause() -> None:
        _end_if(notice.asked, trainer, save)

    while progress.epoch <= train.epochs:
        row = trainer.run_epoch(save, pause)
        trainer.publish()
        answers = watched and notice.until_asked(lambda: watched.split.predict([trainer.network]))
        pause()  # with the epoch's steps done, and its row still to be made
        progress.rows.append(row)
        if watched is not None and answers is not None:
            row |= _scores(answers, train)
            left, done = train.epochs - progress.epoch, progress.epoch + 1 - first
            seconds = time.monotonic() - start - trainer.remaining.compiling
            _keep(trainer, folder, row, by_epoch(seconds, done, left))
            events = folder / file_names.TENSORBOARD
            tensorboard.write(events, row, answers, trainer.main, watched.pictures)
        progress.begin(progress.epoch + 1)
        save()


def _fit_heads(
    trainer: Trainer,
    config: Config,
    manifest: Manifest,
    detections: Detections | None,
    notice: Notice,
) -> None:
    """The chief fits the heads to begin with; all workers take them."""
    fitted = None
    if trainer.chief:
        fitted = notice.until_asked(lambda: heads.fit_published(config, manifest, detections))
    _end_if(notice.asked, trainer)
    trainer.take_heads({name: [one.kernel, one.bias] for name, one in (fitted or {}).items()})


def _end_if(asked: bool, trainer: Trainer, save: Callable[[], None] | None = None) -> None:
    """Ends the training if any of its workers was asked to; all of them end at the same step.

    Args:
        asked: whether this one was.
        trainer: what trains.
        save: keeps what the last checkpoint has not.
    """
    if not trainer.is_any(asked):
        return
    if save is not None:
        save()
    trainer.is_any(True)  # until all have saved, and may go
    progress, epochs = trainer.progress, trainer.train.epochs
    at = f"in epoch {progress.epoch} of {epochs}, after {progress.step} of {trainer.steps} steps"
    if progress.epoch > epochs:
        at = "after the last epoch"
    raise Preempted(f"asked to end (SIGTERM) {at}; {AGAIN}")


def _tell_untraced(trainer: Trainer) -> None:
    if trainer.profile and trainer.calls < 2:
        log.warning(
            "nothing was traced: the second call is, and there was none; "
            "lower train.steps_per_call, now %d",
            trainer.train.steps_per_call,
        )


class _Watched:
    """The split that chooses the best epoch, and the pictures of it that people see."""

    def __init__(self, config: Config, manifest: Manifest, detections: Detections | None):
        name = config.train.select_on
        self.split = Split(manifest, name, config.model.context, detections=detections)
        self.pictures = tensorboard.examples(manifest, name)


def _keep(trainer: Trainer, folder: Path, row: dict, left: str) -> None:
    """Writes what an epoch leaves: its row of the log, and the network where it is the best."""
    rows = trainer.progress.rows
    log.info("%s", "  ".join(filter(None, (_describe(row, trainer.train), left))))
    if row is _best(rows, trainer.train):
        with atomic(folder / file_names.NETWORK) as temporary:
            trainer.network.model.save(temporary)
    _write_log(folder, rows)


def check_view(config: Config, manifest: Manifest, detections: Detections | None) -> None:
    """Raises InputError where boxes are missing, or of no use, for what the network sees."""
    crop = config.model.view is View.CROP
    require(
        crop == (detections is not None),
        "boxes go with a network that sees the part around them, and only with such a one",
        f"model.view={config.model.view.value}",
        "Give --view=crop with --images=PICTURES or --detections=FILE, or none of them.",
    )
    if crop:
        crops.check(manifest.picture)


def check_data(config: Config, manifest: Manifest) -> None:
    """Raises InputError where shards cannot serve a configuration."""
    side = config.model.context.side(manifest.picture.size)
    if config.model.crop > side:
        raise InputError(
            f"model.crop is at most what a network sees of the stored square, {side}",
            config.model.crop,
            "Lower it, or write larger shards.",
        )
    if config.model.crop < SMALLEST_CROP * side:
        log.warning(
            "the network sees the middle %d of %d pixels, and no animal at the edges: "
            "set model.crop, or write shards with --size=%d",
            config.model.crop,
            side,
            round(config.model.crop * 256 / 224 * manifest.picture.size / side),
        )
    if config.train.freeze_epochs and not (config.train.init or config.model.weights):
        raise InputError(
            "train.freeze_epochs, which keeps a trained trunk, goes with train.init or "
            "model.weights",
            config.train.freeze_epochs,
            "Give one of them, or leave it at 0: a random trunk teaches the heads nothing.",
        )
    tasks.check(manifest, config.train.task)
    for split in ("train", config.train.select_on):
        if not manifest.frames(split, config.train.task):
            raise InputError(
                f"split '{split}' has pictures for task '{config.train.task.value}'",
                0,
                "Use other shards, or another task.",
            )


def describe_run(
    config: Config, manifest: Manifest, detections: Detections | None = None
) -> dict[str, Any]:
    """What config.json says of a run."""
    manifest_hash = content_sha256(manifest.folder / file_names.MANIFEST)
    return {
        "config": to_json(config),
        "input": to_json(input_spec(config.model, manifest)),
        "vocabulary": manifest.vocabulary.to_json(),
        "picture": to_json(manifest.picture),
        "data": {"manifest_sha256": manifest_hash, "origin": manifest.origin} | _boxes(detections),
        "origins": to_json(_origins(config)),
        "versions": {
            "camtrap_tf": __version__, "tensorflow": tf.__version__, "keras": keras.__version__,
        },
    }  # fmt: skip


def _boxes(detections: Detections | None) -> dict[str, str]:
    return {} if detections is None else {"detections_sha256": detections.sha256}


def _origins(config: Config) -> tuple[Origin, ...]:
    """Of the published weights that the network starts from, at once or by way of another."""
    init = config.train.init
    inherited = transfer.origins_of(init, config.train.task) if init else ()
    return origins.distinct((*inherited, None if init else origins.origin_of(config.model)))


def check_claim(folder: Path, record: dict[str, Any]) -> bool:
    """Whether a folder is this run's, begun before; if not, that it can become it.

    Raises:
        InputError: it holds another run (the message shows the difference) or other files.
    """
    if (folder / file_names.CONFIG).is_file():
        present = read_json(folder / file_names.CONFIG, KIND, VERSION)
        before, asked = (from_json(one["config"], Config, "config") for one in (present, record))
        rule = before.train.event_rule  # which a bundle asks for, and not training
        asked = dataclasses.replace(asked, train=dataclasses.replace(asked.train, event_rule=rule))
        changes = difference(before, asked)
        data, now = present["data"], record["data"]
        if data["manifest_sha256"] != now["manifest_sha256"]:
            changes.append("data: the shards are others")
        boxes = data.get("detections_sha256")
        if boxes is not None and boxes != now.get("detections_sha256"):
            changes.append("data: the boxes are others")
        if changes:
            raise InputError(
                f"a run directory keeps its configuration; {folder} differs",
                "; ".join(changes),
                "Give another --run, or the configuration it was made with.",
            )
        return True
    # Hidden files may be another worker's, that begins the same run at this moment.
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise InputError(
            "a run directory is new, empty, or a run", str(folder), "Give another --run."
        )
    return False


def _scores(predictions: Predictions, train: TrainConfig) -> dict[str, float]:
    """Loss and accuracy by head on the rows that a task is scored on, and what epochs go by."""
    row, split = {}, train.select_on
    for head, labels in predictions.labels.items():
        known = np.flatnonzero(labels != MISSING)
        answers = predictions.probabilities[head][known]
        truth = labels[known]
        right = np.take_along_axis(answers, truth[:, None].astype(int), 1)[:, 0]
        row[f"{split}_loss_{head}"] = (
            float(-np.log(np.maximum(right, 1e-7)).mean()) if len(known) else 0
        )
        row[f"{split}_accuracy_{head}"] = (
            float((answers.argmax(1) == truth).mean()) if len(known) else 0
        )
    main = sampling.main_head(train.task)
    loss = row[f"{split}_loss_{main}"]
    figure = {
        SelectBy.ACCURACY: row[f"{split}_accuracy_{main}"],
        SelectBy.MEAN_RECALL: _mean_recall(predictions, main),
        SelectBy.LOSS: -loss,
    }.get(train.select_by, row[f"{split}_accuracy_{main}"])
    row["score"] = figure - 1e-6 * loss
    return row


def _mean_recall(predictions: Predictions, head: str) -> float:
    classes = len(predictions.classes[head])
    matrix = metrics.confusion(predictions.top(head), predictions.labels[head], classes)
    return float(metrics.averages(metrics.per_class(matrix))["mean_recall"])


def _best(rows: list[dict], train: TrainConfig) -> dict:
    """The row that counts: of the highest score (`train.select_by`, then the loss), or the last."""
    if train.select_by is SelectBy.LAST:
        return rows[-1]
    return max(rows, key=lambda row: row["score"])


def _describe(row: dict, train: TrainConfig) -> str:
    parts = [f"epoch {row['epoch']:.0f}/{train.epochs}", f"loss {row['loss']:.3f}"]
    start = f"{train.select_on}_accuracy_"
    parts += [
        f"{key.removeprefix(start)} {value:.1%}"
        for key, value in row.items()
        if key.startswith(start)
    ]
    return "  ".join((*parts, f"{row['images_per_second']:.3g} pictures/s"))


def _write_log(folder: Path, rows: list[dict]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / file_names.LOG, text.getvalue())


def is_finished(folder: Path) -> bool:
    """Whether a run directory has its result; says so if it has."""
    finished = (folder / file_names.RESULT).is_file()
    if finished:
        log.info("run %s is finished; nothing to do", folder)
    return finished


def finish(
    folder: Path,
    config: Config,
    manifest: Manifest,
    split: Split,
    best: dict,
    as_fitted: bool = False,
) -> None:
    """Lets the best network tell familiarity, predicts the selecting split, writes the result.

    Args:
        folder: of the run, with `best.keras`.
        config: of the run.
        manifest: of its shards.
        split: the selecting one.
        best: figures of the network that are known; those on the split are added.
        as_fitted: its heads are as sure as they should be, see `Run.as_fitted`.
    """
    task, spec = config.train.task, input_spec(config.model, manifest)
    view = config.model.view
    network = load_network(folder, spec, task, manifest.vocabulary, view)
    if "species" in network.heads and view is View.WHOLE:
        told = familiarity.told(network.model, spec, task, manifest, split.name)
        with atomic(folder / file_names.NETWORK) as temporary:
            told.save(temporary)
        network = load_network(folder, spec, task, manifest.vocabulary)
    answers = split.predict([network])
    answers.write(folder / file_names.answers(split.name))
    scores = _scores(answers, config.train)
    result = {"best": scores | best} | ({AS_FITTED: True} if as_fitted else {})
    write_json(folder / file_names.RESULT, "run result", VERSION, result)
