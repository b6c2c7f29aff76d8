r"""How many empty pictures the detector and a probe take off people's hands.

    python -m experiments.pretrained.stage1 --shards='/tmp/ca/256-{seed}' \
        --detections=/tmp/ca/detected/detections.json --table=pretrained_stage1.csv

Shards and boxes as of `experiments.california.read_events`. The share of the empty pictures below a
threshold that keeps 96% of those with something: by the detector's score, which nothing was learnt
for, by a probe for 'empty', and by both joined, a logistic regression of the two log-odds that is
fitted on the validation days. On the test days of the four splits together:

    validation days  the threshold keeps 96% there; `kept` says how many it kept on the test days
    at 96%           the threshold keeps 96% of the test days: no one can set it, but it compares
                     the scores alone

Intervals: events drawn anew.
"""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from absl import app, flags

from camtrap_tf.answers.event_rules import log_probabilities
from camtrap_tf.core.labels import MISSING
from experiments.pretrained import probes
from experiments.pretrained.scored import Scored, join
from experiments.rows import write_lines

KEPT = 0.96
LEAST = 0.005  # stands for the score of a picture without a box; boxes have 0.01 and more


def log_odds(probability: np.ndarray) -> np.ndarray:
    """[n] float64 of [n] in [0, 1]."""
    both = np.stack([probability, 1 - probability], axis=1).astype(np.float64)
    logs = log_probabilities(both)
    return logs[:, 0] - logs[:, 1]


def scores(days: dict[str, probes.Days], detected: dict[str, np.ndarray]) -> dict:
    """By name and split, [n] float: the larger, the surer that there is something."""
    fitted = probes.fit(days["train"], np.arange(len(days["train"].answered)))
    found = {("detector", s): log_odds(np.maximum(values, LEAST)) for s, values in detected.items()}
    said = {split: probes.ask(fitted, days[split]) for split in detected}
    for view in said["val"]:
        name = f"probe, {view}"
        for split, views in said.items():
            found[name, split] = log_odds(views[view].animal_probability())
        found |= _joined(name, found, days["val"].answered.labels["empty"], detected)
    return found


def _joined(name: str, found: dict, empty: np.ndarray, splits: Iterable[str]) -> dict:
    from sklearn.linear_model import LogisticRegression

    columns = {s: np.stack([found[name, s], found["detector", s]], axis=1) for s in splits}
    known = empty != MISSING
    model = LogisticRegression().fit(columns["val"][known], empty[known] == 0)
    return {(f"{name}, and detector", s): model.decision_function(columns[s]) for s in splits}


def threshold(score: np.ndarray, empty: np.ndarray) -> float:
    """The highest at which `KEPT` of the pictures with something lie on it or above."""
    rising = np.sort(score[empty == 0])
    return float(rising[len(rising) - math.ceil(KEPT * len(rising))])


def removed(score: np.ndarray, empty: np.ndarray, events: np.ndarray, least: float) -> dict:
    """What of the empty pictures lies below a threshold, and what of the others does not."""
    below = Scored(np.where(empty == 1, score < least, np.nan), events)
    return {"empties": below, "kept": Scored(np.where(empty == 0, score >= least, np.nan), events)}


def savings(found: dict, days: dict[str, probes.Days]) -> dict[tuple, Scored]:
    """By name of the score, how its threshold was set, and what is counted."""
    empties = {split: rows.answered.labels["empty"] for split, rows in days.items()}
    events = days["test"].answered.event_names().to_numpy()
    counted = {}
    for name in dict.fromkeys(name for name, _ in found):
        test = found[name, "test"]
        ways = {
            "validation days": threshold(found[name, "val"], empties["val"]),
            "at 96%": threshold(test, empties["test"]),
        }
        for way, least in ways.items():
            for what, scored in removed(test, empties["test"], events, least).items():
                counted[name, way, what] = scored
    return counted


def main(_) -> None:
    """Reads the flags, fits the heads and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events import detections

    start_tensorflow()
    boxes, counted = detections.read(flags.FLAGS.detections), {}
    for pools in probes.pools(flags.FLAGS)[1:]:
        days = {split: probes.read(pools, split) for split in ("train", "val", "test")}
        detected = {s: boxes.of(days[s].answered.ids["path"]).confidence for s in ("val", "test")}
        for key, scored in savings(scores(days, detected), days).items():
            counted.setdefault(key, []).append(scored)
    names = ("score", "threshold", "of")
    lines = [
        dict(zip(names, key, strict=True)) | join(runs).figures() for key, runs in counted.items()
    ]
    write_lines(lines, Path(flags.FLAGS.table))


if __name__ == "__main__":
    probes.define_flags()
    app.run(main)
