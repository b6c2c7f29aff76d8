"""SpeciesNet's predictions (JSON, version 20261015), for Wildlife Insights and its relatives.

One entry per picture. Where it is known what is in each box of a picture (`answers.boxes`), its
`detections` are the boxes, each with classifications of its own, as a SpeciesNet that classifies
crops has them. Those of other pictures are as a classifier of whole pictures has them:

- the first, of category "0", is the picture itself. Its `raw_classifications` are the five most
  probable species, given that there is an animal; of pictures without one, of unknown animals, or
  where no species was asked for, 'blank' and 'animal'. Its `processed_classification` is the
  answer. A person's has source 'human' and score 1, for the format wants a score, and no raw
  classifications;
- a second one, of the whole picture as well, has the probability that there is something, as
  'animal', 'human' or 'vehicle'; there is none in a picture taken for empty;
- a picture whose species was changed by reading it with its event has `classifications_alone`,
  what it says by itself, which is ours;
- a picture that could not be read has `failures` and no answer; `failure_reason` is ours.

A label is 'id;class;order;family;genus;species;common name', in lower case, empty where a level
is not known. SpeciesNet's ids are known for blank, animal, human and vehicle only: those of
species are made of their names.
"""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from camtrap_tf.answers.boxes import NamedBoxes, Parts, parts
from camtrap_tf.answers.predictions import ANIMAL, Predictions
from camtrap_tf.core.artifacts import PathLike, atomic
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, MISSING
from camtrap_tf.outputs import species
from camtrap_tf.outputs.options import Options

TOP = 5
DIGITS = 4
FORMAT_VERSION = "20261015"  # files that do not name it are refused by the tools that read them
FAILURES = ["CLASSIFIER", "DETECTOR"]
_WHOLE_PICTURE = [0.0, 0.0, 1.0, 1.0]
_ITSELF = {"category": "0", "label": "whole_image_classification", "conf": 1.0}
_CATEGORIES = {"animal": "1", "human": "2", "vehicle": "3", "unknown": "1"}
_KNOWN = {
    "blank": "f1856211-cfb7-4a5b-9158-c0f72fd09ee6;;;;;;blank",
    "animal": "1f689929-883d-4dae-958c-3d57ab5b6c16;;;;;;animal",
    "human": "990ae9dd-7a59-4344-afcb-1b7b21368000;mammalia;primates;hominidae;homo;sapiens;human",
    "vehicle": "e2895ed5-780b-48f6-8a11-9e27cb594511;;;;;;vehicle",
    "unknown": ";".join(["f2efdae9-efb8-48fb-8a91-eccf79ab4ffb", *["no cv result"] * 6]),
}


def write_files(predictions: Predictions, folder: Path, options: Options) -> list[Path]:
    """Writes speciesnet.json."""
    write(predictions, folder / "speciesnet.json", options.species, options.boxes)
    return [folder / "speciesnet.json"]


def write(
    predictions: Predictions,
    path: PathLike,
    table: PathLike | None = None,
    boxes: NamedBoxes | None = None,
) -> None:
    """Writes one JSON file, atomically, a line per picture.

    Args:
        predictions: one row per picture.
        path: of the file.
        table: of scientific names, see `outputs/species.py`.
        boxes: what is in each box, if that is known.

    Raises:
        InputError: rows without a path (capture events), or a table that cannot be read.
    """
    if predictions.ids["path"].isna().any():
        raise InputError(
            "SpeciesNet's predictions have one entry per picture",
            "rows without a path",
            "Write picture-level predictions, not those by event.",
        )
    names = species.names(predictions.words, table)
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        info = json.dumps({"format_version": FORMAT_VERSION})
        file.write(f'{{\n "info": {info},\n "predictions": [')
        before = "\n  "
        for rows in predictions.blocks():
            for entry in _entries(predictions.select(rows), names, boxes):
                file.write(before + json.dumps(entry, ensure_ascii=False, allow_nan=False))
                before = ",\n  "
        file.write("\n ]\n}\n")


def labels(words: tuple[str, ...], names: pd.DataFrame) -> list[str]:
    """SpeciesNet's labels of a model's words; `names` as `species.names` gives them."""
    rows = names.fillna("").to_dict("records")
    return [_label(word, row) for word, row in zip(words, rows, strict=True)]


