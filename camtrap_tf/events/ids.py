"""Ids that count within a place, made to count everywhere."""

import pandas as pd


def within(places: pd.Series, ids: pd.Series) -> pd.Series:
    """[n] string: each id, with its place before it where several places use the id.

    Projects number the events of each camera from 1; camera A's event 1 is not camera B's. A
    missing place says nothing, so that ids with no more than one place stay as they are.

    >>> within(pd.Series(["A", "B", "A"]), pd.Series(["1", "1", "2"])).tolist()
    ['A/1', 'B/1', '2']
    """
    used = pd.DataFrame({"place": places, "id": ids}).dropna().drop_duplicates()
    shared = used["id"][used["id"].duplicated()]
    clash = ids.isin(shared) & ids.notna() & places.notna()
    return ids.mask(clash, places + "/" + ids).astype("string")
