"""Labels in one's own form: a CSV file with a row per picture, or folders named by species."""

import concurrent.futures
import logging
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import PathLike, existing_file, existing_folder
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, EMPTY, count_bin, count_lower_bound
from camtrap_tf.events import csv_columns, csv_files, grouping, path_columns
from camtrap_tf.events.ids import within
from camtrap_tf.events.listing import shown
from camtrap_tf.events.table import EventTable, occurs
from camtrap_tf.pictures import exif, files
from data_prep.sources import folder_names
from data_prep.sources.fields import Reading, animals, column_of
from data_prep.sources.folder_names import Layout

FIELDS = (
    "path", "folder", "file", "species", "count", "event", "site", "season", "datetime",
    *ATTRIBUTES,
)  # fmt: skip
_FACTS = ("event", "site", "season", "datetime")  # of a picture, whatever is on it
_THREADS = 16  # that read EXIF times; mostly they wait for the disk
_NAMED = 6  # columns that are not read, of those that a line names

log = logging.getLogger("camtrap")


def read_csv(
    path: PathLike,
    reading: Reading | None = None,
    columns: str = "",
) -> EventTable:
    """Reads a CSV file with a row per picture, or per picture and species.

    Pictures with the same `event` are one event, in the order of their time and path; at each
    `site`, where several use the id. Without that column those of a folder taken shortly after
    one another are; without times, or with days alone, each is.
    Names such as 'empty' and 'nothing here' say that a picture is empty (`core.emptiness`); a
    picture without species has no label. Counts are numbers of animals or bins.

    Args:
        path: the file; its encoding and delimiter are told by its first bytes.
        reading: with on_unknown 'drop', counts that are no numbers, answers to further heads that
            are none of their classes, and labels of a picture whose rows contradict one another,
            are left out and counted.
        columns: which column is what, as 'path=File,species=Label', or with a picture's folder
            and file in two columns 'folder=RelativePath,file=File,...'; 'datetime=Date+Time' are
            two columns, too. A field that is not named is the column of its own name, or that
            of a known tool's table (`csv_columns.KNOWN`). Fields: see `FIELDS`, and the
            further heads.

    Raises:
        InputError: not such a file, a column that is not there, a wrong value with its row, or
            rows that contradict one another.
    """
    path, reading = existing_file(path, "a CSV file"), reading or Reading()
    how = csv_files.written(path, reading.rules.encoding)
    header = list(how.header)
    names, adds = _columns(columns, header, path, reading.heads)
    asked = {name: column_of(name) for name in reading.heads}
    names = {asked.get(field, field): found for field, found in names.items()}
    shown = {field: "+".join(one) for field, one in names.items()}
    shown_names = ", ".join(f if f == one else f"{f} is {one}" for f, one in shown.items())
    home = csv_columns.folder_column(header)
    log.info("%s: %s; %s%s", path.name, how, shown_names, _unused(header, names, home))
    rows = _fields(path, names, home, reading, (*FIELDS, *asked.values()))
    rows["path"] = _paths(rows, path)
    rows["event"] = within(rows["site"], rows["event"])
    rows["species"] = reading.named(rows["species"])
    number, first = pd.to_numeric(rows["count"], errors="coerce"), csv_files.first_row(path)
    rows["count"] = animals(rows["count"], path.name, first, reading.unknown)
    rows["datetime"] = reading.times(rows["datetime"], path.name)
    for name in ATTRIBUTES:
        rows[name] = csv_files.numbers(rows[name], name, path, 1.0)
    rows = reading.answered(rows, path, first)
    if adds:
        rows["count"] = _added(rows, number)
    repeated = rows.duplicated()
    if not adds:
        reading.dropped.add("row that repeats another", rows["path"][repeated])
    rows = _agreeing(rows[~repeated], first, path.name, reading)
    return _table(rows, path.name, "annotation", reading)


def _unused(header: list[str], names: dict[str, list[str]], home: str | None) -> str:
    """Says which columns are not read: one that should be can be named then."""
    used = {column for several in names.values() for column in several} | {home}
    rest = [column for column in header if column and column not in used]
    more = f" and {len(rest) - _NAMED} more" if len(rest) > _NAMED else ""
    return f"; not used: {', '.join(rest[:_NAMED])}{more}" if rest else ""


def _fields(
    path: Path,
    names: dict[str, list[str]],
    home: str | None,
    reading: Reading,
    fields: Sequence[str],
) -> pd.DataFrame:
    """[rows] the columns `fields` as text, and `home`: a folder that no field names."""
    used = {column: column for several in names.values() for column in several}
    more = {home: home} if home and home not in used else {}
    rows = csv_files.read(
        path, used, more, newlines=True, encoding=reading.rules.encoding
    ).astype("string")  # fmt: skip
    found = {field: _joined(rows, columns) for field, columns in names.items()}
    table = pd.DataFrame(found, index=rows.index).reindex(columns=list(fields)).astype("string")
    return table.assign(home=rows[home] if more else pd.NA)


