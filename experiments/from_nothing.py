r"""From no labels at all: how far a model comes that learns while a person answers.

    camtrap prepare --source=coco --metadata=california/california.json --out=/tmp/ca/e.parquet
    camtrap shard --events=/tmp/ca/e.parquet --images=california --split=day --out=/tmp/ca/day-0
    for seed in 1 2 3 4: camtrap shard ... --shares=0.7,0.1,0.2 --seed=$seed --out=/tmp/ca/day-$seed
    python -m experiments.from_nothing --events=/tmp/ca/e.parquet --images=california \
        --prepared=/tmp/ca/prepared --shards='/tmp/ca/day-{seed}' --data=california \
        --out=from_nothing.csv

Simulated is what `camtrap review FOLDER` does, with its own code: pictures are described
(`camtrap_tf.prediction.describe`), events asked about one by one, heads refitted after each answer.
The person answers with the data set's labels; with --mistakes=0.05 with another species, or
'empty', in one of twenty answers. The model is asked about the test split of shards, days (or
places) that it has neither answers nor features of; the other splits are the pool.

Ways of asking:

    review    as the page does: typical events first, then rounds of unsure, unlike and blind ones
    margin    typical events first, then the least sure
    typical   typical events all along
    random    in random order
    former    the former loop: ten events at random, then those with most gain (`reviewing.queue`)

Every seed leaves out a tenth of the pool and has another random order. Columns: `species`, of the
events with an animal the share whose species the model names, `right`, of all events those that it
answers rightly, 'empty' included; their lowest and highest seeds. `held`: in how many of the `told`
runs that had ten blind draws the interval of the running accuracy held `right`; `bias` is the
running accuracy less `right`, `width` of the interval. It is the accuracy on new events of the same
days, so that --split=event tests it; of unseen days it is too high.
"""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from absl import app, flags

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY, EMPTY
from camtrap_tf.events import listing
from camtrap_tf.events.table import EventTable
from camtrap_tf.reviewing import queue
from camtrap_tf.reviewing.journal import Answer, Ledger, Sighting, Verdict
from camtrap_tf.reviewing.live import learner
from camtrap_tf.reviewing.live.events import Shelf
from camtrap_tf.reviewing.live.learner import Known, Model, Pool
from camtrap_tf.reviewing.live.vectors import Axes
from experiments.rows import write_lines

SIZES = (5, 10, 20, 40, 80)
KEPT = 0.9  # of the pool, in each seed
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """Labelled events with what a network sees in them.

    Args:
        event_ids, groups: [events] str, see `Pool`.
        pooled: [events, columns] float16, see `vectors.pool`.
        scores: [events] float32, the detector's.
        truths: [events] str, the first species, or 'empty'.
    """

    event_ids: np.ndarray
    groups: np.ndarray
    pooled: np.ndarray
    scores: np.ndarray
    truths: np.ndarray

    def dealt(self, shards: str) -> np.ndarray:
        """[events] names of splits; '' of those that the shards have not got."""
        from camtrap_tf.batches import pipeline
        from camtrap_tf.events.manifest import Manifest

        manifest, split = Manifest.read(shards), dict.fromkeys(self.event_ids, "")
        for name in ("train", "val", "test"):
            split |= dict.fromkeys(pipeline.index(manifest, name)[0]["event_id"].astype(str), name)
        return np.array([split[name] for name in self.event_ids])


def read(events: str, images: str, prepared: str) -> World:
    """Describes the pictures of an event table, as far as that is not done."""
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.prediction.describe import describe
    from camtrap_tf.prediction.prepared import Prepared

    describe(listing.resolve([events], images), prepared)
    shelf = Shelf(Prepared(prepared))
    shelf.refresh()
    table = EventTable.read(events)
    animals = table.labels[table.labels["species"] != EMPTY].drop_duplicates("event_id")
    truths = dict.fromkeys(table.labels["event_id"].astype(str), EMPTY)
    truths |= dict(zip(animals["event_id"].astype(str), animals["species"], strict=True))
    rows = [row for row, event in enumerate(shelf.events) if event.event_id in truths]
    known = [shelf.events[row] for row in rows]
    names = np.array([event.event_id for event in known], object)
    return World(
        names,
        np.array([event.group for event in known], object),
        shelf.pooled()[rows],
        np.array([event.score for event in known], np.float32),
        np.array([truths[name] for name in names], object),
    )


