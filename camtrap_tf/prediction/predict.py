"""Prediction: a bundle on pictures, labelled or new.

`predict` answers a season of pictures as a job that can be stopped and goes on
(`job`); `predict_folder` some pictures, for a notebook.
"""

import dataclasses
import itertools
import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import file_names, locks
from camtrap_tf.core.artifacts import PathLike, absolute, as_path, content_sha256, existing_folder
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import EVENT_GAP_SECONDS
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task
from camtrap_tf.core.progress import Meter
from camtrap_tf.core.workers import local
from camtrap_tf.core.workers.work import Advance, Do, Work, Workers
from camtrap_tf.events import boxes, corrections, detections
from camtrap_tf.events.detections import Detector, Use, is_stage1
from camtrap_tf.events.listing import Listing, resolve
from camtrap_tf.events.table import EventTable, occurs
from camtrap_tf.networks import engines
from camtrap_tf.networks.bundle import (
    Bundle,
    answering_info,
    classes,
    computation,
    computation_key,
)
from camtrap_tf.prediction.boxes import name_boxes, unnamed
from camtrap_tf.prediction.detect import Search, detect
from camtrap_tf.prediction.job import DETECTOR_FOLDER, Block, Job, list_pictures
from camtrap_tf.prediction.predictor import Options, Predictor, calls_at_a_time
from camtrap_tf.prediction.shards import answer_shards

log = logging.getLogger("camtrap")


@locks.holds("folder")
def predict(
    sources: Listing | Sequence[PathLike | EventTable],
    bundle: Bundle | PathLike,
    folder: PathLike,
    options: Options | None = None,
    table: EventTable | None = None,
    images: PathLike | None = None,
    only_new: bool = False,
    engine: Workers | None = None,
) -> Path:
    """Answers pictures into a results folder; goes on where it was stopped.

    Args:
        sources: what to answer, see `listing.resolve`; or what that returns.
        bundle: what predicts, or its folder. One that sees crops has our own detector look for
            boxes first, unless `options` bring some, and says what is in each (`boxes`).
        folder: the results folder, see `job`.
        options: how.
        table: gives the events' ids by path; pictures that it has not got, and all where there
            is none, are grouped (`bursts`).
        images: folder that paths are relative to, see `listing.resolve`; where a job's pictures
            have moved to.
        only_new: look for pictures that came since they were listed, and answer them too.
        engine: answers the blocks instead of this process, see `core.workers`.

    Returns:
        The path of predictions.parquet in the folder.

    Raises:
        InputError: no pictures, or a folder that holds another job.
    """
    options = options or Options()
    engine_cpu = engines.asked_of(engine, options.engine_cpu)
    options = dataclasses.replace(options, engine_cpu=engine_cpu)
    bundle = bundle if isinstance(bundle, Bundle) else Bundle.read(bundle)
    found = sources if isinstance(sources, Listing) else resolve(sources, images)
    litert = options.engine_cpu is engines.Engine.LITERT
    _check_shards(
        found, options.detector, options.precision, litert, engine, table is not None, only_new
    )
    looks = bundle.needs_boxes and options.detector is None and not found.shards
    if looks:
        Job.check(folder, _record(found, bundle, options), later=("detector",))
        path = _look_first(found, folder, options, only_new, engine)
        view, found_boxes = Detector(detections.read(path), Use.VIEW), boxes.read(path)
        options = dataclasses.replace(options, detector=view, boxes=found_boxes)
    weight = bundle.event_weight if options.event_weight is None else options.event_weight
    job = Job.claim(folder, _record(found, bundle, options, looks), found.root)
    if found.shards:
        return answer_shards(bundle, found.shards, job, weight)
    if only_new or not job.listed:
        list_pictures(job, found, options.block_size, options.gap_seconds, table, told=looks)
    corrections.check(*job.places(), options.corrected)
    if options.detector is not None:
        _check_detections(job, options.detector)
    _answer_pictures(job, bundle, found.root, options, engine)
    return job.assemble(
        classes(bundle, options.detector),
        _info(bundle, options),
        options.gap_seconds,
        bundle.kept_scores,
        options.corrected,
        weight,
    )


def _answer_pictures(
    job: Job, bundle: Bundle, root: Path, options: Options, engine: Workers | None
) -> None:
    """Has all pictures of a job answered that are not, and what is in their boxes."""
    total, missing = job.counts()
    if missing < total:
        log.info("%s of %s pictures are answered already", f"{total - missing:,}", f"{total:,}")
    if missing or (options.boxes is not None and unnamed(job, options.boxes)):
        litert_keys = _computed_in_litert(job, bundle, options, total, missing)
        options = dataclasses.replace(options, litert=litert_keys)
    try:
        if missing:
            _answer_blocks(engine or local.engine(), bundle, root, job, options, missing)
        if options.boxes is not None:
            name_boxes(bundle, root, job, options, engine)
    except KeyboardInterrupt:
        _tell_stopped(job, total)
        raise


def _check_shards(found: Listing, *wishes: object) -> None:
    """Raises InputError where shards are to be answered in a way that only pictures can be."""
    if found.shards and any(wishes):
        raise InputError(
            "shards are answered without a detector, precision, engine, events or only_new",
            str(found.shards),
            "Leave those out.",
        )


