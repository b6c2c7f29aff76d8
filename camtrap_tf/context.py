"""What the frames of a capture event tell about one another, beside each picture.

The camera does not move: frames of an event show the same background, and what differs is the
animal. `stacked` puts that beside the picture as further channels; `images.stacked` is the same
in TensorFlow, for the input pipeline and exported graphs, and gives the same numbers.
"""

import numpy as np

from camtrap_tf.config import Context

NINE_FRAMES = 3  # of an event, that the paper's nine channels hold


def stacked(frames: np.ndarray, context: Context) -> np.ndarray:
    """Every frame of one event with what its network sees beside it.

    `DIFFERENCE`: a fourth channel, the absolute difference to the event's per-pixel median
    frame, the mean over the three colours, rounded. An event of one frame differs nowhere from
    its median: zeros.

    `NINE_CHANNELS`: the first, the middle and the last frame of the event, in this order,
    whichever frame is asked about; an event of three frames is taken whole, as in the paper. A
    single frame stands for all three.

    Args:
        frames: [frames, height, width, 3] uint8, readable frames in order.
        context: what to add.

    Returns:
        [frames, height, width, context.channels] uint8.

    >>> frames = np.zeros((3, 1, 1, 3), np.uint8)
    >>> frames[1] = 30
    >>> stacked(frames, Context.DIFFERENCE)[:, 0, 0, 3].tolist()
    [0, 30, 0]
    """
    if context is Context.DIFFERENCE:
        apart = np.abs(frames.astype(np.int32) - median(frames)).sum(axis=-1, keepdims=True)
        return np.concatenate([frames, ((apart + 1) // 3).astype(np.uint8)], axis=-1)
    if context is Context.NINE_CHANNELS:
        chosen = np.concatenate(list(frames[nine(len(frames))]), axis=-1)
        return np.repeat(chosen[None], len(frames), axis=0)
    return frames


def median(frames: np.ndarray) -> np.ndarray:
    """Per-pixel median of [frames, ...] uint8, as int32; of an even number the mean, cut off."""
    ordered = np.sort(frames, axis=0)
    low, high = ordered[(len(frames) - 1) // 2], ordered[len(frames) // 2]
    return (low.astype(np.int32) + high) // 2


def nine(count: int) -> list[int]:
    """Positions of the first, the middle and the last of `count` frames."""
    return [0, count // 2, count - 1]
