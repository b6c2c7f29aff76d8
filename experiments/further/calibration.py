"""Calibration: is a network as often right as it says, before and after temperature scaling?

    python -m experiments.run calibration --data=SHARDS --out=RUNS --scale=small

The paper does not calibrate; its thresholds (Figs. S.5 to S.7) take softmax outputs as they are.
Temperatures are fitted on the validation split. The networks are those of Table 2 and Fig. 5
and one that is over-confident: as many steps on a quarter of the events. A calibration error
stands beside what a perfectly calibrated network stays below on as few events; the interval of
the change draws capture events anew.
Cost: one network beyond Table 2 and Fig. 5.
"""

import numpy as np

from camtrap_tf.answers import calibration, metrics
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import EMPTY, Task
from experiments import scoring
from experiments.lab import Job, Lab
from experiments.paper_results import fig5, table2
from experiments.rows import Row

SPLIT = "test"


def jobs(lab: Lab) -> list[Job]:
    """The first network of each stage, and the second learnt from a quarter of the events."""
    epochs = 4 * lab.scale.recipe.train.epochs
    few = Job(
        Task.ANIMAL,
        lab.scale.architectures[0],
        (("train.epochs", str(epochs)),),
        data="quarter",
    )
    return [table2.jobs(lab)[0], fig5.jobs(lab)[0], few]


def report(lab: Lab) -> list[Row]:
    """Temperature, calibration error, its change, Brier score and log loss, per question."""
    one, two, few = jobs(lab)
    wanted = ((EMPTY, EMPTY, one), ("species", "species", two), ("count", "count", two))
    wanted += (("species, a quarter of the events", "species", few),)
    rows = []
    for subject, head, job in wanted:
        rows += scoring.guarded(
            subject,
            "calibration error",
            SPLIT,
            lambda subject=subject, head=head, job=job: measured(
                subject, head, lab.predictions(job, "val"), lab.predictions(job, SPLIT)
            ),
        )
    return rows


def measured(subject: str, head: str, validation: Predictions, test: Predictions) -> list[Row]:
    """Rows of one head: its temperature from the validation split, its errors on the test split.

    Args:
        subject: name of the rows.
        head: which head.
        validation, test: labelled answers of a network as it is, not calibrated.
    """
    split, temperature = test.info.get("split", SPLIT), calibration.temperatures(validation)[head]
    tempered = calibration.calibrate(test, {head: temperature})
    right, before = scoring.right_and_confidence(test, head)
    after, events = tempered.confidence(head), test.event_codes()
    scored = int((~np.isnan(right)).sum())
    chance = "a perfectly calibrated network stays below {:.3f}"
    known = int((np.asarray(validation.labels[head]) >= 0).sum())
    rows = [Row(subject, "temperature", "val", temperature, scored=known)]
    for name, confidence in (("before", before), ("after", after)):
        found = calibration.error(confidence, right, events)
        note = chance.format(found.chance)
        rows.append(
            Row(subject, f"calibration error {name}", split, found.value, scored=scored, note=note)
        )
    change = calibration.change(before, after, right, events)
    rows.append(Row(subject, "change of the calibration error", split, *change, scored=scored))
    for name, one in (("before", test), ("after", tempered)):
        labels, values = np.asarray(one.labels[head]), one.probabilities[head]
        figures = (
            ("Brier score", calibration.brier(values, labels)),
            ("log loss", metrics.log_loss(values, labels).value),
        )
        rows += [Row(subject, f"{f} {name}", split, v, scored=scored) for f, v in figures]
    return rows
