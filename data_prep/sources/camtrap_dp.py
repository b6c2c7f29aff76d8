"""Camtrap DP packages (version 1): datapackage.json with deployments, media, observations.

Observations of media label frames, observations of events label whole events. What an animal
does, its age and sex are free or finer than the attributes here and are not read.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, count_bin
from camtrap_tf.events.table import Dropped, EventTable, find, occurs
from data_prep.sources import csv_files
from data_prep.sources.csv_files import FIRST_ROW
from data_prep.sources.fields import drops, known, times

PACKAGE = "datapackage.json"
_TYPES = ("animal", "human", "vehicle", "blank", "unknown", "unclassified")
_NAMED = {"blank": EMPTY, "human": "human", "vehicle": "vehicle"}
_TABLES = {
    "deployments": (["deploymentID"], ["locationID", "locationName"]),
    "media": (["mediaID", "deploymentID", "timestamp", "filePath"], ["fileName", "fileMediatype"]),
    "observations": (
        ["observationID", "deploymentID", "eventStart", "eventEnd", "observationType"],
        ["mediaID", "eventID", "scientificName", "count"],
    ),
}


def read(path: PathLike, on_unknown: str = "error") -> EventTable:
    """Reads a package, given as its folder or its datapackage.json.

    A picture belongs to the event that its observations name, else to the event of its
    deployment within whose time it was taken, else it is an event of its own. The site is the
    location of the deployment, or the deployment where it has none. A picture behind a URL is
    expected in the picture folder as deploymentID/fileName. Rows of one species are added up.

    Args:
        path: the folder or file.
        on_unknown: 'drop' leaves out observations of an unknown type, and counts them.

    Raises:
        InputError: not such a package, or a row that breaks a rule.
    """
    dropped = Dropped()
    tables = _read_tables(path)
    media = _media(tables["media"], dropped)
    rows = tables["observations"]
    rows["observationType"] = known(
        rows["observationType"], _TYPES, "observationType", "observations", FIRST_ROW,
        drops(on_unknown, dropped),
    )  # fmt: skip
    rows["count"] = csv_files.numbers(rows["count"], "count", "observations")
    media["event_id"] = _event_of(media, rows)
    time = pd.to_datetime(media["timestamp"], utc=True, format="ISO8601", errors="coerce")
    order = np.lexsort(
        (media["path"].argsort().argsort(), time, pd.factorize(media["event_id"])[0])
    )
    media = media.iloc[order].reset_index(drop=True)
    events = _events(media, tables["deployments"], dropped)
    labels = _labels(rows, media, dropped)
    events["source"] = np.where(
        occurs(events["event_id"], labels["event_id"]), "annotation", "none"
    )
    frames = media[["event_id", "path", "mediaID"]].rename(columns={"mediaID": "image_id"})
    return EventTable(events, frames, labels, f"Camtrap DP package {Path(path).name}", dropped)


def _read_tables(path: PathLike) -> dict[str, pd.DataFrame]:
    """The three tables of a package by name."""
    path = Path(path) / PACKAGE if Path(path).is_dir() else Path(path)
    path = existing_file(path, "a Camtrap DP package")
    try:
        resources = json.loads(path.read_bytes())["resources"]
        files = {resource["name"]: resource.get("path") for resource in resources}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{PACKAGE} is JSON with `resources`", str(path), f"Export it again: {error}."
        ) from error
    tables = {}
    for name, (required, optional) in _TABLES.items():
        file = files.get(name)
        if not isinstance(file, str):
            raise InputError(
                f"a Camtrap DP package has the resource {name} in one file", file, f"Check {path}."
            )
        columns, more = ({column: column for column in part} for part in (required, optional))
        tables[name] = csv_files.read(path.parent / file, columns, more, newlines=True)
        csv_files.filled(tables[name], required, file)
    return tables


def _media(media: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """The pictures, with `path` in the picture folder."""
    other = ~media["fileMediatype"].fillna("image/").str.startswith("image/").to_numpy(bool)
    dropped.add("media that is no picture", media["filePath"][other])
    media = media[~other].reset_index(drop=True)
    if media["mediaID"].duplicated().any():
        twice = media["mediaID"][media["mediaID"].duplicated()].iloc[0]
        raise InputError("a mediaID occurs once", twice, "Drop the second row of media.")
    url = media["filePath"].str.contains("://", regex=False)
    named = media["deploymentID"] + "/" + media["fileName"].fillna(media["mediaID"])
    return media.assign(path=media["filePath"].mask(url, named))


def _event_of(media: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """[media] id of the event of each picture."""
    linked = rows[rows["mediaID"].notna() & rows["eventID"].notna()].drop_duplicates("mediaID")
    place = find(media["mediaID"], linked["mediaID"])
    ids = pd.Series(linked["eventID"].array.take(place, allow_fill=True), index=media.index)
    return ids.fillna(_by_time(media[ids.isna()], rows)).fillna(media["mediaID"])


def _by_time(media: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Id of the event of the deployment within whose time a picture was taken, if any."""
    spans = rows[rows["mediaID"].isna() & rows["eventID"].notna()].drop_duplicates("eventID")
    spans = pd.DataFrame({
        "deploymentID": spans["deploymentID"], "eventID": spans["eventID"],
        **{name: pd.to_datetime(spans[name], utc=True, format="ISO8601", errors="coerce")
           for name in ("eventStart", "eventEnd")},
    }).dropna().sort_values("eventStart")  # fmt: skip
    taken = pd.to_datetime(media["timestamp"], utc=True, format="ISO8601", errors="coerce")
    shots = media[["deploymentID"]].assign(taken=taken, row=media.index)
    shots = shots.dropna().sort_values("taken")
    spans["eventStart"] = spans["eventStart"].astype(shots["taken"].dtype)
    joined = pd.merge_asof(
        shots, spans, left_on="taken", right_on="eventStart", by="deploymentID"
    ).set_index("row")  # fmt: skip
    return joined["eventID"].where(joined["taken"] <= joined["eventEnd"])


