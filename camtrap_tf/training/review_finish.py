"""What a review from nothing leads to: a bundle, the answers to all pictures, tables.

    FOLDER/finished/runs/TASK-VIEW/    a probe of each question and view, as `probe` writes it
                    bundle/            all of them: for `camtrap predict`, exports and cameras
                    predictions.parquet   the review's own model on all pictures; people's answers
                                       are not in it: every format takes them from reviews.jsonl
                    reviewed.parquet   event table of what people said, to train on
                    tables/            the answers of people, else the model's, as CSV
                    plan.csv           a row per picture: who answers it, or that it needs a look
                    plan.json          why, see `reviewing.live.triage`

The heads of the bundle see single pictures, those of the review events: they differ a little. They
are fitted to the pictures of answered events on which the detector is surest, and calibrated, as
the threshold below which an animal is `unknown` is set, on the pictures of blind draws, by heads
that have not seen those events.
"""

import dataclasses
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from camtrap_tf import __version__
from camtrap_tf.answers import aggregation
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import csv_text, file_names
from camtrap_tf.core.artifacts import PathLike, atomic, write_json
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.commands import command, counted
from camtrap_tf.core.config import InputSpec, PictureSpec, RareClasses, View
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.heads import COUNT
from camtrap_tf.core.labels import (
    BINARY,
    COUNT_BINS,
    DETECTION,
    EMPTY,
    FAMILIARITY,
    MISSING,
    Task,
    Vocabulary,
)
from camtrap_tf.core.recipes import STARTED, probe_config
from camtrap_tf.networks.run import KIND, STRENGTH, VERSION
from camtrap_tf.prediction.descriptions import SIDE
from camtrap_tf.prediction.prepared import Prepared
from camtrap_tf.reviewing import answers
from camtrap_tf.reviewing.journal import Ledger
from camtrap_tf.reviewing.live import accuracy, beforehand, learner, triage, vectors
from camtrap_tf.reviewing.live.accuracy import TARGET
from camtrap_tf.reviewing.live.events import Shelf
from camtrap_tf.reviewing.live.learner import Known
from camtrap_tf.reviewing.live.triage import LOOK, Triage

FINISHED, RUNS, BUNDLE_FOLDER, TABLES = "finished", "runs", "bundle", "tables"
REVIEWED = "reviewed.parquet"
PLAN, PLAN_FIGURES, PLAN_KIND = "plan.csv", "plan.json", "plan of a review"
SURE = 0.5  # of the detector's highest score in an event: frames from there on show the animal
FEWEST = 30  # pictures of blind draws that a calibration takes
QUESTIONS = {EMPTY: Task.EMPTY, "species": Task.SPECIES}
NEEDED = {
    EMPTY: "people have answered events with an animal, and empty ones",
    "species": "people have named at least two species",
}
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """All pictures of a review, and what was said of them.

    Args:
        ids: a row per picture, as `Predictions.ids`.
        events: [pictures] int, the number of each picture's event.
        features: [pictures, views, width] float16.
        scores: [pictures] float32, the detector's.
        known: people's answers, by event.
        model: of the review.
        left: pictures that are not looked through yet, and are not among these.
    """

    ids: pd.DataFrame
    events: np.ndarray
    features: np.ndarray
    scores: np.ndarray
    known: Known
    model: learner.Model
    left: int = 0

    @classmethod
    def read(
        cls, prepared: PathLike, ledger: Ledger, guesses: beforehand.Kept | None = None
    ) -> "Work":
        """Of descriptions, a journal and guesses; the same model as the page has.

        Raises:
            InputError: nothing is described, or nobody has named an animal yet.
        """
        source = Prepared(prepared)
        kept = _Kept(source)
        shelf = Shelf(kept)
        shelf.refresh()
        pool = shelf.pool()
        if pool is None:
            raise InputError("a review has pictures", str(prepared), "Run camtrap review first.")
        guessed = None
        if guesses is not None and guesses.follow():
            guessed = guesses.of([frame.path for frame in one.frames] for one in shelf.events)
        known = Known.of(pool, ledger, guessed)
        model = learner.learn(known, ledger.length)
        if model.species is None or len(model.species.names) < 2:
            raise InputError(
                "a model tells at least two species apart",
                0 if model.species is None else list(model.species.names),
                "Answer some more events.",
            )
        ids = pd.concat([chunk.ids for chunk in kept.chunks], ignore_index=True)
        events = ids["event_id"].astype(str).map(pool.place).to_numpy()
        features = np.concatenate([chunk.features for chunk in kept.chunks])
        scores = np.concatenate([chunk.scores for chunk in kept.chunks])
        left = (source.progress().pictures or len(ids)) - len(ids)
        return cls(ids, events, features, scores, known, model, left)

    def labels(self, head: str) -> np.ndarray:
        """[pictures] int: the class of pictures that teach a head; -1 of the others.

        An animal is taken to be on the pictures on which the detector is surest.
        """
        names = np.where(self.known.answered, self.known.labels, "")[self.events]
        highest = np.zeros(len(self.known.pool), np.float32)
        np.maximum.at(highest, self.events, self.scores)
        shown = (self.scores >= SURE * highest[self.events]) | (names == EMPTY)
        usable = (names != "") & shown & self.ids["failure"].isna().to_numpy()
        if head == EMPTY:
            return np.where(usable, (names == EMPTY).astype(int), MISSING)
        assert self.model.species is not None
        code = {name: number for number, name in enumerate(self.model.species.names)}
        found = np.array([code.get(name, MISSING) for name in names])
        return np.where(usable, found, MISSING)

    def drawn(self) -> np.ndarray:
        """[pictures] bool: of an event that is a blind draw."""
        known = self.known
        sample = accuracy.sample(known.pool.keys, known.single, known.draws.items())
        return sample[self.events]


