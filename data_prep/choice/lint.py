"""Checks of an event table, and of its pictures: what deserves a look before it is used.

A finding is no error: an event on which volunteers disagree may be the most interesting one.
"""

import concurrent.futures
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core.artifacts import PathLike, existing_folder
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY
from camtrap_tf.core.paths import on_disk
from camtrap_tf.core.progress import progress
from camtrap_tf.events import path_columns
from camtrap_tf.events.listing import shown
from camtrap_tf.events.table import EventTable, find, occurs
from camtrap_tf.pictures import files as pictures
from data_prep.choice.select import event_labels

COLUMNS = ["check", "item", "detail", "count"]
EVENNESS = 0.7  # Pielou's; 12 votes against 3 are 0.72
VOTES = 5  # blanks after which Snapshot Serengeti retired an event
_DARK, _BRIGHT = 24, 231  # of 255; sensor noise and JPEG blur lie within
_ALMOST_ALL = 0.98  # of a frame's pixels
_MIDDLE = slice(5, 27)  # rows of 32 that no info bar covers
_LOOK = PictureSpec(size=32)
_AT_A_TIME = 4096


def lint(
    table: EventTable,
    images: PathLike | None = None,
    *,
    look: bool = True,
    evenness: float = EVENNESS,
    votes: int = VOTES,
    effort: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Everything that deserves a look.

    Args:
        table: the events.
        images: folder that the picture paths are relative to; None looks at no files.
        look: whether to decode the pictures, to find unreadable, damaged, black and white ones.
        evenness: from which evenness of their votes volunteers are said to disagree, in [0, 1].
        votes: how many volunteers an empty event should rest on.
        effort: when cameras were at work, see `sources.dryad.read_search_effort`.

    Returns:
        One row per finding, `check, item, detail, count`, in the order of the checks. `item` is
        an event id or a path; `count` is 1, or how many things a rule of the source left out.

    Raises:
        InputError: evenness is out of range, or there is no such folder.
    """
    if not 0 <= evenness <= 1:
        raise InputError("evenness lies in [0, 1]", evenness, "0.7?")
    found = [
        *_left_out(table),
        _without_pictures(table),
        _twice(table.events["event_id"], "event id more than once"),
        _twice(table.frames["path"], "picture in the table more than once"),
        _without_label(table),
        _without_time(table),
        _disagreement(table, evenness),
        _weak_blanks(table, votes),
    ]
    if effort is not None:
        found.append(_out_of_effort(table, effort))
    if images is not None:
        found += _files(table, existing_folder(images, "the picture folder"), look)
    texts = dict.fromkeys(COLUMNS[:-1], "string")
    return pd.concat(found, ignore_index=True).astype({**texts, "count": int})


def summary(findings: pd.DataFrame) -> str:
    """Findings by check, for people: how many, and two examples."""
    if findings.empty:
        return "found nothing"
    lines = ["found:"]
    for check, rows in findings.groupby("check", sort=False):
        examples = ", ".join(rows["item"].iloc[:2])
        lines.append(f"  {rows['count'].sum():>9,}  {check} (e.g. {examples})")
    return "\n".join(lines)


def _rows(check: str, items: pd.Series, details: pd.Series | str = "") -> pd.DataFrame:
    return pd.DataFrame({"check": check, "item": items, "detail": details, "count": 1})


def _left_out(table: EventTable) -> Iterator[pd.DataFrame]:
    """What reading the source left out or could not read; the table keeps examples only."""
    for rule, count in table.dropped.counts.items():
        examples = ", ".join(table.dropped.examples[rule])
        yield _rows(f"read: {rule}", pd.Series([examples]), "examples").assign(count=count)


def _without_pictures(table: EventTable) -> pd.DataFrame:
    ids = table.events["event_id"]
    return _rows("event without pictures", ids[~occurs(ids, table.frames["event_id"])])


def _twice(names: pd.Series, check: str) -> pd.DataFrame:
    again = names[names.duplicated(keep=False)].value_counts(sort=False)
    return _rows(check, again.index.to_series(), again.astype("string") + " times")


def _without_label(table: EventTable) -> pd.DataFrame:
    ids = table.events["event_id"]
    return _rows("event without label", ids[~occurs(ids, table.labels["event_id"])])


def _without_time(table: EventTable) -> pd.DataFrame:
    """Events without a time, where other events have one."""
    events = table.events
    absent = events["datetime"].isna()
    ids = events["event_id"][absent] if not absent.all() else events["event_id"].iloc[:0]
    return _rows("event without time", ids)


def _disagreement(table: EventTable, evenness: float) -> pd.DataFrame:
    events = table.events
    apart = events[(events["evenness"] >= evenness).fillna(False).astype(bool)]
    details = "evenness " + apart["evenness"].round(3).astype("string")
    return _rows("volunteers disagree", apart["event_id"], details)


def _weak_blanks(table: EventTable, votes: int) -> pd.DataFrame:
    labels, events = event_labels(table), table.events
    empty = occurs(events["event_id"], labels["event_id"][labels["species"] == EMPTY])
    few = (events["blanks"] < votes).fillna(False).to_numpy(bool) & empty
    details = events["blanks"][few].astype("Int64").astype("string") + " saw nothing"
    return _rows("empty by few votes", events["event_id"][few], details)


def _out_of_effort(table: EventTable, effort: pd.DataFrame) -> pd.DataFrame:
    """Events at times when their camera is not known to have been at work."""
    events = table.events[table.events["datetime"].notna() & table.events["site"].notna()]
    events = events[occurs(events["site"], effort["site"])]
    joined = events[["event_id", "site", "datetime"]].merge(effort, on="site")
    day = joined["datetime"].dt.normalize()
    inside = joined["event_id"][(day >= joined["start"]) & (day <= joined["end"])]
    outside = events[~occurs(events["event_id"], inside)]
    return _rows(
        "outside the search effort", outside["event_id"], outside["datetime"].astype("string")
    )


def _files(table: EventTable, folder: Path, look: bool) -> list[pd.DataFrame]:
    """Findings about the picture files of a folder."""
    files = list(pictures.find(folder))
    there = pd.Series(filter(pictures.is_text, files), dtype="string")
    odd = pd.Series([shown(file) for file in files if not pictures.is_text(file)], dtype="string")
    paths = table.frames["path"]
    key, keys = path_columns.normal(paths), path_columns.normal(there)
    listed = occurs(key, keys)
    found = [
        _rows("picture file is missing", paths[~listed]),
        _rows("picture file without event", there[~occurs(keys, key)]),
        _rows("picture file whose name is not valid UTF-8", odd, "rename it"),
    ]
    if look:
        found.append(_looks(folder, paths[listed].drop_duplicates().tolist()))
    return found


def _looks(folder: Path, paths: list[str]) -> pd.DataFrame:
    """Pictures that cannot be read, seem damaged, or are all black or white."""
    rows = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        starts = range(0, len(paths), _AT_A_TIME)
        looks = itertools.chain.from_iterable(
            pool.map(lambda path: fault(on_disk(folder, path)), paths[start : start + _AT_A_TIME])
            for start in starts
        )
        for path, (check, detail) in zip(
            paths, progress(looks, len(paths), "looking"), strict=True
        ):
            if check:
                rows.append((check, path, detail, 1))
    order = find(pd.Series([row[0] for row in rows]), pd.Series(_FAULTS))
    return pd.DataFrame([rows[i] for i in np.argsort(order, kind="stable")], columns=COLUMNS)


_FAULTS = (
    "picture cannot be read", "picture seems damaged", "picture all black", "picture all white",
)  # fmt: skip


def fault(path: PathLike) -> tuple[str, str]:
    """What is wrong with a picture, and why; two empty texts where nothing is.

    Only the middle rows count: a bar with date and time is neither black nor white.
    """
    try:
        picture = pictures.read(path, _LOOK)
    except pictures.PictureError as error:
        return _FAULTS[0], str(error)
    pixels = picture.pixels[_MIDDLE]
    if picture.doubt:
        return _FAULTS[1], picture.doubt
    if (pixels <= _DARK).mean() >= _ALMOST_ALL:
        return _FAULTS[2], f"brightness {pixels.mean():.0f} of 255"
    if (pixels >= _BRIGHT).mean() >= _ALMOST_ALL:
        return _FAULTS[3], f"brightness {pixels.mean():.0f} of 255"
    return "", ""
