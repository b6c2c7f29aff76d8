"""Fig. S.2: species, counts and attributes of the networks of Fig. 5, on what volunteers labelled.

    python -m experiments.run fig_s2 --data=SHARDS --out=RUNS --scale=paper

Paper: ensemble 92.5% top-1 and 98.4% top-5, count 67.9%, attributes 76.2% accuracy, 86.1%
precision, 81.1% recall; 17,400 events. Attributes are those of a picture together: the set
answered against the set of labels.
Cost: none beyond Fig. 5.
"""

from experiments import published as paper
from experiments import scoring
from experiments.lab import Lab
from experiments.paper_results import fig5
from experiments.rows import Row

SPLIT = "test"
jobs = fig5.jobs


def report(lab: Lab) -> list[Row]:
    """Seven figures per architecture, and the least that the paper gives for any."""
    names = (*scoring.SPECIES, *scoring.COUNT, *paper.ATTRIBUTES)
    least = [
        Row("any architecture, at least", figure, SPLIT, published=value)
        for figure, value in paper.FIG_S2_LEAST.items()
    ]
    rows = scoring.compare(lab, jobs(lab), SPLIT, names, paper.FIG_S2, with_ensemble=True)
    return rows + least
