"""Table 2: is there an animal in the picture? Accuracy of nine networks and their ensemble.

    python -m experiments.run table2 --data=SHARDS --out=RUNS --scale=paper

Paper: 95.8% (AlexNet) to 96.8% (VGG), ensemble 96.6%, on 105,000 pictures labelled by
volunteers, half of them empty (`camtrap shard --balance_empty`).
Cost: nine networks for task I, 55 passes over 1.4 million pictures each.
"""

from camtrap_tf.core.labels import Task
from experiments import published, scoring
from experiments.lab import Job, Lab
from experiments.rows import Row

SPLIT = "test"


def jobs(lab: Lab) -> list[Job]:
    """One network of task I per architecture."""
    return [Job(Task.EMPTY, name) for name in lab.scale.architectures]


def report(lab: Lab) -> list[Row]:
    """Accuracy per picture."""
    return scoring.compare(
        lab, jobs(lab), SPLIT, [published.EMPTY_TOP1], published.TABLE_2, with_ensemble=True
    )
