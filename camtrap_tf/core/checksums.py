"""Checksums inside files, so that a flipped bit is an error and not another value.

All are CRC-32C, as eight hexadecimal digits: they find every single flipped bit, and any damage
within 32 bits. They guard against worn disks and bad cables, not against people.

    JSON        a field `checksum` over the values of all others, however they are laid out
    JSON lines  of a camera's log: a last field `checksum` over the line as it was without it, which
                is zlib's CRC-32, since every Python has that
    any bytes   a seal of 24 bytes at the end, which readers of `.npy` and `.tflite` pass over
    Parquet     see `core.parquet`

Files without one, as earlier versions wrote them, are read unchecked.
"""

import functools
import json
import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from camtrap_tf.core.errors import DamagedFile

FIELD = "checksum"
_MARK = b"\ncamtrap-crc32c "
_SEAL = re.compile(_MARK + rb"([0-9a-f]{8})\Z")
SEAL_BYTES = 24
_LINE_END = re.compile(b', "checksum": "([0-9a-f]{8})"}\\s*\\Z')
_PIECE = 1 << 20  # bytes read at a time


def _extend(crc: int, content: bytes) -> int:
    import google_crc32c  # a camera's computer has it not, and makes and checks none

    return google_crc32c.extend(crc, content)


def of_bytes(*parts: bytes) -> str:
    """The checksum of some bytes, one after the other.

    >>> of_bytes(b"123456789") == of_bytes(b"1234", b"56789") == "e3069283"
    True
    """
    return f"{functools.reduce(_extend, parts, 0):08x}"


def of_json(content: Mapping[str, Any]) -> str:
    """The checksum of JSON values by name; neither their order nor a field `checksum` counts.

    >>> of_json({"a": 1, "b": [0.5]}) == of_json({"b": [0.5], "checksum": "?", "a": 1})
    True
    """
    values = {name: value for name, value in content.items() if name != FIELD}
    return of_bytes(json.dumps(values, sort_keys=True, separators=(",", ":")).encode())


def fits(content: Mapping[str, Any]) -> bool:
    """Whether JSON values are those that their checksum was made of; True if they have none."""
    return FIELD not in content or content[FIELD] == of_json(content)


def seal_line(line: str) -> str:
    """A JSON object on one line, with its checksum as last field.

    >>> seal_line('{"a": 1}')
    '{"a": 1, "checksum": "fba18e97"}'
    """
    return f'{line[:-1]}, "{FIELD}": "{zlib.crc32(line.encode()):08x}"}}'


def line_fits(line: bytes) -> bool | None:
    """Whether a line is what `seal_line` made; None where it has no checksum."""
    found = _LINE_END.search(line)
    if not found:
        return None
    return zlib.crc32(line[: found.start()] + b"}") == int(found[1], 16)


def seal(content: bytes) -> bytes:
    """What to write after the content of a file, so that `check_seal` can check it."""
    return _MARK + of_bytes(content).encode()


def seal_file(path: Path, file: Any) -> None:
    """Ends a file, which is being written and has its content, with its seal."""
    file.flush()
    with open(path, "rb") as written:
        told = of_file(written, path.stat().st_size)
    file.write(_MARK + told.encode())


def check_seal(path: Path) -> int:
    """Checks a file that ends in a seal, once in a process as long as it is not written again.

    Returns:
        Bytes of its content; of a file without a seal, all.

    Raises:
        DamagedFile: it is not what was written.
    """
    return _check_seal(*identity(path))


@functools.lru_cache(1 << 16)
def _check_seal(name: str, size: int, written: int, place: int) -> int:
    del written, place
    with open(name, "rb") as file:
        file.seek(max(size - SEAL_BYTES, 0))
        found = _SEAL.search(file.read())
        content = size - SEAL_BYTES if found else size
        if found and of_file(file, content) != found[1].decode():
            raise DamagedFile(name, "Delete it; it is made again when it is needed.")
    return content


def identity(path: str | os.PathLike) -> tuple[str, int, int, int]:
    """What tells a local file from another, and from itself after it was written again."""
    facts = os.stat(path)
    return os.fspath(path), facts.st_size, facts.st_mtime_ns, facts.st_ino


def of_file(file: Any, size: int, start: int = 0, crc: int = 0) -> str:
    """The checksum of `size` bytes of an open file from `start` on, after what `crc` tells of."""
    file.seek(start)
    while size > 0 and (piece := file.read(min(size, _PIECE))):
        crc, size = _extend(crc, piece), size - len(piece)
    return f"{crc:08x}"
