"""A results folder as a job that can be stopped at any moment and goes on where it was.

    job.json             what is answered by what; another bundle or other flags are refused
    pictures.parquet     the pictures, listed once, in the order of the answers, with their block
    not_processed.csv    what was found beside them, with the reason why it is not answered
    blocks/N.parquet     the answers of a block of some hundred pictures; there when it is whole
    predictions.parquet  all of them, with events
    clock_problems.csv   times that cannot be, see `clocks`
    changed.csv          pictures that were replaced or deleted since they were listed; if any

A block is one task: it depends on its pictures and the bundle alone, ends in an atomic rename
and is not done again where it stands. So the answers are the same to the byte however often the
job was stopped, and whoever does the blocks. All frames of a capture event are in one block. (Where
no event is given and files are named without order, they may lie too far apart for that.)
"""

import collections
import dataclasses
import functools
import itertools
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from camtrap_tf.answers import with_event
from camtrap_tf.answers.predictions import WITH_EVENT, Predictions, writing
from camtrap_tf.core import csv_text, file_names, parquet
from camtrap_tf.core.artifacts import (
    PathLike,
    as_path,
    atomic,
    check_stamp,
    is_remote,
    new_folder,
    write_json,
    write_text,
)
from camtrap_tf.core.artifacts import read_json as read_stamped
from camtrap_tf.core.commands import counted
from camtrap_tf.core.config import EVENT_GAP_SECONDS
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import bursts, clocks, corrections, grouping
from camtrap_tf.events.corrections import Correction
from camtrap_tf.events.listing import COLUMNS, PIECE, Listing, resolve, with_events
from camtrap_tf.events.table import EventTable, occurs
from camtrap_tf.pictures import exif, files
from camtrap_tf.prediction import whereabouts

KIND, VERSION = "prediction job", 1
BLOCK_KIND, BLOCK_VERSION = "block of answers", 1
JOB_FILE, PICTURES_FILE, NOT_PROCESSED = "job.json", "pictures.parquet", "not_processed.csv"
CLOCK_PROBLEMS, CHANGED = "clock_problems.csv", "changed.csv"
_WHERE = {"sources", "images"}  # what a job's record tells of the place of its pictures
DETECTOR_FOLDER = ".detector"  # of boxes that a prediction looks for, inside its folder
BLOCK_SIZE = 512  # pictures; a block ends at the first event that ends after so many
_AROUND = 8  # pictures on either side of a cut that are looked at
_LISTED = {**COLUMNS, "block": "int32"}
_TOLD = (
    "path",
    "event_id",
    "frame",
    "datetime",
    "site",
)  # what a listing tells of a picture's event
METADATA, CORRECTED = "metadata", ", corrected"  # where a time comes from: a listing; and a shift
# What reading a picture tells beside its pixels.
FACTS = {
    "datetime": "datetime64[us]", "time_source": "string",  # see `exif`
    "utc_offset": "Int16",  # of the camera's clock, minutes, where it is written beside the time
    "failure": "string",
    **grouping.FACTS,
    "doubt": "string",  # what seems to be damaged, though there is an answer, see `wholeness`
}  # fmt: skip
_AGAIN = "Run the same command again; it makes the damaged answers anew."
_ANEW = "Predict into a new folder; the answers in this one do not tell their pictures."
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """Some pictures that are answered together.

    Args:
        number: from 0.
        pictures: their rows of the listing.
    """

    number: int
    pictures: pd.DataFrame

    def __len__(self) -> int:
        return len(self.pictures)


