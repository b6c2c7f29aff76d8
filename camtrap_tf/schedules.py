"""Learning rate and weight decay by epoch."""

from collections.abc import Sequence

from camtrap_tf.config import Step


def at_epoch(schedule: Sequence[Step], epoch: int) -> Step:
    """The row of the table that holds in an epoch (counted from 1).

    >>> from camtrap_tf.config import TABLE_S2
    >>> at_epoch(TABLE_S2, 18).learning_rate, at_epoch(TABLE_S2, 19).learning_rate
    (0.01, 0.005)
    """
    return [step for step in schedule if step.first <= epoch][-1]
