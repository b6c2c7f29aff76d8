"""What accuracy costs: finished runs by the time that a picture takes, and which are worth it.

    python -m experiments.california.pareto /tmp/ca/runs/*/modern-* \
        --table=experiments/results/pareto.csv

For runs of `california.py`. Accuracy is that of the validation days, since a choice is
made by it: the mean of the four figures (empty or not and species, of pictures and of events).
Seeds of one row are averaged. A row is on the front if none is both quicker and more accurate.
Time: the network on one picture, in batches of 32, on one core, the median of ten; what
stands beside a picture is made by the pipeline and not counted.
Cost: seconds a run. The committed table has three seeds of the `small` network with no context and
four others, and of `edge` with the difference, which is both the quickest and the most accurate.
`pareto_resolution.csv` has runs of 84, 112 and 168 pixels (`california_112.csv`,
`california_168.csv`), timed on two cores of an AMD EPYC, where times vary by a third; its networks
tell familiarity, which makes them larger.

The preset `quick`, and so the demo, was chosen on the demo's validation split (`pareto_demo.csv`,
one seed each, trained on one core that other work shared, with tcmalloc preloaded; SGD is the
paper's recipe, as `experiments.lab.SMALL` has it, for 20 epochs of batches of 32 from a rate of
0.05):

    ln -s ../shards demo/candidates/shards
    camtrap train --shards=demo/shards --task=one_stage --preset=quick --run=demo/candidates/small
    camtrap train ... --set=model.architecture=edge --run=demo/candidates/edge
    camtrap train ... --set=model.context=none --set=augment.hide_context=0 --run=...
    python -m experiments.california.pareto demo/candidates/* \
        --table=experiments/results/pareto_demo.csv
"""

import statistics
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from absl import app, flags

from experiments.rows import write_lines

BATCH, REPEATS = 32, 10
KIND = ("architecture", "crop", "context", "optimizer")


def front(rows: list[tuple[float, float]]) -> list[bool]:
    """Which rows (cost, accuracy) no other row beats in both.

    >>> front([(1.0, 0.5), (2.0, 0.7), (3.0, 0.6)])
    [True, True, False]
    """
    return [
        not any(other != row and other[0] <= row[0] and other[1] >= row[1] for other in rows)
        for row in rows
    ]


def milliseconds(network) -> float:
    """Time of one picture in the network, ms."""
    spec = network.spec
    pixels = np.zeros((BATCH, spec.crop, spec.crop, spec.context.channels), np.uint8)
    taken = []
    for _ in range(REPEATS + 2):
        start = time.perf_counter()
        network.probabilities(pixels)
        taken.append(1000 * (time.perf_counter() - start) / BATCH)
    return statistics.median(taken[2:])


def described(run) -> dict:
    """What a run is, what it costs and how often it is right."""
    from experiments import cost, lab
    from experiments.california import california

    model, network = run.config.model, run.network()
    figures = [
        figure["right"]
        for figure in california.measure("", 0, "val", california.answers(run, "val"))
        if figure["level"] in ("pictures", "events")
    ]
    return {
        "architecture": model.architecture,
        "crop": model.crop,
        "context": model.context.value,
        "optimizer": run.config.train.optimizer.value,
        "parameters": network.model.count_params(),
        "million_multiply_adds": round(cost.multiply_adds(model) / 1e6, 1),
        "milliseconds": milliseconds(network),
        "training_seconds": lab.cost(run.folder)["seconds"],
        "right": float(np.mean(figures)),
    }


def table(runs: list[dict]) -> list[dict]:
    """Runs of one kind as one row, the quickest first."""
    kinds = defaultdict(list)
    for run in runs:
        kinds[tuple(run[name] for name in KIND)].append(run)
    rows = []
    for same in kinds.values():
        row: dict = dict(same[0], runs=len(same))
        for name in ("milliseconds", "training_seconds", "right"):
            row[name] = round(float(np.mean([run[name] for run in same])), 4)
        rows.append(row)
    rows.sort(key=lambda row: row["milliseconds"])
    on = front([(row["milliseconds"], row["right"]) for row in rows])
    return [dict(row, front=int(best)) for row, best in zip(rows, on, strict=True)]


def main(arguments: list[str]) -> None:
    """Reads the flags and writes the table."""
    import tensorflow as tf

    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.networks.run import Run

    start_tensorflow()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows = table([described(Run.read(Path(folder))) for folder in arguments[1:]])
    write_lines(rows, flags.FLAGS.table)


if __name__ == "__main__":
    flags.DEFINE_string("table", None, "table to write", required=True)
    app.run(main)