@dataclasses.dataclass(frozen=True)
class Answers:
    """What a block's pictures came to, row by row.

    Args:
        facts: columns `FACTS`.
        probabilities: by head, [pictures, classes] float32, and by score, [pictures, 1]; NaN
            where it was not asked.
    """

    facts: pd.DataFrame
    probabilities: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Job:
    """A results folder.

    Args:
        folder: where it lies.
        record: what `job.json` says: `claim` compares it.
    """

    folder: Path
    record: dict[str, Any]

    @classmethod
    def claim(cls, folder: PathLike, record: dict[str, Any], root: Path | None = None) -> "Job":
        """Makes the folder this job's, or finds that it is.

        Pictures may have moved: to the folder that the record has as `images`.

        Args:
            folder: the results folder.
            record: what the answers depend on.
            root: folder that the paths of pictures are relative to, now.

        Raises:
            InputError: the folder holds another job (the message shows the difference) or
                other files; or the pictures that moved are not those of the job.
        """
        folder = new_folder(folder)
        path = folder / JOB_FILE
        record = json.loads(json.dumps(record))
        begun = (folder / PICTURES_FILE).is_file() or (folder / "blocks").is_dir()
        if path.is_file() and begun:
            present = read_stamped(path, KIND, VERSION)["job"]
            changes = _difference(present, record)
            to = record.get("images")
            if root and to and to != present.get("images") and changes.keys() <= _WHERE:
                cls(folder, record)._move(root)
            elif changes:
                raise _other(folder, changes)
            elif root:
                cls(folder, record)._tell_changed(root)
        elif not path.is_file() and _is_used(folder):
            raise _used(folder)
        else:
            write_json(path, KIND, VERSION, {"job": record})
        if not is_remote(folder):
            for leftover in (*folder.glob(".tmp-*"), *folder.glob("blocks/.tmp-*")):
                leftover.unlink(missing_ok=True)  # of processes that were killed
        return cls(folder, record)

    @classmethod
    def check(cls, folder: PathLike, record: dict[str, Any], later: Iterable[str]) -> None:
        """Raises InputError where `claim` will, by what is known of the answers so far.

        Args:
            folder: the results folder; there may be none.
            record: what the answers depend on.
            later: names of what else they depend on, which is not known yet.
        """
        folder = as_path(folder)
        path = folder / JOB_FILE
        if path.is_file():
            present = read_stamped(path, KIND, VERSION)["job"]
            present = {name: value for name, value in present.items() if name not in set(later)}
            changes = _difference(present, json.loads(json.dumps(record)))
            moved = record.get("images") not in (None, present.get("images"))
            if changes and not (moved and changes.keys() <= _WHERE):
                raise _other(folder, changes)
        elif folder.is_dir() and _is_used(folder):
            raise _used(folder)

    def _move(self, root: Path) -> None:
        """Goes on with pictures that have moved."""
        path = self.folder / PICTURES_FILE
        rows = self.read_list().to_pandas().astype(_LISTED) if self.listed else None
        if rows is not None:
            done = {number: self.file(number).is_file() for number in rows["block"].unique()}
            now = whereabouts.moved(rows, ~rows["block"].map(done).to_numpy(bool), root)
            log.info(
                "the pictures have moved to %s: %s of %s are there with their sizes",
                root, f"{int(now['what'].isna().sum()):,}", f"{len(now):,}",
            )  # fmt: skip
            table = pa.Table.from_pandas(now[list(_LISTED)], _schema(), preserve_index=False)
            parquet.write(table, path)
        write_json(self.folder / JOB_FILE, KIND, VERSION, {"job": self.record})

    def _tell_changed(self, root: Path) -> None:
        """Writes changed.csv, and a line to the log, where pictures are not what was listed."""
        if not self.listed:
            return
        columns = ["path", "bytes", "modified"]
        listed = self.read_list(columns).to_pandas()
        found = whereabouts.changed(listed.astype({c: _LISTED[c] for c in columns}), root)
        path = self.folder / CHANGED
        if found.empty:
            path.unlink(missing_ok=True)
            return
        _write_csv(found, path)
        counts = found["what"].value_counts()
        log.warning(
            "%s pictures changed since they were listed (%s), such as %s; answers that they have "
            "stay as they are (%s lists them; predict into a new folder to answer them again)",
            f"{len(found):,}", ", ".join(f"{count:,} {what}" for what, count in counts.items()),
            found["path"].iloc[0], CHANGED,
        )  # fmt: skip

    @property
    def listed(self) -> bool:
        """Whether the pictures are listed."""
        return (self.folder / PICTURES_FILE).is_file()

    def list_pictures(
        self,
        root: Path,
        pieces: Iterable[pd.DataFrame],
        block_size: int = BLOCK_SIZE,
        gap_seconds: float = EVENT_GAP_SECONDS,
    ) -> int:
        """Writes the list of pictures, or adds those that it has not got; returns how many.

        Args:
            root: folder that their paths are relative to.
            pieces: of a listing.
            block_size: pictures in a block; it is longer by what is left of its last event.
            gap_seconds: longest pause inside an event.
        """
        path, before, first = self.folder / PICTURES_FILE, None, 0
        if self.listed:
            before = self._open_list()
            column = before.read(["block"])["block"].to_numpy()
            first = int(column.max()) + 1 if len(column) else 0
        cutter = _Cutter(root, block_size, gap_seconds, first)
        pieces = self._new(pieces) if before is not None else pieces
        added = 0
        with parquet.writer(path, _schema()) as writer:
            for batch in before.iter_batches(PIECE) if before is not None else ():
                writer.write_table(pa.Table.from_batches([batch]))
            for piece in cutter.cut(pieces):
                writer.write_table(pa.Table.from_pandas(piece, _schema(), preserve_index=False))
                added += len(piece)
        return added

    def _new(self, pieces: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Pictures that are not listed."""
        known = self.read_list(["path"])
        paths = pd.Series(known["path"], dtype="string")
        for piece in pieces:
            there = occurs(piece["path"], paths)
            if not there.all():
                yield piece[~there].reset_index(drop=True)

    def blocks(self) -> Iterator[Block]:
        """All blocks in order; a piece of the list is in memory at a time."""
        rest = None
        for batch in self._open_list().iter_batches(PIECE):
            rows = pa.Table.from_batches([batch]).to_pandas().astype(_LISTED)
            rows = rows if rest is None else pd.concat([rest, rows], ignore_index=True)
            last = rows["block"].iloc[-1]
            rest = rows[rows["block"] == last]
            yield from _blocks(rows[rows["block"] != last])
        if rest is not None:
            yield from _blocks(rest)

    def block(self, number: int) -> Block:
        """One block."""
        rows = self.read_list().filter(pc.field("block") == number)
        return Block(number, rows.to_pandas().astype(_LISTED))

    def pending(self) -> Iterator[Block]:
        """The blocks that have no answers yet."""
        return (block for block in self.blocks() if not self.has(block.number))

    def places(self) -> tuple[pd.Series, pd.Series]:
        """Path and site of every picture."""
        listed = self.read_list(["path", "site"]).to_pandas()
        return listed["path"].astype("string"), listed["site"].astype("string")

    def counts(self) -> tuple[int, int]:
        """Pictures listed, and pictures in blocks that have no answers yet."""
        column = self.read_list(["block"])["block"]
        sizes = np.bincount(column.to_numpy()) if len(column) else np.zeros(0, int)
        missing = [not self.has(number) for number in range(len(sizes))]
        return len(column), int(sizes[np.array(missing, bool)].sum())

    def file(self, number: int) -> Path:
        """Where the answers of a block lie."""
        return self.folder / "blocks" / f"{number:06d}.parquet"

    def write(self, block: Block, answers: Answers) -> None:
        """Keeps the answers of a block, atomically."""
        facts = answers.facts.reset_index(drop=True)
        columns = {"path": pa.array(block.pictures["path"], pa.string(), from_pandas=True)}
        for name, kind in FACTS.items():
            columns[name] = pa.array(facts[name].astype(kind), from_pandas=True)
        for head, values in answers.probabilities.items():
            flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
            columns[f"p_{head}"] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
        stamp = {"artifact": BLOCK_KIND, "version": BLOCK_VERSION}
        parquet.write(parquet.stamped(pa.table(columns), stamp), self.file(block.number))

    def has(self, number: int) -> bool:
        """Whether a block is answered; answers that are damaged are forgotten, to be made anew."""
        return is_whole(self.file(number))

    def answers(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The answers of a block as they are kept.

        Raises:
            DamagedFile: they are not what was written.
        """
        return parquet.read(self.file(number), columns, way_out=_AGAIN)

    def read_list(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The list of pictures, or some columns of it.

        Raises:
            DamagedFile: it is not what was written.
        """
        return parquet.read(self.folder / PICTURES_FILE, columns, way_out=_ANEW)

    def _open_list(self) -> pq.ParquetFile:
        return parquet.open_file(self.folder / PICTURES_FILE, way_out=_ANEW)

    def assemble(
        self,
        classes: dict[str, tuple[str, ...]],
        info: dict,
        gap_seconds: float = EVENT_GAP_SECONDS,
        scores: Sequence[str] = (),
        corrected: Sequence[Correction] = (),
        event_weight: float = 0.0,
    ) -> Path:
        """Makes predictions.parquet of the blocks; returns its path.

        In memory are paths, times and events of all pictures, and the answers of some thousand.
        """
        ids, path = self._events(gap_seconds, corrected), self.folder / file_names.PREDICTIONS
        own = with_event.heads_read(event_weight, classes)
        info |= {WITH_EVENT: event_weight} if own else {}

        def parts() -> Iterator[Predictions]:
            start = 0
            for block in self.blocks():
                rows = ids.iloc[start : start + len(block)].reset_index(drop=True)
                answers = self.answers(block.number)
                yield _predictions(block, rows, answers, classes, info, scores)
                start += len(block)

        found = parts()
        if own:
            ends = np.cumsum([len(block) for block in self.blocks()])
            events = [ids["event_id"].iloc[a:b] for a, b in itertools.pairwise([0, *ends])]
            found = with_event.read_parts(parts, events, event_weight)
        with writing(path, classes, info, scores=scores, own=own) as add:
            for part in found:
                add(part)
        return path

    def _events(self, gap_seconds: float, corrected: Sequence[Correction]) -> pd.DataFrame:
        """[pictures] `event_id, frame, datetime, time_source, doubt` of all blocks together."""
        listed = self.read_list([*_TOLD, "block"]).to_pandas()
        numbers = range(listed["block"].max() + 1) if len(listed) else ()
        facts = pd.concat(
            [_nothing_read(), *(self._facts(number) for number in numbers)], ignore_index=True
        )
        _tell_failures(facts["failure"])
        tell_doubts(facts["doubt"])
        ids = with_times(listed, facts, corrected)
        self._tell_problems(clocks.problems(ids["path"], ids["datetime"], facts["camera"]))
        ids = events_of(ids, facts, gap_seconds, listed["site"]).drop(columns="path")
        return ids.assign(doubt=facts["doubt"].array)

    def _facts(self, number: int) -> pd.DataFrame:
        """What reading a block's pictures told; of a block of an earlier version, what it has."""
        path = self.file(number)
        with parquet.open_file(path, way_out=_AGAIN) as file, parquet.reading(path, _AGAIN):
            present = [name for name in FACTS if name in file.schema_arrow.names]
            table = file.read(present).to_pandas()
        return table.reindex(columns=list(FACTS)).astype(FACTS)

    def _tell_problems(self, found: pd.DataFrame) -> None:
        """Writes clock_problems.csv, and a line for each kind of problem to the log."""
        _write_csv(found, self.folder / CLOCK_PROBLEMS)
        for problem, rows in found.groupby("problem", sort=False):
            first = rows.iloc[0]
            log.warning(
                "clock: %s in %d folders, %s pictures, such as %s (%s)",
                problem,
                len(rows),
                f"{rows['pictures'].sum():,}",
                first["example"],
                first["detail"],
            )


def _tell_failures(reasons: pd.Series) -> None:
    """A line to the log for the pictures without an answer, by reason."""
    counts = reasons.value_counts()
    if len(counts):
        log.warning(
            "no answer to %s of %s pictures: %s",
            f"{counts.sum():,}",
            f"{len(reasons):,}",
            _most_frequent(counts),
        )


def tell_doubts(reasons: pd.Series) -> None:
    """A line to the log for the pictures that seem to be damaged, by reason."""
    counts = reasons.value_counts()
    if len(counts):
        log.warning(
            "%s pictures are answered, but seem to be damaged ('doubt' says so): %s",
            f"{counts.sum():,}",
            _most_frequent(counts),
        )


def _most_frequent(counts: pd.Series) -> str:
    first = "; ".join(f"{reason} ({count:,})" for reason, count in counts.head(3).items())
    return first + ("; ..." if len(counts) > 3 else "")


def with_times(
    listed: pd.DataFrame, facts: pd.DataFrame, corrected: Sequence[Correction] = ()
) -> pd.DataFrame:
    """Pictures with their times: those of the listing, else those of their headers.

    Args:
        listed: columns `path, event_id, frame, datetime, site` of a listing.
        facts: columns `FACTS`, row by row.
        corrected: clocks that were wrong.

    Returns:
        The same with `time_source`.
    """
    ids = listed[list(_TOLD)].reset_index(drop=True)
    ids = ids.astype({name: COLUMNS[name] for name in _TOLD})
    source = facts["time_source"].mask(ids["datetime"].notna(), METADATA)
    times, changed = corrections.apply(
        ids["datetime"].fillna(facts["datetime"]), ids["path"], ids.pop("site"), corrected
    )
    return ids.assign(datetime=times, time_source=source.mask(changed, source + CORRECTED))


def events_of(
    ids: pd.DataFrame, facts: pd.DataFrame, gap_seconds: float, sites: pd.Series
) -> pd.DataFrame:
    """Gives the pictures that are of no event one, see `grouping.group`.

    Args:
        ids: columns `path, event_id, frame, datetime`.
        facts: columns `FACTS`, row by row.
        gap_seconds: longest pause inside an event.
        sites: as the listing has them, row by row.

    Returns:
        `ids` without a missing event.
    """
    ids = ids.astype({"event_id": "string", "frame": "Int32"})
    alone = ids["event_id"].isna().to_numpy()
    if alone.any():
        own = ids[alone]
        event_id, frame = grouping.group(
            own["path"], own["datetime"], gap_seconds, facts[alone], sites[alone]
        )
        ids.loc[alone, "event_id"], ids.loc[alone, "frame"] = event_id.array, frame.array
    return ids


def _nothing_read() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in FACTS.items()})


