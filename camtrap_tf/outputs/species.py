"""Scientific names of a model's words, from a table that a project can give its own of.

The table is a CSV file with the columns

label            the model's word; case, spaces, '-' and '_' do not matter
scientificName   the smallest taxon that the label is sure to lie in, without its author: 'Equus
                 quagga', 'Equus', 'Equidae'; empty where there is none
taxonRank, class, order, family, genus, vernacularName
                 optional: of that taxon
sex              optional: 'female' or 'male' where the label says it
observationType  optional: 'animal' (where empty), 'human', 'vehicle', 'blank' or 'unknown'

`species.csv` beside this file is one for the 48 Snapshot Serengeti labels. It is used where no
other is given and more than half of a model's species are in it: a porcupine of California is
no Hystrix.
"""

import difflib
import logging
import re
from pathlib import Path

import pandas as pd

from camtrap_tf.answers.predictions import ANIMAL
from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY
from camtrap_tf.events import csv_files

SERENGETI = "serengeti"
TYPES = ("animal", "human", "vehicle", "blank", "unknown")
SEXES = ("female", "male")
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species", "subspecies")
log = logging.getLogger("camtrap")
COLUMNS = (
    "scientificName", "taxonRank", "class", "order", "family", "genus", "sex", "vernacularName",
    "observationType",
)  # fmt: skip
# Words whose type is known without a table.
_TYPE_OF = {
    EMPTY: "blank", "blank": "blank", ANIMAL: "animal", "unknown": "unknown",
    "human": "human", "person": "human", "people": "human",
    "vehicle": "vehicle", "car": "vehicle", "truck": "vehicle", "motorcycle": "vehicle",
    "bicycle": "vehicle", "atv": "vehicle",
}  # fmt: skip
# A taxon of one to three parts, perhaps with a subgenus or the sign of a hybrid.
_TAXON = re.compile(
    r"(?!.* (?:spp?|cf|aff|indet)\b)[A-Z][a-zà-ÿ-]+(?: \([A-Z][a-z]+\))?"
    r"(?: (?:× ?)?[a-zà-ÿ-]+){0,2}"
)
_BINOMIAL = re.compile(r"[A-Z][a-z]+( [a-z][a-z-]+){1,2}")


def names(words: tuple[str, ...], table: PathLike | None = None) -> pd.DataFrame:
    """What is known of a model's words.

    Args:
        words: `Predictions.words`.
        table: a CSV file as described above, 'serengeti', or None.

    Returns:
        One row per word in their order, columns `COLUMNS` (string, missing where not known;
        `observationType` always known). A word that is a Latin name of two or three parts is
        its own scientific name.

    Raises:
        InputError: no such file, or one that breaks a rule of its format.
    """
    known = read(_SERENGETI_FILE if table in (None, SERENGETI) else table)
    keys = pd.Series([_key(word) for word in words], dtype="string")
    if words and table not in (None, SERENGETI):
        _check_labels(known, words, keys, str(table))
    if table is None:
        wild = keys[~keys.isin(list(_TYPE_OF))]
        if wild.isin(known.index).sum() * 2 <= len(wild):
            known = known.iloc[:0]
    found = known.reindex(keys).reset_index(drop=True)
    types = keys.map(_TYPE_OF).fillna("animal").astype("string")
    found["observationType"] = found["observationType"].fillna(types)
    latin = pd.Series([w if _BINOMIAL.fullmatch(w) else None for w in words], dtype="string")
    people = pd.Series("Homo sapiens", found.index).where(found["observationType"] == "human")
    found["scientificName"] = found["scientificName"].fillna(latin).fillna(people)
    return found.astype("string")


def read(path: PathLike) -> pd.DataFrame:
    """A table of names, columns `COLUMNS`, indexed by simplified label.

    Raises:
        InputError: as `names`.
    """
    path = existing_file(path, "a table of species")
    needed = {name: name for name in ("label", "scientificName")}
    table = csv_files.read(path, needed, {name: name for name in COLUMNS}, newlines=True)
    table = table.astype("string").apply(lambda column: column.str.strip()).replace("", pd.NA)
    table = table[table["label"].notna()]
    keys = table["label"].map(_key)
    _refuse(table["label"][keys.duplicated()], "a label occurs once", path)
    table = table.reindex(columns=list(COLUMNS)).set_axis(keys).astype("string")
    for column, values in (("observationType", TYPES), ("sex", SEXES), ("taxonRank", RANKS)):
        wrong = table[column].notna() & ~table[column].isin(values)
        _refuse(table[column][wrong], f"{column} is empty or one of {', '.join(values)}", path)
    names = table["scientificName"].dropna()
    _refuse(
        names[~names.str.fullmatch(_TAXON)],
        "a scientific name is that of a taxon, without its author: 'Equus quagga', 'Equus', "
        "'Equidae' (in place of 'Equus sp.' the genus alone)",
        path,
    )
    return table


def _check_labels(known: pd.DataFrame, words: tuple[str, ...], keys: pd.Series, path: str) -> None:
    """Says which labels of a table are no word of the model; refuses what looks misspelt."""
    strange = known.index[~known.index.isin(keys)]
    nameless = dict(zip(keys, words, strict=True))
    for key in known.index:
        nameless.pop(key, None)
    for label in strange:
        close = difflib.get_close_matches(label, list(nameless), 1, cutoff=0.8)
        if close:
            raise InputError(
                "a label of a table of species is written as the model's word is",
                label,
                f"Write '{nameless[close[0]]}' in {path}, or leave that row out.",
            )
    if len(strange) == len(known):
        raise InputError(
            "a table of species names words of the model, such as " + ", ".join(words[:3]),
            f"{path} with {', '.join(known.index[:3])}",
            "Give the table that belongs to this model.",
        )
    if len(strange):
        log.info("not words of this model: %s (%s)", ", ".join(strange), path)


def _refuse(wrong: pd.Series, rule: str, path: Path) -> None:
    if len(wrong):
        raise InputError(rule, wrong.iloc[0], f"Correct {path}.")


def _key(word: str) -> str:
    return re.sub(r"[\s_-]", "", word).casefold()


_SERENGETI_FILE = Path(__file__).with_name("species.csv")
