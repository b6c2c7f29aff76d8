"""What a file or folder of metadata is: a guess, with what it rests on.

Nothing is read to its end: of JSON files the first rows of each list, of CSV files the header
and the first rows, of folders the names.
"""

import collections
import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from camtrap_tf.core import file_names, json_files
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import csv_columns, csv_dialect, dates, detections
from camtrap_tf.events.csv_dialect import Dialect
from camtrap_tf.pictures import files
from data_prep.sources import folder_names, lila
from data_prep.sources.folder_names import Layout

_ROWS = 200  # of a CSV file that are looked at
_JSON_ROWS = 2000  # of a list in a JSON file that are looked at
_LOOKED_AT = 2000  # pictures of a folder
_LARGE = 64 << 20  # bytes of a JSON file that is not read to its end
_END = 1 << 17  # bytes at its beginning and its end that are
_TOLD_BY_NAME = ("annotations", "categories", "detection_categories", "images", "predictions")


@dataclasses.dataclass(frozen=True)
class Recognised:
    """What metadata are taken for.

    Args:
        source: a name of `sources.SOURCES`; None where no source reads it.
        what: the same in words ("a Camtrap DP package").
        metadata: the path to hand to `sources.read`: of a folder perhaps a file in it.
        evidence: what was seen, sentence by sentence.
        uncertain: whether a person should be asked before it is taken for that.
        question: what to ask them; '' where nothing is uncertain.
        options: of `sources.read`, as far as they are known ('columns', 'folders').
        dialect: of a CSV file, else None.
        has_labels: whether it says what is to be seen on the pictures.
    """

    source: str | None
    what: str
    metadata: Path
    evidence: tuple[str, ...]
    uncertain: bool = False
    question: str = ""
    options: dict[str, str] = dataclasses.field(default_factory=dict)
    dialect: Dialect | None = None
    has_labels: bool = True

    def __str__(self) -> str:
        lines = [f"{self.metadata}: {self.what}" + (" (uncertain)" if self.uncertain else "")]
        lines += [f"  {one}" for one in (*self.evidence, self.question) if one]
        return "\n".join(lines)


