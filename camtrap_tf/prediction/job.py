"""A results folder as a job that can be stopped at any moment and goes on where it was.

    job.json             what is answered by what; another bundle or other flags are refused
    pictures.parquet     the pictures, listed once, in the order of the answers, with their block
    not_processed.csv    what was found beside them, with the reason why it is not answered
    blocks/N.parquet     the answers of a block of some hundred pictures; there when it is whole
    predictions.parquet  all of them, with events
    clock_problems.csv   times that cannot be, see `clocks`

A block is one task: it depends on its pictures and the bundle alone, ends in an atomic rename
and is not done again where it stands. So the answers are the same to the byte however often the
job was stopped, and whoever does the blocks. Frames of a capture event are in one block, unless
the event is longer than a block or its files are not named in the order of their times.
"""

import collections
import csv
import dataclasses
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from camtrap_tf.answers.predictions import Predictions, writing
from camtrap_tf.core.artifacts import (
    PathLike,
    atomic,
    check_stamp,
    is_remote,
    new_folder,
    write_json,
)
from camtrap_tf.core.artifacts import read_json as read_stamped
from camtrap_tf.core.config import EVENT_GAP_SECONDS
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import clocks, grouping
from camtrap_tf.events.listing import COLUMNS, PIECE, Listing
from camtrap_tf.events.table import find, occurs
from camtrap_tf.pictures import exif

