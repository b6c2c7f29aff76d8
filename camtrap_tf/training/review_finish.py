"""What a review from nothing leads to: a bundle, the answers to all pictures, tables.

    FOLDER/finished/runs/TASK-VIEW/    a probe of each stage and view, as `probe` writes it
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

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.answers import aggregation
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import csv_text, file_names
from camtrap_tf.core.artifacts import PathLike, atomic, write_json
from camtrap_tf.core.commands import command, counted
from camtrap_tf.core.config import View
from camtrap_tf.core.heads import SPECIES
from camtrap_tf.core.labels import BINARY, EMPTY
from camtrap_tf.networks.run import VERSION
from camtrap_tf.prediction.descriptions import SIDE
from camtrap_tf.reviewing import answers
from camtrap_tf.reviewing.journal import Ledger
from camtrap_tf.reviewing.live import beforehand, triage, vectors
from camtrap_tf.reviewing.live.accuracy import TARGET
from camtrap_tf.reviewing.live.triage import LOOK, Triage
from camtrap_tf.training import review_runs
from camtrap_tf.training.review_work import Work

FINISHED, RUNS, BUNDLE_FOLDER, TABLES = "finished", "runs", "bundle", "tables"
REVIEWED = "reviewed.parquet"
PLAN, PLAN_FIGURES, PLAN_KIND = "plan.csv", "plan.json", "plan of a review"
log = logging.getLogger("camtrap")


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
    found = {EMPTY: np.stack([1 - nothing, nothing], axis=1), SPECIES: species}
    classes = {EMPTY: BINARY, SPECIES: model.species.names}
    for head, fitted in model.further.items():
        classes[head] = work.classes(head)
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


def _what_is_in(work: Work) -> str:
    """What the bundle is for, and which heads it lacks."""
    told = ["the model, for camtrap predict, exports and cameras"]
    lacking = review_runs.missing(work)
    if work.taught_by_detector:
        told.append("nobody answered 'empty': it has learnt that from what the detector sees")
    if lacking:
        enough = f"{review_runs.ENOUGH} events of each of two answers"
        told.append(f"not in it, as it takes {enough}: {', '.join(lacking)}")
    return "; ".join(told)


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
    runs = review_runs.write_runs(work, building / RUNS)
    tell("the bundle")
    make_bundle(list(runs), building / BUNDLE_FOLDER)
    shutil.rmtree(out, ignore_errors=True)
    building.rename(out)
    return _files(out, work, made), _commands(out, work, pictures, journal)


def _files(out: Path, work: Work, made: Triage) -> list[dict]:
    """`path` and `what` of each file that was made."""
    found = {
        out / BUNDLE_FOLDER: _what_is_in(work),
        out / file_names.PREDICTIONS: _whose(work.left),
        out / TABLES: "people's answers, else the model's, as tables",
        out / PLAN: made.sentence(),
        out / REVIEWED: "what people said, to train on",
    }
    return [{"path": str(path), "what": what} for path, what in found.items()]


def _commands(out: Path, work: Work, pictures: PathLike, journal: PathLike) -> list[str]:
    """What goes on from there."""
    bundle, second = out / BUNDLE_FOLDER, review_runs.second_task(review_runs.vocabulary_of(work))
    found = [
        command("predict", "NEW_PICTURES", bundle=bundle, out="answers"),
        command("convert", out / file_names.PREDICTIONS, reviews=journal, out="more_tables"),
        command("export", bundle=bundle, out="exported", check_on=pictures),
        command("shard", events=out / REVIEWED, images=pictures, out="shards", size=SIDE),
        command(
            "train",
            shards="shards",
            task=second.value,
            init=bundle,
            run="runs/1",
            config=out / RUNS / review_runs.run_name(second, View.WHOLE) / file_names.CONFIG,
            set="train.epochs=10",
        ),
    ]
    return [str(one) for one in found]
