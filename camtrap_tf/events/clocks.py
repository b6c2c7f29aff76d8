"""What camera clocks tell that cannot be: for people to mend before they trust times.

Problems, each of a folder (one camera):

not set            times before 2000-01-02: the clock began anew (1970, 2000) or was never set
in the future      times later than the day on which they are looked at
goes back          a picture was taken before those with lower file numbers: the clock was set
                   there, and events are made as if it was (`bursts`)
several cameras    pictures of more than one maker, model or serial number
no times           none of the pictures has one: each is an event of its own
"""

import datetime

import pandas as pd

from camtrap_tf.events import bursts

FIRST_TIME = pd.Timestamp("2000-01-02")
COLUMNS = ("folder", "problem", "pictures", "example", "detail")


def problems(
    paths: pd.Series,
    times: pd.Series,
    cameras: pd.Series | None = None,
    now: datetime.datetime | None = None,
) -> pd.DataFrame:
    """Finds what is wrong with the clocks of a season's cameras.

    Args:
        paths: [n] relative paths with '/'; the folder is the camera.
        times: [n] datetime64, camera-local, missing where unknown.
        cameras: [n] maker, model and serial number, missing where unknown.
        now: what counts as future begins a day later; the present when None.

    Returns:
        One row per folder and problem, columns `COLUMNS`: how many pictures are concerned, the
        first of them, and what it is in words.

    >>> times = pd.Series(pd.to_datetime(["2020-01-01 10:00:00", "2019-12-01 10:00:00"]))
    >>> found = problems(pd.Series(["a/IMG_1.jpg", "a/IMG_2.jpg"]), times)
    >>> found.to_numpy().tolist()
    [['a', 'goes back', 1, 'a/IMG_2.jpg', 'by up to 31 days 00:00:00']]
    """
    table = pd.DataFrame({"path": paths.to_numpy(), "time": pd.to_datetime(times.to_numpy())})
    table["camera"] = None if cameras is None else cameras.to_numpy()
    table["folder"] = table["path"].astype("string").str.rpartition("/")[0]
    latest = pd.Timestamp(now or datetime.datetime.now()) + pd.Timedelta(1, "D")
    rows = [
        (folder, *problem)
        for folder, own in table.groupby("folder", sort=True)
        for problem in _of_folder(own, latest)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_folder(table: pd.DataFrame, latest: pd.Timestamp) -> list[tuple]:
    """Problem, number of pictures, example and detail of a folder's problems."""
    path, time = table["path"], table["time"]
    if time.isna().all():
        return [("no times", len(table), path.iloc[0], "each picture is an event of its own")]
    found = []
    for problem, wrong in (("not set", time < FIRST_TIME), ("in the future", time > latest)):
        if wrong.any():
            days = f"{time[wrong].min():%Y-%m-%d} to {time[wrong].max():%Y-%m-%d}"
            found.append((problem, int(wrong.sum()), path[wrong].iloc[0], days))
    back = _set_back(table)
    if back:
        largest = pd.Timedelta(max(step for _, step in back))
        found.append(("goes back", len(back), back[0][0].path, f"by up to {largest}"))
    names = table["camera"].dropna().unique()
    if len(names) > 1:
        shown = "; ".join(map(str, names[:3]))
        found.append(("several cameras", len(table), path.iloc[0], f"{len(names)}: {shown}"))
    return found


def _set_back(table: pd.DataFrame) -> list[tuple[bursts.Frame, datetime.timedelta]]:
    """Pictures of a folder before which a clock was set back, and how far."""
    columns = [table[name].astype(object).where(table[name].notna(), None) for name in _FRAME]
    return bursts.clock_steps(
        bursts.Frame(path, time and time.to_pydatetime(), camera)
        for path, time, camera in zip(*columns, strict=True)
    )


_FRAME = ("path", "time", "camera")
