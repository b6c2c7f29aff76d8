"""Which pictures are to be answered: from folders, lists of files and event tables.

A listing comes in pieces of some ten thousand rows, so that a season needs no more memory than
a card. Columns (`COLUMNS`):

path      relative to the listing's root, with '/'
event_id, frame, site, season, datetime   as an event table gives them; missing elsewhere
bytes, modified   of the file when it was listed: size, and time of change (ns since 1970)

What lies in a folder and is no picture is handed to `skip` with a reason; so is a picture whose
name is not valid UTF-8, since no result file could name it.
"""

import dataclasses
import io
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from camtrap_tf.core import file_names, json_files
from camtrap_tf.core.artifacts import PathLike, absolute, as_path, existing_folder, is_remote
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.paths import on_disk
from camtrap_tf.events import (
    bursts,
    csv_columns,
    csv_dialect,
    csv_files,
    dates,
    detections,
    path_columns,
)
from camtrap_tf.events.ids import within
from camtrap_tf.events.table import EventTable, find
from camtrap_tf.pictures import files as pictures

COLUMNS = {
    "path": "string", "event_id": "string", "frame": "Int32", "site": "string",
    "season": "string", "datetime": "datetime64[us]", "bytes": "Int64", "modified": "Int64",
}  # fmt: skip
VIDEOS = frozenset(
    {".avi", ".mp4", ".mov", ".m4v", ".mkv", ".mpg", ".mpeg", ".wmv", ".mts", ".3gp", ".asf"}
)
PIECE = 20_000  # rows
_LOOK = 100_000  # bytes of a JSON file in which its keys are looked for
_PATH_NAMES = ("path", "file", "filepath", "filename", "file_name")

log = logging.getLogger("camtrap")

Skip = Callable[[str, str], None]  # of a path and a reason


@dataclasses.dataclass(frozen=True)
class Listing:
    """Sources of pictures, resolved once: what they are, and where their pictures lie.

    Args:
        root: folder that the pictures' paths are relative to.
        names: of the sources, in full, as a record of them has them.
        images: the folder that was given for paths to be relative to, in full.
        walk: yields the pictures as data frames with the columns `COLUMNS`; it tells `skip` what
            is no picture, and leaves out a folder, such as the one for results.
        shards: the folder of shards that the only source is; it has no pictures to walk through.
    """

    root: Path
    names: tuple[str, ...]
    images: str | None
    walk: "Walk"
    shards: Path | None = None


Walk = Callable[[Skip, PathLike | None], Iterable[pd.DataFrame]]


def resolve(sources: Sequence[PathLike | EventTable], images: PathLike | None = None) -> Listing:
    """Finds out what sources are: folders are not walked through yet, lists are read.

    Args:
        sources: folders (searched with their subfolders), picture files, lists of files (.txt
            with a path a line; .csv with a column `path`, or a folder and a file, and
            `event_id`, `site`, `season`, `datetime` where they are known; .json of MegaDetector
            or a plain list), `PictureList`s, event tables, or their .parquet files; or one
            folder of shards. A picture that several of them have is listed once.
        images: folder that the paths of lists and event tables, and of the result, are
            relative to. None: of a list or table its own folder; of the result the folder that
            holds all sources.

    Raises:
        InputError: a source that does not exist or cannot be read, or no sources.
    """
    if not sources:
        raise InputError("at least one source of pictures is given", [], "Give a folder.")
    named = [source.origin if isinstance(source, EventTable) else source for source in sources]
    names = tuple(shown(str(absolute(name))) for name in named)
    given = None if images is None else shown(str(absolute(images)))
    if len(sources) == 1 and _is_shards(sources[0]):
        folder = as_path(named[0])
        return Listing(as_path(images or folder), names, given, lambda *_: (), folder)
    opened = [_open(source, images) for source in sources]
    if len(opened) == 1 and images is None:
        return Listing(opened[0].root, names, given, opened[0].walk)
    root = as_path(images) if images is not None else _above([one.root for one in opened])
    below = [os.path.relpath(absolute(own), absolute(root)) for own in (o.root for o in opened)]

    def walk(skip: Skip, leave_out: PathLike | None) -> Iterable[pd.DataFrame]:
        pieces = (
            piece.assign(path=_within(piece["path"], folder))
            for folder, one in zip(below, opened, strict=True)
            for piece in one.walk(skip, leave_out)
        )
        return _once(pieces) if len(opened) > 1 else pieces

    return Listing(root, names, given, walk)


