"""Label noise: how many errors on single pictures are the label's and not the network's.

    python -m experiments.run label_noise --data=SHARDS --truth=truth.csv --out=RUNS --scale=small

The paper gives every picture its event's label and says that this adds noise (Fig. 4); how much
of the error it makes could not be said, since nobody labelled single pictures. On drawn
pictures it can: `truth.csv` says what is to be seen on each.
Cost: none beyond Table 2 and Fig. 5.
"""

import numpy as np
import pandas as pd

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import EMPTY
from experiments import draws, scoring
from experiments.lab import Job, Lab
from experiments.paper_results import fig5, table2
from experiments.rows import Row

SPLIT = "test"


def jobs(lab: Lab) -> list[Job]:
    """The first network of each stage."""
    return [table2.jobs(lab)[0], fig5.jobs(lab)[0]]


def report(lab: Lab) -> list[Row]:
    """Accuracy against label and against truth, and what part of the errors is the label's."""
    first, second = jobs(lab)

    def empty() -> list[Row]:
        truths = lab.truths()
        return _rows(EMPTY, *answers_empty(lab.predictions(first, SPLIT), truths))

    def species() -> list[Row]:
        truths = lab.truths()
        return _rows("species", *answers_species(lab.predictions(second, SPLIT), truths))

    return [
        *scoring.guarded(EMPTY, "errors that are the label's", SPLIT, empty),
        *scoring.guarded("species", "errors that are the label's", SPLIT, species),
    ]


def answers_empty(
    predictions: Predictions, truths: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Per picture: answer = label, answer = truth, label = truth (NaN unlabelled), and event."""
    label = np.asarray(predictions.labels[EMPTY])
    answer, truth = predictions.top(EMPTY), _seen(predictions, truths)["animals"].to_numpy() == 0
    known = label >= 0
    return (
        np.where(known, answer == label, np.nan),
        np.where(known, answer == truth, np.nan),
        np.where(known, label == truth, np.nan),
        scoring.event_codes(predictions),
    )


def answers_species(
    predictions: Predictions, truths: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same for species; a picture without a visible animal has no right answer."""
    names = np.array(predictions.classes["species"], object)
    label, answer = np.asarray(predictions.labels["species"]), predictions.top("species")
    seen = [set(text.split("|")) for text in _seen(predictions, truths)["species"].fillna("")]
    known = label >= 0

    def among(indices: np.ndarray) -> np.ndarray:
        return np.array([names[i] in s for i, s in zip(indices, seen, strict=True)], float)

    return (
        np.where(known, answer == label, np.nan),
        np.where(known, among(answer), np.nan),
        np.where(known, among(label), np.nan),
        scoring.event_codes(predictions),
    )


def _seen(predictions: Predictions, truths: pd.DataFrame) -> pd.DataFrame:
    return truths.loc[predictions.ids["path"].to_numpy()]


def _rows(
    subject: str, told: np.ndarray, true: np.ndarray, label: np.ndarray, events: np.ndarray
) -> list[Row]:
    wrong = told == 0
    parts = {
        "label is not what is to be seen": 1 - label,
        "accuracy against the label": told,
        "accuracy against the truth": true,
        "accuracy where the label is right": np.where(label == 1, told, np.nan),
        "errors where the label is wrong, of all errors": np.where(wrong, 1 - label, np.nan),
        "errors in which the answer is true, of all errors": np.where(wrong, true, np.nan),
    }
    return [
        Row(
            subject, name, SPLIT, *draws.share(values, events),
            scored=int((~np.isnan(values)).sum()),
        )
        for name, values in parts.items()
    ]  # fmt: skip
