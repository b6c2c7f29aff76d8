"""The rules by which the frames of an event make one answer.

This is the only place where they stand for predictions; `export.event_rules` has the same in
TensorFlow. A rule weighs the frames that have an answer. What the animal is, stage 2 is asked
where stage 1 sees one; on labelled shards it answers every frame, and those that stage 1 calls
empty have no say here either, unless all are (`frames_with_animal`). Otherwise evaluation would
tell of another system than the one that predicts.

A network with one stage answers both questions at once: 'empty' is the last class of its species.
The rules that weigh by how much of an animal a frame shows (`WEIGHED`) take its answer apart: an
event is as likely to have an animal as its surest frame, and its species come from the rule.

The rule of a detector (`DETECTOR`) is there for bundles that see crops, whose detector looks at
every picture. Where it found nothing on any frame, they all count alike.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from camtrap_tf.core.errors import InputError

_SMALLEST = np.finfo(np.float32).tiny  # a float32 softmax can round to 0, whose log is -inf


@dataclasses.dataclass(frozen=True)
class Frames:
    """Answers to one head, those of an event together.

    Args:
        values: [frames, classes] float32, rows sum to 1.
        animal: [frames] float32, the probability of an animal.
        starts, sizes: [events] int, an event's first row and how many it has.
        detection: [frames] float32, how sure a detector is of its surest box, 0 without one.
        nothing: of a yes-or-no head, the class that says that nothing is there; None of others.
    """

    values: np.ndarray
    animal: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    detection: np.ndarray
    nothing: int | None = None


def combine(
    codes: np.ndarray,
    events: int,
    values: np.ndarray,
    animal: np.ndarray,
    rule: str = "mean",
    nothing: int | None = None,
    joint: bool = False,
    detection: np.ndarray | None = None,
) -> np.ndarray:
    """One answer for each event, of its frames that have one.

    Args:
        codes: [frames] int, number of the frame's event.
        events: how many there are.
        values: [frames, classes] float32, NaN where there is no answer.
        animal: [frames] float32, the probability of an animal.
        rule: a key of `RULES`.
        nothing: see `Frames`.
        joint: 'empty' is the last class, as in networks with one stage.
        detection: [frames] float32, the confidence of a detector's surest box, NaN where it has
            not looked; None: no detector has.

    Returns:
        [events, classes] float32, NaN where no frame has an answer.

    Raises:
        InputError: no such rule, or one that needs a detector's scores.
    """
    check(rule)
    check_scored(rule, detection is not None)
    rows = np.flatnonzero(~np.isnan(values[:, 0]))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    answered, starts, sizes = np.unique(codes[rows], return_index=True, return_counts=True)
    combined = np.full((events, values.shape[1]), np.nan, np.float32)
    if len(rows):
        scores = np.zeros(len(rows)) if detection is None else np.nan_to_num(detection[rows])
        frames = Frames(values[rows], animal[rows], starts, sizes, scores, nothing)
        taken_apart = joint and rule in WEIGHED
        combined[answered] = _joint(frames, rule) if taken_apart else RULES[rule](frames)
    return combined


def check(rule: str) -> None:
    """Raises InputError where there is no such rule."""
    if rule not in RULES:
        raise InputError(f"a rule is one of {', '.join(RULES)}", rule, "Take 'mean'.")


def check_scored(rule: str, scored: bool) -> None:
    """Raises InputError where a rule needs a detector's scores and there are none."""
    if rule == DETECTOR and not scored:
        raise InputError(
            f"the rule '{DETECTOR}' weighs pictures by the score of a detector, which bundles keep "
            "that see crops",
            rule,
            "Take 'animal', or fit `camtrap probe --view=both`.",
        )


