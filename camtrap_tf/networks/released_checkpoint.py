"""Networks trained with the code released with the paper, as runs that `camtrap bundle` takes.

That code wrote TensorFlow 1 checkpoints. Its variables carry the names of their scopes:
`scale2/block1/a/weights` is the kernel of the first convolution of a ResNet's first block. Every
variable of the network must be in the checkpoint with its shape, and every variable in the
checkpoint must be the network's, or be one that only training needs.
"""

import dataclasses
import json
import logging
import re
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from camtrap_tf import __version__
from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import PathLike, atomic, existing_file, write_json
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import Config, InputSpec, ModelConfig, Normalisation, PictureSpec
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task, Vocabulary
from camtrap_tf.networks import architectures
from camtrap_tf.networks.architectures import alexnet, nin, resnet, vgg
from camtrap_tf.networks.run import KIND, VERSION, Run

# The released code cut the lowest 100 rows off pictures of 1536 rows.
RELEASED_PICTURE = PictureSpec(bar_share=100 / 1536)
ARCHITECTURES = tuple(
    name
    for family in (alexnet, nin, vgg, resnet)
    for name in family.TRUNKS
    if name != "small"  # ours alone
)
# Variables that only training needs.
_TRAINING_ONLY = {
    "optimiser slots": re.compile(r".+/(Momentum|RMSProp|Adam|Adagrad)(_1)?"),
    "counters": re.compile(r"(.+/)?(epoch_number|global_step|beta[12]_power)"),
    "bias correction": re.compile(r".+/moving_(mean|variance)/(biased|local_step)"),
}
_NAMES = {"kernel": "weights", "bias": "biases"}
_SHOWN = 12  # names listed in an error
log = logging.getLogger("camtrap")


def import_checkpoint(
    checkpoint: PathLike,
    folder: PathLike,
    model: ModelConfig,
    task: Task,
    vocabulary: Vocabulary | None = None,
    picture: PictureSpec = RELEASED_PICTURE,
    empty_class: int | None = None,
) -> Run:
    """Makes a run directory of a TensorFlow 1 checkpoint of the released code.

    Args:
        checkpoint: its prefix (`snapshot-55`), one of its files, or the folder with the newest.
        folder: the run directory to write; new or empty.
        model: architecture, variant and input size as trained. Inputs are standardised picture
            by picture, whatever it says.
        task: what the network answers.
        vocabulary: names of its classes in the order of its outputs; by default the 48 species
            of Snapshot Serengeti. For `Task.ONE_STAGE`, without 'empty'.
        picture: how pictures were cut and resized before training.
        empty_class: index of 'empty' among the classes of a network that has it (tasks `empty`
            and `one_stage`); the checkpoint does not say.

    Raises:
        InputError: no checkpoint; one that is not of this network (the message lists what is
            missing, unknown or of another shape); or a folder that is not empty.
    """
    folder, vocabulary = Path(folder), vocabulary or Vocabulary()
    model = dataclasses.replace(model, normalisation=Normalisation.IMAGE)
    _check(folder, model)
    heads = vocabulary.heads(task)
    order = _class_order(task, heads, empty_class)
    reader, path = _open(checkpoint)
    network = architectures.build(model, heads)
    _assign(network, reader, model.architecture, list(heads), order)
    _write(folder, network, model, task, vocabulary, picture, path)
    return Run.read(folder)


def read_vocabulary(path: PathLike) -> Vocabulary:
    """Reads `{"species": [...], "count_bins": [...], "attributes": [...]}`; species suffice.

    Raises:
        InputError: no such file, or not of that form.
    """
    text = existing_file(path, "a vocabulary").read_text(encoding="utf-8")
    try:
        return Vocabulary.from_json({"count_bins": [], "attributes": [], **json.loads(text)})
    except (ValueError, TypeError) as error:
        raise InputError(
            "a vocabulary is JSON with the lists species, count_bins and attributes",
            str(path),
            f"Correct it: {error}.",
        ) from error


def _check(folder: Path, model: ModelConfig) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError("a run directory is new or empty", str(folder), "Give another --out.")
    if model.architecture not in ARCHITECTURES:
        raise InputError(
            f"checkpoints are imported into {', '.join(ARCHITECTURES)}",
            model.architecture,
            "Pick the one that was trained.",
        )


