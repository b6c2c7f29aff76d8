"""A probe: linear heads on the features of a network that stays as it is.

The answer for few labels and small computers: every picture goes through the network once
(`features`), after which all heads of a task are fitted in seconds (`linear`). What comes out is a
run directory like one of `train`, with the network as `architectures.build` makes it: the
features' standardisation is part of its heads. So it can be bundled, exported and trained on
(`train --init`).

With the boxes of a detector a probe can see the part of a picture around the surest one
(`pictures.crops`) in place of the whole. Put into one bundle, the two views answer together: a
head's probabilities are the mean of both.
"""

import logging
from pathlib import Path

import keras

from camtrap_tf.core import file_names, locks
from camtrap_tf.core.artifacts import PathLike, atomic, write_json
from camtrap_tf.core.config import Config, Context, RareClasses
from camtrap_tf.core.errors import require
from camtrap_tf.core.workers.work import Workers
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks import architectures
from camtrap_tf.networks.engines import Engine
from camtrap_tf.networks.network import input_spec
from camtrap_tf.networks.run import KIND, STRENGTH, VERSION, Run
from camtrap_tf.prediction.shards import Split
from camtrap_tf.training.features import Features, trunk_of
from camtrap_tf.training.heads import fit_heads
from camtrap_tf.training.train import (
    check_claim,
    check_data,
    check_view,
    describe_run,
    finish,
    is_finished,
)

log = logging.getLogger("camtrap")


@locks.holds("folder")
def probe(
    config: Config,
    shards: PathLike,
    folder: PathLike,
    features: PathLike | None = None,
    detections: Detections | None = None,
    engine: Engine = Engine.AUTO,
    workers: Workers | None = None,
) -> Run:
    """Fits the heads of one task to the training split.

    Args:
        config: `model` is the network, its weights and its view; of `train` hold `task`, `rare`
            (none or weighted_loss, of the main head), `select_on`, which is answered, and `seed`.
        shards: folder of shards with its manifest.
        folder: the run directory.
        features: folder for the features of pictures; None: beside the shards.
        detections: boxes, where `model.view` is crop.
        engine: what computes them on processors.
        workers: compute features instead of this process, see `core.workers`.

    Returns:
        The finished run. Its result holds the chosen C of each head.

    Raises:
        InputError: `folder` holds another run, the data cannot serve the task, weights that are
            not on this computer, or a configuration that a probe cannot obey.
    """
    manifest, folder = Manifest.read(shards), Path(folder)
    check_view(config, manifest, detections)
    _check(config)
    check_data(config, manifest)
    record = describe_run(config, manifest, detections)
    begun = check_claim(folder, record)
    if is_finished(folder):
        return Run.read(folder)
    heads, spec = manifest.vocabulary.heads(config.train.task), input_spec(config.model, manifest)
    keras.utils.set_random_seed(config.train.seed)
    model = architectures.build(config.model, heads)
    if not begun:
        write_json(folder / file_names.CONFIG, KIND, VERSION, record)
    trunk = trunk_of(model, next(iter(heads)))
    store = Features.open(trunk, spec, manifest, features, detections)
    fitted = fit_heads(store, config, engine=engine, workers=workers)
    for name, head in fitted.items():
        model.get_layer(name).set_weights([head.kernel, head.bias])
    with atomic(folder / file_names.NETWORK) as temporary:
        model.save(temporary)
    strengths = {STRENGTH + name: head.strength for name, head in fitted.items()}
    split = Split(manifest, config.train.select_on, detections=detections)
    finish(folder, config, manifest, split, strengths, as_fitted=True)
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