class _Kept:
    """A source whose chunks stay at hand."""

    def __init__(self, source: Prepared):
        self.chunks, self.progress = source.poll(), source.progress

    def poll(self):
        return self.chunks


def predictions_of(work: Work) -> Predictions:
    """What the review's model says of every picture: whether it is empty, and of its event the
    species and, as far as people told them, number and behaviours.

    Args:
        work: the pictures.
    """
    model, pool = work.model, work.known.pool
    assert model.species is not None
    axes = vectors.Axes.learn(work_pooled(work))
    number, empty = len(work.events), []
    for start in range(0, number, 4096):
        rows = slice(start, start + 4096)
        scores = work.scores[rows]
        alone = vectors.pool(work.features[rows], scores, np.arange(len(scores)), len(scores))
        empty.append(1 - model.presence.probabilities(axes(alone), scores))
    nothing = np.concatenate(empty).astype(np.float32)
    species = model.species.probabilities(pool.vectors)[work.events].astype(np.float32)
    unread = work.ids["failure"].notna().to_numpy()
    found = {EMPTY: np.stack([1 - nothing, nothing], axis=1), "species": species}
    classes = {EMPTY: BINARY, "species": model.species.names}
    for head, fitted in model.further.items():
        classes[head] = COUNT_BINS if head == COUNT else BINARY
        places = [classes[head].index(name) for name in fitted.names]
        found[head] = np.zeros((number, len(classes[head])), np.float32)
        found[head][:, places] = fitted.probabilities(pool.vectors)[work.events]
    for values in found.values():
        values[unread] = np.nan
    info = {
        "model": "review", "model_version": f"review-{model.number}", "animal_threshold": 0.5,
        "event_rules": aggregation.usual(classes),
    }  # fmt: skip
    return Predictions(work.ids, classes, found, info=info)


def work_pooled(work: Work) -> np.ndarray:
    """[events, columns] float16 of `vectors.pool`, as the shelf of the review has them."""
    number = len(work.known.pool)
    return vectors.pool(work.features, work.scores, work.events, number).astype(np.float16)


def write_runs(work: Work, folder: Path) -> list[Path]:
    """A run of each question and view."""
    assert work.model.species is not None
    vocabulary = Vocabulary(work.model.species.names, (), ())
    return [
        _write_run(
            work, folder / f"{task.value}-{view.value}", head, task, view, number, vocabulary
        )
        for head, task in QUESTIONS.items()
        for number, view in enumerate((View.WHOLE, View.CROP))
    ]


