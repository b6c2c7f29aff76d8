"""How well a bundle does on a labelled split of shards."""

import dataclasses
from pathlib import Path

from camtrap_tf.answers import metrics, with_event
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.events.detections import Detections
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.prediction.shards import predict_shards


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Labelled answers, and what they score.

    Args:
        predictions: a row per picture of the split.
        scores: of `metrics.evaluate`, with 95% intervals.
    """

    predictions: Predictions
    scores: dict


def evaluate(
    bundle: Bundle | PathLike,
    shards: PathLike,
    split: str = "test",
    out: PathLike | None = None,
    detections: Detections | None = None,
) -> Evaluation:
    """Answers a labelled split with a bundle, and scores the answers.

    Args:
        bundle: the bundle, or its folder.
        shards: folder of shards.
        split: 'train', 'val', 'test' or 'expert_test'.
        out: folder for predictions.parquet and metrics.json; None writes nothing.
        detections: boxes, for bundles that see the part around one; None: those that lie beside
            the shards (`shard_boxes`).

    Raises:
        InputError: no such split, or shards of another vocabulary or size than the bundle's.
    """
    read = bundle if isinstance(bundle, Bundle) else Bundle.read(bundle)
    alone = predict_shards(read, shards, split, detections=detections)
    predictions = with_event.read(alone, read.event_weight)
    scores = metrics.evaluate(predictions)
    if out is not None:
        predictions.write(Path(out) / file_names.PREDICTIONS)
        metrics.write(scores, Path(out) / file_names.METRICS)
    return Evaluation(predictions, scores)