KIND, VERSION = "prediction job", 1
BLOCK_KIND, BLOCK_VERSION = "block of answers", 1
JOB_FILE, PICTURES_FILE, NOT_PROCESSED = "job.json", "pictures.parquet", "not_processed.csv"
PREDICTIONS_FILE, CLOCK_PROBLEMS = "predictions.parquet", "clock_problems.csv"
BLOCK_SIZE = 512  # pictures; a block ends at the first event that ends after so many
_LISTED = {**COLUMNS, "block": "int32"}
# What reading a picture tells beside its pixels.
FACTS = {
    "datetime": "datetime64[us]", "failure": "string",
    "camera": "string",  # maker, model and serial number
    "position": "Int32",  # in its burst, from 1
}  # fmt: skip
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
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
        probabilities: by head, [pictures, classes] float32; NaN where it was not asked.
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
    def claim(cls, folder: PathLike, record: dict[str, Any]) -> "Job":
        """Makes the folder this job's, or finds that it is.

        Raises:
            InputError: the folder holds another job (the message shows the difference) or
                other files.
        """
        folder = new_folder(folder)
        path = folder / JOB_FILE
        record = json.loads(json.dumps(record))
        begun = (folder / PICTURES_FILE).is_file() or (folder / "blocks").is_dir()
        if path.is_file() and begun:
            present = read_stamped(path, KIND, VERSION)["job"]
            changes = _difference(present, record)
            if changes:
                raise InputError(
                    f"a results folder belongs to one job; {folder} differs",
                    "; ".join(changes),
                    "Give another --out, or the bundle and flags it was made with.",
                )
        elif not path.is_file() and _is_used(folder):
            raise InputError(
                "a results folder is new, empty, or that of the same job",
                str(folder),
                "Give another --out.",
            )
        else:
            write_json(path, KIND, VERSION, {"job": record})
        if not is_remote(folder):
            for leftover in (*folder.glob(".tmp-*"), *folder.glob("blocks/.tmp-*")):
                leftover.unlink(missing_ok=True)  # of processes that were killed
        return cls(folder, record)

    @property
    def listed(self) -> bool:
        """Whether the pictures are listed."""
        return (self.folder / PICTURES_FILE).is_file()

    def list_pictures(
        self,
        found: Listing,
        block_size: int = BLOCK_SIZE,
        gap_seconds: float = EVENT_GAP_SECONDS,
    ) -> int:
        """Writes the list of pictures, or adds those that it has not got; returns how many."""
        path, before, first = self.folder / PICTURES_FILE, None, 0
        if self.listed:
            before = pq.ParquetFile(path)
            column = before.read(["block"])["block"].to_numpy()
            first = int(column.max()) + 1 if len(column) else 0
        cutter = _Cutter(found.root, block_size, gap_seconds, first)
        pieces = self._new(found.pieces) if before is not None else found.pieces
        added = 0
        with atomic(path) as temporary, pq.ParquetWriter(temporary, _schema()) as writer:
            for batch in before.iter_batches(PIECE) if before is not None else ():
                writer.write_table(pa.Table.from_batches([batch]))
            for piece in pieces:
                piece["block"] = cutter.blocks(piece)
                writer.write_table(pa.Table.from_pandas(piece, _schema(), preserve_index=False))
                added += len(piece)
        return added

    def _new(self, pieces: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Pictures that are not listed; a file that was changed since then is pointed out."""
        known = pq.read_table(self.folder / PICTURES_FILE, columns=["path", "bytes", "modified"])
        paths, changed = pd.Series(known["path"], dtype="string"), 0
        marks = {name: known[name].to_pandas() for name in ("bytes", "modified")}
        for piece in pieces:
            there = occurs(piece["path"], paths)
            changed += _changed(piece[there], paths, marks)
            if not there.all():
                yield piece[~there].reset_index(drop=True)
        if changed:
            log.warning(
                "%s pictures changed since they were listed; their answers stay as they are "
                "(predict into a new folder to answer them again)",
                f"{changed:,}",
            )

    def blocks(self) -> Iterator[Block]:
        """All blocks in order; a piece of the list is in memory at a time."""
        rest = None
        for batch in pq.ParquetFile(self.folder / PICTURES_FILE).iter_batches(PIECE):
            rows = pa.Table.from_batches([batch]).to_pandas().astype(_LISTED)
            rows = rows if rest is None else pd.concat([rest, rows], ignore_index=True)
            last = rows["block"].iloc[-1]
            rest = rows[rows["block"] == last]
            yield from _blocks(rows[rows["block"] != last])
        if rest is not None:
            yield from _blocks(rest)

    def block(self, number: int) -> Block:
        """One block."""
        rows = pq.read_table(self.folder / PICTURES_FILE, filters=[("block", "=", number)])
        return Block(number, rows.to_pandas().astype(_LISTED))

    def pending(self) -> Iterator[Block]:
        """The blocks that have no answers yet."""
        return (block for block in self.blocks() if not self.file(block.number).is_file())

    def counts(self) -> tuple[int, int]:
        """Pictures listed, and pictures in blocks that have no answers yet."""
        column = pq.read_table(self.folder / PICTURES_FILE, columns=["block"])["block"]
        sizes = np.bincount(column.to_numpy()) if len(column) else np.zeros(0, int)
        missing = [not self.file(number).is_file() for number in range(len(sizes))]
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
        table = pa.table(columns).replace_schema_metadata({"camtrap": json.dumps(stamp)})
        with atomic(self.file(block.number)) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    def assemble(
        self,
        classes: dict[str, tuple[str, ...]],
        info: dict,
        gap_seconds: float = EVENT_GAP_SECONDS,
    ) -> Path:
        """Makes predictions.parquet of the blocks; returns its path.

        In memory are paths, times and events of all pictures, and the answers of some thousand.
        """
        ids = self._events(gap_seconds)
        path, start = self.folder / PREDICTIONS_FILE, 0
        with writing(path, classes, info) as add:
            for block in self.blocks():
                rows = ids.iloc[start : start + len(block)].reset_index(drop=True)
                answers = pq.read_table(self.file(block.number))
                add(_predictions(block, rows, answers, classes, info))
                start += len(block)
        return path

    def _events(self, gap_seconds: float) -> pd.DataFrame:
        """[pictures] `datetime, event_id, frame` of all blocks together."""
        listed = pq.read_table(
            self.folder / PICTURES_FILE, columns=["path", "event_id", "frame", "datetime", "block"]
        )
        numbers = range(int(listed["block"].to_numpy().max()) + 1) if len(listed) else ()
        told = ["datetime", "camera", "position", "failure"]
        read = pa.concat_tables([pq.read_table(self.file(n), columns=told) for n in numbers])
        read = read.combine_chunks()
        _tell_failures(read["failure"].to_pandas())
        times = pc.coalesce(listed["datetime"], read["datetime"])
        ids = listed.select(["path", "event_id", "frame"]).to_pandas()
        ids["datetime"] = times.to_pandas()
        facts = read.select(["camera", "position"]).to_pandas()
        self._tell_problems(clocks.problems(ids["path"], ids["datetime"], facts["camera"]))
        return events_of(ids, facts, gap_seconds).drop(columns="path")

    def _tell_problems(self, found: pd.DataFrame) -> None:
        """Writes clock_problems.csv, and a line for each kind of problem to the log."""
        with atomic(self.folder / CLOCK_PROBLEMS) as temporary:
            found.to_csv(temporary, index=False, lineterminator="\n")
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
            "no answer to %s of %s pictures: %s%s",
            f"{counts.sum():,}",
            f"{len(reasons):,}",
            "; ".join(f"{reason} ({count:,})" for reason, count in counts.head(3).items()),
            "; ..." if len(counts) > 3 else "",
        )


def events_of(ids: pd.DataFrame, facts: pd.DataFrame, gap_seconds: float) -> pd.DataFrame:
    """Gives the pictures that are of no event one, by camera and time.

    Args:
        ids: columns `path, event_id, frame, datetime`.
        facts: columns `camera, position` of `FACTS`, row by row.
        gap_seconds: see `events.group`.

    Returns:
        `ids` without a missing event.
    """
    ids = ids.astype({"event_id": "string", "frame": "Int32"})
    alone = ids["event_id"].isna().to_numpy()
    if alone.any():
        position = facts["position"].astype("Int32")
        columns = (ids["path"], ids["datetime"], facts["camera"], position)
        paths, times, cameras, position = (column[alone] for column in columns)
        event_id, frame = grouping.group(paths, times, gap_seconds, cameras, position)
        ids.loc[alone, "event_id"], ids.loc[alone, "frame"] = event_id.array, frame.array
    return ids


class NotProcessed:
    """Collects what is no picture, for not_processed.csv."""

    def __init__(self):
        self.rows: list[tuple[str, str]] = []

    def __call__(self, path: str, reason: str) -> None:
        """Takes a path and why it is not answered."""
        self.rows.append((path, reason))

    def write(self, folder: Path) -> None:
        """Writes the file, and a line for each reason to the log."""
        with (
            atomic(folder / NOT_PROCESSED) as temporary,
            open(temporary, "w", encoding="utf-8", newline="") as file,
        ):
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("path", "reason"))
            rows.writerows(sorted(self.rows))
        for reason, count in collections.Counter(reason for _, reason in self.rows).most_common():
            log.info("not processed: %s files (%s)", f"{count:,}", reason)


class _Cutter:
    """Cuts a listing into blocks, where events end."""

    def __init__(self, root: Path, size: int, gap_seconds: float, number: int):
        self.root, self.size, self.gap = root, size, gap_seconds
        self.number, self.count = number, 0
        self.before: tuple[str, str | None] | None = None  # path and event of the last picture

    def blocks(self, piece: pd.DataFrame) -> list[int]:
        """The block of each picture of the next piece."""
        found = []
        events_given = piece["event_id"].astype(object).where(piece["event_id"].notna(), None)
        for picture in zip(piece["path"], events_given, strict=True):
            if self._full(picture):
                self.number, self.count = self.number + 1, 0
            self.count, self.before = self.count + 1, picture
            found.append(self.number)
        return found

    def _full(self, picture: tuple[str, str | None]) -> bool:
        """Whether a new block begins: past its size where no event is cut, else past twice."""
        if self.count < self.size or self.before is None:
            return False
        return self.count >= 2 * self.size or not self._together(self.before, picture)

    def _together(self, one: tuple[str, str | None], other: tuple[str, str | None]) -> bool:
        """Whether two pictures may be of one event."""
        if one[1] is not None or other[1] is not None:
            return one[1] == other[1]
        if one[0].rpartition("/")[0] != other[0].rpartition("/")[0]:
            return False
        times = [exif.taken(self.root / path) for path, _ in (one, other)]
        if times[0] is None or times[1] is None:
            return False
        return abs((times[1] - times[0]).total_seconds()) <= self.gap


def _schema() -> pa.Schema:
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _LISTED.items()})
    return pa.Schema.from_pandas(empty, preserve_index=False).remove_metadata()


def _blocks(rows: pd.DataFrame) -> Iterator[Block]:
    for number, part in rows.groupby("block", sort=True):
        yield Block(int(number), part.reset_index(drop=True))


def _predictions(
    block: Block, ids: pd.DataFrame, answers: pa.Table, classes: dict, info: dict
) -> Predictions:
    """The answers of a block as they stand in predictions.parquet."""
    stamp = json.loads((answers.schema.metadata or {}).get(b"camtrap", b"{}"))
    check_stamp(stamp, BLOCK_KIND, BLOCK_VERSION, f"block {block.number}")
    rows = block.pictures[["path", "site", "season"]].assign(
        failure=answers["failure"].to_pandas(), **{name: ids[name] for name in ids}
    )
    probabilities = {
        head: answers[f"p_{head}"].combine_chunks().flatten().to_numpy().reshape(-1, len(names))
        for head, names in classes.items()
    }
    return Predictions(rows, classes, probabilities, info=info)


def _changed(piece: pd.DataFrame, paths: pd.Series, marks: dict[str, pd.Series]) -> int:
    """How many listed pictures have another size or time of change than then."""
    place = find(piece["path"], paths)
    differs = np.zeros(len(piece), bool)
    for name, then in marks.items():
        now = piece[name].to_numpy("float64", na_value=np.nan)
        listed = then.iloc[place].to_numpy("float64", na_value=np.nan)
        differs |= (now != listed) & ~(np.isnan(now) & np.isnan(listed))
    return int(differs.sum())


def _is_used(folder: Path) -> bool:
    """Whether a folder holds more than hidden files."""
    return any(not one.name.startswith(".") for one in folder.iterdir())


def _difference(present: dict, wanted: dict) -> list[str]:
    return [
        f"{name}: {present.get(name)} != {wanted.get(name)}"
        for name in dict.fromkeys((*present, *wanted))
        if present.get(name) != wanted.get(name)
    ]
