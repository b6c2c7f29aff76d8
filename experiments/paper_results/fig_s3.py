"""Fig. S.3: the 26 most frequent species alone, as in Gomez et al. 2016.

    python -m experiments.run fig_s3 --data=SHARDS --out=RUNS --scale=paper

Paper: ResNet-50 92.0% top-1; the best of Gomez et al. about 57%, read from their plot. Networks
have the species head alone. The paper put 93% of all events into training; here the split of
the shards stays.
Cost: six networks, 55 passes over about 750,000 pictures each.
"""

from camtrap_tf.core.labels import Task
from experiments import published as paper
from experiments import scoring
from experiments.lab import Job, Lab
from experiments.rows import Row

SPLIT = "test"


def jobs(lab: Lab) -> list[Job]:
    """One species network per architecture."""
    names = lab.some(paper.FIG_S3_ARCHITECTURES)
    return [Job(Task.SPECIES, name, data="commonest") for name in names]


def report(lab: Lab) -> list[Row]:
    """Top-1 and top-5 accuracy."""
    rows = scoring.compare(lab, jobs(lab), SPLIT, scoring.SPECIES, paper.FIG_S3)
    best = Row("Gomez et al. 2016, best", paper.SPECIES_TOP1, published=paper.GOMEZ_BEST)
    return [*rows, best]