def _joined(rows: pd.DataFrame, columns: list[str]) -> pd.Series:
    """The text of a column, or of two together, such as a day and a time of day."""
    text = rows[columns[0]]
    for column in columns[1:]:
        other = rows[column]
        whole = [
            isinstance(one, str) and isinstance(more, str) and more.startswith(f"{one} ")
            for one, more in zip(text, other, strict=True)
        ]  # as 'Ursus americanus' beside the genus
        both = (text + " " + other).mask(np.array(whole, bool), other)
        text = text.where(other.isna(), both.fillna(other))
    return text


def _paths(rows: pd.DataFrame, path: Path) -> pd.Series:
    """[rows] where each picture lies, from its path, or from its folder and file."""
    name = "file" if rows["file"].notna().any() else "path"
    csv_files.filled(rows, [name], path)
    return path_columns.joined(rows["folder"], rows[name])


def _added(rows: pd.DataFrame, number: pd.Series) -> pd.Series:
    """[rows] the bin of all animals of a picture's species: one for a row without number."""
    least = rows["count"].map(count_lower_bound, na_action="ignore").astype(float)
    total = number.fillna(least).fillna(1).groupby([rows["path"], rows["species"]], dropna=False)
    bins = total.transform("sum").map(lambda animals: count_bin(int(max(animals, 1))))
    return bins.astype("string").where((rows["species"] != EMPTY).fillna(False))


def _agreeing(rows: pd.DataFrame, first: int, where: str, reading: Reading) -> pd.DataFrame:
    """The rows, if those of one picture can all be true; else its labels are left out.

    Rows contradict one another where they tell two events, sites or times of a picture, call it
    empty and name a species, or tell of a species twice and not alike.
    """
    wrong = _contradictions(rows)
    bad = np.logical_or.reduce([*wrong.values()])
    if not bad.any():
        return rows
    if reading.unknown is None:
        raise _contradiction(rows, wrong, bad, first, where)
    pictures = rows["path"][bad].drop_duplicates()
    reading.dropped.add("picture whose rows contradict one another", pictures)
    return rows.assign(species=rows["species"].mask(occurs(rows["path"], pictures)))


