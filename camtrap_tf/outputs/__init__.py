"""Foreign formats: one module each, pure functions on `Predictions`.

A further format is one module with `write_files` and a line in `FORMATS`.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.artifacts import PathLike, new_folder
from camtrap_tf.core.errors import InputError
from camtrap_tf.outputs import camtrap_dp, csv, folders, megadetector, parquet, speciesnet
from camtrap_tf.outputs.options import Options

log = logging.getLogger("camtrap")

# Each writes into a folder, atomically, and returns the files or folders it wrote.
FORMATS: dict[str, Callable[[Predictions, Path, Options], list[Path]]] = {
    "csv": csv.write_files,
    "parquet": parquet.write_files,
    "megadetector": megadetector.write_files,
    "camtrap_dp": camtrap_dp.write_files,
    "speciesnet": speciesnet.write_files,
    "folders": folders.write_files,
}
# Of formats that need more than predictions: raises InputError where it is missing.
CHECKS: dict[str, Callable[[Options, Path], None]] = {
    "camtrap_dp": camtrap_dp.check,
    "folders": folders.check,
}


def check(formats: Sequence[str], options: Options, folder: PathLike) -> None:
    """Raises InputError unless `write` has all it needs: to be asked before a long prediction."""
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"a format is one of {', '.join(FORMATS)}", name, "Pick from these.")
        if name in CHECKS:
            CHECKS[name](options, Path(folder))


def write(
    predictions: Predictions,
    folder: PathLike,
    formats: Sequence[str],
    options: Options | None = None,
) -> list[Path]:
    """Writes predictions of pictures in foreign formats.

    Args:
        predictions: one row per picture; people's answers already merged.
        folder: where to write; made where it is missing. Files of the same names are replaced.
        formats: keys of `FORMATS`.
        options: what some formats need; None is all defaults.

    Returns:
        The files and folders written.

    Raises:
        InputError: as `check`, or something that a format cannot say.
    """
    options = options or Options()
    check(formats, options, folder)
    folder = new_folder(folder)
    written = []
    for name in dict.fromkeys(formats):
        for path in FORMATS[name](predictions, folder, options):
            log.info("wrote %s", path)
            written.append(path)
    return written
