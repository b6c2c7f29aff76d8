"""What people watch while a network trains: TensorBoard."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from camtrap_tf.answers import metrics
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.batches import pipeline
from camtrap_tf.core.labels import MISSING
from camtrap_tf.events.manifest import Manifest

_PICTURES = 12
_WIDTH = 192  # pixels of an example picture at least, so that species' names fit
_LINE = 14  # pixels of a line of text, and of a cell of the confusion matrix
_RIGHT, _WRONG, _PLAIN = "#7fdc7f", "#ff9090", "#ffffff"


def examples(manifest: Manifest, split: str) -> np.ndarray:
    """[n, size, size, 3] uint8: the first pictures of a split, which are shown with answers."""
    return next(iter(pipeline.stored_pictures(manifest, split, _PICTURES))).numpy()


def write(
    folder: Path, row: dict[str, float], answers: Predictions, head: str, pictures: np.ndarray
):
    """Writes an epoch for TensorBoard.

    Scalars of the log's row (losses, accuracies, learning rate), recall of each class, the
    confusion matrix (row = truth, column = answer, white = all of a row), and the first pictures
    with truth and answer.

    Args:
        folder: of the events.
        row: the epoch's row of the log.
        answers: on the selecting split.
        head: the task's main head.
        pictures: the split's `examples`; `answers` are in their order.
    """
    split, names = answers.info["split"], answers.classes[head]
    matrix = metrics.confusion(answers.top(head), answers.labels[head], len(names))
    recalls = metrics.per_class(matrix)["recall"]
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=int(row["epoch"])):
        for name, value in row.items():
            tf.summary.scalar(name, value)
        for name, recall in zip(names, recalls, strict=True):
            if not np.isnan(recall):
                tf.summary.scalar(f"recall_{head}/{name}", recall)
        tf.summary.image(f"confusion_{head}", _confusion_picture(matrix, names)[None])
        shown = _captioned(answers, head, pictures)
        tf.summary.image(f"{split}_{head}", shown, max_outputs=_PICTURES)
    writer.close()


def _confusion_picture(matrix: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """[height, width, 1] uint8: shares of each row, 0 black to 1 white, with the classes' names."""
    matrix = matrix[:, : len(names)]  # the last column, 'no answer', stays empty here
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    labels = [_text(name) for name in names]
    margin, side = max(label.width for label in labels) + 4, _LINE * len(names)
    sheet = Image.new("L", (margin + side, margin + side))
    cells = Image.fromarray(np.rint(255 * shares).astype(np.uint8))
    sheet.paste(cells.resize((side, side), Image.Resampling.NEAREST), (margin, margin))
    frame = (margin - 1, margin - 1, margin + side, margin + side)
    ImageDraw.Draw(sheet).rectangle(frame, outline=96)
    for place, label in enumerate(labels):
        start, at = margin - 2 - label.width, margin + _LINE * place
        sheet.paste(label, (start, at))
        sheet.paste(label.transpose(Image.Transpose.ROTATE_90), (at, start))
    return np.asarray(sheet)[..., None]


def _text(words: str) -> Image.Image:
    """One line of text, white on black."""
    font = ImageFont.load_default()
    line = Image.new("L", (int(font.getlength(words)) + 1, _LINE))
    ImageDraw.Draw(line).text((0, 0), words, 255, font)
    return line


def _captioned(answers: Predictions, head: str, pictures: np.ndarray) -> np.ndarray:
    """[n, height, width, 3] uint8: the first pictures of a split over what is said of them."""
    names, confidence = answers.classes[head], answers.confidence(head)
    shown = []
    for place, picture in enumerate(pictures):
        label, top = int(answers.labels[head][place]), answers.top(head)[place]
        known = label != MISSING
        colour = _PLAIN if not known else _RIGHT if label == top else _WRONG
        lines = f"truth: {names[label] if known else '?'}", f"{names[top]} {confidence[place]:.0%}"
        shown.append(_sheet(picture, lines, colour))
    return np.stack(shown)


def _sheet(picture: np.ndarray, lines: Sequence[str], colour: str) -> np.ndarray:
    """A picture, enlarged where it is small, over lines of text; the last one is coloured."""
    height, width = picture.shape[:2]
    times = -(-_WIDTH // width)
    sheet = Image.new("RGB", (times * width, times * height + _LINE * len(lines)))
    sheet.paste(Image.fromarray(picture).resize((times * width, times * height)))
    for number, words in enumerate(lines):
        place = (2, times * height + _LINE * number)
        fill = colour if number == len(lines) - 1 else _PLAIN
        ImageDraw.Draw(sheet).text(place, words, fill, ImageFont.load_default())
    return np.asarray(sheet)
