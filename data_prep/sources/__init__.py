"""Metadata formats of camera-trap projects, each read into an event table by one module."""

import importlib
from pathlib import Path

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.events.listing import is_megadetector
from camtrap_tf.events.table import EventTable
from data_prep.sources.fields import Reading, Rules

# name: (module, function of a path, a `Reading` and the options of its own)
SOURCES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "camtrap_dp": ("camtrap_dp", "read", ()),
    "coco": ("coco", "read", ()),
    "csv": ("plain", "read_csv", ("columns",)),
    "dryad": ("dryad", "read_folder", ()),
    "dryad_raw": ("zooniverse", "read_dryad", ("even_median", "blank_rule")),
    "folders": ("plain", "read_folders", ("folders",)),
    "lila": ("lila", "read", ()),
    "megadetector": ("megadetector", "read", ("threshold",)),
    "zooniverse": ("zooniverse", "read", ("even_median", "blank_rule", "workflow", "choices")),
}
COMMON = ("on_unknown", "empty_names", "dates", "encoding")  # what `Rules` are made of


def read(source: str, metadata: PathLike, **options) -> EventTable:
    """Reads the metadata of a source by its name in `SOURCES`.

    Args:
        source: the name.
        metadata: path of the file or folder.
        options: by name, `COMMON` ones and those of the source; what is None is left out.

    Raises:
        InputError: unknown source or option, or metadata that break a rule of the format.
    """
    if source not in SOURCES:
        raise InputError(f"a source is one of {', '.join(SOURCES)}", source, "Pick one of them.")
    module, function, accepted = SOURCES[source]
    given = {name: value for name, value in options.items() if value is not None}
    rules = {name: given.pop(name) for name in COMMON if name in given}
    for name in given.keys() - set(accepted):
        taking = [other for other, (*_, names) in SOURCES.items() if name in names]
        where = f"belongs to {', '.join(taking)}" if taking else "is an option of no source"
        raise InputError(f"{name} {where}", source, f"Leave {name} out.")
    reading = Reading(Rules.parse(**rules))
    reader = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    table = reader(metadata, reading, **given)
    reading.report()
    return table


def read_pictures(path: Path) -> EventTable | None:
    """The events of metadata whose pictures can be answered; None for any other path.

    Args:
        path: a Camtrap DP package (its folder or datapackage.json) or a COCO Camera Traps file.
            What is wrong with their labels is of no concern, and left out.
    """
    if path.name == "datapackage.json" or (path / "datapackage.json").is_file():
        return read("camtrap_dp", path, on_unknown="drop")
    if path.suffix.lower() == ".json" and path.is_file() and not is_megadetector(path):
        return read("coco", path, on_unknown="drop")
    return None
