"""Fig. S.4: the networks of Fig. 5 on whole capture events that experts labelled.

    python -m experiments.run fig_s4 --data=SHARDS --out=RUNS --scale=paper

Paper: ensemble 95.5% top-1 and 99.4% top-5, on average 1% above single pictures; an event's
answer is the mean probability over its pictures. `averaging` measures the gain itself.
Cost: none beyond Fig. 5.
"""

from experiments import published, scoring
from experiments.lab import Lab
from experiments.paper_results import fig5
from experiments.rows import Row

jobs = fig5.jobs


def report(lab: Lab) -> list[Row]:
    """Four figures per architecture and event."""
    names = (*scoring.SPECIES, *scoring.COUNT)
    return scoring.compare(
        lab, jobs(lab), lab.expert, names, published.FIG_S4, by_event=True, with_ensemble=True
    )
