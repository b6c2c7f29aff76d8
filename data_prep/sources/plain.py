"""Labels in one's own form: a CSV file with a row per picture, or folders named by species."""

import concurrent.futures
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import PathLike, existing_file, existing_folder
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES
from camtrap_tf.events import grouping
from camtrap_tf.events.listing import shown
from camtrap_tf.events.table import Dropped, EventTable, occurs
from camtrap_tf.pictures import exif, files
from data_prep.sources import csv_files, folder_names
from data_prep.sources.csv_files import FIRST_ROW
from data_prep.sources.fields import animals, drops, mapped, species_or_empty, times
from data_prep.sources.folder_names import Layout

FIELDS = ("path", "species", "count", "event", "site", "season", "datetime", *ATTRIBUTES)
_REQUIRED = ("path", "species")
_THREADS = 16  # that read EXIF times; mostly they wait for the disk


def read_csv(path: PathLike, columns: str = "", on_unknown: str = "error") -> EventTable:
    """Reads a CSV file with a row per picture, or per picture and species.

    Pictures with the same `event` are one event, in the order of their time and path. Without
    that column those of a folder taken shortly after one another are; without times each is.
    'empty' and 'blank' say that a picture is empty; a picture without species has no label.
    Counts are numbers of animals or bins.

    Args:
        path: the file; fields are separated by comma, semicolon or tab, told by its first line.
        columns: which column is what, as 'path=File,species=Label'; a field that is not named
            is the column of its own name, where there is one. Fields: see `FIELDS`.
        on_unknown: 'drop' leaves out counts that are no numbers, and counts them.

    Raises:
        InputError: not such a file, a column that is not there, or a wrong value with its row.
    """
    path = existing_file(path, "a CSV file")
    delimiter = _delimiter(path)
    names = _columns(columns, csv_files.header(path, delimiter), path)
    required = {names.pop(field): field for field in _REQUIRED}
    optional = {column: field for field, column in names.items()}
    rows = csv_files.read(path, required, optional, newlines=True, delimiter=delimiter)
    rows = rows.reindex(columns=list(FIELDS)).astype("string")
    csv_files.filled(rows, ["path"], path)
    dropped = Dropped()
    rows["path"] = rows["path"].str.replace("\\", "/", regex=False)
    rows["species"] = mapped(rows["species"], species_or_empty).replace("", pd.NA)
    rows["count"] = animals(rows["count"], path.name, FIRST_ROW, drops(on_unknown, dropped))
    rows = rows.assign(datetime=times(rows["datetime"], dropped))
    for name in ATTRIBUTES:
        rows[name] = csv_files.numbers(rows[name], name, path, 1.0)
    repeated = rows.duplicated(["path", "species"])
    dropped.add("row that repeats a picture and its species", rows["path"][repeated])
    return _table(rows[~repeated], path.name, "annotation", dropped)


def read_folders(folder: PathLike, folders: str | None = None) -> EventTable:
    """Reads pictures sorted into folders: SPECIES/..., SPECIES/SITE/..., or SITE/SPECIES/...

    Pictures of one folder taken shortly after one another (EXIF) are an event. A folder whose
    name means empty (`core.emptiness`) holds empty pictures; a picture outside all folders has
    no label.

    Args:
        folder: holds the folders.
        folders: what they are named by: 'species', 'cameras/species', or 'cameras' (a picture
            then has a site and no label). None: species, if they do not look like cameras.

    Raises:
        InputError: no such folder, no picture in it, or folders that look like cameras where
            nothing is said.
    """
    folder = existing_folder(folder, "the metadata of source 'folders'")
    found = list(files.find(folder))
    paths = [path for path in found if files.is_text(path)]
    dropped = Dropped()
    dropped.add(
        "picture whose name is not valid UTF-8", map(shown, sorted(set(found) - set(paths)))
    )
    if not paths:
        raise InputError("the folder holds pictures", str(folder), "Check the path.")
    layout = _layout(paths, folders)
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        taken = list(pool.map(lambda path: exif.taken(folder / path), paths))
    rows = pd.DataFrame({"path": paths}).reindex(columns=list(FIELDS)).astype("string")
    rows["species"] = [_part(path, _SPECIES_AT.get(layout)) for path in paths]
    rows["species"] = mapped(rows["species"].astype("string"), species_or_empty)
    rows["site"] = pd.Series([_part(path, _SITE_AT[layout]) for path in paths], dtype="string")
    rows["datetime"] = pd.Series(taken, dtype="datetime64[us]")
    return _table(rows, folder.name, "annotation", dropped)


