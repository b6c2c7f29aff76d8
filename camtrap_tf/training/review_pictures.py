"""A review of a folder of pictures that nothing is known of: a model learns while people answer.

Beside the pictures, in FOLDER_review unless another folder is given, lie

    reviews.jsonl   what people say (`reviewing.journal`); all else can be made again from it and
                    from the pictures
    prepared/       what a detector and a network see in the pictures (`prediction.describe`)
    finished/       what the review leads to (`review_finish`)

The page is served by this process; the pictures are described, and the review is finished, in
processes of their own, so that the page answers all the while.
"""

import getpass
import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from camtrap_tf.answers.people import Shown
from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import PathLike, existing_folder
from camtrap_tf.core.errors import InputError
from camtrap_tf.prediction import job
from camtrap_tf.prediction.descriptions import require_weights
from camtrap_tf.prediction.prepared import Prepared
from camtrap_tf.reviewing import answers, server
from camtrap_tf.reviewing.journal import Answer
from camtrap_tf.reviewing.live.session import TARGET, Finish, LiveSession


def review_pictures(
    pictures: PathLike,
    out: PathLike | None = None,
    reviews: PathLike | None = None,
    reviewer: str | None = None,
    target: float = TARGET,
    port: int = server.PORT,
    people: Shown | str = Shown.SHOW,
) -> list[Answer]:
    """Serves the review page on this computer until it is stopped with Ctrl-C.

    Args:
        pictures: folder that nobody has predicted.
        out: folder for answers and features; None: beside the pictures, with '_review' after
            their name. Several people who review the same pictures give the same one.
        reviews: file of answers; None: reviews.jsonl in `out`.
        reviewer: who answers; None is the login name.
        target: accuracy that is aimed at, in (0, 1).
        port: of the page; 0 is any free one.
        people: 'show', 'blur' or 'hide' pictures that show people, see `answers.people`.

    Returns:
        All answers in the file, also those given before.

    Raises:
        InputError: no such folder, weights that are not on this computer (the message has the
            command that gets them), an impossible target, or a port that is taken.
    """
    session, found = open_review(pictures, out, reviews, reviewer, target, people)
    found.start([Path(pictures)])
    session.start()
    try:
        server.serve(session, port)
    finally:
        session.stop()
        found.stop()
    file = session.journal_file
    return answers.read([file]) if file.is_file() else []


def is_new(results: PathLike) -> bool:
    """Whether this is a folder of pictures that nobody has predicted."""
    folder = Path(results)
    return folder.is_dir() and not any(
        (folder / name).exists() for name in (file_names.PREDICTIONS, job.JOB_FILE)
    )


def review_folder(pictures: PathLike, out: PathLike | None = None) -> Path:
    """Where the review of a folder of pictures keeps what it needs.

    >>> review_folder("season/cards").as_posix()
    'season/cards_review'
    """
    folder = Path(pictures)
    return folder.with_name(f"{folder.absolute().name}_review") if out is None else Path(out)


def open_review(
    pictures: PathLike,
    out: PathLike | None = None,
    reviews: PathLike | None = None,
    reviewer: str | None = None,
    target: float = TARGET,
    people: Shown | str = Shown.SHOW,
) -> tuple[LiveSession, Prepared]:
    """A review of a folder of pictures that nobody has predicted; nothing runs yet.

    Raises:
        InputError: weights that are not on this computer, or an impossible target.
    """
    require_weights()
    if not 0 < target < 1:
        raise InputError("--target is an accuracy between 0 and 1", target, "Try 0.9.")
    existing_folder(pictures, "the folder of pictures")
    folder = review_folder(pictures, out)
    found = Prepared(folder / file_names.PREPARED)
    journal = Path(reviews) if reviews else folder / file_names.REVIEWS
    name, finisher = reviewer or getpass.getuser(), Finisher(folder, Path(pictures), journal)
    given = (found, pictures, journal, name, folder, target, finisher, Shown(people))
    return LiveSession(*given), found


class Finisher:
    """Makes bundle, predictions and tables in another process; see `review_finish.finish`.

    Args:
        folder: of the review.
        pictures: their folder.
        journal: people's answers.
    """

    def __init__(self, folder: Path, pictures: Path, journal: Path):
        self._given = (folder, pictures, journal)
        self._process: SpawnProcess | None = None
        self._told: Connection | None = None
        self._last = Finish()

    def start(self) -> None:
        """Begins; where it runs already, nothing more."""
        if self._process is not None and self._process.is_alive():
            return
        context = multiprocessing.get_context("spawn")
        self._told, theirs = context.Pipe(duplex=False)
        self._process = process = context.Process(
            target=_finish, args=(*self._given, theirs), daemon=True
        )
        self._last = Finish("running", "starting")
        process.start()
        theirs.close()

    def progress(self) -> Finish:
        """What the other process has said last."""
        while self._told is not None and self._told.poll():
            try:
                self._last = self._told.recv()
            except EOFError:
                self._told = None
        ended = self._process is not None and self._process.exitcode is not None
        if ended and self._told is None and self._last.state == "running":
            self._last = Finish("failed", message="the process has ended; see the terminal")
        return self._last


def _finish(folder: Path, pictures: Path, journal: Path, told: Connection) -> None:
    """The other process."""
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.training.review_finish import finish

    try:
        files, commands = finish(
            folder, pictures, journal, lambda step: told.send(Finish("running", step))
        )
        told.send(Finish("done", "", None, tuple(files), tuple(commands)))
    except (InputError, OSError) as error:
        told.send(Finish("failed", message=str(error)))
