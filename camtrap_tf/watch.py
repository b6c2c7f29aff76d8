"""What people watch while a network trains: TensorBoard."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw

from camtrap_tf import metrics, pipeline
from camtrap_tf.labels import MISSING
from camtrap_tf.manifest import Manifest
from camtrap_tf.predictions import Predictions

_PICTURES = 12
_CELL = 8  # pixels of a cell of the confusion matrix


def write(folder: Path, row: dict[str, float], answers: Predictions, head: str, manifest: Manifest):
    """Writes an epoch for TensorBoard.

    Scalars of the log's row (losses, accuracies, learning rate), recall of each class, the
    confusion matrix (row = truth, white = all of them), and pictures with truth and answer.

    Args:
        folder: of the events.
        row: the epoch's row of the log.
        answers: on the selecting split.
        head: the task's main head.
        manifest: of the shards; `answers` are in their order.
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
        tf.summary.image(f"confusion_{head}", _confusion_picture(matrix)[None])
        shown = _captioned(answers, head, manifest, split)
        tf.summary.image(f"{split}_{head}", shown, max_outputs=_PICTURES)
    writer.close()


def _confusion_picture(matrix: np.ndarray) -> np.ndarray:
    """[height, width, 1] uint8: shares of each row, 0 black to 1 white."""
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    return np.kron(np.rint(255 * shares), np.ones((_CELL, _CELL)))[..., None].astype(np.uint8)


def _captioned(answers: Predictions, head: str, manifest: Manifest, split: str) -> np.ndarray:
    """[n, height, width, 3] uint8: the first pictures of a split over what is said of them."""
    pixels = next(iter(pipeline.stored_pictures(manifest, split, _PICTURES))).numpy()
    names, confidence = answers.classes[head], answers.confidence(head)
    shown = []
    for place, picture in enumerate(pixels):
        label = int(answers.labels[head][place])
        truth = "?" if label == MISSING else names[label]
        sheet = Image.new("RGB", (picture.shape[1], picture.shape[0] + 24))
        sheet.paste(Image.fromarray(picture))
        draw = ImageDraw.Draw(sheet)
        draw.text((2, picture.shape[0]), f"truth: {truth}")
        answer = names[answers.top(head)[place]]
        draw.text((2, picture.shape[0] + 12), f"{answer} {confidence[place]:.0%}")
        shown.append(np.asarray(sheet))
    return np.stack(shown)
