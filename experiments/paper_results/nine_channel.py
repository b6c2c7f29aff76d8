"""Nine channels: the three pictures of an event as one input.

    python -m experiments.run nine_channel --data=SHARDS --out=RUNS --scale=paper

Paper: ResNet-50 on events of exactly three pictures, 90.8% top-1, 97.4% top-5, count 58.5% and
81.1% within one bin: below the same network on single pictures. Shards of events of exactly
three pictures, as in the paper, come from `camtrap shard --frames=3`; of others the network
sees the first, the middle and the last picture.
Cost: one network, 55 passes over about 230,000 events.
"""

from camtrap_tf.core.labels import Task
from experiments import published, scoring
from experiments.lab import Job, Lab
from experiments.rows import Row


def jobs(lab: Lab) -> list[Job]:
    """One network on stacked pictures."""
    name = lab.architecture(published.NINE_CHANNEL_ARCHITECTURE)
    return [Job(Task.ANIMAL, name, (("model.context", "nine_channels"),))]


def report(lab: Lab) -> list[Row]:
    """Four figures per event."""
    names = (*scoring.SPECIES, *scoring.COUNT)
    return scoring.compare(lab, jobs(lab), lab.expert, names, published.NINE_CHANNEL, by_event=True)
