"""Snapshot Serengeti as released on LILA (versions 2.0 and 2.1, seasons 1-11).

The release comes twice: as a pair of CSV files, ..._images.csv and ..._annotations.csv, and as
COCO Camera Traps JSON, one file per season or one for all. The pair is read in columns, the JSON
piece by piece, which takes longer (`benchmarks/metadata_scale.py`). Blank events have their own
row; an empty cell means that volunteers were not asked.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from camtrap_tf.core.artifacts import PathLike, existing_file, existing_folder
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, EMPTY, SERENGETI_SPECIES
from camtrap_tf.events import csv_files, path_columns
from camtrap_tf.events.table import EventTable, occurs
from data_prep.sources import coco
from data_prep.sources.fields import Reading, animals, column_of, known, mapped

# With 'empty' the release's 61 categories.
SPECIES = (
    *SERENGETI_SPECIES,
    "bat", "cattle", "duiker", "fire", "hyenaBrown", "insectSpider", "kudu", "lionCub",
    "pangolin", "steenbok", "vulture", "wildDog",
)  # fmt: skip

_SPELLING = {name.casefold(): name for name in SPECIES} | {
    "birdother": "otherBird", "monkeyvervet": "vervetMonkey", "rodent": "rodents",
}  # fmt: skip
_IMAGE = {"capture_id": "event_id", "image_rank_in_capture": "rank", "image_path_rel": "path"}
_LABEL = {"capture_id": "event_id", "question__species": "species"}
_OPTIONAL = {
    "season": "season", "site": "site", "question__count_median": "count",
    "capture_date_local": "date", "capture_time_local": "clock",
    "pielous_evenness_index": "evenness",
    **{f"question__{name}": name for name in ATTRIBUTES if name != "babies"},
    "question__young_present": "babies",
}  # fmt: skip


def read(metadata: PathLike, reading: Reading | None = None) -> EventTable:
    """Reads a folder with the CSV pair, or a JSON file.

    Args:
        metadata: the folder or the file.
        reading: with on_unknown 'drop', events with a species, and counts, that are not among
            those accepted are left out and counted.

    Raises:
        InputError: a file or column is missing, or a value is none of those accepted.
    """
    if Path(metadata).suffix == ".json":
        return read_json(metadata, reading)
    folder = existing_folder(metadata, "the metadata of source 'lila'")
    return read_csv(_one(folder, "images"), _one(folder, "annotations"), reading)


def read_csv(images: PathLike, annotations: PathLike, reading: Reading | None = None) -> EventTable:
    """Reads the CSV pair; frames are in the order of `image_rank_in_capture`.

    Season and site of an event without annotation come from its id, SER_SEASON#SITE#ROLL#N. A
    further head is answered by the column question__NAME or NAME.
    """
    reading = reading or Reading()
    dropped = reading.dropped
    frames = _frames(images, reading)
    rows = _annotations(annotations, reading)
    stray = ~occurs(rows["event_id"], frames["event_id"])
    strays = rows["event_id"][stray].drop_duplicates()
    dropped.add("annotations: event without pictures", strays)
    rows = rows[~stray]
    unnamed = rows["event_id"][rows.pop("strange")].drop_duplicates()
    rows = rows[rows["species"].notna()]
    if len(unnamed):
        dropped.add("event with an unknown species", unnamed)
        frames, rows = (part[~occurs(part["event_id"], unnamed)] for part in (frames, rows))
    events = frames[["event_id"]].drop_duplicates()
    events = _with_facts(events, rows, reading)
    own = {column_of(name): name for name in reading.heads}
    labels = rows[["event_id", "species", "count", *ATTRIBUTES, *own]].rename(columns=own)
    return EventTable(events, frames, labels, Path(annotations).name, dropped, reading.heads)


def read_json(path: PathLike, reading: Reading | None = None) -> EventTable:
    """Reads the JSON: COCO Camera Traps with names in lower case, frames numbered from 1."""
    path = existing_file(path, "a LILA JSON file")
    reading = reading or Reading()
    table = coco.read(path, reading)
    labels = table.labels
    labels["species"] = _canonical(labels["species"], path, reading, 0)
    unnamed = labels["event_id"][labels["species"].isna()].drop_duplicates()
    table.dropped.add("event with an unknown species", unnamed)
    ids = table.events["event_id"]
    events = table.events[["event_id", "site", "season"]]
    table.events["season"] = _with_places(events)["season"]
    table.events["source"] = table.events["source"].replace("annotation", "volunteers")
    return table.keep(ids[~occurs(ids, unnamed)]) if len(unnamed) else table


def spelling(name: str) -> str:
    """A species as `SPECIES` spells it; another name as it is.

    >>> spelling("hyenabrown"), spelling("gnu")
    ('hyenaBrown', 'gnu')
    """
    return _SPELLING.get(name.strip().casefold(), name)


def _one(folder: Path, kind: str) -> Path:
    found = sorted(folder.glob(f"*{kind}.csv"))
    if len(found) != 1:
        raise InputError(
            f"the folder holds one file whose name ends in {kind}.csv",
            [path.name for path in found],
            f"Put the pair of CSV files of the release into {folder}.",
        )
    return found[0]


def _frames(path: PathLike, reading: Reading) -> pd.DataFrame:
    """`event_id, path`, events by first row, frames by rank."""
    rows = csv_files.read(path, _IMAGE, encoding=reading.rules.encoding)
    csv_files.filled(rows, rows.columns, path)
    rows["path"] = path_columns.normal(rows["path"])
    repeated = rows["path"].duplicated().to_numpy()
    reading.dropped.add("picture listed twice", rows["path"][repeated])
    rows = rows[~repeated]
    rank = csv_files.numbers(rows["rank"], "rank", path).to_numpy(float)
    event = pd.factorize(rows["event_id"])[0]
    return rows[["event_id", "path"]].iloc[np.lexsort((rank, event))]


def _annotations(path: PathLike, reading: Reading) -> pd.DataFrame:
    """One row per event and species; `strange` where the species is unknown, and missing then."""
    required = {**_LABEL, **_questions(path, reading)}
    rows = csv_files.read(path, required, _OPTIONAL, encoding=reading.rules.encoding)
    csv_files.filled(rows, _LABEL.values(), path)
    name, first = Path(path).name, csv_files.first_row(path)
    rows = reading.answered(rows, path, first)
    named = reading.named(rows["species"])
    rows["species"] = _canonical(named, path, reading, first)
    rows["strange"] = named.notna() & rows["species"].isna()
    rows["count"] = animals(rows["count"], name, first, reading.unknown)
    for column in ("evenness", *ATTRIBUTES):
        largest = np.inf if column == "evenness" else 1.0
        rows[column] = csv_files.numbers(rows[column], column, path, largest)
    repeated = rows.duplicated(["event_id", "species"]).to_numpy()
    rule = "annotations: species listed twice for an event"
    reading.dropped.add(rule, rows["event_id"][repeated])
    return rows[~repeated]


def _questions(path: PathLike, reading: Reading) -> dict[str, str]:
    """Columns of the file that answer further heads."""
    header = csv_files.header(path, reading.rules.encoding)
    found = {}
    for name in reading.heads:
        asked = csv_files.position(f"question__{name}", header) >= 0
        found[f"question__{name}" if asked else name] = column_of(name)
    return found


def _canonical(species: pd.Series, path: PathLike, reading: Reading, first_row: int) -> pd.Series:
    """Names as `SPECIES` spells them."""
    names = mapped(species, spelling)
    accepted = (*SPECIES, EMPTY)
    where = Path(path).name
    return known(names, accepted, "question__species", where, first_row, reading.unknown)


def _with_facts(events: pd.DataFrame, rows: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Adds site, season, time, evenness and who labelled the event."""
    first = rows.drop_duplicates("event_id")
    events = events.merge(
        first[["event_id", "season", "site", "date", "clock", "evenness"]],
        on="event_id", how="left",
    )  # fmt: skip
    day, clock = events.pop("date"), events.pop("clock")
    events["datetime"] = reading.times(day + " " + clock.fillna("00:00:00"), "annotations")
    events["source"] = np.where(occurs(events["event_id"], first["event_id"]), "volunteers", "none")
    return _with_places(events)


def _with_places(events: pd.DataFrame) -> pd.DataFrame:
    """Fills season and site from the id; seasons without the prefix SER_."""
    pattern = r"^(?:SER_)?(?P<season>[^#]+)#(?P<site>[^#]+)#"
    parts = pc.extract_regex(pa.array(events["event_id"], pa.string()), pattern)
    for i, column in enumerate(("season", "site")):
        derived = pd.Series(pc.struct_field(parts, i).to_pandas().array, index=events.index)
        events = events.assign(**{column: events[column].where(events[column].notna(), derived)})
    return events.assign(season=events["season"].str.removeprefix("SER_"))
