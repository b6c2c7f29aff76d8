"""The rules by which the frames of an event make one answer, as TensorFlow operations.

The same as `camtrap_tf.answers.event_rules`, on a grid of events and frames with padding.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from camtrap_tf.answers import event_rules

_SMALLEST = float(np.finfo(np.float32).tiny)
_LEAST = 1e-30  # a weight that stands for 0: its products are no denormal numbers, which become 0


@dataclasses.dataclass(frozen=True)
class Grid:
    """Answers to one head.

    Args:
        values: [events, frames, classes] float32, rows sum to 1; tensors or arrays.
        counted: [events, frames] bool: an answer, and of a frame that is asked.
        animal: [events, frames] float32, the probability of an animal.
        nothing: of a yes-or-no head, the class that says that nothing is there; None of others.
        detection: [events, frames] float32, the confidence of a detector's surest box; None: no
            detector has looked.
    """

    values: tf.Tensor
    counted: tf.Tensor
    animal: tf.Tensor
    nothing: int | None = None
    detection: tf.Tensor | None = None


def combine(grid: Grid, rule: str, joint: bool = False) -> tf.Tensor:
    """[events, classes] float32: one answer for each event, zeros where no frame counts.

    Args:
        grid: the frames' answers.
        rule: a key of `RULES`.
        joint: 'empty' is the last class, as in networks with one stage.
    """
    event_rules.check(rule)
    event_rules.check_scored(rule, grid.detection is not None)
    found = _joint(grid, rule) if joint and rule in event_rules.WEIGHED else RULES[rule](grid)
    answered = tf.reduce_any(grid.counted, axis=1)[:, None]
    return tf.where(answered, found, tf.zeros_like(found))


def _joint(grid: Grid, rule: str) -> tf.Tensor:
    animal = 1.0 - grid.values[..., -1]
    species = grid.values[..., :-1] / tf.maximum(animal, _SMALLEST)[..., None]
    apart = dataclasses.replace(grid, values=species, animal=animal)
    highest = tf.reduce_max(tf.where(grid.counted, animal, 0.0), axis=1)[:, None]
    return tf.concat([RULES[rule](apart) * highest, 1.0 - highest], axis=1)


def _average(grid: Grid, values: tf.Tensor, weights: tf.Tensor | float = 1.0) -> tf.Tensor:
    shares = tf.expand_dims(tf.cast(grid.counted, tf.float32) * weights, -1)
    return tf.math.divide_no_nan(tf.reduce_sum(values * shares, 1), tf.reduce_sum(shares, 1))


def _logs(values: tf.Tensor) -> tf.Tensor:
    return tf.math.log(tf.maximum(values, _SMALLEST))


def _mean(grid: Grid) -> tf.Tensor:
    return _average(grid, grid.values)


def _mean_logit(grid: Grid) -> tf.Tensor:
    return tf.nn.softmax(_average(grid, _logs(grid.values)))


def _geometric(grid: Grid) -> tf.Tensor:
    if grid.nothing is None:
        return _mean_logit(grid)
    logs = _logs(grid.values[..., grid.nothing : grid.nothing + 1])
    return _with_nothing(tf.exp(_average(grid, logs))[:, 0], grid.nothing)


def _maximum(grid: Grid) -> tf.Tensor:
    if grid.nothing is not None:
        nothing = tf.where(grid.counted, grid.values[..., grid.nothing], 1.0)
        return _with_nothing(tf.reduce_min(nothing, axis=1), grid.nothing)
    highest = tf.reduce_max(tf.where(grid.counted[..., None], grid.values, 0.0), axis=1)
    return tf.math.divide_no_nan(highest, tf.reduce_sum(highest, axis=1, keepdims=True))


def _by_animal(grid: Grid) -> tf.Tensor:
    return _average(grid, grid.values, tf.maximum(grid.animal, _LEAST))


def _by_detector(grid: Grid) -> tf.Tensor:
    return _average(grid, grid.values, tf.maximum(grid.detection, _LEAST))


def _surest(grid: Grid) -> tf.Tensor:
    best = tf.argmax(tf.where(grid.counted, grid.animal, -1.0), axis=1)
    return tf.gather(grid.values, best, axis=1, batch_dims=1)


def _with_nothing(probability: tf.Tensor, nothing: int) -> tf.Tensor:
    columns = [probability, 1.0 - probability]
    return tf.stack(columns if nothing == 0 else columns[::-1], axis=1)


RULES: dict[str, Callable[[Grid], tf.Tensor]] = {
    "mean": _mean,
    "mean_logit": _mean_logit,
    "geometric": _geometric,
    "maximum": _maximum,
    "animal": _by_animal,
    "surest": _surest,
    "detector": _by_detector,
}