class Person:
    """Answers questions with the labels, and is wrong now and then.

    Args:
        pool: the events.
        truths: [events] str.
        mistakes: share of the answers that are wrong.
        seed: of those.
    """

    def __init__(self, pool: Pool, truths: np.ndarray, mistakes: float, seed: int):
        self.pool, self.truths, self.mistakes = pool, truths, mistakes
        self._rng = np.random.default_rng(seed)
        self._names = sorted({*truths.tolist(), EMPTY})

    def answer(self, event: int, blind: bool) -> Answer:
        """What is said of an event."""
        name = str(self.truths[event])
        if self._rng.random() < self.mistakes:
            name = str(self._rng.choice([one for one in self._names if one != name]))
        verdict = Verdict.EMPTY if name == EMPTY else Verdict.ANIMAL
        seen = () if name == EMPTY else (Sighting(name),)
        asked = {"why": "random" if blind else "unsure", "blind": blind, "model": 0}
        asked |= {"guess": None, "probability": None, "events": len(self.pool)}
        event_id = str(self.pool.event_ids[event])
        return Answer(event_id, "labels", verdict, seen, id=event_id, asked=asked)


Ask = Callable[[Known, Model, np.ndarray], tuple[int, bool]]  # the event, and whether blindly


def _review(known: Known, model: Model, probabilities: np.ndarray) -> tuple[int, bool]:
    question = learner.ask(known, probabilities, 1)[0]
    return question.event, question.blind


def _margin(known: Known, model: Model, probabilities: np.ndarray) -> tuple[int, bool]:
    left = np.flatnonzero(~known.answered)
    if known.single.sum() < learner.asking.TYPICAL:
        return _typical(known, model, probabilities)
    return int(left[learner.asking.margins(probabilities[left]).argmin()]), False


def _typical(known: Known, model: Model, probabilities: np.ndarray) -> tuple[int, bool]:
    left, seen = np.flatnonzero(~known.answered), np.flatnonzero(known.answered)
    return known.pool.likeness.typical(left, seen, 1)[0].event, False


def _random(known: Known, model: Model, probabilities: np.ndarray) -> tuple[int, bool]:
    left = np.flatnonzero(~known.answered)
    return int(left[known.pool.keys[left].argmin()]), True


def _former(known: Known, model: Model, probabilities: np.ndarray) -> tuple[int, bool]:
    if known.single.sum() < 10 or model.species is None:
        return _random(known, model, probabilities)[0], False
    left = np.flatnonzero(~known.answered)
    there = 1 - probabilities[left, -1:]
    species = probabilities[left, :-1] / np.maximum(there, 1e-9)
    ids = pd.DataFrame({"path": known.pool.event_ids[left], "event_id": known.pool.event_ids[left]})
    classes = {EMPTY: BINARY, "species": model.species.names}
    heads = {EMPTY: np.hstack([there, 1 - there]), "species": species}
    first = queue.order(Predictions(ids, classes, heads))["event_id"].iloc[0]
    return known.pool.place[first], False


WAYS: dict[str, Ask] = {
    "review": _review, "margin": _margin, "typical": _typical, "random": _random, "former": _former,
}  # fmt: skip


