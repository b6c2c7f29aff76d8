"""Boxes of the pictures of shards, looked for once and kept beside the shards.

    SHARDS/boxes/   a job of `detect`: detections.json, and what it needs to go on

Probes of crops, evaluation and prediction of shards find them there. Shards that hold sharp crops
(`camtrap shard --crops`) hold the boxes that these were cut around, too.
"""

import logging
from pathlib import Path

import pandas as pd

from camtrap_tf.batches import pipeline
from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import PathLike, is_remote
from camtrap_tf.core.errors import InputError, require
from camtrap_tf.core.workers.work import Workers
from camtrap_tf.events import detections, listing
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.detector.yolox import NAME
from camtrap_tf.networks.engines import Engine
from camtrap_tf.networks.pretrained import weights
from camtrap_tf.prediction.detect import Search, detect

FOLDER = "boxes"
log = logging.getLogger("camtrap")


def kept(manifest: Manifest) -> Detections | None:
    """The boxes in shards or beside them; None where nobody has looked for them yet."""
    if manifest.picture.crops:
        splits = [pipeline.stored_boxes(manifest, split) for split in manifest.splits()]
        return detections.joined(splits)
    path = _file(manifest)
    if is_remote(manifest.folder) or not path.is_file():
        return None
    log.info("boxes: %s", path)
    return detections.read(path)


def given(manifest: Manifest, brought: Detections | None) -> Detections | None:
    """The boxes that somebody brings, or those that are kept.

    Raises:
        InputError: the shards hold parts that were cut around boxes of their own.
    """
    require(
        brought is None or not manifest.picture.crops,
        "sharp crops are cut around the boxes that the shards hold",
        f"other boxes for {manifest.folder}",
        "Leave out --detections, or write the shards anew: `camtrap shard --crops "
        "--detections=FILE`.",
    )
    return kept(manifest) if brought is None else brought


def find(
    manifest: Manifest,
    images: PathLike | None,
    engine: Engine = Engine.AUTO,
    workers: Workers | None = None,
    brought: Detections | None = None,
) -> Detections:
    """The boxes of all pictures of some shards, looked for now unless they are there.

    Args:
        manifest: of the shards.
        images: the folder that the shards were made from; needed where nothing is kept yet.
        engine: what computes the detector on processors.
        workers: look instead of this process, see `core.workers`.
        brought: boxes in place of those that are kept or looked for.

    Raises:
        InputError: nothing is kept, and the folder or the detector's weights are missing; or as of
            `given`.
    """
    before = given(manifest, brought)
    if before is not None:
        return before
    check(manifest, images)
    sources = listing.of_paths(_paths(manifest), Path(str(images)), str(manifest.folder))
    folder = Path(manifest.folder) / FOLDER
    search = Search(engine_cpu=engine)
    return detections.read(detect(sources, folder, search, engine=workers))


def check(manifest: Manifest, images: PathLike | None) -> None:
    """Raises InputError where boxes are neither kept nor can be looked for."""
    if manifest.picture.crops or (not is_remote(manifest.folder) and _file(manifest).is_file()):
        return
    if images is None:
        raise InputError(
            "a crop is the part of a picture around what a detector found",
            f"no boxes in {manifest.folder}/{FOLDER}",
            "Give --images=PICTURES, the folder that `camtrap shard` was given, to look for them; "
            "or --detections=FILE, what `camtrap detect` or MegaDetector wrote of these pictures.",
        )
    require(
        not is_remote(manifest.folder),
        "boxes are kept in a local folder",
        str(manifest.folder),
        "Run `camtrap detect PICTURES --out=found`, and give "
        f"--detections=found/{file_names.DETECTIONS}.",
    )
    weights.require(NAME)


def _file(manifest: Manifest) -> Path:
    return Path(manifest.folder) / FOLDER / file_names.DETECTIONS


def _paths(manifest: Manifest) -> pd.Series:
    tables = [pipeline.index(manifest, split)[0]["path"] for split in manifest.splits()]
    return pd.concat(tables, ignore_index=True).astype("string")
