"""Columns of CSV files by their names, as text; Arrow reads them, in parallel and in blocks.

How a file is written (encoding, delimiter, first line) is told by `csv_dialect`; the case of a
column's name does not matter, nor whether accents are written with their letters or apart.
"""

import logging
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from camtrap_tf.core import csv_text
from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.errors import InputError
from camtrap_tf.events.csv_dialect import Dialect, dialect

_BLOCK = 64 << 20  # bytes read at a time by `blocks`
MISSING = ("",)

log = logging.getLogger("camtrap")


def read(
    path: PathLike,
    columns: dict[str, str],
    optional: dict[str, str] | None = None,
    *,
    newlines: bool = False,
    encoding: str | None = None,
    missing: Collection[str] = MISSING,
) -> pd.DataFrame:
    """Columns of a CSV file as text, renamed; missing where the field is empty.

    Args:
        path: the file, with a header line; `.gz` is unpacked.
        columns: name in the file -> name in the result, of columns it must have.
        optional: the same of columns it may have; those it has not are missing throughout.
        newlines: whether quoted fields may hold line breaks.
        encoding: of the file; None to find out.
        missing: texts that stand for a missing value.

    Raises:
        InputError: no such file, not a CSV file, or a column it must have is absent.
    """
    table = read_arrow(
        path, columns, optional, newlines=newlines, encoding=encoding, missing=missing
    )
    return table.to_pandas()


def read_arrow(
    path: PathLike,
    columns: dict[str, str],
    optional: dict[str, str] | None = None,
    *,
    encoded: Collection[str] = (),
    newlines: bool = False,
    encoding: str | None = None,
    missing: Collection[str] = MISSING,
) -> pa.Table:
    """As `read`, as an Arrow table; the columns `encoded` hold each text once (dictionaries)."""
    path = existing_file(path, "a CSV file")
    how = written(path, encoding)
    wanted = _present(path, columns, optional or {}, how)
    try:
        table = pa.csv.read_csv(path, **_options(how, wanted, newlines, encoded, missing))
    except pa.ArrowInvalid as error:
        raise _broken(path, error) from error
    table = _plain(table.rename_columns(list(wanted.values())))
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
    encoding: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """As `read`, a block of rows at a time; optional columns may be absent from the result."""
    path = existing_file(path, "a CSV file")
    how = written(path, encoding)
    wanted = _present(path, columns, optional or {}, how)
    options = _options(how, wanted, newlines, (), MISSING)
    options["read_options"].block_size = _BLOCK
    try:
        with pa.csv.open_csv(path, **options) as reader:
            for batch in reader:
                yield _plain(batch.rename_columns(list(wanted.values())))
    except pa.ArrowInvalid as error:
        raise _broken(path, error) from error


def written(path: PathLike, encoding: str | None = None) -> Dialect:
    """How a file is written; a guess of its encoding is logged."""
    how = dialect(path, encoding)
    if how.guessed:
        log.info("%s is read as %s; --encoding says otherwise", Path(path).name, how)
    return how


def header(path: PathLike, encoding: str | None = None) -> list[str]:
    """Names of the columns of a CSV file."""
    return list(dialect(path, encoding).header)


def first_row(path: PathLike) -> int:
    """Number of the first row below the header, as an editor shows it."""
    return dialect(path).skipped + 2


def filled(rows: pd.DataFrame, columns: Iterable[str], path: PathLike) -> None:
    """Raises InputError, with its row, where one of `columns` is missing."""
    for column in columns:
        absent = rows[column].isna().to_numpy()
        if absent.any():
            row = int(absent.argmax()) + first_row(path)
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
            f"Correct row {row + first_row(path)} of {Path(path).name}.",
        )
    return found


