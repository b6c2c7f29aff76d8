"""Parquet files with checksums; every Parquet file of ours is written and read here.

Parquet's own checksums, one per page, leave out what lies between pages and the footer, which
holds names of classes. So the footer also has, under the key `camtrap_crc32c`, the CRC-32C of
the whole file with eight zeros in its own place. Both are checked: the file when it is opened
(once in a process), pages as they are read. Other readers see an ordinary Parquet file. Files of
earlier versions have neither and are read unchecked.
"""

import contextlib
import functools
import json
import os
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import google_crc32c
import pyarrow as pa
import pyarrow.parquet as pq

from camtrap_tf.core import checksums
from camtrap_tf.core.artifacts import PathLike, as_path, atomic, is_remote
from camtrap_tf.core.errors import DamagedFile, InputError

KEY = "camtrap_crc32c"
AGAIN = "Copy it again from where it was made, or make it anew."
_BLANK = b"00000000"
# In the footer a key is followed by the type and the length of its value.
_PLACE = re.compile(KEY.encode() + rb"\x18\x08([0-9a-f]{8})")
_END = struct.Struct("<I4s")  # length of the footer, and four letters
_MAGIC = b"PAR1"


@contextlib.contextmanager
def writer(path: PathLike, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Writes a file piece by piece, atomically."""
    with atomic(path) as temporary:
        with pq.ParquetWriter(
            temporary, schema, compression="zstd", write_page_checksum=True
        ) as made:
            yield made
            made.add_key_value_metadata({KEY: _BLANK.decode()})
        _complete(temporary)


def write(table: pa.Table, path: PathLike, rows: int | None = None) -> None:
    """Writes a table, atomically, in groups of so many rows."""
    with writer(path, table.schema) as made:
        made.write_table(table, rows)


def open_file(path: PathLike, what: str = "a Parquet file", way_out: str = AGAIN) -> pq.ParquetFile:
    """Opens a file for reading.

    Args:
        path: of the file.
        what: it is, for an error.
        way_out: what to do about a damaged one.

    Raises:
        DamagedFile: it is not what was written.
        InputError: it is no Parquet file.
    """
    source = path if is_remote(path) else os.fspath(path)
    try:
        check(path, way_out)
        opened = as_path(path).open("rb") if is_remote(path) else source
        return pq.ParquetFile(opened, page_checksum_verification=True)
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise InputError(f"{what} is a Parquet file", str(path), way_out) from error


def read(
    path: PathLike,
    columns: Sequence[str] | None = None,
    what: str = "a Parquet file",
    way_out: str = AGAIN,
) -> pa.Table:
    """All rows of a file, of some columns; errors as of `open_file`."""
    with open_file(path, what, way_out) as file, reading(path, way_out):
        return file.read(None if columns is None else list(columns))


def stamp(schema: pa.Schema) -> dict[str, Any]:
    """What we say of a file beside its rows: kind, version, ...; {} of a file of others."""
    try:
        return json.loads((schema.metadata or {}).get(b"camtrap", b"{}"))
    except ValueError:
        return {}


def stamped(table: pa.Table, content: dict[str, Any]) -> pa.Table:
    """A table with its `stamp`."""
    return table.replace_schema_metadata({"camtrap": json.dumps(content)})


@contextlib.contextmanager
def reading(path: PathLike, way_out: str = AGAIN) -> Iterator[None]:
    """Turns what Arrow says of damaged pages into DamagedFile."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DamagedFile(path, way_out, " ".join(str(error).split())[:120]) from error


def check(path: PathLike, way_out: str = AGAIN) -> bool:
    """Checks a file as a whole; a local one once in a process, as long as it stays as it is.

    Returns:
        Whether it has a checksum.

    Raises:
        DamagedFile: it is not what was written.
    """
    if is_remote(path):
        found = _state(as_path(path), as_path(path).stat().st_size)
    else:
        found = _local_state(*checksums.identity(path))
    if found is False:
        raise DamagedFile(path, way_out)
    return bool(found)


@functools.lru_cache(1 << 16)
def _local_state(name: str, size: int, written: int, place: int) -> bool | None:
    del written, place
    return _state(Path(name), size)


def _state(path: Path, size: int) -> bool | None:
    """Whether the checksum fits; None where there is none."""
    with path.open("rb") as file:
        place = _find(file, size)
        if place is None:
            return None
        file.seek(place)
        told = file.read(len(_BLANK)).decode()
        return _checksum(file, size, place) == told


def _find(file: Any, size: int) -> int | None:
    """Where in a file its checksum stands."""
    file.seek(max(size - _END.size, 0))
    end = file.read()
    if len(end) < _END.size or end[4:] != _MAGIC:
        return None
    start = size - _END.size - _END.unpack(end)[0]
    if start < 0:
        return None
    file.seek(start)
    found = _PLACE.search(file.read())
    return start + found.start(1) if found else None


def _checksum(file: Any, size: int, place: int) -> str:
    """Of a file with zeros where the checksum stands."""
    before = int(checksums.of_file(file, place), 16)
    rest = place + len(_BLANK)
    return checksums.of_file(file, size - rest, rest, google_crc32c.extend(before, _BLANK))


def _complete(path: Path) -> None:
    """Puts the checksum into a file that is written."""
    with open(path, "rb+") as file:
        size = path.stat().st_size
        place = _find(file, size)
        if place is None:
            raise RuntimeError(f"{KEY} is not found in {path}")
        told = _checksum(file, size, place)
        file.seek(place)
        file.write(told.encode())
