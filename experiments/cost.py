"""What a set of networks costs, before it is trained."""

import functools
import math
from collections.abc import Sequence

from camtrap_tf.core import file_names
from camtrap_tf.core.config import Context, ModelConfig
from camtrap_tf.pictures.context import NINE_FRAMES
from experiments.lab import Job, Lab, NotAvailable
from experiments.rows import Row

# Forward pass, and twice as much backward; a multiplication and an addition each.
OPERATIONS_PER_MAC = 3 * 2


def estimate(lab: Lab, jobs: Sequence[Job], teraflops: float) -> list[Row]:
    """Hours of one device that the networks take which are not trained yet.

    hours = pictures x epochs x 6 x multiply-adds of one picture / sustained operations a second

    A network that learns from a subset is counted as if it learnt from the whole.

    Args:
        lab: data and recipe.
        jobs: the networks.
        teraflops: assumed sustained speed of the device in training, 1e12 operations a second.
    """
    rows, total = [], 0.0
    for job in jobs:
        try:
            config, folder = lab.config(job), lab.folder(job)
        except NotAvailable as reason:
            rows.append(Row(job.architecture, "hours", note=str(reason)))
            continue
        if (folder / file_names.RESULT).is_file():
            rows.append(Row(folder.name, "hours", measured=0.0, note="is there"))
            continue
        pictures = lab.manifest.frames("train", config.train.task) * config.train.epochs
        if config.model.context.stacks:  # one input for three pictures
            pictures //= NINE_FRAMES
        macs = multiply_adds(config.model)
        hours = pictures * OPERATIONS_PER_MAC * macs / (teraflops * 1e12) / 3600
        total += hours
        rows.append(
            Row(
                folder.name, "hours", measured=hours, scored=pictures, note=f"{macs / 1e9:.2f} GMAC"
            )
        )
    note = f"assumes {teraflops:g} TFLOP/s sustained and data that keeps up"
    return [*rows, Row("together", "hours", measured=total, note=note)]


@functools.cache
def multiply_adds(model: ModelConfig) -> int:
    """Multiply-adds of a network's trunk on one input: its convolutions and dense layers."""
    import keras

    from camtrap_tf.networks import architectures

    counted = keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense

    def of(network) -> int:
        total = 0
        for layer in network.layers:
            if isinstance(layer, keras.Model):  # a backbone
                total += of(layer)
            elif isinstance(layer, counted):
                total += math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
        return total

    total = of(architectures.build(model, {"species": ("one", "other")}))
    return total * (NINE_FRAMES if model.context is Context.LATE else 1)
