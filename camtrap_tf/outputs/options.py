"""What the formats need to know beside the predictions."""

import dataclasses

from camtrap_tf.artifacts import PathLike


@dataclasses.dataclass(frozen=True)
class Options:
    """Each format reads what concerns it.

    Args:
        pictures: folder that the predictions' paths are relative to.
        floor: `megadetector`: lowest animal probability that is written as a detection.
    """

    pictures: PathLike | None = None
    floor: float = 0.1
