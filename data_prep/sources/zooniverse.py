"""Raw classifications by volunteers, through the plurality consensus of `data_prep.consensus`.

Three exports are read: Zooniverse's present one (Panoptes, one row per classification with its
answers as JSON), the one of its former platform (Snapshot Serengeti's seasons 1-10, one row per
classification and species), and raw_data_for_dryad.csv, which is like the latter.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from camtrap_tf.core.artifacts import PathLike, existing_folder
from camtrap_tf.core.dropped import Dropped
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, BINARY, COUNT_BINS, EMPTY
from camtrap_tf.events import csv_files, path_columns
from camtrap_tf.events.table import EventTable, find, occurs
from data_prep.consensus import Votes, consensus
from data_prep.sources import dryad, lila, panoptes
from data_prep.sources.fields import YES, Reading, column_of
from data_prep.sources.volunteers import ANONYMOUS, RETIRED_BLANK, rank, spelled

RAW = "raw_data_for_dryad.csv"

_LEGACY = {"id": "classification", "subject_zooniverse_id": "event", "species": "species"}
_LEGACY_OPTIONAL = {
    "user_name": "user", "season": "season", "species_count": "count",
    **{name: name for name in ATTRIBUTES},
}  # fmt: skip
_LEGACY_EVENT = {
    "subject_zooniverse_id": "event_id", "retire_reason": "reason", "season": "season",
    "site": "site", "roll": "roll", "filenames": "files", "timestamps": "time",
}  # fmt: skip
_DRYAD = {"CaptureEventID": "event", "ClassificationID": "classification", "Species": "species"}
_DRYAD_OPTIONAL = {"Count": "count", **{name.capitalize(): name for name in ATTRIBUTES}}


def read(
    path: PathLike,
    reading: Reading | None = None,
    even_median: str = "upper",
    blank_rule: str = "retirement",
    workflow: str | None = None,
    choices: PathLike | None = None,
) -> EventTable:
    """Reads a classification export, of either platform; its columns tell which.

    Left out and counted: the tutorial, classifications by somebody who had seen the event
    before (also: a second one by the same user who was logged in), and of a project that was
    not live yet. An event is a subject, its site, season and pictures as far as the export
    tells them; the former platform's pictures get their path on Dryad and LILA.

    Args:
        path: the CSV file.
        reading: with on_unknown 'drop', classifications with a species (former platform), counts
            and answers to further heads that are not known are left out and counted. A further
            head is a question of the survey, or a column of the former platform's export.
        even_median, blank_rule: see `consensus.consensus`.
        workflow: id of the only workflow to read (Panoptes); None reads all.
        choices: CSV file that says what names of a Panoptes survey mean, see
            `choices.read_table`.
    """
    reading = reading or Reading()
    if csv_files.position("subject_data", csv_files.header(path, reading.rules.encoding)) >= 0:
        votes, events, frames = panoptes.votes(path, reading, workflow, choices)
    elif workflow is not None or choices is not None:
        what = "workflow" if workflow is not None else "choices"
        raise InputError(f"{what} belongs to Panoptes exports", str(path), f"Leave {what} out.")
    else:
        votes, events, frames = _legacy(path, reading)
    blank = np.zeros(len(votes.events), bool)
    blank[find(events["event_id"], votes.events)] = events.pop("blank")
    facts, labels = consensus(
        votes, even_median=even_median, blank_rule=blank_rule, blank_events=blank
    )
    return _table(events, frames, facts, labels, Path(path).name, reading)


def read_dryad(
    folder: PathLike,
    reading: Reading | None = None,
    even_median: str = "upper",
    blank_rule: str = "retirement",
) -> EventTable:
    """Reads raw_data_for_dryad.csv and all_images.csv of Snapshot Serengeti's Dryad release.

    Events without any classification stay without label. Arguments as in `read`.
    """
    folder = existing_folder(folder, "the metadata of source 'dryad_raw'")
    reading = reading or Reading()
    votes = read_raw(folder / RAW, reading)
    frames = dryad.read_images(folder / dryad.IMAGES, reading)
    facts, labels = consensus(votes, even_median=even_median, blank_rule=blank_rule)
    events = dryad.events_of(frames).assign(datetime=pd.NaT)
    return _table(events, frames, facts, labels, f"Snapshot Serengeti, {RAW}", reading)


def read_raw(path: PathLike, reading: Reading | None = None) -> Votes:
    """raw_data_for_dryad.csv: one row per classification and species, 'blank' where none."""
    reading = reading or Reading()
    asked = {name: column_of(name) for name in reading.heads}
    encoded = ("event", "species", "count", *ATTRIBUTES, *asked.values())
    table = csv_files.read_arrow(
        path, _DRYAD | asked, _DRYAD_OPTIONAL, encoded=encoded, encoding=reading.rules.encoding
    )
    return _votes(table, path, reading)


def _table(
    events: pd.DataFrame,
    frames: pd.DataFrame,
    facts: pd.DataFrame,
    labels: pd.DataFrame,
    origin: str,
    reading: Reading,
) -> EventTable:
    stray = ~occurs(facts["event_id"], events["event_id"])
    reading.dropped.add("classifications: event without pictures", facts["event_id"][stray])
    events = events.merge(facts, on="event_id", how="left")
    voted = occurs(events["event_id"], labels["event_id"])
    events["source"] = np.where(voted, "volunteers", "none")
    told = [name for name in (*ATTRIBUTES, *reading.heads) if name in labels]
    columns = ["event_id", "species", "count", *told]
    labels = labels.loc[occurs(labels["event_id"], events["event_id"]), columns]
    return EventTable(events, frames, labels, origin, reading.dropped, reading.heads)


def _legacy(path: PathLike, reading: Reading) -> tuple[Votes, pd.DataFrame, pd.DataFrame]:
    """Votes; `event_id, season, site, datetime, blank`; and frames of the former platform."""
    asked = {name: column_of(name) for name in reading.heads}
    encoded = ("event", "user", "season", "species", "count", *ATTRIBUTES, *asked.values())
    table = csv_files.read_arrow(
        path, _LEGACY | asked, _LEGACY_OPTIONAL, encoded=encoded, encoding=reading.rules.encoding
    )
    tutorial = _equal(table["season"], "tutorial")
    reading.dropped.add("tutorial", table["classification"].filter(tutorial).to_pylist())
    keep = ~tutorial
    votes = _votes(table, path, reading, keep)
    facts = _first_rows(path, reading.rules.encoding)
    voted = votes.events.iloc[np.unique(votes.event)]
    facts = facts[occurs(facts["event_id"], voted)].reset_index(drop=True)
    season = "S" + facts["season"].str.removeprefix("S")
    folder = season + "/" + facts["site"] + "/" + facts["site"] + "_R" + facts["roll"] + "/"
    frames = facts[["event_id"]].assign(path=facts["files"].str.split(";")).explode("path")
    frames["path"] = path_columns.normal(folder[frames.index] + frames["path"])
    events = pd.DataFrame({
        "event_id": facts["event_id"], "season": season, "site": facts["site"],
        "datetime": reading.times(facts["time"].str.split(";").str[0], "timestamps"),
        "blank": facts["reason"].isin(RETIRED_BLANK),
    })  # fmt: skip
    return votes, events, frames.dropna()


def _first_rows(path: PathLike, encoding: str | None) -> pd.DataFrame:
    """What the export says of each event, from the event's first row."""
    found: list[pa.Table] = []
    seen = pa.array([], pa.string())
    for block in csv_files.blocks(path, _LEGACY_EVENT, encoding=encoding):
        rows = pa.table(block)
        new = rows.filter(pc.invert(pc.is_in(rows["event_id"], value_set=seen)))
        position = pd.Series(new["event_id"].to_pandas())
        first = new.filter(pa.array(~position.duplicated() & position.notna()))
        found.append(first)
        seen = pa.concat_arrays([seen, *first["event_id"].chunks])
    return pa.concat_tables(found).to_pandas().astype("string")


