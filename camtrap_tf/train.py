"""Training: shards in, a run directory out.

A run directory holds
    config.json               configuration, data and versions; written first, never changed
    checkpoints/              the last epoch's whole state: weights, optimiser, epoch, seeds
    log.csv                   a row an epoch
    tensorboard/              the same for TensorBoard
    best.keras                the network of the best epoch
    predictions-SPLIT.parquet its answers on the selecting split
    result.json               best epoch and its figures; written last

The loop is our own, since Keras `fit` drifts on TFRecords, whose length it does not know, and
cannot resume exactly: `strategy.run` inside one compiled function of many steps. Models,
optimisers and layers are Keras' own.
"""

import csv
import dataclasses
import hashlib
import io
import logging
import math
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from camtrap_tf import __version__, distribution, losses, models, pipeline, schedules
from camtrap_tf.artifacts import PathLike, atomic, read_json, write_json, write_text
from camtrap_tf.config import Config, InputSpec, difference, from_json, to_json
from camtrap_tf.errors import InputError
from camtrap_tf.labels import EMPTY, MISSING, Task, Vocabulary
from camtrap_tf.manifest import FILE as MANIFEST_FILE
from camtrap_tf.manifest import Manifest
from camtrap_tf.network import Network, predict_split
from camtrap_tf.predictions import Predictions
from camtrap_tf.progress import Meter

