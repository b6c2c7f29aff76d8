"""A bundle that is loaded and answers pictures: for notebooks and other programs."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.workers import local
from camtrap_tf.core.workers.work import Advance, Here, Work
from camtrap_tf.events.table import EventTable
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.prediction.predict import answers_of, predict, start_answering
from camtrap_tf.prediction.predictor import Options, Predictor


class Model:
    """A bundle whose networks stay loaded from one question to the next.

    Args:
        bundle: what predicts.
        options: how; None is all defaults.
    """

    def __init__(self, bundle: Bundle, options: Options | None = None):
        self.bundle, self.options = bundle, options or Options()
        self._loaded: dict[tuple[str, ...], Predictor] = {}  # by what LiteRT computes

    def __repr__(self) -> str:
        return f"Model({str(self.bundle.folder)!r}, species={len(self.species)})"

    @property
    def species(self) -> tuple[str, ...]:
        """What it knows."""
        return self.bundle.vocabulary.species

    def predict(
        self,
        pictures: PathLike | Sequence[PathLike] | np.ndarray | Sequence[np.ndarray] | EventTable,
        events: EventTable | None = None,
        images: PathLike | None = None,
    ) -> Predictions:
        """The answers to pictures, in memory.

        Args:
            pictures: a folder (searched with its subfolders), a picture, a list of files or
                metadata, as `camtrap predict` takes them; several of these; an event table; or
                pixels: [height, width, 3] uint8 arrays of red, green and blue, of any sizes. Each
                array is an event of its own, with its number for a path.
            events: which pictures belong together; others are grouped by folder and time.
            images: folder that the paths of lists, tables and answers are relative to.

        Returns:
            A row per picture; one that cannot be read has its reason in `ids["failure"]`.

        Raises:
            InputError: nothing is there, no pictures, or arrays of another kind.
        """
        sources = _several(pictures)
        with tempfile.TemporaryDirectory() as folder:
            if sources and all(isinstance(one, np.ndarray) for one in sources):
                sources = [_written(sources, Path(folder) / "arrays")]
            out = Path(folder) / "job"
            engine = Here(self._answer)
            path = predict(sources, self.bundle, out, self.options, events, images, engine=engine)
            return Predictions.read(path)

    def _answer(self, work: Work, advance: Advance) -> Iterator[tuple[int, int]]:
        """The engine of a bundle that stays loaded; other work than answering is done as usual."""
        if work.start is not start_answering:
            return local.engine()(work, advance)
        _, root, job, options = work.arguments
        keys = options.litert
        if keys not in self._loaded:
            self._loaded[keys] = Predictor(self.bundle, options)
        predictor = self._loaded[keys]
        predictor.options = options  # other pictures, other boxes
        return enumerate(answers_of(predictor, root, job)(work.tasks, advance))


def load(bundle: PathLike, options: Options | None = None) -> Model:
    """Opens a bundle to ask it.

    Args:
        bundle: its folder.
        options: how pictures are answered; None is all defaults.

    Raises:
        InputError: no bundle, or one of another version.
    """
    return Model(Bundle.read(bundle), options)


def _several(pictures) -> list:
    """Sources in a list: one source alone, several, or a stack of arrays."""
    if isinstance(pictures, np.ndarray):
        return list(pictures) if pictures.ndim == 4 else [pictures]
    return list(pictures) if isinstance(pictures, list | tuple) else [pictures]


def _written(arrays: Sequence[np.ndarray], folder: Path) -> Path:
    """A folder of the arrays as lossless files, so that they go the way of all pictures."""
    folder.mkdir()
    width = len(str(len(arrays) - 1))
    for number, array in enumerate(arrays):
        if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
            raise InputError(
                "pixels are [height, width, 3] arrays of uint8",
                f"{array.shape}, {array.dtype}",
                "Give red, green and blue from 0 to 255.",
            )
        Image.fromarray(array).save(folder / f"{number:0{width}}.png", compress_level=1)
    return folder
