"""A trained network with what it needs to answer: its input, its heads."""

import dataclasses
import functools
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from camtrap_tf.core.config import Context, InputSpec, ModelConfig, View
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import FAMILIARITY, Task
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.familiarity import energy
from camtrap_tf.networks.litert import Runner
from camtrap_tf.pictures import graph as images


@dataclasses.dataclass
class Network:
    """A Keras model, its input specification, and the class names of its heads.

    `temperatures` divide the logits of the heads they name (`calibration`). `score` says what the
    familiarity of pictures is (`networks.familiarity`); None: it is not asked for. `runner`
    computes it in LiteRT (`engines`); None: Keras does. `view` says which part of a picture it
    sees.
    """

    model: keras.Model
    spec: InputSpec
    task: Task
    heads: dict[str, tuple[str, ...]]
    name: str = ""
    temperatures: dict[str, float] = dataclasses.field(default_factory=dict)
    score: str | None = None
    runner: Runner | None = None
    view: View = View.WHOLE

    @property
    def outputs(self) -> dict[str, int]:
        """How many numbers it answers, by head; and by score, of which it is one."""
        widths = {head: len(names) for head, names in self.heads.items()}
        return widths if self.score is None else widths | {FAMILIARITY: 1}

    @functools.cached_property
    def _answer(self):
        """`graph`, traced once for batches of any size."""
        pixels = tf.TensorSpec((None, None, None, None), tf.uint8)
        return tf.function(self.graph, autograph=False).get_concrete_function(pixels)

    def graph(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """[n, size, size, channels] uint8 -> calibrated probabilities, [n, classes] float32.

        `familiarity` is [n, 1]. Traceable: exports are made from it. Channels are those of
        `spec.context`; further ones, which other networks of a bundle see, are left out. The part
        around a box is in the last three (`crops.stacked`).
        """
        logits = self.model(self._input(pixels), training=False)
        probabilities = {
            head: tf.nn.softmax(logits[head] / self.temperatures.get(head, 1.0))
            for head in self.heads
        }
        if self.score is not None:
            told = logits.get(FAMILIARITY)
            probabilities[FAMILIARITY] = energy(logits["species"]) if told is None else told
        return probabilities

    def _input(self, pixels: tf.Tensor) -> tf.Tensor:
        if self.view is View.CROP:
            return part_input(pixels[..., -3:], self.spec)
        if pixels.shape[-1] != self.spec.context.channels:
            pixels = pixels[..., : self.spec.context.channels]
        return images.network_input(pixels, self.spec)

    def probabilities(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Probabilities by head of stored squares [n, size, size, channels] uint8; see `graph`."""
        if self.runner is not None:
            channels = self.spec.context.channels
            seen = pixels[..., -3:] if self.view is View.CROP else pixels[..., :channels]
            found = self.runner(seen)
            return {name: found[name] for name in self.outputs}
        answers = self._answer(tf.convert_to_tensor(pixels))
        return {head: values.numpy() for head, values in answers.items()}


def part_input(pixels: tf.Tensor, spec: InputSpec) -> tf.Tensor:
    """Parts of stored squares [n, size, size, 3] uint8, seen to their edges -> network input."""
    values = tf.cast(pixels, tf.float32)  # LiteRT resizes no whole numbers
    return images.normalise(tf.image.resize(values, (spec.crop, spec.crop)), spec)


def trunk_of(model: keras.Model, head: str) -> keras.Model:
    """The part of a network of `architectures.build` that lies before its heads."""
    return keras.Model(model.input, model.get_layer(head).input, name=model.name)


def layers_within(model: keras.Model) -> list[keras.Layer]:
    """All layers of a network, those of networks inside it too, not the network itself.

    Keras keeps the function to itself; its public `layers` stop at the first level.
    """
    return list(model._flatten_layers(include_self=False))


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