KIND, VERSION = "run", 1
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run directory.

    Args:
        folder: where it lies.
        config: its configuration.
        spec: input of its network.
        vocabulary: names of its labels.
        picture, data: JSON facts: how pictures were stored, and which shards they came from.
        result: best epoch and figures.
    """

    folder: Path
    config: Config
    spec: InputSpec
    vocabulary: Vocabulary
    picture: dict
    data: dict
    result: dict

    @classmethod
    def read(cls, folder: PathLike) -> "Run":
        """Reads a finished run.

        Raises:
            InputError: no run, another version, or a run that is not finished.
        """
        folder = Path(folder)
        content = read_json(folder / "config.json", KIND, VERSION)
        result = read_json(folder / "result.json", "run result", VERSION)
        return cls(
            folder,
            from_json(content["config"], Config),
            from_json(content["input"], InputSpec),
            Vocabulary.from_json(content["vocabulary"]),
            content["picture"],
            content["data"],
            result,
        )

    def network(self) -> Network:
        """The network of the best epoch."""
        return load_network(self.folder, self.spec, self.config.train.task, self.vocabulary)


def load_network(folder: Path, spec: InputSpec, task: Task, vocabulary: Vocabulary) -> Network:
    """The network of the best epoch of a run directory."""
    model = keras.saving.load_model(folder / "best.keras", compile=False)
    return Network(model, spec, task, vocabulary.heads(task), folder.name)


def train(config: Config, shards: PathLike, folder: PathLike) -> Run:
    """Trains one network; goes on where a run in `folder` stopped.

    Args:
        config: the recipe.
        shards: folder of shards with its manifest.
        folder: the run directory.

    Returns:
        The finished run.

    Raises:
        InputError: `folder` holds a run of another configuration or other data (the message
            shows the difference), the data cannot serve the task, or the loss diverges.
    """
    manifest, folder = Manifest.read(shards), Path(folder)
    _check_data(config, manifest)
    _claim(folder, config, manifest)
    if (folder / "result.json").is_file():
        log.info("run %s is finished; nothing to do", folder)
        return Run.read(folder)
    trainer = Trainer(config, manifest)
    rows = _resume(trainer, folder)
    for epoch in range(len(rows) + 1, config.train.epochs + 1):
        row = trainer.run_epoch(pipeline.training(manifest, trainer.data, epoch), epoch)
        row |= _scores(_validate(trainer, manifest), config.train.task)
        rows.append(row)
        log.info("%s", _describe(row, config.train.epochs))
        if row is _best(rows):
            with atomic(folder / "best.keras") as temporary:
                trainer.model.save(temporary)
        trainer.save(folder)
        _write_log(folder, rows)
    return _finish(folder, config, manifest, rows)


class Trainer:
    """A network under training: model, optimiser and the compiled loop over a strategy."""

    def __init__(self, config: Config, manifest: Manifest):
        train = config.train
        self.config = config
        self.heads = manifest.vocabulary.heads(train.task)
        self.spec = InputSpec(
            config.model.crop, config.model.normalisation, manifest.mean, manifest.std
        )
        self.data = pipeline.TrainingData(
            "train", train.task, self.spec, config.augment, train.batch_size, train.seed
        )
        self.steps = pipeline.steps_per_epoch(manifest, self.data)
        self.strategy = distribution.strategy(train.replicas)
        self._check_batch()
        with self.strategy.scope():
            keras.utils.set_random_seed(train.seed)
            self.model = models.build(config.model, self.heads)
            self.optimizer = keras.optimizers.SGD(0.0, momentum=train.momentum)
            self.optimizer.build(self.model.trainable_variables)
            self.weight_decay = tf.Variable(0.0, trainable=False)
            self.epoch = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.kernels = [v for v in self.model.trainable_variables if v.path.endswith("/kernel")]
        # Layers' random seeds are among `model.variables`, so dropout resumes exactly too.
        self.state = tf.train.Checkpoint(
            model=[v.value for v in self.model.variables],
            optimizer=[v.value for v in self.optimizer.variables],
            epoch=self.epoch,
        )
        self.network = Network(self.model, self.spec, train.task, self.heads)
        self._differentiate = tf.function(self._forward_backward, jit_compile=train.jit)

    def run_epoch(self, dataset: tf.data.Dataset, epoch: int) -> dict[str, float]:
        """Trains one epoch; returns its row of the log.

        Raises:
            InputError: the loss is no longer a number.
        """
        batches = iter(self.strategy.experimental_distribute_dataset(dataset))
        step = schedules.at_epoch(self.config.train.schedule, epoch)
        self.optimizer.learning_rate.assign(step.learning_rate)
        self.weight_decay.assign(step.weight_decay)
        start, totals = time.monotonic(), None
        per_call, size = self.config.train.steps_per_call, self.config.train.batch_size
        with Meter(self.steps * size, f"epoch {epoch}") as meter:
            for done in range(0, self.steps, per_call):
                count = min(per_call, self.steps - done)
                sums = self.run_steps(batches, tf.constant(count))
                part = tf.nest.map_structure(float, sums)
                totals = part if totals is None else _add(totals, part)
                loss = _mean_losses(part)
                if not math.isfinite(loss):
                    raise InputError(
                        f"the loss stays finite (epoch {epoch}, step {done + count})",
                        loss,
                        "Lower the learning rate in train.schedule.",
                    )
                meter.advance(count * size, f"loss {loss:.3f}")
        self.epoch.assign(epoch)
        seconds = time.monotonic() - start
        row = {
            "epoch": epoch,
            "learning_rate": step.learning_rate,
            "weight_decay": step.weight_decay,
            "seconds": round(seconds, 2),
            "images_per_second": round(self.steps * size / seconds, 1),
            "loss": _mean_losses(totals),
        }
        for head, sums in totals.items():
            row[f"loss_{head}"] = sums["loss"] / max(sums["count"], 1)
            row[f"accuracy_{head}"] = sums["correct"] / max(sums["count"], 1)
        return row

    @tf.function
    def run_steps(self, batches, count: tf.Tensor):
        """`count` optimiser steps; sums by head over all their rows and replicas."""
        zeros = {"loss": 0.0, "correct": 0.0, "count": 0.0}
        totals = {head: tf.nest.map_structure(tf.constant, zeros) for head in self.heads}
        for _ in tf.range(count):
            sums = self.strategy.run(self._step, args=next(batches))
            sums = tf.nest.map_structure(
                lambda value: self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None),
                sums,
            )
            totals = tf.nest.map_structure(tf.add, totals, sums)
        return totals

    def save(self, folder: Path) -> None:
        """Writes a checkpoint, atomically; the one before goes."""
        self._manager(folder).save(checkpoint_number=int(self.epoch))

    def restore(self, folder: Path) -> int:
        """Restores the last checkpoint there is; returns the number of finished epochs."""
        path = self._manager(folder).latest_checkpoint
        if path is not None:
            self.state.restore(path).assert_consumed()
        return int(self.epoch)

    def _manager(self, folder: Path) -> tf.train.CheckpointManager:
        return tf.train.CheckpointManager(self.state, folder / "checkpoints", max_to_keep=1)

    def _step(self, pixels: tf.Tensor, labels: dict[str, tf.Tensor]):
        """One replica's share of an optimiser step."""
        counts = {
            head: tf.reduce_sum(tf.cast(values != MISSING, tf.float32))
            for head, values in labels.items()
        }
        replica = tf.distribute.get_replica_context()
        counts = replica.all_reduce(tf.distribute.ReduceOp.SUM, counts)
        gradients, sums = self._differentiate(pixels, labels, counts)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        return sums

    def _forward_backward(self, pixels, labels, counts):
        with tf.GradientTape() as tape:
            logits = self.model(pixels, training=True)
            sums = losses.head_sums(logits, labels)
            kernels = [kernel.value for kernel in self.kernels]
            penalty = losses.weight_penalty(kernels, self.weight_decay)
            # Gradients of the replicas are added up: each carries its share of the penalty.
            loss = losses.mean_loss(sums, counts) + penalty / self.strategy.num_replicas_in_sync
        variables = [variable.value for variable in self.model.trainable_variables]
        return tape.gradient(loss, variables), sums

    def _check_batch(self) -> None:
        size, replicas = self.config.train.batch_size, self.strategy.num_replicas_in_sync
        if size % replicas:
            raise InputError(
                f"train.batch_size is a multiple of the {replicas} replicas", size, "Change it."
            )
        if not self.steps:
            raise InputError(
                "the training split fills at least one batch", size, "Lower train.batch_size."
            )