def is_whole(path: Path) -> bool:
    """Whether a file of answers is there; one that is damaged is deleted, and a warning given."""
    if not path.is_file():
        return False
    try:
        if not parquet.check(path):  # of an earlier version
            parquet.read(path)
    except InputError as error:
        log.warning("%s; these pictures are answered again", error.value)
        path.unlink(missing_ok=True)
        return False
    return True


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        csv_text.write_frame(frame, file)


class NotProcessed:
    """Collects what is no picture, for not_processed.csv."""

    def __init__(self):
        self.rows: list[tuple[str, str]] = []

    def __call__(self, path: str, reason: str) -> None:
        """Takes a path and why it is not answered."""
        self.rows.append((path, reason))

    def write(self, folder: Path) -> None:
        """Writes the file."""
        write_text(folder / NOT_PROCESSED, csv_text.text([("path", "reason"), *sorted(self.rows)]))

    def tell(self) -> None:
        """Writes a line for each reason to the log."""
        for reason, count in collections.Counter(reason for _, reason in self.rows).most_common():
            log.info("not processed: %s (%s)", counted(count, "files"), reason)


class _Cutter:
    """Cuts a listing into blocks where no event is cut.

    Args:
        root: folder that the listing's paths are relative to.
        size: of a block, pictures; it is longer by what is left of its last event.
        gap_seconds: longest pause inside an event.
        number: of the first block.
    """

    def __init__(self, root: Path, size: int, gap_seconds: float, number: int):
        self.root, self.size, self.gap, self.number = root, size, gap_seconds, number
        self._frames: dict[str, bursts.Frame] = {}  # read around the next cut

    def cut(self, pieces: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The pieces, divided otherwise, with the column `block`."""
        waiting: list[pd.DataFrame] = []
        for piece in pieces:
            waiting.append(piece)
            if sum(map(len, waiting)) > self.size + _AROUND:
                *whole, rest = self._parts(pd.concat(waiting, ignore_index=True))
                yield from whole
                waiting = [rest]
        if waiting:
            yield from self._parts(pd.concat(waiting, ignore_index=True), last=True)

    def _parts(self, rows: pd.DataFrame, last: bool = False) -> Iterator[pd.DataFrame]:
        """Whole blocks, and what is left: a block too where these rows are the last."""
        pictures = [
            _Listed(path, None if pd.isna(event) else event, taken, site)
            for path, event, taken, site in zip(
                rows["path"], rows["event_id"], rows["datetime"], rows["site"], strict=True
            )
        ]
        start, end = 0, self.size
        known = len(rows) if last else len(rows) - _AROUND  # further on, it matters what comes
        while end < known:
            if self._parted(pictures[max(start, end - _AROUND) : end], pictures[end:][:_AROUND]):
                yield rows.iloc[start:end].assign(block=self.number)
                start, end, self.number = end, end + self.size, self.number + 1
                self._frames.clear()
            else:
                end += 1
        rest = rows.iloc[start:].reset_index(drop=True)
        yield rest.assign(block=self.number) if last else rest

    def _parted(self, before: list["_Listed"], after: list["_Listed"]) -> bool:
        """Whether no event holds pictures from before and after a cut."""
        sides = [{one.event_id for one in side} - {None} for side in (before, after)]
        if sides[0] & sides[1]:
            return False
        earlier, later = (
            {one.path: one for one in side if one.event_id is None} for side in (before, after)
        )
        shared = {*map(bursts.camera_folder, earlier)} & {*map(bursts.camera_folder, later)}
        frames = [
            self._frame(one)
            for path, one in (earlier | later).items()
            if bursts.camera_folder(path) in shared
        ]
        events = bursts.events(frames, self.gap)
        return all(len({frame.path in earlier for frame in event}) == 1 for event in events)

    def _frame(self, listed: "_Listed") -> bursts.Frame:
        """A picture as prediction will see it, without its pixels."""
        if listed.path not in self._frames:
            facts = exif.read(self.root / listed.path)
            known = not pd.isna(listed.taken)
            taken = listed.taken.to_pydatetime() if known else facts.taken
            position, size = facts.burst or (None, None)
            self._frames[listed.path] = bursts.Frame(
                listed.path,
                taken,
                grouping.device(listed.site, facts.camera),
                position,
                size,
                facts.trigger,
            )
        return self._frames[listed.path]


class _Listed(NamedTuple):
    """What a listing tells of a picture's event."""

    path: str
    event_id: str | None
    taken: pd.Timestamp
    site: object


def list_pictures(
    job: Job,
    found: Listing,
    block_size: int = BLOCK_SIZE,
    gap_seconds: float = EVENT_GAP_SECONDS,
    table: EventTable | None = None,
    told: bool = False,
) -> None:
    """Lists the pictures of a job, or adds those that have come since, and says how many.

    Args:
        job: whose pictures they are.
        found: where they are.
        block_size: pictures that are answered together.
        gap_seconds: longest pause inside an event made from times; no event is cut.
        table: gives the events' ids by path.
        told: this was said before, of another job on the same pictures.

    Raises:
        InputError: there are none, or none where a list says.
    """
    skipped, more = NotProcessed(), job.listed
    pieces = found.walk(skipped, job.folder)
    if table is not None:
        pieces = with_events(pieces, table)
    added = job.list_pictures(found.root, pieces, block_size, gap_seconds)
    skipped.write(job.folder)
    if not told:
        skipped.tell()
        log.info("listed %s %spictures", f"{added:,}", "new " if more else "")
    if not job.counts()[0]:
        (job.folder / PICTURES_FILE).unlink()
        raise InputError(
            f"a folder of pictures holds files ending in {', '.join(sorted(files.SUFFIXES))}",
            ", ".join(found.names),
            "Check the folder.",
        )
    _check_found(job, found.root)


def _check_found(job: Job, root: Path) -> None:
    """Refuses a list none of whose pictures lies where it says.

    Raises:
        InputError: so it is; the list is forgotten.
    """
    listed = job.read_list(["path", "bytes"])
    if listed["bytes"].null_count < len(listed) or is_remote(root):
        return
    (job.folder / PICTURES_FILE).unlink()
    raise InputError(
        "pictures of a list, or of metadata, lie in the folder that their paths are relative to",
        f"{root} with none of {len(listed):,}, such as {listed['path'][0]}",
        "Give that folder as --images.",
    )


@functools.cache
def _schema() -> pa.Schema:
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _LISTED.items()})
    return pa.Schema.from_pandas(empty, preserve_index=False).remove_metadata()


