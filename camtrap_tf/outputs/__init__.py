"""Foreign formats: one module each, pure functions on `Predictions`.

A further format is one module with `write_files` and a row in `FORMATS`. Light to import, since
flags name the formats.
"""

import dataclasses
import importlib
import logging
import typing
from collections.abc import Sequence
from pathlib import Path

from camtrap_tf.core.artifacts import PathLike, new_folder
from camtrap_tf.core.errors import InputError
from camtrap_tf.outputs.options import Options

if typing.TYPE_CHECKING:
    from camtrap_tf.answers.predictions import Predictions

__all__ = ["FORMATS", "HELP", "Format", "Options", "check", "write"]
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Format:
    """A foreign format.

    Args:
        module: of this package. Its `write_files(predictions, folder, options)` writes into a
            folder, atomically, and returns the files or folders it wrote.
        help: what that is.
        checks: the module has `check(options, folder)`, which raises InputError where an option
            is missing.
    """

    module: str
    help: str
    checks: bool = False


FORMATS = {
    "csv": Format(
        "csv", "predictions.csv, a row per picture, and events.csv, a row per capture event"
    ),
    "parquet": Format(
        "parquet",
        "answers.parquet and answers_by_event.parquet: a column per answer and probability",
    ),
    "megadetector": Format(
        "megadetector",
        "megadetector.json: MegaDetector batch results 1.6, which Timelapse opens",
    ),
    "camtrap_dp": Format(
        "camtrap_dp",
        "folder camtrap_dp: a Camtrap DP 1.0.2 package with observations of pictures and\n"
        "of events, for GBIF, Agouti, Trapper and R (camtrapdp, camtraptor)",
        checks=True,
    ),
    "speciesnet": Format("speciesnet", "speciesnet.json: predictions as SpeciesNet writes them"),
    "folders": Format(
        "folders", "folder by_species: links to the pictures, sorted by answer", checks=True
    ),
}
HELP = "".join(
    f"{name:<13} {form.help}\n".replace("\n", f"\n{'':<14}").rstrip(" ")
    for name, form in FORMATS.items()
)


def check(formats: Sequence[str], options: Options, folder: PathLike) -> None:
    """Raises InputError unless `write` has all it needs: to be asked before a long prediction."""
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"a format is one of {', '.join(FORMATS)}", name, "Pick from these.")
        if FORMATS[name].checks:
            _module(name).check(options, Path(folder))


def write(
    predictions: "Predictions | PathLike",
    folder: PathLike,
    formats: Sequence[str],
    options: Options | None = None,
) -> list[Path]:
    """Writes predictions of pictures in foreign formats.

    Args:
        predictions: one row per picture, or their file; people's answers already merged. Beside a
            file, its boxes are found unless `options` bring some.
        folder: where to write; made where it is missing. Files of the same names are replaced.
        formats: keys of `FORMATS`.
        options: what some formats need; None is all defaults.

    Returns:
        The files and folders written.

    Raises:
        InputError: as `check`, or something that a format cannot say.
    """
    from camtrap_tf.answers import boxes
    from camtrap_tf.answers.predictions import Predictions

    options = options or Options()
    if options.boxes is None and not isinstance(predictions, Predictions):
        options = dataclasses.replace(options, boxes=boxes.beside(predictions))
    predictions = Predictions.of(predictions)
    check(formats, options, folder)
    folder = new_folder(folder)
    written = []
    for name in dict.fromkeys(formats):
        for path in _module(name).write_files(predictions, folder, options):
            log.info("wrote %s", path)
            written.append(path)
    return written


def _module(name: str) -> typing.Any:
    return importlib.import_module(f"{__name__}.{FORMATS[name].module}")
