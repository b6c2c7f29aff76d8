"""The parity gate: an export answers as Keras does, or is refused."""

import dataclasses
import itertools
import logging
import math
from pathlib import Path

import numpy as np
import tensorflow as tf

from camtrap_tf import pictures
from camtrap_tf.artifacts import PathLike, existing_folder
from camtrap_tf.bundle import Bundle
from camtrap_tf.errors import InputError
from export import TOLERANCE
from export.saved_model import write_saved_model
from export.tflite import write_tflite

log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Parity:
    """How far an export is from Keras on one head.

    Args:
        export: 'SavedModel' or 'TFLite'.
        head: name of the head.
        pictures: number compared.
        difference: largest absolute difference of a probability.
        agreement: share of pictures with the same top class.
    """

    export: str
    head: str
    pictures: int
    difference: float
    agreement: float


def export_and_verify(
    bundle: PathLike,
    out: PathLike,
    check_on: PathLike,
    count: int = 50,
    tolerance: float = TOLERANCE,
) -> list[Parity]:
    """Writes `out/saved_model/1` and `out/tflite` and compares both with Keras.

    Args:
        bundle: folder of the bundle.
        out: new folder.
        check_on: folder of real pictures.
        count: number of pictures to compare on, spread evenly over the folder.
        tolerance: largest difference of a probability that passes.

    Raises:
        InputError: no readable picture, or an export differs by more than `tolerance`; the
            message tells where. The files stay for inspection.
    """
    loaded, out = Bundle.read(bundle), Path(out)
    saved = write_saved_model(loaded, out / "saved_model" / "1")
    lites = write_tflite(loaded, out / "tflite")
    encoded, pixels = readable_pictures(check_on, loaded, count)
    expected = _keras(loaded, pixels)
    rows = compare("SavedModel", expected, _saved_model(saved, encoded))
    rows += compare("TFLite", expected, _tflite(lites, pixels))
    log.info("%s", table(rows))
    gate(rows, tolerance)
    return rows


def gate(rows: list[Parity], tolerance: float) -> None:
    """Raises InputError when a row differs by more than `tolerance`, or is not a number."""
    worst = max(rows, key=lambda row: (math.isnan(row.difference), row.difference))
    if not worst.difference <= tolerance:
        raise InputError(
            f"an export's probabilities differ from Keras' by at most {tolerance:g}",
            f"{worst.difference:.2g} in head '{worst.head}' of {worst.export}",
            "Do not use this export; --tolerance sets another limit.",
        )


def readable_pictures(
    folder: PathLike, bundle: Bundle, count: int
) -> tuple[list[bytes], np.ndarray]:
    """Files' bytes and stored squares [n, size, size, 3] of readable pictures of a folder."""
    root = existing_folder(folder, "a folder of pictures")
    paths = list(pictures.find(root))
    step = max(1, len(paths) // count)
    encoded, pixels = [], []
    for path in itertools.chain(paths[::step], paths):
        if len(encoded) == count:
            break
        content = (root / path).read_bytes()
        try:
            square = pictures.read(content, bundle.picture).pixels
        except pictures.PictureError:
            continue
        encoded.append(content)
        pixels.append(square)
    if not encoded:
        raise InputError("--check_on holds readable pictures", str(root), "Check the folder.")
    return encoded, np.stack(pixels)


def compare(name: str, expected: dict, found: dict) -> list[Parity]:
    """A row per head: `found` against `expected`, both [n, classes] by head."""
    rows = []
    for head, values in expected.items():
        same = values.argmax(axis=1) == found[head].argmax(axis=1)
        difference = float(np.abs(values - found[head]).max())
        rows.append(Parity(name, head, len(values), difference, float(same.mean())))
    return rows


def table(rows: list[Parity]) -> str:
    """The rows as plain text."""
    lines = [f"{'export':<12}{'head':<14}{'pictures':>9}{'largest difference':>20}{'same top':>10}"]
    lines += [
        f"{r.export:<12}{r.head:<14}{r.pictures:>9}{r.difference:>20.2e}{r.agreement:>10.1%}"
        for r in rows
    ]
    return "\n".join(lines)


def _keras(bundle: Bundle, pixels: np.ndarray) -> dict[str, np.ndarray]:
    return _mean([network.probabilities(pixels) for network in bundle.networks()])


def _saved_model(folder: Path, encoded: list[bytes]) -> dict[str, np.ndarray]:
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    answers = serve(image_bytes=tf.constant(encoded))
    suffix = "_probabilities"
    return {
        name.removesuffix(suffix): values.numpy()
        for name, values in answers.items()
        if name.endswith(suffix)
    }


def _tflite(paths: list[Path], pixels: np.ndarray) -> dict[str, np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    members = []
    for path in paths:
        runner = Interpreter(model_path=str(path), num_threads=2).get_signature_runner()
        answers = [runner(image=one[None]) for one in pixels]
        members.append({head: np.concatenate([a[head] for a in answers]) for head in answers[0]})
    return _mean(members)


def _mean(members: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    heads = dict.fromkeys(head for member in members for head in member)
    return {head: np.mean([m[head] for m in members if head in m], axis=0) for head in heads}
