"""The TFLite files of an export, answering pictures with LiteRT."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.codec import from_json
from camtrap_tf.core.config import Context, PictureSpec, View
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, FAMILIARITY, Task
from camtrap_tf.pictures import files as pictures
from camtrap_tf.pictures.context import stacked
from export.edge import carried, finder


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the networks say of one picture.

    Args:
        animal_probability: in [0, 1].
        species: [classes] float32; None where stage 2 was not asked, or is not there.
        familiarity: how much it looks like what the species were learnt from; None where that
            was not asked, or the networks do not tell.
        doubt: what seems to be damaged in the picture; None if nothing does.
        detection: how sure the detector is of its surest box, 0 where it finds none; None without
            a detector.
    """

    animal_probability: float
    species: np.ndarray | None
    familiarity: float | None = None
    doubt: str | None = None
    detection: float | None = None


class Seen(NamedTuple):
    """A picture; its crop, and how sure the detector is of that, where some network sees it."""

    picture: pictures.Picture
    part: np.ndarray | None = None
    detection: float | None = None


class EdgeModel:
    """The networks of one export. Stage 2 runs only where stage 1 sees an animal.

    Args:
        path: folder with the `.tflite` files of one form, or one file.
        threads: of each network.
        animal_threshold: instead of the one the files carry, in [0, 1].

    Raises:
        InputError: no model, files of different exports, or stage 2 without stage 1.
    """

    def __init__(self, path: PathLike, threads: int = 1, animal_threshold: float | None = None):
        path = Path(path)
        every = sorted(path.glob("*.tflite")) if path.is_dir() else [path]
        files = [file for file in every if file.name != finder.FILE]
        contents = [carried.read(file) for file in files]
        for file, content in zip(files, contents, strict=True):
            carried.check(content, file)
        _check_together(path, contents)
        self.content = contents[0]
        self.picture = from_json(self.content["picture"], PictureSpec, "picture")
        self.context = Context(self.content["context"])
        self.version: str = self.content["model_version"]
        self.automatic_at: float = self.content["automatic_at"]
        carries = self.content["animal_threshold"]
        self.animal_threshold: float = carries if animal_threshold is None else animal_threshold
        self.familiarity_threshold: float | None = self.content.get("familiarity_threshold")
        # Exports of earlier versions carry no rules.
        self.event_rules: dict[str, str] = self.content.get("event_rules", {})
        crops = any(content.get("view") == View.CROP.value for content in contents)
        self._finder = _open_finder(path, threads) if crops else None
        pairs = zip(files, contents, strict=True)
        runners = [_runner(file, threads, content) for file, content in pairs]
        tasks = [content["task"] for content in contents]
        self._first = [r for r, task in zip(runners, tasks, strict=True) if task == EMPTY]
        self._second = [r for r, task in zip(runners, tasks, strict=True) if task != EMPTY]
        names = [content["classes"].get("species") for content in contents]
        self.species: tuple[str, ...] = tuple(next((n for n in names if n), ()))

    @property
    def one_stage(self) -> bool:
        """One network answers both questions."""
        return not self._first

    def answer(self, source: PathLike | bytes) -> Answer:
        """Answers a picture file, as an event of its own.

        Raises:
            pictures.PictureError: it cannot be read, or the network fails on it.
        """
        seen = self.look(source)
        (answer,) = self.answer_together([seen])
        if isinstance(answer, str):
            raise pictures.PictureError(answer)
        return answer

    def answer_event(self, sources: Sequence[PathLike]) -> list[Answer | str]:
        """Answers the frames of an event, in order; the reason for one that cannot be read."""
        found = [self._read(source) for source in sources]
        answers = iter(self.answer_together([one for one in found if isinstance(one, Seen)]))
        return [one if isinstance(one, str) else next(answers) for one in found]

    def answer_together(self, event: Sequence[Seen]) -> list[Answer | str]:
        """Answers the readable frames of an event, in order; or says why there is no answer."""
        if not event:
            return []
        squares = stacked(np.stack([seen.picture.pixels for seen in event]), self.context)
        parts = [seen.part for seen in event if seen.part is not None]
        if parts:
            squares = np.concatenate([squares, np.stack(parts)], axis=-1)
        return [
            _with_facts(self._try_square(square), seen)
            for square, seen in zip(squares, event, strict=True)
        ]

    def _read(self, source: PathLike) -> Seen | str:
        """A picture, or the reason why it cannot be read."""
        try:
            return self.look(source)
        except pictures.PictureError as error:
            return str(error)

    def look(self, source: PathLike | bytes) -> Seen:
        """Reads a picture, and cuts its crop where some network sees that.

        Raises:
            pictures.PictureError: it cannot be read.
        """
        picture = pictures.read(source, self.picture)
        if self._finder is None:
            return Seen(picture)
        box, sure = self._finder.find(source)
        return Seen(picture, finder.cut(source, picture.pixels, box, self.picture), sure)

    def _try_square(self, square: np.ndarray) -> Answer | str:
        """Answers a square, or says why the network has no answer to it."""
        try:
            answer = self.answer_square(square)
        except (RuntimeError, ValueError, MemoryError) as error:
            return f"the network failed: {error}"
        told = [answer.animal_probability, *(() if answer.species is None else answer.species)]
        return answer if np.isfinite(told).all() else "the network's answer is not a number"

    def answer_square(self, square: np.ndarray) -> Answer:
        """Answers a stored square [size, size, channels] uint8; see `context.stacked`.

        Where some network sees crops, the last three channels are the crop's.
        """
        image = square[None]
        if not self._first:
            species, familiarity = self._species(image)
            return Answer(1.0 - float(species[-1]), species, familiarity)
        animal = float(np.mean([runner(image=image)[EMPTY][0, 0] for runner in self._first]))
        if animal < self.animal_threshold or not self._second:
            return Answer(animal, None)
        return Answer(animal, *self._species(image))

    def _species(self, image: np.ndarray) -> tuple[np.ndarray, float | None]:
        """Probabilities of the species, and familiarity."""
        answers = [runner(image=image) for runner in self._second]
        species = np.mean([answer["species"][0] for answer in answers], axis=0)
        if self.familiarity_threshold is None:
            return species, None
        told = [answer[FAMILIARITY][0, 0] for answer in answers if FAMILIARITY in answer]
        return species, float(np.mean(told))


