"""What is done for rare classes: class weights, oversampling, emphasis sampling.

The three methods of the paper's section on class imbalance. All act on a task's main head.
"""

import collections

import numpy as np

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, Task
from camtrap_tf.events.manifest import Manifest

EMPHASIS_PROBABILITIES = (0.20, 0.35)  # of a batch from the queue of top-1 and of top-5 failures
# Of the output layer's gradient under weighted loss. It holds 40 to 80% of the gradients there (a
# drawn long tail of 15 species, weights of mean 1; under Eq. 2's weights it would hold none), which
# mutes the weights in that layer. A bound as much larger as the weights are was tried: with it the
# network learnt less (species right on the validation split: 25%, 39% with 0.01; one training).
CLAMP = 0.01
_CAPACITY_BATCHES = 64  # a queue keeps its latest failures; the paper gives no bound
_DRAWS = 7  # stream of random numbers: default_rng([seed, stream, epoch, step])


def main_head(task: Task) -> str:
    """The head that a task is about."""
    return EMPTY if task is Task.EMPTY else "species"


def class_counts(manifest: Manifest, split: str, task: Task) -> np.ndarray:
    """Pictures of each class of a task's main head in a split: [classes] int64.

    Raises:
        InputError: the manifest has no counts of that head.
    """
    counts = manifest.class_counts.get(split, {})
    head = main_head(task)
    if head not in counts or not any(counts[head]):
        raise InputError(
            f"the manifest counts the classes of head '{head}' in split '{split}'",
            sorted(counts),
            "Write the shards again, or set train.rare=none.",
        )
    if task is Task.ONE_STAGE:
        return np.array([*counts["species"], counts[EMPTY][1]], np.int64)
    return np.array(counts[head], np.int64)


def burst_noise(counts: np.ndarray, share: float) -> np.ndarray:
    """Probability of each label (column) of a picture of each class (row), the last one 'empty'.

    Labels of whole bursts are true of pictures that show an animal, and of empty ones but for
    `share` of them, which lie in bursts of an animal: of each class as often as it occurs.

    Args:
        counts: [classes] int64, pictures of each class.
        share: in [0, 1).

    Returns:
        [classes, classes] float64, rows sum to 1.

    >>> burst_noise(np.array([30, 10, 60]), 0.4).round(2).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.3, 0.1, 0.6]]
    """
    matrix = np.eye(len(counts))
    matrix[-1, :-1] = share * counts[:-1] / counts[:-1].sum()
    matrix[-1, -1] = 1 - share
    return matrix


def class_weights(counts: np.ndarray) -> np.ndarray:
    """Weights of the classes in the loss (Eq. 1 and 2): [classes] float64, they sum to 1.

    f_i = N / n_i and w_i = f_i / sum(f), with n_i pictures of class i among N. A class without
    pictures has weight 0.

    >>> class_weights(np.array([60, 30, 10])).round(4).tolist()  # f = 5/3, 10/3, 10
    [0.1111, 0.2222, 0.6667]
    """
    present = counts > 0
    inverse = np.where(present, counts.sum() / np.maximum(counts, 1), 0.0)
    return inverse / inverse.sum()


def loss_weights(counts: np.ndarray) -> np.ndarray:
    """`class_weights`, scaled so that the mean over the training pictures is 1.

    Eq. 2 fixes the weights' ratios. Taken as they are, they would lower the learning rate of
    the whole network by their mean, classes / sum(f), which is far below 1 on a long tail.

    >>> loss_weights(np.array([60, 30, 10])).round(4).tolist()  # N / (3 n_i)
    [0.5556, 1.1111, 3.3333]
    """
    weights = class_weights(counts)
    return weights * counts.sum() / np.sum(weights * counts)


def root_weights(counts: np.ndarray) -> np.ndarray:
    """Square roots of `class_weights`, scaled so that the mean over the training pictures is 1.

    >>> root_weights(np.array([64, 16, 4])).round(4).tolist()  # 1 : 2 : 4; 84 / (64 + 32 + 16)
    [0.75, 1.5, 3.0]
    """
    weights = np.sqrt(class_weights(counts))
    return weights * counts.sum() / np.sum(weights * counts)


def copies(counts: np.ndarray) -> np.ndarray:
    """How often a picture of each class is shown in an epoch of N pictures, on average.

    Every class gets an equal share of the epoch: N / (classes n_i), so that a picture of a
    frequent class is not shown in every epoch. These are the very numbers by which
    `loss_weights` weighs.
    """
    return loss_weights(counts)


class Emphasis:
    """The two queues of emphasis sampling: pictures that the network failed on.

    A picture is named by its key: (shard, event, frame), numbers from 0. The queues are a
    function of what was added, and the draws of (seed, epoch, step), so that a run that stops
    and goes on feeds the same batches.
    """

    def __init__(self, batch_size: int, seed: int):
        self.batch_size, self.seed = batch_size, seed
        capacity = _CAPACITY_BATCHES * batch_size
        self.queues = [collections.deque(maxlen=capacity) for _ in EMPHASIS_PROBABILITIES]

    def add(self, keys: np.ndarray, failures: np.ndarray) -> None:
        """Queues what the network failed on.

        Args:
            keys: [n, 3] int64.
            failures: [n] integers: 0 = right, or has no label; 1 = the best guess is wrong; 2 =
                all of the five best are.
        """
        for level, queue in enumerate(self.queues, start=1):
            queue.extend(tuple(key) for key in keys[failures == level].tolist())

    def due(self, epoch: int, step: int) -> list[np.ndarray]:
        """Batches to feed after a step, taken from the queues' fronts: [batch, 3] int64 each.

        A queue that holds less than a batch waits.
        """
        draws = np.random.default_rng([self.seed, _DRAWS, epoch, step]).random(len(self.queues))
        batches = []
        for queue, draw, probability in zip(
            self.queues, draws, EMPHASIS_PROBABILITIES, strict=True
        ):
            if draw < probability and len(queue) >= self.batch_size:
                batches.append(np.array([queue.popleft() for _ in range(self.batch_size)]))
        return batches

    def to_json(self) -> list:
        """The queues as JSON values."""
        return [list(queue) for queue in self.queues]

    def load(self, content: list) -> None:
        """The reverse of `to_json`."""
        for queue, keys in zip(self.queues, content, strict=True):
            queue.clear()
            queue.extend(tuple(key) for key in keys)
