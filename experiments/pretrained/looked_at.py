r"""Need the detector look at pictures that the whole-picture network is sure about?

    python -m experiments.pretrained.looked_at --shards='/tmp/ca/256-{seed}' \
        --detections=/tmp/ca/detected/detections.json --table=pretrained_looked_at.csv

Shards and boxes as of `experiments.california.read_events`. A picture whose answer by the heads on
the whole picture is at least so sure (`THRESHOLDS`) keeps it; on the others the detector looks for
a box and both views answer. `looked_at` is the share of pictures that the detector, and the network
on the crop, would compute. 0 stands for the whole picture alone, 'all' for both views of all.

Events are weighted by the probability of an animal: a picture that no detector looked at has no
score to be weighted by. Calibrated on the validation days. `learnt` days are there to choose a
threshold by (`rules.cross_fitted`), `test` days are read once; four splits together.

Intervals: events drawn anew.
"""

import dataclasses
from pathlib import Path

import numpy as np
from absl import app, flags

from camtrap_tf.answers import metrics, with_event
from camtrap_tf.answers.predictions import Predictions
from experiments.pretrained import probes, rules
from experiments.pretrained.scored import Scored, decided, join
from experiments.rows import write_lines

THRESHOLDS = {"0": 0.0, "0.5": 0.5, "0.6": 0.6, "0.7": 0.7, "0.8": 0.8, "0.9": 0.9, "0.95": 0.95,
              "0.99": 0.99, "all": np.inf}  # fmt: skip
DAYS = ("learnt", "test")


def mixed(whole: Predictions, both: Predictions, least: float) -> tuple[Predictions, np.ndarray]:
    """Answers of both views where the whole picture's is less sure, and [pictures] bool: where."""
    looked = whole.answer_confidence() < least
    values = {
        head: np.where(looked[:, None], both.probabilities[head], whole.probabilities[head])
        for head in whole.classes
    }
    return dataclasses.replace(whole, probabilities=values), looked


def figures(whole: Predictions, both: Predictions, least: float) -> dict[str, Scored]:
    """What is right with a threshold, and the share of pictures looked at."""
    rows, looked = mixed(whole, both, least)
    read, names = with_event.read(rows, with_event.USUAL), rows.event_names().to_numpy()
    return {
        "looked_at": Scored(looked.astype(float), names),
        "both questions, pictures, alone": Scored(metrics.right_answers(rows), names),
        "both questions, pictures, with their event": Scored(metrics.right_answers(read), names),
        "species, pictures, with their event": decided(read, "species"),
        "empty or not, pictures": decided(rows, "empty"),
        "species, events": decided(rows.by_event(), "species"),
    }


def lines(said: list[dict[str, dict[str, Predictions]]]) -> list[dict]:
    """Lines of the table, from answers by days and view of the splits."""
    found = []
    for days in DAYS:
        for name, least in THRESHOLDS.items():
            runs = [figures(one[days]["whole"], one[days]["both"], least) for one in said]
            joined = {of: join([run[of] for run in runs]).figures() for of in runs[0]}
            share = joined.pop("looked_at")["right"]
            place = {"days": days, "threshold": name, "looked_at": share}
            found += [place | {"of": of} | own for of, own in joined.items()]
    return found


def main(_) -> None:
    """Reads the flags, fits the heads and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    said = [rules.answers(pools) for pools in probes.pools(flags.FLAGS)[1:]]
    write_lines(lines(said), Path(flags.FLAGS.table))


if __name__ == "__main__":
    probes.define_flags()
    app.run(main)
