"""The training loop: a network, its optimiser and the compiled steps, on any strategy.

The loop is our own, since Keras `fit` drifts on TFRecords, whose length it does not know, and
cannot resume exactly: `strategy.run` inside one compiled function of many steps. Models,
optimisers and layers are Keras' own.
"""

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from camtrap_tf.batches import distribution, pipeline, sampling
from camtrap_tf.core import file_names
from camtrap_tf.core.choices import check_batch, examples_of
from camtrap_tf.core.config import Config, Optimizer, Precision, RareClasses, TrainConfig
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import MISSING
from camtrap_tf.core.progress import Meter
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks import architectures
from camtrap_tf.networks.architectures import applications
from camtrap_tf.networks.network import Network, input_spec
from camtrap_tf.pictures import augmentation
from camtrap_tf.training import losses, schedules
from camtrap_tf.training.remaining import Remaining

_SUM = tf.distribute.ReduceOp.SUM


class Progress(tf.train.experimental.PythonState):
    """How far a run has come: all of its state that is not tensors.

    `epoch` is the one under way (from 1), `step` how many of its steps are done, `totals`,
    `again` and `seconds` its sums so far, and `rows` the log of the epochs before.
    """

    def __init__(self, emphasis: sampling.Emphasis | None):
        self.emphasis, self.rows = emphasis, []
        self.begin(1)

    def begin(self, epoch: int) -> None:
        """Nothing of an epoch is done yet."""
        self.epoch, self.step, self.again, self.seconds = epoch, 0, 0, 0.0
        self.totals: dict | None = None

    def add(self, sums: dict, steps: int) -> None:
        """Counts steps as done."""
        self.step += steps
        if self.totals is None:
            self.totals = sums
        else:
            self.totals = tf.nest.map_structure(lambda a, b: a + b, self.totals, sums)

    def serialize(self) -> str:
        """The state as JSON; floats keep every digit."""
        state = {name: getattr(self, name) for name in self._NAMES}
        return json.dumps(state | {"queues": self.emphasis and self.emphasis.to_json()})

    def deserialize(self, string_value: str) -> None:
        """The reverse of `serialize`."""
        state = json.loads(string_value)
        for name in self._NAMES:
            setattr(self, name, state[name])
        if self.emphasis is not None:
            self.emphasis.load(state["queues"])

    _NAMES = ("epoch", "step", "totals", "again", "seconds", "rows")


