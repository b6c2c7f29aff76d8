"""Transfer: networks that begin with weights learnt elsewhere.

    python -m experiments.run transfer --data=SHARDS --out=RUNS --scale=paper

Paper: from ImageNet, AlexNet 92.4% and ResNet-152 93.0% top-1: no gain. There are no ImageNet
weights of these two networks to be had for Keras, and nothing is downloaded; a network here
begins with the weights of task I on the same pictures, so the question is the same and the
source of the weights is not.
Cost: two networks, 55 passes over 757,000 pictures each, beyond Table 2 and Fig. 5.
"""

from camtrap_tf.core.labels import Task
from experiments import published, scoring
from experiments.lab import Job, Lab
from experiments.rows import Row


def jobs(lab: Lab) -> list[Job]:
    """One network per architecture, begun with that of task I."""
    names = lab.some(published.TRANSFER_ARCHITECTURES)
    return [Job(Task.ANIMAL, name, start=Job(Task.EMPTY, name)) for name in names]


def report(lab: Lab) -> list[Row]:
    """Four figures; Fig. 5 has those of the networks begun at random."""
    names = (*scoring.SPECIES, *scoring.COUNT)
    return scoring.compare(lab, jobs(lab), lab.expert, names, published.TRANSFER)
