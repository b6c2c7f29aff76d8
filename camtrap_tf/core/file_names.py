"""Names of the files of artefacts that more than one module knows; each is stated here alone.

The rooms that write them take their names from here, and so do the look at a verb's paths
(`core.inputs`), which is below those rooms, and the verbs that stand for several.
"""

EVENTS = "events.parquet"  # an event table, where nobody names it otherwise
MANIFEST = "manifest.json"  # of a folder of shards, written last
BUNDLE = "bundle.json"  # of a bundle, written last
PREDICTIONS = "predictions.parquet"
BOXES = "boxes.parquet"  # what is in each box, beside the predictions
EVENT_PREDICTIONS, EVENT_TABLE = "event_predictions.parquet", "events.csv"  # of `aggregate`
METRICS = "metrics.json"
REVIEWS = "reviews.jsonl"
REPORT = "report.html"
GUESSES = "guesses.json"  # of a review from nothing: what another model says of its pictures
PREPARED = "prepared"  # of a review from nothing: what a network sees in its pictures
SUMS = "SHA256SUMS"  # of an export, written last: `sha256sum --check SHA256SUMS`
DETECTIONS = "detections.json"  # MegaDetector batch results
STILL, STILL_PAGE = "still.csv", "still.html"  # boxes that stay in one place
TASKS = ".tasks"  # what workers of other machines are given, while they work
PARITY, MODEL_CARD = "parity.csv", "model_card.md"  # of an export
EXPORT = "export.json"  # what an export was made from

# Of a run directory; `camtrap_tf.training.train` says what each holds.
CONFIG, RESULT = "config.json", "result.json"  # written first and last
NETWORK, LOG, CHECKPOINTS = "best.keras", "log.csv", "checkpoints"
TENSORBOARD = "tensorboard"


def answers(split: str) -> str:
    """What the network of a run's best epoch answers on a split."""
    return f"predictions-{split}.parquet"
