"""Table S.3: one network for both questions, with 'empty' as one more species.

    python -m experiments.run table_s3 --data=SHARDS --out=RUNS --scale=paper

Paper: ResNet-50 91.3% in all, 94.9% empty against animal, 90.6% identification; its two stages
reach 96.3% and 93.6%. Empty pictures are as many as wildebeest's, the most frequent species
(`subsets.fewer_empties`); the test split keeps its own share, so the total differs from the
paper's by its mixture.
Cost: four networks, 55 passes over 0.98 million pictures each.
"""

import numpy as np

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import Task
from experiments import draws, published, scoring
from experiments.lab import Job, Lab
from experiments.rows import Row

SPLIT = "test"


def jobs(lab: Lab) -> list[Job]:
    """One one-stage network per architecture."""
    names = lab.some(published.ONE_STAGE_ARCHITECTURES)
    return [Job(Task.ONE_STAGE, name, data="fewer_empties") for name in names]


def report(lab: Lab) -> list[Row]:
    """Three accuracies per picture."""
    rows = []
    for job in jobs(lab):
        rows += scoring.guarded(
            job.architecture,
            published.ONE_STAGE_TOTAL,
            SPLIT,
            lambda job=job: _rows(job.architecture, lab.predictions(job, SPLIT)),
        )
    return rows


def _rows(subject: str, predictions: Predictions) -> list[Row]:
    rows = []
    events = scoring.event_codes(predictions)
    for figure, right in accuracies(predictions).items():
        mean, low, high = draws.share(right, events)
        scored = int((~np.isnan(right)).sum())
        known = published.TABLE_S3.get((subject, figure))
        rows.append(Row(subject, figure, SPLIT, mean, low, high, scored, known))
    return rows


def accuracies(predictions: Predictions) -> dict[str, np.ndarray]:
    """[rows] float by figure: 1 right, 0 wrong, NaN not scored.

    Identification is scored on pictures of animals, where the answer 'empty' is wrong.
    """
    labels, answers = np.asarray(predictions.labels["species"]), predictions.top("species")
    empty = len(predictions.classes["species"]) - 1
    right, known = (answers == labels).astype(float), labels >= 0
    same_kind = ((answers == empty) == (labels == empty)).astype(float)
    return {
        published.ONE_STAGE_TOTAL: np.where(known, right, np.nan),
        published.ONE_STAGE_EMPTY: np.where(known, same_kind, np.nan),
        published.ONE_STAGE_SPECIES: np.where(known & (labels != empty), right, np.nan),
    }
