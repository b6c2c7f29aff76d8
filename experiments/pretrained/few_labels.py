r"""Few labels: how far heads on a frozen network come with 50 to 900 labelled pictures.

    python -m experiments.pretrained.few_labels --shards='/tmp/ca/256-{seed}' \
        --detections=/tmp/ca/detected/detections.json --table=pretrained_few_labels.csv

Shards and boxes as of `experiments.california.read_events`. Lite0's features of the whole picture,
of the part around the detector's surest box, and both: the mean of the two heads' probabilities.
The heads, 'empty' and species, see the labelled pictures of the training days and nothing else; C
is chosen by folds of their events. Pictures are read by themselves and with their event, by the
rule and the weight that a bundle takes where it has nothing to choose by. Nothing is chosen on
validation days here, so that they are unseen days, too.

Two ways to label, as in `few_labels.csv` and in the trial that it is compared with:

    events    whole events in random order, on the default split of the days; validation and test
    pictures  pictures at random, on the four splits where a fifth of the days is tested

Species right on pictures with an animal, mean over draws (and splits); intervals: events drawn
anew, for all draws and splits together.
"""

import itertools
from pathlib import Path

import numpy as np
from absl import app, flags

from camtrap_tf.answers import with_event
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import MISSING
from experiments.california.few_labels import SIZES, labelled
from experiments.pretrained import probes
from experiments.pretrained.probes import Days
from experiments.pretrained.scored import Scored, join
from experiments.rows import write_lines

READINGS = {"alone": 0.0, "with its event": with_event.USUAL}


def of_events(rows: Predictions, size: int, seed: int) -> np.ndarray:
    """Positions of the pictures of whole events, drawn until there are so many."""
    return np.flatnonzero(rows.ids["event_id"].isin(labelled(rows.ids, size, seed)))


def of_pictures(rows: Predictions, size: int, seed: int) -> np.ndarray:
    """Positions of so many pictures, drawn at random."""
    return np.sort(np.random.default_rng(seed).permutation(len(rows))[:size])


def score(rows: Predictions, reading: str) -> Scored:
    """Species of pictures with an animal."""
    truth = rows.labels["species"]
    said = with_event.read(rows, READINGS[reading]).top("species")
    return Scored(np.where(truth == MISSING, np.nan, said == truth), rows.event_names().to_numpy())


def measure(way: str, days: dict[str, Days], draws: int, sizes: list[int]) -> dict:
    """Scores by way, number of labels, view, reading and split, one of each draw."""
    draw = {"events": of_events, "pictures": of_pictures}[way]
    found: dict[tuple, list[Scored]] = {}
    for size, seed in itertools.product(sizes, range(draws)):
        fitted = probes.fit(days["train"], draw(days["train"].answered, size, seed))
        for split in [split for split in days if split != "train"]:
            for view, rows in probes.ask(fitted, days[split]).items():
                for reading in READINGS:
                    key = (way, size, view, reading, split)
                    found.setdefault(key, []).append(score(rows, reading))
    return found


def lines(found: dict[tuple, list[Scored]]) -> list[dict]:
    """A line of the table for each key of `measure`."""
    names = ("labelled", "labels", "view", "reading", "split")
    return [
        {**dict(zip(names, key, strict=True)), "runs": len(runs), **join(runs).figures()}
        for key, runs in found.items()
    ]


def main(_) -> None:
    """Reads the flags, fits the heads and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    given, found = flags.FLAGS, {}
    ways = [("events", given.draws_of_events), *[("pictures", given.draws)] * 4]
    for pools, (way, draws) in zip(probes.pools(given), ways, strict=True):
        splits = ("train", "val", "test") if way == "events" else ("train", "test")
        days = {split: probes.read(pools, split) for split in splits}
        for key, runs in measure(way, days, draws, list(map(int, given.sizes))).items():
            found.setdefault(key, []).extend(runs)
    write_lines(lines(found), Path(given.table))


if __name__ == "__main__":
    probes.define_flags()
    flags.DEFINE_list("sizes", list(map(str, SIZES)), "numbers of labelled pictures")
    flags.DEFINE_integer("draws", 1, "of pictures, on each split of the days")
    flags.DEFINE_integer("draws_of_events", 3, "of whole events, on the default split")
    app.run(main)
