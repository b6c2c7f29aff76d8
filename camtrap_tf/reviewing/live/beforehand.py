"""What is said of the pictures before anybody reviews them: guesses and labels.

Guesses are another model's or other software's. Until people have answered an event its guess
teaches the heads, but little: all guesses of one name together count as one answer, and less with
every one that people find wrong (`learner.Known.worth`). So they are the first suggestions, and a
few answers overrule them. They are nobody's answers: no journal has them, and the running accuracy
does not count them.

Labels are people's. They become lines of the journal, by the reviewer `LABELS`, as soon as their
event is ready: answers like others, but none that was given blindly. Who answers such an event on
the page overrules its label.

Both are kept by picture, since whoever gave them may have grouped pictures to other events.
"""

import collections
import datetime
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.answers.predictions import ANIMAL, Predictions
from camtrap_tf.core import parquet
from camtrap_tf.core.artifacts import PathLike, existing_file, read_json, write_json
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, COUNT_BINS, EMPTY, UNKNOWN
from camtrap_tf.events import table as event_table
from camtrap_tf.events.table import EventTable
from camtrap_tf.reviewing.journal import LABELS, Answer, Sighting, Verdict

KIND, VERSION = "guesses", 1
_SILENT = ("", ANIMAL, UNKNOWN)  # answers that name nothing
_PREPARE = "camtrap prepare --source={} --metadata={} --out=guesses.parquet"

Guesses = dict[str, str]  # from the path of a picture to a name
Labels = dict[str, tuple[Sighting, ...]]  # from the path of a picture to its animals; (): empty


def read_guesses(path: PathLike) -> Guesses:
    """Guesses of a predictions file, or of an event table.

    Raises:
        InputError: it is neither; of another program's results, with the command that reads them.
    """
    path = existing_file(path, "a file of predictions")
    if path.suffix.lower() in (".json", ".csv"):
        raise InputError(
            "first guesses are a predictions.parquet or an event table",
            str(path),
            f"Make a table: `{_PREPARE.format('megadetector', path)}`, or --source=speciesnet.",
        )
    with parquet.open_file(path, "a predictions file", "Give predictions.parquet.") as opened:
        stamp = parquet.stamp(opened.schema_arrow)
    if stamp.get("artifact") != event_table.KIND:
        return guesses_of(Predictions.read(path))
    labels = labels_of(EventTable.read(path)).items()
    named = {path: said[0].species if said else EMPTY for path, said in labels}
    return {path: name for path, name in named.items() if name not in _SILENT}


def guesses_of(predictions: Predictions) -> Guesses:
    """What a model says of the event of each picture."""
    said = predictions.by_event().answers().fillna("").to_numpy(object)
    pairs = zip(predictions.ids["path"], said[predictions.event_codes()], strict=True)
    return {str(path): str(name) for path, name in pairs if name not in _SILENT}


def keep(guesses: Guesses, path: PathLike) -> None:
    """Writes guesses for `Kept`, atomically."""
    write_json(path, KIND, VERSION, {"names": guesses})


class Kept:
    """Guesses in a file, which may come, or be replaced, at any time.

    Args:
        path: where they lie, or will.
    """

    def __init__(self, path: PathLike):
        self.path, self.stamp = Path(path), 0
        self.guesses: Guesses = {}

    def follow(self) -> bool:
        """Reads them; returns whether they are others than before."""
        stamp = self.path.stat().st_mtime_ns if self.path.is_file() else 0
        if stamp == self.stamp:
            return False
        self.guesses = read_json(self.path, KIND, VERSION)["names"] if stamp else {}
        self.stamp = stamp
        return True

    def of(self, events: Iterable[Sequence[str]]) -> np.ndarray:
        """[events] str: the guess at each event, '' without one.

        It is what most of its pictures are called that are not called empty.

        Args:
            events: the paths of each event's pictures.
        """
        return np.array([self._of(paths) for paths in events], object)

    def _of(self, paths: Sequence[str]) -> str:
        names = collections.Counter(self.guesses.get(path, "") for path in paths)
        del names[""]
        animals = [name for name, _ in names.most_common() if name != EMPTY]
        return animals[0] if animals else EMPTY if names else ""


def read_labels(path: PathLike) -> Labels:
    """The labels of an event table.

    Raises:
        InputError: no event table, or one without labels.
    """
    table = EventTable.read(path)
    found = labels_of(table)
    if not found:
        raise InputError("--events is a table with labels", str(path), "Leave it out.")
    return found


def labels_of(table: EventTable) -> Labels:
    """What is said of each picture: a label of its own, else that of its event."""
    own: dict[tuple, list[dict]] = {}
    for row in table.labels.to_dict("records"):
        frame = None if pd.isna(row["frame"]) else int(row["frame"])
        own.setdefault((row["event_id"], frame), []).append(row)
    frames = table.frames.assign(frame=table.frames.groupby("event_id").cumcount())
    found = {}
    for event_id, path, frame in frames[["event_id", "path", "frame"]].itertuples(index=False):
        rows = own.get((event_id, frame)) or own.get((event_id, None))
        if rows:
            found[str(path)] = tuple(_sighting(row) for row in rows if row["species"] != EMPTY)
    return found


def _sighting(row: Mapping) -> Sighting:
    count = row["count"] if row["count"] in COUNT_BINS else None
    shares = {name: row[name] for name in ATTRIBUTES if not pd.isna(row[name])}
    told = {name: share > 0.5 for name, share in shares.items() if share != 0.5}
    return Sighting(str(row["species"]), count, told)


def answer_of(labels: Labels, event_id: str, paths: Sequence[str]) -> Answer | None:
    """The labels of an event's pictures as one answer; None where they leave it open.

    An event is empty where all of its pictures are labelled so.

    Args:
        labels: by picture.
        event_id: of the event.
        paths: its pictures.
    """
    said = [labels[path] for path in paths if path in labels]
    animals = {one.species: one for one in reversed(list(itertools.chain.from_iterable(said)))}
    if not animals and (not said or len(said) < len(paths)):
        return None
    verdict = Verdict.ANIMAL if animals else Verdict.EMPTY
    at = datetime.datetime.now(datetime.UTC)
    sightings = tuple(animals.values())
    return Answer(event_id, LABELS, verdict, sightings, LABELS, id=f"{LABELS}/{event_id}", at=at)