def _info(bundle: Bundle, options: Options) -> dict[str, Any]:
    """How the answers were made, which is kept with them."""
    info = answering_info(bundle, options.detector) | {"event_gap_seconds": options.gap_seconds}
    if options.precision is not None:
        info["precision"] = options.precision.value
    if options.corrected:
        info["corrected_clocks"] = [str(one) for one in options.corrected]
    return info


def _look_first(
    found: Listing, folder: PathLike, options: Options, only_new: bool, engine: Workers | None
) -> Path:
    """Boxes of our own detector, looked for now or before, into FOLDER/.detector."""
    search = Search(threads=options.threads, engine_cpu=options.engine_cpu)
    return detect(
        found, as_path(folder) / DETECTOR_FOLDER, search, only_new=only_new, engine=engine
    )


def _computed_in_litert(
    job: Job, bundle: Bundle, options: Options, total: int, missing: int
) -> tuple[str, ...]:
    """Keys of the networks that LiteRT computes in this job."""
    if options.precision is not None:
        return ()
    asked = [not (m.task is Task.EMPTY and is_stage1(options.detector)) for m in bundle.members]
    members = list(itertools.compress(bundle.members, asked))

    def load() -> list[engines.Computation]:
        networks = itertools.compress(bundle.networks(), asked)
        return [computation(bundle, *own) for own in zip(members, networks, strict=True)]

    return engines.settle(
        job.folder,
        options.engine_cpu,
        [computation_key(bundle, member) for member in members],
        load,
        total,
        begun=missing < total,
        calls=calls_at_a_time(1),
    )


def _tell_stopped(job: Job, total: int) -> None:
    log.warning(
        "stopped: %s of %s pictures are answered; the same command goes on from there",
        f"{total - job.counts()[1]:,}",
        f"{total:,}",
    )


def predict_folder(
    folder: PathLike,
    bundle: Bundle,
    table: EventTable | None = None,
    gap_seconds: float = EVENT_GAP_SECONDS,
    batch_size: int = 32,
) -> Predictions:
    """Answers for every picture below a folder, in memory: for notebooks and small folders.

    A picture that cannot be read is a row with its reason and without an answer.

    Args:
        folder: searched with all its subfolders.
        bundle: what predicts.
        table: gives the events' ids by path; other pictures are grouped (`bursts`).
        gap_seconds: longest pause inside an event made from times.
        batch_size: pictures in one call of a network.

    Raises:
        InputError: no such folder, or no picture in it.
    """
    root = existing_folder(folder, "a folder of pictures")
    with tempfile.TemporaryDirectory() as out:
        options = Options(gap_seconds, batch_size)
        return Predictions.read(predict([root], bundle, Path(out) / "job", options, table))


def _answer_blocks(
    engine: Workers, bundle: Bundle, root: Path, job: Job, options: Options, missing: int
) -> None:
    """Has all blocks answered that have no answers."""
    here = dataclasses.replace(bundle, folder=absolute(bundle.folder))
    kept = Job(absolute(job.folder), {})
    arguments = here, absolute(root), kept, options
    with Meter(missing, "predicting") as meter:
        for _ in engine(Work(start_answering, arguments, job.pending(), job.folder), meter.advance):
            pass


def start_answering(bundle: Bundle, root: Path, job: Job, options: Options) -> Do:
    """What answers blocks of pictures one after another, and keeps the answers in their job.

    Args:
        bundle: what predicts.
        root: folder that the pictures' paths are relative to.
        job: where the blocks are kept; a result is a block's number.
        options: how they are answered.
    """
    existing_folder(root, "the folder that the pictures' paths are relative to")
    return answers_of(Predictor(bundle, options), root, job)


def answers_of(predictor: Predictor, root: Path, job: Job) -> Do:
    """The same of a predictor that is loaded."""

    def answer(blocks: Iterable[Block], advance: Advance) -> Iterator[int]:
        for block, answers in predictor.answer(blocks, root, advance):
            job.write(block, answers)
            yield block.number

    return answer


def _record(found: Listing, bundle: Bundle, options: Options, looks: bool = False) -> dict:
    """What the answers depend on; of shards their content, wherever they lie.

    Boxes that a prediction `looks` for itself, which become more with new pictures, are a job of
    their own.
    """
    detector = {} if options.detector is None else options.detector.record()
    if looks and detector:
        detector["detections"] = DETECTOR_FOLDER
    if found.shards:
        return {
            "shards": content_sha256(found.shards / file_names.MANIFEST),
            "bundle": bundle.version,
            "animal_threshold": bundle.animal_threshold,
        }
    return {
        "sources": list(found.names),
        "images": found.images,
        "bundle": bundle.version,
        "animal_threshold": bundle.animal_threshold,
        "picture": to_json(bundle.picture),
        "precision": None if options.precision is None else options.precision.value,
        "batch_size": options.batch_size,
        "block_size": options.block_size,
        **({"detector": detector} if detector else {}),
    }


def _check_detections(job: Job, detector: Detector) -> None:
    """Says how many of the listed pictures the detector was asked about.

    Raises:
        InputError: none of them.
    """
    listed = pd.Series(job.read_list(["path"])["path"])
    known = int(occurs(listed.astype("string"), detector.detections.paths).sum())
    log.info("the detections have %s of %s pictures", f"{known:,}", f"{len(listed):,}")
    if not known:
        raise InputError(
            f"detections name the pictures as they are named here, e.g. {listed[0]}",
            detector.detections.paths.iloc[0] if len(detector.detections) else "no pictures",
            "Give --images=FOLDER, the folder that its paths are relative to.",
        )