def in_folder(
    folder: PathLike, skip: Skip, leave_out: PathLike | None = None
) -> Iterator[pd.DataFrame]:
    """The pictures below a folder, folder by folder, as a camera writes them."""
    rows: list[tuple[str, int, int]] = []
    if is_remote(folder):
        yield from _in_store(as_path(folder), skip)
        return
    hidden = os.path.abspath(leave_out) if leave_out is not None else None
    for row in _walk(os.path.abspath(folder), "", skip, hidden):
        rows.append(row)
        if len(rows) == PIECE:
            yield _scanned(rows)
            rows = []
    if rows:
        yield _scanned(rows)


def of_table(table: EventTable, root: PathLike | None) -> Iterator[pd.DataFrame]:
    """The pictures of an event table, event by event, with what it tells of them.

    `bytes` and `modified` are missing where no root is given.
    """
    frames = _side_by_side(table.frames.drop_duplicates("path"))
    frames = frames.assign(frame=frames.groupby("event_id").cumcount())
    facts = table.events[["event_id", "site", "season", "datetime"]]
    for start in range(0, len(frames), PIECE):
        piece = frames.iloc[start : start + PIECE].merge(facts, on="event_id", how="left")
        yield _conform(piece if root is None else _with_status(piece, as_path(root)))


def of_paths(paths: pd.Series, root: PathLike, name: str) -> Listing:
    """Pictures whose paths are known.

    Args:
        paths: [n] string, relative to the root.
        root: folder that they are relative to.
        name: of where they are listed, for a record of the listing.

    Raises:
        InputError: no such folder.
    """
    folder = existing_folder(root, "the folder of the pictures")
    rows, full = pd.DataFrame({"path": paths}), shown(str(absolute(root)))
    return Listing(folder, (name,), full, lambda *_: _once(_of_paths(rows, folder)))


def with_events(pieces: Iterable[pd.DataFrame], table: EventTable) -> Iterator[pd.DataFrame]:
    """Pieces with the events that a table gives by path; others stay as they are.

    The pictures of an event stand side by side: all are in memory for that, as the table is.
    """
    known = pd.concat(of_table(table, None), ignore_index=True)
    told = ["event_id", "frame", "site", "season", "datetime"]
    listed = pd.concat([_conform(pd.DataFrame()), *pieces], ignore_index=True)
    place = find(path_columns.normal(listed["path"]), path_columns.normal(known["path"]))
    rows = known.iloc[place].reset_index(drop=True)
    for name in told:
        listed[name] = rows[name].where(place >= 0, listed[name])
    strangers = int((place < 0).sum())
    if strangers:
        log.info("%s pictures are not in the event table: grouped by time", f"{strangers:,}")
    yield from _pieces(_side_by_side(listed))


def is_megadetector(path: Path) -> bool:
    """Whether a JSON file is MegaDetector's: its first or last part names what it detects.

    So is a plain list of pictures, and a short file that has detections and no annotations.
    """
    if json_files.is_list(path):
        return True
    with path.open("rb") as file:
        size = path.stat().st_size
        head = file.read(_LOOK)
        file.seek(max(0, size - _LOOK))
        ends = (head + file.read()).decode(json_files.encoding(path), "replace")
    older = '"detections"' in ends and '"annotations"' not in ends and size <= _LOOK
    return older or '"detection_categories"' in ends


class _Opened(NamedTuple):
    """One source: the folder that its paths are relative to, and its pictures."""

    root: Path
    walk: Walk


def _is_shards(source: PathLike | EventTable) -> bool:
    return not isinstance(source, EventTable) and (as_path(source) / file_names.MANIFEST).is_file()


def _open(source: PathLike | EventTable, images: PathLike | None) -> _Opened:
    if isinstance(source, EventTable):
        if images is None:
            raise InputError(
                "`images` names the folder that an event table's paths are in", None, "Give it."
            )
        root = existing_folder(images, "the picture folder")
        return _Opened(root, lambda *_: of_table(source, root))
    path = as_path(source)
    if _is_shards(path):
        raise InputError(
            "a folder of shards is answered on its own", str(path), "Leave the other sources out."
        )
    if path.is_dir():
        return _Opened(path, lambda skip, leave_out: in_folder(path, skip, leave_out))
    if not path.is_file():
        way_out = "Check the path" if images is None else _MOVED
        raise InputError("a source of pictures exists", str(path), f"{way_out}.")
    return _open_file(source, path, images)


