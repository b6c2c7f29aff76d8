"""What an export is asked to be."""

import dataclasses

from camtrap_tf.core.artifacts import PathLike
from export import AUTOMATIC_AT, threshold
from export.forms import USUAL, Form, check_shards


@dataclasses.dataclass(frozen=True)
class Request:
    """What to export and how to check it.

    Args:
        check_on: folder of real pictures, or of shards, whose labels are then used too.
        check_pictures: number of pictures to compare on.
        forms: TFLite forms.
        shards: where the representative pictures of `Form.INT8` are drawn from.
        automatic_at: probability from which an answer is taken without a human, in [0, 1].
        recall: choose the animal threshold so that this share of the validation split's animals
            passes stage 1 (`threshold.with_recall`); needs `shards`. None keeps the bundle's.
        recall_of: what that share counts.
        version: number of the SavedModel's folder.
        force: write the export even where it differs; the model card says so.
    """

    check_on: PathLike
    check_pictures: int = 200
    forms: tuple[Form, ...] = USUAL
    shards: PathLike | None = None
    automatic_at: float = AUTOMATIC_AT
    recall: float | None = None
    recall_of: threshold.Level = threshold.Level.PICTURES
    version: int = 1
    force: bool = False

    def __post_init__(self):
        check_shards(self.forms, self.recall, self.shards)


# Where networks see an event's other frames.
ASKED = """The SavedModel was asked about every picture alone, the TFLite files about pictures with
the others of their events: two questions, and accuracies that differ."""
