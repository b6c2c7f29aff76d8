"""Columns of paths of pictures in their one form, and paths that come as a folder and a file."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from camtrap_tf.core import paths


def normal(texts: pd.Series) -> pd.Series:
    """[n] string: each path in its one form (`core.paths.normal`); missing stays missing.

    This is the key by which a name in one table finds that in another, or on a disk.
    """
    texts = texts.astype("string")
    odd = pc.match_substring_regex(pa.array(texts, pa.string()), paths.ODD)
    odd = pc.fill_null(odd, False).to_numpy(zero_copy_only=False)
    if odd.any():
        texts = texts.copy()
        texts[odd] = [paths.normal(text) for text in texts[odd]]
    return texts


def joined(folders: pd.Series, files: pd.Series) -> pd.Series:
    r"""[n] string: paths of a folder and a file each; no folder stands for the root.

    >>> joined(pd.Series(["s1\\100RECNX", None]), pd.Series(["1.jpg", "2.jpg"])).tolist()
    ['s1/100RECNX/1.jpg', '2.jpg']
    """
    folders = normal(folders.fillna(""))
    return normal((folders + "/").where(folders != "", "") + files)
