"""A probe: linear heads on the features of a network that stays as it is.

The answer for few labels and small computers: every picture goes through the network once
(`features`), after which all heads of a task are fitted in seconds (`linear`). What comes out is a
run directory like one of `train`, with the network as `architectures.build` makes it: the
features' standardisation is part of its heads. So it can be bundled, exported and trained on
(`train --init`).
"""

import logging
from pathlib import Path

import keras
import numpy as np

from camtrap_tf.batches import pipeline, sampling
from camtrap_tf.core.artifacts import PathLike, atomic, write_json
from camtrap_tf.core.config import Config, Context, RareClasses
from camtrap_tf.core.errors import InputError, require
from camtrap_tf.core.labels import MISSING
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks import architectures, run_files
from camtrap_tf.networks.network import input_spec
from camtrap_tf.networks.run import KIND, VERSION, Run
from camtrap_tf.prediction.shards import Split
from camtrap_tf.training import linear
from camtrap_tf.training.features import Features, trunk_of
from camtrap_tf.training.train import (
    check_claim,
    check_data,
    describe_run,
    finish,
    is_finished,
)

log = logging.getLogger("camtrap")


def probe(
    config: Config, shards: PathLike, folder: PathLike, features: PathLike | None = None
) -> Run:
    """Fits the heads of one task to the training split.

    Args:
        config: `model` is the network and its weights; of `train` hold `task`, `rare` (none or
            weighted_loss, of the main head), `select_on`, which is answered, and `seed`.
        shards: folder of shards with its manifest.
        folder: the run directory.
        features: folder for the features of pictures; None: beside the shards.

    Returns:
        The finished run. Its result holds the chosen C of each head.

    Raises:
        InputError: `folder` holds another run, the data cannot serve the task, weights that are
            not on this computer, or a configuration that a probe cannot obey.
    """
    manifest, folder = Manifest.read(shards), Path(folder)
    _check(config)
    check_data(config, manifest)
    record = describe_run(config, manifest)
    begun = check_claim(folder, record)
    if is_finished(folder):
        return Run.read(folder)
    heads, spec = manifest.vocabulary.heads(config.train.task), input_spec(config.model, manifest)
    keras.utils.set_random_seed(config.train.seed)
    model = architectures.build(config.model, heads)
    if not begun:
        write_json(folder / run_files.CONFIG, KIND, VERSION, record)
    store = Features.open(trunk_of(model, next(iter(heads))), spec, manifest, features)
    fitted = fit_heads(store, config)
    for name, head in fitted.items():
        model.get_layer(name).set_weights([head.kernel, head.bias])
    with atomic(folder / run_files.NETWORK) as temporary:
        model.save(temporary)
    strengths = {f"C_{name}": head.strength for name, head in fitted.items()}
    split = Split(manifest, config.train.select_on)
    finish(folder, config, manifest, split, strengths)
    return Run.read(folder)


def _check(config: Config) -> None:
    require(
        config.model.context is Context.NONE,
        "a probe sees pictures by themselves",
        config.model.context.value,
        "Set model.context=none.",
    )
    rare = config.train.rare
    require(
        rare in (RareClasses.NONE, RareClasses.WEIGHTED_LOSS),
        "train.rare of a probe is none or weighted_loss",
        rare.value,
        "Set one of them.",
    )


def fit_heads(store: Features, config: Config) -> dict[str, linear.Head]:
    """Heads of a task for features as they are, by name.

    Raises:
        InputError: a head has no labels.
    """
    manifest, task, rare = store.manifest, config.train.task, config.train.rare
    ids, labels, _ = pipeline.index(manifest, "train")
    rows = np.flatnonzero(np.asarray(pipeline.usable(labels, task)))
    wanted = pipeline.task_labels(labels, task, manifest.vocabulary)
    seen = store.read("train", rows)
    standard = linear.Standard.learn(seen)
    seen, events = standard(seen), ids["event_id"].to_numpy()[rows]
    fitted = {}
    for name, classes in manifest.vocabulary.heads(task).items():
        own = np.asarray(wanted[name])[rows]
        _check_labels(name, own)
        weighted = rare is RareClasses.WEIGHTED_LOSS and name == sampling.main_head(task)
        head = linear.fit(seen, own, events, len(classes), weighted, config.train.seed)
        log.info("fitted '%s' to %d pictures, C = %g", name, (own != MISSING).sum(), head.strength)
        fitted[name] = head.behind(standard)
    return fitted


def _check_labels(head: str, labels: np.ndarray) -> None:
    if (labels == MISSING).all():
        raise InputError(
            f"some pictures of the training split have a label for '{head}'",
            0,
            "Take a task that does without: species in place of animal.",
        )
