"""From a detector's raw answers to boxes, in NumPy: a camera's computer needs nothing else."""

import dataclasses
import functools

import numpy as np

STRIDES = (8, 16, 32)
COARSEST = STRIDES[-1]  # sides of inputs are multiples of it
# Smallest longer side of a picture -> longer side of the input.
_SIDES = ((800, 640), (400, 416), (0, 320))
FLOOR = 0.01  # lowest confidence of a box, where nobody says otherwise
OVERLAP = 0.45  # of two boxes (intersection over union), above which the less sure one goes


@dataclasses.dataclass(frozen=True)
class Boxes:
    """What was found in one picture, the surest first.

    Args:
        boxes: [n, 4] float32, left, top, width and height as shares of the picture, inside it.
        confidence: [n] float32 in (0, 1).
    """

    boxes: np.ndarray
    confidence: np.ndarray

    def __len__(self) -> int:
        return len(self.confidence)


@functools.lru_cache(maxsize=32)
def grid(rows: int, columns: int) -> np.ndarray:
    """[positions, 3] float32: column, row and stride of every position of an input's grids."""
    parts = []
    for stride in STRIDES:
        y, x = np.mgrid[: rows // stride, : columns // stride]
        parts.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1))
    return np.concatenate(parts).astype(np.float32)


def decode(answers: np.ndarray, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Corners and confidence of raw answers.

    Args:
        answers: [..., positions, 6], as `yolox.build` says.
        rows, columns: of the network's input.

    Returns:
        [..., positions, 4] float32, left, top, right and bottom in pixels of the input, some of
        them outside it, and [..., positions] float32 in (0, 1).
    """
    where = grid(rows, columns)
    stride = where[:, 2:]
    centre = (answers[..., :2] + where[:, :2]) * stride
    half = np.exp(answers[..., 2:4]) * stride / 2
    something, of_class = (_sigmoid(answers[..., part]) for part in (4, 5))
    return np.concatenate([centre - half, centre + half], axis=-1), something * of_class


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits))


def suppress(corners: np.ndarray, confidence: np.ndarray, overlap: float = OVERLAP) -> np.ndarray:
    """[kept] int: which boxes stay, the surest first; of much the same box one.

    Args:
        corners: [n, 4] left, top, right, bottom.
        confidence: [n].
        overlap: intersection over union above which the less sure of two boxes goes.
    """
    order = np.argsort(-confidence, kind="stable")
    kept = []
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(first)
        order = rest[overlaps(corners[first], corners[rest]) <= overlap]
    return np.array(kept, int)


def overlaps(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[n] intersection over union of a box with each of some others."""
    corner = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
    common = np.prod(np.maximum(corner[1] - corner[0], 0), axis=1)
    sizes = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(one[2:] - one[:2])
    return common / (sizes - common)


def side_of(width: int, height: int, longer: int = 0) -> tuple[int, int]:
    """Rows and columns of the network's input for a picture.

    Large pictures deserve large inputs: in full-size ones small animals are found at 640 pixels
    that are missed at 320, while pictures of 256 pixels are answered best at 320.

    Args:
        width, height: of the picture, pixels.
        longer: the input's longer side, a multiple of 32; 0: 320 for pictures below 400 pixels,
            416 below 800, 640 above.

    Returns:
        The longer side, and as much of the other as the picture needs, both multiples of 32.

    >>> side_of(2048, 1536), side_of(256, 256), side_of(1080, 1920)
    ((480, 640), (320, 320), (640, 384))
    """
    larger, smaller = max(width, height), min(width, height)
    if not longer:
        longer = next(side for least, side in _SIDES if larger >= least)
    shorter = max(1, -(-longer * smaller // (larger * COARSEST))) * COARSEST
    return (shorter, longer) if width >= height else (longer, shorter)


def find(
    answers: np.ndarray,
    side: tuple[int, int],
    filled: tuple[int, int],
    floor: float,
    overlap: float = OVERLAP,
) -> Boxes:
    """The boxes of one picture.

    Args:
        answers: [positions, 6], raw.
        side: rows and columns of the network's input.
        filled: rows and columns of it that hold the picture, from the top left.
        floor: lowest confidence of a box, in (0, 1).
        overlap: see `suppress`.
    """
    corners, confidence = decode(answers, *side)
    sure = confidence >= floor
    corners, confidence = corners[sure], confidence[sure]
    kept = suppress(corners, confidence, overlap)
    shares = corners[kept] / np.array([filled[1], filled[0]] * 2, np.float32)
    shares = np.clip(shares, 0, 1)
    inside = (shares[:, 2:] > shares[:, :2]).all(axis=1)
    boxes = np.concatenate([shares[:, :2], shares[:, 2:] - shares[:, :2]], axis=1)
    return Boxes(boxes[inside].astype(np.float32), confidence[kept][inside].astype(np.float32))
