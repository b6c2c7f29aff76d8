"""Figs. S.5 to S.7: accuracy and share of pictures kept when unsure answers go to people.

    python -m experiments.run fig_s5_s7 --data=SHARDS --out=RUNS --scale=paper

Paper: task I with VGG, 99.8% on the 76% above 0.99; species with the ensemble, 96.6% on the
97.2% above 0.43; counts, 90.0% on the 44.5% above 0.79.
Cost: none beyond Table 2 and Fig. 5.
"""

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import EMPTY
from experiments import published as paper
from experiments import scoring
from experiments.lab import Job, Lab, NotAvailable
from experiments.paper_results import fig5, table2
from experiments.rows import Row

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.43, 0.5, 0.6, 0.7, 0.79, 0.8, 0.9, 0.95, 0.99)
ACCURACY, KEPT = "accuracy above", "share kept above"


def jobs(lab: Lab) -> list[Job]:
    """The networks of Table 2 and Fig. 5."""
    return [*table2.jobs(lab), *fig5.jobs(lab)]


def report(lab: Lab) -> list[Row]:
    """Two rows per threshold and task."""
    vgg = lab.architecture(paper.FIG_S5_ARCHITECTURE)
    one = next(job for job in table2.jobs(lab) if job.architecture == vgg)
    curves = (
        (EMPTY, vgg, "test", paper.FIG_S5, lambda: lab.predictions(one, "test")),
        ("species", "", lab.expert, paper.FIG_S6, lambda: second_stage(lab, lab.expert)),
        ("count", "", lab.expert, paper.FIG_S7, lambda: second_stage(lab, lab.expert)),
    )
    rows = []
    for head, name, split, known, get in curves:
        rows += scoring.guarded(
            head,
            ACCURACY,
            split,
            lambda head=head, name=name, known=known, get=get: _curve(head, name, known, get()),
        )
    return rows


def second_stage(lab: Lab, split: str) -> Predictions:
    """The ensemble of Fig. 5 or, where there is none, its first network."""
    try:
        return lab.ensemble(fig5.jobs(lab), split)
    except NotAvailable:
        return lab.predictions(fig5.jobs(lab)[0], split)


def _curve(head: str, name: str, known: tuple, predictions: Predictions) -> list[Row]:
    right, confidence = scoring.right_and_confidence(predictions, head)
    events = scoring.event_codes(predictions)
    split, scored = predictions.info.get("split", ""), int((right >= 0).sum())
    published = {threshold: (accuracy, kept) for threshold, accuracy, kept in known}
    subject = f"{head}, {name}".rstrip(", ")
    rows = []
    for point in scoring.coverage(right, confidence, events, THRESHOLDS):
        threshold, accuracy, (low, high), kept = point
        paper_accuracy, paper_kept = published.get(threshold, (None, None))
        nothing = accuracy != accuracy
        rows += [
            Row(
                subject, f"{ACCURACY} {threshold}", split, None if nothing else accuracy,
                None if nothing else low, None if nothing else high, round(kept * scored),
                paper_accuracy, "nothing is kept" if nothing else "",
            ),
            Row(
                subject, f"{KEPT} {threshold}", split, kept, scored=scored,
                published=paper_kept,
            ),
        ]  # fmt: skip
    return rows
