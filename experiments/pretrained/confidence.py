r"""How far the confidence of a probe can be trusted on days never seen.

    python -m experiments.pretrained.confidence --shards='256-{seed}' \
        --detections=detected/detections.json --table=pretrained_confidence.csv

Shards and boxes as of `experiments.california.read_events`. The probe of both views answers the
test days of four splits, read with their events. Compared are its answers as they are fitted with
those that the validation days calibrate (a temperature for each head), and a threshold of
confidence that is set on the validation days with one that is set on the *learnt days*: each of
these answered by heads that learnt from others (`rules.cross_fitted`).

    calibration error    expected, 15 bins of equal width
    left                 share of the test days' pictures whose confidence reaches the threshold
    right of these       which the threshold promises to be 96.6%

Intervals: events drawn anew.
"""

from pathlib import Path

import numpy as np
from absl import app, flags

from camtrap_tf.answers import calibration, metrics, planning, with_event
from camtrap_tf.answers.predictions import Predictions
from experiments.pretrained import probes, rules
from experiments.pretrained.scored import Scored, summary
from experiments.rows import write_lines

TARGET = 0.966  # of the paper's volunteers
WAYS = ("as fitted", "calibrated on the validation days")
DAYS = ("val", "learnt")


def answers(pools: dict) -> dict[str, Predictions]:
    """By days, what both views say together of days that they have not learnt from, as fitted."""
    days = {split: probes.read(pools, split) for split in ("train", "val", "test")}
    both = probes.join([days["train"], days["val"]])
    fitted = probes.fit(days["train"], np.arange(len(days["train"].answered)))
    said = {split: probes.ask(fitted, days[split])["both"] for split in ("val", "test")}
    return said | {"learnt": rules.cross_fitted(both, rules.folds_of_days(both.answered))["both"]}


def figures(read: dict[str, Predictions]) -> dict[str, Scored | float]:
    """All figures of one way.

    Args:
        read: by days, answers read with their events.
    """
    sure = {days: rows.answer_confidence() for days, rows in read.items()}
    right = {days: metrics.right_answers(rows) for days, rows in read.items()}
    names = read["test"].event_names().to_numpy()
    found: dict[str, Scored | float] = {
        "calibration error": calibration.reliability(sure["test"], right["test"]).error
    }
    for days in DAYS:
        least = planning.lowest_threshold(sure[days], right[days], TARGET)
        taken = sure["test"] >= least
        found[f"left, threshold of {days}"] = Scored(taken.astype(float), names)
        kept = np.where(taken, right["test"], np.nan)
        found[f"right of these, threshold of {days}"] = Scored(kept, names)
    return found


def by_way(said: dict[str, Predictions], boxes) -> dict[str, dict[str, Scored | float]]:
    """The figures of each of `WAYS`."""
    found = {}
    for way in WAYS:
        told = {}
        for days, rows in said.items():
            own = rows if way == WAYS[0] else probes.calibrated(rows, said["val"])
            scored = probes.with_facts(probes.with_scores(own, boxes), animal_threshold=0.5)
            told[days] = with_event.read(scored, with_event.USUAL)
        found[way] = figures(told)
    return found


def lines(splits: list[dict[str, dict[str, Scored | float]]]) -> list[dict]:
    """A line for each way and figure, over the splits."""
    return [
        {"answers": way, "figure": figure} | summary([one[way][figure] for one in splits])
        for way in WAYS
        for figure in splits[0][way]
    ]


def main(_) -> None:
    """Reads the flags, fits the heads and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events import detections

    start_tensorflow()
    boxes = detections.read(flags.FLAGS.detections)
    said = [answers(pools) for pools in probes.pools(flags.FLAGS)[1:]]
    write_lines(lines([by_way(one, boxes) for one in said]), Path(flags.FLAGS.table))


if __name__ == "__main__":
    probes.define_flags()
    app.run(main)
