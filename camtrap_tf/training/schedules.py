"""Learning rate and weight decay by epoch and step."""

from collections.abc import Sequence

import numpy as np

from camtrap_tf.core.config import ScheduleKind, Step, TrainConfig


def at_epoch(schedule: Sequence[Step], epoch: int) -> Step:
    """The row of the table that holds in an epoch (counted from 1).

    >>> from camtrap_tf.core.config import TABLE_S2
    >>> at_epoch(TABLE_S2, 18).learning_rate, at_epoch(TABLE_S2, 19).learning_rate
    (0.01, 0.005)
    """
    return [step for step in schedule if step.first <= epoch][-1]


def learning_rates(config: TrainConfig, epoch: int, steps: int) -> np.ndarray:
    """Learning rate of every step of an epoch: [steps] float32.

    Args:
        config: the recipe.
        epoch: counted from 1.
        steps: optimiser steps in one epoch.
    """
    done = (epoch - 1) * steps + np.arange(steps)
    if config.schedule_kind is ScheduleKind.COSINE:
        warmup = config.warmup_epochs * steps
        share = np.clip((done - warmup) / max(config.epochs * steps - warmup, 1), 0, 1)
        rates = config.learning_rate * 0.5 * (1 + np.cos(np.pi * share))
    else:
        rates = np.full(steps, at_epoch(config.schedule, epoch).learning_rate)
    if config.warmup_epochs:
        rates = rates * np.minimum(1, (done + 1) / (config.warmup_epochs * steps))
    if config.rate_for_batch:
        rates = rates * (config.batch_size / config.rate_for_batch)
    return rates.astype(np.float32)


def weight_decay(config: TrainConfig, epoch: int) -> float:
    """Weight decay of an epoch (counted from 1)."""
    if config.schedule_kind is ScheduleKind.COSINE:
        return config.weight_decay
    return at_epoch(config.schedule, epoch).weight_decay
