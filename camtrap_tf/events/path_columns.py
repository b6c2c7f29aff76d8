"""Columns of paths of pictures in their one form, and paths that come as a folder and a file."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from camtrap_tf.core import paths
from camtrap_tf.pictures.files import SYSTEM_FOLDERS

_IN_SYSTEM_FOLDER = f"(?i)(^|/)({'|'.join(map(re.escape, sorted(SYSTEM_FOLDERS)))})/"


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


def in_system_folder(texts: pd.Series) -> np.ndarray:
    """[n] bool: whether relative paths lead through a folder of the system (`SYSTEM_FOLDERS`).

    >>> in_system_folder(pd.Series(["card/@eaDir/IMG_1.JPG/thumb.jpg", "card/IMG_1.JPG"])).tolist()
    [True, False]
    """
    found = pc.match_substring_regex(pa.array(texts, pa.string()), _IN_SYSTEM_FOLDER)
    return pc.fill_null(found, False).to_numpy(zero_copy_only=False)
