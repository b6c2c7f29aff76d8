"""Shards to augmented batches against decoding alone.

    python -m benchmarks.input_pipeline

Ours: shuffled 256-pixel shards to augmented, normalised 224-pixel batches of 32, recipe by
recipe, without `model.context`, the start of an epoch included. Limit: the same JPEGs, held in
memory, decoded whole by `tf.data` and thrown away. Medians of interleaved repeats, by the clock
and by processor time. Goal: 0.75.

Measured on two cores with nothing else running, 18,000 pictures of 27 KB; ratios by the clock and
by processor time: decode only 3,377 pictures/s, paper 2,607 (0.77, 0.78), released_code 2,674
(0.79, 0.80), modern 1,832 (0.54, 0.57), which misses the goal: RandAugment takes 0.2 ms a
picture, decoding whole 0.56 ms of processor time. An epoch begins by filling the buffer that
shuffles, 4,096 pictures, for 0.4 s.

On two cores of an AMD EPYC: decode only 2,011, paper 0.79, 0.77, released_code 0.71, 0.70, modern
0.47, 0.48; where TensorFlow does not keep the memory of tensors (TF_CPU_ALLOCATOR_USE_BFC=0)
2,143 and 0.68, 0.65, 0.44 by the clock.
"""

import dataclasses
import os
import tempfile
import time
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
LIMIT, RECIPES = "decode only", ("paper", "released_code", "modern")


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
    """A function of an epoch's number that gives its batches, as the training loop has them."""
    config = PRESETS[recipe]
    spec = InputSpec(224, config.model.normalisation, manifest.mean, manifest.std)
    data = pipeline.TrainingData("train", Task.SPECIES, spec, config.augment, 32, 0)
    traced = pipeline.Traced(manifest, data)
    return lambda epoch: pipeline.training(manifest, data, epoch, traced=traced)


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
        epochs = {recipe: ours(manifest, recipe) for recipe in RECIPES}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in (LIMIT, *RECIPES)}
        for repeat in range(REPEATS + 1):  # the first warms up
            passes = {LIMIT: rates(decode_only(encoded), count)}
            for recipe in RECIPES:
                used = count // 32 * 32
                passes[recipe] = rates(epochs[recipe](repeat + 1), used)
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
            f"{name:14} {clock:6.0f} pictures/s, ratio {by_clock:.2f}   "
            f"{processor:6.0f} per processor second, ratio {by_processor:.2f}"
        )


if __name__ == "__main__":
    main()