def _votes(
    table: pa.Table,
    path: PathLike,
    reading: Reading,
    keep: np.ndarray | None = None,
) -> Votes:
    """Votes from a table with a row per classification and species."""
    name, first = Path(path).name, csv_files.first_row(path)
    for column in ("event", "classification"):
        if table[column].null_count:
            row = int(np.argmax(table[column].is_null().to_numpy())) + first
            raise InputError(f"every row of {name} has its {column}", "", f"Complete row {row}.")
    event, events = _codes(table["event"])
    classification, _ = _codes(table["classification"])
    species, names, strange = _species(table["species"], name, first, reading)
    count = _count(table["count"], name, first, reading)
    keep = np.ones(len(table), bool) if keep is None else keep.copy()
    keep &= ~_of(classification, strange)
    if "user" in table.column_names:
        user, users = _codes(table["user"])
        again = _again(event, classification, user, users.to_pylist(), keep)
        reading.dropped.add(
            "second classification by the same user", np.unique(classification[again])
        )
        keep &= ~again
    shares = {column: column for column in ATTRIBUTES}
    shares |= {one: column_of(one) for one, of in reading.heads.items() if of == BINARY}
    classes = {one: of for one, of in reading.heads.items() if of != BINARY}
    return Votes(
        event=event,
        classification=classification,
        species=species,
        count=count,
        attributes={
            one: _answers(
                table[column], one, name, first, reading.unknown if one in reading.heads else None
            )
            for one, column in shares.items()
            if table[column].null_count < len(table)
        },
        events=pd.Series(events.to_pandas(), dtype="string"),
        species_names=names,
        choices={
            one: _choice(table[column_of(one)], one, of, name, first, reading)
            for one, of in classes.items()
        },
        classes=classes,
    ).take(np.flatnonzero(keep))


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """[rows] int32 position of each text among the distinct ones (-1 missing), and those."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        codes = [chunk.indices.fill_null(-1).to_numpy() for chunk in column.chunks]
        names = column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string())
        return np.concatenate(codes) if codes else np.zeros(0, np.int32), names
    coded = pc.dictionary_encode(column.combine_chunks())
    return coded.indices.fill_null(-1).to_numpy(), coded.dictionary


def _species(
    column: pa.ChunkedArray, where: str, first: int, reading: Reading
) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """[rows] position among the returned names, -1 for blank; and [rows] bool, unknown."""
    code, distinct = _codes(column)
    texts = distinct.to_pylist()
    found = [spelled(text, reading.rules.names) for text in texts]
    number = np.bincount(code[code >= 0], minlength=len(texts))
    for text, name, times in zip(texts, found, number, strict=True):
        if name == EMPTY and text.strip():
            reading.note(text, EMPTY, int(times))
    wrong = np.array([name not in (*lila.SPECIES, EMPTY) for name in found] + [False])
    strange = wrong[code]
    if strange.any():
        accepted = lila.SPECIES
        _complain(strange, [*texts, ""], code, "species", accepted, where, first, reading.unknown)
    names = tuple(sorted({name for name in found if name != EMPTY}))
    position = {name: i for i, name in enumerate(names)}
    table = np.array([position.get(name, -1) for name in found] + [-1], np.int32)
    return table[code], names, strange


def _count(column: pa.ChunkedArray, where: str, first: int, reading: Reading) -> np.ndarray:
    """[rows] int8 position in `COUNT_BINS`, -1 where missing."""
    code, distinct = _codes(column)
    texts = distinct.to_pylist()
    ranks = [rank(text) for text in texts]
    wrong = np.array([place is None for place in ranks] + [False])[code]
    if wrong.any():
        accepted = COUNT_BINS
        _complain(wrong, [*texts, ""], code, "count", accepted, where, first, reading.unknown)
    return np.array([-1 if place is None else place for place in ranks] + [-1], np.int8)[code]


def _answers(
    column: pa.ChunkedArray, what: str, where: str, first: int, unknown: Dropped | None
) -> np.ndarray:
    """[rows] int8: 1 yes, 0 no, -1 not asked."""
    code, distinct = _codes(column)
    texts = distinct.to_pylist()
    values = [YES.get(text.strip().casefold()) for text in texts]
    wrong = np.array([value is None for value in values] + [False])[code]
    if wrong.any():
        _complain(wrong, [*texts, ""], code, what, tuple(YES), where, first, unknown)
    return np.array([-1 if value is None else value for value in values] + [-1], np.int8)[code]


def _choice(
    column: pa.ChunkedArray,
    what: str,
    classes: tuple[str, ...],
    where: str,
    first: int,
    reading: Reading,
) -> np.ndarray:
    """[rows] int16 position in `classes`, -1 where missing."""
    code, distinct = _codes(column)
    texts = distinct.to_pylist()
    place = {name.casefold(): i for i, name in enumerate(classes)}
    found = [place.get(text.strip().casefold(), -1) for text in texts]
    wrong = np.array([value < 0 for value in found] + [False])[code]
    if wrong.any():
        _complain(wrong, [*texts, ""], code, what, classes, where, first, reading.unknown)
    return np.array([*found, -1], np.int16)[code]


def _complain(
    wrong: np.ndarray,
    texts: list[str],
    code: np.ndarray,
    what: str,
    accepted: Iterable[str],
    where: str,
    first: int,
    unknown: Dropped | None,
) -> None:
    """Counts unknown values, or raises InputError at the first."""
    rows = np.flatnonzero(wrong)
    if unknown is not None:
        shown = (f"{texts[code[row]]!r} in row {row + first}" for row in rows)
        unknown.add(f"{where}: unknown {what}", shown)
        return
    row = int(rows[0])
    raise InputError(
        f"`{what}` is one of {', '.join(accepted)}",
        texts[code[row]],
        f"Correct row {row + first} of {where} (rows of this kind: {len(rows):,}).",
    )


def _of(classification: np.ndarray, some: np.ndarray) -> np.ndarray:
    """[rows] bool: rows of the classifications that `some` rows belong to."""
    marked = np.zeros(classification.max(initial=-1) + 1, bool)
    marked[classification[some]] = True
    return marked[classification]


def _again(
    event: np.ndarray,
    classification: np.ndarray,
    user: np.ndarray,
    users: list[str],
    keep: np.ndarray,
) -> np.ndarray:
    """[rows] bool: classifications of an event by a user who has classified it before."""
    named = np.array([not name.startswith(ANONYMOUS) for name in users] + [False])
    rows = np.flatnonzero(keep & named[user])
    key = event[rows].astype(np.int64) * (len(users) + 1) + user[rows]
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    again = np.zeros(len(event), bool)
    again[rows] = classification[rows] != classification[rows][first][group]
    return again


def _equal(column: pa.ChunkedArray, text: str) -> np.ndarray:
    code, names = _codes(column)
    return np.array([name.casefold() == text for name in names.to_pylist()] + [False])[code]