def _write_run(
    work: Work, folder: Path, head: str, task: Task, view: View, number: int, vocabulary: Vocabulary
) -> Path:
    import keras
    import tensorflow as tf

    from camtrap_tf.networks import architectures
    from camtrap_tf.networks.pretrained import origins
    from camtrap_tf.training import linear

    config = probe_config(task, STARTED, SIDE)
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, view=view))
    weighted = config.train.rare is RareClasses.WEIGHTED_LOSS
    seen, labels = work.features[:, number : number + 1].astype(np.float32), work.labels(head)
    names = vocabulary.heads(task)[head]
    known = np.flatnonzero(labels != MISSING)
    if len(np.unique(labels[known])) < 2:
        one_kind = f"{len(known):,} pictures of one kind"
        raise InputError(NEEDED[head], one_kind, "Answer some more events, then finish.")
    standard = linear.Standard.learn(seen[known])

    def fit(rows: np.ndarray) -> linear.Head:
        given = standard(seen[rows]), labels[rows], work.events[rows], len(names), weighted
        return linear.fit(*given).behind(standard)

    fitted = fit(known)
    model = architectures.build(config.model, vocabulary.heads(task))
    model.get_layer(head).set_weights([fitted.kernel, fitted.bias])
    spec = InputSpec(config.model.crop, config.model.normalisation)
    record = {
        "config": to_json(config), "input": to_json(spec), "vocabulary": vocabulary.to_json(),
        "picture": to_json(PictureSpec(size=SIDE)),
        "data": {"journal_lines": work.model.number, "origin": "a review"},
        "origins": to_json(origins.distinct((origins.origin_of(config.model),))),
        "versions": {"camtrap_tf": __version__, "tensorflow": tf.__version__,
                     "keras": keras.__version__},
    }  # fmt: skip
    write_json(folder / file_names.CONFIG, KIND, VERSION, record)
    with atomic(folder / file_names.NETWORK) as temporary:
        model.save(temporary)
    held = _held_out(work, head, names, seen, labels, known, fit)
    if held is not None:
        held.write(folder / file_names.answers("val"))
    best = {STRENGTH + head: fitted.strength}
    write_json(folder / file_names.RESULT, "run result", VERSION, {"best": best})
    return folder


def _held_out(
    work: Work,
    head: str,
    names: tuple[str, ...],
    seen: np.ndarray,
    labels: np.ndarray,
    known: np.ndarray,
    fit: Callable,
) -> Predictions | None:
    """Pictures of blind draws, answered by heads that have not learnt from them."""
    rows = known[work.drawn()[known]]
    if head != EMPTY:
        rows = rows[labels[rows] != MISSING]
    every = np.flatnonzero(work.drawn() & work.ids["failure"].isna().to_numpy())
    if len(rows) < FEWEST:
        log.warning("%d pictures of blind draws: '%s' is not calibrated", len(rows), head)
        return None
    folds = accuracy.folds_of(work.known.pool.keys)[work.events]
    logits = np.zeros((len(every), len(names)), np.float32)
    for fold in np.unique(folds[every]):
        own, others = np.flatnonzero(folds[every] == fold), known[folds[known] != fold]
        if len(others):
            logits[own] = fit(others).logits(seen[every[own], 0])
    classes = {head: names}
    scores = {DETECTION: work.scores[every].astype(np.float32)}
    info: dict = {"animal_threshold": 0.5}
    if head == "species":
        scores |= {FAMILIARITY: special.logsumexp(logits, axis=1).astype(np.float32)}
        info["familiarity_score"] = "energy"
    truth = {head: labels[every].astype(np.int16)}
    values = {head: special.softmax(logits, axis=1).astype(np.float32)}
    ids = work.ids.iloc[every].reset_index(drop=True)
    return Predictions(ids, classes, values, truth, dict(truth), info, scores)


