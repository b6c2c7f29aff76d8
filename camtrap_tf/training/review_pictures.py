"""A review of a folder of pictures that nothing is known of: a model learns while people answer.

Beside the pictures, in FOLDER_review unless another folder is given, lie

    reviews.jsonl   what people say (`reviewing.journal`); all else can be made again from it and
                    from the pictures
    guesses.json    what another model says of the pictures, if there is one; answered/ has all
                    that a bundle says of them
    prepared/       what a detector and a network see in the pictures (`prediction.describe`)
    finished/       what the review leads to (`review_finish`)

The page is served by this process; the pictures are described, and the review is finished, in
processes of their own, so that the page answers all the while.
"""

import dataclasses
import getpass
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from camtrap_tf.answers.people import Shown
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import file_names, locks
from camtrap_tf.core.artifacts import PathLike, existing_file, existing_folder
from camtrap_tf.core.child import Child, Tell
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.paths import on_disk
from camtrap_tf.prediction import job
from camtrap_tf.prediction.descriptions import require_weights
from camtrap_tf.prediction.prepared import Prepared
from camtrap_tf.reviewing import answers, server
from camtrap_tf.reviewing.journal import Answer
from camtrap_tf.reviewing.live import beforehand
from camtrap_tf.reviewing.live.accuracy import TARGET
from camtrap_tf.reviewing.live.finishing import Finish
from camtrap_tf.reviewing.live.session import LiveSession

ANSWERED = "answered"  # what a bundle says of the pictures, as `camtrap predict` writes it
_RETRY = 2.0  # seconds between attempts at a folder that another process answers
log = logging.getLogger("camtrap")


def review_pictures(
    pictures: PathLike,
    out: PathLike | None = None,
    reviews: PathLike | None = None,
    reviewer: str | None = None,
    target: float = TARGET,
    port: int = server.PORT,
    people: Shown | str = Shown.SHOW,
    first: "First | None" = None,
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
        first: what is said of the pictures already.

    Returns:
        All answers in the file, also those given before.

    Raises:
        InputError: no such folder, weights that are not on this computer (the message has the
            command that gets them), an impossible target, or a port that is taken.
    """
    first = first or First()
    session, found = open_review(pictures, out, reviews, reviewer, target, people, first)
    answering = Child(_answer, str(pictures), first.bundle, session.folder)
    found.start([Path(pictures)])
    if first.bundle is not None:
        answering.start()
    session.start()
    try:
        server.serve(session, port)
    finally:
        session.stop()
        found.stop()
        answering.stop()
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
    first: "First | None" = None,
) -> tuple[LiveSession, Prepared]:
    """A review of a folder of pictures that nobody has predicted; nothing runs yet.

    Raises:
        InputError: weights that are not on this computer, an impossible target, or guesses or
            labels that are of other pictures.
    """
    require_weights()
    if not 0 < target < 1:
        raise InputError("--target is an accuracy between 0 and 1", target, "Try 0.9.")
    existing_folder(pictures, "the folder of pictures")
    folder = review_folder(pictures, out)
    found = Prepared(folder / file_names.PREPARED)
    journal = Path(reviews) if reviews else folder / file_names.REVIEWS
    name = reviewer or getpass.getuser()
    finisher = Finisher(folder, Path(pictures), journal, target)
    first = first or First()
    first.check()
    guesses, labels = beforehand.Kept(folder / file_names.GUESSES), None
    if first.predictions is not None:
        said = beforehand.read_guesses(first.predictions)
        _check_inside(said, pictures, "--predictions", first.predictions)
        beforehand.keep(said, guesses.path)
    if first.events is not None:
        labels = beforehand.read_labels(first.events)
        _check_inside(labels, pictures, "--events", first.events)
    given = (found, pictures, journal, name, folder, target, finisher, Shown(people))
    return LiveSession(*given, guesses, labels), found


@dataclasses.dataclass(frozen=True)
class First:
    """What is said of pictures before they are reviewed.

    Args:
        bundle: folder of a bundle whose answers are the first suggestions, as soon as it has
            answered all pictures in the background.
        predictions: file whose answers are so at once, see `beforehand.read_guesses`.
        events: event table whose labels count as answers.
    """

    bundle: PathLike | None = None
    predictions: PathLike | None = None
    events: PathLike | None = None

    def check(self) -> None:
        """Raises InputError for what is no bundle, or two sources of guesses."""
        if self.bundle is None:
            return
        if self.predictions is not None:
            raise InputError(
                "first suggestions come from one model",
                f"--bundle={self.bundle} and --predictions={self.predictions}",
                "Give one of them.",
            )
        existing_folder(self.bundle, "a bundle")
        existing_file(Path(self.bundle) / file_names.BUNDLE, "a bundle's description")


_LOOKED_AT = 200  # pictures by which a file is taken to be of a folder


def _check_inside(said: Mapping[str, object], pictures: PathLike, flag: str, file: PathLike):
    """Refuses what is said of other pictures."""
    paths = list(said)[:: max(len(said) // _LOOKED_AT, 1)]
    if not any(on_disk(Path(pictures), path).is_file() for path in paths):
        raise InputError(
            f"{flag} names pictures as they lie in {pictures}",
            f"{file} with {paths[0] if paths else 'none'}",
            "Give the folder that its paths are relative to.",
        )


def _answer(pictures: str, bundle: PathLike, folder: Path, tell: Tell) -> None:
    """Another process: lets a bundle answer all pictures, and keeps that as guesses."""
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.prediction.predict import predict

    while True:
        try:
            path = predict([pictures], bundle, folder / ANSWERED, only_new=True)
            break
        except locks.Held:
            time.sleep(_RETRY)
        except (InputError, OSError) as error:
            log.error("no first suggestions of %s: %s", bundle, error)
            return
    beforehand.keep(beforehand.guesses_of(Predictions.read(path)), folder / file_names.GUESSES)


class Finisher:
    """Makes bundle, predictions and tables in another process; see `review_finish.finish`.

    Args:
        folder: of the review.
        pictures: their folder.
        journal: people's answers.
        target: accuracy that is aimed at.
    """

    def __init__(self, folder: Path, pictures: Path, journal: Path, target: float = TARGET):
        self._child = Child(_finish, folder, pictures, journal, target)
        self._last = Finish()
        self._lock = threading.RLock()  # several pages ask at once, and may press the button

    def start(self) -> None:
        """Begins; where it runs already, nothing more."""
        with self._lock:
            if self.progress().state != "running":
                self._last = Finish("running", "starting")
                self._child.start()

    def progress(self) -> Finish:
        """What the other process has said last."""
        with self._lock:
            for told in self._child.hear():
                self._last = told
            if self._child.exitcode is not None and self._last.state == "running":
                self._last = Finish("failed", message="the process has ended; see the terminal")
            return self._last


def _finish(folder: Path, pictures: Path, journal: Path, target: float, tell: Tell) -> None:
    """The other process."""
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.training.review_finish import finish

    try:
        files, commands = finish(
            folder, pictures, journal, target, lambda step: tell(Finish("running", step))
        )
        tell(Finish("done", "", None, tuple(files), tuple(commands)))
    except (InputError, OSError) as error:
        tell(Finish("failed", message=str(error)))
