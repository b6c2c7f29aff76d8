"""How much a picture looks like those that a network's species were learnt from.

Two things tell an animal of an unknown species: that no species has evidence for itself (the
energy of the logits, Liu et al. 2020), and that the features lie far from those of every species
(the Mahalanobis distance to the nearest class mean, Lee et al. 2018). Either fails where the other
does not, so they are added, each in deviations of what it is on the selecting split.
`experiments/further/unknowns.py` has others and what they are worth.
"""

import dataclasses
import logging

import keras
import numpy as np
import tensorflow as tf
from sklearn.covariance import ledoit_wolf

from camtrap_tf.batches import pipeline
from camtrap_tf.core.config import InputSpec
from camtrap_tf.core.labels import FAMILIARITY, MISSING, Task
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.familiarity import energy
from camtrap_tf.pictures import graph

PER_CLASS = 200  # pictures that a class is learnt from, at most
FLOOR = 0.01  # of the mean variance, added to every feature's: some never vary
FEWEST = 10  # pictures that tell what is usual
_FAR = 1e12  # squared distance to a class without pictures
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Distance:
    """Mahalanobis distance to the nearest class mean, in the classes' common covariance.

    The covariance is shrunk towards a sphere as Ledoit and Wolf (2004) do, the more the fewer
    pictures there are.

    Args:
        centre: [width] float64, mean of the class means.
        root: [width, width] float64; where features less the centre are multiplied by it, their
            common covariance is 1.
        means: [classes, width] float64, class means after that; NaN of a class without pictures.
    """

    centre: np.ndarray
    root: np.ndarray
    means: np.ndarray

    @classmethod
    def learn(cls, features: np.ndarray, labels: np.ndarray, classes: int) -> "Distance":
        """From features [n, width] and labels [n] of pictures learnt from."""
        features = features.astype(np.float64)
        counts = np.bincount(labels, minlength=classes)[:, None]
        sums = np.eye(classes)[labels].T @ features
        means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
        centre = np.nanmean(means, axis=0)
        within = features - means[labels]
        if not within.any():  # one picture of each class: how far classes are apart stands in
            within = features - centre
        root = np.linalg.cholesky(np.linalg.inv(_covariance(within)))
        return cls(centre, root, (means - centre) @ root)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """[n] float64 of features [n, width]."""
        white = (features - self.centre) @ self.root
        known = self.means[~np.isnan(self.means[:, 0])]
        return np.min([np.linalg.norm(white - mean, axis=1) for mean in known], axis=0)


def _covariance(rows: np.ndarray) -> np.ndarray:
    """[width, width] of rows [n, width] whose mean is 0, shrunk, and never singular."""
    shrunk, _ = ledoit_wolf(rows, assume_centered=True)
    spread = np.trace(shrunk) / len(shrunk) or 1.0
    return shrunk + FLOOR * spread * np.eye(len(shrunk))


def balanced(labels: np.ndarray) -> np.ndarray:
    """Rows of at most `PER_CLASS` pictures of each class, evenly spread, in ascending order.

    Args:
        labels: [n] int, negative where there is none.
    """
    rows = []
    for label in np.unique(labels[labels != MISSING]):
        own = np.flatnonzero(labels == label)
        rows.append(own[np.linspace(0, len(own) - 1, min(PER_CLASS, len(own))).astype(int)])
    return np.sort(np.concatenate(rows))


def of_both(energies: np.ndarray, distances: np.ndarray) -> tuple[float, float, float]:
    """Weights of energy and distance, and a constant: each in its deviations.

    Args:
        energies, distances: [n], of pictures that are usual.
    """
    weights = 1 / max(float(energies.std()), 1e-6), -1 / max(float(distances.std()), 1e-6)
    return *weights, -(weights[0] * float(energies.mean()) + weights[1] * float(distances.mean()))


def told(
    model: keras.Model, spec: InputSpec, task: Task, manifest: Manifest, usual: str
) -> keras.Model:
    """A network that tells familiarity beside its heads.

    The distance is learnt from labelled pictures of the training split.

    Args:
        model: of `models.build`, trained; its layers are shared.
        spec: its input.
        task: what it answers, 'species' among it.
        manifest: of the shards.
        usual: split on which energy and distance are what they are on new pictures; where it has
            too few of labelled species, the training split.

    Returns:
        The same with the output `familiarity` [batch, 1] float32 in a block of that name.
    """
    logits = {head: value for head, value in model.output.items() if head != FAMILIARITY}
    features = model.get_layer("species").input
    asked = keras.Model(model.input, [features, logits["species"]])
    log.info("learning what is familiar to %s", model.name)
    learnt, others = (_seen(asked, spec, task, manifest, split) for split in ("train", usual))
    block = _block(*learnt, *(others if len(others[0]) >= FEWEST else learnt)[:2])
    outputs = logits | {FAMILIARITY: block([features, logits["species"]])}
    return keras.Model(model.input, outputs, name=model.name)


def _seen(asked, spec: InputSpec, task: Task, manifest: Manifest, split: str) -> tuple:
    """Features, logits and labels of some pictures of every class, as they are when predicted."""
    labels = pipeline.labelled(manifest, split, task, spec.context)
    rows = balanced(labels)
    # In a graph: outside one, Keras keeps what every layer says until the last has answered.
    answer = tf.function(
        lambda pixels: asked(graph.network_input(pixels, spec), training=False),
        autograph=False,
        input_signature=[tf.TensorSpec((None, None, None, spec.context.channels), tf.uint8)],
    )
    found = [
        [part.numpy() for part in answer(pixels)]
        for pixels in pipeline.stored_pictures(manifest, split, 64, spec.context, rows=rows)
    ]
    features, logits = (np.concatenate(part) for part in zip(*found, strict=True))
    return features, logits, labels[rows]


def _block(
    features: np.ndarray,
    logits: np.ndarray,
    labels: np.ndarray,
    usual_features: np.ndarray,
    usual_logits: np.ndarray,
) -> keras.Model:
    """From features and logits to familiarity, of layers that every Keras backend has."""
    ops, width, classes = keras.ops, features.shape[1], logits.shape[1]
    distance = Distance.learn(features, labels, classes)
    energies = np.asarray(energy(usual_logits))[:, 0]
    of_energy, of_distance, constant = of_both(energies, distance(usual_features))
    # |y - m|^2 = |y|^2 + (|m|^2 - 2 y m), of which the second part is a layer.
    means = np.nan_to_num(distance.means)
    lengths = np.where(np.isnan(distance.means[:, 0]), _FAR, (means**2).sum(axis=1))
    whiten = keras.layers.Dense(width, name="whiten", dtype="float32", trainable=False)
    to_means = keras.layers.Dense(classes, name="to_means", dtype="float32", trainable=False)
    seen = keras.Input((width,), name="features")
    evidence = keras.Input((classes,), name="logits", dtype="float32")
    y = whiten(seen)
    square = ops.sum(y * y, axis=1, keepdims=True) + ops.min(to_means(y), axis=1, keepdims=True)
    apart = ops.sqrt(ops.maximum(square, 0.0))
    both = of_energy * energy(evidence) + of_distance * apart + constant
    block = keras.Model([seen, evidence], both, name=FAMILIARITY)
    whiten.set_weights([distance.root, -distance.centre @ distance.root])
    to_means.set_weights([-2 * means.T, lengths])
    return block
