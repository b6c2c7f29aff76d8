"""Which column of a table is what: tables of known tools, and a guess for the others."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import pandas as pd

from camtrap_tf.core.emptiness import folded
from camtrap_tf.pictures import files


@dataclasses.dataclass(frozen=True)
class Known:
    """The table of a tool.

    Args:
        what: the table in words.
        tool: whose it is.
        telling: columns that tell it from others.
        fields: field -> column; a column may be missing.
        adds: whether rows of one species of a picture are animals to be added up.
    """

    what: str
    tool: str
    telling: tuple[str, ...]
    fields: dict[str, str]
    adds: bool = False


KNOWN = (
    Known(
        "images.csv of Wildlife Insights", "Wildlife Insights",
        ("deployment_id", "filename", "common_name"),
        {"folder": "deployment_id", "file": "filename", "species": "common_name",
         "count": "number_of_objects", "site": "deployment_id", "datetime": "timestamp",
         "event": "sequence_id"},
        adds=True,
    ),
    Known(
        "a table of Timelapse", "Timelapse", ("RelativePath", "File"),
        {"folder": "RelativePath", "file": "File", "species": "Species", "count": "Count",
         "datetime": "DateTime"},
    ),
    Known(
        "a record table of camtrapR", "camtrapR",
        ("Station", "Directory", "FileName", "Species"),
        {"folder": "Directory", "file": "FileName", "species": "Species", "site": "Station",
         "datetime": "DateTimeOriginal"},
    ),
    Known(
        "a table of AddaxAI's detections", "AddaxAI",
        ("relative_path", "label", "confidence", "bbox_left"),
        {"path": "relative_path", "species": "label", "datetime": "DateTimeOriginal"},
        adds=True,
    ),
    Known(
        "a table of DeepFaune", "DeepFaune", ("filename", "date", "seqnum", "prediction"),
        {"path": "filename", "species": "prediction", "event": "seqnum", "datetime": "date",
         "count": "count"},
    ),
)  # fmt: skip
# Names that columns go by; the first that a table has is taken.
FOLDERS = ("relative path", "folder", "directory", "dir", "subfolder")
PLACES = ("deployment id", "deployment", "station")  # folders, too, in many a table
FILES = ("file", "file name", "image file", "image name", "photo name")
NAMES: dict[str, tuple[str, ...]] = {
    "path": (
        "path", "filepath", "file path", "relative path", "image path", "image path rel",
        "photo path", "full path", "source file", "image", "photo", "picture", *FILES,
    ),
    "species": (
        "species", "label", "common name", "species name", "scientific name", "class name",
        "animal", "class", "taxon", "category", "tag", "prediction", "art", "especie", "espèce",
    ),
    "count": (
        "count", "number", "number of animals", "number of objects", "individuals", "quantity",
        "group size", "n", "anzahl", "how many",
    ),
    "event": (
        "event", "event id", "sequence", "sequence id", "seq id", "seqnum", "capture event id",
        "burst", "trigger",
    ),
    "site": (
        "site", "site id", "camera", "camera id", "station", "location", "location id",
        "placename", "deployment id", "deployment",
    ),
    "season": ("season", "survey", "session"),
    "datetime": (
        "datetime", "date time", "timestamp", "date time original", "capture time", "taken",
        "time stamp", "date and time", "when", "date",
    ),
}  # fmt: skip
_CLOCK = ("time", "time of day", "time (24 hour)", "uhrzeit", "hora", "heure")
_DAY = ("date", "datum", "fecha")
_HOUR = r"\d[:h]\d\d|\d{8}[T_ ]?\d{6}"  # a time of day


@dataclasses.dataclass(frozen=True)
class Guess:
    """Which column is what.

    Args:
        what: what the table is, in words.
        columns: field -> column; `datetime` may be 'DATE+TIME', two columns.
        evidence, question: sentences for people; no question where all is clear.
        adds: as of `Known`.
    """

    what: str
    columns: dict[str, str]
    evidence: tuple[str, ...] = ()
    question: str = ""
    adds: bool = False

    @property
    def pictures(self) -> bool:
        """Whether the table names pictures."""
        return "path" in self.columns or "file" in self.columns

    def text(self) -> str:
        """The columns as `--columns` takes them."""
        return ",".join(f"{field}={column}" for field, column in self.columns.items())


def known(header: Sequence[str]) -> Guess | None:
    """The table of a known tool that has these columns, in any case; None if there is none."""
    have = {name.casefold(): name for name in reversed(header)}
    for one in KNOWN:
        if all(name.casefold() in have for name in one.telling):
            pairs = ((field, have.get(name.casefold())) for field, name in one.fields.items())
            columns = {field: column for field, column in pairs if column}
            columns |= {} if "datetime" in columns else _two_columns(header)
            said = f"The columns {', '.join(one.telling)} are those of {one.tool}."
            return Guess(one.what, columns, (said,), adds=one.adds)
    return None


def guess(rows: pd.DataFrame) -> Guess:
    """Which column of a table is what, from its header and its first rows."""
    header = tuple(map(str, rows.columns))
    found = known(header) or Guess("a table of pictures", _by_name(header, rows))
    columns = found.columns
    if not found.pictures and (column := _column_of_pictures(rows)):
        columns = {"path": column, **columns}
    question = ""
    if "species" not in columns and (column := _column_of_species(rows, columns)):
        columns = {**columns, "species": column}
        question = f"Does the column {column} say what is on the pictures?"
    shown = ", ".join(f if f == column else f"{f} ({column})" for f, column in columns.items())
    said = (*found.evidence, f"Columns read: {shown}.") if columns else found.evidence
    return dataclasses.replace(found, columns=columns, evidence=said, question=question)


def picture_columns(header: Sequence[str], rows: pd.DataFrame) -> dict[str, str]:
    """`path` -> column, or `folder` and `file` -> columns; nothing where none names pictures.

    Args:
        header: names of the columns.
        rows: of the table. Where file names have their folder, they are the path; a deployment or
            station is a folder where one file name occurs in several.
    """
    if found := known(header):
        return {field: column for field, column in found.columns.items()
                if field in ("path", "folder", "file")}  # fmt: skip
    path = _named(header, NAMES["path"])
    file = _named(header, FILES) or path
    if file is None or not _is_bare(rows[file]):
        return {"path": path} if path else {}
    folder, place = _named(header, FOLDERS), _named(header, PLACES)
    if place and (rows.groupby(file)[place].nunique() > 1).any():
        folder = folder or place
    return {"folder": folder, "file": file} if folder and folder != file else {"path": file}


def name_of_two(header: Sequence[str]) -> str | None:
    """'GENUS+SPECIES' where a table has such columns: the second word alone is no species."""
    genus, species = _named(header, ("genus",)), _named(header, ("species",))
    return f"{genus}+{species}" if genus and species else None


def folder_column(header: Sequence[str]) -> str | None:
    """The column that may say in which folder a file lies, None if there is none."""
    return _named(header, (*FOLDERS, *PLACES))


def _by_name(header: tuple[str, ...], rows: pd.DataFrame) -> dict[str, str]:
    names = {field: column for field in NAMES if (column := _named(header, NAMES[field]))}
    path = names.pop("path", None)
    if (both := name_of_two(header)) and folded(names.get("species", "")) == "species":
        names["species"] = both
    found = picture_columns(header, rows)
    if "path" in found and not _are_pictures(rows[path]):
        found = {}
    names |= _two_columns(header)
    if names.get("datetime") in rows and not rows[names["datetime"]].str.contains(_HOUR).any():
        names.pop("datetime")  # days alone
    return found | names


def _named(header: Sequence[str], names: tuple[str, ...]) -> str | None:
    have = {folded(column): column for column in reversed(header)}
    return next((have[folded(name)] for name in names if folded(name) in have), None)


def _two_columns(header: Sequence[str]) -> dict[str, str]:
    """`datetime` where a table has the day and the time of day in two columns."""
    day, clock = _named(header, _DAY), _named(header, _CLOCK)
    one = _named(header, tuple(name for name in NAMES["datetime"] if name not in _DAY))
    return {"datetime": f"{day}+{clock}"} if day and clock and not one else {}


def _is_bare(texts: pd.Series) -> bool:
    """Whether file names come without their folder."""
    return _are_pictures(texts) and not texts.str.contains(r"[/\\]", na=False).any()


def _are_pictures(texts: pd.Series) -> bool:
    """Whether most texts are names of picture files."""
    given = [text for text in texts if isinstance(text, str) and text.strip()]
    return bool(given) and sum(map(_is_picture, given)) * 2 > len(given)


def _is_picture(text: str) -> bool:
    return PurePosixPath(text.strip().replace("\\", "/")).suffix.lower() in files.SUFFIXES


def _column_of_pictures(rows: pd.DataFrame) -> str | None:
    return next((name for name in rows.columns if _are_pictures(rows[name])), None)


def _column_of_species(rows: pd.DataFrame, columns: dict[str, str]) -> str | None:
    """A column of few different words, that is nothing else."""
    taken = set(itertools.chain.from_iterable(name.split("+") for name in columns.values()))
    return next((name for name in _columns_of_words(rows) if name not in taken), None)


def _columns_of_words(rows: pd.DataFrame) -> Iterator[str]:
    for name in rows.columns:
        given = rows[name].dropna().str.strip()
        words = given.str.fullmatch(r"[^\W\d_][^\d/\\:]{1,39}").fillna(False)
        if len(given) and words.mean() > 0.9 and 2 <= given.nunique() <= max(2, len(given) // 2):
            yield name
