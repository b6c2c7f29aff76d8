"""Camtrap DP packages (version 1): datapackage.json with deployments, media, observations.

Observations of media label frames, observations of events label whole events. What an animal
does, its age and sex are free or finer than the attributes here; they are read as further heads:
`sex` and `lifeStage` from their columns, another from a column of its name, or from
`observationTags`, such as 'collar:yes'.

An event has its id in its deployment only, and need not have one: then deployment, begin and end
say which event an observation is about. A picture belongs to every event whose observations name
it, and to every event of its deployment in whose time it was taken; but where observations name
the pictures of an event, it takes none by its time that observations of others name.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, count_bin
from camtrap_tf.events import csv_dialect, csv_files, path_columns
from camtrap_tf.events.ids import within
from camtrap_tf.events.table import EventTable, find, occurs
from data_prep.sources import spans
from data_prep.sources.fields import Reading, column_of, known

PACKAGE = "datapackage.json"
MISSING = ("", "NA", "NaN", "nan")  # what version 1.0.2 counts as missing
_TYPES = ("animal", "human", "vehicle", "blank", "unknown", "unclassified")
_NAMED = {"blank": EMPTY, "human": "human", "vehicle": "vehicle"}
_TABLES = {
    "deployments": (["deploymentID"], ["locationID", "locationName"]),
    "media": (["mediaID", "deploymentID", "timestamp", "filePath"], ["fileName", "fileMediatype"]),
    "observations": (
        ["observationID", "deploymentID", "eventStart", "eventEnd", "observationType"],
        [
            "mediaID",
            "eventID",
            "observationLevel",
            "scientificName",
            "count",
            "observationTags",
        ],
    ),
}
_FILLED = {
    "deployments": ["deploymentID"], "media": ["mediaID", "deploymentID", "filePath"],
    "observations": ["observationID", "deploymentID", "observationType"],
}  # fmt: skip


def read(path: PathLike, reading: Reading | None = None) -> EventTable:
    """Reads a package, given as its folder or its datapackage.json.

    A picture that belongs to no event is one of its own; one that belongs to several is a frame
    of each. An event has its eventID, with its deployment before it where several deployments
    use the id, else 'DEPLOYMENT/BEGIN/END' in UTC. The site is the location of the deployment,
    or the deployment where it has none. A picture behind a URL is expected in the picture folder
    as deploymentID/fileName, or deploymentID/mediaID where its deployment has the name twice.
    Rows of one species are added up; where they answer a further head differently, it is not
    answered.

    Args:
        path: the folder or file.
        reading: with on_unknown 'drop', observations of an unknown type, counts that are no
            numbers, other answers to further heads and pictures of unknown deployments are left
            out and counted.

    Raises:
        InputError: not such a package, or a row that breaks a rule.
    """
    reading = reading or Reading()
    tables = _read_tables(path, reading)
    media = _media(tables["media"], tables["deployments"], reading)
    rows = _observations(tables["observations"], reading)
    rows["event"] = _event_ids(rows)
    frames = _frames(media, rows)
    events = _events(frames, tables["deployments"], reading)
    labels = _labels(rows, frames, reading)
    labelled = occurs(events["event_id"], labels["event_id"])
    events["source"] = np.where(labelled, "annotation", "none")
    frames = frames[["event", "path", "mediaID"]]
    frames = frames.rename(columns={"event": "event_id", "mediaID": "image_id"})
    origin = f"Camtrap DP package {Path(path).name}"
    return EventTable(events, frames, labels, origin, reading.dropped, reading.heads)


def _read_tables(path: PathLike, reading: Reading) -> dict[str, pd.DataFrame]:
    """The three tables of a package by name."""
    path = Path(path) / PACKAGE if Path(path).is_dir() else Path(path)
    path = existing_file(path, "a Camtrap DP package")
    try:
        resources = {one["name"]: one for one in json.loads(path.read_bytes())["resources"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{PACKAGE} is JSON with `resources`", str(path), f"Export it again: {error}."
        ) from error
    return {
        name: _read_table(path.parent, name, resources.get(name, {}), reading)
        for name in _TABLES
    }  # fmt: skip


def _read_table(
    folder: Path, name: str, resource: dict[str, Any], reading: Reading
) -> pd.DataFrame:
    """A table, which may lie in several files, one after another."""
    told = resource.get("path")
    files = [told] if isinstance(told, str) else told
    if not (isinstance(files, list) and files and all(isinstance(one, str) for one in files)):
        raise InputError(
            f"a Camtrap DP package has the resource {name} in a file, or a list of files", told,
            f"Check {folder / PACKAGE}.",
        )  # fmt: skip
    columns, more = ({column: column for column in part} for part in _TABLES[name])
    if name == "observations":
        more |= {head: column_of(head) for head in reading.heads}
    encoding = reading.rules.encoding or resource.get("encoding")
    paths, missing = [_packed(folder / file) for file in files], _missing(folder, resource)
    with _one_file(paths, encoding) as (path, encoding):
        table = csv_files.read(
            path, columns, more, newlines=True, encoding=encoding, missing=missing
        )
        csv_files.filled(table, _FILLED[name], path)
    table.attrs["path"] = str(paths[0])
    return table


@contextlib.contextmanager
def _one_file(paths: list[Path], encoding: str | None) -> Iterator[tuple[Path, str | None]]:
    """The file, or a passing one of what several hold; and its encoding.

    Only the first file needs a header; where others repeat it, it is no row.
    """
    if len(paths) == 1:
        yield paths[0], encoding
        return
    names = [csv_dialect.encoding(existing_file(path, "a table"), encoding) for path in paths]
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / paths[0].name.removesuffix(".gz")
        with whole.open("w", encoding="utf-8", newline="") as target:
            header = ""
            for path, name in zip(paths, names, strict=True):
                with csv_dialect.open_text(path, name) as lines:
                    first = next(lines, "")
                    rest = lines if header and first.strip() == header else chain([first], lines)
                    header = header or first.strip()
                    target.writelines(line.rstrip("\r\n") + "\n" for line in rest)
        yield whole, "utf-8"


def _packed(path: Path) -> Path:
    """The file, or where it is not there that with .gz behind its name."""
    packed = path.with_name(path.name + ".gz")
    return packed if packed.is_file() and not path.is_file() else path


def _missing(folder: Path, resource: dict[str, Any]) -> set[str]:
    """What stands for a missing value: as the schema says, and as version 1.0.2 does."""
    schema = resource.get("schema")
    if isinstance(schema, str) and "://" not in schema and (folder / schema).is_file():
        schema = _schema(folder / schema)
    told = [one.get("missingValues") or [] for one in (schema, resource) if isinstance(one, dict)]
    lists = all(isinstance(one, list) for one in told)
    every = chain(*told) if lists else ()
    values = [one.get("value", "") if isinstance(one, dict) else one for one in every]
    if not lists or not all(isinstance(one, str) for one in values):
        raise InputError(
            "`missingValues` is a list of texts",
            told,
            f"Correct {folder / PACKAGE}, or leave it out.",
        )
    return {*MISSING, *values}


def _schema(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(
            "the schema of a table is JSON", str(path), f"Mend it: {error}."
        ) from error


def _media(media: pd.DataFrame, deployments: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """The pictures, with `path` in the picture folder."""
    other = ~media["fileMediatype"].fillna("image/").str.startswith("image/").to_numpy(bool)
    reading.dropped.add("media that is no picture", media["filePath"][other])
    media = media[~other]
    same = media.duplicated()
    reading.dropped.add("media row listed twice", media["mediaID"][same])
    media = media[~same]
    media = media[~_strays(media, deployments, reading)].reset_index(drop=True)
    if media["mediaID"].duplicated().any():
        twice = media["mediaID"][media["mediaID"].duplicated()].iloc[0]
        raise InputError("a mediaID occurs once", twice, "Drop the second row of media.")
    media["path"] = _paths(media)
    again = reading.named_before(media["path"], media["mediaID"])
    return media[~again].reset_index(drop=True)


def _strays(media: pd.DataFrame, deployments: pd.DataFrame, reading: Reading) -> np.ndarray:
    """[media] bool: pictures of a deployment that is not listed."""
    stray = ~occurs(media["deploymentID"], deployments["deploymentID"])
    if stray.any() and reading.unknown is None:
        raise InputError(
            "the deploymentID of a media row is that of a deployment",
            media["deploymentID"][stray].iloc[0],
            "Add it to the deployments, or leave its pictures out with --on_unknown=drop.",
        )
    reading.dropped.add("picture of a deployment that is not listed", media["mediaID"][stray])
    return stray


def _paths(media: pd.DataFrame) -> pd.Series:
    """[media] where each picture lies."""
    url = media["filePath"].str.contains("://", regex=False)
    named = media["deploymentID"] + "/" + media["fileName"].fillna(media["mediaID"])
    suffix = media["fileName"].str.extract(r"(\.[^./]+)$", expand=False).fillna("")
    unique = media["deploymentID"] + "/" + media["mediaID"] + suffix
    named = named.mask(named.where(url).duplicated(keep=False), unique)
    return path_columns.normal(media["filePath"].mask(url, named))


def _observations(rows: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """The observations, each once, with `species, number, start, end` and `whole`."""
    file = Path(rows.attrs["path"])
    rows["observationType"] = known(
        rows["observationType"].str.lower(), _TYPES, "observationType", "observations",
        csv_files.first_row(file), reading.unknown,
    )  # fmt: skip
    rows["number"] = _numbers(rows["count"], file, reading)
    rows = _answered(rows, file, reading)
    rows = _once(rows, reading)
    rows["start"], rows["end"] = (
        spans.milliseconds(rows[name]) for name in ("eventStart", "eventEnd")
    )
    rows["end"] = rows["end"].fillna(rows["start"])
    rows["whole"] = rows["mediaID"].isna() | (rows["observationLevel"] == "event").fillna(False)
    species = rows["scientificName"].where(rows["observationType"] == "animal")
    rows["species"] = reading.named(species).fillna(rows["observationType"].map(_NAMED))
    return rows


def _answered(rows: pd.DataFrame, file: Path, reading: Reading) -> pd.DataFrame:
    """The rows with their answers to further heads, from columns and tags."""
    tags = rows.pop("observationTags")
    for name in reading.heads:
        tagged = tags.str.extract(rf"(?:^|\|)\s*{name}\s*:\s*([^|]*)", expand=False)
        rows[column_of(name)] = rows[column_of(name)].fillna(tagged)
        if rows[column_of(name)].isna().all():
            raise InputError(
                "a further head is a column or a tag of the observations", name,
                f"{file.name} answers none of that name; spell it as the file does, or leave the "
                "head out.",
            )  # fmt: skip
    return reading.answered(rows, file, csv_files.first_row(file))


def _once(rows: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """The rows without those that repeat another."""
    same = rows.duplicated()
    reading.dropped.add("observation listed twice", rows["observationID"][same])
    rows = rows[~same]
    twice = rows["observationID"].duplicated()
    if twice.any():
        raise InputError(
            "an observationID occurs once", rows["observationID"][twice].iloc[0],
            "Give the second observation an id of its own.",
        )  # fmt: skip
    return rows.reset_index(drop=True)


def _numbers(texts: pd.Series, file: Path, reading: Reading) -> pd.Series:
    """Numbers of animals; what is none is an error, or missing and counted."""
    found = pd.to_numeric(texts, errors="coerce").astype("Float64")
    wrong = texts.notna() & ~(found >= 0).fillna(False)
    if wrong.any() and reading.unknown is None:
        csv_files.numbers(texts, "count", file)
    reading.dropped.add("observations: unknown count", texts[wrong])
    return found.mask(wrong)


def _event_ids(rows: pd.DataFrame) -> pd.Series:
    """[rows] id of the event that each observation is about; missing where it tells none."""
    named = rows["eventID"].notna()
    ids = within(rows["deploymentID"], rows["eventID"])
    timed = ~named & rows["start"].notna() & (rows["whole"] | (rows["end"] > rows["start"]))
    return ids.mask(timed.fillna(False).astype(bool), _interval(rows))


def _interval(rows: pd.DataFrame) -> pd.Series:
    """[rows] deployment, begin and, where it is another time, end of an event, in UTC."""
    begin, end = (
        pd.to_datetime(rows[name].astype("Float64"), unit="ms").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        for name in ("start", "end")
    )
    times = begin.where(begin == end, begin + "/" + end)
    return rows["deploymentID"] + "/" + times.astype("string")


def _frames(media: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """One row per event and picture of it, in order: media's columns, `event` and `frame`."""
    pairs = _pairs(media, rows)
    alone = media[["mediaID"]][~occurs(media["mediaID"], pairs["mediaID"])]
    taken = occurs(alone["mediaID"], rows["event"])
    ids = alone["mediaID"].mask(taken, "media/" + alone["mediaID"])
    pairs = pd.concat([pairs, alone.assign(event=ids)], ignore_index=True)
    place = find(pairs["mediaID"], media["mediaID"])
    frames = media.iloc[place].assign(event=pairs["event"].array)
    frames = frames.iloc[np.argsort(place, kind="stable")]
    taken = spans.milliseconds(frames["timestamp"]).to_numpy(float, na_value=np.inf)
    by_path = frames["path"].argsort().argsort()
    order = np.lexsort((by_path, taken, pd.factorize(frames["event"])[0]))
    frames = frames.iloc[order].reset_index(drop=True)
    return frames.assign(frame=frames.groupby("event", sort=False).cumcount())


