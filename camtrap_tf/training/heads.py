"""Heads fitted to a trunk as it is: all there is to a probe, and what fine-tuning starts from.

Heads with random weights would teach a pretrained trunk nonsense in its first steps. So they are
fitted first, to features of the training pictures, and all learns from there.
"""

import dataclasses
import logging
import os
import tempfile

import numpy as np

from camtrap_tf.batches import pipeline, sampling
from camtrap_tf.core.artifacts import is_remote
from camtrap_tf.core.config import Config, Context, RareClasses
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import MISSING
from camtrap_tf.core.workers.work import Workers
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks import architectures
from camtrap_tf.networks.engines import Engine
from camtrap_tf.networks.network import input_spec
from camtrap_tf.networks.pretrained import origins
from camtrap_tf.training import linear
from camtrap_tf.training.feature_engine import on_engine, on_workers
from camtrap_tf.training.features import Features, trunk_of

log = logging.getLogger("camtrap")


def fit_published(
    config: Config, manifest: Manifest, detections: Detections | None = None
) -> dict[str, linear.Head]:
    """Heads for the published weights that a training starts from, by name.

    A fourth channel counts nothing at the start: features are those of the pictures alone, the
    same as a probe's, and shared with it beside the shards. Where nothing can be kept there they
    are computed for this once. Nothing is fitted where the weights are absent and random ones do.

    Args:
        config: its `model.context` is none or difference.
        manifest: of the shards.
        detections: boxes, where the network sees the parts around them.
    """
    if origins.origin_of(config.model) is None:
        return {}
    model = dataclasses.replace(config.model, context=Context.NONE)
    train = config.train
    if train.rare is RareClasses.SQUARE_ROOT:  # as far as a probe knows them
        train = dataclasses.replace(train, rare=RareClasses.WEIGHTED_LOSS)
    network = architectures.build(model, manifest.vocabulary.heads(train.task))
    trunk = trunk_of(network, next(iter(manifest.vocabulary.heads(train.task))))
    spec, alone = input_spec(model, manifest), dataclasses.replace(config, model=model, train=train)
    with tempfile.TemporaryDirectory() as temporary:
        local = not is_remote(manifest.folder) and os.access(manifest.folder, os.W_OK)
        store = Features.open(trunk, spec, manifest, None if local else temporary, detections)
        return fit_heads(store, alone, every=False)


def fit_heads(
    store: Features,
    config: Config,
    every: bool = True,
    engine: Engine = Engine.AUTO,
    workers: Workers | None = None,
) -> dict[str, linear.Head]:
    """Heads of a task for features as they are, by name.

    Args:
        store: the features.
        config: of the training; `train` has the task, `rare` (none or weighted_loss, of the main
            head) and `seed`.
        every: each head must have labels; else those without any are left out.
        engine: what computes features on processors.
        workers: compute them instead of this process, see `core.workers`.

    Raises:
        InputError: a head has no labels.
    """
    manifest, task, rare = store.manifest, config.train.task, config.train.rare
    ids, labels, _ = pipeline.index(manifest, "train")
    rows = np.flatnonzero(np.asarray(pipeline.usable(labels, task)))
    wanted = pipeline.task_labels(labels, task, manifest.vocabulary)
    if workers is not None:
        on_workers(store, "train", engine, workers)
    seen = on_engine(store, "train", engine).read("train", rows)
    standard = linear.Standard.learn(seen)
    seen, events = standard(seen), ids["event_id"].to_numpy()[rows]
    fitted = {}
    for name, classes in manifest.vocabulary.heads(task).items():
        own = np.asarray(wanted[name])[rows]
        if not every and (own == MISSING).all():
            continue
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
