"""Labour: how much of the work a machine as good as volunteers takes over.

    python -m experiments.run labour --data=SHARDS --out=RUNS --scale=paper

Paper: 75% empty pictures x 100% + 97.2% x 25% = 99.3% at the volunteers' 96.6% (species), 86.1%
at their 90.0% (counts); 8.4 years of 40-hour weeks. The threshold is chosen on the validation
split and checked on the experts' test split; the paper chose it on the latter. Like the paper,
the account takes the first stage as good enough for all empty pictures; its own accuracy is
the first row.
Cost: none beyond Table 2 and Fig. 5.
"""

import numpy as np

from experiments import fig5, fig_s5_s7, paper, scoring, table2
from experiments.lab import Job, Lab
from experiments.rows import Row

TARGETS = (
    ("species", paper.HUMAN_SPECIES, paper.AUTOMATED_SPECIES),
    ("count", paper.HUMAN_COUNT, paper.AUTOMATED_COUNT),
)


def jobs(lab: Lab) -> list[Job]:
    """The networks of Table 2 and Fig. 5."""
    return [*table2.jobs(lab), *fig5.jobs(lab)]


def report(lab: Lab) -> list[Row]:
    """Threshold, accuracy, share automated and years saved, per question."""
    vgg = lab.architecture(paper.FIG_S5_ARCHITECTURE)
    first = [job for job in table2.jobs(lab) if job.architecture == vgg]
    rows = scoring.compare(lab, first, table2.SPLIT, [paper.EMPTY_TOP1], paper.TABLE_2)
    for head, target, published in TARGETS:
        rows += scoring.guarded(
            head,
            "share automated",
            lab.expert,
            lambda head=head, target=target, published=published: _plan(
                lab, head, target, published
            ),
        )
    return rows


def threshold_for(right: np.ndarray, confidence: np.ndarray, target: float) -> float:
    """Least confidence above which answers are right in `target` of all cases; inf: none.

    >>> threshold_for(np.array([1.0, 1.0, 0.0, 1.0]), np.array([0.9, 0.8, 0.7, 0.6]), 0.75)
    0.6
    """
    scored = ~np.isnan(right)
    right, confidence = right[scored], confidence[scored]
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    ends = np.append(np.diff(confidence[order]) != 0, True)  # equal confidences go together
    enough = np.flatnonzero((accuracy >= target) & ends)
    return float(confidence[order][enough[-1]]) if len(enough) else float("inf")


def _plan(lab: Lab, head: str, target: float, published: float) -> list[Row]:
    validation = fig_s5_s7.second_stage(lab, "val")
    threshold = threshold_for(*scoring.right_and_confidence(validation, head), target)
    test = fig_s5_s7.second_stage(lab, lab.expert)
    right, confidence = scoring.right_and_confidence(test, head)
    (_, accuracy, (low, high), kept), *_ = scoring.coverage(
        right, confidence, scoring.event_codes(test), [threshold]
    )
    subject, scored = f"{head}, target {target}", int((right >= 0).sum())
    automated = paper.share_automated(float(kept))
    years = paper.YEARS_SAVED if head == "species" else None
    note = "" if kept else "no threshold reaches the target: all animals go to people"
    reached = (accuracy, low, high) if kept else (None, None, None)
    return [
        Row(subject, "threshold (chosen on val)", "val", threshold if kept else None, note=note),
        Row(subject, "accuracy above it", lab.expert, *reached, round(kept * scored), target),
        Row(subject, "share of animals kept", lab.expert, float(kept), scored=scored),
        Row(subject, "share automated", lab.expert, automated, published=published),
        Row(
            subject, "years saved on 3.2 million pictures", lab.expert,
            paper.years_saved(automated), published=years,
        ),
    ]  # fmt: skip
