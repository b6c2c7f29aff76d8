r"""What an event's frames say together, and what the event tells of its frames.

    cd /tmp/ca
    camtrap prepare --source=coco --metadata=california/california.json --out=e.parquet
    camtrap shard --events=e.parquet --images=california --split=day --size=256 --out=256-0
    camtrap shard --events=e.parquet --images=california --split=day --shares=0.7,0.1,0.2 \
        --seed=1 --size=256 --out=256-1                               # and 2, 3, 4
    camtrap detect california --out=detected
    python -m experiments.california.read_events --shards='/tmp/ca/256-{seed}' \
        --detections=/tmp/ca/detected/detections.json --table=california_read_events.csv

Linear heads on Lite0's features (`camtrap probe`), fitted to the whole picture, to the part around
the detector's surest box, and both: the mean of the two heads' probabilities. For each, every rule
that makes one answer of an event's frames, and pictures read with their events by every weight.
`chosen` marks what the validation days favour (`aggregation`, `with_event.choose`), `usual` what
a bundle takes without any; the test days have no part in it. Seed 0 is the default split of days.
Intervals: events drawn anew. Cost: features of 1,218 pictures
for each view, then seconds.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
from absl import app, flags

from camtrap_tf.answers import aggregation, calibration, intervals, metrics, with_event
from camtrap_tf.answers.predictions import Predictions, ensemble
from camtrap_tf.core.labels import MISSING, Task
from camtrap_tf.core.recipes import probe_config
from experiments.rows import write_lines

if TYPE_CHECKING:
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.training.features import Features

VIEWS = {"whole": ("whole",), "crop": ("crop",), "both": ("whole", "crop")}
TASKS = (Task.EMPTY, Task.SPECIES)
SPLITS = ("val", "test")
Answers = dict[tuple[str, str], Predictions]  # by view and split


@dataclasses.dataclass(frozen=True)
class Pool:
    """Features of pictures by their paths, computed once for all splits of the days.

    It is to `probe.fit_heads` what `features.Features` is.

    Args:
        manifest: of the split's shards.
        paths, values: [n] string and [n, 2, width] float32, of all pictures.
    """

    manifest: "Manifest"
    paths: pd.Series
    values: np.ndarray

    @classmethod
    def compute(
        cls, shards: str, detections, features: str | None, network: str = "lite0"
    ) -> "Pool":
        """A network's features of all pictures of some shards, seen whole or around boxes."""
        from camtrap_tf.batches import pipeline
        from camtrap_tf.events.manifest import Manifest
        from camtrap_tf.networks import architectures
        from camtrap_tf.networks.network import input_spec
        from camtrap_tf.training.features import Features, trunk_of

        manifest = Manifest.read(shards)
        config = probe_config(Task.SPECIES, network, manifest.picture.size)
        model = architectures.build(config.model, manifest.vocabulary.heads(Task.SPECIES))
        spec = input_spec(config.model, manifest)
        store = Features.open(trunk_of(model, "species"), spec, manifest, features, detections)
        ids = [pipeline.index(manifest, split)[0]["path"] for split in manifest.splits()]
        values = np.concatenate([store.read(split) for split in manifest.splits()])
        return cls(manifest, pd.concat(ids, ignore_index=True), values)

    def of(self, shards: str) -> "Pool":
        """The same for another split of the same pictures."""
        from camtrap_tf.events.manifest import Manifest

        return dataclasses.replace(self, manifest=Manifest.read(shards))

    def missing(self, split: str) -> list:
        """Shards of a split that are still to be computed: none."""
        return []

    def read(self, split: str, rows: np.ndarray | None = None) -> np.ndarray:
        """[n, 2, width] float32 of a split's pictures, or of its `rows`."""
        from camtrap_tf.batches import pipeline

        wanted = pipeline.index(self.manifest, split)[0]["path"]
        place = pd.Index(self.paths).get_indexer(wanted if rows is None else wanted.iloc[rows])
        return self.values[place]


def answers(pools: dict[str, Pool]) -> Answers:
    """Both tasks' uncalibrated answers to splits by heads fitted to the training days, by view."""
    found = {}
    for view, pool in pools.items():
        parts = [_of_task(pool, task) for task in TASKS]
        for split in SPLITS:
            found[view, split] = ensemble([part[split] for part in parts])
    return found


def _of_task(pool: Pool, task: Task) -> dict[str, Predictions]:
    from scipy import special

    from camtrap_tf.batches import pipeline
    from camtrap_tf.training.probe import fit_heads

    manifest, found = pool.manifest, {}
    fitted = fit_heads(cast("Features", pool), probe_config(task, "lite0", manifest.picture.size))
    heads = manifest.vocabulary.heads(task)
    for split in SPLITS:
        ids, labels, event_labels = pipeline.index(manifest, split)
        seen = pool.read(split)[:, 0]
        values = {
            name: special.softmax(head.logits(seen), axis=1).astype(np.float32)
            for name, head in fitted.items()
        }
        kept = [{name: one[name] for name in heads} for one in (labels, event_labels)]
        found[split] = Predictions(ids, heads, values, *kept)
    return found