def _open_file(source: PathLike, path: Path, images: PathLike | None) -> _Opened:
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    root = path.parent if images is None else existing_folder(images, "the picture folder")
    if suffix == ".parquet":
        table = EventTable.read(path)
        return _Opened(root, lambda *_: of_table(table, root))
    if suffix in _LISTS:
        listed = source if isinstance(source, PictureList) else PictureList(path)
        return _of_list(_LISTS[suffix](listed), root, images is not None)
    if suffix in pictures.SUFFIXES:
        rows = pd.DataFrame({"path": [path.name]})
        return _Opened(path.parent, lambda *_: _of_paths(rows, path.parent))
    raise InputError(
        "a source is a folder, a picture, a list of files (.txt, .csv), an event table "
        "(.parquet) or metadata (.json)",
        str(path),
        "Give one of these.",
    )


def _above(roots: list[Path]) -> Path:
    """The folder that holds all of some folders."""
    if any(map(is_remote, roots)):
        raise InputError(
            "--images names the folder in a store that holds all sources",
            ", ".join(map(str, roots)),
            "Give it.",
        )
    return Path(os.path.commonpath(list(map(os.path.abspath, roots))))


def _in_store(folder: Path, skip: Skip) -> Iterator[pd.DataFrame]:
    """The pictures below a folder of a store, which lists all that is below it at once."""
    fs, root = folder.fs, folder.path.rstrip("/")  # type: ignore[attr-defined] of a UPath
    sizes = {name[len(root) + 1 :]: one["size"] for name, one in fs.find(root, detail=True).items()}
    named = pd.Series(list(sizes), dtype="string")
    reasons = [_no_picture_named(path) for path in named]
    for path, reason in zip(named, reasons, strict=True):
        if reason:
            skip(path, reason)
    wanted = pd.DataFrame({"path": named[[not reason for reason in reasons]]})
    for piece in _pieces(_as_written(wanted)) if len(wanted) else ():
        yield _conform(piece.assign(bytes=[sizes[path] for path in piece["path"]]))


def _no_picture_named(path: str) -> str:
    """Why what lies under a path in a store is not answered; '' for a picture."""
    *folders, name = path.split("/")
    if any(map(pictures.passed_over, folders)):
        return _IN_SYSTEM_FOLDER
    suffix = os.path.splitext(name)[1].lower()
    return _no_picture_by_name(name, suffix)


def _walk(root: str, below: str, skip: Skip, hidden: str | None) -> Iterator[tuple]:
    """Path, size and time of change of each picture; a folder's own come before its subfolders'."""
    waiting = [below]
    while waiting:
        below = waiting.pop()
        folders = []
        for entry in _entries(root, below, skip):
            path = f"{below}/{entry.name}" if below else entry.name
            if pictures.is_folder(entry, links=False):
                folders.append((entry, path))
            elif reason := _no_picture(entry):
                skip(shown(path), reason)
            else:
                size, modified = _status(entry.stat)
                yield path, size, modified
        waiting += reversed(list(_searched(folders, skip, hidden)))


def _searched(
    folders: list[tuple[os.DirEntry, str]], skip: Skip, hidden: str | None
) -> Iterator[str]:
    """Paths of the folders that are searched."""
    for entry, path in folders:
        if hidden is not None and os.path.abspath(entry.path) == hidden:
            continue
        if reason := pictures.passed_over(entry.name):
            skip(shown(path), reason)
        else:
            yield path


def _entries(root: str, below: str, skip: Skip) -> list[os.DirEntry]:
    try:
        with os.scandir(os.path.join(root, below)) as found:
            return _in_order(found)
    except OSError as error:
        skip(shown(below or "."), f"folder cannot be opened: {error.strerror}")
        return []


def _in_order(entries: Iterable[os.DirEntry]) -> list[os.DirEntry]:
    by_name = {entry.name: entry for entry in entries}
    return [by_name[name] for name in bursts.file_order(by_name)]


def _no_picture(entry: os.DirEntry) -> str:
    """Why a directory entry is not answered; '' for a picture."""
    suffix = os.path.splitext(entry.name)[1].lower()
    if suffix not in VIDEOS and pictures.is_folder(entry):
        return "link to a folder: not followed"
    return _no_picture_by_name(entry.name, suffix) or (
        "" if pictures.is_text(entry.path) else _NOT_TEXT
    )