def write_plan(work: Work, made: Triage, folder: Path) -> None:
    """Writes plan.csv, the pictures that need a look first, least sure first, and plan.json."""
    events, ids = work.events, work.ids
    rows = pd.DataFrame(
        {
            "path": ids["path"].array, "event_id": ids["event_id"].array,
            "site": ids["site"].array, "datetime": ids["datetime"].array,
            "answered_by": made.by[events], "model_answer": made.names[events],
            "confidence": made.confidence[events].round(4),
        }
    )  # fmt: skip
    later = made.by[events] != LOOK
    order = np.lexsort((np.arange(len(rows)), events, made.confidence[events], later))
    with atomic(folder / PLAN) as temporary, open(temporary, "w", newline="") as file:
        csv_text.write_frame(rows.iloc[order], file)
    write_json(folder / PLAN_FIGURES, PLAN_KIND, VERSION, made.to_json())


def _whose(left: int) -> str:
    """What predictions.parquet has; `left` pictures are not looked through yet."""
    if not left:
        return "the model's answers to all pictures"
    told = counted(left, "pictures")
    return f"the model's answers to the pictures so far; not looked through yet: {told}"


def finish(
    folder: PathLike,
    pictures: PathLike,
    journal: PathLike,
    target: float = TARGET,
    tell: Callable[[str], None] = lambda step: None,
) -> tuple[list[dict], list[str]]:
    """Makes all of it anew; what stood there is replaced when it is whole.

    Args:
        folder: of the review.
        pictures: their folder.
        journal: people's answers.
        target: accuracy that the plan is made for, in (0, 1).
        tell: is told of each step.

    Returns:
        What was made, `path` and `what` of each; commands that go on from there.

    Raises:
        InputError: too little was answered.
    """
    from camtrap_tf.networks.bundle import make_bundle
    from camtrap_tf.outputs import csv
    from camtrap_tf.outputs.options import Options
    from camtrap_tf.reviewing.journal import Journal

    folder, given = Path(folder), Journal(journal).lines()
    out = folder / FINISHED
    building = folder / f".{FINISHED}-new"
    shutil.rmtree(building, ignore_errors=True)
    tell("reading what the pictures show")
    guesses = beforehand.Kept(folder / file_names.GUESSES)
    work = Work.read(folder / file_names.PREPARED, Ledger(given), guesses)
    tell("answers to all pictures")
    predictions = predictions_of(work)
    predictions.write(building / file_names.PREDICTIONS)
    said = answers.read([journal])
    answers.event_table(predictions, said).write(building / REVIEWED)
    tell("tables")
    merged = answers.merge(predictions, said)
    csv.write_files(merged, building / TABLES, Options())
    tell("the plan")
    made = triage.sort_out(work.known, work.model, target)
    write_plan(work, made, building)
    tell("heads of the bundle")
    runs = write_runs(work, building / RUNS)
    tell("the bundle")
    make_bundle(list(runs), building / BUNDLE_FOLDER)
    shutil.rmtree(out, ignore_errors=True)
    building.rename(out)
    bundle, reviewed = out / BUNDLE_FOLDER, out / REVIEWED
    files = {
        bundle: "the model, for camtrap predict, exports and cameras",
        out / file_names.PREDICTIONS: _whose(work.left),
        out / TABLES: "people's answers, else the model's, as tables",
        out / PLAN: made.sentence(),
        reviewed: "what people said, to train on",
    }
    commands = [
        command("predict", "NEW_PICTURES", bundle=bundle, out="answers"),
        command("convert", out / file_names.PREDICTIONS, reviews=journal, out="more_tables"),
        command("export", bundle=bundle, out="exported"),
        command("shard", events=reviewed, images=pictures, out="shards", size=SIDE),
        command(
            "train",
            shards="shards",
            task=Task.SPECIES.value,
            init=bundle,
            run="runs/1",
            config=out / RUNS / f"{Task.SPECIES.value}-{View.WHOLE.value}" / file_names.CONFIG,
            set="train.epochs=10",
        ),
    ]
    return [{"path": str(p), "what": what} for p, what in files.items()], [str(c) for c in commands]
