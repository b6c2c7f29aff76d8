"""Fig. S.9: three methods for rare classes, class by class.

    python -m experiments.run fig_s9 --data=SHARDS --out=RUNS --scale=paper

Paper: ResNet-152 on what volunteers labelled; top-5 98.1% without and 98.2% with emphasis
sampling; classes near 0% gain up to 80 points (oversampling, rhinoceros). Published figures of
classes are gains in points over the baseline, read by the text from the plot's colours.
Cost: four networks, 55 passes over 757,000 pictures each; one of them is Fig. 5's.
"""

import numpy as np

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import Task
from experiments import draws, scoring
from experiments import published as paper
from experiments.lab import Job, Lab
from experiments.rows import Row

SPLIT = "test"
FEW = 10  # events of a class, below which drawing them anew says nothing
METHODS = ("none", "weighted_loss", "oversampling", "emphasis")


def jobs(lab: Lab) -> list[Job]:
    """The baseline and one network per method."""
    name = lab.architecture(paper.RARE_ARCHITECTURE)
    changes = {"none": ()} | {m: (("train.rare", m),) for m in METHODS[1:]}
    return [Job(Task.ANIMAL, name, changes[method]) for method in METHODS]


def report(lab: Lab) -> list[Row]:
    """Overall figures of each method, then its gain for each class."""
    methods = dict(zip(METHODS, jobs(lab), strict=True))
    baseline = lab.predictions(methods["none"], SPLIT)
    known = {
        ("none", paper.SPECIES_TOP5): paper.BASELINE_TOP5,
        ("emphasis", paper.SPECIES_TOP5): paper.EMPHASIS_TOP5,
    }
    rows = []
    for method, job in methods.items():
        rows += scoring.guarded(
            method,
            paper.SPECIES_TOP1,
            SPLIT,
            lambda method=method, job=job: _method(
                method, baseline, lab.predictions(job, SPLIT), known
            ),
        )
    return rows


def _method(method: str, baseline: Predictions, predictions: Predictions, known) -> list[Row]:
    rows = scoring.figures(predictions, method, scoring.SPECIES, known)
    labels, events = np.asarray(predictions.labels["species"]), scoring.event_codes(predictions)
    before, after = (scoring.right_and_confidence(p, "species")[0] for p in (baseline, predictions))
    classes = np.unique(labels[labels >= 0])
    recalls = [np.nanmean(after[labels == index]) for index in classes]
    rows.append(
        Row(method, "mean recall over classes", SPLIT, float(np.mean(recalls)), scored=len(classes))
    )
    sizes = np.bincount(labels[labels >= 0])
    for index in sorted(classes, key=lambda i: -sizes[i]):
        name, own = predictions.classes["species"][index], labels == index
        values = np.where(own, after, np.nan)
        if method == "none":
            figure, found = "recall of", draws.share(values, events)
        else:
            earlier = np.where(own, before, np.nan)
            figure, found = "gain of", draws.difference(earlier, events, values, events)
        few = len(np.unique(events[own])) < FEW
        published = paper.RARE_GAINS.get((method, name))
        rows.append(
            Row(
                method, f"{figure} {name}", SPLIT, *(found[:1] if few else found),
                scored=int(own.sum()), published=published,
                note=f"fewer than {FEW} events: no interval" if few else "",
            )
        )  # fmt: skip
    return rows