def recognise(path: PathLike, encoding: str | None = None) -> Recognised:
    """What a file or folder is.

    Args:
        path: metadata, or a folder that holds them or pictures.
        encoding: of CSV files; None to find out.

    Raises:
        InputError: nothing is there, or the file cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path, encoding)
    if not path.is_file():
        raise InputError("metadata are a file or a folder", str(path), "Check the path.")
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"][-1:]
    return _FILES.get("".join(suffixes), _stranger)(path, encoding)


def _stranger(path: Path, encoding: str | None) -> Recognised:
    suffix = path.suffix.lower()
    if suffix in files.SUFFIXES:
        return Recognised(None, "a picture", path, (), has_labels=False)
    known = _listed(_FILES, "or")
    return _unknown(path, f"It ends in {suffix or 'no suffix'}, where {known} is read.")


def _unknown(path: Path, *evidence: str) -> Recognised:
    return Recognised(
        None, "nothing that is recognised", path, evidence, True,
        "What is it? Say so with --source.", has_labels=False,
    )  # fmt: skip


# Folders


def _folder(path: Path, encoding: str | None) -> Recognised:
    names = {entry.name: entry for entry in sorted(path.iterdir())}
    if file_names.MANIFEST in names and any(name.endswith(".tfrecord") for name in names):
        return Recognised(None, "a folder of shards", path, (f"It holds {file_names.MANIFEST}.",))
    for holds, found in _RELEASES:
        if holds <= names.keys():
            source, what = found
            return Recognised(source, what, path, (f"It holds {_listed(sorted(holds))}.",))
    pair = [name for kind in ("images", "annotations") for name in names
            if name.endswith(f"{kind}.csv")]  # fmt: skip
    if len(pair) == 2 and "capture_id" in _header(path / pair[1], encoding):
        what = "the CSV pair of Snapshot Serengeti on LILA"
        return Recognised("lila", what, path, (f"It holds {_listed(pair)}.",))
    return _one_file(path, names, encoding) or _pictures(path)


_RELEASES = (
    ({"datapackage.json"}, ("camtrap_dp", "a Camtrap DP package")),
    ({"consensus_data.csv", "all_images.csv"}, ("dryad", "Snapshot Serengeti's Dryad release")),
    ({"raw_data_for_dryad.csv", "all_images.csv"},
     ("dryad_raw", "the raw votes of Snapshot Serengeti's Dryad release")),
)  # fmt: skip


def _header(path: Path, encoding: str | None) -> tuple[str, ...]:
    try:
        return csv_dialect.dialect(path, encoding).header
    except InputError:
        return ()


def _one_file(path: Path, names: dict[str, Path], encoding: str | None) -> Recognised | None:
    """What the only file of metadata in a folder is; of several the first, as a question."""
    candidates = []
    for file in names.values():
        if file.is_file() and _suffix(file) in _FILES and _suffix(file) != ".txt":
            found = recognise(file, encoding)
            candidates += [found] if found.source else []
    if not candidates:
        return None
    species = [one for one in candidates if one.source not in ("megadetector", "speciesnet")]
    candidates = species or candidates  # models' answers often lie beside the labels
    best = min(candidates, key=lambda one: one.uncertain)
    said = (f"{path.name or path} holds {best.metadata.name}.", *best.evidence)
    others = [one.metadata.name for one in candidates if one is not best]
    if not others:
        return dataclasses.replace(best, evidence=said)
    question = f"Are the labels in {best.metadata.name}, or in {_listed(others, 'or')}?"
    return dataclasses.replace(best, evidence=said, uncertain=True, question=question)


def _suffix(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def _pictures(path: Path) -> Recognised:
    """Pictures in folders: of species, or of cameras."""
    found = list(itertools.islice(files.find(path), _LOOKED_AT))
    if not found:
        return _unknown(path, "It holds neither metadata nor pictures.")
    guess = folder_names.guess(found)
    options = {"folders": guess.layout.value}
    if guess.layout is Layout.NONE:
        what = "pictures, in no folders"
        return Recognised(None, what, path, guess.evidence, has_labels=False)
    what = f"folders of pictures: {guess.layout.value}"
    return Recognised(
        "folders", what, path, guess.evidence, not guess.certain, guess.question, options,
        has_labels=guess.layout is not Layout.CAMERAS,
    )  # fmt: skip


# JSON


def _json(path: Path, encoding: str | None) -> Recognised:
    try:
        parts, others = _outline(path)
    except ValueError as error:
        return _unknown(path, f"It is no JSON that can be read: {error}.")
    for wanted, judge in _JSON_KINDS:
        if wanted <= parts.keys() | others.keys():
            return judge(path, parts, others)
    return _unknown(path, f"It is JSON with {_listed([*parts, *others]) or 'nothing in it'}.")


def _outline(path: Path) -> tuple[dict[str, list], dict[str, Any]]:
    """The first rows of each list in a JSON object, and its other members; a list is `[]`."""
    if json_files.is_list(path):
        return {"": next(json_files.pieces(path, "")).rows[:_JSON_ROWS]}, {}
    if path.stat().st_size > _LARGE:
        return _outline_of_large(path)
    members = dict(json_files.outline(path, _JSON_ROWS))
    lists = {name: value for name, value in members.items() if isinstance(value, list)}
    return lists, {name: value for name, value in members.items() if name not in lists}


def _outline_of_large(path: Path) -> tuple[dict[str, list], dict[str, Any]]:
    """The same from a file's beginning and end: the first list, and names of the others."""
    with path.open("rb") as file:
        ends = file.read(_END)
        file.seek(-_END, 2)
        ends += file.read()
    parts = {name: [] for name in _TOLD_BY_NAME if f'"{name}"'.encode() in ends}
    others: dict[str, Any] = {}
    for name, value in json_files.outline(path, _JSON_ROWS):
        if isinstance(value, list):
            return parts | {name: value}, others
        others[name] = value
    return parts, others


def _camtrap_dp(path: Path, parts: dict, others: dict) -> Recognised:
    names = {row.get("name") for row in parts["resources"] if isinstance(row, dict)}
    wanted = {"deployments", "media", "observations"}
    said = f"Its resources are {_listed(sorted(map(str, names)))}."
    if not names >= wanted:
        return _unknown(path, "It describes a data package, but no Camtrap DP.", said)
    return Recognised("camtrap_dp", "a Camtrap DP package", path, (said,))