_SPECIES_AT = {Layout.SPECIES: 0, Layout.CAMERAS_THEN_SPECIES: 1}  # position in a path
_SITE_AT = {Layout.SPECIES: 1, Layout.CAMERAS_THEN_SPECIES: 0, Layout.CAMERAS: 0}


def _layout(paths: list[str], told: str | None) -> Layout:
    """What folders are named by, as it is said or as it looks."""
    accepted = [layout.value for layout in _SITE_AT]
    if told is not None and told not in accepted:
        raise InputError(f"folders are one of {', '.join(accepted)}", told, "Pick one of them.")
    if told is not None:
        return Layout(told)
    guess = folder_names.guess(paths)
    if guess.layout in (Layout.CAMERAS, Layout.CAMERAS_THEN_SPECIES):
        said = " ".join(guess.evidence).rstrip(".")
        raise InputError("folders are named by species", said, guess.question)
    return Layout.SPECIES


def _part(path: str, position: int | None) -> str | None:
    """The folder at a position of a path, None where it has none."""
    folders = path.split("/")[:-1]
    return folders[position] if position is not None and position < len(folders) else None


def _table(rows: pd.DataFrame, origin: str, source: str, dropped: Dropped) -> EventTable:
    """The event table of rows with the columns `FIELDS`, one per picture and species."""
    frames = rows.drop_duplicates("path").reset_index(drop=True)
    derived, _ = grouping.group(frames["path"], frames["datetime"])
    frames["event_id"] = frames["event"].fillna(pd.Series(derived.array, frames.index))
    event = pd.factorize(frames["event_id"])[0]
    by_path = frames["path"].argsort().argsort()
    frames = frames.iloc[np.lexsort((by_path, frames["datetime"], event))].reset_index(drop=True)
    first = np.searchsorted(np.sort(event), np.sort(event))
    frames["frame"] = pd.Series(np.arange(len(frames)) - first, dtype="Int32")
    facts = frames.drop_duplicates("event_id")[["event_id", "site", "season", "datetime"]]
    labels = rows[rows["species"].notna()][["path", "species", "count", *ATTRIBUTES]]
    labels = labels.merge(frames[["path", "event_id", "frame"]], on="path").drop(columns="path")
    labelled = occurs(facts["event_id"], labels["event_id"])
    facts = facts.assign(source=np.where(labelled, source, "none"))
    return EventTable(facts, frames[["event_id", "path"]], labels, origin, dropped)


def _delimiter(path: Path) -> str:
    """Comma, semicolon or tab: the one that the first line holds most of."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        line = file.readline()
    return max(",;\t", key=line.count)


def _columns(text: str, header: list[str], path: Path) -> dict[str, str]:
    """Field -> column of the file."""
    names = {field: field for field in FIELDS if field in header or field in _REQUIRED}
    for pair in filter(None, text.split(",")):
        field, equals, column = pair.partition("=")
        if not equals or field not in FIELDS:
            raise InputError(
                f"columns are given as FIELD=COLUMN, with a FIELD of {', '.join(FIELDS)}",
                pair,
                "Write --columns=path=File,species=Label, say.",
            )
        names[field] = column
    absent = [f"{field}={column}" for field, column in names.items() if column not in header]
    if absent:
        raise InputError(
            f"{path.name} has the columns that `columns` names",
            ",".join(absent),
            f"It has {', '.join(header)}; say with --columns which of them is what.",
        )
    return names
