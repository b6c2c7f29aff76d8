"""Prediction: a bundle on pictures, labelled or new."""

import concurrent.futures
import itertools
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf import events, pictures
from camtrap_tf.artifacts import PathLike, existing_folder
from camtrap_tf.bundle import Bundle
from camtrap_tf.config import EVENT_GAP_SECONDS, PictureSpec
from camtrap_tf.errors import InputError
from camtrap_tf.event_table import EventTable
from camtrap_tf.labels import EMPTY
from camtrap_tf.manifest import Manifest
from camtrap_tf.network import predict_split
from camtrap_tf.predictions import Predictions
from camtrap_tf.progress import Meter

log = logging.getLogger("camtrap")


class Predictor:
    """A bundle's networks, loaded and ready to answer.

    Stage 2 is asked only about pictures in which stage 1 sees an animal.
    """

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self.first, self.second = bundle.networks(stage=1), bundle.networks(stage=2)
        networks = self.first + self.second
        self.classes = {head: names for net in networks for head, names in net.heads.items()}

    def answer(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Probabilities by head: [n, size, size, 3] uint8 -> [n, classes] float32.

        Rows that stage 2 was not asked about are NaN.
        """
        answers = _mean_answers(self.first, pixels)
        asked = np.ones(len(pixels), bool)
        if self.first:
            asked = answers[EMPTY][:, 0] >= self.bundle.animal_threshold
        found = _mean_answers(self.second, pixels[asked]) if asked.any() else {}
        for head, names in self.classes.items():
            if head not in answers:
                answers[head] = np.full((len(pixels), len(names)), np.nan, np.float32)
                if head in found:
                    answers[head][asked] = found[head]
        return answers


def predict_folder(
    folder: PathLike,
    bundle: Bundle,
    table: EventTable | None = None,
    gap_seconds: float = EVENT_GAP_SECONDS,
    batch_size: int = 32,
) -> Predictions:
    """Answers for every picture below a folder.

    A picture that cannot be read is a row with its reason and without an answer.

    Args:
        folder: searched with all its subfolders.
        bundle: what predicts.
        table: gives the events' ids by path; without it events are made from EXIF times
            (`events.group`).
        gap_seconds: longest pause inside an event made from EXIF times.
        batch_size: pictures in one call of a network.

    Raises:
        InputError: no such folder, or no picture in it.
    """
    root = existing_folder(folder, "a folder of pictures")
    paths = list(pictures.find(root))
    if not paths:
        raise InputError(
            f"a folder of pictures holds files ending in {', '.join(sorted(pictures.SUFFIXES))}",
            str(root),
            "Check the folder.",
        )
    predictor = Predictor(bundle)
    parts, taken, failures = [], [], []
    with Meter(len(paths), "predicting") as meter:
        for pixels, times, reasons in _batches(root, paths, bundle.picture, batch_size):
            parts.append(_answer_readable(predictor, pixels, reasons))
            taken += times
            failures += reasons
            meter.advance(len(reasons))
    ids = pd.DataFrame({"path": paths, "datetime": pd.to_datetime(taken), "failure": failures})
    ids["event_id"], ids["frame"] = _events(ids, table, gap_seconds)
    probabilities = {head: np.concatenate([p[head] for p in parts]) for head in predictor.classes}
    failed = sum(reason is not None for reason in failures)
    log.info("predicted %d pictures, could not read %d", len(paths) - failed, failed)
    return Predictions(ids, predictor.classes, probabilities, info=_info(bundle))


def predict_shards(bundle: Bundle, shards: PathLike, split: str) -> Predictions:
    """Every network's answers on a labelled split, stage 2 on empty pictures too.

    Raises:
        InputError: the shards' vocabulary or stored pictures are not the bundle's.
    """
    manifest = Manifest.read(shards)
    for field in ("vocabulary", "picture"):
        theirs, ours = getattr(manifest, field), getattr(bundle, field)
        if theirs != ours:
            raise InputError(
                f"shards have the bundle's {field}, {ours}", theirs, "Write the shards to match."
            )
    predictions = predict_split(bundle.networks(), manifest, split)
    predictions.info |= _info(bundle)
    return predictions


def _info(bundle: Bundle) -> dict:
    return {
        "model": ", ".join(member.name for member in bundle.members),
        "model_version": bundle.version,
        "animal_threshold": bundle.animal_threshold,
        "event_rules": bundle.event_rules,
        "temperatures": _temperatures(bundle),
    }


def _temperatures(bundle: Bundle) -> dict[str, float]:
    """By head, what its logits were divided by; of heads that one network answers."""
    found: dict[str, list[float]] = {}
    for member in bundle.members:
        for head in bundle.vocabulary.heads(member.task):
            found.setdefault(head, []).append(member.temperatures.get(head, 1.0))
    return {head: values[0] for head, values in found.items() if len(values) == 1}


def _mean_answers(networks: list, pixels: np.ndarray) -> dict[str, np.ndarray]:
    answers = [network.probabilities(pixels) for network in networks]
    heads = dict.fromkeys(head for answer in answers for head in answer)
    return {
        head: np.mean([a[head] for a in answers if head in a], axis=0, dtype=np.float32)
        for head in heads
    }


def _answer_readable(predictor: Predictor, pixels: np.ndarray, reasons: list) -> dict:
    readable = np.array([reason is None for reason in reasons])
    answers = {
        head: np.full((len(reasons), len(names)), np.nan, np.float32)
        for head, names in predictor.classes.items()
    }
    if readable.any():
        for head, values in predictor.answer(pixels[readable]).items():
            answers[head][readable] = values
    return answers


def _batches(root: Path, paths: list[str], spec: PictureSpec, batch_size: int) -> Iterator[tuple]:
    """Pixels, times and failure reasons of successive batches, read ahead by threads."""

    def read(path: str) -> tuple:
        try:
            picture = pictures.read(root / path, spec)
        except pictures.PictureError as error:
            return np.zeros((spec.size, spec.size, 3), np.uint8), None, str(error)
        return picture.pixels, picture.taken, None

    workers = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        pending = [pool.submit(read, path) for path in paths[: 3 * batch_size]]
        rest = iter(paths[3 * batch_size :])
        for _ in range(0, len(paths), batch_size):
            done = [future.result() for future in pending[:batch_size]]
            pending = pending[batch_size:]
            pending += [pool.submit(read, path) for path in itertools.islice(rest, batch_size)]
            pixels, times, reasons = zip(*done, strict=True)
            yield np.stack(pixels), list(times), list(reasons)


def _events(ids: pd.DataFrame, table: EventTable | None, gap_seconds: float) -> tuple:
    if table is None:
        return events.group(ids["path"], ids["datetime"], gap_seconds)
    frames = table.frames.assign(frame=table.frames.groupby("event_id").cumcount())
    by_path = frames.drop_duplicates("path").set_index("path").reindex(ids["path"])
    unknown = by_path["event_id"].isna().to_numpy()
    if unknown.any():
        log.info("%d pictures are not in the event table; each is its own event", unknown.sum())
    event_id = by_path["event_id"].to_numpy(object)
    event_id[unknown] = ids["path"].to_numpy(object)[unknown]
    return event_id, by_path["frame"].fillna(0).astype("Int32").to_numpy()
