"""The detector as SavedModel and TFLite, checked against Keras before anything is kept."""

import csv
import dataclasses
import io
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import PathLike, write_text
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.startup import native_silence
from camtrap_tf.networks.detector import boxes, yolox
from camtrap_tf.networks.detector.boxes import FLOOR, Boxes
from camtrap_tf.networks.pretrained import weights
from camtrap_tf.pictures import files, graph
from export import made_from, sums
from export.decoding import decode_rows
from export.edge import carried
from export.forms import Form

log = logging.getLogger("camtrap")
SAVED_MODEL = "SavedModel"
MOST = 100  # boxes of a picture in a SavedModel
TYPICAL = 0.2
# How much the confidence of the surest box may change, in the mean over pictures. A graph that
# resizes differs from Pillow by 0.004, float16 from float32 by 0.0002, int8 by 0.03.
LIMITS = {
    SAVED_MODEL: 0.01,
    Form.FLOAT32.value: 0.001,
    Form.FLOAT16.value: 0.002,
    Form.INT8.value: 0.05,
}
_CALIBRATION = 60  # pictures that the ranges of int8 are measured on, at most


@dataclasses.dataclass(frozen=True)
class Parity:
    """How far an export is from Keras.

    Args:
        export: 'SavedModel' or a TFLite form.
        pictures: number compared.
        mean, largest: change of the confidence of a picture's surest box.
        overlap: mean intersection over union of the surest boxes, where Keras' reaches `TYPICAL`;
            NaN where none does.
        found, found_keras: pictures whose surest box reaches `TYPICAL`.
    """

    export: str
    pictures: int
    mean: float
    largest: float
    overlap: float
    found: int
    found_keras: int


class _Picture(NamedTuple):
    """A file and what the network sees of it."""

    path: PathLike | bytes
    padded: files.Padded


