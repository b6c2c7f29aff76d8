r"""How accuracy grows when people label what the model is unsure of, and when they label at random.

    camtrap prepare --source=coco --metadata=california/california.json --out=/tmp/ca/e.parquet
    python -m experiments.california.active_loop --events=/tmp/ca/e.parquet --images=california \
        --out=/tmp/ca/loop

The tutorial, `docs/no_labels.md`, does by hand what this does by program. Days of one station
are dealt to three lots: a pool to label, validation, test. Forty events of the pool, drawn at
random, are labelled (about 200 pictures) and a small network is trained on them. Then, round by
round, twenty more events (about 100 pictures) are answered: those that come first in
`camtrap_tf.reviewing.queue`, or the next of a random order; and the network trains on, from the
weights of the round before (`--init`). The reviewer is the data set's own labels. Answers go
through the same file, event table and shards as those of people.

Measured is the share of right answers to the capture events of the test days. They are looked at
only here; the best epoch of each training is chosen on the validation days. Writes
`experiments/results/active_loop.csv`, and `active_loop_seeds.csv` with every seed. Stop it at any
time and run the same command: it goes on. About ten minutes of one shared core for a seed.
"""

import dataclasses
import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from absl import app, flags

from camtrap_tf.answers import intervals
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import write_text
from camtrap_tf.core.config import Config
from camtrap_tf.core.labels import EMPTY, MISSING, Task
from camtrap_tf.core.recipes import PRESETS
from camtrap_tf.events.table import EventTable
from camtrap_tf.reviewing import answers, queue
from camtrap_tf.reviewing.journal import Answer, Journal, Ledger, Sighting, Verdict
from experiments.lab import SMALL
from experiments.rows import write_lines

STRATEGIES = ("gain", "random")
SHARES = {"train": 0.5, "val": 0.15, "test": 0.35}  # of the events: the pool, validation, test
DEALS = 1000  # ways of dealing the days, of which the most even one is taken
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What one loop does.

    Args:
        first, more: events labelled before the first training, and in every round after it.
        rounds: trainings.
        epochs, further: of the first training, and of those that begin with the weights before.
        size, crop: pixels of the stored square and of the network's input.
    """

    first: int = 40
    more: int = 20
    rounds: int = 5
    epochs: int = 12
    further: int = 8
    size: int = 72
    crop: int = 64

    def recipe(self, seed: int, init: str) -> Config:
        """The small network and AdamW, for so few pictures; gentler where it goes on."""
        train = dataclasses.replace(
            PRESETS["modern"].train,
            task=Task.ONE_STAGE,
            seed=seed,
            init=init,
            epochs=self.further if init else self.epochs,
            learning_rate=0.0005 if init else 0.001,
            batch_size=32,
            rate_for_batch=0,
            warmup_epochs=1,
            ema=0.0,
        )
        model = dataclasses.replace(SMALL.model, crop=self.crop)
        return dataclasses.replace(SMALL, train=train, model=model)


def deal_days(table: EventTable, seed: int) -> dict[str, list[str]]:
    """Days to the pool ('train'), 'val' and 'test', so that each has its share of every class.

    A day has few species: dealt at random, most people on foot, for example, end up in one lot. Of
    `DEALS` random ways the one is taken whose lots have the most even shares of classes, where
    an event of a class that the pool lacks, and no one could learn, weighs ten times. The
    labels' numbers decide, no network has a part in it.

    Args:
        table: events with their day as site.
        seed: of the ways.
    """
    classes = pd.crosstab(table.events["site"], _classes(table))
    counts, names = classes.to_numpy(float), classes.index.to_numpy(str)
    rng, best, least = np.random.default_rng(seed), np.zeros(len(names), int), np.inf
    wanted = np.outer(list(SHARES.values()), counts.sum(axis=0))
    for _ in range(DEALS):
        lots = rng.choice(len(SHARES), len(names), p=list(SHARES.values()))
        found = np.stack([counts[lots == lot].sum(axis=0) for lot in range(len(SHARES))])
        off = np.abs(found - wanted).sum() + 10 * found[1:, found[0] == 0].sum()
        if off < least:
            best, least = lots, off
    return {split: names[best == lot].tolist() for lot, split in enumerate(SHARES)}


def _classes(table: EventTable) -> np.ndarray:
    """[events] the first species of each event, 'empty' where there is none."""
    animals = table.labels[table.labels["species"] != EMPTY].drop_duplicates("event_id")
    species = animals.set_index("event_id")["species"].reindex(table.events["event_id"])
    return species.fillna(EMPTY).to_numpy(str)


def by_day(table: EventTable) -> EventTable:
    """The table with days in place of sites, so that `--split=site_file` deals days."""
    events = table.events.assign(site=table.events["datetime"].dt.strftime("%Y-%m-%d"))
    return EventTable(events, table.frames, table.labels, table.origin, table.dropped)


def unlabelled(predictions: Predictions) -> Predictions:
    """What is known of new pictures: all but the labels."""
    return dataclasses.replace(predictions, labels={}, event_labels={})


def reviewer_says(event_id: str, truth: str, strategy: str) -> Answer:
    """What a person who knows the data set's label answers."""
    if truth == EMPTY:
        return Answer(event_id, "labels", Verdict.EMPTY, drawn=strategy, id=event_id)
    seen = (Sighting(truth),)
    return Answer(event_id, "labels", Verdict.ANIMAL, seen, drawn=strategy, id=event_id)


