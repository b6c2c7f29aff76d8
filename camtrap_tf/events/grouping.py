"""Pictures to capture events, where a project gives no event ids."""

import numpy as np
import pandas as pd

from camtrap_tf.core.config import EVENT_GAP_SECONDS

BURST_PAUSE = 60.0  # seconds; no burst waits longer between two of its pictures


def group(
    paths: pd.Series,
    times: pd.Series,
    gap_seconds: float = EVENT_GAP_SECONDS,
    cameras: pd.Series | None = None,
    positions: pd.Series | None = None,
) -> tuple[pd.Series, pd.Series]:
    """Groups pictures of one folder (one camera) taken shortly after one another.

    A picture begins a new event when it was taken more than `gap_seconds` after the one before
    it in its folder. Pictures without a time are events of their own. An event is named after
    its first picture.

    Where the camera numbers the pictures of a trigger, these numbers decide: the next number
    goes on with the event (up to `BURST_PAUSE`), the same or a lower one begins another.

    Args:
        paths: [n] relative paths with '/'; the folder is the camera.
        times: [n] datetime64, camera-local, missing where unknown.
        gap_seconds: longest pause inside an event, seconds.
        cameras: [n] text that tells several cameras of a folder apart, missing where unknown.
        positions: [n] Int, place of the picture in its burst, missing where unknown.

    Returns:
        event_id: [n] string; frame: [n] Int32, position within the event. In the order given.

    >>> times = pd.Series(pd.to_datetime(["2020-01-01 10:00:00", "2020-01-01 10:00:02", None]))
    >>> ids, frames = group(pd.Series(["a/1.jpg", "a/2.jpg", "a/3.jpg"]), times)
    >>> ids.tolist(), frames.tolist()
    (['a/1.jpg', 'a/1.jpg', 'a/3.jpg'], [0, 1, 0])
    """
    table = pd.DataFrame({"path": paths.to_numpy(), "time": pd.to_datetime(times.to_numpy())})
    table["camera"] = table["path"].astype("string").str.rpartition("/")[0]
    if cameras is not None:
        table["camera"] += "\n" + cameras.astype("string").fillna("").array
    ordered = table.sort_values(["camera", "time", "path"])
    pause = ordered.groupby("camera")["time"].diff().dt.total_seconds()
    begins = pause.isna() | (pause > gap_seconds) | ordered["time"].isna()
    if positions is not None:
        own = positions.astype("Float64").reset_index(drop=True).loc[ordered.index]
        step = own.diff()  # what lies between two cameras is of no matter: a pause is missing there
        begins |= (step <= 0).fillna(False)
        begins &= ~((step == 1) & (pause <= BURST_PAUSE)).fillna(False)
    number = begins.cumsum()
    event_id = ordered.groupby(number)["path"].transform("first")
    frame = ordered.groupby(number).cumcount().astype("Int32")
    order = np.arange(len(table))
    return event_id.loc[order].astype("string"), frame.loc[order]