def _events(media: pd.DataFrame, deployments: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """`event_id, site, datetime`, from the first picture of each event."""
    first = media.drop_duplicates("event_id")
    place = find(first["deploymentID"], deployments["deploymentID"])
    if (place < 0).any():
        raise InputError(
            "the deploymentID of a media row is that of a deployment",
            first["deploymentID"].iloc[int((place < 0).argmax())],
            "Add it to the deployments.",
        )
    site = deployments["locationID"].fillna(deployments["locationName"])
    site = site.fillna(deployments["deploymentID"])
    return pd.DataFrame({
        "event_id": first["event_id"], "site": site.array.take(place),
        "datetime": times(first["timestamp"], dropped),
    })  # fmt: skip


def _labels(rows: pd.DataFrame, media: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """Label rows: of frames, and of whole events."""
    species = rows["scientificName"].where(rows["observationType"] == "animal")
    species = species.fillna(rows["observationType"].map(_NAMED))
    dropped.add("observation that names no species", rows["observationID"][species.isna()])
    rows = rows.assign(species=species)[species.notna()]
    place = find(rows["mediaID"], media["mediaID"])
    whole = rows["mediaID"].isna().to_numpy()
    stray = (~whole & (place < 0)) | (whole & ~occurs(rows["eventID"], media["event_id"]))
    dropped.add("observation without a picture", rows["observationID"][stray])
    frame = np.arange(len(media)) - find(media["event_id"], media["event_id"])
    ids = media["event_id"].array.take(np.maximum(place, 0))
    labels = pd.DataFrame({
        "event_id": rows["eventID"].where(whole, pd.Series(ids, index=rows.index)),
        "frame": pd.Series(frame[np.maximum(place, 0)], rows.index, "Int32").mask(whole),
        "species": rows["species"], "number": rows["count"],
    })[~stray]  # fmt: skip
    return _added(labels)


def _added(labels: pd.DataFrame) -> pd.DataFrame:
    """One row per frame or event and species; the count is missing where one of its rows' is."""
    keys = ["event_id", "frame", "species"]
    groups = labels.groupby(keys, sort=False, dropna=False)["number"]
    merged = groups.agg(["sum", "count", "size"]).reset_index()
    complete = (merged["count"] == merged["size"]) & (merged["species"] != EMPTY)
    number = merged["sum"].where(complete & (merged["sum"] >= 1))
    bins = {n: count_bin(int(n)) for n in number.dropna().unique()}
    return merged[keys].assign(count=number.map(bins).astype("string"))
