r"""The `paper` and `modern` recipes side by side on one Californian station, split by day.

    camtrap prepare --source=coco --metadata=california/california.json --out=/tmp/ca/e.parquet
    camtrap shard --events=/tmp/ca/e.parquet --images=california --out=/tmp/ca/shards --split=day
    python -m experiments.california --shards=/tmp/ca/shards --out=/tmp/ca/runs

Species of the test days (unseen days of a camera that was seen), by picture and by event, three
seeds. Both train ResNet-18 on 224 pixels for as many epochs; the paper's schedule is stretched
to them. Writes `experiments/results/california.csv`.
"""

import dataclasses
from pathlib import Path

from absl import app, flags

FIELDS = ("recipe", "seed", "top1_pictures", "pictures", "top1_events", "events", "majority")


def recipe(name: str, seed: int, epochs: int, crop: int):
    """A preset for this small data set: batch 32, the schedule in proportion."""
    from camtrap_tf.config import PRESETS, Step
    from camtrap_tf.labels import Task

    config = PRESETS[name]
    table = tuple(
        Step(1 + round((step.first - 1) * epochs / 55), step.learning_rate, step.weight_decay)
        for step in config.train.schedule
    )
    train = dataclasses.replace(
        config.train, task=Task.SPECIES, seed=seed, epochs=epochs, batch_size=32, schedule=table
    )
    return dataclasses.replace(
        config, train=train, model=dataclasses.replace(config.model, crop=crop)
    )


def measure(name: str, seed: int, shards: Path, folder: Path, epochs: int, crop: int) -> dict:
    """Trains one network and scores its best epoch (chosen on the validation days)."""
    from camtrap_tf import metrics
    from camtrap_tf.manifest import Manifest
    from camtrap_tf.network import predict_split
    from camtrap_tf.train import train

    run = train(recipe(name, seed, epochs, crop), shards, folder / f"{name}-{seed}")
    scores = metrics.evaluate(predict_split([run.network()], Manifest.read(shards), "test"))
    pictures, events = (scores[level]["heads"]["species"] for level in ("images", "events"))
    return {
        "recipe": name,
        "seed": seed,
        "top1_pictures": round(pictures["top1"], 4),
        "pictures": pictures["scored"],
        "top1_events": round(events["top1"], 4),
        "events": events["scored"],
        "majority": round(pictures["majority"], 4),
    }


def main(_) -> None:
    """Reads the flags, trains all and writes the table."""
    from camtrap_tf.artifacts import write_text
    from camtrap_tf.quiet import start_tensorflow

    start_tensorflow()
    given, rows = flags.FLAGS, []
    for seed in range(given.seeds):
        for name in ("paper", "modern"):
            shards, out = Path(given.shards), Path(given.out)
            rows.append(measure(name, seed, shards, out, given.epochs, given.crop))
            lines = [",".join(FIELDS), *(",".join(str(row[f]) for f in FIELDS) for row in rows)]
            write_text(given.table, "\n".join(lines) + "\n")


if __name__ == "__main__":
    flags.DEFINE_string("shards", None, "folder of shards", required=True)
    flags.DEFINE_string("out", None, "folder of runs", required=True)
    flags.DEFINE_integer("seeds", 3, "number of seeds")
    flags.DEFINE_integer("epochs", 55, "passes over the training split")
    flags.DEFINE_integer("crop", 224, "pixels")
    flags.DEFINE_string("table", "experiments/results/california.csv", "table to write")
    app.run(main)
