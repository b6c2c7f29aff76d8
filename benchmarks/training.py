"""The training loop against its compiled step alone, Keras `fit` and PyTorch.

    python -m benchmarks.training --torch_python=/path/to/venv/bin/python

ResNet-18 and ResNet-50, batch 32, 224 pixels, one head of 48 species. Ours reads, augments and
trains from shards on disk, with the L2 loss of the `paper` recipe. Sides take turns step by
step; medians of the ratios. Goals: 0.97 of the bare step fed from memory, 1.0 times Keras
`fit` on the same shards, 1.0 times PyTorch's step on ResNet-50 (fed from memory). PyTorch runs
in a child process of an environment of its own: `pip install torch==2.13.0`.

Measured on two cores with nothing else running, medians [lowest, highest] of the ratios,
torch 2.13.0 (--networks=resnet18 or resnet50 --repeats=7; PyTorch 6 in a run of its own):

    loop / ...     pictures/s   bare step           Keras fit           PyTorch
    ResNet-18            19.4   1.00 [0.99, 1.03]   1.01 [0.98, 1.04]   -
    ResNet-50             6.0   1.00 [0.86, 1.08]   1.03 [0.96, 1.21]   1.61 [1.38, 1.68]

Sides take turns in changing order, with a pause between: in one order always, the one that came
after PyTorch, whose threads spin for a while, seemed 5% slower. Nor does a second step count: in
it memory still grows, which on ResNet-50 takes up to a third of its time.
"""

import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import keras
import tensorflow as tf
from absl import app, flags

from benchmarks import shards
from camtrap_tf.batches import pipeline
from camtrap_tf.core.config_io import override
from camtrap_tf.core.recipes import PRESETS
from camtrap_tf.networks import architectures
from camtrap_tf.training.trainer import Trainer

_WARM_UP = 2  # steps not counted: in the second one memory still grows
_PAUSE = 0.5  # s before a step: threads of the side before may still spin
_REPEATS = flags.DEFINE_integer("repeats", 6, "steps of each side, after two to warm up")
_NETWORKS = flags.DEFINE_list("networks", "resnet18,resnet50", "which")
_BATCH = flags.DEFINE_integer("batch", 32, "pictures in a step")
_JIT = flags.DEFINE_boolean("jit", False, "compile our forward and backward pass with XLA")
_TORCH = flags.DEFINE_string("torch_python", "", "Python of an environment with PyTorch")


def timed(step):
    """A step that returns its seconds."""

    def run() -> float:
        start = time.perf_counter()
        step()
        return time.perf_counter() - start

    return run


def loop(trainer: Trainer):
    """Ours: a step of the real loop, from shards on disk."""
    batches, rates, one = trainer._batches(), tf.constant([0.01]), tf.constant(1)
    return timed(lambda: tf.nest.map_structure(float, trainer.run_steps(batches, rates, one)))


def bare(trainer: Trainer, config):
    """The same computation without loop and input: a compiled step on one batch in memory."""
    model = architectures.build(config.model, trainer.heads)
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    optimizer.build(model.trainable_variables)
    pixels, labels, _ = next(iter(_finished(trainer)))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = model(pixels, training=True)["species"]
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels["species"], logits)
            )
            kernels = [v.value for v in model.trainable_variables if v.path.endswith("/kernel")]
            loss += 0.0005 * tf.add_n([tf.nn.l2_loss(kernel) for kernel in kernels])
        variables = [variable.value for variable in model.trainable_variables]
        optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), model.trainable_variables, strict=True)
        )
        return loss

    return timed(lambda: float(step()))


def _finished(trainer: Trainer) -> tf.data.Dataset:
    """The first epoch's batches."""
    return pipeline.finished(pipeline.training(trainer.manifest, trainer.data, 1), trainer.data)


class Fit(keras.callbacks.Callback):
    """Keras `fit` from the same shards; its first step, which opens the data, is not counted."""

    STEPS = 3

    def __init__(self, trainer: Trainer, config):
        super().__init__()
        self.network = architectures.build(config.model, trainer.heads)
        for variable in self.network.trainable_variables:
            if variable.path.endswith("/kernel"):  # w**2 * 0.00025 = 0.0005 * w**2 / 2
                variable.regularizer = keras.regularizers.L2(0.00025)
        loss = {"species": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}
        self.network.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss)
        self.data = _finished(trainer).map(lambda pixels, labels, _: (pixels, labels)).repeat()

    def on_train_batch_end(self, batch, logs=None):
        """Notes the time."""
        self.ends.append(time.perf_counter())

    def __call__(self) -> float:
        """Seconds of one step."""
        self.ends = []
        self.network.fit(
            self.data, steps_per_epoch=self.STEPS, verbose=0, shuffle=False, callbacks=[self]
        )
        return (self.ends[-1] - self.ends[0]) / (self.STEPS - 1)


class Torch:
    """PyTorch's step, in a child process."""

    def __init__(self, python: str, batch: int):
        script = Path(__file__).with_name("torch_resnet.py")
        self.child = subprocess.Popen(
            [python, str(script), str(batch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self) -> float:
        """Seconds of one step."""
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        return float(self.child.stdout.readline())

    def close(self) -> None:
        """Ends the child."""
        self.child.stdin.close()
        self.child.wait()


def measure(network: str, manifest) -> None:
    """Prints the ratios of one network."""
    changes = {"train.task": "species", "train.batch_size": str(_BATCH.value)}
    changes["train.jit"] = str(_JIT.value).lower()
    config = override(PRESETS["paper"], {**changes, "model.architecture": network})
    trainer = Trainer(config, manifest)
    trainer.weight_decay.assign(0.0005)
    sides = {
        "loop": loop(trainer),
        "bare step": bare(trainer, config),
        "keras fit": Fit(trainer, config),
    }
    torch = Torch(_TORCH.value, _BATCH.value) if _TORCH.value and network == "resnet50" else None
    if torch is not None:
        sides["pytorch"] = torch
    seconds = {name: [] for name in sides}
    for repeat in range(_WARM_UP + _REPEATS.value):
        names = list(sides)
        for name in names if repeat % 2 else names[::-1]:
            time.sleep(_PAUSE)
            own = sides[name]()
            if repeat >= _WARM_UP:
                seconds[name].append(own)
    if torch is not None:
        torch.close()
    print(f"{network}, batch {_BATCH.value}; load {os.getloadavg()[0]:.1f}")
    for name, values in seconds.items():
        ratios = [other / own for own, other in zip(seconds["loop"], values, strict=True)]
        print(
            f"  {name:10} {_BATCH.value / statistics.median(values):6.1f} pictures/s   "
            f"loop / {name}: {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )


def main(_) -> None:
    """Measures each network on shards in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = _BATCH.value * (_WARM_UP + _REPEATS.value)
        manifest = shards.write(Path(folder), 4 + pictures // 3)
        for network in _NETWORKS.value:
            measure(network, manifest)


if __name__ == "__main__":
    app.run(main)
