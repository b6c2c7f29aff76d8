"""Shards to batches against decoding alone.

    python -m benchmarks.input_pipeline

Ours: shuffled 256-pixel shards to batches of 32 pictures of 224 pixels, as the training step takes
them, recipe by recipe, without `model.context`, the start of an epoch included. Limit: the same
JPEGs, held in memory, decoded whole by `tf.data` and thrown away. Augmentation and normalisation
belong to the training step and are computed on the device that learns; `+ augmentation` computes
them here, on the processors. Medians of interleaved repeats, by the clock and by processor time.
Goal: 0.75.

Measured on two quiet threads of one core, two repeats over 6,000 pictures of 27 KB (AGAIN = 4,
REPEATS = 2); pictures/s, ratios by the clock and by processor time:

    decode only      2,455
    paper            2,260  0.92  0.92     + augmentation  1,834  0.75  0.77
    released_code    2,402  0.98  0.99     + augmentation  1,716  0.70  0.72
    modern           2,360  0.96  0.96     + augmentation  1,099  0.45  0.46

So the goal is met where a GPU or TPU learns. On processors `modern` misses it as before: there the
sum of the work is the same wherever it is done.
"""

import dataclasses
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks import shards
from camtrap_tf.batches import pipeline
from camtrap_tf.core.config import InputSpec, PictureSpec
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import PRESETS
from camtrap_tf.pictures import graph

EVENTS, AGAIN, REPEATS = 500, 12, 3
LIMIT, RECIPES, CHANGED = "decode only", ("paper", "released_code", "modern"), " + augmentation"


def encoded_pictures(manifest) -> list[bytes]:
    """The pictures of the training split, as JPEGs in memory."""
    frames = pipeline._split_frames(manifest, "train", lambda columns: columns["frame"])
    return list(frames.as_numpy_iterator())


def decode_only(encoded: list[bytes]) -> tf.data.Dataset:
    """The limit."""
    pictures = tf.data.Dataset.from_tensor_slices(encoded).repeat(AGAIN)
    decoded = pictures.map(
        lambda one: graph.decode_stored(one, PictureSpec()), num_parallel_calls=tf.data.AUTOTUNE
    )
    return decoded.with_options(pipeline._options())


def ours(manifest, recipe: str):
    """Functions of an epoch's number that give its batches: as they are, and augmented."""
    config = PRESETS[recipe]
    spec = InputSpec(224, config.model.normalisation, manifest.mean, manifest.std)
    data = pipeline.TrainingData("train", Task.SPECIES, spec, config.augment, 32, 0)
    traced = pipeline.Traced(manifest, data)

    def batches(epoch):
        return pipeline.training(manifest, data, epoch, traced=traced)

    return {
        recipe: batches,
        recipe + CHANGED: lambda epoch: pipeline.finished(batches(epoch), data),
    }


def rates(dataset: tf.data.Dataset, pictures: int) -> tuple[float, float]:
    """Pictures per second of one pass: by the clock, and of all threads' processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    for _ in dataset:
        pass
    return pictures / (time.perf_counter() - clock), pictures / (time.process_time() - processor)


def main() -> None:
    """Prints medians and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = shards.write(Path(folder), EVENTS)
        encoded = encoded_pictures(manifest)
        manifest = dataclasses.replace(manifest, shards=manifest.shards * AGAIN)
        count = AGAIN * len(encoded)
        epochs: dict[str, Callable[[int], tf.data.Dataset]] = {}
        for recipe in RECIPES:
            epochs |= ours(manifest, recipe)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in (LIMIT, *epochs)}
        for repeat in range(REPEATS + 1):  # the first warms up
            passes = {LIMIT: rates(decode_only(encoded), count)}
            for name, epoch in epochs.items():
                passes[name] = rates(epoch(repeat + 1), count // 32 * 32)
            if repeat:
                for name, value in passes.items():
                    found[name].append(value)
    size = np.mean([len(content) for content in encoded]) / 1024
    print(f"{count} pictures of {size:.0f} KB; load {os.getloadavg()[0]:.1f}")
    limit = np.array(found[LIMIT])
    for name, values in found.items():
        clock, processor = np.median(values, axis=0)
        by_clock, by_processor = np.median(np.array(values) / limit, axis=0)
        print(
            f"{name:28} {clock:6.0f} pictures/s, ratio {by_clock:.2f}   "
            f"{processor:6.0f} per processor second, ratio {by_processor:.2f}"
        )


if __name__ == "__main__":
    main()
