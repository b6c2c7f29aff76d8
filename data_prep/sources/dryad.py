"""Snapshot Serengeti as released on Dryad (doi 10.5061/dryad.5pt92): three CSV files.

consensus_data.csv has a row per event and species that volunteers agreed on, all_images.csv
a row per picture, gold_standard_data.csv a row per event and species that experts saw. An
event of which there are pictures but neither consensus nor expert labels is empty.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from camtrap_tf.core.artifacts import PathLike, existing_file, existing_folder
from camtrap_tf.core.dropped import Dropped
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, EMPTY, SERENGETI_SPECIES
from camtrap_tf.events import csv_files, path_columns
from camtrap_tf.events.table import EventTable, occurs
from data_prep.choice.select import IMPOSSIBLE
from data_prep.sources.fields import Reading, column_of, count_bins, known

CONSENSUS, IMAGES, GOLD = "consensus_data.csv", "all_images.csv", "gold_standard_data.csv"

_SPECIES_REPAIRS = {"rodent": "rodents"}
_LABEL = {"CaptureEventID": "event_id", "Species": "species", "Count": "count"}
_EVENT = {"DateTime": "datetime", "SiteID": "site"}
_VOTES = {"Evenness": "evenness", "NumClassifications": "classifications", "NumBlanks": "blanks"}
_SHARES = {name.capitalize(): name for name in ATTRIBUTES}


def read_folder(folder: PathLike, reading: Reading | None = None) -> EventTable:
    """Reads the three files by their names on Dryad; the gold standard may be absent."""
    folder = existing_folder(folder, "the metadata of source 'dryad'")
    gold = folder / GOLD
    return read(folder / CONSENSUS, folder / IMAGES, gold if gold.is_file() else None, reading)


def read(
    consensus: PathLike,
    images: PathLike,
    gold: PathLike | None = None,
    reading: Reading | None = None,
) -> EventTable:
    """Reads the release.

    An event in the gold standard takes species and counts from the experts (source 'expert');
    its behaviours, and answers to further heads, are the volunteers' for the same species, since
    experts gave none. Site and
    season of an event without consensus come from its pictures' path,
    SEASON/SITE/ROLL/PICTURE. Frames are in the order of their paths.

    Args:
        consensus, images, gold: the files.
        reading: with on_unknown 'drop', events with a species, and counts, that are not among
            those accepted are left out and counted.

    Raises:
        InputError: a column is missing, or a value is none of those accepted (with its row).
    """
    reading = reading or Reading()
    dropped = reading.dropped
    frames = read_images(images, reading)
    volunteers = read_consensus(consensus, reading)
    experts = volunteers.iloc[:0] if gold is None else read_gold(gold, reading)
    frames, volunteers, experts = _without_unnamed(frames, volunteers, experts, dropped)
    events = events_of(frames)
    ids = events["event_id"]
    dropped.add("consensus: event without pictures", _strays(volunteers, ids))
    dropped.add("gold standard: event without pictures", _strays(experts, ids))
    volunteers = volunteers[occurs(volunteers["event_id"], ids)]
    if volunteers.empty:  # every event would count as empty
        raise InputError(
            f"{Path(images).name} has pictures of events in {Path(consensus).name}",
            ids.iloc[0],
            "Give files of the same release.",
        )
    experts = experts[occurs(experts["event_id"], ids)]
    events = _with_votes(events, volunteers, reading)
    expert = occurs(ids, experts["event_id"])
    events["source"] = np.where(expert, "expert", "volunteers")
    labels = _labels(events["event_id"], volunteers, experts, reading)
    frames = frames[["event_id", "path"]]
    return EventTable(events, frames, labels, _origin(consensus), dropped, reading.heads)


def read_consensus(path: PathLike, reading: Reading | None = None) -> pd.DataFrame:
    """consensus_data.csv: one row per event and species.

    Returns:
        `event_id, species, count, datetime` (text)`, site, evenness, classifications, blanks`,
        the attributes as shares of votes in [0, 1], and answers to further heads.
    """
    reading = reading or Reading()
    asked = {name: column_of(name) for name in reading.heads}
    columns = {**_LABEL, **_EVENT, **_VOTES, **_SHARES, **asked}
    rows = csv_files.read(path, columns, encoding=reading.rules.encoding)
    rows = reading.answered(rows, path, csv_files.first_row(path))
    for name in (*_VOTES.values(), *_SHARES.values()):
        rows[name] = csv_files.numbers(
            rows[name], name, path, 1.0 if name in ATTRIBUTES else np.inf
        )
    return _checked(rows, path, reading)


def read_gold(path: PathLike, reading: Reading | None = None) -> pd.DataFrame:
    """gold_standard_data.csv: `event_id, species, count`, one row per event and species.

    Events nobody can name keep the species 'impossible', with a missing count.
    """
    reading = reading or Reading()
    rows = csv_files.read(path, _LABEL, encoding=reading.rules.encoding)
    return _checked(rows, path, reading)


def read_images(path: PathLike, reading: Reading) -> pd.DataFrame:
    """all_images.csv: `event_id, path`, events by first row, paths sorted within an event."""
    columns = {"CaptureEventID": "event_id", "URL_Info": "path"}
    rows = csv_files.read(path, columns, encoding=reading.rules.encoding)
    csv_files.filled(rows, ("event_id", "path"), path)
    rows["path"] = path_columns.normal(rows["path"])
    repeated = rows["path"].duplicated()
    reading.dropped.add("picture listed twice", rows["path"][repeated])
    rows = rows[~repeated]
    by_path = pc.sort_indices(pa.array(rows["path"])).to_numpy()
    event = pd.factorize(rows["event_id"])[0]
    order = by_path[np.argsort(event[by_path], kind="stable")]
    return rows.iloc[order].reset_index(drop=True)


def read_search_effort(path: PathLike) -> pd.DataFrame:
    """search_effort.csv: `site, start, end`, the days between which a camera was at work."""
    path = existing_file(path, "the search effort")
    site = "Site ID" if "Site ID" in csv_files.header(path) else "SiteID"
    rows = csv_files.read(path, {site: "site", "Start date": "start", "End date": "end"})
    csv_files.filled(rows, rows.columns, path)
    for column in ("start", "end"):
        texts = rows[column]
        rows[column] = pd.to_datetime(texts, format="ISO8601", errors="coerce")
        wrong = rows[column].isna().to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(
                "a date of the search effort is like 2012-01-31",
                texts.iloc[row],
                f"Correct row {row + csv_files.first_row(path)} of {path.name}.",
            )
    return rows


def _without_unnamed(
    frames: pd.DataFrame, volunteers: pd.DataFrame, experts: pd.DataFrame, dropped: Dropped
) -> list[pd.DataFrame]:
    """Leaves out events with a species that could not be read; they would count as empty."""
    rows = pd.concat([volunteers[["event_id", "species"]], experts[["event_id", "species"]]])
    unnamed = rows["event_id"][rows["species"].isna()].drop_duplicates()
    dropped.add("event with an unknown species", unnamed)
    return [part[~occurs(part["event_id"], unnamed)] for part in (frames, volunteers, experts)]


def _checked(rows: pd.DataFrame, path: PathLike, reading: Reading) -> pd.DataFrame:
    """Rows with species and counts in accepted form; an unknown species is missing."""
    name, first, unknown = Path(path).name, csv_files.first_row(path), reading.unknown
    csv_files.filled(rows, ("event_id", "species"), path)
    rows["species"] = reading.empties(rows["species"]).replace(_SPECIES_REPAIRS)
    accepted = (*SERENGETI_SPECIES, IMPOSSIBLE, EMPTY)
    rows["species"] = known(rows["species"], accepted, "Species", name, first, unknown)
    rows["count"] = count_bins(rows["count"], name, first, unknown)
    named = rows["species"].notna().to_numpy()
    repeated = rows.duplicated(["event_id", "species"]).to_numpy() & named
    if repeated.any():
        row = int(repeated.argmax())
        raise InputError(
            "a species occurs once in an event",
            f"{rows['event_id'].iloc[row]} {rows['species'].iloc[row]}",
            f"Drop row {row + first} of {name}.",
        )
    return rows


def events_of(frames: pd.DataFrame) -> pd.DataFrame:
    """`event_id, season, site` of each event, from the path of its first picture."""
    first = frames.drop_duplicates("event_id")
    pattern = r"^(?P<season>[^/]+)/(?P<site>[^/]+)/"
    parts = pc.extract_regex(pa.array(first["path"], pa.string()), pattern)
    names = pa.table({"season": pc.struct_field(parts, 0), "site": pc.struct_field(parts, 1)})
    return names.to_pandas().assign(event_id=first["event_id"].array)


def _with_votes(events: pd.DataFrame, volunteers: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Adds what the consensus says of whole events; its site goes before the path's."""
    columns = ["event_id", *_EVENT.values(), *_VOTES.values()]
    facts = volunteers.drop_duplicates("event_id")[columns].rename(columns={"site": "station"})
    facts["datetime"] = reading.times(facts["datetime"], "consensus")
    events = events.merge(facts, on="event_id", how="left")
    events["site"] = events["station"].where(events["station"].notna(), events["site"])
    return events.drop(columns="station")


def _labels(
    ids: pd.Series, volunteers: pd.DataFrame, experts: pd.DataFrame, reading: Reading
) -> pd.DataFrame:
    """Label rows: experts' where they labelled the event, else volunteers', else 'empty'."""
    volunteers = volunteers.rename(columns={column_of(name): name for name in reading.heads})
    shares = ["event_id", "species", *ATTRIBUTES, *reading.heads]
    from_experts = experts[["event_id", "species", "count"]].merge(
        volunteers[shares], on=["event_id", "species"], how="left"
    )
    overruled = occurs(volunteers["event_id"], experts["event_id"])
    from_volunteers = volunteers.loc[~overruled, [*shares, "count"]]
    named = pd.concat([from_volunteers, from_experts])
    empty = pd.DataFrame({"event_id": ids[~occurs(ids, named["event_id"])], "species": EMPTY})
    return pd.concat([named, empty])


def _strays(rows: pd.DataFrame, ids: pd.Series) -> np.ndarray:
    """Ids of events that have no pictures."""
    return rows["event_id"][~occurs(rows["event_id"], ids)].unique()


def _origin(consensus: PathLike) -> str:
    return f"Snapshot Serengeti, Dryad release ({Path(consensus).name})"
