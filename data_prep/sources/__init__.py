"""Metadata formats of camera-trap projects, each read into an event table by one module."""

import importlib

from camtrap_tf.artifacts import PathLike
from camtrap_tf.errors import InputError
from camtrap_tf.event_table import EventTable

# name: (module, function of one path, what the path is)
SOURCES = {
    "coco": ("coco", "read", "COCO Camera Traps JSON (LILA, Caltech, ENA24, ...): the file"),
    "dryad": (
        "dryad",
        "read_folder",
        "Snapshot Serengeti on Dryad: the folder of its CSV files",
    ),
}


def read(source: str, metadata: PathLike) -> EventTable:
    """Reads the metadata of a source by its name in `SOURCES`.

    Raises:
        InputError: unknown source, or metadata that break a rule of the format.
    """
    if source not in SOURCES:
        raise InputError(f"a source is one of {', '.join(SOURCES)}", source, "Pick one of them.")
    module, function, _ = SOURCES[source]
    return getattr(importlib.import_module(f"{__name__}.{module}"), function)(metadata)
