"""Metadata formats of camera-trap projects, each read into an event table by one module."""

import importlib
from pathlib import Path

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.events.listing import is_megadetector
from camtrap_tf.events.table import EventTable

# name: (module, function of a path, options of the function)
SOURCES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "camtrap_dp": ("camtrap_dp", "read", ("on_unknown",)),
    "coco": ("coco", "read", ()),
    "csv": ("plain", "read_csv", ("on_unknown", "columns")),
    "dryad": ("dryad", "read_folder", ("on_unknown",)),
    "dryad_raw": ("zooniverse", "read_dryad", ("on_unknown", "even_median", "blank_rule")),
    "folders": ("plain", "read_folders", ("folders",)),
    "lila": ("lila", "read", ("on_unknown",)),
    "megadetector": ("megadetector", "read", ("threshold",)),
    "zooniverse": (
        "zooniverse", "read", ("on_unknown", "even_median", "blank_rule", "workflow"),
    ),
}  # fmt: skip


def read(source: str, metadata: PathLike, **options) -> EventTable:
    """Reads the metadata of a source by its name in `SOURCES`.

    Args:
        source: the name.
        metadata: path of the file or folder.
        options: of the source's function, by name; those that are None are left out.

    Raises:
        InputError: unknown source or option, or metadata that break a rule of the format.
    """
    if source not in SOURCES:
        raise InputError(f"a source is one of {', '.join(SOURCES)}", source, "Pick one of them.")
    module, function, accepted = SOURCES[source]
    given = {name: value for name, value in options.items() if value is not None}
    for name in given.keys() - set(accepted):
        taking = [other for other, (*_, names) in SOURCES.items() if name in names]
        where = f"belongs to {', '.join(taking)}" if taking else "is an option of no source"
        raise InputError(f"{name} {where}", source, f"Leave {name} out.")
    return getattr(importlib.import_module(f"{__name__}.{module}"), function)(metadata, **given)


def read_pictures(path: Path) -> EventTable | None:
    """The events of metadata whose pictures can be answered; None for any other path.

    Args:
        path: a Camtrap DP package (its folder or datapackage.json) or a COCO Camera Traps file.
    """
    if path.name == "datapackage.json" or (path / "datapackage.json").is_file():
        return read("camtrap_dp", path)
    if path.suffix.lower() == ".json" and path.is_file() and not is_megadetector(path):
        return read("coco", path)
    return None
