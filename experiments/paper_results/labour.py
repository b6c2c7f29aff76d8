"""Labour: how much of the work a machine as good as volunteers takes over.

    python -m experiments.run labour --data=SHARDS --out=RUNS --scale=paper

Paper: 75% empty pictures x 100% + 97.2% x 25% = 99.3% at the volunteers' 96.6% (species), 86.1%
at their 90.0% (counts); 8.4 years of 40-hour weeks. The threshold is chosen on the validation
split and checked on the experts' test split; the paper chose it on the latter. Like the paper,
the account takes the first stage as good enough for all empty pictures; its own accuracy is
the first row.
Cost: none beyond Table 2 and Fig. 5.
"""

from camtrap_tf.answers import planning
from experiments import published as paper
from experiments import scoring
from experiments.lab import Job, Lab
from experiments.paper_results import fig5, fig_s5_s7, table2
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
    vgg16, figure = paper.FIG_S5_ARCHITECTURE, paper.EMPTY_TOP1
    vgg = lab.architecture(vgg16)
    first = [job for job in table2.jobs(lab) if job.architecture == vgg]
    known = {(vgg16, figure): paper.TABLE_2[vgg16, figure]}
    rows = scoring.compare(lab, first, table2.SPLIT, [figure], known)
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


def _plan(lab: Lab, head: str, target: float, published: float) -> list[Row]:
    validation = fig_s5_s7.second_stage(lab, "val")
    right, confidence = scoring.right_and_confidence(validation, head)
    threshold = planning.lowest_threshold(confidence, right, target)
    test = fig_s5_s7.second_stage(lab, lab.expert)
    right, confidence = scoring.right_and_confidence(test, head)
    (_, accuracy, (low, high), kept), *_ = scoring.coverage(
        right, confidence, scoring.event_codes(test), [threshold]
    )
    subject, scored = f"{head}, target {target}", int((right >= 0).sum())
    automated = planning.share_automated(paper.EMPTY_SHARE, 1.0, float(kept))
    saved = planning.years_saved(*paper.YEARS_FOR_PICTURES, paper.PICTURES, automated)
    years = paper.YEARS_SAVED if head == "species" else None
    note = "" if kept else "no threshold reaches the target: all animals go to people"
    reached = (accuracy, low, high) if kept else (None, None, None)
    return [
        Row(subject, "threshold (chosen on val)", "val", threshold if kept else None, note=note),
        Row(subject, "accuracy above it", lab.expert, *reached, round(kept * scored), target),
        Row(subject, "share of animals kept", lab.expert, float(kept), scored=scored),
        Row(subject, "share automated", lab.expert, automated, published=published),
        Row(
            subject, "years saved on 3.2 million pictures", lab.expert, saved, published=years,
        ),
    ]  # fmt: skip
