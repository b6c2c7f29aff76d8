"""Names of the files of a run directory; `camtrap_tf.training.train` says what each holds."""

CONFIG, RESULT = "config.json", "result.json"  # written first and last
NETWORK, LOG, CHECKPOINTS = "best.keras", "log.csv", "checkpoints"
TENSORBOARD = "tensorboard"


def predictions(split: str) -> str:
    """The answers of the network of the best epoch on a split."""
    return f"predictions-{split}.parquet"
