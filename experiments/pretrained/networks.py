r"""Which pretrained network, and which view: heads on Lite0, Lite1 and Lite2 as they are.

    camtrap weights get lite0 lite1 lite2
    python -m experiments.pretrained.networks --shards='256-{seed}' \
        --detections=detected/detections.json --table=pretrained_networks.csv

Shards and boxes as of `experiments.california.read_events`. Heads are fitted to the training days
of four splits and answer the test days, once. Both: the mean of the heads on either view.

    empty, pictures                     empty or not
    empty, events                       the same by the rule that a bundle takes
    species, events                     frames weighted by the detector's score
    species, pictures, alone
    species, pictures, with the event
    all right, pictures, with the event
    calibration error                   expected, 15 bins, of the answer as a whole

Mean over splits. Intervals: events drawn anew.
"""

from pathlib import Path

import numpy as np
from absl import app, flags

from camtrap_tf.answers import calibration, metrics, with_event
from camtrap_tf.answers.predictions import Predictions
from experiments.pretrained import probes
from experiments.pretrained.scored import Scored, decided, summary
from experiments.rows import write_lines

ERROR = "calibration error"


def figures(rows: Predictions) -> dict[str, Scored | float]:
    """All figures of answers to pictures, which carry the detector's scores."""
    read, events = with_event.read(rows, with_event.USUAL), rows.by_event()
    right, names = metrics.right_answers(read), rows.event_names().to_numpy()
    return {
        "empty, pictures": decided(rows, "empty"),
        "empty, events": decided(events, "empty"),
        "species, events": decided(events, "species"),
        "species, pictures, alone": decided(rows, "species"),
        "species, pictures, with the event": decided(read, "species"),
        "all right, pictures, with the event": Scored(right, names),
        ERROR: calibration.reliability(read.answer_confidence(), right).error,
    }


def lines(network: str, view: str, splits: list[dict[str, Scored | float]]) -> list[dict]:
    """A line for each figure, over the splits."""
    return [
        {"network": network, "view": view, "figure": figure}
        | summary([one[figure] for one in splits])
        for figure in splits[0]
    ]


def main(_) -> None:
    """Reads the flags, fits the heads and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events import detections

    start_tensorflow()
    given, found = flags.FLAGS, []
    boxes = detections.read(given.detections)
    for network in given.networks:
        asked: dict[str, list] = {}
        for pools in probes.pools(given, network)[1:]:
            days = {split: probes.read(pools, split) for split in ("train", "test")}
            fitted = probes.fit(days["train"], np.arange(len(days["train"].answered)))
            for view, rows in probes.ask(fitted, days["test"]).items():
                told = probes.with_facts(probes.with_scores(rows, boxes), animal_threshold=0.5)
                asked.setdefault(view, []).append(figures(told))
        for view, splits in asked.items():
            found += lines(network, view, splits)
    write_lines(found, Path(given.table))


if __name__ == "__main__":
    probes.define_flags()
    flags.DEFINE_list("networks", ["lite0", "lite1", "lite2"], "networks")
    app.run(main)
