"""Shards to augmented batches against decoding alone.

    python -m benchmarks.input_pipeline

Ours: shuffled 256-pixel shards to augmented, normalised 224-pixel batches of 32, recipe by
recipe. Limit: the same JPEGs, held in memory, decoded by `tf.data` and thrown away. Medians of
interleaved repeats, by processor time, since other work on the machine makes wall-clock ratios
meaningless. Goal: 0.75.

Measured on two cores at load 17, 300 pictures of 27 KB, the start of each epoch included:
decode only 2036 pictures per processor second, paper 641 (ratio 0.33), released_code 682 (0.33),
modern 229 (0.11). The goal is not reached. Without reading, parsing and batching, decoding took
0.39 ms of a 14-KB picture, decoding and augmentation of `paper` 0.72 ms, of `modern` 3.8 ms.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import tensorflow as tf

from benchmarks import shards
from camtrap_tf import images, pipeline
from camtrap_tf.config import PRESETS, InputSpec
from camtrap_tf.labels import Task

EVENTS, REPEATS = 100, 3
RECIPES = ("paper", "released_code", "modern")


def encoded_pictures(manifest) -> list[bytes]:
    """The pictures of the training split, as JPEGs in memory."""
    files = [str(manifest.folder / shard.file) for shard in manifest.shards_of("train")]
    frames = pipeline._frames(files, manifest.vocabulary)
    return [frame["frame"] for frame in frames.as_numpy_iterator()]


def decode_only(encoded: list[bytes]) -> tf.data.Dataset:
    """The limit."""
    pictures = tf.data.Dataset.from_tensor_slices(encoded)
    return pictures.map(images.decode_stored, num_parallel_calls=tf.data.AUTOTUNE)


def ours(manifest, recipe: str, epoch: int) -> tf.data.Dataset:
    """Batches of an epoch of a recipe."""
    config = PRESETS[recipe]
    spec = InputSpec(224, config.model.normalisation, manifest.mean, manifest.std)
    data = pipeline.TrainingData("train", Task.SPECIES, spec, config.augment, 32, 0)
    return pipeline.training(manifest, data, epoch)


def rate(dataset: tf.data.Dataset, pictures: int) -> float:
    """Pictures per second of processor time, all threads together, of one pass."""
    start = time.process_time()
    for _ in dataset:
        pass
    return pictures / (time.process_time() - start)


def main() -> None:
    """Prints medians and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = shards.write(Path(folder), EVENTS)
        encoded = encoded_pictures(manifest)
        limit = decode_only(encoded)
        rates: dict[str, list[float]] = {name: [] for name in ("decode only", *RECIPES)}
        for repeat in range(REPEATS + 1):  # the first warms up
            found = {"decode only": rate(limit, len(encoded))}
            for recipe in RECIPES:
                used = len(encoded) // 32 * 32
                found[recipe] = rate(ours(manifest, recipe, repeat + 1), used)
            if repeat:
                for name, value in found.items():
                    rates[name].append(value)
    size = statistics.mean(len(content) for content in encoded) / 1024
    print(f"{len(encoded)} pictures of {size:.0f} KB; load {os.getloadavg()[0]:.1f}")
    for name, values in rates.items():
        ratios = [value / base for value, base in zip(values, rates["decode only"], strict=True)]
        print(
            f"{name:15} {statistics.median(values):7.0f} pictures per processor second   "
            f"ratio {statistics.median(ratios):.2f}"
        )


if __name__ == "__main__":
    main()