def _pairs(media: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """`event, mediaID`: pictures that observations name, and those within an event's time."""
    told = rows[rows["event"].notna()]
    named = told[occurs(told["mediaID"], media["mediaID"])][["event", "mediaID"]]
    whole = told[told["whole"]]
    others = told[~occurs(told["event"], whole["event"])]
    timed = pd.concat([whole, others]).groupby("event", sort=False)
    events = timed.agg(place=("deploymentID", "first"), start=("start", "min"), end=("end", "max"))
    shots = pd.DataFrame({
        "shot": media["mediaID"], "place": media["deploymentID"],
        "taken": spans.milliseconds(media["timestamp"]),
    })  # fmt: skip
    held = spans.within(events.reset_index(), shots).rename(columns={"shot": "mediaID"})
    both = occurs(held["event"], named["event"]) & occurs(held["mediaID"], named["mediaID"])
    held = held[~both]  # who names pictures need not guess: the names hold
    return pd.concat([named, held]).astype("string").drop_duplicates(ignore_index=True)


def _events(frames: pd.DataFrame, deployments: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """`event_id, site, datetime`, from the first picture of each event."""
    first = frames.drop_duplicates("event")
    site = deployments["locationID"].fillna(deployments["locationName"])
    site = site.fillna(deployments["deploymentID"])
    place = find(first["deploymentID"], deployments["deploymentID"])
    return pd.DataFrame({
        "event_id": first["event"], "site": site.array.take(place),
        "datetime": reading.times(first["timestamp"], "media"),
    })  # fmt: skip


def _labels(rows: pd.DataFrame, frames: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Label rows: of frames, and of whole events."""
    nameless = rows["species"].isna()
    reading.dropped.add("observation that names no species", rows["observationID"][nameless])
    rows = rows[~nameless]
    keys = ["observationID", "species", "number", *map(column_of, reading.heads)]
    whole = rows[rows["whole"] & occurs(rows["event"], frames["event"])]
    whole = whole[["event", *keys]].assign(frame=pd.NA)
    single = rows[~rows["whole"] | (rows["event"].isna() & rows["mediaID"].notna())]
    named = single[single["event"].notna()].merge(
        frames[["event", "mediaID", "frame"]], on=["event", "mediaID"]
    )
    loose = single[single["event"].isna()].drop(columns="event")
    loose = loose.merge(frames[["event", "mediaID", "frame"]], on="mediaID")
    parts = [whole, *(part[["event", *keys, "frame"]] for part in (named, loose))]
    labels = pd.concat([part.astype({"frame": "Int32"}) for part in parts])
    stray = ~occurs(rows["observationID"], labels["observationID"])
    reading.dropped.add("observation without a picture", rows["observationID"][stray])
    order = np.argsort(find(labels["observationID"], rows["observationID"]), kind="stable")
    return _added(labels.iloc[order].rename(columns={"event": "event_id"}), reading)


def _added(labels: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """One row per frame or event and species; the count is missing where one of its rows' is."""
    keys = ["event_id", "frame", "species"]
    groups = labels.groupby(keys, sort=False, dropna=False)
    merged = groups["number"].agg(["sum", "count", "size"]).reset_index()
    complete = (merged["count"] == merged["size"]) & (merged["species"] != EMPTY)
    number = merged["sum"].where(complete & (merged["sum"] >= 1))
    bins = {n: count_bin(int(n)) for n in number.dropna().unique()}
    counts = number.map(bins).astype("string")
    return merged[keys].assign(count=counts, **reading.agreed(groups))
