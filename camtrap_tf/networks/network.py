"""A trained network with what it needs to answer: its input, its heads."""

import dataclasses
import functools
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.batches import pipeline
from camtrap_tf.core.config import Context, InputSpec, ModelConfig
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import FAMILIARITY, Task
from camtrap_tf.core.progress import Meter
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.pictures import graph as images
from camtrap_tf.training.familiarity import energy


@dataclasses.dataclass
class Network:
    """A Keras model, its input specification, and the class names of its heads.

    `temperatures` divide the logits of the heads they name (`calibration`). A network is asked
    for the familiarity of pictures by naming it among the heads (`with_familiarity`).
    """

    model: keras.Model
    spec: InputSpec
    task: Task
    heads: dict[str, tuple[str, ...]]
    name: str = ""
    temperatures: dict[str, float] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def _answer(self):
        """`graph`, traced once for batches of any size."""
        pixels = tf.TensorSpec((None, None, None, None), tf.uint8)
        return tf.function(self.graph, autograph=False).get_concrete_function(pixels)

    def graph(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """[n, size, size, channels] uint8 -> calibrated probabilities, [n, classes] float32.

        `familiarity` is [n, 1]. Traceable: exports are made from it. Channels are those of
        `spec.context`; further ones, which other networks of a bundle see, are left out.
        """
        if pixels.shape[-1] != self.spec.context.channels:
            pixels = pixels[..., : self.spec.context.channels]
        logits = self.model(images.network_input(pixels, self.spec), training=False)
        probabilities = {
            head: tf.nn.softmax(logits[head] / self.temperatures.get(head, 1.0))
            for head in self.heads
            if head != FAMILIARITY
        }
        if FAMILIARITY in self.heads:
            told = logits.get(FAMILIARITY)
            probabilities[FAMILIARITY] = energy(logits["species"]) if told is None else told
        return probabilities

    def probabilities(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Probabilities by head of stored squares [n, size, size, channels] uint8; see `graph`."""
        answers = self._answer(tf.convert_to_tensor(pixels))
        return {head: values.numpy() for head, values in answers.items()}


def with_familiarity(heads: dict[str, tuple[str, ...]], score: str) -> dict[str, tuple[str, ...]]:
    """Heads, and the familiarity of pictures where they name species.

    Args:
        heads: class names by head name.
        score: that familiarity is; stands for its class name.
    """
    return heads | {FAMILIARITY: (score,)} if "species" in heads else heads


def input_spec(model: ModelConfig, manifest: Manifest) -> InputSpec:
    """From the stored squares of some shards to a network's input."""
    return InputSpec(model.crop, model.normalisation, manifest.mean, manifest.std, model.context)


def shared_context(specs: Iterable[InputSpec]) -> Context:
    """What is stacked for all networks of a bundle or an ensemble.

    Networks without context see the first three channels only: of 'difference' those are the
    picture.

    Raises:
        InputError: contexts that cannot be had at once.
    """
    contexts = {spec.context for spec in specs}
    if len(contexts) > 1 and contexts != {Context.NONE, Context.DIFFERENCE}:
        raise InputError(
            "networks that answer together have the same model.context, or 'difference' and 'none'",
            sorted(context.value for context in contexts),
            "Train them alike.",
        )
    return next(iter(contexts - {Context.NONE}), Context.NONE)


class Split:
    """A split of shards, opened once to be asked about more than once, as after every epoch.

    Opening it makes TensorFlow trace a pipeline, which takes longer than a few hundred pictures.

    Args:
        manifest, name: of the pictures.
        context: what networks see beside them; see `shared_context`.
        batch_size: pictures at a time.
        alone: every picture is shown as if its event had no other.
    """

    def __init__(
        self,
        manifest: Manifest,
        name: str,
        context: Context = Context.NONE,
        batch_size: int = 64,
        alone: bool = False,
    ):
        self.name = name
        self.ids, self.labels, self.event_labels = pipeline.index(manifest, name)
        self.batches = pipeline.stored_pictures(manifest, name, batch_size, context, alone)

    def predict(self, networks: list[Network]) -> Predictions:
        """Every network's answers on every picture, one pass over the shards.

        Networks that share a head (an ensemble) are averaged.

        Returns:
            Image-level predictions with labels, in the order of the shards.
        """
        collected: list[dict[str, list[np.ndarray]]] = [
            {head: [] for head in network.heads} for network in networks
        ]
        with Meter(len(self.ids), f"predicting {self.name}") as meter:
            for pixels in self.batches:
                for network, answers in zip(networks, collected, strict=True):
                    for head, values in network.probabilities(pixels).items():
                        answers[head].append(values)
                meter.advance(len(pixels))
        probabilities: dict[str, np.ndarray] = {}
        for head in dict.fromkeys(head for network in networks for head in network.heads):
            members = [np.concatenate(answers[head]) for answers in collected if head in answers]
            mean = np.mean(members, axis=0, dtype=np.float64)
            probabilities[head] = mean.astype(np.float32)
        classes = {head: names for network in networks for head, names in network.heads.items()}
        return Predictions(
            self.ids,
            classes,
            probabilities,
            _with_empty_class(self.labels, classes),
            _with_empty_class(self.event_labels, classes),
            {"split": self.name, "models": [network.name for network in networks]},
        )


def predict_split(
    networks: list[Network],
    manifest: Manifest,
    split: str,
    batch_size: int = 64,
    alone: bool = False,
) -> Predictions:
    """Answers on a split of shards, asked once; see `Split`."""
    context = shared_context(network.spec for network in networks)
    return Split(manifest, split, context, batch_size, alone).predict(networks)


def _with_empty_class(labels: dict, classes: dict[str, tuple[str, ...]]) -> dict:
    """The labels of the heads there are; in a one-stage model 'empty' is a species."""
    kept = {head: labels[head] for head in classes if head in labels}
    if classes.get("species", ())[-1:] == ("empty",):
        last = len(classes["species"]) - 1
        kept["species"] = np.where(labels["empty"] == 1, last, labels["species"])
    return kept
