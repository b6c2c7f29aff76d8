"""What an export was made from (`export.json`), so that the same command finds it done."""

import csv
import dataclasses
import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import read_json, write_json
from camtrap_tf.core.asked import check_same

KIND, VERSION = "export", 1
Row = TypeVar("Row")
log = logging.getLogger("camtrap")


def write(folder: Path, facts: dict[str, Any]) -> None:
    """Writes it, as JSON values by name."""
    write_json(folder / file_names.EXPORT, KIND, VERSION, {"made_from": facts})


def is_done(out: Path, facts: dict[str, Any]) -> bool:
    """Whether an export is there already.

    Raises:
        InputError: another one is.
    """
    if not out.exists():
        return False
    told = out / file_names.EXPORT
    there = read_json(told, KIND, VERSION)["made_from"] if told.is_file() else None
    check_same(out, there, facts)
    log.info("%s is complete and made from the same: nothing to do", out)
    return True


def read_parity(out: Path, kind: type[Row]) -> list[Row]:
    """How far an export is from Keras, as it was written."""
    with (out / file_names.PARITY).open(encoding="utf-8", newline="") as file:
        return [_row(kind, row) for row in csv.DictReader(file)]


def digest(contents: Iterable[bytes]) -> str:
    """What tells some pictures from others: the beginning of a checksum."""
    told = hashlib.sha256()
    for content in contents:
        told.update(hashlib.sha256(content).digest())
    return told.hexdigest()[:16]


def _row(kind: type[Row], row: dict[str, str]) -> Row:
    fields: Any = dataclasses.fields(kind)  # pyright: ignore[reportArgumentType]
    return kind(**{field.name: field.type(row[field.name]) for field in fields})
