"""What a detector and a network would have seen in drawn pictures, as they write it down."""

from collections.abc import Sequence

import numpy as np

from camtrap_tf.pictures import exif
from camtrap_tf.prediction import describe, descriptions
from camtrap_tf.prediction.describe import Pixels, Seen
from camtrap_tf.prediction.job import Job

BOX = (0.5, 0.25, 0.25, 0.5)


def write_block(job: Job, number: int, kinds: Sequence[int], middles: np.ndarray) -> None:
    """A block as `describe` writes it.

    Args:
        job: of the descriptions.
        number: of the block.
        kinds: of each of its pictures; of kind 0 nothing was detected.
        middles: [kinds, width], the features of each kind, in both views; noise is added.
    """
    codes, square = np.asarray(kinds), np.zeros((4, 4, 3), np.uint8)
    read = [Seen(exif.Facts(), Pixels(square, None)) for _ in codes]  # type: ignore
    noise = np.random.default_rng(number).normal(size=(len(codes), 2, middles.shape[1]))
    there = codes > 0
    found = {
        "scores": np.where(there, 0.75, 0).astype(np.float32),
        "boxes": np.where(there[:, None], BOX, np.nan).astype(np.float32),
        "features": (middles[codes][:, None] + 0.05 * noise).astype(np.float16),
    }
    describe._write(job, job.block(number), read, found)


def write_all(job: Job, kind_of, middles: np.ndarray) -> None:
    """All blocks that are not there; `kind_of` tells the kind of a picture from its path."""
    for number in descriptions.missing(job):
        kinds = [kind_of(path) for path in job.block(number).pictures["path"]]
        write_block(job, number, kinds, middles)
