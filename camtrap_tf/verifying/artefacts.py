"""Artefacts and their files, checked against the checksums that they were written with.

A kind of artefact is a row of `KINDS`: the file that tells it, and the files that belong to it,
each with the function that checks it. A folder of several artefacts is checked one by one.
"""

import dataclasses
import enum
import functools
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from camtrap_tf.core import checksums, file_names, parquet
from camtrap_tf.core.artifacts import PathLike, check_sum, sha256
from camtrap_tf.core.errors import DamagedFile, InputError
from camtrap_tf.events import records
from camtrap_tf.networks.pretrained import weights
from camtrap_tf.reviewing import journal


class State(enum.Enum):
    """What a file is found to be."""

    WHOLE = "as it was written"
    UNCHECKED = "without a checksum"  # of an earlier version; it can be read
    DAMAGED = "damaged"
    MISSING = "missing"


Check = Callable[[Path], State]


class File(NamedTuple):
    """A file that belongs to an artefact, and what checks it."""

    path: Path
    check: Check


class Kind(NamedTuple):
    """A row of the table.

    Args:
        name: of the artefact.
        stamp: the file of its folder that tells it.
        files: those of its folder.
        remedy: what makes a damaged one whole.
    """

    name: str
    stamp: str
    files: Callable[[Path], Iterator[File]]
    remedy: str


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was found of a file.

    Args:
        path: of the file.
        state: what it is.
        told: what is wrong with it; '' where nothing is.
        remedy: what makes it whole.
    """

    path: Path
    state: State
    told: str = ""
    remedy: str = ""

    @property
    def bad(self) -> bool:
        """Whether it is damaged or missing."""
        return self.state in (State.DAMAGED, State.MISSING)


@dataclasses.dataclass(frozen=True)
class Verified:
    """What was found of an artefact, or of those in a folder.

    Args:
        names: kinds of the artefacts.
        findings: of their files.
    """

    names: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def bad(self) -> list[Finding]:
        """Files that are damaged or missing."""
        return [one for one in self.findings if one.bad]

    def count(self, state: State) -> int:
        """Number of files in a state."""
        return sum(one.state is state for one in self.findings)


def verify(path: PathLike) -> Verified:
    """Checks an artefact of any kind.

    Args:
        path: a folder of shards, features, a bundle, a run, answers or an export; a file of ours
            (event table, predictions, JSON, TFRecord, reviews.jsonl, weights); or a folder of
            several of these.

    Returns:
        Every file of it with what it is found to be.

    Raises:
        InputError: there is no artefact.
    """
    path = Path(path)
    found = _of_folder(path) if path.is_dir() else _of_file(path)
    if not found.findings:
        raise InputError(
            "what is verified is an artefact of camtrap_tf: event table, shards, run, bundle, "
            "answers, export, weights, reviews.jsonl",
            str(path),
            "Check the path.",
        )
    return found


def _of_folder(folder: Path) -> Verified:
    for kind in KINDS:
        if (folder / kind.stamp).is_file():
            findings = tuple(_finding(file, kind.remedy) for file in kind.files(folder))
            return Verified((kind.name,), findings)
    inside = [_of_folder(one) for one in sorted(folder.iterdir()) if one.is_dir()]
    inside += [_of_file(one) for one in sorted(folder.iterdir()) if _is_ours(one)]
    return Verified(
        tuple(dict.fromkeys(name for one in inside for name in one.names)),
        tuple(finding for one in inside for finding in one.findings),
    )


def _of_file(path: Path) -> Verified:
    check = _check_of(path)
    if check is None or not path.is_file():
        return Verified((), ())
    return Verified((f"file {path.name}",), (_finding(File(path, check), parquet.AGAIN),))


def _finding(file: File, remedy: str) -> Finding:
    if not file.path.is_file():
        return Finding(file.path, State.MISSING, "it is missing", remedy)
    try:
        return Finding(file.path, file.check(file.path))
    except DamagedFile as error:
        return Finding(file.path, State.DAMAGED, str(error.args[2]), remedy)
    except InputError as error:
        return Finding(file.path, State.DAMAGED, f"{error.rule}: {error.value}", remedy)


# Checks of a file by its form.


def _json(path: Path) -> State:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedFile(path, "", f"it is not JSON: {error}") from error
    if not isinstance(content, dict):
        return State.UNCHECKED
    check_sum(content, path)
    return State.WHOLE if checksums.FIELD in content else State.UNCHECKED


def _parquet(path: Path) -> State:
    if parquet.check(path):
        return State.WHOLE
    with parquet.open_file(path) as file, parquet.reading(path):
        for _ in file.iter_batches():
            pass
    return State.UNCHECKED


def _tfrecord(path: Path) -> State:
    for _ in records.read_file(path):
        pass
    return State.WHOLE


def _npy(path: Path) -> State:
    return State.WHOLE if checksums.check_seal(path) < path.stat().st_size else State.UNCHECKED


def _journal(path: Path) -> State:
    lines = journal.Journal(path).lines()
    sealed = path.read_bytes().count(b', "checksum": "')
    return State.WHOLE if sealed == len(lines) else State.UNCHECKED


def _zip(path: Path) -> State:
    """A network of Keras is a zip file, whose entries have checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = archive.testzip()
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise DamagedFile(path, "", f"it is no whole network: {error}") from error
    if wrong is not None:
        raise DamagedFile(path, "", f"its part {wrong} is damaged")
    return State.WHOLE


