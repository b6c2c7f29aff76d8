"""A view of the pictures by answer: by_species/zebra/..., links to the pictures, never copies.

Below the answer's folder a picture has the path it has below the picture folder, so that two
pictures never meet. Animals that look like no species learnt are in 'unknown', pictures that
could not be read in 'unreadable', others without an answer in 'no answer'.

With `people='hide'` there are no links to pictures that show people, as far as the answers tell
(`answers.people`).

Nothing is written outside the view, and no file that is there is touched. Links of an earlier
view of the same pictures that are no longer true, because the answer changed, are removed: they
are known by leading to the picture of their own path.
"""

import errno
import logging
import os
import re
from pathlib import Path

import numpy as np

from camtrap_tf.answers import people
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.artifacts import PathLike, existing_folder
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import MISSING
from camtrap_tf.outputs.options import Options

FOLDER = "by_species"
PEOPLE = ("show", "hide")
LINKS = {"symbolic": os.symlink, "hard": os.link}
UNREADABLE, NO_ANSWER = "unreadable", "no answer"
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)  # no names on Windows
# Of a link, what the path of one picture may be to blame for.
_OF_ONE_PATH = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EINVAL, errno.EILSEQ)
_DRIVE = re.compile(r"[A-Za-z]:")
log = logging.getLogger("camtrap")


def check(options: Options, folder: PathLike) -> None:
    """Raises InputError unless the pictures are there to be linked to, and not around the view."""
    if options.pictures is None:
        raise InputError(
            "a view by species links to the pictures", "no picture folder", "Give --images=FOLDER."
        )
    existing_folder(options.pictures, "the picture folder")
    if options.link not in LINKS:
        raise InputError(f"a link is {' or '.join(LINKS)}", options.link, "Pick one of them.")
    if options.people not in PEOPLE:
        raise InputError(
            f"a view of links can {' or '.join(PEOPLE)} pictures of people, and not change them",
            options.people,
            "Give --people=hide, which leaves them out.",
        )
    view = Path(os.path.realpath(folder)) / FOLDER
    if view.is_relative_to(os.path.realpath(options.pictures)):
        raise InputError(
            "the view lies outside the picture folder, where its links would be taken for pictures",
            str(view),
            "Give another --out.",
        )


def write_files(predictions: Predictions, folder: Path, options: Options) -> list[Path]:
    """Makes or renews the view `by_species` in a folder.

    Raises:
        InputError: no picture folder, one that holds the view, or links that the file system
            does not allow.
    """
    check(options, folder)
    pictures = Path(os.path.abspath(options.pictures or ""))
    view = Path(os.path.realpath(folder)) / FOLDER
    view.mkdir(exist_ok=True)
    _View(view, pictures, options.link).update(_wanted(predictions, options.people == "hide"))
    return [view]


def safe_name(word: str) -> str:
    r"""A word as the name of a folder on any system.

    >>> safe_name("zebra"), safe_name("../elk"), safe_name("CON"), safe_name("a:b\\c. ")
    ('zebra', '_elk', '_CON', 'a_b_c')
    """
    name = re.sub(r"[^\w ()'&+,.-]", "_", word).strip(" .")
    return f"_{name}" if not name or _RESERVED.fullmatch(name.partition(".")[0]) else name


def _wanted(predictions: Predictions, without_people: bool = False) -> dict[str, str | None]:
    """By path of a picture, the folder it belongs in; None: in none."""
    folders = np.array([*map(safe_name, predictions.words), NO_ANSWER, UNREADABLE], object)
    codes = predictions.answer_codes()
    failed = predictions.ids["failure"].notna().to_numpy()
    codes = np.where(codes != MISSING, codes, len(folders) - 2 + failed)
    paths = predictions.ids["path"].str.replace("\\", "/", regex=False)
    wanted = folders[codes]
    if without_people:
        wanted[people.find(predictions)] = None
    return dict(zip(paths, wanted, strict=True))


class _View:
    """Links in `folder` to files below `pictures`."""

    def __init__(self, folder: Path, pictures: Path, kind: str):
        self.folder, self.pictures, self.kind = folder, pictures, kind
        self.inside: dict[str, bool] = {}  # folders that are known to lie in the view, or not

    def update(self, wanted: dict[str, str | None]) -> None:
        """Removes links that are no longer true and adds those that are missing."""
        self._remove_stale(wanted)
        skipped = {}
        for path, folder in wanted.items():
            reason = "it shows people" if folder is None else self._link(path, folder)
            if reason:
                skipped.setdefault(reason, []).append(path)
        for reason, paths in skipped.items():
            log.warning("not linked: %d pictures (%s), e.g. %s", len(paths), reason, paths[0])

    def _remove_stale(self, wanted: dict[str, str | None]) -> None:
        for where, _, files in os.walk(self.folder):
            for name in files:
                link = os.path.join(where, name)
                folder, _, path = (
                    os.path.relpath(link, self.folder).replace(os.sep, "/").partition("/")
                )
                if path in wanted and wanted[path] != folder and self._leads_to(link, path):
                    os.unlink(link)

    def _link(self, path: str, folder: str) -> str:
        """Links to one picture; returns why it did not, '' where it did."""
        parts = path.split("/")
        if path.startswith("/") or ".." in parts or _DRIVE.fullmatch(parts[0]):
            return "its path leads out of the picture folder"
        target = self.pictures.joinpath(*parts)
        link = os.path.join(self.folder, folder, *parts)
        if os.path.lexists(link):
            return "" if self._leads_to(link, path) else "another file has its name"
        if not os.path.lexists(target):
            return "the picture is not in the picture folder"
        try:
            if not self._made(os.path.dirname(link)):
                return "its folder leads out of the view"
            LINKS[self.kind](target, link)
        except OSError as error:
            if error.errno in _OF_ONE_PATH:
                return f"no link can have its path: {error.strerror}"
            raise self._refused(error, link) from error
        return ""

    def _leads_to(self, link: str, path: str) -> bool:
        """Whether a directory entry is a link to the picture of that path."""
        target = os.path.join(self.pictures, path)
        if os.path.islink(link):
            return os.path.normpath(os.readlink(link)) == os.path.normpath(target)
        try:
            return os.path.samefile(link, target)
        except OSError:
            return False

    def _made(self, folder: str) -> bool:
        """Makes a folder of the view; false where a link on the way leads out of it."""
        if folder not in self.inside:
            real = Path(os.path.realpath(folder))
            self.inside[folder] = real.is_relative_to(self.folder)
            if self.inside[folder]:
                real.mkdir(parents=True, exist_ok=True)
        return self.inside[folder]

    def _refused(self, error: OSError, link: str) -> InputError:
        across = error.errno == errno.EXDEV
        rule = "hard links lie on the disk of the pictures" if across else "links can be made"
        other = "symbolic" if self.kind == "hard" else "hard"
        return InputError(
            rule, f"{link}: {error.strerror}", f"Try --link={other}, or another --out."
        )