def frames_with_animal(codes: np.ndarray, animal: np.ndarray, threshold: float) -> np.ndarray:
    """[frames] bool: which say what the animal of their event is.

    Those whose probability of an animal reaches the threshold; all of an event that has none.

    Args:
        codes: [frames] int, number of the frame's event.
        animal: [frames] float32, the probability of an animal.
        threshold: from which stage 2 is asked.

    >>> codes, animal = np.array([0, 0, 1, 1]), np.array([0.9, 0.2, 0.3, 0.1])
    >>> frames_with_animal(codes, animal, 0.5).tolist()
    [True, False, True, True]
    """
    seen = animal >= threshold
    return seen | (np.bincount(codes, weights=seen)[codes] == 0)


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Logits up to a constant per row, finite: [..., classes], of the same type."""
    return np.log(np.maximum(probabilities, _SMALLEST))


def take_apart(values: np.ndarray) -> np.ndarray:
    """[rows, species + 1], 'empty' last -> [rows, species], given that there is an animal."""
    return values[:, :-1] / np.maximum(1 - values[:, -1:], _SMALLEST)


def _joint(frames: Frames, rule: str) -> np.ndarray:
    """An event's species and 'empty', of frames that answer both at once."""
    animal, species = 1 - frames.values[:, -1], take_apart(frames.values)
    apart = dataclasses.replace(frames, values=species, animal=animal)
    highest = np.maximum.reduceat(animal, frames.starts)[:, None]
    return np.concatenate([RULES[rule](apart) * highest, 1 - highest], axis=1)


def _weighted(frames: Frames, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[events, classes]: sums of weighted rows. The weights of an event sum to 1."""
    if len(frames.starts) == 1:  # a camera decides about one event, and carries no SciPy
        return (weights @ values)[None]
    from scipy import sparse

    # A sparse matrix of weights is ten times as fast as np.add.reduceat along rows.
    columns, ends = np.arange(len(values)), [*frames.starts, len(values)]
    return sparse.csr_matrix((weights, columns, ends)) @ values


def _average(frames: Frames, values: np.ndarray) -> np.ndarray:
    return _weighted(frames, values, np.repeat(1 / frames.sizes, frames.sizes))


def _mean(frames: Frames) -> np.ndarray:
    """Mean probability."""
    return _average(frames, frames.values)


def _mean_logit(frames: Frames) -> np.ndarray:
    """Softmax of the mean logits: the geometric mean of every class, made to sum to 1."""
    logits = _average(frames, log_probabilities(frames.values))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _geometric(frames: Frames) -> np.ndarray:
    """The geometric mean of 'nothing is there', which one sure frame refutes."""
    if frames.nothing is None:
        return _mean_logit(frames)
    logs = log_probabilities(frames.values[:, [frames.nothing]])
    return _with_nothing(np.exp(_average(frames, logs)[:, 0]), frames.nothing)


def _maximum(frames: Frames) -> np.ndarray:
    """The surest frame decides: of 'something is there', or of each class."""
    if frames.nothing is not None:
        lowest = np.minimum.reduceat(frames.values[:, frames.nothing], frames.starts)
        return _with_nothing(lowest, frames.nothing)
    highest = np.maximum.reduceat(frames.values, frames.starts, axis=0)
    return highest / highest.sum(axis=1, keepdims=True)


def _by_animal(frames: Frames) -> np.ndarray:
    """Mean probability, every frame weighted by its probability of an animal."""
    return _weighted_mean(frames, frames.animal)


def _by_detector(frames: Frames) -> np.ndarray:
    """Mean probability, every frame weighted by the score of a detector."""
    return _weighted_mean(frames, frames.detection)


def _weighted_mean(frames: Frames, weights: np.ndarray) -> np.ndarray:
    """Mean probability by weights [frames]; the plain mean of an event whose weights are all 0."""
    weights = np.maximum(weights.astype(np.float64), _SMALLEST)
    sums = np.add.reduceat(weights, frames.starts)
    return _weighted(frames, frames.values, weights / np.repeat(sums, frames.sizes))


def _surest(frames: Frames) -> np.ndarray:
    """What the frame says that is surest of an animal, the first of several."""
    event = np.repeat(np.arange(len(frames.starts)), frames.sizes)
    order = np.lexsort((-frames.animal, event))
    return frames.values[order[frames.starts]]


def _with_nothing(probability: np.ndarray, nothing: int) -> np.ndarray:
    """[events, 2]: the probability of 'nothing' in its column, the rest in the other."""
    columns = [probability, 1 - probability]
    return np.stack(columns if nothing == 0 else columns[::-1], axis=1)


RULES: dict[str, Callable[[Frames], np.ndarray]] = {
    "mean": _mean,  # the paper's way ('Prediction Averaging')
    "mean_logit": _mean_logit,
    "geometric": _geometric,  # differs from 'mean_logit' for yes-or-no heads only
    "maximum": _maximum,
    "animal": _by_animal,
    "surest": _surest,
    "detector": _by_detector,
}
DETECTOR = "detector"
WEIGHED = ("animal", "surest", DETECTOR)  # by how much of an animal a frame shows
