"""What the frames of a capture event tell about one another, beside each picture.

The camera does not move: frames of an event show the same background, and what differs is the
animal. `stacked` puts that beside the picture as further channels; `context_graph.stacked` does the
same in TensorFlow, for the input pipeline and exported graphs, with the same numbers.
"""

import numpy as np

from camtrap_tf.core.config import Context

NINE_FRAMES = 3  # of an event, that the paper's nine channels hold
# The difference of a picture that has no others to compare it with, everywhere alike, so that it
# is not taken for one in which nothing moved. No real picture differs so evenly.
ALONE = 32
# Where most events are such: their number, that of all events, and the context.
NOTHING_TO_COMPARE = (
    "%s of %s events have one readable picture: there is nothing to compare it with, "
    "and networks with model.context=%s know such pictures less well. "
)

# What decides where to zoom to, in NumPy and in graphs. All of it is whole numbers, so that
# both give the same pixels.
CELLS = 64  # differences are added up in about as many cells along each side
FAINTEST = 6  # mean difference of a cell, on the scale 0-255, that may be an animal
FEWEST = 6  # cells that differ, without which nothing moved
RANK = 200  # one cell in so many differs more than what the others are measured by
SHARE = 25  # on each side one part in so many of the difference is left out
SMALLEST = 0.3  # of the square: enlarged more, pixels only grow


def stacked(frames: np.ndarray, context: Context) -> np.ndarray:
    """Every frame of one event with what its network sees beside it.

    `DIFFERENCE`: a fourth channel, the absolute difference to the event's per-pixel median
    frame, the mean over the three colours, rounded. In an event of one frame, which has nothing
    to be compared with, it is `ALONE` everywhere.

    `ZOOM`: of the same four channels the part in which the frame differs (`window`), at half
    the square's height and width: an animal of any size fills its network's input, which is no
    larger than it need be. Where nothing differs that part is the whole picture.

    `NINE_CHANNELS`: the first, the middle and the last frame of the event, in this order,
    whichever frame is asked about; an event of three frames is taken whole, as in the paper. A
    single frame stands for all three. `LATE` sees the same.

    Args:
        frames: [frames, height, width, 3] uint8, readable frames in order.
        context: what to add.

    Returns:
        [frames, height, width, context.channels] uint8, for `ZOOM` of half the height and width.

    >>> frames = np.zeros((3, 1, 1, 3), np.uint8)
    >>> frames[1] = 30
    >>> stacked(frames, Context.DIFFERENCE)[:, 0, 0, 3].tolist()
    [0, 30, 0]
    """
    if context.differs:
        both = np.concatenate([frames, _difference(frames)[..., None]], axis=-1)
        return both if context is Context.DIFFERENCE else zoomed(both)
    if context.stacks:
        chosen = np.concatenate(list(frames[nine(len(frames))]), axis=-1)
        return np.repeat(chosen[None], len(frames), axis=0)
    return frames


def _difference(frames: np.ndarray) -> np.ndarray:
    """[frames, height, width] uint8: the fourth channel."""
    if len(frames) == 1:
        return np.full(frames.shape[:3], ALONE, np.uint8)
    middle = median(frames)
    channels = np.maximum(frames, middle) - np.minimum(frames, middle)
    red, green, blue = np.moveaxis(channels, -1, 0)
    return ((red.astype(np.uint16) + green + blue + 1) // 3).astype(np.uint8)


def window(difference: np.ndarray) -> tuple[int, int, int]:
    """The square part of a frame in which it differs: its top, left and side.

    Cells that differ by 30% of the most different ones or more make a box that holds 92% of
    their difference along each axis; a square a third as large again is put around it.

    Args:
        difference: [size, size] uint8.

    >>> difference = np.zeros((64, 64), np.uint8)
    >>> difference[10:30, 20:40] = 90
    >>> window(difference)
    (7, 17, 26)
    >>> window(np.zeros((64, 64), np.uint8))
    (0, 0, 64)
    """
    size = len(difference)
    cell, count = cells(size)
    part = difference[: cell * count, : cell * count].astype(np.int64)
    sums = part.reshape(count, cell, count, cell).sum(axis=(1, 3))
    ranked = np.sort(sums, axis=None)[-(count * count // RANK) - 1]
    differs = np.where(sums >= max(FAINTEST * cell * cell, 3 * ranked // 10), sums, 0)
    if (differs > 0).sum() < FEWEST:
        return 0, 0, size
    (top, bottom), (left, right) = (_extent(differs.sum(axis=axis)) for axis in (1, 0))
    side = max(13 * cell * max(bottom - top, right - left) // 10, int(SMALLEST * size))
    side = min(side, size)
    corner = [
        min(max((low + high) * cell // 2 - side // 2, 0), size - side)
        for low, high in ((top, bottom), (left, right))
    ]
    return corner[0], corner[1], side


def cells(size: int) -> tuple[int, int]:
    """Side of a cell, pixels, and how many whole cells lie along a square of `size`."""
    cell = max(1, size // CELLS)
    return cell, size // cell


def _extent(sums: np.ndarray) -> tuple[int, int]:
    """First cell and the one after the last that hold all but the outermost shares."""
    so_far = SHARE * sums.cumsum()
    low = (so_far < sums.sum()).sum()
    high = (so_far < (SHARE - 1) * sums.sum()).sum() + 1
    return int(low), int(high)


def zoomed(squares: np.ndarray) -> np.ndarray:
    """Every square's own `window`, bilinear, as half its pixels along each side.

    Args:
        squares: [n, size, size, channels] uint8, whose last channel says what differs.

    Returns:
        [n, size / 2, size / 2, channels] uint8.
    """
    size = squares.shape[1] // 2
    found = np.empty((len(squares), size, size, squares.shape[-1]), np.uint8)
    for row, square in enumerate(squares):
        top, left, side = window(square[..., -1])
        part = square[top : top + side, left : left + side].astype(np.int32)
        low, high, share = _places(size, side)
        share = share[:, None]
        lines = part[low] * (256 - share[:, None]) + part[high] * share[:, None]
        values = lines[:, low] * (256 - share) + lines[:, high] * share
        found[row] = (values + 32768) >> 16
    return found


def _places(size: int, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which two of `side` pixels each of `size` lies between, and its distance from the first
    in parts of 256.
    """
    place = (2 * np.arange(size) + 1) * side * 128 // size - 128
    place = np.clip(place, 0, 256 * (side - 1))
    low = place // 256
    return low, np.minimum(low + 1, side - 1), (place % 256).astype(np.int32)


def median(frames: np.ndarray) -> np.ndarray:
    """Per-pixel median of [frames, ...] uint8; of an even number the mean, cut off.

    Rows are sorted by exchanging neighbours, all pixels at once: ten times as fast as `np.sort`.
    """
    rows, count = list(frames), len(frames)
    for sweep in range(count):
        for place in range(sweep % 2, count - 1, 2):
            one, other = rows[place : place + 2]
            rows[place : place + 2] = np.minimum(one, other), np.maximum(one, other)
    low, high = rows[(count - 1) // 2], rows[count // 2]
    return ((low.astype(np.uint16) + high) // 2).astype(np.uint8)


def nine(count: int) -> list[int]:
    """Positions of the first, the middle and the last of `count` frames."""
    return [0, count // 2, count - 1]
