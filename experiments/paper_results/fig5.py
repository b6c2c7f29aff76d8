"""Fig. 5: species and counts of nine networks and their ensemble, on what experts labelled.

    python -m experiments.run fig5 --data=SHARDS --out=RUNS --scale=paper

Paper: ResNet-152 93.8% top-1 and 98.8% top-5, counts 62.8% and 83.6% within one bin; ensemble
94.9%, 99.1%, 63.1%, 84.7%; 3,800 events. The paper chose epochs on this very test set; here
they are chosen on the validation split.
Cost: nine networks for tasks II to IV, 55 passes over 757,000 pictures each.
"""

from camtrap_tf.core.labels import Task
from experiments import published, scoring
from experiments.lab import Job, Lab
from experiments.rows import Row


def jobs(lab: Lab) -> list[Job]:
    """One network of tasks II to IV per architecture."""
    return [Job(Task.ANIMAL, name) for name in lab.scale.architectures]


def report(lab: Lab) -> list[Row]:
    """Four figures per architecture."""
    names = (*scoring.SPECIES, *scoring.COUNT)
    return scoring.compare(lab, jobs(lab), lab.expert, names, published.FIG_5, with_ensemble=True)
