"""The second view of a picture: the part around the surest box that a detector found.

Where nothing was found, the view is the whole picture. A head sees in prediction what it was fitted
to: which of two kinds of parts it is, is decided when shards are written (`PictureSpec.crops`).

Of the stored square, `cut`: a square, 1.25 times as wide as the box's longer side and at least 96
of 256 pixels, so that a far animal is not blown up beyond what the stored picture holds; moved
inside where it would reach over the edge.

Of the file itself, `sharp`: the part that `files.part_around` describes, made a stored square of
its own. On cameras never seen it is worth more (docs/results/pretrained.md).
"""

from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.config import Fit, PictureSpec
from camtrap_tf.core.errors import require
from camtrap_tf.pictures import files

ROOM, LEAST = 1.25, 96 / 256


def check(picture: PictureSpec) -> None:
    """Parts around boxes are cut from files, or out of squares that hold the whole picture.

    Raises:
        InputError: of these squares a share is cut off, or filled, that boxes do not know of.
    """
    require(
        picture.crops or (picture.fit is Fit.SQUASH and picture.bar_share == 0),
        "squares that crops are cut from are whole pictures: fit=squash, bar_share=0",
        f"fit={picture.fit.value}, bar_share={picture.bar_share:g}",
        "Make such shards with `camtrap shard`, or cut crops from the files with "
        "`camtrap shard --crops`, or give --view=whole.",
    )


def squares(boxes: np.ndarray) -> np.ndarray:
    """Squares around boxes.

    Args:
        boxes: [n, 4] float32, left, top, width and height as shares of the picture; NaN where
            nothing was found.

    Returns:
        [n, 4] float32: left, top, right and bottom, shares of the stored square.

    >>> squares(np.array([[0.0, 0.5, 0.25, 0.5], [np.nan] * 4])).tolist()
    [[0.0, 0.375, 0.625, 1.0], [0.0, 0.0, 1.0, 1.0]]
    """
    found = np.where(np.isnan(boxes), [0.0, 0.0, 1.0, 1.0], boxes)
    side = np.clip(ROOM * found[:, 2:].max(axis=1, keepdims=True), LEAST, 1)
    middle = found[:, :2] + found[:, 2:] / 2
    corner = np.clip(middle - side / 2, 0, 1 - side)
    return np.concatenate([corner, corner + side], axis=1).astype(np.float32)


def sharp(source: PathLike | bytes, picture: PictureSpec, box: np.ndarray) -> np.ndarray:
    """[size, size, 3] uint8: the part around a box, cut from the file itself.

    Args:
        source: a file, or its bytes.
        picture: gives the size.
        box: [4] float32, left, top, width and height as shares of the picture; NaN where nothing
            was found.

    Raises:
        files.PictureError: it cannot be read.
    """
    return files.read(source, picture, box_of(box)).pixels


def box_of(box: np.ndarray) -> list[float] | None:
    """A box as `files.read` takes it; None where nothing was found."""
    return None if np.isnan(box).any() else box.tolist()


def cut(pixels: np.ndarray, around: np.ndarray) -> np.ndarray:
    """The parts of stored squares, each as large as the square.

    Args:
        pixels: [n, size, size, 3] uint8.
        around: [n, 4] float32, see `squares`.
    """
    size = pixels.shape[1]
    pairs = zip(pixels, size * around.astype(float), strict=True)
    parts = [
        Image.fromarray(one).resize((size, size), Image.Resampling.BILINEAR, tuple(box))
        for one, box in pairs
    ]
    return np.stack([np.asarray(part) for part in parts]) if parts else pixels


def batches(squares_of: Iterable, boxes: np.ndarray) -> Iterator[np.ndarray]:
    """The parts around boxes [n, 4] of stored squares that come in batches."""
    return (part for _, part in _with_parts(squares_of, boxes))


def stacked(squares_of: Iterable, boxes: np.ndarray) -> Iterator[np.ndarray]:
    """[n, size, size, channels + 3] uint8: stored squares in batches, and the parts around boxes.

    Args:
        squares_of: [n, size, size, channels] uint8; the first three channels are the picture.
        boxes: [pictures, 4] float32, see `squares`.
    """
    return (np.concatenate(both, axis=-1) for both in _with_parts(squares_of, boxes))


def _with_parts(squares_of: Iterable, boxes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each batch of stored squares, and the parts around their boxes."""
    around, done = squares(boxes), 0
    for pixels in map(np.asarray, squares_of):
        yield pixels, cut(pixels[..., :3], around[done : done + len(pixels)])
        done += len(pixels)
