r"""From no labels at all: how far a model comes that learns while a person answers.

    python -m experiments.from_nothing --shards='/tmp/ca/256-{seed}' --data=california \
        --detections=/tmp/ca/detected/detections.json --out=from_nothing.csv

Shards and boxes as of `experiments.california.read_events`: another split of the days in each of
five folders. Simulated is what `camtrap review FOLDER` does, with its own code, on the features of
the shards' pictures: events are asked about one by one, and heads refitted after each answer.
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
days, so that --deal=events tests it; of unseen days it is too high.
"""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from absl import app, flags

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY, EMPTY, MISSING
from camtrap_tf.reviewing import queue
from camtrap_tf.reviewing.journal import Answer, Ledger, Sighting, Verdict
from camtrap_tf.reviewing.live import learner
from camtrap_tf.reviewing.live.events import Chunk
from camtrap_tf.reviewing.live.learner import Known, Model, Pool
from camtrap_tf.reviewing.live.vectors import Axes
from experiments.rows import write_lines

SIZES = (5, 10, 20, 40, 80)
KEYS = ("data", "dealt", "split", "way", "mistakes", "answers")
POOL = 0.6  # of the events, with --deal=events
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


def read(shards: str, detections: str, features: str | None) -> World:
    """The labelled events of shards, with features that are computed where they are not there."""
    from camtrap_tf.batches import pipeline
    from camtrap_tf.events import detections as boxes
    from experiments.california.read_events import Pool as Seen

    found = boxes.read(detections)
    views = [Seen.compute(shards, around, features) for around in (None, found)]
    manifest = views[0].manifest
    parts = [pipeline.index(manifest, split) for split in manifest.splits()]
    ids = pd.concat([ids for ids, _, _ in parts], ignore_index=True)
    labels = {head: np.concatenate([of_event[head] for _, _, of_event in parts])
              for head in (EMPTY, "species")}  # fmt: skip
    of = found.of(ids["path"].astype("string"))
    seen = np.stack([view.values.mean(axis=1) for view in views], axis=1).astype(np.float16)
    ids = ids.assign(failure=None)
    chunk = Chunk(ids, np.nan_to_num(of.confidence), of.boxes, seen)
    events, pooled = chunk.events()
    names = np.array([*manifest.vocabulary.species, EMPTY], object)
    code = np.where(labels[EMPTY] == 1, len(names) - 1, labels["species"])
    truths = dict(zip(ids["event_id"].astype(str), code, strict=True))
    codes = np.array([truths[event.event_id] for event in events])
    rows = np.flatnonzero(codes != MISSING)
    return World(
        np.array([events[row].event_id for row in rows], object),
        np.array([events[row].group for row in rows], object),
        pooled[rows],
        np.array([events[row].score for row in rows], np.float32),
        names[codes[rows]],
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
    four = runs[(runs["split"] != "0") & (runs["dealt"] == "shards")].assign(split="1 to 4")
    both = pd.concat([runs, four])
    lines = []
    for keys, rows in both.groupby(
        ["data", "dealt", "split", "way", "mistakes", "answers"], sort=False
    ):
        line: dict = dict(zip(KEYS, keys, strict=True))
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
        if given.deal == "events":
            dealt = np.random.default_rng(number).permutation(len(world.event_ids))
            pool, asked = np.split(dealt, [round(POOL * len(dealt))])
        else:
            names = world.dealt(given.shards.replace("{seed}", split))
            pool = np.flatnonzero(np.isin(names, ("train", "val")))
            asked = np.flatnonzero(names == "test")
        for way in given.ways:
            for seed in range(given.seeds):
                found = simulate(world, pool, asked, way, seed, given.mistakes)
                facts = {
                    "data": given.data,
                    "dealt": given.deal,
                    "split": split,
                    "way": way,
                    "seed": seed,
                }
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
    world = read(given.shards.replace("{seed}", "0"), given.detections, given.features)
    lines = run(world, given)
    if given.append and Path(given.out).is_file():
        lines = pd.read_csv(given.out).to_dict("records") + lines
    write_lines(lines, given.out)


if __name__ == "__main__":
    flags.DEFINE_string("detections", None, "what `camtrap detect` wrote", required=True)
    flags.DEFINE_string("features", None, "folder for features; None: beside the shards")
    flags.DEFINE_string("data", None, "name of the data set in the table", required=True)
    flags.DEFINE_string("shards", None, "folders of shards, {seed} in their name", required=True)
    flags.DEFINE_enum(
        "deal",
        "shards",
        ["shards", "events"],
        "as the shards are split, or 3 of 5 events at random",
    )
    flags.DEFINE_integer("splits", 5, "how many: {seed} is 0, 1 ...")
    flags.DEFINE_multi_enum("ways", list(WAYS), list(WAYS), "ways of asking")
    flags.DEFINE_integer("seeds", 5, "number of seeds")
    flags.DEFINE_float("mistakes", 0.0, "share of wrong answers")
    flags.DEFINE_string("out", None, "table to write", required=True)
    flags.DEFINE_boolean("append", False, "add to the table")
    app.run(main)
