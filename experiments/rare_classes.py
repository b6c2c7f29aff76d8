r"""What weighted loss, oversampling and emphasis sampling do for rare species (Fig. S.9).

    python -c 'from data_prep import synthetic as s
    s.write(s.World(events=1100, empty_share=0.0, size=(160, 120)), "/tmp/rare/world")'
    camtrap prepare --source=dryad --metadata=/tmp/rare/world --out=/tmp/rare/events.parquet
    camtrap shard --events=/tmp/rare/events.parquet --images=/tmp/rare/world/images \
        --out=/tmp/rare/shards --shares=0.6,0.1,0.3 --size=72 --bar_share=0.0638
    python -m experiments.rare_classes --shards=/tmp/rare/shards --out=/tmp/rare/runs

On drawn pictures with a long tail: a small network on 64 pixels, species only. Rare are the
species with less than 3% of the training pictures. The paper: all three methods raise the
accuracy of some rare species, oversampling at the greatest loss of overall accuracy. Writes
`experiments/results/rare_classes.csv`, a row for each method and seed; seconds are those of the
training steps.
"""

import csv
from pathlib import Path

import numpy as np
from absl import app, flags

RARE_SHARE = 0.03
FIELDS = (
    "method", "seed", "rare_recall", "frequent_recall", "top1", "top5", "rare_species",
    "rare_pictures", "training_pictures", "batches_again", "epochs", "seconds",
)  # fmt: skip


def measure(method: str, seed: int, shards: Path, folder: Path, epochs: int) -> dict:
    """Trains with one method and seed; recall on the test split, by rarity in the training's."""
    import json

    from camtrap_tf import metrics, sampling
    from camtrap_tf.config import QUICK, override, step_schedule, to_json
    from camtrap_tf.labels import Task
    from camtrap_tf.manifest import Manifest
    from camtrap_tf.network import predict_split
    from camtrap_tf.train import train

    changes = {
        "model.crop": "64",
        "train.task": "species",
        "train.rare": method,
        "train.seed": str(seed),
        "train.epochs": str(epochs),
        "train.schedule": json.dumps(to_json(step_schedule(epochs, 0.05, 0.0005))),
    }
    run = train(override(QUICK, changes), shards, folder / f"{method}-{seed}")
    manifest = Manifest.read(shards)
    answers = predict_split([run.network()], manifest, "test")
    labels, predicted = answers.labels["species"], answers.top("species")
    figures = metrics.per_class(
        metrics.confusion(predicted, labels, len(manifest.vocabulary.species))
    )
    counts = sampling.class_counts(manifest, "train", Task.SPECIES)
    tested = figures["support"] > 0
    rare = tested & (counts < RARE_SHARE * counts.sum())
    with open(run.folder / "log.csv", newline="") as file:
        log = list(csv.DictReader(file))
    return {
        "method": method,
        "seed": seed,
        "rare_recall": round(float(np.mean(figures["recall"][rare])), 4),
        "frequent_recall": round(float(np.mean(figures["recall"][tested & ~rare])), 4),
        "top1": round(metrics.top_k(answers.probabilities["species"], labels).value, 4),
        "top5": round(metrics.top_k(answers.probabilities["species"], labels, 5).value, 4),
        "rare_species": int(rare.sum()),
        "rare_pictures": int(figures["support"][rare].sum()),
        "training_pictures": int(counts.sum()),
        "batches_again": int(sum(float(row["batches_again"]) for row in log)),
        "epochs": epochs,
        "seconds": round(sum(float(row["seconds"]) for row in log), 1),
    }


def run(shards: Path, folder: Path, seeds: int, epochs: int, table: Path) -> list[dict]:
    """All methods and seeds; the table is written anew after each."""
    from camtrap_tf.artifacts import write_text
    from camtrap_tf.config import RareClasses

    rows = []
    for seed in range(seeds):
        for method in RareClasses:
            rows.append(measure(method.value, seed, shards, folder, epochs))
            lines = [",".join(FIELDS), *(",".join(str(row[f]) for f in FIELDS) for row in rows)]
            write_text(table, "\n".join(lines) + "\n")
    return rows


def main(_) -> None:
    """Reads the flags."""
    from camtrap_tf.quiet import start_tensorflow

    start_tensorflow()
    given = flags.FLAGS
    run(Path(given.shards), Path(given.out), given.seeds, given.epochs, Path(given.table))


if __name__ == "__main__":
    flags.DEFINE_string("shards", None, "folder of shards", required=True)
    flags.DEFINE_string("out", None, "folder of runs", required=True)
    flags.DEFINE_integer("seeds", 2, "number of seeds")
    flags.DEFINE_integer("epochs", 8, "passes over the training split")
    flags.DEFINE_string("table", "experiments/results/rare_classes.csv", "table to write")
    app.run(main)