def position(name: str, columns: Collection[str]) -> int:
    """Position of a column by its name, in any case if there is none in that very case; -1 if none.

    Raises:
        InputError: two columns go by the name.
    """
    for wanted, have in ((name, columns), (name.casefold(), [one.casefold() for one in columns])):
        places = [place for place, column in enumerate(have) if column == wanted]
        if len(places) > 1:
            raise InputError(
                "a column's name stands once in the header", name, "Rename one of the two."
            )
        if places:
            return places[0]
    return -1


def _present(
    path: Path, columns: dict[str, str], optional: dict[str, str], how: Dialect
) -> dict[int, str]:
    """Position in the file -> name in the result; all of `columns` must be there."""
    absent = [name for name in columns if position(name, how.header) < 0]
    if absent:
        raise InputError(
            f"{path.name} has the columns {', '.join(columns)}",
            list(how.header),
            f"Missing: {', '.join(absent)}; correct the first line.",
        )
    found = {position(name, how.header): new for name, new in columns.items()}
    for name, new in optional.items():
        if (place := position(name, how.header)) >= 0:
            found.setdefault(place, new)
    return found


def _options(
    how: Dialect,
    columns: dict[int, str],
    newlines: bool,
    encoded: Collection[str],
    missing: Collection[str],
) -> dict[str, Any]:
    """What Arrow needs to know; it calls the columns by their position."""
    codes = pa.dictionary(pa.int32(), pa.string())
    kinds = {str(place): codes if new in encoded else pa.string() for place, new in columns.items()}
    return {
        "read_options": pa.csv.ReadOptions(
            encoding={"utf-8-sig": "utf8"}.get(how.encoding, how.encoding),
            skip_rows=how.skipped,
            column_names=[str(place) for place in range(len(how.header))],
            skip_rows_after_names=1,
        ),
        "parse_options": pa.csv.ParseOptions(delimiter=how.delimiter, newlines_in_values=newlines),
        "convert_options": pa.csv.ConvertOptions(
            column_types=kinds,
            include_columns=list(kinds),
            strings_can_be_null=True,
            null_values=list(missing),
            quoted_strings_can_be_null=True,
        ),
    }


def _plain(table: Any) -> Any:
    """A table or batch of text whose accents are one character with their letters (NFC).

    Spreadsheets of Macs write them apart, so that one name would be two. The apostrophe that
    stands before what looks like a formula (`core.csv_text`) is taken off.
    """
    for place, column in enumerate(table.columns):
        encoded = pa.types.is_dictionary(column.type)
        for holds, mended in ((_has_accents, _composed_text), (_has_guards, _unguarded)):
            if holds(column):
                text = mended(column.cast(pa.string()) if encoded else column)
                column = pc.dictionary_encode(text) if encoded else text
                table = table.set_column(place, table.schema.field(place), column)
    return table


def _has_guards(column: Any) -> bool:
    return any(pc.any(pc.starts_with(text, "'")).as_py() for text in _texts(column))


def _unguarded(column: Any) -> Any:
    return pc.replace_substring_regex(column, csv_text.WITH_GUARD, r"\1", max_replacements=1)


def _composed_text(column: Any) -> pa.Array:
    """The texts in NFC, by Python: Arrow's utf8_normalize takes accents apart in every form."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    codes = pc.dictionary_encode(whole)
    texts = [unicodedata.normalize("NFC", text) for text in codes.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(codes.indices)


def _has_accents(column: Any) -> bool:
    """Whether a column holds more than plain ASCII."""
    return any(pc.any(pc.invert(pc.string_is_ascii(text))).as_py() for text in _texts(column))


def _texts(column: Any) -> list[pa.Array]:
    """The arrays of text that a column consists of."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return [one.dictionary if pa.types.is_dictionary(column.type) else one for one in chunks]


def _broken(path: Path, error: Exception) -> InputError:
    if "invalid UTF8" in str(error):
        return InputError(
            f"{path.name} is text in UTF-8", str(error), "Say with --encoding what it is in."
        )
    return InputError(f"{path.name} is a CSV file", str(error), f"Mend {path}.")
