"""Columns of numbers that are made a part at a time: from a file, or from another column."""

import abc
from collections.abc import Callable

import numpy as np
import pyarrow.parquet as pq

from camtrap_tf.core import parquet

PART = 1 << 16  # rows in memory while something is made of all


class Column(abc.ABC):
    """[rows, classes] float32 that is not in memory.

    It stands in for an array where rows are taken by their positions, and columns, maxima and
    their positions of all rows; whatever else asks for an array is given one of all rows.

    Args:
        shape: rows and classes.
    """

    def __init__(self, shape: tuple[int, int]):
        self.shape = shape

    @abc.abstractmethod
    def rows(self, positions: np.ndarray) -> np.ndarray:
        """[positions, classes] float32."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key) -> np.ndarray:
        if isinstance(key, np.ndarray) and key.ndim == 1 and key.dtype != bool:
            return self.rows(key)
        if isinstance(key, tuple) and key[0] == slice(None):
            return self._by_parts(lambda values: values[key])
        return np.asarray(self)[key]

    def argmax(self, axis: int) -> np.ndarray:
        """[rows] int, with axis 1."""
        return self._by_parts(lambda values: values.argmax(axis=axis))

    def max(self, axis: int) -> np.ndarray:
        """[rows] float32, with axis 1."""
        return self._by_parts(lambda values: values.max(axis=axis))

    def _by_parts(self, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        starts = range(0, max(len(self), 1), PART)
        rows = (np.arange(start, min(start + PART, len(self))) for start in starts)
        return np.concatenate([function(self.rows(part)) for part in rows])

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.rows(np.arange(len(self))).astype(dtype or np.float32, copy=False)


class StoredColumn(Column):
    """A column of lists of one length in a Parquet file.

    Row groups are read whole, and the last one is kept: rows in the order of the file are read
    once each.

    Args:
        file: an open file.
        name: of the column.
        classes: length of its lists.
    """

    def __init__(self, file: pq.ParquetFile, name: str, classes: int):
        meta = file.metadata
        super().__init__((meta.num_rows, classes))
        self.file, self.name = file, name
        sizes = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
        self.starts = np.cumsum([0, *sizes])
        self.kept: tuple[int, np.ndarray] | None = None

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """[positions, classes] float32."""
        values = np.empty((len(positions), self.shape[1]), np.float32)
        groups = np.searchsorted(self.starts, positions, side="right") - 1
        for group in np.unique(groups):
            asked = groups == group
            values[asked] = self._group(int(group))[positions[asked] - self.starts[group]]
        return values

    def _group(self, group: int) -> np.ndarray:
        if self.kept is None or self.kept[0] != group:
            with parquet.reading(f"column {self.name} of a predictions file"):
                lists = self.file.read_row_group(group, [self.name])[0].combine_chunks()
            self.kept = group, lists.flatten().to_numpy().reshape(-1, self.shape[1])
        return self.kept[1]
