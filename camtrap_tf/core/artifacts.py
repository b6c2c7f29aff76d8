"""Files that one step leaves for the next: written atomically, versioned, checked on reading.

Paths may be remote (`gs://`, `s3://`, `hdfs://`, whatever fsspec knows). fsspec and not
`tf.io.gfile`: gfile of TensorFlow 2.21 has no s3 and no hdfs, and would put TensorFlow into
every process that writes shards.
"""

import contextlib
import hashlib
import json
import os
import re
import tempfile
import typing
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from camtrap_tf.core import checksums, json_files
from camtrap_tf.core import temporary as temporary_names
from camtrap_tf.core.errors import DamagedFile, InputError
from camtrap_tf.core.extras import needed

PathLike = str | os.PathLike
_SUM_LINE = re.compile(rb'^ "checksum": "[0-9a-f]{8}",\n', re.MULTILINE)
# Stores where an upload is seen whole or not at all; elsewhere it is renamed when whole.
_WHOLE_UPLOADS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "memory"})


def is_remote(path: PathLike) -> bool:
    """Whether a path begins with a scheme, as `s3://bucket/folder` does."""
    return "://" in str(path)


def as_path(path: PathLike) -> Path:
    """A local path, or a remote one that behaves like it.

    Raises:
        InputError: the path is remote and the extra [remote] is not installed.
    """
    if not is_remote(path):
        return Path(path)
    with needed("remote", f"{path} (and the store's own package, such as gcsfs or s3fs)"):
        import upath
    return typing.cast(Path, upath.UPath(path))


def absolute(path: PathLike) -> Path:
    """A path that other processes, in other folders, take for the same."""
    return as_path(path if is_remote(path) else os.path.abspath(path))


@contextlib.contextmanager
def atomic(path: PathLike) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` when the block succeeds.

    The final name therefore holds a whole file or none, whatever moment the process dies.
    The temporary file is removed when the block raises; that of a process that was killed, when
    another one writes to the folder (`core.temporary`).
    """
    final = as_path(path)
    if is_remote(path):
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / final.name
            _upload(Path(folder) / final.name, final)
        return
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_names.beside(final)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)


def _upload(file: Path, final: Any) -> None:
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.protocol in _WHOLE_UPLOADS:
        final.fs.put_file(str(file), final.path)
        return
    temporary = final.with_name(f".tmp-{uuid.uuid4().hex[:8]}-{final.name}")
    final.fs.put_file(str(file), temporary.path)
    final.fs.mv(temporary.path, final.path)


def write_text(path: PathLike, text: str) -> None:
    """Writes UTF-8 text atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: PathLike, kind: str, version: int, content: dict[str, Any]) -> None:
    """Writes `content` as JSON, stamped with kind, version and checksum, atomically.

    A person who changes such a file deletes its line `checksum`.
    """
    stamped = {"artifact": kind, "version": version, **content}
    # What will be read: keys are texts, and tuples are lists.
    told = {checksums.FIELD: checksums.of_json(json.loads(json.dumps(stamped)))}
    write_text(path, json.dumps(told | stamped, indent=1, ensure_ascii=False) + "\n")


def read_json(path: PathLike, kind: str, version: int) -> dict[str, Any]:
    """Reads what `write_json` wrote.

    Raises:
        DamagedFile: its checksum does not fit.
        InputError: no such file, not JSON, another kind of artefact, or another version.
    """
    path = as_path(path)
    if not path.is_file():
        raise InputError(
            f"{_one(kind)} is a file", str(path), f"Check the path, or make the {kind} first."
        )
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
        json_files.check_texts(content, text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{_one(kind)} is valid JSON", str(path), f"Write it again: {error}."
        ) from error
    check_stamp(content, kind, version, path)
    check_sum(content, path)
    return {name: value for name, value in content.items() if name != checksums.FIELD}


def check_sum(content: dict[str, Any], path: PathLike) -> None:
    """Raises DamagedFile where JSON values are not those that were written."""
    if not checksums.fits(content):
        raise DamagedFile(
            path,
            "Copy it again from where it was made, or make it anew; if you changed it yourself, "
            f'delete its line "{checksums.FIELD}".',
            "its values do not fit its checksum",
        )


def content_sha256(path: PathLike) -> str:
    """SHA-256 of the text of a JSON artefact without its checksum, as 64 hexadecimal digits.

    So a file has the same whether or not the version that wrote it knew of checksums.
    """
    text = _SUM_LINE.sub(b"", as_path(path).read_bytes(), count=1)
    return hashlib.sha256(text).hexdigest()


def check_stamp(content: dict[str, Any], kind: str, version: int, path: PathLike) -> None:
    """Raises InputError unless `content` is stamped as this kind and version of artefact."""
    found = content.get("artifact") if isinstance(content, dict) else None
    if found != kind:
        raise InputError(
            f"{path} is expected to be a camtrap {kind}",
            found,
            f"Give the path of {_one(kind)} instead.",
        )
    if content.get("version") != version:
        raise InputError(
            f"this version of camtrap_tf reads version {version} of {_one(kind)}",
            content.get("version"),
            f"Write {path} again with this version, or install the one that wrote it.",
        )


def _one(kind: str) -> str:
    """The kind with its article.

    >>> _one("run"), _one("event table")
    ('a run', 'an event table')
    """
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def sha256(path: PathLike) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with as_path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def existing_folder(path: PathLike, what: str) -> Path:
    """Returns `path` as a Path; raises InputError when it is not a folder."""
    path = as_path(path)
    if not path.is_dir():
        raise InputError(f"{what} is an existing folder", str(path), "Check the path.")
    return path


def new_folder(path: PathLike) -> Path:
    """Makes a folder where there is none, and returns it as a Path.

    Raises:
        InputError: it cannot be made: for instance because a file has its name.
    """
    path = as_path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "the folder for results can be made", f"{path}: {error.strerror}", "Give another one."
        ) from error
    return path


def existing_file(path: PathLike, what: str) -> Path:
    """Returns `path` as a Path; raises InputError when it is not a file."""
    path = as_path(path)
    if not path.is_file():
        raise InputError(f"{what} is an existing file", str(path), "Check the path.")
    return path
