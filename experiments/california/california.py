r"""What an event's frames are worth: recipes and contexts on one Californian station, by day.

    cd /tmp/ca
    camtrap prepare --source=coco --metadata=california/california.json --out=e.parquet
    camtrap shard --events=e.parquet --images=california --split=day --size=96 --out=96
    camtrap shard --events=e.parquet --images=california --split=day --size=192 --out=192
    python -m experiments.california.california --shards=/tmp/ca/96 --large=/tmp/ca/192 \
        --out=/tmp/ca/runs

Days never seen in training, of a camera that was. One small network per row answers both
questions; all see 84 pixels of 96 (`zoom`: of half the large shards' 192). A preset's schedule
is fitted to the epochs. An event is empty where all its frames are: where the frame that is
surest of an animal is less than half sure. Its species is the most probable on average, given
that there is an animal. Rows 'labels of events' learn from those only and show which empty
pictures of an animal's event they find. Networks that see a difference are also asked about
every picture on its own ('pictures alone'). Networks of all seeds are also averaged. Runs that
are there are not trained again; --table is written from them. Where --shards has '{seed}' in it,
every seed has shards of its own: another split of the days.
Cost: 28,000 pictures a run. Committed: `california.csv`, three seeds of the rows that learn from
labels of pictures; `california_112.csv` and `california_168.csv`, the same at more pixels (shards
of 128 and 256 with --crop=112, where zoom with the small network has two seeds; shards of 192 with
--crop=168); `california_labels.csv`, three seeds of rows that learn from labels of events (one of
difference with noise 0.7); `california_splits.csv`, four other splits of the days
(--shares=0.7,0.1,0.2 and --seed=1 to 4 of `camtrap shard`, --shards=/tmp/ca/96-{seed});
`sites.csv`, three seeds on drawn places never seen in training (the world of
`results/small/README.md`, sharded with --split=site --balance_empty --bar_share=0.0638 at 96 and
192), --epochs=8.
"""

import dataclasses
from pathlib import Path

import numpy as np
from absl import app, flags

from experiments.rows import write_lines

PLAIN = {"model.context": "none", "augment.hide_context": "0"}
DIFFERENCE = {**PLAIN, "model.context": "difference"}
# row -> preset, fields that differ from it, subset of the shards that it learns from
ROWS = {
    "paper": ("paper", {}, "all"),
    "modern": ("modern", PLAIN, "all"),
    "modern, nine channels": ("modern", {**PLAIN, "model.context": "nine_channels"}, "all"),
    "modern, late": ("modern", {**PLAIN, "model.context": "late"}, "all"),
    "modern, difference": ("modern", DIFFERENCE, "all"),
    # Hidden from a share of pictures, so that those that stand alone are known, too.
    **{
        f"modern, difference hidden from {share}": (
            "modern",
            {**DIFFERENCE, "augment.hide_context": share},
            "all",
        )
        for share in ("0.05", "0.2")
    },
    "modern, zoom": ("modern", {**PLAIN, "model.context": "zoom"}, "all"),
    # Larger networks, for `experiments.california.pareto`.
    "resnet18, difference": ("modern", {**DIFFERENCE, "model.architecture": "resnet18"}, "all"),
    "edge, difference": ("modern", {**DIFFERENCE, "model.architecture": "edge"}, "all"),
    "edge, zoom": (
        "modern",
        {**PLAIN, "model.context": "zoom", "model.architecture": "edge"},
        "all",
    ),
    # What labels of whole bursts cost, and what a loss that allows for them wins back.
    "labels of events": ("modern", DIFFERENCE, "labels_of_events"),
    "labels of events, plain": ("modern", PLAIN, "labels_of_events"),
    "labels of events, plain, noise 0.7": (
        "modern",
        {**PLAIN, "train.burst_noise": "0.7"},
        "labels_of_events",
    ),
    **{
        f"labels of events, noise {share}": (
            "modern",
            {**DIFFERENCE, "train.burst_noise": share},
            "labels_of_events",
        )
        for share in ("0.3", "0.7")
    },
}
# Networks of several rows, whose answers are averaged.
TOGETHER = {"modern, difference and zoom": ("modern, difference", "modern, zoom")}
EMPTY_OF_ANIMAL = "empty pictures of events with an animal"
SEED = "{seed}"  # in paths of shards
_RATE = 0.002  # of `modern` at batch 32, for some hundred steps


