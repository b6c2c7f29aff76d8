"""What the export of a bundle that sees crops takes beside its networks: a detector, and boxes."""

import dataclasses

import keras
import numpy as np

from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import as_path
from camtrap_tf.core.errors import require
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.networks.detector import boxes
from camtrap_tf.networks.detector.finder import Finder
from camtrap_tf.pictures import crops, files
from export.checks import Checks
from export.forms import Form
from export.request import Request


def check(bundle: Bundle, request: Request) -> None:
    """Raises InputError where a bundle that sees crops cannot be exported as it is asked."""
    if not bundle.needs_boxes:
        return
    require(
        Form.INT8 not in request.forms,
        "networks that see crops have no form int8 yet",
        "--form=int8",
        "Take --form=float16, half the size of float32, or a bundle of --view=whole alone.",
    )
    require(
        not (as_path(request.check_on) / file_names.MANIFEST).is_file(),
        "an export that looks for boxes is checked on pictures as they were taken, not on shards",
        str(request.check_on),
        "Give their folder as --check_on.",
    )


def see(checks: Checks, model: keras.Model) -> tuple[tuple[int, int], Checks]:
    """Rows and columns of the detector's input, and the pictures with what Keras finds in them.

    Args:
        checks: pictures; the first one decides the shape of the input, as with `export_detector`.
        model: the detector.
    """
    first = files.read_padded(checks.encoded[0], boxes.side_of)
    side = first.pixels.shape[0], first.pixels.shape[1]
    finder = Finder(model=model)
    found = np.stack([_surest(finder, encoded, side) for encoded in checks.encoded])
    parts = crops.cut(checks.squares, crops.squares(found))
    return side, dataclasses.replace(checks, boxes=found, parts=parts)


def _surest(finder: Finder, encoded: bytes, side: tuple[int, int]) -> np.ndarray:
    padded = files.read_padded(encoded, lambda *_: side)
    (found,) = finder.find(padded.pixels[np.newaxis], [padded.filled])
    return found.boxes[0] if len(found) else np.full(4, np.nan, np.float32)