def kept_record(folder: PathLike) -> dict[str, Any] | None:
    """What a folder's `job.json` says its answers depend on; None where there is none."""
    path = Path(folder) / JOB_FILE
    return read_stamped(path, KIND, VERSION)["job"] if path.is_file() else None


def pictures_folder(folder: PathLike) -> Path | None:
    """The folder that the paths of a job's pictures are relative to.

    None where it cannot be told: no job, one of shards, or sources that are no longer there.
    """
    job = kept_record(folder)
    if job is None:
        return None
    if job.get("images"):
        return Path(job["images"])
    try:
        return resolve(job["sources"]).root if "sources" in job else None
    except InputError:
        return None


def _blocks(rows: pd.DataFrame) -> Iterator[Block]:
    for number, part in rows.groupby("block", sort=True):
        yield Block(int(number), part.reset_index(drop=True))


def _predictions(
    block: Block,
    ids: pd.DataFrame,
    answers: pa.Table,
    classes: dict,
    info: dict,
    scores: Sequence[str],
) -> Predictions:
    """The answers of a block as they stand in predictions.parquet."""
    check_stamp(parquet.stamp(answers.schema), BLOCK_KIND, BLOCK_VERSION, f"block {block.number}")
    rows = block.pictures[["path", "site", "season"]].assign(
        failure=answers["failure"].to_pandas(), **{name: ids[name] for name in ids}
    )
    told = [name for name in scores if f"p_{name}" in answers.column_names]
    outputs = {
        name: answers[f"p_{name}"].combine_chunks().flatten().to_numpy()
        for name in (*classes, *told)
    }
    unknown = np.full(len(rows), np.nan, np.float32)  # in blocks of before a score was kept
    return Predictions(
        rows,
        classes,
        {head: outputs[head].reshape(-1, len(names)) for head, names in classes.items()},
        info=info,
        scores={name: outputs.get(name, unknown) for name in scores},
    )


def _is_used(folder: Path) -> bool:
    """Whether a folder holds more than hidden files."""
    there = folder.iterdir() if folder.is_dir() else ()  # stores have no empty folders
    return any(not one.name.startswith(".") for one in there)


def _other(folder: Path, changes: dict[str, str]) -> InputError:
    moved = ", or --images=FOLDER where the pictures have moved there"
    # The boxes of a prediction are a job inside its folder, which nobody knows by name.
    given = folder.parent if folder.name == DETECTOR_FOLDER else folder
    return InputError(
        f"a results folder belongs to one job; {given} differs",
        "; ".join(changes.values()),
        "Give another --out, or the flags it was made with"
        f"{moved if changes.keys() <= _WHERE else ''}.",
    )


def _used(folder: Path) -> InputError:
    return InputError(
        "a results folder is new, empty, or that of the same job",
        str(folder),
        "Give another --out.",
    )


def _difference(present: dict, wanted: dict) -> dict[str, str]:
    """By name, what differs."""
    return {
        name: f"{name}: {present.get(name)} != {wanted.get(name)}"
        for name in dict.fromkeys((*present, *wanted))
        if present.get(name) != wanted.get(name)
    }