def _contradictions(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """[rows] bool by what is wrong: the rows of the pictures concerned."""
    by_path = rows.groupby("path", sort=False)
    wrong = {what: by_path[name].transform("nunique") > 1 for name, what in _TWO.items()}
    empty = (rows["species"] == EMPTY).fillna(False).astype(bool)
    named = rows["species"].notna()
    both = [one.groupby(rows["path"]).transform("any") for one in (empty, named & ~empty)]
    wrong["empty, and a species"] = both[0] & both[1]
    wrong["a species twice, not alike"] = named & rows.duplicated(["path", "species"], keep=False)
    return {what: one.to_numpy(bool) for what, one in wrong.items()}


_TWO = {
    "home": "two folders", "event": "two events", "site": "two sites", "season": "two seasons",
    "datetime": "two times",
}  # fmt: skip


def _contradiction(
    rows: pd.DataFrame, wrong: dict[str, np.ndarray], bad: np.ndarray, first: int, where: str
) -> InputError:
    row = int(bad.argmax())
    path, number = rows["path"].iloc[row], rows["path"][bad].nunique()
    why = next(what for what, one in wrong.items() if one[row])
    numbers = [str(index + first) for index in rows.index[rows["path"] == path]][:4]
    return InputError(
        f"the rows of a picture in {where} agree",
        f"{path}: {why} (rows {', '.join(numbers)}; {number:,} such pictures)",
        "If another column has the picture's folder, say so with --columns=folder=COLUMN,"
        "file=COLUMN. Else correct the rows, or leave such pictures without label with "
        "--on_unknown=drop.",
    )


def read_folders(
    folder: PathLike, reading: Reading | None = None, folders: str | None = None
) -> EventTable:
    """Reads pictures sorted into folders: SPECIES/..., SPECIES/SITE/..., or SITE/SPECIES/...

    Pictures of one camera taken shortly after one another are an event (`bursts`). A folder whose
    name means empty (`core.emptiness`) holds empty pictures; a picture outside all folders has
    no label.

    Args:
        folder: holds the folders.
        reading: its rules.
        folders: what they are named by: 'species', 'cameras/species', or 'cameras' (a picture
            then has a site and no label). None: species, if they do not look like cameras.

    Raises:
        InputError: no such folder, no picture in it, or folders that look like cameras where
            nothing is said.
    """
    folder = existing_folder(folder, "the metadata of source 'folders'")
    reading = reading or Reading()
    passed_over: list[str] = []
    found = list(files.find(folder, lambda path, _: passed_over.append(path)))
    reading.dropped.add("folder of the system, or hidden", map(shown, passed_over))
    named = [path for path in found if files.is_text(path)]
    odd = sorted(set(found) - set(named))
    reading.dropped.add("picture whose name is not valid UTF-8", map(shown, odd))
    if not named:
        raise InputError("the folder holds pictures", str(folder), "Check the path.")
    layout = _layout(named, folders)
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        read = list(pool.map(lambda path: exif.read(folder / path), named))
    rows = pd.DataFrame({"path": named}).reindex(columns=list(FIELDS)).astype("string")
    species = pd.Series([_part(path, _SPECIES_AT.get(layout)) for path in named], dtype="string")
    rows["species"] = reading.named(species)
    rows["site"] = pd.Series([_part(path, _SITE_AT[layout]) for path in named], dtype="string")
    rows["datetime"] = pd.Series([one.taken for one in read], dtype="datetime64[us]")
    headers = grouping.headers(read).set_index(rows["path"])
    return _table(rows, folder.name, "annotation", reading, headers)


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
    if position is None or position >= len(folders):
        return None
    return unicodedata.normalize("NFC", folders[position])


def _table(
    rows: pd.DataFrame,
    origin: str,
    source: str,
    reading: Reading,
    headers: pd.DataFrame | None = None,
) -> EventTable:
    """The event table of rows with the columns `FIELDS` and those of further heads.

    Args:
        rows: one per picture and species.
        origin, source: of the table and its labels.
        reading: the rules, and what was dropped.
        headers: `grouping.FACTS` by path, as far as they are known.
    """
    facts = rows.groupby("path", sort=False)[list(_FACTS)].first()  # of the rows that tell them
    frames = facts.reset_index()
    known = None if headers is None else headers.reindex(frames["path"])
    times = frames["datetime"]
    if _are_days(times):
        times = times.mask(times.notna())
    derived, place = grouping.group(frames["path"], times, facts=known, sites=frames["site"])
    frames["event_id"] = frames["event"].fillna(pd.Series(derived.array, frames.index))
    given, event = frames["event"].notna(), pd.factorize(frames["event_id"])[0]
    place = np.where(given, frames["path"].argsort().argsort(), place.to_numpy(int))
    frames = frames.iloc[np.lexsort((place, frames["datetime"].where(given), event))]
    frames, event = frames.reset_index(drop=True), np.sort(event)
    first = np.searchsorted(event, event)
    frames["frame"] = pd.Series(np.arange(len(frames)) - first, dtype="Int32")
    facts = frames.drop_duplicates("event_id")[["event_id", "site", "season", "datetime"]]
    own = {column_of(name): name for name in reading.heads}
    labels = rows[rows["species"].notna()][["path", "species", "count", *ATTRIBUTES, *own]]
    labels = labels.rename(columns=own)
    labels = labels.merge(frames[["path", "event_id", "frame"]], on="path").drop(columns="path")
    labelled = occurs(facts["event_id"], labels["event_id"])
    facts = facts.assign(source=np.where(labelled, source, "none"))
    frames = frames[["event_id", "path"]]
    return EventTable(facts, frames, labels, origin, reading.dropped, reading.heads)


def _are_days(times: pd.Series) -> bool:
    """Whether none of the times has a time of day, so that they tell no events apart."""
    known = times.dropna()
    return bool(len(known)) and bool((known == known.dt.normalize()).all())


def _columns(
    text: str, header: list[str], path: Path, further: Iterable[str]
) -> tuple[dict[str, list[str]], bool]:
    """Field -> columns of the file, and whether rows of one species are to be added up.

    Columns of `further` fields have to be there.
    """
    fields = (*FIELDS, *further)
    told = dict(_pair(one, fields) for one in filter(None, text.split(",")))
    known = csv_columns.known(header)
    own = {field: field for field in FIELDS if csv_files.position(field, header) >= 0}
    if not known and (both := csv_columns.name_of_two(header)):
        own["species"] = both
    names = _with_key({**(known.columns if known else own)}, told)
    for field in ("species", *further):
        names.setdefault(field, field)
    found = {field: _parts(column, header) for field, column in names.items()}
    absent = [f"{field}={names[field]}" for field, columns in found.items() if not columns]
    if absent:
        raise InputError(
            f"{path.name} has the columns that `columns` names",
            ",".join(absent),
            f"It has {', '.join(header)}; say with --columns which of them is what.",
        )
    return found, bool(known and known.adds)


def _with_key(names: dict[str, str], told: dict[str, str]) -> dict[str, str]:
    """Columns that are found and told, of which either `path` or `file` names a picture.

    A folder that nobody told of belongs to a file; a path has its folder already.
    """
    if "path" in told or ("path" in names and "file" not in told):
        names.pop("file", None)
    if "file" in told:
        names.pop("path", None)
    if "file" not in names | told:
        names.pop("folder", None)
    names |= told
    return names if "file" in names else {"path": "path", **names}


def _parts(column: str, header: list[str]) -> list[str]:
    """The column as the header spells it, the two of 'DATE+TIME'; empty if one is not there."""
    for names in ([column], column.split("+")):
        places = [csv_files.position(name.strip(), header) for name in names]
        if min(places) >= 0:
            return [header[place] for place in places]
    return []


def _pair(text: str, fields: Sequence[str]) -> tuple[str, str]:
    field, equals, column = text.partition("=")
    if not equals or field.strip() not in fields:
        raise InputError(
            f"columns are given as FIELD=COLUMN, with a FIELD of {', '.join(fields)}",
            text,
            "Write --columns=path=File,species=Label, for example.",
        )
    return field.strip(), column.strip()
