"""A run directory: what training leaves, and how it is read. See `camtrap_tf.training.train`."""

import dataclasses
import zipfile
import zlib
from pathlib import Path

import keras

from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import PathLike, read_json
from camtrap_tf.core.codec import from_json
from camtrap_tf.core.config import Config, InputSpec, View
from camtrap_tf.core.errors import DamagedFile, require
from camtrap_tf.core.labels import Task, Vocabulary
from camtrap_tf.networks import familiarity
from camtrap_tf.networks.network import Network
from camtrap_tf.networks.pretrained.weights import Origin

KIND, VERSION = "run", 1
_TOLD = ("config", "input", "vocabulary", "picture", "data")
STRENGTH = "C_"  # in the result of a probe, before the name of a head: what it was fitted with
AS_FITTED = "as_fitted"  # in the result of a run, see `Run.as_fitted`


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run directory.

    Args:
        folder: where it lies.
        config: its configuration.
        spec: input of its network.
        vocabulary: names of its labels.
        picture, data: JSON facts: how pictures were stored, and which shards they came from.
        result: best epoch and figures.
        origins: of the published weights that it started from.
    """

    folder: Path
    config: Config
    spec: InputSpec
    vocabulary: Vocabulary
    picture: dict
    data: dict
    result: dict
    origins: tuple[Origin, ...] = ()

    @classmethod
    def read(cls, folder: PathLike) -> "Run":
        """Reads a finished run.

        Raises:
            InputError: no run, another version, or a run that is not finished.
        """
        folder = Path(folder)
        content = read_json(folder / file_names.CONFIG, KIND, VERSION)
        missing = [name for name in _TOLD if not isinstance(content.get(name), dict)]
        require(
            not missing, f"{folder / file_names.CONFIG} tells all of a run", f"no {missing}",
            "Copy the run again, or train into a new folder.",
        )  # fmt: skip
        result = read_json(folder / file_names.RESULT, "run result", VERSION)
        return cls(
            folder,
            from_json(content["config"], Config, "config"),
            from_json(content["input"], InputSpec, "input"),
            Vocabulary.from_json(content["vocabulary"]),
            content["picture"],
            content["data"],
            result,
            from_json(content.get("origins", []), tuple[Origin, ...], "origins"),
        )

    @property
    def as_fitted(self) -> bool:
        """Its heads are not calibrated on a validation split.

        Those of a probe: the likelihood of pictures held out has chosen their strength, over far
        more days than a validation split has.
        """
        return bool(self.result.get(AS_FITTED, False))

    @property
    def is_probe(self) -> bool:
        """Its heads were fitted to fixed features; the result has the C of each."""
        return any(name.startswith(STRENGTH) for name in self.result["best"])

    def network(self) -> Network:
        """The network of the best epoch."""
        return load_network(
            self.folder, self.spec, self.config.train.task, self.vocabulary, self.config.model.view
        )


def runs_in(folder: PathLike) -> list[Path]:
    """The run directory itself; of a folder that is none, the run directories in it, by name."""
    folder = Path(folder)
    if (folder / file_names.CONFIG).is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{file_names.CONFIG}")) or [folder]


def load_network(
    folder: Path, spec: InputSpec, task: Task, vocabulary: Vocabulary, view: View = View.WHOLE
) -> Network:
    """The network of the best epoch of a run directory.

    Raises:
        DamagedFile: it is not what was written; the parts of the file have checksums.
    """
    path = folder / file_names.NETWORK
    try:
        model = keras.saving.load_model(path, compile=False)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        way_out = "Copy the run again, or train into a new folder."
        raise DamagedFile(path, way_out, str(error)) from error
    # What is familiar is told by networks that see the whole picture.
    score = familiarity.score(model) if view is View.WHOLE else None
    return Network(model, spec, task, vocabulary.heads(task), folder.name, score=score, view=view)