def _megadetector(path: Path, parts: dict, others: dict) -> Recognised:
    info = others.get("info")
    version = info.get("format_version") if isinstance(info, dict) else None
    said = [f"It lists pictures and the detection categories {_categories(others)}."]
    said += [f"Its format_version is {version}."] if version else []
    what = "MegaDetector's results (where something is, not which species)"
    return Recognised("megadetector", what, path, tuple(said))


def _categories(others: dict) -> str:
    found = others.get("detection_categories")
    known = found if isinstance(found, dict) else detections.CATEGORIES
    return _listed(list(map(str, known.values())))


def _coco(path: Path, parts: dict, others: dict) -> Recognised:
    rows = {name: [row for row in parts.get(name, []) if isinstance(row, dict)]
            for name in ("images", "categories")}  # fmt: skip
    names = [str(row.get("name")) for row in rows["categories"]]
    said = f"It has images, annotations and {len(names)} categories: {_listed(names[:4])} …"
    sequences = [str(row.get("seq_id")) for row in rows["images"] if row.get("seq_id")]
    known = all(lila.spelling(name) in (*lila.SPECIES, "empty") for name in names)
    if sequences and known and all(re.match(r"(SER_)?S\d+#", one) for one in sequences):
        what = "JSON of Snapshot Serengeti on LILA"
        return Recognised("lila", what, path, (said, f"A sequence is {sequences[0]}."))
    return Recognised("coco", "a COCO Camera Traps file", path, (said,))


def _images_alone(path: Path, parts: dict, others: dict) -> Recognised:
    if any(isinstance(row, dict) and "detections" in row for row in parts["images"]):
        return _megadetector(path, parts, others)
    said = f"It has {_listed([*parts, *others])}; COCO has images, annotations and categories."
    return _unknown(path, said)


def _speciesnet(path: Path, parts: dict, others: dict) -> Recognised:
    return Recognised(
        "speciesnet", "SpeciesNet's predictions", path,
        ("It lists `predictions`: a model's answers, as labels.",),
    )  # fmt: skip


def _list_of_pictures(path: Path, parts: dict, others: dict) -> Recognised:
    rows = parts.get("", [])
    if rows and all(isinstance(row, str) for row in rows):
        return Recognised(None, "a list of pictures", path, (f"It begins with {rows[0]}.",),
                          has_labels=False)  # fmt: skip
    if rows and all(isinstance(row, dict) and ("file" in row or "image_file" in row)
                    for row in rows):  # fmt: skip
        said = "It is a list of pictures, each with its `file`."
        return Recognised("megadetector", "MegaDetector's results, as a list", path, (said,))
    return _unknown(path, "It is a list in JSON.")


_JSON_KINDS: tuple[tuple[set[str], Callable[[Path, dict, dict], Recognised]], ...] = (
    ({""}, _list_of_pictures),
    ({"resources"}, _camtrap_dp),
    ({"images", "detection_categories"}, _megadetector),
    ({"images", "annotations", "categories"}, _coco),
    ({"predictions"}, _speciesnet),
    ({"images"}, _images_alone),
)


# Tables


def _csv(path: Path, encoding: str | None) -> Recognised:
    dialect = csv_dialect.dialect(path, encoding)
    header = {name.casefold() for name in dialect.header}
    for wanted, source, what in _EXPORTS:
        if wanted <= header:
            said = f"It has the columns {_listed(sorted(wanted))}."
            return Recognised(source, what, path, (said,), dialect=dialect)
    for wanted, anchor in _PARTS_OF_PACKAGES:
        home = path.parent / anchor
        if wanted <= header and home.is_file():
            whole = _folder(path.parent, encoding)
            said = f"{path.name} is a part of it."
            return dataclasses.replace(whole, evidence=(said, *whole.evidence))
    return _table(path, dialect)