def _no_picture_by_name(name: str, suffix: str) -> str:
    if suffix in VIDEOS:
        return "video"
    if name.startswith("."):
        return "hidden file"
    if suffix not in pictures.SUFFIXES:
        return f"not a picture: {shown(suffix)}" if suffix else "not a picture: no suffix"
    return ""


_MOVED = "Where the pictures have moved, give their new folder in its place, and as --images"
_IN_SYSTEM_FOLDER = "in a system folder: not answered"
_NOT_TEXT = "its name is not valid UTF-8: rename it (convmv renames whole folders)"


def shown(name: str) -> str:
    r"""A name from the file system as text that can be written; odd bytes as `\xNN`.

    >>> shown(os.fsdecode(b"b\xe4r.jpg"))
    'b\\xe4r.jpg'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _status(stat: Callable[[], os.stat_result]) -> tuple[int | None, int | None]:
    try:
        found = stat()
    except (OSError, ValueError):
        return None, None
    return found.st_size, found.st_mtime_ns


def _scanned(rows: list[tuple]) -> pd.DataFrame:
    return _conform(pd.DataFrame(rows, columns=["path", "bytes", "modified"]))


def _of_list(rows: pd.DataFrame, root: Path, told: bool) -> _Opened:
    rows["path"] = path_columns.normal(rows["path"])
    absolute = rows["path"].str.startswith("/") | rows["path"].str.match(r"[A-Za-z]:/")
    if absolute.all() and not told:
        root = _common(rows["path"])
    rows.loc[absolute, "path"] = [
        Path(os.path.relpath(one, root)).as_posix() for one in rows["path"][absolute]
    ]
    hidden = path_columns.in_system_folder(rows["path"])

    def walk(skip: Skip, leave_out: PathLike | None) -> Iterator[pd.DataFrame]:
        for path in rows["path"][hidden]:
            skip(path, _IN_SYSTEM_FOLDER)
        return _once(_of_paths(rows[~hidden], root))

    return _Opened(root, walk)


def _common(paths: pd.Series) -> Path:
    """The folder that holds all of some absolute paths."""
    try:
        return Path(os.path.commonpath([os.path.dirname(one) for one in paths]))
    except ValueError as error:
        raise InputError(
            "the paths of a list are absolute ones of one system",
            f"{paths.iloc[0]} and others ({error})",
            "Give the folder that they are relative to as --images, and paths below it.",
        ) from error


def _read_lines(listed: "PictureList") -> pd.DataFrame:
    path = Path(listed.path)
    with csv_dialect.open_text(path, csv_dialect.encoding(path, listed.encoding)) as file:
        text = file.read()
    # Of `find -print0` a name may hold line ends.
    lines = text.split("\0") if text.endswith("\0") else io.StringIO(text, newline="")
    found = [line.strip(" \t\r\n") for line in lines if line.strip()]
    if not found:
        raise InputError("a list of files has a path in each line", str(path), "Fill it.")
    return pd.DataFrame({"path": pd.Series(found, dtype="string")})


def _read_csv(listed: "PictureList") -> pd.DataFrame:
    path = Path(listed.path)
    header = csv_files.header(path, listed.encoding)
    rows = csv_files.read(
        path, {name: name for name in header if name}, newlines=True, encoding=listed.encoding
    ).astype("string")  # fmt: skip
    named = csv_columns.picture_columns(header, rows)
    if not named or rows[named.get("file") or named["path"]].isna().all():
        raise InputError(
            f"a list of files has a column {', '.join(_PATH_NAMES)}, or a folder and a file",
            ", ".join(header),
            "Rename the column that holds the paths.",
        )
    found = pd.DataFrame({"path": _paths(rows, named)})
    _check_folders(found["path"], rows, named, path)
    for fact, names in _FACTS.items():
        column = next((name for name in header if name.casefold() in names), None)
        if column is not None:
            found[fact] = rows[column]
    if {"event_id", "site"} <= set(found.columns):
        found["event_id"] = within(found["site"], found["event_id"])
    if "datetime" in found:
        times = dates.read(found["datetime"], listed.order)
        dates.check(times, found["datetime"], path.name)
        found["datetime"] = times.values
    return found[found["path"].notna()].copy()


def _check_folders(names: pd.Series, rows: pd.DataFrame, named: dict[str, str], path: Path) -> None:
    """Raises InputError where one name stands for pictures of several folders."""
    home = csv_columns.folder_column(list(rows.columns))
    if home is None or home in named.values():
        return
    several = rows[home].groupby(names).nunique() > 1
    if several.any():
        raise InputError(
            f"a picture of {path.name} lies in one folder",
            f"{several.index[several.argmax()]}, with several in column {home}",
            "Call the columns folder and file, or give whole paths.",
        )


def _paths(rows: pd.DataFrame, named: dict[str, str]) -> pd.Series:
    if "path" in named:
        return rows[named["path"]]
    return path_columns.joined(rows[named["folder"]], rows[named["file"]])


_FACTS = {
    "event_id": ("event_id", "event", "sequence_id", "seq_id"), "site": ("site",),
    "season": ("season",), "datetime": ("datetime",),
}  # fmt: skip


def _read_megadetector(listed: "PictureList") -> pd.DataFrame:
    """The pictures of MegaDetector's results, those too that it could not read."""
    path = Path(listed.path)
    try:
        parts = detections.images(path)
        files = [image["file"] for part in parts for image in part]
    except InputError as error:
        raise InputError(
            "a .json list is MegaDetector's results, with `images` and their `file`",
            str(path),
            f"{error.way_out} `camtrap predict` reads COCO Camera Traps files, too.",
        ) from error
    return pd.DataFrame({"path": pd.Series(files, dtype="string")})


