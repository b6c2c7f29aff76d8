"""The event table: one row per capture event, with its frames and its labels.

In memory it is three flat data frames, which pandas handles fast at millions of rows; on
disk it is one Parquet file with one row per capture event, whose columns `frames` and
`labels` are lists of structures, so that any Parquet reader shows an event whole.

events (one row per capture event, `event_id` unique)
    event_id   string
    site       string or missing: the camera station
    season     string or missing
    datetime   timestamp without time zone (camera-local) or missing
    source     string: who labelled the event: 'expert', 'volunteers', 'annotation', ...
               ('none' where there are no labels)
    evenness   float or missing: Pielou evenness of the volunteers' votes
    classifications, blanks   float or missing: how many volunteers looked, how many saw nothing

frames (in capture order within each event)
    event_id, path (relative to the picture folder, '/' separators), image_id (the source's)

labels (one row per event and species, or per frame and species where a source labels frames)
    event_id
    frame      Int32 or missing: position among the event's frames; missing = whole event
    species    string; 'empty' says that the event or frame is empty
    count      string or missing: a bin of `labels.COUNT_BINS`
    standing, resting, moving, eating, interacting, babies
               float or missing: share of votes in [0, 1]
    further heads (`EventTable.heads`)
               of a yes-or-no question: float or missing, share of votes in [0, 1]; of one of
               several classes: string or missing, the class
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from camtrap_tf.core import parquet
from camtrap_tf.core.artifacts import PathLike, check_stamp, existing_file
from camtrap_tf.core.dropped import Dropped
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, BINARY

KIND, VERSION = "event table", 1

EVENT_COLUMNS = {
    "event_id": "string", "site": "string", "season": "string", "datetime": "datetime64[us]",
    "source": "string", "evenness": "Float64", "classifications": "Float64", "blanks": "Float64",
}  # fmt: skip
FRAME_COLUMNS = {"event_id": "string", "path": "string", "image_id": "string"}
LABEL_COLUMNS = {
    "event_id": "string", "frame": "Int32", "species": "string", "count": "string",
    **dict.fromkeys(ATTRIBUTES, "Float64"),
}  # fmt: skip


@dataclasses.dataclass
class EventTable:
    """Capture events with their frames and labels; see the module's description.

    `heads` are further questions that labels answer: class names by name (`heads.declared`).
    """

    events: pd.DataFrame
    frames: pd.DataFrame
    labels: pd.DataFrame
    origin: str = ""  # where it comes from, for people
    dropped: Dropped = dataclasses.field(default_factory=Dropped)
    heads: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.events = _conform(self.events, EVENT_COLUMNS, "events")
        self.frames = _conform(self.frames, FRAME_COLUMNS, "frames")
        columns = LABEL_COLUMNS | {name: _kind(names) for name, names in self.heads.items()}
        self.labels = _conform(self.labels, columns, "labels")
        for name, names in self.heads.items():
            _check_classes(self.labels[name], names)

    @property
    def attributes(self) -> list[str]:
        """Names of the label columns that hold shares of a yes or no."""
        return [*ATTRIBUTES, *(name for name, names in self.heads.items() if names == BINARY)]

    @property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """Further heads that are answered by one of several classes."""
        return {name: names for name, names in self.heads.items() if names != BINARY}

    def __len__(self) -> int:
        return len(self.events)

    def keep(self, event_ids: Iterable[str], dropped: Dropped | None = None) -> "EventTable":
        """The table of the given events only, in the present order."""
        wanted = pd.Series(event_ids, dtype="string")
        parts = (frame[occurs(frame["event_id"], wanted)] for frame in self._frames())
        report = self.dropped.merge(dropped or Dropped())
        return EventTable(*parts, origin=self.origin, dropped=report, heads=self.heads)

    def without_frames(self, out: np.ndarray) -> "EventTable":
        """The table without some pictures, their own labels, and events that consist of these.

        Args:
            out: [frames] bool, in the order of `frames`.
        """
        place = self.frames.groupby("event_id").cumcount().astype("Int32")
        old = self.frames[["event_id"]].assign(frame=place)[~out]
        now = old.assign(now=old.groupby("event_id").cumcount().astype("Int32"))
        labels = self.labels.merge(now, on=["event_id", "frame"], how="left")
        stays = labels["frame"].isna() | labels["now"].notna()
        labels = labels.assign(frame=labels["now"]).drop(columns="now")[stays]
        rest = dataclasses.replace(self, frames=self.frames[~out], labels=labels)
        gone = occurs(self.events["event_id"], self.frames["event_id"][out])
        gone &= ~occurs(self.events["event_id"], old["event_id"])
        return rest.keep(self.events["event_id"][~gone]) if gone.any() else rest

    def write(self, path: PathLike) -> None:
        """Writes one Parquet file, one row per event, atomically."""
        stamp = {
            "artifact": KIND, "version": VERSION,
            "origin": self.origin, "dropped": self.dropped.to_json(), "heads": self.heads,
        }  # fmt: skip
        order = self.events["event_id"]
        columns = _arrow_columns(self.events)
        columns["frames"] = _nest(self.frames, order)
        columns["labels"] = _nest(self.labels, order)
        parquet.write(parquet.stamped(pa.table(columns), stamp), path)

    @classmethod
    def read(cls, path: PathLike) -> "EventTable":
        """Reads what `write` wrote.

        Raises:
            InputError: no such file, not an event table, another version of it, or damaged.
        """
        path = existing_file(path, "an event table")
        way_out = "Make it anew with `camtrap prepare`."
        table = parquet.read(path, what="an event table", way_out=way_out)
        stamp = parquet.stamp(table.schema)
        check_stamp(stamp, KIND, VERSION, path)
        ids = table["event_id"].combine_chunks()
        events = table.drop_columns(["frames", "labels"]).to_pandas()
        frames = _unnest(table["frames"].combine_chunks(), ids)
        labels = _unnest(table["labels"].combine_chunks(), ids)
        heads = {name: tuple(names) for name, names in stamp.get("heads", {}).items()}
        return cls(events, frames, labels, stamp["origin"], Dropped(**stamp["dropped"]), heads)

    def _frames(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        return self.events, self.frames, self.labels


def find(names: pd.Series, among: pd.Series) -> np.ndarray:
    """[names] int64: the position of each name's first occurrence in `among`, -1 where none.

    Arrow's hash table; pandas' own look-ups take ten times as long on columns of text.
    """
    position = pc.index_in(pa.array(names, pa.string()), value_set=pa.array(among, pa.string()))
    return pc.fill_null(position, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def occurs(names: pd.Series, among: pd.Series) -> np.ndarray:
    """[names] bool: whether each name occurs in `among`."""
    return find(names, among) >= 0


def _conform(frame: pd.DataFrame, columns: dict[str, str], what: str) -> pd.DataFrame:
    """Adds missing columns, orders and types them; an unknown column is an error."""
    unknown = sorted(set(frame.columns) - set(columns))
    if unknown:
        raise InputError(
            f"columns of `{what}` are among {sorted(columns)}", unknown, "Drop or rename them."
        )
    full = frame.reindex(columns=list(columns)).astype(columns)
    return full.reset_index(drop=True)


def _kind(classes: tuple[str, ...]) -> str:
    """Type of the column of a further head."""
    return "Float64" if classes == BINARY else "string"


def _check_classes(labels: pd.Series, classes: tuple[str, ...]) -> None:
    if classes == BINARY:
        wrong = labels[~labels.between(0, 1) & labels.notna()]
        accepted = "a share in [0, 1]"
    else:
        wrong = labels[~labels.isin(classes) & labels.notna()]
        accepted = f"one of {', '.join(classes)}"
    if len(wrong):
        raise InputError(f"`{labels.name}` is {accepted}", wrong.iloc[0], "Correct the label.")


def _arrow_columns(frame: pd.DataFrame) -> dict[str, pa.Array]:
    columns = {name: pa.array(frame[name], from_pandas=True) for name in frame.columns}
    # Text that was read block by block stays in pieces.
    return {
        name: column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        for name, column in columns.items()
    }


def _nest(rows: pd.DataFrame, order: pd.Series) -> pa.Array:
    """Rows grouped into one list of structures per event, in the events' order."""
    position = find(rows["event_id"], order)
    if (position < 0).any():
        stray = rows["event_id"][position < 0].unique()[:3].tolist()
        raise InputError("frames and labels belong to an event of the table", stray, "Add it.")
    by_event = np.argsort(position, kind="stable")
    sizes = np.bincount(position, minlength=len(order))
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    inner = rows.drop(columns="event_id").iloc[by_event]
    columns = _arrow_columns(inner)
    struct = pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    return pa.ListArray.from_arrays(pa.array(offsets), struct)


def _unnest(lists: pa.Array, ids: pa.Array) -> pd.DataFrame:
    """The reverse of `_nest`."""
    structs = lists.flatten()
    columns = {field.name: structs.field(i) for i, field in enumerate(structs.type)}
    repeat = np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy()))
    return pa.table({"event_id": ids.take(pa.array(repeat)), **columns}).to_pandas()