def _check_data(config: Config, manifest: Manifest) -> None:
    if config.model.crop > manifest.picture.size:
        raise InputError(
            f"model.crop is at most the stored size, {manifest.picture.size}",
            config.model.crop,
            "Lower it, or write larger shards.",
        )
    for split in ("train", config.train.select_on):
        if not manifest.frames(split, config.train.task):
            raise InputError(
                f"split '{split}' has pictures for task '{config.train.task.value}'",
                0,
                "Use other shards, or another task.",
            )


def _claim(folder: Path, config: Config, manifest: Manifest) -> None:
    """Writes the run's configuration, or checks that it is the one that is there."""
    manifest_hash = hashlib.sha256((manifest.folder / MANIFEST_FILE).read_bytes()).hexdigest()
    spec = InputSpec(config.model.crop, config.model.normalisation, manifest.mean, manifest.std)
    content = {
        "config": to_json(config),
        "input": to_json(spec),
        "vocabulary": manifest.vocabulary.to_json(),
        "picture": to_json(manifest.picture),
        "data": {"manifest_sha256": manifest_hash, "origin": manifest.origin},
    }
    path = folder / "config.json"
    if path.is_file():
        present = read_json(path, KIND, VERSION)
        changes = difference(from_json(present["config"], Config), config)
        if present["data"]["manifest_sha256"] != manifest_hash:
            changes.append("data: the shards are others")
        if changes:
            raise InputError(
                f"a run directory keeps its configuration; {folder} differs",
                "; ".join(changes),
                "Give another --run, or the configuration it was made with.",
            )
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(
            "a run directory is new, empty, or a run", str(folder), "Give another --run."
        )
    versions = {"camtrap_tf": __version__, "tensorflow": tf.__version__, "keras": keras.__version__}
    write_json(path, KIND, VERSION, {**content, "versions": versions})


def _resume(trainer: Trainer, folder: Path) -> list[dict]:
    """Restores the last checkpoint; returns the log's rows up to it."""
    done = trainer.restore(folder)
    if not done:
        return []
    log.info("going on after epoch %d of %d", done, trainer.config.train.epochs)
    with open(folder / "log.csv", newline="", encoding="utf-8") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return rows[:done]


def _validate(trainer: Trainer, manifest: Manifest) -> Predictions:
    return predict_split([trainer.network], manifest, trainer.config.train.select_on)


def _scores(predictions: Predictions, task: Task) -> dict[str, float]:
    """Loss and accuracy by head on the rows that a task is scored on."""
    row = {}
    for head, labels in predictions.labels.items():
        known = np.flatnonzero(labels != MISSING)
        answers = predictions.probabilities[head][known]
        truth = labels[known]
        right = np.take_along_axis(answers, truth[:, None].astype(int), 1)[:, 0]
        row[f"val_loss_{head}"] = (
            float(-np.log(np.maximum(right, 1e-7)).mean()) if len(known) else 0
        )
        row[f"val_accuracy_{head}"] = (
            float((answers.argmax(1) == truth).mean()) if len(known) else 0
        )
    main = EMPTY if task is Task.EMPTY else "species"
    row["score"] = row[f"val_accuracy_{main}"] - 1e-6 * row[f"val_loss_{main}"]
    return row


def _best(rows: list[dict]) -> dict:
    """The row of the highest score: accuracy of the main head, then the lower loss."""
    return max(rows, key=lambda row: row["score"])


def _describe(row: dict, epochs: int) -> str:
    parts = [f"epoch {row['epoch']:.0f}/{epochs}", f"loss {row['loss']:.3f}"]
    parts += [
        f"{key.removeprefix('val_accuracy_')} {value:.1%}"
        for key, value in row.items()
        if key.startswith("val_accuracy_")
    ]
    return "  ".join((*parts, f"{row['images_per_second']:.0f} pictures/s"))


def _write_log(folder: Path, rows: list[dict]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "log.csv", text.getvalue())
    summary = tf.summary.create_file_writer(str(folder / "tensorboard"))
    with summary.as_default(step=int(rows[-1]["epoch"])):
        for name, value in rows[-1].items():
            tf.summary.scalar(name, value)
    summary.close()


def _finish(folder: Path, config: Config, manifest: Manifest, rows: list[dict]) -> Run:
    """Predicts the selecting split with the best network and writes the result, last."""
    task, split = config.train.task, config.train.select_on
    spec = InputSpec(config.model.crop, config.model.normalisation, manifest.mean, manifest.std)
    network = load_network(folder, spec, task, manifest.vocabulary)
    predict_split([network], manifest, split).write(folder / f"predictions-{split}.parquet")
    best = _best(rows)
    write_json(folder / "result.json", "run result", VERSION, {"best": best})
    log.info("best epoch %.0f of %d; wrote %s", best["epoch"], len(rows), folder)
    return Run.read(folder)


def _mean_losses(totals: dict[str, dict[str, float]]) -> float:
    return sum(sums["loss"] / max(sums["count"], 1) for sums in totals.values())


def _add(one: dict, other: dict) -> dict:
    return tf.nest.map_structure(lambda a, b: a + b, one, other)