def recipe(row: str, seed: int, epochs: int, crop: int):
    """A row's preset for this small data set: batch 32, the schedule in proportion."""
    from camtrap_tf.core.config import Step
    from camtrap_tf.core.config_io import override
    from camtrap_tf.core.labels import Task
    from camtrap_tf.core.recipes import PRESETS

    preset, changes, _ = ROWS[row]
    config = PRESETS[preset]
    whole = config.train.epochs
    steps = {1 + round((s.first - 1) * epochs / whole): s for s in config.train.schedule}
    train = dataclasses.replace(
        config.train,
        task=Task.ONE_STAGE,
        seed=seed,
        epochs=epochs,
        batch_size=32,
        schedule=tuple(Step(first, s.learning_rate, s.weight_decay) for first, s in steps.items()),
        learning_rate=_RATE,
        rate_for_batch=0,
        warmup_epochs=min(1, config.train.warmup_epochs),
        ema=min(0.98, config.train.ema),
    )
    model = dataclasses.replace(config.model, architecture="small", crop=crop)
    return override(dataclasses.replace(config, train=train, model=model), changes)


def two_heads(predictions):
    """One-stage answers as those of two networks: empty or not, and which animal if there is one.

    Returns:
        Predictions with the heads `empty` and `species`; labels as they are.
    """
    from camtrap_tf.answers.predictions import Predictions
    from camtrap_tf.core.labels import BINARY, EMPTY, MISSING

    joint, names = predictions.probabilities["species"], predictions.classes["species"]
    animal = 1.0 - joint[:, -1]
    last = len(names) - 1

    def labels(of):
        species = of["species"]
        empty = np.where(species == MISSING, MISSING, species == last)
        return {EMPTY: empty, "species": np.where(species == last, MISSING, species)}

    return Predictions(
        predictions.ids,
        {EMPTY: BINARY, "species": names[:-1]},
        {
            EMPTY: np.stack([animal, joint[:, -1]], 1),
            "species": joint[:, :-1] / np.maximum(animal, 1e-30)[:, None],
        },
        labels(predictions.labels),
        labels(predictions.event_labels),
        predictions.info,
    )


def by_event(predictions):
    """Events of one-stage answers as two heads; frames count for species as they show an animal."""
    rows = two_heads(predictions)
    events = rows.by_event({"empty": "maximum"})
    events.probabilities["species"] = two_heads(predictions.by_event({})).probabilities["species"]
    return events


def answers(run, split: str, alone: bool = False):
    """One-stage answers of a run on a split of the shards beside it.

    Args:
        run: of this experiment.
        split: of the shards.
        alone: every picture as if its event had no other.
    """
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.prediction.shards import predict_split

    shards = Manifest.read(run.folder.parent / "shards")
    return predict_split([run.network()], shards, split, alone=alone)


def measure(row: str, seed: int | str, split: str, flat) -> list[dict]:
    """Accuracy of one-stage answers, by picture and by event, with intervals over events."""
    rows, events = two_heads(flat), by_event(flat)
    figures = []
    for level, head, scored in (
        ("pictures", "empty", rows),
        (EMPTY_OF_ANIMAL, "empty", rows.select(empty_of_animal(rows))),
        ("pictures", "species", rows),
        ("events", "empty", events),
        ("events", "species", events),
    ):
        names = {"row": row, "seed": seed, "split": split, "level": level, "question": head}
        if len(scored):  # where pictures have labels of their own
            figures.append(names | _figure(scored, head))
    return figures


def measure_alone(row: str, seed: int | str, split: str, flat) -> list[dict]:
    """Accuracy by picture of answers that were given to each picture on its own."""
    figures = [f for f in measure(row, seed, split, flat) if f["level"] == "pictures"]
    return [dict(figure, level="pictures alone") for figure in figures]


def empty_of_animal(rows) -> np.ndarray:
    """[rows] bool: empty pictures of events that show an animal on others."""
    return (rows.labels["empty"] == 1) & (rows.event_labels["empty"] == 0)


