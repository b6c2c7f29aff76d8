"""What the export of a bundle that sees crops takes beside its networks: a detector, and boxes."""

import dataclasses
import shutil
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import as_path
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.errors import require
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.networks.detector import boxes
from camtrap_tf.networks.detector.finder import Finder
from camtrap_tf.pictures import files
from camtrap_tf.prediction import shard_boxes
from export import detector
from export.checks import Checks
from export.edge import finder as edge_finder
from export.forms import Form
from export.request import Request

# By form of networks those of the detector beside them: of several, the first one with which the
# networks answer as they do with Keras' boxes.
BESIDE = {
    Form.FLOAT32: (Form.FLOAT32,),
    Form.FLOAT16: (Form.FLOAT16,),
    Form.DYNAMIC: (Form.FLOAT16,),
    Form.INT8: (Form.INT8, Form.FLOAT16),
}


def check(bundle: Bundle, request: Request) -> None:
    """Raises InputError where a bundle that sees crops cannot be exported as it is asked."""
    if not bundle.needs_boxes:
        return
    if Form.INT8 in request.forms and request.shards is not None:
        manifest = Manifest.read(request.shards)
        bundle.check_shards(manifest)
        require(
            shard_boxes.kept(manifest) is not None,
            "int8 of networks that see crops is measured on parts of the shards' pictures",
            f"no boxes in {manifest.folder}/{shard_boxes.FOLDER}",
            f"Run `camtrap detect PICTURES --out={manifest.folder}/{shard_boxes.FOLDER}` on the "
            "pictures that the shards were made of, or take --form=float16.",
        )
    require(
        not (as_path(request.check_on) / file_names.MANIFEST).is_file(),
        "an export that looks for boxes is checked on pictures as they were taken, not on shards",
        str(request.check_on),
        "Give their folder as --check_on.",
    )


def see(checks: Checks, model: keras.Model, picture: PictureSpec) -> tuple[tuple[int, int], Checks]:
    """Rows and columns of the detector's input, and the pictures with what Keras finds in them.

    Args:
        checks: pictures; the first one decides the shape of the input, as with `export_detector`.
        model: the detector.
        picture: how parts are made.
    """
    first = files.read_padded(checks.encoded[0], boxes.side_of)
    side = first.pixels.shape[0], first.pixels.shape[1]
    finder = Finder(model=model)
    found = np.stack([_surest(finder, encoded, side) for encoded in checks.encoded])
    return side, dataclasses.replace(_with_parts(checks, found, picture), boxes=found)


def detector_forms(forms: Iterable[Form]) -> list[Form]:
    """Forms of the detector that stand beside networks of some forms."""
    return list(dict.fromkeys(one for form in forms for one in BESIDE[form]))


def place(found: Path, form: Form, folder: Path) -> None:
    """Puts a form of the detector beside networks.

    Args:
        found: the export of the detector.
        form: of it.
        folder: of the networks.
    """
    shutil.copyfile(detector.file_of(found, form), folder / edge_finder.FILE)


def see_with(checks: Checks, folder: Path, picture: PictureSpec) -> Checks:
    """The pictures with what the detector beside networks finds in them, as a camera sees them."""
    looks = edge_finder.EdgeFinder(folder / edge_finder.FILE, threads=2)
    found = np.stack([looks.find(encoded)[0] for encoded in checks.encoded])
    return _with_parts(checks, found, picture)


def _with_parts(checks: Checks, found: np.ndarray, picture: PictureSpec) -> Checks:
    """The pictures with the parts around boxes [n, 4]."""
    pictures = zip(checks.encoded, checks.squares, found, strict=True)
    parts = [edge_finder.cut(*one, picture) for one in pictures]
    return dataclasses.replace(checks, parts=np.stack(parts))


def _surest(finder: Finder, encoded: bytes, side: tuple[int, int]) -> np.ndarray:
    padded = files.read_padded(encoded, lambda *_: side)
    (found,) = finder.find(padded.pixels[np.newaxis], [padded.filled])
    return found.boxes[0] if len(found) else np.full(4, np.nan, np.float32)
