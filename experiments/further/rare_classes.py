"""Rare classes: what three methods change for rare species, over several seeds (Fig. S.9).

    python -m experiments.run rare_classes --data=SHARDS --out=RUNS --scale=small

Paper: all three raise the accuracy of some rare species (rhinoceros: from near 0% to about 40%
with weighted loss, 80% with oversampling, 60% with emphasis sampling), at some loss on frequent
ones, which is largest for oversampling. Rare are here the species with less than 3% of the
training pictures; both test splits are scored together, since rare species have few pictures.
A figure is the mean over seeds; its interval draws capture events anew, and its note has the
figure of each seed.
Cost: beyond Fig. S.9, its four networks once more for every further seed.
"""

from collections.abc import Sequence

import numpy as np

from camtrap_tf.answers import metrics
from camtrap_tf.answers.predictions import Predictions
from experiments import draws
from experiments.lab import Job, Lab, NotAvailable
from experiments.paper_results import fig_s9
from experiments.rows import Row

RARE_SHARE = 0.03
BASELINE = "none"
# What Fig. S.9 shows, and the text says, of a method against the baseline.
DIRECTIONS = {"rare": "paper: rises", "frequent": "paper: falls a little"}


def jobs(lab: Lab) -> list[Job]:
    """The networks of Fig. S.9, once for each seed of the scale."""
    return [_job(lab, method, seed) for seed in lab.scale.seeds for method in fig_s9.METHODS]


def _job(lab: Lab, method: str, seed: int) -> Job:
    plain = fig_s9.jobs(lab)[fig_s9.METHODS.index(method)]
    changes = (("train.seed", str(seed)),) if seed else ()
    return Job(plain.task, plain.architecture, plain.changes + changes)


def report(lab: Lab) -> list[Row]:
    """Per method: recall of rare and of frequent species, top-1, top-5; gains over the baseline."""
    counts = np.array(lab.manifest.class_counts["train"]["species"])
    rare = counts < RARE_SHARE * counts.sum()
    rows = []
    for method in fig_s9.METHODS:
        seeds = [s for s in lab.scale.seeds if _trained(lab, (method, BASELINE), s)]
        missing = Row(method, "recall of rare species", note="not trained yet")
        rows += _method(lab, method, seeds, rare) if seeds else [missing]
    return rows


def _trained(lab: Lab, methods: Sequence[str], seed: int) -> bool:
    """Trains what is missing of a seed, if it may; are the networks of these methods there?"""
    try:
        for method in methods:
            lab.run(_job(lab, method, seed))
    except NotAvailable:
        return False
    return True


def _method(lab: Lab, method: str, trained: Sequence[int], rare: np.ndarray) -> list[Row]:
    split, mine = "+".join(_splits(lab)), _scored(lab, method, trained, rare)
    rows = [_mean(method, figure, split, *found) for figure, found in mine.items()]
    if method == BASELINE:
        return rows
    baseline = _scored(lab, BASELINE, trained, rare)
    return rows + [
        _gain(method, figure, split, baseline[figure][0], *found) for figure, found in mine.items()
    ]


def _mean(method: str, figure: str, split: str, seeds: list, events: np.ndarray) -> Row:
    scored = int((~np.isnan(seeds[0])).sum())
    if not scored:
        return Row(method, figure, split, scored=0, note="no such pictures here")
    mean = draws.share(np.mean(seeds, axis=0), events)
    return Row(method, figure, split, *mean, scored, note=_each(seeds))


def _gain(
    method: str, figure: str, split: str, before: list, after: list, events: np.ndarray
) -> Row:
    name, scored = f"gain: {figure}", int((~np.isnan(after[0])).sum())
    if not scored:
        return Row(method, name, split, scored=0, note="no such pictures here")
    gain = draws.difference(np.mean(before, axis=0), events, np.mean(after, axis=0), events)
    known = [text for word, text in DIRECTIONS.items() if word in figure]
    each = _each([b - a for a, b in zip(before, after, strict=True)])
    return Row(method, name, split, *gain, scored, note="; ".join([each, *known]))


def _splits(lab: Lab) -> list[str]:
    return list(dict.fromkeys(("test", lab.expert)))


def _each(seeds: Sequence[np.ndarray]) -> str:
    return "seeds " + " ".join(f"{np.nanmean(values):.3f}" for values in seeds)


def _scored(
    lab: Lab, method: str, trained: Sequence[int], rare: np.ndarray
) -> dict[str, tuple[list, np.ndarray]]:
    """By figure: [rows] right (1), wrong (0) or not scored (NaN) for each seed; the rows' event."""
    seeds: list[dict[str, np.ndarray]] = []
    events = np.array([], int)
    for number in trained:
        job = _job(lab, method, number)
        parts = [lab.predictions(job, split) for split in _splits(lab)]
        figures = [right(part, rare) for part in parts]
        seeds.append(
            {name: np.concatenate([part[name] for part in figures]) for name in figures[0]}
        )
        names = np.concatenate([part.event_codes() + 1j * i for i, part in enumerate(parts)])
        events = np.unique(names, return_inverse=True)[1]
    return {name: ([seed[name] for seed in seeds], events) for name in seeds[0]}


def right(predictions: Predictions, rare: np.ndarray) -> dict[str, np.ndarray]:
    """[rows] float by figure: 1 right, 0 wrong, NaN not scored.

    Args:
        predictions: labelled.
        rare: [species] bool.
    """
    labels = np.asarray(predictions.labels["species"])
    probabilities = predictions.probabilities["species"]
    top1 = metrics.top_k_rows(probabilities, labels)
    of_rare = (labels >= 0) & rare[labels]
    return {
        "recall of rare species": np.where(of_rare, top1, np.nan),
        "recall of frequent species": np.where(of_rare, np.nan, top1),
        "top-1": top1,
        "top-5": metrics.top_k_rows(probabilities, labels, 5),
    }
