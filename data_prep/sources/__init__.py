"""Metadata formats of camera-trap projects, each read into an event table by one module.

Light to import, since flags name the sources.
"""

import dataclasses
import importlib
import typing
from pathlib import Path

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError

if typing.TYPE_CHECKING:
    from camtrap_tf.events.table import EventTable


@dataclasses.dataclass(frozen=True)
class Source:
    """A format of metadata.

    Args:
        module: of this package.
        function: of it that reads: of a path, a `Reading`, and the options of its own.
        options: names of these.
        help: what `--metadata` names.
        heads: its columns, fields or questions can answer further heads (`Reading.heads`).
    """

    module: str
    function: str
    options: tuple[str, ...]
    help: str
    heads: bool = False

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the options that not all sources have."""
        return (*self.options, _HEAD) if self.heads else self.options


_VOTES = ("even_median", "blank_rule")
_HEAD = "head"  # the option of all sources with `heads`
SOURCES = {
    "camtrap_dp": Source(
        "camtrap_dp", "read", (), "folder of a Camtrap DP package, or its datapackage.json",
        heads=True,
    ),
    "coco": Source("coco", "read", (), "COCO Camera Traps JSON file", heads=True),
    "csv": Source(
        "plain", "read_csv", ("columns",),
        "CSV file with a row per picture; --columns says which column is what",
        heads=True,
    ),
    "dryad": Source(
        "dryad", "read_folder", (),
        "folder with consensus_data.csv, all_images.csv and, if there, gold_standard_data.csv",
        heads=True,
    ),
    "dryad_raw": Source(
        "zooniverse", "read_dryad", _VOTES,
        "folder with raw_data_for_dryad.csv (all votes) and all_images.csv",
        heads=True,
    ),
    "folders": Source(
        "plain", "read_folders", ("folders",),
        "folder of folders named by species, SPECIES/picture.jpg or SPECIES/SITE/picture.jpg;\n"
        "with --folders=cameras/species SITE/SPECIES/picture.jpg",
    ),
    "lila": Source(
        "lila", "read", (),
        "folder with the pair ..._images.csv and ..._annotations.csv, or a JSON file",
        heads=True,
    ),
    "megadetector": Source(
        "megadetector", "read", ("threshold",),
        "JSON of MegaDetector: pictures are empty, or show an animal, person or vehicle",
    ),
    "speciesnet": Source(
        "speciesnet", "read", ("threshold",),
        "JSON of SpeciesNet's predictions: its answers as labels",
    ),
    "zooniverse": Source(
        "zooniverse", "read", (*_VOTES, "workflow", "choices"),
        "CSV export of raw classifications, of Panoptes or the former platform",
        heads=True,
    ),
}  # fmt: skip
COMMON = ("on_unknown", "empty_names", "dates", "encoding")  # what `Rules` are made of
OPTIONS = tuple(
    dict.fromkeys((*COMMON, *(name for source in SOURCES.values() for name in source.takes)))
)
HELP = "".join(
    f"{name:<13} {source.help}\n".replace("\n", f"\n{'':<14}").rstrip(" ")
    for name, source in SOURCES.items()
)


def read(source: str, metadata: PathLike, **options) -> "EventTable":
    """Reads the metadata of a source by its name in `SOURCES`.

    Args:
        source: the name.
        metadata: path of the file or folder.
        options: by name, `COMMON` ones and those of the source; what is None is left out.

    Raises:
        InputError: unknown source or option, or metadata that break a rule of the format.
    """
    from data_prep.sources.fields import Reading, Rules

    if source not in SOURCES:
        raise InputError(f"a source is one of {', '.join(SOURCES)}", source, "Pick one of them.")
    form = SOURCES[source]
    given = {name: value for name, value in options.items() if value is not None}
    for name in given.keys() - set(COMMON) - set(form.takes):
        taking = [other for other, one in SOURCES.items() if name in one.takes]
        where = f"belongs to {', '.join(taking)}" if taking else "is an option of no source"
        raise InputError(f"{name} {where}", source, f"Leave {name} out.")
    rules = {name: given.pop(name) for name in (*COMMON, _HEAD) if name in given}
    reading = Reading(Rules.parse(**rules))
    reader = getattr(importlib.import_module(f"{__name__}.{form.module}"), form.function)
    table = reading.without_system_folders(reader(metadata, reading, **given))
    reading.report()
    return table


def read_pictures(path: Path) -> "EventTable | None":
    """The events of metadata whose pictures can be answered; None for any other path.

    Args:
        path: a Camtrap DP package (its folder or datapackage.json) or a COCO Camera Traps file.
            What is wrong with their labels is of no concern, and left out.
    """
    from camtrap_tf.events.listing import is_megadetector

    if path.name == "datapackage.json" or (path / "datapackage.json").is_file():
        return read("camtrap_dp", path, on_unknown="drop")
    if path.suffix.lower() == ".json" and path.is_file() and not is_megadetector(path):
        return read("coco", path, on_unknown="drop")
    return None