def _weights(path: Path) -> State:
    if path.stem not in weights.KNOWN:
        return State.UNCHECKED
    return _hashed(weights.known(path.stem).origin.sha256, path)


def _hashed(wanted: str, path: Path) -> State:
    if sha256(path) != wanted:
        raise DamagedFile(path, "", "its SHA-256 is not the one recorded")
    return State.WHOLE


def _decisions(path: Path) -> State:
    """A camera's log."""
    with path.open("rb") as file:
        fits = [checksums.line_fits(line) for line in file]
    if False in fits:
        raise DamagedFile(path, "", f"line {fits.index(False) + 1} does not fit its checksum")
    return State.WHOLE if all(fits) else State.UNCHECKED


def _jsonl(path: Path) -> Check | None:
    """Answers of people and decisions of cameras; other files of lines are not ours to judge."""
    with path.open("rb") as file:
        first = file.readline(1 << 16)
    checks = {b'"act"': _journal, b'"decision"': _decisions}
    return next((check for mark, check in checks.items() if mark in first), None)


_FORMS: dict[str, Check] = {
    ".json": _json, ".parquet": _parquet, ".tfrecord": _tfrecord, ".npy": _npy, ".keras": _zip,
    ".pth": _weights,
}  # fmt: skip


def _check_of(path: Path) -> Check | None:
    if path.suffix == ".jsonl" and path.is_file():
        return _jsonl(path)
    return _FORMS.get(path.suffix)


def _is_ours(path: Path) -> bool:
    """Whether a file that lies among others is an artefact: JSON and Parquet tell it."""
    if not path.is_file() or path.name.startswith("."):
        return False
    if path.suffix == ".json":
        return b'"artifact"' in path.read_bytes()[:200]
    if path.suffix == ".parquet":
        try:
            return bool(parquet.stamp(pq.read_schema(path)))
        except (pa.ArrowException, OSError):
            return True  # damaged, then
    return _check_of(path) is not None


# Files of an artefact.


def _listed(folder: Path, entries: object) -> Iterator[File]:
    """Files that a JSON artefact lists with their SHA-256."""
    for entry in entries if isinstance(entries, list) else ():
        yield File(folder / entry["file"], functools.partial(_hashed, entry["sha256"]))


def _content(path: Path) -> dict:
    """Values of a JSON file; {} where it is damaged, which its own check tells."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except (ValueError, RecursionError, OSError):
        return {}


def _by_form(folder: Path, *patterns: str) -> Iterator[File]:
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            check = _check_of(path)
            if check is not None and path.is_file() and not path.name.startswith("."):
                yield File(path, check)


def _shards(folder: Path) -> Iterator[File]:
    manifest = folder / file_names.MANIFEST
    yield File(manifest, _json)
    yield from _listed(folder, _content(manifest).get("shards"))
    yield from _by_form(folder, "plan.json", "*-of-*.json", "features/*/*")


def _bundle(folder: Path) -> Iterator[File]:
    described = folder / file_names.BUNDLE
    yield File(described, _json)
    yield from _listed(folder, _content(described).get("members"))


def _run(folder: Path) -> Iterator[File]:
    yield from _by_form(folder, "*.json", "*.parquet", "*.keras")


def _answers(folder: Path) -> Iterator[File]:
    blocks = "blocks/*", "boxes/*"
    yield from _by_form(folder, "*.json", "*.parquet", "*.jsonl", *blocks, "litert/*.json")


def _features(folder: Path) -> Iterator[File]:
    yield from _by_form(folder, "*.json", "*.npy")


def _export(folder: Path) -> Iterator[File]:
    for line in (folder / file_names.SUMS).read_text(encoding="utf-8").splitlines():
        told, _, name = line.partition("  ")
        yield File(folder / name, functools.partial(_hashed, told))


KINDS = (
    Kind("shards", file_names.MANIFEST, _shards, "Run `camtrap shard --verify` again."),
    Kind("bundle", file_names.BUNDLE, _bundle, "Copy it again, or run `camtrap bundle` anew."),
    Kind("export", file_names.SUMS, _export, "Copy it again, or run `camtrap export` anew."),
    Kind("answers", "job.json", _answers, "Run the same `camtrap predict` or `detect` again."),
    Kind("run", file_names.CONFIG, _run, "Copy it again, or train into a new folder."),
    Kind("features", "features.json", _features,
         "Delete the file: it is computed again."),
)  # fmt: skip