class Loop:
    """One seed and one strategy: answers, trainings and what they reach, below one folder."""

    def __init__(
        self, table: EventTable, images: Path, folder: Path, seed: int, strategy: str, plan: Plan
    ):
        self.table, self.images, self.seed, self.plan = by_day(table), images, seed, plan
        self.strategy = strategy
        self.shared, self.folder = folder / f"seed{seed}", folder / f"seed{seed}-{strategy}"
        self.all = self.shared / "shards"  # every event, to be answered and scored
        self.days = deal_days(self.table, seed)
        self._shard(self.table, self.all)
        known = self._labelled()
        pool = known[known["split"] == "train"]
        self.truths = dict(zip(pool["event_id"], pool["truth"], strict=True))

    def _shard(self, table: EventTable, shards: Path, vocabulary: str = "data") -> None:
        """`camtrap shard`, as a person would run it."""
        if (shards / file_names.MANIFEST).is_file():
            return
        shards.parent.mkdir(parents=True, exist_ok=True)
        table.write(shards.with_suffix(".parquet"))
        dealt = shards.with_suffix(".json")
        write_text(dealt, json.dumps({"splits": self.days}))
        command = [
            sys.executable, "-m", "camtrap_tf.cli", "shard", "--processes=1",
            "--split=site_file", f"--split_file={dealt}", f"--vocabulary={vocabulary}",
            f"--events={shards.with_suffix('.parquet')}", f"--images={self.images}",
            f"--out={shards}", f"--size={self.plan.size}",
        ]  # fmt: skip
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)

    def _labelled(self) -> pd.DataFrame:
        """Every event that has a label: its split, day and label."""
        from camtrap_tf.batches import pipeline
        from camtrap_tf.events.manifest import Manifest

        manifest, parts = Manifest.read(self.all), []
        species = np.array((*manifest.vocabulary.species, EMPTY), object)
        for split in SHARES:
            ids, _, labels = pipeline.index(manifest, split)
            code = np.where(labels[EMPTY] == 1, len(species) - 1, labels["species"])
            rows = ids[["event_id", "site"]].assign(split=split, truth=species[code])
            parts.append(rows[code != MISSING])
        return pd.concat(parts).drop_duplicates("event_id")

    def rounds(self) -> list[tuple[int, int, np.ndarray]]:
        """After each training: events labelled, pictures labelled, [test events] rightness."""
        journal, result, init = Journal(self.folder / file_names.REVIEWS), [], ""
        chosen = self._random_order()[: self.plan.first]
        for number in range(self.plan.rounds):
            known = Ledger(journal.lines())
            for event_id in chosen:
                if event_id not in known:
                    answer = reviewer_says(event_id, self.truths[event_id], self.strategy)
                    journal.append(answer.to_json())
            given = [one for one in answers.read(journal.path) if one.event_id in set(chosen)]
            # The first training is the same for every strategy.
            folder = (self.shared if number == 0 else self.folder) / f"round{number}"
            pool, test = self._train(given, folder, init)
            result.append((len(chosen), self._pictures(chosen), _right(test)))
            log.info("%s, seed %d, %d events: %.3f", self.strategy, self.seed, len(chosen),
                     result[-1][2].mean())  # fmt: skip
            chosen, init = chosen + self._next(pool, set(chosen)), str(folder / "run")
        return result

    def _random_order(self) -> list[str]:
        return np.random.default_rng(self.seed).permutation(sorted(self.truths)).tolist()

    def _next(self, pool: Predictions, have: set[str]) -> list[str]:
        """The events to answer next."""
        if self.strategy == "random":
            ranked = self._random_order()
        else:
            ranked = queue.order(unlabelled(pool))["event_id"].tolist()
        open_events = [name for name in ranked if name not in have and name in self.truths]
        return open_events[: self.plan.more]

    def _pictures(self, chosen: list[str]) -> int:
        return int(self.table.frames["event_id"].isin(chosen).sum())

    def _train(self, given: list, folder: Path, init: str) -> tuple[Predictions, Predictions]:
        """Shards of the answers, a training, and its answers to the pool and the test days."""
        from camtrap_tf.events.manifest import Manifest
        from camtrap_tf.prediction.shards import predict_split
        from camtrap_tf.training.train import train

        files = [folder / f"{split}.parquet" for split in ("train", "test")]
        if not all(file.is_file() for file in files):
            manifest = Manifest.read(self.all)
            validation = self.table.keep(
                self.table.events["event_id"][self.table.events["site"].isin(self.days["val"])]
            )
            table = answers.event_table(answers.unanswered(self.table), given, validation)
            self._shard(table, folder / "shards", str(self.all / file_names.MANIFEST))
            config = self.plan.recipe(self.seed, init)
            network = train(config, folder / "shards", folder / "run").network()
            for file, split in zip(files, ("train", "test"), strict=True):
                predict_split([network], manifest, split).write(file)
        pool, test = (Predictions.read(file) for file in files)
        return pool, test


