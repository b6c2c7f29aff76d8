"""Answers a labelled split of shards with a bundle and scores the answers.

Writes predictions.parquet and metrics.json, and prints a table.
"""

import json
import logging
from pathlib import Path

from absl import flags

log = logging.getLogger("camtrap")


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string("bundle", None, "bundle to score", flag_values=values, required=True)
    flags.DEFINE_string("shards", None, "folder of shards", flag_values=values, required=True)
    flags.DEFINE_string("split", "test", "split to score on", flag_values=values)
    flags.DEFINE_string("out", None, "folder to write", flag_values=values, required=True)


def run(values: flags.FlagValues, arguments: list[str]) -> None:
    """Reads the flags, predicts and scores."""
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.answers import metrics
    from camtrap_tf.core.artifacts import write_text
    from camtrap_tf.networks.bundle import Bundle
    from camtrap_tf.prediction.shards import predict_shards

    predictions = predict_shards(Bundle.read(values.bundle), values.shards, values.split)
    scores = metrics.evaluate(predictions)
    out = Path(values.out)
    predictions.write(out / "predictions.parquet")
    write_text(out / "metrics.json", json.dumps(scores, indent=1) + "\n")
    log.info("%s", metrics.table(scores))
    log.info("wrote %s", out)