def _class_order(task: Task, heads: dict, empty_class: int | None) -> np.ndarray | None:
    """Index in the checkpoint of each class of the first head; None leaves the order."""
    if task not in (Task.EMPTY, Task.ONE_STAGE):
        return None
    count = len(next(iter(heads.values())))
    if empty_class is None or not 0 <= empty_class < count:
        raise InputError(
            f"task '{task.value}' needs the index of 'empty' among its {count} classes",
            empty_class,
            "Give --empty_class as in the list the network was trained on.",
        )
    # 'empty' is the last class with us, of a stage-1 network as of a one-stage one.
    return np.append(np.delete(np.arange(count), empty_class), empty_class)


def _open(checkpoint: PathLike):
    """A reader of the checkpoint, and its path."""
    path = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", str(checkpoint))
    try:
        return tf.train.load_checkpoint(path), path
    except (ValueError, tf.errors.OpError) as error:
        raise InputError(
            "a checkpoint is a prefix with files such as PREFIX.index, or a folder of them",
            path,
            f"Check the path. TensorFlow says: {' '.join(str(error).split())[:200]}",
        ) from error


def _assign(
    network: keras.Model, reader, architecture: str, heads: list[str], order: np.ndarray | None
) -> None:
    """Gives every variable of the network its value, or raises what does not match."""
    shapes = reader.get_variable_to_shape_map()
    ours = _by_scope(network, architecture, heads, single="output/weights" in shapes)
    ignored = {name: why for name in shapes for why in [_training_only(name)] if why}
    faults = {
        "missing": sorted(set(ours) - set(shapes)),
        "unknown": sorted(set(shapes) - set(ours) - set(ignored)),
        "of another shape": [
            f"{name} {tuple(shapes[name])}, not {tuple(ours[name].shape)}"
            for name in sorted(set(ours) & set(shapes))
            if tuple(shapes[name]) != tuple(ours[name].shape)
        ],
    }
    if any(faults.values()):
        raise InputError(
            f"the checkpoint holds the variables of {architecture} with {len(heads)} outputs",
            "; ".join(f"{what}: {_listed(names)}" for what, names in faults.items() if names),
            "Correct the architecture, variant, task, vocabulary or crop.",
        )
    for name, variable in ours.items():
        value = reader.get_tensor(name)
        reorder = order is not None and name.startswith("output")
        variable.assign(value[..., order] if reorder else value)
    counts = Counter(ignored.values())
    log.info("read %d variables; left out %s", len(ours), dict(counts) or "none")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _training_only(name: str) -> str | None:
    return next((why for why, rule in _TRAINING_ONLY.items() if rule.fullmatch(name)), None)


def _by_scope(
    network: keras.Model, architecture: str, heads: list[str], single: bool
) -> dict[str, keras.Variable]:
    """The network's variables by their TensorFlow 1 names.

    A network of one head ends in `output` (or `output0`), one of several in `output0`,
    `output1`, ... in the order of the heads.
    """
    outputs = {head: f"output{index}" for index, head in enumerate(heads)}
    if single and len(heads) == 1:
        outputs = {heads[0]: "output"}
    return {
        f"{outputs.get(layer.name) or _scope(layer.name, architecture)}/"
        f"{_NAMES.get(variable.name, variable.name)}": variable
        for layer in network.layers
        for variable in layer.weights
    }


def _scope(layer: str, architecture: str) -> str:
    """Scope of a layer: 'stage1_block1_a_norm' -> 'scale2/block1/a'."""
    layer = layer.removesuffix("_norm")
    if not architecture.startswith("resnet"):
        return layer.replace("_", "/")
    if layer == "stem":
        return "scale1"
    stage, block, part = layer.split("_")
    basic = resnet.TABLE[int(architecture.removeprefix("resnet"))][0] == "basic"
    part = part.upper() if basic and part != "shortcut" else part
    return f"scale{int(stage.removeprefix('stage')) + 1}/{block}/{part}"


def _write(
    folder: Path,
    network: keras.Model,
    model: ModelConfig,
    task: Task,
    vocabulary: Vocabulary,
    picture: PictureSpec,
    checkpoint: str,
) -> None:
    """Writes the run directory, result last."""
    config = Config(model=model)
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, task=task))
    content = {
        "config": to_json(config),
        "input": to_json(InputSpec(model.crop, model.normalisation)),
        "vocabulary": vocabulary.to_json(),
        "picture": to_json(picture),
        "data": {"manifest_sha256": None, "origin": f"checkpoint {Path(checkpoint).name}"},
        "versions": {
            "camtrap_tf": __version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    }
    write_json(folder / file_names.CONFIG, KIND, VERSION, content)
    with atomic(folder / file_names.NETWORK) as temporary:
        network.save(temporary)
    write_json(folder / file_names.RESULT, "run result", VERSION, {"best": {}})
    log.info("wrote run %s", folder)
