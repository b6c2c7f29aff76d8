"""Starting from trained weights: of a run, of a bundle, or of a Keras file.

The trunk must be the same network and is taken whole. Heads are matched by name and class
names; a head that is new, or has other classes, starts fresh.
"""

import dataclasses
import logging
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import keras

from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import PathLike, read_json
from camtrap_tf.core.codec import from_json
from camtrap_tf.core.config import Words
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task, Vocabulary
from camtrap_tf.networks.architectures import applications
from camtrap_tf.networks.bundle import Bundle, Member
from camtrap_tf.networks.network import Network
from camtrap_tf.networks.pretrained.weights import Origin
from camtrap_tf.networks.run import KIND, VERSION

log = logging.getLogger("camtrap")
NetworkOrMember = TypeVar("NetworkOrMember", Network, Member)


@dataclasses.dataclass(frozen=True)
class Source:
    """Trained weights to start from.

    Args:
        model: with its weights.
        heads: class names by head name; None where the source does not tell.
    """

    model: keras.Model
    heads: dict[str, tuple[str, ...]] | None


def initialise(network: Network, path: PathLike, words: Words = Words.MINE) -> dict[str, list[str]]:
    """Gives a network the weights of a trained one, as far as they fit.

    Args:
        network: changed in place.
        path: a run directory, a bundle, or a `.keras` or `.weights.h5` file.
        words: whether its heads must have the network's classes.

    Returns:
        Names of heads: `taken` and `fresh`.

    Raises:
        InputError: nothing trained there, another trunk, or (`Words.SAME`) other classes.
    """
    path = Path(path)
    if path.name.endswith(".weights.h5"):
        return _load_weights(network, path)
    source = _read(path, network.task)
    if words is Words.SAME:
        _check_same(source, network, path)
    _copy_trunk(source.model, network, path)
    told = {"taken": [], "fresh": []}
    for head, names in network.heads.items():
        told["taken" if _copy_head(source, network.model, head, names) else "fresh"].append(head)
    log.info(
        "started from %s: trunk taken; heads taken: %s; heads fresh: %s",
        path,
        ", ".join(told["taken"]) or "none",
        ", ".join(told["fresh"]) or "none",
    )
    return told


def origins_of(path: PathLike, task: Task) -> tuple[Origin, ...]:
    """Of the published weights that a source of `initialise` was made from, as far as it tells."""
    path = Path(path)
    if (path / file_names.BUNDLE).is_file():
        members = Bundle.read(path).members
        return _same_task(members, task).origins
    if (path / file_names.CONFIG).is_file():
        content = read_json(path / file_names.CONFIG, KIND, VERSION)
        return from_json(content.get("origins", []), tuple[Origin, ...], "origins")
    return ()


def _same_task(members: Sequence[NetworkOrMember], task: Task) -> NetworkOrMember:
    """The first of a bundle's members, or networks, that answers a task; else the first of all."""
    return next((member for member in members if member.task is task), members[0])


def _check_same(source: Source, network: Network, path: Path) -> None:
    for head, names in network.heads.items():
        given = (source.heads or {}).get(head, ())
        if given == names:
            continue
        missing = sorted(set(given) - set(names))
        new = sorted(set(names) - set(given))
        raise InputError(
            f"with train.vocabulary=same, head '{head}' of {path} has the classes of the shards",
            f"only there: {', '.join(missing) or 'none'}; only in the shards: "
            f"{', '.join(new) or 'none'}" + "; the order differs" * (not missing and not new),
            "Take --vocabulary=mine, which starts this head fresh.",
        )


def _read(path: Path, task: Task) -> Source:
    if (path / file_names.BUNDLE).is_file():
        chosen = _same_task(Bundle.read(path).networks(), task)
        return Source(chosen.model, chosen.heads)
    if (path / file_names.CONFIG).is_file():
        content = read_json(path / file_names.CONFIG, KIND, VERSION)
        heads = Vocabulary.from_json(content["vocabulary"]).heads(
            Task(content["config"]["train"]["task"])
        )
        return Source(_load(path / file_names.NETWORK), heads)
    if path.suffix == ".keras" and path.is_file():
        return Source(_load(path), None)
    raise InputError(
        "train.init is a run, a bundle, or a .keras or .weights.h5 file", str(path), "Check it."
    )


def _load(path: Path) -> keras.Model:
    if not path.is_file():
        raise InputError("a run to start from has finished an epoch", str(path), "Train it first.")
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, OSError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            "a .keras file holds a whole Keras model",
            str(path),
            f"Save it anew with model.save. Keras says: {' '.join(str(error).split())[:200]}",
        ) from error


def _load_weights(network: Network, path: Path) -> dict[str, list[str]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error"
            )  # Keras only warns of layers that it finds no weights for
            network.model.load_weights(path)
    except (ValueError, OSError, UserWarning) as error:
        raise InputError(
            f"a file of weights fits network '{network.model.name}' and all its heads",
            str(path),
            f"Give a .keras file, whose heads may differ. ({str(error).strip().splitlines()[0]})",
        ) from error
    log.info("started from %s: all weights taken", path)
    return {"taken": list(network.heads), "fresh": []}


def _copy_trunk(source: keras.Model, network: Network, path: Path) -> None:
    heads = set(network.heads)
    given = {v.path: v for v in source.weights}
    wanted = [v for v in network.model.weights if v.path.split("/")[0] not in heads]
    unfit = [v for v in wanted if tuple(getattr(given.get(v.path), "shape", ())) != v.shape]
    if unfit:
        name = unfit[0].path
        found = tuple(given[name].shape) if name in given else "no such weight"
        raise InputError(
            f"the trunk of {path} is that of '{network.model.name}': {len(unfit)} of "
            f"{len(wanted)} weights differ, the first, {name}, of shape {tuple(unfit[0].shape)}",
            found,
            "Set model.architecture and its options as the source was trained.",
        )
    for variable in wanted:
        variable.assign(given[variable.path])
    applications.settle(network.model)


def _copy_head(source: Source, model: keras.Model, head: str, names: tuple[str, ...]) -> bool:
    """Copies a head where it has the same classes; says whether it has."""
    given = {v.path: v for v in source.model.weights}
    own = [v for v in model.weights if v.path.split("/")[0] == head]
    same = source.heads is None or source.heads.get(head) == names
    if not same or any(tuple(getattr(given.get(v.path), "shape", ())) != v.shape for v in own):
        return False
    for variable in own:
        variable.assign(given[variable.path])
    return True