def viewed(found: Answers, view: str, split: str) -> Predictions:
    """Answers of a view or of both, calibrated on the validation days."""
    validation, wanted = (
        ensemble([found[part, one] for part in VIEWS[view]]) for one in ("val", split)
    )
    calibrated = calibration.calibrate(wanted, calibration.temperatures(validation))
    return dataclasses.replace(calibrated, info={"animal_threshold": 0.5, "split": split})


def measure(found: Answers, view: str, seed: int) -> list[dict]:
    """Lines of the table for a view of a split of days."""
    validation, test = (viewed(found, view, split) for split in SPLITS)
    chosen, usual = (
        aggregation.chosen(aggregation.compare(validation)),
        aggregation.usual(validation.classes),
    )
    lines = []
    for head, rule in ((h, r) for h in validation.classes for r in _rules(validation, h)):
        marks = {"chosen": rule == chosen[head], "usual": rule == usual[head]}
        lines += [
            {"view": view, "seed": seed, "split": split, "level": "events", "question": head,
             "rule": rule, "weight": "", **marks, **_figure(rows.by_event({head: rule}), head)}
            for split, rows in zip(SPLITS, (validation, test), strict=True)
        ]  # fmt: skip
    validation, test = (
        dataclasses.replace(rows, info=rows.info | {"event_rules": chosen})
        for rows in (validation, test)
    )
    favoured = with_event.choose(validation)
    for weight in with_event.WEIGHTS:
        marks = {"chosen": weight == favoured, "usual": weight == with_event.USUAL}
        for split, rows in zip(SPLITS, (validation, test), strict=True):
            read = with_event.read(rows, weight)
            for head in ("empty", "species", "answer"):
                lines.append(
                    {"view": view, "seed": seed, "split": split, "level": "pictures",
                     "question": head, "rule": chosen["species"], "weight": weight, **marks,
                     **_figure(read, head)}
                )  # fmt: skip
    return lines


def _rules(rows: Predictions, head: str) -> list[str]:
    """The rules that are compared for a head."""
    listed = aggregation.compare(rows)
    return [row.rule for row in listed if row.head == head]


def _figure(rows: Predictions, head: str) -> dict:
    if head == "answer":
        truth, said = rows.truth_codes(), rows.answer_codes()
        error = None
    else:
        truth, said = rows.labels[head], rows.decided(head)
        error = calibration.errors(rows.probabilities[head], truth)["calibration_error"]
    right = np.where(truth == MISSING, np.nan, said == truth)
    low, high = intervals.ratio(right, rows.event_codes())
    return {
        "scored": int((truth != MISSING).sum()),
        "right": round(metrics.Ratio.of(right).value, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "calibration_error": "" if error is None else round(float(error), 4),
    }


def means(lines: list[dict], seeds: list[int]) -> list[dict]:
    """Lines of the mean over splits of days: of each rule and weight, and of those chosen."""
    key = ("view", "split", "level", "question")
    found = {}
    for line in lines:
        if line["seed"] in seeds:
            group = tuple(line[name] for name in key)
            found.setdefault((*group, line["rule"] if line["level"] == "events" else "",
                              line["weight"], ""), []).append(line)  # fmt: skip
            if line["chosen"]:
                found.setdefault((*group, "chosen", "", True), []).append(line)
    return [
        {**same[0], "seed": f"mean of {len(same)}", "rule": rule, "weight": weight,
         "chosen": chosen, "usual": "" if chosen else same[0]["usual"],
         "scored": sum(line["scored"] for line in same),
         **{name: _mean([line[name] for line in same])
            for name in ("right", "low", "high", "calibration_error")}}
        for (*_, rule, weight, chosen), same in found.items()
    ]  # fmt: skip


def _mean(values: list) -> float | str:
    return "" if "" in values else round(float(np.mean(values)), 4)


def main(_) -> None:
    """Reads the flags, fits the heads and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events import detections

    start_tensorflow()
    given, lines = flags.FLAGS, []
    views: dict[str, detections.Detections | None] = {"whole": None}
    if given.detections:
        views["crop"] = detections.read(given.detections)
    seeds = [int(seed) for seed in given.seeds]
    folders = {seed: given.shards.replace("{seed}", str(seed)) for seed in seeds}
    pools = {
        view: Pool.compute(folders[seeds[0]], boxes, given.features)
        for view, boxes in views.items()
    }
    for seed in seeds:
        found = answers({view: pool.of(folders[seed]) for view, pool in pools.items()})
        for view, parts in VIEWS.items():
            if set(parts) <= set(pools):
                lines += measure(found, view, seed)
    days = [seed for seed in seeds if seed]
    write_lines([*means(lines, days), *lines], Path(given.table))


if __name__ == "__main__":
    flags.DEFINE_string("shards", None, "folders of shards, {seed} in their name", required=True)
    flags.DEFINE_string("detections", None, "what `camtrap detect` wrote; without it no crops")
    flags.DEFINE_string("features", None, "folder for the features of pictures")
    flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "splits of days")
    flags.DEFINE_string("table", None, "table to write", required=True)
    app.run(main)
