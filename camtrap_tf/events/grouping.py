"""Tables of pictures to capture events, where a project gives no event ids: see `bursts`."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from camtrap_tf.core.config import EVENT_GAP_SECONDS
from camtrap_tf.events import bursts
from camtrap_tf.pictures import exif

# What a picture's header tells of its event; see `bursts.Frame`.
FACTS = {"camera": "string", "position": "Int32", "burst_size": "Int32", "trigger": "Int64"}


def group(
    paths: pd.Series,
    times: pd.Series,
    gap_seconds: float = EVENT_GAP_SECONDS,
    facts: pd.DataFrame | None = None,
    sites: pd.Series | None = None,
) -> tuple[pd.Series, pd.Series]:
    """Groups pictures into capture events by `bursts.events`.

    An event is named after its first picture.

    Args:
        paths: [n] relative paths with '/'.
        times: [n] datetime64, camera-local, missing where unknown.
        gap_seconds: longest pause inside an event, seconds.
        facts: [n] columns of `FACTS`, as far as they are known.
        sites: [n] where metadata say that the camera stood, missing where they do not; cameras
            of one folder are told apart by it.

    Returns:
        event_id: [n] string; frame: [n] Int32, position within the event. In the order given.

    >>> times = pd.Series(pd.to_datetime(["2020-01-01 10:00:00", "2020-01-01 10:00:02", None]))
    >>> ids, frames = group(pd.Series(["a/1.jpg", "a/2.jpg", "a/3.jpg"]), times)
    >>> ids.tolist(), frames.tolist()
    (['a/1.jpg', 'a/1.jpg', 'a/3.jpg'], [0, 1, 0])
    """
    if paths.empty:
        return pd.Series(dtype="string"), pd.Series(dtype="Int32")
    table = pd.DataFrame({"path": paths.to_numpy(), "taken": pd.to_datetime(times.to_numpy())})
    known = pd.DataFrame() if facts is None else facts.reset_index(drop=True)
    table = table.join(known.reindex(index=table.index, columns=list(FACTS)).astype(FACTS))
    if sites is not None:
        own = zip(sites, table["camera"], strict=True)
        table["camera"] = pd.Series([device(*one) for one in own], table.index, "string")
    folder, folders = pd.factorize(table["path"].astype("string").str.rpartition("/")[0])
    camera = pd.factorize(pd.Series([f"{name}/" for name in folders]).map(bursts.camera_folder))[0]
    camera = camera[folder]
    event_id, place = np.empty(len(table), object), np.zeros(len(table), np.int32)
    # A camera at a time: a season's pictures are not all in memory as frames.
    for rows in pd.Series(camera).groupby(camera).indices.values():
        for event in bursts.events(_frames(table.iloc[rows]), gap_seconds):
            own = [frame.row for frame in event]
            event_id[own], place[own] = event[0].path, np.arange(len(own))
    return pd.Series(event_id, dtype="string"), pd.Series(place, dtype="Int32")


def device(site: object, camera: object) -> str | None:
    """What tells a camera from others of a folder: its site and its header.

    >>> device("B04", None), device(pd.NA, "R 1"), device(None, None)
    ('B04', 'R 1', None)
    """
    return " ".join(str(one) for one in (site, camera) if not pd.isna(one)) or None


def headers(read: Iterable[exif.Facts]) -> pd.DataFrame:
    """Columns `FACTS` of what headers tell."""
    rows = [(one.camera, *(one.burst or (None, None)), one.trigger) for one in read]
    return pd.DataFrame(rows, columns=list(FACTS)).astype(FACTS)


@dataclasses.dataclass(frozen=True)
class _Row(bursts.Frame):
    """A frame that knows its row."""

    row: int = 0


def _frames(table: pd.DataFrame) -> Iterator[_Row]:
    """The rows of a table, `path`, `taken` and `FACTS`, as frames."""
    columns = [table[name].astype(object).where(table[name].notna(), None) for name in table]
    for row, path, taken, *facts in zip(table.index, *columns, strict=True):
        yield _Row(path, taken and taken.to_pydatetime(), *facts, row=row)
