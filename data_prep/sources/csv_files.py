"""Columns of CSV files by their names, as text; Arrow reads them, in parallel and in blocks."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.errors import InputError

FIRST_ROW = 2  # line 1 of a CSV file is its header
_BLOCK = 64 << 20  # bytes read at a time by `blocks`


def read(
    path: PathLike,
    columns: dict[str, str],
    optional: dict[str, str] | None = None,
    *,
    newlines: bool = False,
    delimiter: str = ",",
) -> pd.DataFrame:
    """Columns of a CSV file as text, renamed; missing where the field is empty.

    Args:
        path: the file; UTF-8 with a header line.
        columns: name in the file -> name in the result, of columns it must have.
        optional: the same of columns it may have; those it has not are missing throughout.
        newlines: whether quoted fields may hold line breaks.
        delimiter: between fields.

    Raises:
        InputError: no such file, not a CSV file, or a column it must have is absent.
    """
    return read_arrow(path, columns, optional, newlines=newlines, delimiter=delimiter).to_pandas()


def read_arrow(
    path: PathLike,
    columns: dict[str, str],
    optional: dict[str, str] | None = None,
    *,
    encoded: Collection[str] = (),
    newlines: bool = False,
    delimiter: str = ",",
) -> pa.Table:
    """As `read`, as an Arrow table; the columns `encoded` hold each text once (dictionaries)."""
    path = existing_file(path, "a CSV file")
    wanted = _present(path, columns, optional or {}, delimiter)
    try:
        table = pa.csv.read_csv(
            path,
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=newlines),
            convert_options=_text(wanted, encoded),
        )
    except pa.ArrowInvalid as error:
        raise _broken(path, error) from error
    table = table.rename_columns(list(wanted.values()))
    for name in (optional or {}).values():
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), pa.string()))
    return table


def blocks(
    path: PathLike,
    columns: dict[str, str],
    optional: dict[str, str] | None = None,
    *,
    newlines: bool = False,
) -> Iterator[pa.RecordBatch]:
    """As `read`, a block of rows at a time; optional columns may be absent from the result."""
    path = existing_file(path, "a CSV file")
    wanted = _present(path, columns, optional or {}, ",")
    try:
        reader = pa.csv.open_csv(
            path,
            read_options=pa.csv.ReadOptions(block_size=_BLOCK),
            parse_options=pa.csv.ParseOptions(newlines_in_values=newlines),
            convert_options=_text(wanted),
        )
        with reader:
            for batch in reader:
                yield batch.rename_columns(list(wanted.values()))
    except pa.ArrowInvalid as error:
        raise _broken(path, error) from error


def header(path: PathLike, delimiter: str = ",") -> list[str]:
    """Names of the columns of a CSV file."""
    path = existing_file(path, "a CSV file")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline()
        options = pa.csv.ParseOptions(delimiter=delimiter)
        table = pa.csv.read_csv(pa.BufferReader(line.encode()), parse_options=options)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise _broken(path, error) from error
    return table.column_names


def filled(rows: pd.DataFrame, columns: Iterable[str], path: PathLike) -> None:
    """Raises InputError, with its row, where one of `columns` is missing."""
    for column in columns:
        absent = rows[column].isna().to_numpy()
        if absent.any():
            row = int(absent.argmax()) + FIRST_ROW
            raise InputError(
                f"every row of {Path(path).name} has a {column}", "", f"Complete or drop row {row}."
            )


def numbers(texts: pd.Series, name: str, path: PathLike, largest: float = np.inf) -> pd.Series:
    """Texts as numbers from 0 to `largest`; raises InputError, with its row, at another."""
    found = pd.to_numeric(texts, errors="coerce").astype("Float64")
    wrong = (texts.notna() & ~found.between(0, largest).fillna(False)).to_numpy(bool)
    if wrong.any():
        row = int(wrong.argmax())
        limit = "" if largest == np.inf else f" and at most {largest:g}"
        raise InputError(
            f"`{name}` is a number of at least 0{limit}",
            texts.iloc[row],
            f"Correct row {row + FIRST_ROW} of {Path(path).name}.",
        )
    return found


def _present(
    path: Path, columns: dict[str, str], optional: dict[str, str], delimiter: str
) -> dict[str, str]:
    """Those of `columns` and `optional` that the file has; all of `columns` must be there."""
    found = header(path, delimiter)
    absent = [name for name in columns if name not in found]
    if absent:
        raise InputError(
            f"{path.name} has the columns {', '.join(columns)}",
            found,
            f"Missing: {', '.join(absent)}; correct the first line.",
        )
    return columns | {name: new for name, new in optional.items() if name in found}


def _text(columns: dict[str, str], encoded: Collection[str] = ()) -> pa.csv.ConvertOptions:
    codes = pa.dictionary(pa.int32(), pa.string())
    return pa.csv.ConvertOptions(
        column_types={
            name: codes if new in encoded else pa.string() for name, new in columns.items()
        },
        include_columns=list(columns),
        strings_can_be_null=True,
        null_values=[""],
    )


def _broken(path: Path, error: Exception) -> InputError:
    return InputError(f"{path.name} is a CSV file", str(error), f"Mend {path}.")
