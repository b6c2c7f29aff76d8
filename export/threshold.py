"""The animal threshold of stage 1, chosen at a stated recall."""

import dataclasses
import logging

import numpy as np

from camtrap_tf.artifacts import PathLike
from camtrap_tf.bundle import Bundle
from camtrap_tf.errors import InputError
from camtrap_tf.labels import EMPTY
from camtrap_tf.manifest import Manifest
from camtrap_tf.network import predict_split

log = logging.getLogger("camtrap")


def at_recall(animal_probability: np.ndarray, animal: np.ndarray, recall: float) -> float:
    """Largest threshold that at least a share `recall` of the animals reaches.

    Args:
        animal_probability: [n], in [0, 1].
        animal: [n] bool, the truth.
        recall: in (0, 1].

    Raises:
        InputError: no animals, or a recall out of range.

    >>> at_recall(np.array([0.9, 0.8, 0.3, 0.7]), np.array([True, True, True, False]), 0.6)
    0.8
    """
    found = np.sort(animal_probability[animal])[::-1]
    if not len(found) or not 0 < recall <= 1:
        raise InputError(
            "a recall in (0, 1] is reached on pictures with animals", recall, "Give 0.96, say."
        )
    # The epsilon: 0.6 of 5 animals are 3, though the product is a little more.
    return float(found[int(np.ceil(recall * len(found) - 1e-9)) - 1])


def with_recall(
    bundle: Bundle, shards: PathLike | None, recall: float, split: str = "val"
) -> Bundle:
    """The bundle with its animal threshold chosen at a recall on a split's pictures.

    Raises:
        InputError: no shards, or a bundle without stage 1.
    """
    networks = bundle.networks(stage=1)
    if shards is None or not networks:
        raise InputError(
            "a recall is chosen for a bundle with stage 1, on shards",
            shards,
            "Give --shards, and a two-stage bundle.",
        )
    answers = predict_split(networks, Manifest.read(shards), split)
    labels, probabilities = answers.labels[EMPTY], answers.probabilities[EMPTY][:, 0]
    chosen = at_recall(probabilities, labels == 0, recall)
    removed = np.mean(probabilities[labels == 1] < chosen) if (labels == 1).any() else np.nan
    log.info(
        "animal threshold %.4f: recall %.1f%% on %s, %.1f%% of its empty pictures removed",
        chosen, 100 * recall, split, 100 * removed,
    )  # fmt: skip
    return dataclasses.replace(bundle, animal_threshold=chosen)