class Trainer:
    """A network under training.

    `model` is trained, on the strategy's devices; `network` is what is validated and saved: the
    same in float32 on one device, with the weights of `model` or their average.
    """

    def __init__(self, config: Config, manifest: Manifest, detections: Detections | None = None):
        train = self.train = config.train
        if detections is not None and manifest.picture.crops:
            manifest, detections = manifest.of_parts(), None  # which are cut already
        self.manifest = manifest
        self.heads = manifest.vocabulary.heads(train.task)
        self.main = sampling.main_head(train.task)
        self.strategy = distribution.strategy(train.strategy, train.replicas)
        self.share = distribution.share(self.strategy)
        self.data = _training_data(config, manifest, detections)
        self.traced = pipeline.Traced(manifest, self.data)
        self.steps = pipeline.steps_per_epoch(manifest, self.data)
        check_batch(train.batch_size, examples_of(config, manifest.frames("train", train.task)))
        _check(train, self.share.replicas)
        keras.utils.set_random_seed(train.seed)
        model = architectures.build(config.model, self.heads)
        self.network = Network(
            model, self.data.spec, train.task, self.heads, view=config.model.view
        )
        with self.strategy.scope():
            self.model = _training_model(config, self.heads)
            if train.fixed_norm:
                _fix_norms(model)
                _fix_norms(self.model)
            self.optimizer = _optimizer(train)
            self.optimizer.build(self.model.trainable_variables)
            self.weight_decay = tf.Variable(0.0, trainable=False)
        self.adopt()
        self.of_heads = [_layer(v) in self.heads for v in self.model.trainable_variables]
        self.kernels = _kernels(self.model)
        self.weights = _class_weights(config, manifest)
        self.noise = _label_noise(config, manifest)
        emphasised = train.rare is RareClasses.EMPHASIS
        self.again = pipeline.Again(manifest, self.data) if emphasised else None
        self.progress = Progress(
            sampling.Emphasis(train.batch_size, train.seed) if emphasised else None
        )
        self.profile: Path | None = None  # where to write a trace
        self.calls = 0
        self.saved: int | None = None  # number of the last checkpoint
        self.remaining = Remaining(self.steps, train.epochs)
        self.state = self._state()
        self._differentiate = self._forward_backward
        if train.jit:
            self._differentiate = tf.function(self._forward_backward, jit_compile=True)

    @property
    def chief(self) -> bool:
        """Does this process write the run? One of several workers does."""
        return self.share.worker == 0

    def run_epoch(
        self, save: Callable[[], None] = lambda: None, pause: Callable[[], None] = lambda: None
    ) -> dict[str, float]:
        """Trains the rest of the epoch under way; returns its row of the log.

        Args:
            save: called every `checkpoint_every` steps.
            pause: called after every call of the compiled steps; what it raises ends the epoch.

        Raises:
            InputError: the loss is no longer a number.
        """
        train, progress = self.train, self.progress
        batches = self._batches()
        rates = schedules.learning_rates(train, progress.epoch, self.steps)
        decay = schedules.weight_decay(train, progress.epoch)
        self.weight_decay.assign(decay if train.optimizer is Optimizer.SGD else 0.0)
        frozen = progress.epoch <= train.freeze_epochs
        whole, done = (steps * train.batch_size for steps in (self.steps, progress.step))
        with Meter(whole, f"epoch {progress.epoch}", done=done) as meter:
            while progress.step < self.steps:
                start, count = time.monotonic(), self._steps_of_call()
                with self._profiled():
                    sums = self._call(batches, rates[progress.step :][:count], frozen)
                progress.add(sums, count)
                seconds = time.monotonic() - start
                progress.seconds += seconds
                self.remaining.add(
                    count, seconds, (progress.epoch - 1) * self.steps + progress.step
                )
                self._check_finite(sums)
                meter.advance(count * train.batch_size, _describe(sums))
                pause()
                every = train.checkpoint_every
                if every and progress.step % every == 0 and progress.step < self.steps:
                    save()
        return self._row(float(rates[-1]), decay)

    def adopt(self) -> None:
        """Gives the model under training the weights of `network`."""
        _copy(self.network.model.variables, self.model.variables)
        applications.settle(self.model)

    def publish(self) -> None:
        """Gives `network` the trained weights (their average is there already)."""
        averaged = self.train.ema > 0
        source, target = self.model, self.network.model
        if averaged:
            _copy(source.non_trainable_variables, target.non_trainable_variables)
        else:
            _copy(source.variables, target.variables)
        applications.settle(target)

    def take_heads(self, fitted: Mapping[str, list[np.ndarray]]) -> None:
        """Starts with heads as the chief has fitted them.

        Args:
            fitted: kernel and bias by head; of other workers than the chief nothing.
        """
        for name in self.heads:
            layer = self.network.model.get_layer(name)
            layer.set_weights([self._from_chief(own) for own in fitted.get(name, layer.weights)])
        self.adopt()

    def _from_chief(self, value) -> np.ndarray:
        """The chief's value on every worker."""
        value = np.array(value)
        if self.share.workers == 1:
            return value
        own = value if self.chief else np.zeros_like(value)
        return np.array(self._sum(tf.constant(own))) / (self.share.replicas // self.share.workers)

    def is_any(self, flag: bool) -> bool:
        """Whether a flag is set on any of the workers, who all get here and learn it together."""
        return flag if self.share.workers == 1 else bool(self._sum(tf.constant(float(flag))) > 0)

    @tf.function
    def _sum(self, own: tf.Tensor) -> tf.Tensor:
        """The sum over all replicas of what their worker has."""
        return self.strategy.reduce(_SUM, self.strategy.run(tf.identity, (own,)), None)

    def save(self, folder: Path) -> None:
        """Writes a checkpoint, atomically, unless this one is there; the one before goes.

        Every worker takes part, since some weights are the mean over all; the chief's counts.
        """
        if self._number != self.saved:
            self._manager(folder).save(checkpoint_number=self._number)
            self.saved = self._number

    def restore(self, folder: Path) -> bool:
        """Restores the last checkpoint; returns whether there is one."""
        path = tf.train.latest_checkpoint(folder / file_names.CHECKPOINTS)
        if path is not None:
            self.state.restore(path).assert_consumed()
            applications.settle(self.model)
            self.saved = self._number
        return path is not None

    @property
    def _number(self) -> int:
        """Of a checkpoint: another one at the end of an epoch than at the beginning of the next."""
        return (self.progress.epoch - 1) * (self.steps + 1) + self.progress.step

    @tf.function
    def run_steps(self, batches, rates: tf.Tensor, count: tf.Tensor, frozen: bool = False):
        """One optimiser step for each of the first `count` rates; sums by head over all rows."""
        zeros = {"loss": 0.0, "correct": 0.0, "count": 0.0}
        totals = {head: tf.nest.map_structure(tf.constant, zeros) for head in self.heads}
        for index in tf.range(count):
            sums, _, _ = self._on_replicas(next(batches), rates[index], frozen)
            totals = tf.nest.map_structure(tf.add, totals, sums)
        return totals

    @tf.function(autograph=False)
    def run_step(self, batch, rate: tf.Tensor, frozen: bool = False):
        """One optimiser step; its sums by head, and keys and failures of all its pictures."""
        sums, keys, failures = self._on_replicas(batch, rate, frozen)
        return sums, self.strategy.gather(keys, 0), self.strategy.gather(failures, 0)

    @contextlib.contextmanager
    def _profiled(self):
        """Traces the second call of this process, if asked for; the first one compiles."""
        self.calls += 1
        if self.profile is None or self.calls != 2:
            yield
            return
        with tf.profiler.experimental.Profile(str(self.profile)):
            yield

    def _call(self, batches: Iterator, rates: np.ndarray, frozen: bool) -> dict:
        emphasis, again = self.progress.emphasis, self.again
        if emphasis is None or again is None:
            # Always as many rates, so that the function is traced once.
            padded = np.pad(rates, (0, self.train.steps_per_call - len(rates)))
            sums = self.run_steps(batches, tf.constant(padded), tf.constant(len(rates)), frozen)
        else:
            rate = tf.constant(rates[0])
            sums = self._emphasised_step(next(batches), rate, frozen, emphasis, again)
        return tf.nest.map_structure(float, sums)

    def _emphasised_step(
        self, batch, rate, frozen: bool, emphasis: sampling.Emphasis, again: pipeline.Again
    ) -> dict:
        """A step, then the batches that are due from the queues of failures."""
        progress, size = self.progress, self.train.batch_size // self.share.replicas
        sums, keys, failures = self.run_step(batch, rate, frozen)
        emphasis.add(keys.numpy(), failures.numpy())
        for number, due in enumerate(emphasis.due(progress.epoch, progress.step)):
            pictures = again.batch(due, progress.epoch, 2 * progress.step + number)
            shares = self.strategy.experimental_distribute_values_from_function(
                lambda context, pictures=pictures: tf.nest.map_structure(
                    lambda rows: rows[context.replica_id_in_sync_group * size :][:size], pictures
                )
            )
            _, keys, failures = self.run_step(shares, rate, frozen)
            emphasis.add(keys.numpy(), failures.numpy())
            progress.again += 1
        return sums

    def _steps_of_call(self) -> int:
        """Steps of the next call: a function of the step alone, so that sums are repeatable."""
        if self.again is not None:
            return 1
        per_call, every, step = self.train.steps_per_call, self.train.checkpoint_every, self.step
        ends = [step + per_call - step % per_call, self.steps]
        if every:
            ends.append(step + every - step % every)
        return min(ends) - step

    @property
    def step(self) -> int:
        """Steps of the epoch under way that are done."""
        return self.progress.step

    def _batches(self) -> Iterator:
        progress = self.progress
        return iter(
            self.strategy.distribute_datasets_from_function(
                lambda _: pipeline.training(
                    self.manifest,
                    self.data,
                    progress.epoch,
                    progress.step,
                    self.share,
                    self.traced,
                )
            )
        )

    @tf.autograph.experimental.do_not_convert  # which takes seconds
    def _on_replicas(self, batch, rate, frozen: bool):
        sums, keys, failures = self.strategy.run(self._step, args=(*batch, rate, frozen))
        sums = tf.nest.map_structure(lambda part: self.strategy.reduce(_SUM, part, None), sums)
        self._average()
        return sums, keys, failures

    def _step(self, pixels, drawn, labels, keys, rate, frozen: bool):
        """One replica's share of an optimiser step."""
        pixels = augmentation.finish(self.data.augment, self.data.spec)(pixels, drawn)
        self.optimizer.learning_rate.assign(rate)
        counts = {
            head: tf.reduce_sum(tf.cast(values != MISSING, tf.float32))
            for head, values in labels.items()
        }
        counts = tf.distribute.get_replica_context().all_reduce(_SUM, counts)
        gradients, sums, failures = self._differentiate(pixels, labels, counts, frozen)
        variables = self._learning(frozen)
        if self.train.rare is RareClasses.WEIGHTED_LOSS:
            gradients = self._clamped(gradients, frozen)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return sums, keys, failures

    def _forward_backward(self, pixels, labels, counts, frozen: bool):
        train = self.train
        with tf.GradientTape() as tape:
            logits = self.model(pixels, training=not frozen)
            sums = losses.head_sums(logits, labels, train.label_smoothing, self.weights, self.noise)
            kernels = [kernel.value for kernel in self.kernels]
            penalty = losses.weight_penalty(kernels, self.weight_decay)
            # Gradients of the replicas are added up: each carries its share of the penalty.
            loss = losses.mean_loss(sums, counts) + penalty / self.strategy.num_replicas_in_sync
            if train.precision is Precision.FLOAT16:
                loss = self.optimizer.scale_loss(loss)
        variables = [variable.value for variable in self._learning(frozen)]
        failures = losses.failures(logits[self.main], labels[self.main])
        return tape.gradient(loss, variables), sums, failures

    def _learning(self, frozen: bool) -> list:
        """The variables that learn: all, or those of the heads."""
        variables = self.model.trainable_variables
        return [
            v for v, of_head in zip(variables, self.of_heads, strict=True) if of_head or not frozen
        ]

    def _clamped(self, gradients: list, frozen: bool) -> list:
        """Gradients with the output layer's clamped, after adding up the replicas'."""
        context = tf.distribute.get_replica_context()
        replicas = self.strategy.num_replicas_in_sync  # which the optimiser adds up again
        bound = sampling.CLAMP
        if self.train.precision is Precision.FLOAT16:
            bound = self.optimizer.scale_loss(bound)  # as the gradients are
        clamped = []
        for gradient, variable in zip(gradients, self._learning(frozen), strict=True):
            if _layer(variable) == self.main:
                whole = context.all_reduce(_SUM, gradient)
                gradient = tf.clip_by_value(whole, -bound, bound) / replicas
            clamped.append(gradient)
        return clamped

    def _average(self) -> None:
        """Moves the averaged weights towards the trained ones; sooner in the first steps."""
        if not self.train.ema:
            return
        step = tf.cast(self.optimizer.iterations.value, tf.float32)
        keep = tf.minimum(self.train.ema, (1 + step) / (10 + step))
        trained, averaged = self.model.trainable_variables, self.network.model.trainable_variables
        for new, mean in zip(trained, averaged, strict=True):
            mean.value.assign_sub((1 - keep) * (mean.value - new.value))

    def _state(self) -> tf.train.Checkpoint:
        # Layers' random seeds are among `model.variables`, so dropout resumes exactly too.
        parts = {
            "model": [v.value for v in self.model.variables],
            "optimizer": [v.value for v in self.optimizer.variables],
            "progress": self.progress,
        }
        if self.train.ema:
            parts["average"] = [v.value for v in self.network.model.trainable_variables]
        return tf.train.Checkpoint(**parts)

    def _manager(self, folder: Path) -> tf.train.CheckpointManager:
        name = file_names.CHECKPOINTS
        if not self.chief:
            name = f".{name}-worker-{self.share.worker}"
        return tf.train.CheckpointManager(self.state, folder / name, max_to_keep=1)

    def _check_finite(self, sums: dict) -> None:
        loss = _mean_losses(sums)
        if not math.isfinite(loss):
            raise InputError(
                f"the loss stays finite (epoch {self.progress.epoch}, step {self.step})",
                loss,
                "Lower the learning rate.",
            )

    def _row(self, rate: float, decay: float) -> dict[str, float]:
        progress, totals = self.progress, self.progress.totals or {}
        seconds, pictures = progress.seconds, self.steps * self.train.batch_size
        row = {
            "epoch": progress.epoch,
            "learning_rate": float(f"{rate:.6g}"),
            "weight_decay": decay,
            "seconds": round(seconds, 2),
            "images_per_second": round(pictures / seconds, 1),
            "batches_again": progress.again,
            "loss": _mean_losses(totals),
        }
        for head, sums in totals.items():
            row[f"loss_{head}"] = sums["loss"] / max(sums["count"], 1)
            row[f"accuracy_{head}"] = sums["correct"] / max(sums["count"], 1)
        return row


def _training_data(
    config: Config, manifest: Manifest, detections: Detections | None
) -> pipeline.TrainingData:
    train = config.train
    return pipeline.TrainingData(
        "train",
        train.task,
        input_spec(config.model, manifest),
        config.augment,
        train.batch_size,
        train.seed,
        oversample=train.rare is RareClasses.OVERSAMPLING,
        detections=detections,
    )


def _training_model(config: Config, heads: dict) -> keras.Model:
    """The network to be trained: in the precision asked for, batch norm synchronised or not."""
    train = config.train
    name = "float32" if train.precision is Precision.FLOAT32 else f"mixed_{train.precision.value}"
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        model = architectures.build(config.model, heads)
    finally:
        keras.config.set_dtype_policy(before)
    for layer in _norms(model):
        layer.synchronized = train.sync_batch_norm
    return model


def _norms(model: keras.Model) -> Iterator[keras.layers.BatchNormalization]:
    for layer in _layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            yield layer


def _fix_norms(model: keras.Model) -> None:
    """Batch norm that does not learn computes with its averages, in training too (Keras)."""
    for layer in _norms(model):
        layer.trainable = False


def _optimizer(train: TrainConfig) -> keras.optimizers.Optimizer:
    if train.optimizer is Optimizer.SGD:
        optimizer = keras.optimizers.SGD(0.0, momentum=train.momentum)
    else:
        optimizer = keras.optimizers.AdamW(0.0, weight_decay=schedules.weight_decay(train, 1))
        optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    if train.precision is Precision.FLOAT16:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


_WEIGHTS = {
    RareClasses.WEIGHTED_LOSS: sampling.loss_weights,
    RareClasses.SQUARE_ROOT: sampling.root_weights,
}


def _class_weights(config: Config, manifest: Manifest) -> dict[str, tf.Tensor]:
    rule = _WEIGHTS.get(config.train.rare)
    if rule is None:
        return {}
    counts = sampling.class_counts(manifest, "train", config.train.task)
    return {sampling.main_head(config.train.task): tf.constant(rule(counts), tf.float32)}


def _label_noise(config: Config, manifest: Manifest) -> dict[str, tf.Tensor]:
    if not config.train.burst_noise:
        return {}
    counts = sampling.class_counts(manifest, "train", config.train.task)
    matrix = sampling.burst_noise(counts, config.train.burst_noise)
    return {sampling.main_head(config.train.task): tf.constant(matrix, tf.float32)}


def _kernels(model: keras.Model) -> list:
    """Of convolution and dense layers; separable ones have a depthwise and a pointwise kernel."""
    return [v for v in model.trainable_variables if v.path.endswith("kernel")]


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    """All layers, those of models inside the model too."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)


def _layer(variable: keras.Variable) -> str:
    return variable.path.split("/")[-2]


def _copy(sources: list, targets: list) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.assign(source)


def _check(train: TrainConfig, replicas: int) -> None:
    size = train.batch_size
    if size % replicas:
        raise InputError(
            f"train.batch_size is a multiple of the {replicas} replicas", size, "Change it."
        )
    if train.precision is Precision.FLOAT16 and replicas > 1:
        raise InputError(
            "train.precision=float16, with its loss scaling, is for one device",
            f"{replicas} replicas",
            "Set train.precision=bfloat16.",
        )


def _mean_losses(totals: dict[str, dict[str, float]]) -> float:
    return sum(sums["loss"] / max(sums["count"], 1) for sums in totals.values())


def _describe(totals: dict[str, dict[str, float]]) -> str:
    """What stands behind the progress bar: the loss, and each head's loss and accuracy.

    >>> _describe({"species": {"loss": 4.0, "correct": 3.0, "count": 4.0}})
    'loss 1.000, species 1.000 (75%)'
    """
    heads = [
        f"{head} {sums['loss'] / sums['count']:.3f} ({sums['correct'] / sums['count']:.0%})"
        for head, sums in totals.items()
        if sums["count"]
    ]
    return ", ".join([f"loss {_mean_losses(totals):.3f}", *heads])
