"""Averaging over the event: what the mean over an event's pictures gains on one network.

    python -m experiments.run averaging --data=SHARDS --out=RUNS --scale=small

Paper: "on average 1% higher than those for individual images". The interval is that of the
difference, over the same draws of events.
Cost: none beyond Table 2 and Fig. 5.
"""

import numpy as np
import pandas as pd

from camtrap_tf.answers.predictions import Predictions
from experiments import draws, scoring
from experiments import published as paper
from experiments.lab import Job, Lab
from experiments.paper_results import fig5, table2
from experiments.rows import Row


def jobs(lab: Lab) -> list[Job]:
    """The first network of each stage."""
    return [table2.jobs(lab)[0], fig5.jobs(lab)[0]]


def report(lab: Lab) -> list[Row]:
    """Accuracy per picture, per event and their difference, for each question and split."""
    first, second = jobs(lab)
    wanted = [("empty", first, "test")]
    splits = dict.fromkeys(("test", lab.expert))
    wanted += [(head, second, split) for head in ("species", "count") for split in splits]
    rows = []
    for head, job, split in wanted:
        rows += scoring.guarded(
            head,
            "gain by averaging",
            split,
            lambda head=head, job=job, split=split: gain(lab.predictions(job, split), head),
        )
    return rows


def gain(predictions: Predictions, head: str) -> list[Row]:
    """Top-1 accuracy of pictures and of events, and the difference, with paired intervals."""
    whole = predictions.by_event()
    names = pd.concat([_names(predictions), _names(whole)])
    codes = pd.factorize(names)[0]
    pictures, events = codes[: len(predictions)], codes[len(predictions) :]
    one = scoring.right_and_confidence(predictions, head)[0]
    many = scoring.right_and_confidence(whole, head)[0]
    found = (
        draws.share(one, pictures),
        draws.share(many, events),
        draws.difference(one, pictures, many, events),
    )
    numbers = [int((~np.isnan(values)).sum()) for values in (one, many, many)]
    labels = ("top-1 of pictures", "top-1 of events", "gain by averaging")
    known = (None, None, paper.EVENT_GAIN)
    split = predictions.info.get("split", "")
    return [
        Row(head, label, split, *values, scored=number, published=value)
        for label, values, number, value in zip(labels, found, numbers, known, strict=True)
    ]


def _names(predictions: Predictions) -> pd.Series:
    return predictions.ids["event_id"].fillna(predictions.ids["path"])