def simulate(world: World, pool_rows: np.ndarray, asked_rows: np.ndarray, way: str, seed: int,
             mistakes: float) -> list[dict]:  # fmt: skip
    """One run; a row for each number of answers.

    Args:
        world: the events.
        pool_rows, asked_rows: of those that may be answered, and those that the model is asked.
        way: a key of `WAYS`.
        seed: of what is left out, of the order of draws, and of mistakes.
        mistakes: share of the answers that are wrong.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(pool_rows)[: round(KEPT * len(pool_rows))])
    axes = Axes.learn(world.pooled[rows])
    pool = Pool(
        world.event_ids[rows],
        axes(world.pooled[rows]),
        world.scores[rows],
        world.groups[rows],
        seed,
    )
    unseen = axes(world.pooled[asked_rows]), world.scores[asked_rows], world.truths[asked_rows]
    person = Person(pool, world.truths[rows], mistakes, seed)
    ledger, known, found = Ledger(), Known(pool), []
    model = learner.learn(known, 0)
    for number in range(1, min(max(SIZES), len(pool)) + 1):
        probabilities = model.probabilities(pool.vectors, pool.scores)
        event, blind = WAYS[way](known, model, probabilities)
        answer = person.answer(event, blind)
        ledger.add(answer.to_json())
        known.update(answer.event_id, ledger)
        model = learner.learn(known, number)
        if number in SIZES:
            found.append({"answers": number, **_scores(model, known, *unseen)})
    return found


def _scores(model: Model, known: Known, vectors, scores, truths) -> dict:
    """Shares of right answers, and what the running accuracy says of them."""
    told = learner.said(model.probabilities(vectors, scores), model.words)
    animal = truths != EMPTY
    species = model.species.probabilities(vectors).argmax(axis=1) if model.species else None
    names = np.array(model.species.names if model.species else [""], object)
    named = names[0 if species is None else species]
    running = learner.running(known, model)
    truth, held, bias = float((told == truths).mean()), np.nan, np.nan
    if running is not None:
        held = float(running.low <= truth <= running.high)
        bias = running.share - truth
    return {
        "species": float((named == truths)[animal].mean()), "right": float((told == truths).mean()),
        "presence": float(((told == EMPTY) == ~animal).mean()),
        "held": held, "bias": bias, "width": running.high - running.low if running else np.nan,
    }  # fmt: skip


def summary(runs: pd.DataFrame) -> list[dict]:
    """A row for each way, split and number of answers, over the seeds; 'all' splits together."""
    both = pd.concat([runs, runs[runs["split"] != "0"].assign(split="1 to 4")])
    lines = []
    for keys, rows in both.groupby(["data", "split", "way", "mistakes", "answers"], sort=False):
        line = dict(zip(("data", "split", "way", "mistakes", "answers"), keys, strict=True))
        line["runs"] = len(rows)
        for name in ("species", "right", "presence"):
            by_seed = rows.groupby("seed")[name].mean()
            line[name] = round(float(by_seed.mean()), 4)
            line |= {f"{name}_low": round(float(by_seed.min()), 4),
                     f"{name}_high": round(float(by_seed.max()), 4)}  # fmt: skip
        told = rows.dropna(subset="held")
        line["told"] = len(told)
        for name in ("held", "bias", "width"):
            line[name] = round(float(told[name].mean()), 4) if len(told) else ""
        lines.append(line)
    return lines


def run(world: World, given: flags.FlagValues) -> list[dict]:
    """All splits, ways and seeds."""
    rows = []
    for number in range(given.splits):
        split = f"{number}"
        names = world.dealt(given.shards.replace("{seed}", split))
        pool = np.flatnonzero(np.isin(names, ("train", "val")))
        asked = np.flatnonzero(names == "test")
        for way in given.ways:
            for seed in range(given.seeds):
                found = simulate(world, pool, asked, way, seed, given.mistakes)
                facts = {"data": given.data, "split": split, "way": way, "seed": seed}
                rows += [facts | {"mistakes": given.mistakes} | one for one in found]
            log.info("%s, %s: %s", split, way, [
                round(float(np.mean([r["species"] for r in rows if r["split"] == split
                                     and r["way"] == way and r["answers"] == n])), 3)
                for n in SIZES])  # fmt: skip
    return summary(pd.DataFrame(rows))


def main(_) -> None:
    """Reads the flags, simulates and writes the table."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    log.setLevel(logging.INFO)
    given = flags.FLAGS
    world = read(given.events, given.images, given.prepared)
    lines = run(world, given)
    if given.append and Path(given.out).is_file():
        lines = pd.read_csv(given.out).to_dict("records") + lines
    write_lines(lines, given.out)


if __name__ == "__main__":
    flags.DEFINE_string("events", None, "event table", required=True)
    flags.DEFINE_string("images", None, "folder of the pictures", required=True)
    flags.DEFINE_string("prepared", None, "folder for the descriptions", required=True)
    flags.DEFINE_string("data", None, "name of the data set in the table", required=True)
    flags.DEFINE_string("shards", None, "folders of shards, {seed} in their name", required=True)
    flags.DEFINE_integer("splits", 5, "how many: {seed} is 0, 1 ...")
    flags.DEFINE_multi_enum("ways", list(WAYS), list(WAYS), "ways of asking")
    flags.DEFINE_integer("seeds", 5, "number of seeds")
    flags.DEFINE_float("mistakes", 0.0, "share of wrong answers")
    flags.DEFINE_string("out", None, "table to write", required=True)
    flags.DEFINE_boolean("append", False, "add to the table")
    app.run(main)
