"""Where the weights come from that a network started from: kept with everything made of it."""

from collections.abc import Iterable
from pathlib import Path

from camtrap_tf.core.artifacts import sha256
from camtrap_tf.core.config import IMAGENET_IF_HERE, IMAGENET_WEIGHTS, ModelConfig
from camtrap_tf.networks.pretrained import weights
from camtrap_tf.networks.pretrained.weights import Origin

_IMAGENET = "ImageNet (ILSVRC 2012)"


def origin_of(model: ModelConfig) -> Origin | None:
    """The published weights that a network of this configuration starts from here; None: random."""
    if not model.weights:
        return None
    if model.architecture in weights.KNOWN:
        absent = model.weights == IMAGENET_IF_HERE and weights.find(model.architecture) is None
        return None if absent else weights.known(model.architecture).origin
    if model.weights == IMAGENET_WEIGHTS:
        return _of_keras(model.architecture)
    return _of_file(model)


def _of_keras(architecture: str) -> Origin:
    return Origin(
        name=architecture,
        what=f"{architecture}, 1,000 kinds of things",
        trained_on=_IMAGENET,
        package="keras.applications",
        sha256="",
        licence="unknown",
        copyright="see https://keras.io/api/applications",
    )


def _of_file(model: ModelConfig) -> Origin:
    path = Path(model.weights)
    return Origin(
        name=path.name,
        what=model.architecture,
        trained_on="unknown pictures",
        package=path.name,
        sha256=sha256(path),
        licence="unknown",
        copyright="unknown",
    )


def distinct(origins: Iterable[Origin | None]) -> tuple[Origin, ...]:
    """Each of them once, in order, without None."""
    return tuple(dict.fromkeys(origin for origin in origins if origin is not None))


def sentences(origins: Iterable[Origin]) -> list[str]:
    """One line each, as a model card has them; the same once."""
    return list(dict.fromkeys(origin.sentence() for origin in origins))
