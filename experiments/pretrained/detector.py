r"""The detector that needs no training: what it finds.

    python -m experiments.pretrained.detector --shards=/tmp/ca/256-0 \
        --detections=/tmp/ca/detected/detections.json --data=../shared/data \
        --table=pretrained_detector.csv

Shards and boxes as of `experiments.california.read_events`: 1,143 pictures of 256 pixels, seen at
320, of which nothing was learnt.

    area under the curve  of its score, something against empty: by picture, and by event, whose
                          score is its surest picture's
    recall                share of the pictures with something, and of the empty ones, that have a
                          box of a confidence
    boxes                 31 frames of the Serengeti with 174 boxes, herds among them: at their
                          size (1000x750, seen at 640) and shrunk to 256 pixels (seen at 320).
                          Recall and precision of boxes, each matched once, the surest first

Intervals: events (frames) drawn anew.
"""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
from absl import app, flags

from camtrap_tf.core.labels import MISSING
from experiments.pretrained.scored import Scored, join
from experiments.rows import write_lines

CONFIDENCES = (0.05, 0.1, 0.2, 0.4)
OVERLAPS = (0.5, 0.3)
SMALL = 256  # pixels
DRAWS = 200  # of events


def line(what: str, of: str, at: str, figures: dict) -> dict:
    """A line of the table."""
    return {"what": what, "of": of, "at": at} | figures


def area(score: np.ndarray, something: np.ndarray, events: np.ndarray) -> dict:
    """Area under the receiver's curve, with its interval over events."""
    from sklearn.metrics import roc_auc_score

    rows_of = [np.flatnonzero(events == event) for event in np.unique(events)]
    rng, drawn = np.random.default_rng(0), []
    for _ in range(DRAWS):
        rows = np.concatenate([rows_of[i] for i in rng.integers(0, len(rows_of), len(rows_of))])
        if np.ptp(something[rows]):  # else there is no curve
            drawn.append(roc_auc_score(something[rows], score[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    value = roc_auc_score(something, score)
    figures = {"right": value, "low": low, "high": high}
    counts = {"scored": len(score), "units": len(rows_of)}
    return counts | {name: round(float(number), 4) for name, number in figures.items()}


def areas(score: np.ndarray, empty: np.ndarray, events: np.ndarray) -> list[dict]:
    """By picture and by event."""
    names = np.unique(events)
    best = np.array([score[events == name].max() for name in names])
    shown = np.array([(empty[events == name] == 0).any() for name in names])
    return [
        line("area under the curve", "pictures", "", area(score, (empty == 0).astype(int), events)),
        line("area under the curve", "events", "", area(best, shown.astype(int), names)),
    ]


def recalls(score: np.ndarray, empty: np.ndarray, events: np.ndarray) -> list[dict]:
    """Shares of pictures with a box."""
    kinds = {"pictures with something": empty == 0, "empty pictures": empty == 1}
    return [
        line("recall", kind, str(least),
             Scored(np.where(rows, score >= least, np.nan), events).figures())
        for kind, rows in kinds.items()
        for least in CONFIDENCES
    ]  # fmt: skip


def matches(boxes: np.ndarray, truth: np.ndarray, overlap: float) -> np.ndarray:
    """[boxes] bool: which match a true box that no surer one has matched.

    Args:
        boxes: [n, 4] corners, the surest first.
        truth: [m, 4] corners.
        overlap: least intersection over union.
    """
    from camtrap_tf.networks.detector.boxes import overlaps

    left, hits = list(range(len(truth))), np.zeros(len(boxes), bool)
    for row, box in enumerate(boxes):
        common = overlaps(box, truth[left]) if left else np.zeros(0)
        if len(common) and common.max() >= overlap:
            hits[row] = True
            left.pop(int(common.argmax()))
    return hits


def gold_boxes(data: Path) -> dict[Path, np.ndarray]:
    """By frame that is here, [n, 4] corners as shares of the picture."""
    folder, found = data / "serengeti" / "gold", {}
    with open(folder / "GoldStandardBoundBoxCoord.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            frame = folder / "images" / row["filename"]
            if frame.is_file():
                sides = [float(row["width"]), float(row["height"])] * 2
                corners = [float(row[name]) for name in ("xmin", "ymin", "xmax", "ymax")]
                found.setdefault(frame, []).append(np.divide(corners, sides))
    return {frame: np.array(boxes) for frame, boxes in found.items()}


def shrunk(frame: Path) -> bytes:
    """A frame as a JPEG whose longer side has `SMALL` pixels."""
    from PIL import Image

    with Image.open(frame) as picture:
        small = picture.resize((SMALL, round(SMALL * picture.height / picture.width)))
    content = io.BytesIO()
    small.save(content, "JPEG", quality=95)
    return content.getvalue()


def of_frames(data: Path) -> list[dict]:
    """Lines about the boxes of the Serengeti's frames."""
    from camtrap_tf.networks.detector.boxes import side_of
    from camtrap_tf.networks.detector.finder import Finder
    from camtrap_tf.pictures import files

    finder, lines, truths = Finder(), [], gold_boxes(data)
    for size, source in {"full size": Path, f"{SMALL} pixels": shrunk}.items():
        answered = []
        for frame in truths:
            padded = files.read_padded(source(frame), side_of)
            answered += finder.find(padded.pixels[None], [padded.filled])
        lines += _of_boxes(size, answered, truths)
    return lines


def _of_boxes(size: str, answered: list, truths: dict[Path, np.ndarray]) -> list[dict]:
    lines = []
    for overlap in OVERLAPS:
        for least in CONFIDENCES[1:]:
            recall, precision = [], []
            for one, (frame, truth) in zip(answered, truths.items(), strict=True):
                boxes = one.boxes[one.confidence >= least]
                corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
                hits = matches(corners, truth, overlap)
                found = np.arange(len(truth)) < hits.sum()
                recall.append(Scored(found.astype(float), np.full(len(truth), frame.name)))
                precision.append(Scored(hits.astype(float), np.full(len(hits), frame.name)))
            at = f"confidence {least}, overlap {overlap}"
            lines.append(line("boxes: recall", size, at, join(recall).figures()))
            lines.append(line("boxes: precision", size, at, join(precision).figures()))
    return lines


def main(_) -> None:
    """Reads the flags, measures and writes the table."""
    from camtrap_tf.batches import pipeline
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events import detections
    from camtrap_tf.events.manifest import Manifest

    start_tensorflow()
    boxes, manifest = detections.read(flags.FLAGS.detections), Manifest.read(flags.FLAGS.shards)
    parts = [pipeline.index(manifest, split) for split in manifest.splits()]
    ids = pd.concat([part[0] for part in parts], ignore_index=True)
    empty = np.concatenate([part[1]["empty"] for part in parts])
    known = empty != MISSING
    score = boxes.of(ids["path"].astype("string")).confidence[known]
    empty, events = empty[known], ids["event_id"].to_numpy(str)[known]
    lines = areas(score, empty, events) + recalls(score, empty, events)
    write_lines(lines + of_frames(Path(flags.FLAGS.data)), Path(flags.FLAGS.table))


if __name__ == "__main__":
    flags.DEFINE_string("shards", None, "folder of shards", required=True)
    flags.DEFINE_string("detections", None, "what `camtrap detect` wrote", required=True)
    flags.DEFINE_string("data", None, "folder of the collections of pictures", required=True)
    flags.DEFINE_string("table", None, "table to write", required=True)
    app.run(main)