_EXPORTS = (
    ({"subject_data", "annotations"}, "zooniverse", "classifications of Zooniverse (Panoptes)"),
    ({"subject_zooniverse_id", "retire_reason"}, "zooniverse",
     "classifications of Zooniverse's former platform"),
)  # fmt: skip
_PARTS_OF_PACKAGES = (
    ({"captureeventid", "species"}, "all_images.csv"),
    ({"captureeventid", "url_info"}, "all_images.csv"),
    ({"deploymentid"}, "datapackage.json"),
)


def _table(path: Path, dialect: Dialect) -> Recognised:
    """A table with a row per picture, or per picture and species."""
    rows = _sample(path, dialect)
    guess = csv_columns.guess(rows)
    said = [f"It is {dialect} ({_listed(dialect.header[:6])}{' …' * (len(dialect.header) > 6)}).",
            *guess.evidence]  # fmt: skip
    question = guess.question
    when = guess.columns.get("datetime")
    if when in rows:
        note, asked = _times(rows[when])
        said.append(note)
        question = question or asked
    if not guess.pictures:
        return _unknown(path, *said, "No column names pictures.")
    if "species" not in guess.columns:
        what = "a list of pictures (no column says what is on them)"
        return Recognised(None, what, path, tuple(said), dialect=dialect, has_labels=False)
    options = {"columns": guess.text()}
    options |= {"encoding": dialect.encoding} if dialect.guessed else {}
    return Recognised(
        "csv", guess.what, path, tuple(said), bool(question), question, options, dialect
    )  # fmt: skip


def _sample(path: Path, dialect: Dialect) -> pd.DataFrame:
    with csv_dialect.open_text(path, dialect.encoding) as file:
        lines = itertools.islice(file, dialect.skipped, dialect.skipped + _ROWS + 1)
        rows = list(csv_dialect.rows(lines, dialect.delimiter))[1:]
    width = len(dialect.header)
    rows = [(row + [""] * width)[:width] for row in rows if row]
    return pd.DataFrame(rows, columns=list(dialect.header), dtype="string")


def _times(texts: pd.Series) -> tuple[str, str]:
    """How the times of a column were read; and a question, '' if there is none."""
    times = dates.read(texts)
    where = f"column {texts.name}"
    example = next((text for text in texts if isinstance(text, str) and text.strip()), "")
    if times.ambiguous:
        asked = f"Is {times.ambiguous} in {where} day first (--dates=DMY) or month (--dates=MDY)?"
        return f"The order of day and month in {where} is not clear.", asked
    if not example:
        return f"{where.capitalize()} holds no times.", ""
    if times.values.isna().all():
        return f"The times in {where} cannot be read: {example}.", ""
    return f"Times in {where} are like {example}{_ORDERS[times.order]}.", ""


_ORDERS = {
    None: "", dates.Order.DAY_FIRST: ", day first", dates.Order.MONTH_FIRST: ", month first",
}  # fmt: skip


def _text(path: Path, encoding: str | None) -> Recognised:
    """A list of paths, or a table by another name."""
    first = csv_dialect.dialect(path, encoding)
    if len(first.header) > 1 and not _is_picture(first.header[0]):
        return _csv(path, encoding)
    if not any(map(_is_picture, _lines(path, first.encoding))):
        return _unknown(path, "None of its first lines is the path of a picture.")
    said = "Its lines are paths of pictures."
    return Recognised(None, "a list of pictures", path, (said,), has_labels=False)


def _lines(path: Path, encoding: str) -> Iterator[str]:
    with csv_dialect.open_text(path, encoding) as file:
        yield from (line.strip() for line in itertools.islice(file, _ROWS))


def _is_picture(text: str) -> bool:
    return Path(text).suffix.lower() in files.SUFFIXES


def _parquet(path: Path, encoding: str | None) -> Recognised:
    what = "an event table, which needs no source"
    return Recognised(None, what, path, ("It ends in .parquet.",))


_FILES: dict[str, Callable[[Path, str | None], Recognised]] = {
    ".json": _json, ".csv": _csv, ".tsv": _csv, ".txt": _text, ".parquet": _parquet,
}  # fmt: skip


def _listed(names, word: str = "and") -> str:
    """Names as a person lists them.

    >>> _listed(["a", "b", "c"])
    'a, b and c'
    """
    names = list(collections.Counter(map(str, names)))
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
