"""Unknowns."""

from camtrap_tf.labels import Task
from experiments import subsets
from experiments.lab import Job, Lab

SEEDS = ("0", "1")
FEW = 1000


def jobs(lab: Lab) -> list[Job]:
    """A network for each set of species left out, and each seed."""
    few = lab.manifest.frames("train", Task.ANIMAL) < FEW
    epochs = lab.scale.recipe.train.epochs * (4 if few else 2)
    return [
        Job(
            Task.ANIMAL,
            lab.scale.architectures[0],
            (("train.epochs", str(epochs)), ("train.seed", seed)),
            data,
        )
        for seed in SEEDS
        for data in subsets.WITHOUT
    ]
