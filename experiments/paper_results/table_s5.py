"""Table S.5: is there an animal in the capture event? The networks of Table 2 on whole events.

    python -m experiments.run table_s5 --data=SHARDS --out=RUNS --scale=paper

Paper: 96.3% (AlexNet) to 97.1% (ResNet-50); an event's answer is the mean over its pictures.
Cost: none beyond Table 2.
"""

from experiments import published, scoring
from experiments.lab import Lab
from experiments.paper_results import table2
from experiments.rows import Row

jobs = table2.jobs


def report(lab: Lab) -> list[Row]:
    """Accuracy per event."""
    names = [published.EMPTY_TOP1]
    return scoring.compare(lab, jobs(lab), table2.SPLIT, names, published.TABLE_S5, by_event=True)
