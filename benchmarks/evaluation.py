"""Metrics, calibration and a plan on the paper's whole data set, in seconds and a few GB.

    python -m benchmarks.evaluation

3.2 million pictures in 1.07 million events with 66 outputs (empty 2, species 48, count 12,
two attributes of 2) are drawn at random; limits are 60 s and 6 GB for the three
together, drawing and reading not counted in the time.

Measured on 2 cores, nothing else running: 38.0 s (metrics 24.7, by site 1.7, temperatures 5.7,
plan 5.9), of which 38.0 s of processor, and 4.00 GB.
"""

import argparse
import resource
import time

import numpy as np
import pandas as pd

from camtrap_tf.answers import calibration, metrics, planning
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import ATTRIBUTES, BINARY, COUNT_BINS, EMPTY, SERENGETI_SPECIES

ROWS, FRAMES = 3_200_000, 3
LIMIT_SECONDS, LIMIT_GB = 60, 6
CLASSES = {EMPTY: BINARY, "species": SERENGETI_SPECIES, "count": COUNT_BINS}
CLASSES |= dict.fromkeys(ATTRIBUTES[:2], BINARY)  # 2 + 48 + 12 + 2 + 2 = 66 outputs


def draw(rows: int, seed: int = 0) -> Predictions:
    """Events of three pictures, three in four empty, answers that are right most of the time."""
    rng = np.random.default_rng(seed)
    events = np.arange(rows) // FRAMES
    empty = (rng.random(events[-1] + 1) < 0.75)[events]
    labels, probabilities = {}, {}
    for head, names in CLASSES.items():
        label = (rng.random(events[-1] + 1) ** 2 * len(names)).astype(np.int16)[events]
        label = empty.astype(np.int16) if head == EMPTY else np.where(empty, -1, label)
        logits = rng.standard_normal((rows, len(names)), np.float32)
        logits[np.arange(rows), label] += 3
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        labels[head], probabilities[head] = label.astype(np.int16), logits
    ids = pd.DataFrame(
        {
            "path": np.char.add("S1/", np.arange(rows).astype(str)),
            "event_id": np.char.add("E", events.astype(str)),
            "site": np.char.add("L", (events % 225).astype(str)),
        }
    )
    return Predictions(ids, CLASSES, probabilities, labels, labels)


def main() -> None:
    """Draws, times each step, and prints it beside the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    predictions = draw(parser.parse_args().rows)
    half = np.arange(len(predictions)) < len(predictions) // 2
    steps = {
        "metrics": lambda: metrics.evaluate(predictions),
        "by site": lambda: metrics.by_place(predictions),
        "temperatures": lambda: calibration.temperatures(predictions),
        "plan": lambda: planning.plan(
            predictions.select(half), predictions.select(~half), 0.966, 3.2e6, 10
        ),
    }
    total = busy = 0.0
    for name, step in steps.items():
        start, begun = time.perf_counter(), time.process_time()
        step()
        seconds, processor = time.perf_counter() - start, time.process_time() - begun
        total, busy = total + seconds, busy + processor
        print(f"{name:<14}{seconds:6.1f} s, {processor:6.1f} s of processor", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"together      {total:6.1f} s  (limit {LIMIT_SECONDS} s: {total / LIMIT_SECONDS:.2f})")
    print(f"of processor  {busy:6.1f} s  ({busy / LIMIT_SECONDS:.2f} of the limit)")
    print(f"peak memory   {peak:6.2f} GB (limit {LIMIT_GB} GB: {peak / LIMIT_GB:.2f})")


if __name__ == "__main__":
    main()