_LISTS = {
    ".txt": _read_lines, ".csv": _read_csv, ".tsv": _read_csv, ".json": _read_megadetector,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class PictureList(os.PathLike):
    """A file that lists pictures, and what is known of how it is written.

    Args:
        path: the file.
        encoding: of a text or CSV file; None to find out.
        order: of day and month in its times; None to find out.
    """

    path: PathLike
    encoding: str | None = None
    order: dates.Order | None = None

    def __fspath__(self) -> str:
        return os.fspath(self.path)


def _of_paths(rows: pd.DataFrame, root: Path) -> Iterator[pd.DataFrame]:
    if "event_id" in rows:
        rows = _side_by_side(rows)
        rows = rows.assign(frame=rows.groupby("event_id").cumcount())
    else:
        rows = _as_written(rows)
    for piece in _pieces(rows):
        yield _conform(_with_status(piece, root))


def _pieces(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for start in range(0, len(rows), PIECE):
        yield rows.iloc[start : start + PIECE].reset_index(drop=True)


def _side_by_side(rows: pd.DataFrame) -> pd.DataFrame:
    """The pictures of an event one after another, where its first one was; others stay."""
    place = pd.Series(np.arange(len(rows)), rows.index)
    first = place.groupby(rows["event_id"]).transform("min").fillna(place)
    return rows.iloc[np.argsort(first.to_numpy(), kind="stable")]


def _as_written(rows: pd.DataFrame) -> pd.DataFrame:
    """The pictures of a camera one after another, in the order in which it wrote them."""
    place: dict[str, int] = {}
    for number, path in enumerate(rows["path"]):
        place.setdefault(path, number)
    cameras: dict[str, dict[str, list[str]]] = {}
    for path in place:
        folder, _, name = path.rpartition("/")
        cameras.setdefault(bursts.camera_folder(path), {}).setdefault(folder, []).append(name)
    order = [
        place[f"{folder}/{name}" if folder else name]
        for folders in cameras.values()
        for folder in sorted(folders)
        for name in bursts.file_order(folders[folder])
    ]
    return rows.iloc[order]


def _with_status(rows: pd.DataFrame, root: Path) -> pd.DataFrame:
    if is_remote(root):
        return rows
    files = [on_disk(root, path) for path in rows["path"]]
    found = [_status(file.stat) for file in files]
    spelled = [path if path.isascii() else file.relative_to(root).as_posix()
               for path, file in zip(rows["path"], files, strict=True)]  # fmt: skip
    rows = rows.assign(path=pd.Series(spelled, rows.index, "string"))
    return rows.assign(bytes=[one[0] for one in found], modified=[one[1] for one in found])


def _conform(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.reindex(columns=list(COLUMNS)).astype(COLUMNS).reset_index(drop=True)


def _within(paths: pd.Series, folder: str) -> pd.Series:
    prefix = "" if folder == "." else folder.replace(os.sep, "/") + "/"
    return prefix + paths


def _once(pieces: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Leaves out what came before."""
    seen: set[str] = set()
    for piece in pieces:
        new = ~piece["path"].duplicated().to_numpy() & ~np.isin(piece["path"], list(seen))
        seen.update(piece["path"])
        if new.any():
            yield piece[new]