def _figure(scored, head: str) -> dict:
    from camtrap_tf.answers import intervals
    from camtrap_tf.core.labels import MISSING

    labels = scored.labels[head]
    right = np.where(labels == MISSING, np.nan, scored.top(head) == labels)
    low, high = intervals.ratio(right, scored.event_codes())
    counts = np.bincount(labels[labels != MISSING].astype(int))
    return {
        "right": round(float(np.nanmean(right)), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "scored": int(counts.sum()),
        "majority": round(counts.max() / counts.sum(), 4),
    }


def spread(rows: list[dict]) -> list[dict]:
    """A line per row and figure: mean, lowest and highest over its seeds."""
    means = []
    for key in dict.fromkeys((r["row"], r["split"], r["level"], r["question"]) for r in rows):
        same = [r for r in rows if (r["row"], r["split"], r["level"], r["question"]) == key]
        values = [r["right"] for r in same]
        mean = dict(same[0], seed=f"mean of {len(same)}", right=round(float(np.mean(values)), 4))
        means.append(mean | {"low": min(values), "high": max(values)})
    return means


def together(found: dict, split: str) -> list[dict]:
    """Figures of the mean of a row's seeds, and of several rows' (Table S.4).

    Args:
        found: answers by row, seed and split.
        split: of the shards.
    """
    from camtrap_tf.answers.predictions import ensemble

    rows = []
    for name, parts in (*((row, (row,)) for row in ROWS), *TOGETHER.items()):
        members = [flat for key, flat in found.items() if key[0] in parts and key[2] == split]
        if len(members) > 1 and {key[0] for key in found} >= set(parts):
            rows += measure(name, f"{len(members)} networks", split, ensemble(members))
    return rows


def main(_) -> None:
    """Reads the flags, trains what is missing and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.training.train import train
    from experiments import subsets

    start_tensorflow()
    given, found, alone = flags.FLAGS, {}, {}
    for seed in map(int, given.seeds):
        for row in given.rows:
            _, changes, subset = ROWS[row]
            zoom = changes.get("model.context") == "zoom"
            shards = given.large if zoom else given.shards
            place = Path(given.out) / ("large" if zoom else "same")
            if SEED in shards:
                place = place.with_name(f"{place.name}-{seed}")
            place.mkdir(parents=True, exist_ok=True)
            link = place / "shards"
            if not link.is_symlink():
                link.symlink_to(Path(shards.replace(SEED, str(seed))).resolve())
            learnt = subsets.write(Manifest.read(link), subset, place)
            config = recipe(row, seed, given.epochs, given.crop)
            folder = place / f"{row.replace(', ', '-').replace(' ', '-')}-{given.epochs}-{seed}"
            run = train(config, learnt, folder)
            for split in given.splits:
                found[row, seed, split] = answers(run, split)
                if config.model.context.differs:
                    alone[row, seed, split] = answers(run, split, alone=True)
    if given.table:
        rows = [
            line
            for (row, seed, split), flat in found.items()
            for line in measure(row, seed, split, flat)
        ]
        rows += [
            line
            for (row, seed, split), flat in alone.items()
            for line in measure_alone(row, seed, split, flat)
        ]
        joint = []
        if SEED not in given.shards:  # else seeds have different pictures
            joint = [line for split in given.splits for line in together(found, split)]
        write_lines([*spread(rows), *joint, *rows], given.table)


if __name__ == "__main__":
    flags.DEFINE_string("shards", None, "folder of shards; {seed}: each's own", required=True)
    flags.DEFINE_string("large", None, "the same of twice the size, for zoom", required=True)
    flags.DEFINE_string("out", None, "folder of runs", required=True)
    flags.DEFINE_list("seeds", ["0", "1", "2"], "seeds")
    flags.DEFINE_multi_enum("rows", list(ROWS), list(ROWS), "what to train")
    flags.DEFINE_list("splits", ["val", "test"], "what to score")
    flags.DEFINE_integer("epochs", 30, "passes over the training split")
    flags.DEFINE_integer("crop", 84, "pixels")
    flags.DEFINE_string("table", "", "table to write, such as experiments/results/california.csv")
    app.run(main)
