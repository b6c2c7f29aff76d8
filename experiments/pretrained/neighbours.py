r"""Events read with their neighbours in time: what is that worth?

    python -m experiments.pretrained.neighbours --shards='/tmp/ca/256-{seed}' \
        --detections=/tmp/ca/detected/detections.json --table=pretrained_neighbours.csv

Shards and boxes as of `experiments.california.read_events`; the probe of both views, calibrated on
the validation days, events by the rules of a bundle that sees crops. The species of an event is
read with those of the events of the same days within 30 minutes (`answers.neighbours`), of which no
label is known:

    alone           every event by itself
    usual           with the weight that is taken where there is nothing to choose it on
    validation days weight and temperature chosen on them
    learnt days     the same, chosen on the training and validation days, answered by heads that
                    were fitted to the other two thirds of them (`rules.cross_fitted`)

On the test days of the four splits together, read once: the species of events, and of pictures
that are each given their event's; `gain` is the difference to `alone`. `with a neighbour`: how many
of the events with an animal have another such event within 30 minutes, and how many pairs of these
are of one species.

Intervals: events drawn anew.
"""

from pathlib import Path

import numpy as np
from absl import app, flags

from camtrap_tf.answers import calibration, neighbours
from camtrap_tf.answers.neighbours import MINUTES, Reading
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import MISSING
from experiments.pretrained import probes, rules
from experiments.pretrained.scored import Scored, decided, join
from experiments.rows import write_lines

ALONE = Reading(weight=0.0)
CHOSEN_ON = {"validation days": "val", "learnt days": "learnt"}
GAIN = {"gain": "right", "gain_low": "low", "gain_high": "high"}


def readings(said: dict[str, Predictions]) -> dict[str, Reading]:
    """How events are read, by name, from labelled answers by the days that it is chosen on."""
    chosen = {days: neighbours.choose(said[split]) for days, split in CHOSEN_ON.items()}
    return {"alone": ALONE, "usual": Reading()} | chosen


def figures(test: Predictions, reading: Reading) -> dict[str, Scored]:
    """Species of events, and of pictures that are each given their event's."""
    events = neighbours.read(test, reading)
    given = events.probabilities["species"].argmax(axis=1)[test.event_codes()]
    truth = test.labels["species"]
    pictures = np.where(truth == MISSING, np.nan, given == truth)
    names = test.event_names().to_numpy()
    return {"events": decided(events, "species"), "pictures": Scored(pictures, names)}


def error(test: Predictions, reading: Reading) -> float:
    """Calibration error of the species of events."""
    events = neighbours.read(test, reading)
    found = calibration.errors(events.probabilities["species"], events.labels["species"])
    return found["calibration_error"]


def alike(test: Predictions) -> dict[str, Scored]:
    """Labelled events with a neighbour that has a label, and neighbours of one species."""
    events = test.by_event()
    truth, names = events.labels["species"], events.event_names().to_numpy()
    one, other = neighbours.pairs(*neighbours.spans(test), MINUTES, truth != MISSING)
    has = np.where(truth == MISSING, np.nan, np.bincount(one, minlength=len(truth)) > 0)
    same = (truth[one] == truth[other]).astype(float)
    return {"events": Scored(has, names), "pairs": Scored(same, names[one])}


def lines(tests: list[Predictions], chosen: list[dict[str, Reading]]) -> list[dict]:
    """Lines of the table, from the test days of the splits and how they are read."""
    made = []
    for way in chosen[0]:
        taken = [readings[way] for readings in chosen]
        runs = [figures(test, reading) for test, reading in zip(tests, taken, strict=True)]
        alone = [figures(test, ALONE) for test in tests]
        errors = [error(test, reading) for test, reading in zip(tests, taken, strict=True)]
        for of in runs[0]:
            whole, before = join([run[of] for run in runs]), join([run[of] for run in alone])
            gain = Scored(whole.right - before.right, whole.units).figures()
            made.append({
                "read": way, "of": of,
                "weight": " ".join(f"{reading.weight:g}" for reading in taken),
                "temperature": " ".join(f"{reading.temperature:.2f}" for reading in taken),
                **whole.figures(),
                **{name: "" if way == "alone" else gain[key] for name, key in GAIN.items()},
                "calibration_error": round(float(np.mean(errors)), 4) if of == "events" else "",
            })  # fmt: skip
    counted = [alike(test) for test in tests]
    for of in counted[0]:
        blank = dict.fromkeys(made[0], "") | {"read": "with a neighbour", "of": of}
        made.append(blank | join([one[of] for one in counted]).figures())
    return made


def main(_) -> None:
    """Reads the flags, fits the heads and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events import detections

    start_tensorflow()
    boxes, tests, chosen = detections.read(flags.FLAGS.detections), [], []
    for pools in probes.pools(flags.FLAGS)[1:]:
        said = {
            split: probes.with_scores(views["both"], boxes)
            for split, views in rules.answers(pools).items()
        }
        chosen.append(readings(said))
        tests.append(said["test"])
    write_lines(lines(tests, chosen), Path(flags.FLAGS.table))


if __name__ == "__main__":
    probes.define_flags()
    app.run(main)