def _label(word: str, name: dict[str, str]) -> str:
    kind = name["observationType"]
    if kind != "animal" or word == ANIMAL:
        return _KNOWN[kind]
    genus, _, epithet = name["scientificName"].partition(" ")
    levels = [name["class"], name["order"], name["family"], name["genus"] or (epithet and genus)]
    parts = [*levels, epithet, name["vernacularName"] or word]
    text = ";".join(part.replace(";", ",") for part in parts).lower()
    return f"{uuid.uuid5(uuid.NAMESPACE_URL, f'camtrap_tf/{text}')};{text}"


def _entries(
    part: Predictions, names: pd.DataFrame, boxes: NamedBoxes | None
) -> Iterator[dict[str, Any]]:
    words, codes = labels(part.words, names), part.answer_codes()
    categories = [_CATEGORIES.get(kind) for kind in names["observationType"]]
    changed, alone = part.read_with_event(), part.alone()
    own = _scores(alone, alone.answer_codes())
    failures, doubts = (part.ids[name].fillna("").to_numpy(object) for name in ("failure", "doubt"))
    rows = parts(part, boxes)
    detections = list(_detections(rows, words, categories))
    version = " ".join(
        str(part.info[key]) for key in ("model", "model_version") if key in part.info
    )
    for row, (path, found) in enumerate(zip(part.ids["path"], rows.slices(), strict=True)):
        entry: dict[str, Any] = {"filepath": path}
        if codes[row] == MISSING:
            entry["failures"] = FAILURES
            entry["failure_reason"] = failures[row] or "no answer"
        else:
            entry["detections"] = [one for some in detections[found] for one in some]
            if changed[row]:
                entry["classifications_alone"] = _classifications(own[row], words)
            if doubts[row]:
                entry["doubt"] = doubts[row]
        entry["model_version"] = f"camtrap_tf {version}".rstrip()
        yield entry


def _detections(
    rows: Parts, words: list[str], categories: list[str | None]
) -> Iterator[list[dict[str, Any]]]:
    """[rows] a box, or a picture as a detection of its own and what is in it."""
    answers = rows.answers
    codes, sure, by_person = answers.answer_codes(), answers.answer_confidence(), answers.reviewed()
    scores, something = _scores(answers, codes), answers.animal_probability()
    for row, code in enumerate(codes):
        if code == MISSING:
            yield []
            continue
        raw = None if by_person[row] else _classifications(scores[row], words)
        said = _classified(raw, words[code], float(sure[row]))
        if rows.boxed[row]:
            sides = [round(float(side), DIGITS) for side in rows.sides[row]]
            yield [_detection(categories[code], rows.confidence[row], sides) | said]
        else:
            itself = _ITSELF | {"bbox": _WHOLE_PICTURE} | said
            inside = _detection(categories[code], something[row], _WHOLE_PICTURE)
            yield [itself, inside] if categories[code] else [itself]


def _scores(part: Predictions, codes: np.ndarray) -> np.ndarray:
    """[part, words] float32: the probabilities that led to the answer, NaN beside them."""
    scores = np.full((len(part), len(part.words)), np.nan, np.float32)
    if "species" in part.classes:
        probabilities = part.probabilities["species"]
        scores[:, : probabilities.shape[1]] = probabilities
    if part.one_stage:
        return scores
    empty, animal = part.words.index(EMPTY), part.words.index(ANIMAL)
    vague = np.isin(codes, [empty, animal]) | part.judged_unknown()
    scores[vague] = np.nan
    scores[vague, animal] = part.animal_probability()[vague]
    scores[vague, empty] = 1 - part.animal_probability()[vague]
    return scores


def _classifications(scores: np.ndarray, words: list[str]) -> dict[str, list]:
    best = np.argsort(-np.nan_to_num(scores, nan=-1), kind="stable")[:TOP]
    shown = [i for i in best if scores[i] >= 0]
    return {
        "classes": [words[i] for i in shown],
        "scores": [round(float(scores[i]), DIGITS) for i in shown],
    }


def _classified(raw: dict[str, list] | None, answer: str, sure: float) -> dict[str, Any]:
    """What a detection is said to be; `raw` is None of a person's answer."""
    told = {"raw_classifications": raw} if raw and raw["classes"] else {}
    source = "human" if raw is None else "classifier"
    processed = {"class": answer, "score": round(sure, DIGITS), "source": source}
    return {**told, "processed_classification": processed}


def _detection(category: str | None, sure: np.floating, sides: list[float]) -> dict[str, Any]:
    label = next((kind for kind, number in _CATEGORIES.items() if number == category), None)
    conf = 1.0 if np.isnan(sure) else round(float(sure), DIGITS)
    return {"category": category, "label": label, "conf": conf, "bbox": sides}
