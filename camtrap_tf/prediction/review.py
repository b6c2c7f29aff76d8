"""People answer what the model is unsure of: a results folder, its pictures and the page."""

import getpass
from collections.abc import Sequence
from pathlib import Path

from camtrap_tf.answers import boxes
from camtrap_tf.answers.people import Shown
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import file_names, parquet
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import table as event_table
from camtrap_tf.events.table import EventTable
from camtrap_tf.prediction import job
from camtrap_tf.reviewing import answers, queue, server
from camtrap_tf.reviewing.journal import Answer
from camtrap_tf.reviewing.session import Session


def review(
    results: PathLike,
    images: PathLike | None = None,
    reviews: Sequence[PathLike] = (),
    reviewer: str | None = None,
    *,
    only: str = "all",
    below: float = queue.UNSURE_BELOW,
    members: Sequence[PathLike] = (),
    seed: int = 0,
    blind: bool = False,
    port: int = server.PORT,
    people: Shown | str = Shown.SHOW,
) -> list[Answer]:
    """Serves the review page on this computer until it is stopped with Ctrl-C.

    Args:
        results: folder that `predict` wrote, predictions file, or event table to be labelled.
        images: folder of the pictures; None is the one that was predicted.
        reviews: files of answers, of which the first is appended to; without any, reviews.jsonl
            beside the predictions.
        reviewer: who answers; None is the login name.
        only, below, seed: which events and in what order, see `reviewing.queue.order`.
        members: other models' predictions of the same pictures.
        blind: do not show what the model says.
        port: of the page; 0 is any free one.
        people: 'show', 'blur' or 'hide' pictures that show people, see `answers.people`.

    Returns:
        All answers in the files, also those given before.

    Raises:
        InputError: no predictions, no pictures, or a port that is taken.
    """
    predictions, files = read(results), journals(results, reviews)
    images = images or job.pictures_folder(predictions_file(results).parent)
    if not images:
        raise InputError("review needs the pictures", "no --images", "Give their folder.")
    others = [Predictions.read(path) for path in members]
    order = queue.order(predictions, others, only, below, seed)
    drawn = "random" if only == "random" else "gain"
    name = reviewer or getpass.getuser()
    session = Session(
        predictions, order, images, files[0], name, drawn, blind, files[1:], Shown(people),
        boxes.beside(predictions_file(results)),
    )  # fmt: skip
    server.serve(session, port)
    return answers.read([file for file in files if file.is_file()])


def predictions_file(results: PathLike) -> Path:
    """The predictions of a results folder; a file is taken as it is."""
    path = Path(results)
    return path / file_names.PREDICTIONS if path.is_dir() else path


def journals(results: PathLike, reviews: Sequence[PathLike] = ()) -> list[Path]:
    """Files of answers: those that are given, else the one beside the predictions."""
    beside = predictions_file(results).with_name(file_names.REVIEWS)
    return [Path(path) for path in reviews] or [beside]


def read(results: PathLike) -> Predictions:
    """The predictions of a results folder; of an event table, those of no model."""
    file = predictions_file(results)
    if not file.is_file():
        return Predictions.read(file)  # which says what is wrong
    with parquet.open_file(file, "a predictions file", "Give predictions.parquet.") as opened:
        stamp = parquet.stamp(opened.schema_arrow)
    if stamp.get("artifact") == event_table.KIND:
        return answers.unanswered(EventTable.read(file))
    return Predictions.read(file)
