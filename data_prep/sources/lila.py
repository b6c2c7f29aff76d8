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
from camtrap_tf.events.table import Dropped, EventTable, occurs
from data_prep.sources import coco, csv_files
from data_prep.sources.csv_files import FIRST_ROW
from data_prep.sources.fields import animals, drops, known, mapped, times

# With 'empty' the release's 61 categories.
SPECIES = (
    *SERENGETI_SPECIES,
    "bat", "cattle", "duiker", "fire", "hyenaBrown", "insectSpider", "kudu", "lionCub",
    "pangolin", "steenbok", "vulture", "wildDog",
)  # fmt: skip

_SPELLING = {name.casefold(): name for name in SPECIES} | {
    "birdother": "otherBird", "monkeyvervet": "vervetMonkey", "rodent": "rodents",
    "blank": EMPTY, "empty": EMPTY,
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


def read(metadata: PathLike, on_unknown: str = "error") -> EventTable:
    """Reads a folder with the CSV pair, or a JSON file.

    Args:
        metadata: the folder or the file.
        on_unknown: 'drop' leaves out events with a species, and counts, that are not among
            those accepted, and counts them; 'error' refuses the file.

    Raises:
        InputError: a file or column is missing, or a value is none of those accepted.
    """
    if Path(metadata).suffix == ".json":
        return read_json(metadata, on_unknown)
    folder = existing_folder(metadata, "the metadata of source 'lila'")
    return read_csv(_one(folder, "images"), _one(folder, "annotations"), on_unknown)


def read_csv(images: PathLike, annotations: PathLike, on_unknown: str = "error") -> EventTable:
    """Reads the CSV pair; frames are in the order of `image_rank_in_capture`.

    Season and site of an event without annotation come from its id, SER_SEASON#SITE#ROLL#N.
    """
    dropped = Dropped()
    frames = _frames(images, dropped)
    rows = _annotations(annotations, dropped, drops(on_unknown, dropped))
    stray = ~occurs(rows["event_id"], frames["event_id"])
    strays = rows["event_id"][stray].drop_duplicates()
    dropped.add("annotations: event without pictures", strays)
    rows = rows[~stray]
    unnamed = rows["event_id"][rows["species"].isna()].drop_duplicates()
    if len(unnamed):
        dropped.add("event with an unknown species", unnamed)
        frames, rows = (part[~occurs(part["event_id"], unnamed)] for part in (frames, rows))
    events = frames[["event_id"]].drop_duplicates()
    events = _with_facts(events, rows, dropped)
    labels = rows[["event_id", "species", "count", *ATTRIBUTES]]
    return EventTable(events, frames, labels, Path(annotations).name, dropped)


def read_json(path: PathLike, on_unknown: str = "error") -> EventTable:
    """Reads the JSON: COCO Camera Traps with names in lower case, frames numbered from 1."""
    path = existing_file(path, "a LILA JSON file")
    table = coco.read(path)
    unknown = drops(on_unknown, table.dropped)
    labels = table.labels
    labels["species"] = _canonical(labels["species"], path, unknown, 0)
    unnamed = labels["event_id"][labels["species"].isna()].drop_duplicates()
    table.dropped.add("event with an unknown species", unnamed)
    ids = table.events["event_id"]
    events = table.events[["event_id", "site", "season"]]
    table.events["season"] = _with_places(events)["season"]
    table.events["source"] = table.events["source"].replace("annotation", "volunteers")
    return table.keep(ids[~occurs(ids, unnamed)]) if len(unnamed) else table


def spelling(name: str) -> str:
    """A species as `SPECIES` spells it, 'empty' for a blank; another name as it is.

    >>> spelling("hyenabrown"), spelling("blank"), spelling("gnu")
    ('hyenaBrown', 'empty', 'gnu')
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


def _frames(path: PathLike, dropped: Dropped) -> pd.DataFrame:
    """`event_id, path`, events by first row, frames by rank."""
    rows = csv_files.read(path, _IMAGE)
    csv_files.filled(rows, rows.columns, path)
    repeated = rows["path"].duplicated().to_numpy()
    dropped.add("picture listed twice", rows["path"][repeated])
    rows = rows[~repeated]
    rank = csv_files.numbers(rows["rank"], "rank", path).to_numpy(float)
    event = pd.factorize(rows["event_id"])[0]
    return rows[["event_id", "path"]].iloc[np.lexsort((rank, event))]


def _annotations(path: PathLike, dropped: Dropped, unknown: Dropped | None) -> pd.DataFrame:
    """One row per event and species; the species is missing where it is unknown."""
    rows = csv_files.read(path, _LABEL, _OPTIONAL)
    csv_files.filled(rows, _LABEL.values(), path)
    name = Path(path).name
    rows["species"] = _canonical(rows["species"], path, unknown, FIRST_ROW)
    rows["count"] = animals(rows["count"], name, FIRST_ROW, unknown)
    for column in ("evenness", *ATTRIBUTES):
        largest = np.inf if column == "evenness" else 1.0
        rows[column] = csv_files.numbers(rows[column], column, path, largest)
    repeated = rows.duplicated(["event_id", "species"]).to_numpy()
    dropped.add("annotations: species listed twice for an event", rows["event_id"][repeated])
    return rows[~repeated]


def _canonical(
    species: pd.Series, path: PathLike, unknown: Dropped | None, first_row: int
) -> pd.Series:
    """Names as `SPECIES` spells them."""
    names = mapped(species, spelling)
    accepted = (*SPECIES, EMPTY)
    return known(names, accepted, "question__species", Path(path).name, first_row, unknown)


def _with_facts(events: pd.DataFrame, rows: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """Adds site, season, time, evenness and who labelled the event."""
    first = rows.drop_duplicates("event_id")
    events = events.merge(
        first[["event_id", "season", "site", "date", "clock", "evenness"]],
        on="event_id", how="left",
    )  # fmt: skip
    day, clock = events.pop("date"), events.pop("clock")
    events["datetime"] = times(day + " " + clock.fillna("00:00:00"), dropped)
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