def _right(test: Predictions) -> np.ndarray:
    """[events] bool: the event's answer is its label."""
    events = test.by_event()
    labelled = events.truth_codes() != MISSING
    return (events.answer_codes() == events.truth_codes())[labelled]


def summary(outcomes: dict[tuple[str, int], list[tuple[int, int, np.ndarray]]]) -> list[dict]:
    """A row per round: both strategies over all seeds, and their difference event by event.

    Args:
        outcomes: by strategy and seed, what `Loop.rounds` returned.
    """
    seeds = sorted({seed for _, seed in outcomes})
    rows = []
    for number in range(len(outcomes["gain", seeds[0]])):
        row: dict = {"round": number, "seeds": len(seeds)}
        right = {}
        for strategy in STRATEGIES:
            found = [outcomes[strategy, seed][number] for seed in seeds]
            right[strategy] = np.concatenate([one[2] for one in found]).astype(float)
            row["events_labelled"] = found[0][0]
            row[f"{strategy}_pictures"] = round(float(np.mean([one[1] for one in found])))
            row[strategy] = round(float(right[strategy].mean()), 4)
        rows.append(row | _difference(right["gain"] - right["random"]))
    return rows


def _difference(difference: np.ndarray) -> dict:
    low = high = float(difference[0])
    if (difference != difference[0]).any():
        low, high = intervals.ratio(difference, np.arange(len(difference)))
    return {
        "test_events": len(difference), "difference": round(float(difference.mean()), 4),
        "low": round(low, 4), "high": round(high, 4),
    }  # fmt: skip


def run(table: EventTable, images: Path, out: Path, seeds: int, plan: Plan, results: Path) -> None:
    """All seeds and strategies; writes both tables."""
    outcomes = {
        (strategy, seed): Loop(table, images, out, seed, strategy, plan).rounds()
        for seed in range(seeds)
        for strategy in STRATEGIES
    }
    each = [
        {"strategy": strategy, "seed": seed, "round": number, "events_labelled": events,
         "pictures_labelled": pictures, "right": int(right.sum()), "test_events": len(right)}
        for (strategy, seed), rounds in outcomes.items()
        for number, (events, pictures, right) in enumerate(rounds)
    ]  # fmt: skip
    write_lines(each, results / "active_loop_seeds.csv")
    write_lines(summary(outcomes), results / "active_loop.csv")


def main(_) -> None:
    """Reads the flags and runs the loops."""
    from camtrap_tf.core.startup import start_tensorflow

    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    log.setLevel(logging.INFO)
    start_tensorflow()
    given = flags.FLAGS
    plan = Plan(rounds=given.rounds)
    table = EventTable.read(given.events)
    run(table, Path(given.images), Path(given.out), given.seeds, plan, Path(given.results))


if __name__ == "__main__":
    flags.DEFINE_string("events", None, "event table", required=True)
    flags.DEFINE_string("images", None, "folder of the pictures", required=True)
    flags.DEFINE_string("out", None, "folder of the loops", required=True)
    flags.DEFINE_integer("seeds", 2, "number of seeds")
    flags.DEFINE_integer("rounds", 5, "trainings of a loop")
    flags.DEFINE_string("results", "experiments/results", "folder of the tables")
    app.run(main)