def _with_facts(answer: Answer | str, seen: Seen) -> Answer | str:
    if isinstance(answer, str):
        return answer
    return dataclasses.replace(answer, doubt=seen.picture.doubt, detection=seen.detection)


def _open_finder(path: Path, threads: int) -> finder.EdgeFinder:
    file = path / finder.FILE
    if not file.is_file():
        raise InputError(
            f"networks that see crops have their detector beside them, {finder.FILE}",
            str(path),
            "Give a folder such as export/tflite/float16, whole.",
        )
    return finder.EdgeFinder(file, threads)


def _runner(file: Path, threads: int, content: dict):
    """A network, asked with all channels that a picture has."""
    runner = Interpreter(model_path=str(file), num_threads=threads).get_signature_runner()
    crop = content.get("view") == View.CROP.value
    own = slice(-3, None) if crop else slice(Context(content["context"]).channels)
    return lambda image: runner(image=np.ascontiguousarray(image[..., own]))


def _check_together(path: Path, contents: list[dict]) -> None:
    tasks = {Task(content["task"]) for content in contents}
    exports = {(c["model_version"], c["form"], str(c["picture"])) for c in contents}
    if not (Task.EMPTY in tasks) != (tasks == {Task.ONE_STAGE}) or len(exports) != 1:
        raise InputError(
            "--model is a folder with the .tflite files of one export in one form: stage 1, "
            "with or without stage 2, or a one-stage network",
            f"{path} with {sorted(task.value for task in tasks)} of {len(exports)} exports",
            "Give a folder such as export/tflite/float16.",
        )