class Serving(tf.Module):
    """The graph of the detector, for pictures brought to one size.

    Args:
        model: as `yolox.load_network` gives it.
        side: rows and columns of its input.
        floor: lowest confidence of a box.
    """

    def __init__(self, model: keras.Model, side: tuple[int, int], floor: float = FLOOR):
        super().__init__()
        self.model, self.side, self.floor = model, side, floor

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(self, image_bytes):
        """Boxes in encoded pictures."""
        (pixels, filled), valid, doubtful = decode_rows(image_bytes, self.decode, self.blanks)
        return {"valid": valid, "doubtful": doubtful, **self.find(pixels, filled, valid)}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")])
    def pixels(self, images):
        """Boxes in decoded pictures of one size."""
        pixels, filled = self._padded(images)
        rows = tf.shape(images)[0]
        return self.find(pixels, tf.tile(filled[None], (rows, 1)), tf.ones(rows, tf.bool))

    @property
    def blanks(self) -> tuple[tf.Tensor, tf.Tensor]:
        """What stands for a picture that cannot be decoded."""
        return tf.zeros((*self.side, 3), tf.uint8), tf.zeros(2, tf.int32)

    def decode(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[] string -> what the network sees, [rows, columns, 3] uint8, and [2], what it fills."""
        pixels, filled = self._padded(graph.decode_whole(encoded)[None])
        return pixels[0], filled

    def _padded(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The graph's counterpart of `files.read_padded`: squares and [2] int32, what they fill."""
        rows, columns = self.side
        high, wide = tf.unstack(tf.cast(tf.shape(images)[1:3], tf.float64))
        by_width = wide * rows >= high * columns
        whole = tf.where(
            by_width,
            tf.stack([tf.round(high / wide * columns), tf.cast(columns, tf.float64)]),
            tf.stack([tf.cast(rows, tf.float64), tf.round(wide / high * rows)]),
        )
        filled = tf.maximum(1, tf.cast(whole, tf.int32))
        small = tf.image.resize(images, filled, "bicubic", antialias=True)
        small = tf.saturate_cast(tf.round(small), tf.uint8)
        beside = [[0, 0], [0, rows - filled[0]], [0, columns - filled[1]], [0, 0]]
        return tf.ensure_shape(tf.pad(small, beside), (None, rows, columns, 3)), filled

    def find(self, pixels: tf.Tensor, filled: tf.Tensor, valid: tf.Tensor) -> dict:
        """[n, MOST, 4] left, top, width, height and [n, MOST] confidence; 0 where there is none."""
        corners, confidence = self._decoded(self.model(tf.cast(pixels, tf.float32), training=False))
        index, count = tf.image.non_max_suppression_padded(
            corners,
            confidence,
            MOST,
            iou_threshold=boxes.OVERLAP,
            score_threshold=self.floor,
            pad_to_max_output_size=True,
        )
        high, wide = tf.unstack(tf.cast(filled, tf.float32)[:, None, :], axis=-1)
        size = tf.maximum(tf.stack([wide, high, wide, high], axis=-1), 1.0)
        corners = tf.clip_by_value(tf.gather(corners, index, batch_dims=1) / size, 0.0, 1.0)
        sizes = corners[..., 2:] - corners[..., :2]
        there = tf.sequence_mask(count, MOST) & tf.reduce_all(sizes > 0, axis=-1) & valid[:, None]
        confidence = tf.where(there, tf.gather(confidence, index, batch_dims=1), 0.0)
        found = tf.concat([corners[..., :2], sizes], axis=-1)
        return {"boxes": tf.where(there[..., None], found, 0.0), "confidence": confidence}

    def _decoded(self, answers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The graph's counterpart of `boxes.decode`."""
        where = boxes.grid(*self.side)
        stride = where[:, 2:]
        centre = (answers[..., :2] + where[:, :2]) * stride
        half = tf.exp(answers[..., 2:4]) * stride / 2
        confidence = tf.sigmoid(answers[..., 4]) * tf.sigmoid(answers[..., 5])
        return tf.concat([centre - half, centre + half], axis=-1), confidence


def surest(found: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """[n, 4] and [n] float32: the surest box of each picture and how sure; zeros without one."""
    best = tf.argmax(found["confidence"], axis=1)
    return tf.gather(found["boxes"], best, batch_dims=1), tf.reduce_max(found["confidence"], axis=1)


def export_detector(
    out: PathLike,
    pictures: Sequence[PathLike | bytes],
    longer: int = 0,
    forms: Sequence[Form] = (Form.FLOAT32, Form.INT8),
    model: keras.Model | None = None,
    optional: Sequence[Form] = (),
) -> list[Parity]:
    """Writes the detector for other programs and for cameras, and compares it with Keras.

    `out/saved_model/1` has the endpoints `serving_default` (`image_bytes` [n] string) and `pixels`
    (`images` [n, height, width, 3] uint8): `boxes` [n, 100, 4] float32, left, top, width, height
    as shares of the picture, and `confidence` [n, 100], the surest first, 0 where there is none.
    `serving_default` says `valid` and `doubtful` of every picture, too (`write_saved_model`).

    `out/tflite/FORM/detector.tflite` takes `image` [1, rows, columns, 3] uint8, the picture in the
    top left and black beside it, and gives raw `answers` [1, positions, 6], which `boxes.find`
    reads. `parity.csv` and `model_card.md` say how it was checked and where it comes from.

    Args:
        out: new folder, or the same export, which is then read.
        pictures: files, or their bytes, to compare on; for `Form.INT8` every other one is measured
            instead.
        longer: longer side of the network's input, a multiple of 32; 0: by the size of the first
            picture. The other side is as that picture has it (`boxes.side_of`).
        forms: `Form.FLOAT32`, `Form.FLOAT16`, `Form.INT8`.
        model: as `yolox.load_network` gives it, which is what None means.
        optional: of the forms those that are left out, with a warning, where they differ by more
            than `LIMITS`.

    Raises:
        InputError: `out` is something else, no picture can be read, a form that there is none of,
            or an export differs from Keras by more than `LIMITS`.
    """
    out = Path(out)
    others = [form.value for form in forms if form.value not in LIMITS]
    if others:
        raise InputError(
            "the detector's forms are float32, float16 and int8", others, "Leave those out."
        )
    side, padded = _read(pictures, longer)
    measured, checked = (padded[::2], padded[1::2]) if Form.INT8 in forms else ([], padded)
    facts = _made_from(side, forms, optional, padded)
    if made_from.is_done(out, facts):
        return made_from.read_parity(out, Parity)
    if not checked:
        raise InputError("there are at least two pictures to check on", len(padded), "Give more.")
    model = yolox.load_network() if model is None else model
    expected = [_find(model, one, side) for one in checked]
    with tempfile.TemporaryDirectory(dir=_made(out.parent), prefix=".export-") as temporary:
        unchecked = Path(temporary) / "export"
        rows = [_write_saved_model(model, side, unchecked, checked, expected)]
        for form in forms:
            content = _convert(model, side, form, measured)
            rows.append(_write_tflite(content, side, form, unchecked, checked, expected))
        write_text(unchecked / file_names.PARITY, _as_csv(rows))
        write_text(unchecked / file_names.MODEL_CARD, _card(side, rows))
        _leave_out(unchecked, rows, optional)
        _refuse([row for row in rows if row.export not in [form.value for form in optional]])
        made_from.write(unchecked, facts)
        sums.write(unchecked)
        unchecked.rename(out)
    log.info("wrote %s\n%s", out, _as_csv(rows))
    return rows


def _made_from(
    side: tuple[int, int],
    forms: Sequence[Form],
    optional: Sequence[Form],
    pictures: list[_Picture],
) -> dict[str, Any]:
    """What decides what an export is."""
    contents = (one.padded.pixels.tobytes() for one in pictures)
    return {
        "weights": weights.known(yolox.NAME).origin.sha256[:16],
        "side": list(side),
        "forms": [form.value for form in forms],
        **({"optional": [form.value for form in optional]} if optional else {}),
        "pictures to check on": made_from.digest(contents),
    }


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _read(
    pictures: Sequence[PathLike | bytes], longer: int
) -> tuple[tuple[int, int], list["_Picture"]]:
    """Rows and columns of the network's input, and the pictures brought to it."""
    side, found = None, []
    for path in pictures:
        try:
            whole = files.read_padded(path, lambda width, height: (height, width))
            side = side or boxes.side_of(whole.width, whole.height, longer)
            found.append(_Picture(path, files.read_padded(path, lambda *_, side=side: side)))
        except files.PictureError as error:
            log.warning("%s is left out: %s", path, error)
    if side is None:
        raise InputError("there are pictures to check on", "none that can be read", "Give some.")
    return side, found


def _find(model: keras.Model, picture: _Picture, side: tuple[int, int]) -> Boxes:
    answers = model(picture.padded.pixels[np.newaxis].astype(np.float32), training=False)
    return boxes.find(answers.numpy()[0], side, picture.padded.filled, FLOOR)


def _write_saved_model(
    model: keras.Model, side: tuple, out: Path, checked: list[_Picture], expected: list[Boxes]
) -> Parity:
    folder = out / "saved_model" / "1"
    module = Serving(model, side)
    signatures = {"serving_default": module.serve, "pixels": module.pixels}
    with native_silence():
        tf.saved_model.save(module, str(folder), signatures=signatures)
    answer = tf.saved_model.load(str(folder)).signatures["pixels"]

    def find(picture: _Picture) -> Boxes:
        whole = files.read_padded(picture.path, lambda width, height: (height, width))
        found = answer(images=whole.pixels[np.newaxis])
        there = found["confidence"][0].numpy() > 0
        return Boxes(found["boxes"][0].numpy()[there], found["confidence"][0].numpy()[there])

    return compare(SAVED_MODEL, expected, [find(picture) for picture in checked])


def _convert(
    model: keras.Model, side: tuple[int, int], form: Form, measured: list[_Picture]
) -> bytes:
    """The network as a TFLite model with raw answers."""
    whole = form is Form.INT8
    module = tf.Module()
    # The bare variables: see `tflite.convert`.
    module.weights = [variable.value for variable in model.variables]
    # Full int8 replaces a float input by uint8 of scale 1; a cast would stay a float operation.
    spec = tf.TensorSpec((1, *side, 3), tf.float32 if whole else tf.uint8, name="image")
    module.answer = tf.function(
        lambda image: {"answers": model(tf.cast(image, tf.float32), training=False)},
        input_signature=[spec],
    )
    with tempfile.TemporaryDirectory() as folder, native_silence():
        tf.saved_model.save(module, folder, signatures={"serving_default": module.answer})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if whole:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: (
                [one.padded.pixels[np.newaxis].astype(np.float32)]
                for one in measured[:_CALIBRATION]
            )
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
        if form is Form.FLOAT16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def _write_tflite(
    content: bytes,
    side: tuple,
    form: Form,
    out: Path,
    checked: list[_Picture],
    expected: list[Boxes],
) -> Parity:
    path = file_of(out, form)
    _made(path.parent)
    path.write_bytes(content)
    carried.append(path, _description(side, form))
    answer = tflite_answers(path)
    found = [
        boxes.find(answer(one.padded.pixels), side, one.padded.filled, FLOOR) for one in checked
    ]
    return compare(form.value, expected, found)


def file_of(out: PathLike, form: Form) -> Path:
    """Where the TFLite file of a form lies in an export of the detector."""
    return Path(out) / "tflite" / form.value / "detector.tflite"


def tflite_answers(path: PathLike, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """A TFLite file at work: from [rows, columns, 3] uint8 to raw answers [positions, 6]."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path), num_threads=threads).get_signature_runner("serving_default")
    return lambda pixels: runner(image=pixels[np.newaxis])["answers"][0]


def _description(side: tuple[int, int], form: Form) -> dict:
    """What a TFLite file carries."""
    return {
        "name": yolox.NAME,
        "form": form.value,
        "side": list(side),
        "overlap": boxes.OVERLAP,
        "typical_threshold": TYPICAL,
        "origin": dataclasses.asdict(weights.known(yolox.NAME).origin),
        "classes": {"detector": ["something"]},
    }


def compare(export: str, expected: list[Boxes], found: list[Boxes]) -> Parity:
    """How far the boxes of some pictures are from Keras'."""
    keras_sure, sure = (
        np.array([one.confidence[0] if len(one) else 0.0 for one in side])
        for side in (expected, found)
    )
    change = np.abs(sure - keras_sure)
    overlaps = [
        _overlap(one.boxes[0], other.boxes[0]) if len(other) else 0.0
        for one, other in zip(expected, found, strict=True)
        if len(one) and one.confidence[0] >= TYPICAL
    ]
    return Parity(
        export,
        len(expected),
        float(change.mean()),
        float(change.max()),
        float(np.mean(overlaps)) if overlaps else float("nan"),
        int((sure >= TYPICAL).sum()),
        int((keras_sure >= TYPICAL).sum()),
    )


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    corners = np.array([one, other]) + [[0, 0, *one[:2]], [0, 0, *other[:2]]]
    return float(boxes.overlaps(corners[0], corners[1:])[0])


def _leave_out(out: Path, rows: list[Parity], optional: Sequence[Form]) -> None:
    """Removes the optional forms that differ too much; parity.csv says of them, too."""
    by_form = {row.export: row for row in rows}
    for form in optional:
        fault = _fault(by_form[form.value])
        if fault:
            log.warning("the detector is written without %s", fault)
            shutil.rmtree(file_of(out, form).parent)


def _fault(row: Parity) -> str:
    """Why an export is refused, '' if it is not."""
    if row.mean <= LIMITS[row.export]:  # NaN is refused too
        return ""
    return (
        f"{row.export}: confidence changes by {row.mean:.3g} in the mean, more than "
        f"{LIMITS[row.export]}"
    )


def _refuse(rows: list[Parity]) -> None:
    faults = [fault for row in rows if (fault := _fault(row))]
    if faults:
        raise InputError(
            "an export finds what Keras finds", "; ".join(faults),
            "Leave that form out; int8 needs pictures like those it is for.",
        )  # fmt: skip


def _as_csv(rows: list[Parity]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in dataclasses.fields(Parity)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(row) for row in rows)
    return text.getvalue()


def _card(side: tuple[int, int], rows: list[Parity]) -> str:
    return _CARD.format(
        rows=side[0],
        columns=side[1],
        origin=weights.known(yolox.NAME).origin.sentence(),
        parity=_as_csv(rows),
        description=json.dumps(_description(side, Form.FLOAT32)),
    )


_CARD = """# Model card: MegadetectorLite

Boxes around animals, people and vehicles in camera-trap pictures, without saying which.
{origin}.

Input: {rows} x {columns} pixels, red, green and blue from 0 to 255 as they are; the picture whole
and undistorted in the top left, black beside and below it.

## Parity with Keras
```
{parity}```

## Limits
- It misses animals, small ones above all, and people: it is no means to protect privacy.
- It was taught by MegaDetector's boxes, not by people's: what that misses it never learnt.
- Confidence is not calibrated; 0.2 is a sensible threshold, 0.1 a cautious one.

`{description}`
"""
