"""Zooniverse's present export (Panoptes): a row per classification, its answers as JSON."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, COUNT_BINS, EMPTY
from camtrap_tf.events.table import Dropped
from data_prep.consensus import Votes
from data_prep.sources import csv_files
from data_prep.sources.fields import times
from data_prep.sources.volunteers import ANONYMOUS, NOTHING, RETIRED_BLANK, YES, rank, spelled

_COLUMNS = {
    "user_name": "user", "metadata": "metadata", "annotations": "annotations",
    "subject_data": "subject", "subject_ids": "event_id", "workflow_id": "workflow",
}  # fmt: skip
_SEEN = r'"already_seen"\s*:\s*true'
_NOT_LIVE = r'"live_project"\s*:\s*false'
_PICTURE = re.compile(r"\.(jpe?g|png|tiff?)$", re.IGNORECASE)
_HOW_MANY = {"1150": "11-50", "51": "51+"}
Answer = tuple[str, int, tuple[int, ...]]  # species, count, attributes


def votes(
    path: PathLike, dropped: Dropped, unknown: Dropped | None, workflow: str | None
) -> tuple[Votes, pd.DataFrame, pd.DataFrame]:
    """Votes; `event_id, season, site, datetime, blank`; and frames of a Panoptes export."""
    export = _Export(path, dropped, unknown)
    for block in csv_files.blocks(path, _COLUMNS, newlines=True):
        export.add(block, workflow)
    if not export.events:
        raise InputError(
            f"{Path(path).name} has classifications", dropped.counts, "Check the file."
        )
    facts = pd.DataFrame(list(export.events.values()))
    frames = facts[["event_id", "files"]].explode("files").dropna()
    facts["datetime"] = times(facts.pop("time").astype("string"), dropped)
    return export.votes(), facts.drop(columns="files"), frames.rename(columns={"files": "path"})


class _Export:
    """Gathers the votes of a Panoptes export, block by block."""

    def __init__(self, path: PathLike, dropped: Dropped, unknown: Dropped | None):
        self.where, self.dropped, self.unknown = Path(path).name, dropped, unknown
        self.events: dict[str, dict[str, Any]] = {}
        self.position: dict[str, int] = {}
        self.species: dict[str, int] = {}
        self.parsed: dict[str, list[Answer] | None] = {}
        self.pairs: set[tuple[str, str]] = set()
        self.rows: list[tuple[int, ...]] = []
        self.columns: list[np.ndarray] = []
        self.classifications = 0

    def add(self, block: pa.RecordBatch, workflow: str | None) -> None:
        """Adds the classifications of a block of rows."""
        for column in ("event_id", "annotations", "subject"):
            absent = block[column].is_null()
            self.dropped.add("row without subject or annotations", absent.filter(absent))
            block = block.filter(pc.invert(absent))
        block = _rows_of(block, "metadata", _SEEN, "seen before by the same user", self.dropped)
        block = _rows_of(block, "metadata", _NOT_LIVE, "project not live", self.dropped)
        if workflow is not None:
            other = pc.not_equal(block["workflow"], workflow)
            self.dropped.add("another workflow", block["event_id"].filter(other).to_pylist())
            block = block.filter(pc.invert(other))
        columns = (block[name].to_pylist() for name in ("user", "event_id", "annotations",
                                                         "subject"))  # fmt: skip
        for user, event, annotations, subject in zip(*columns, strict=True):
            self._classification(user or ANONYMOUS, event, annotations, subject)
        self.columns.append(np.array(self.rows, np.int64).reshape(-1, 4 + len(ATTRIBUTES)))
        self.rows = []

    def _classification(self, user: str, event: str, annotations: str, subject: str) -> None:
        if annotations not in self.parsed:
            self.parsed[annotations] = self._answers(annotations, event)
        answers = self.parsed[annotations]
        if answers is None:
            self.dropped.add("classification without a species task", [event])
            return
        if not user.startswith(ANONYMOUS):
            if (user, event) in self.pairs:
                self.dropped.add("second classification by the same user", [event])
                return
            self.pairs.add((user, event))
        if event not in self.events:
            self.events[event] = _subject(subject, event)
        place = self.position.setdefault(event, len(self.position))
        for species, count, attributes in answers:
            code = -1 if species == EMPTY else self.species.setdefault(species, len(self.species))
            self.rows.append((place, self.classifications, code, count, *attributes))
        self.classifications += 1

    def _answers(self, annotations: str, event: str) -> list[Answer] | None:
        """What a classification says, one entry per choice; None if it has no survey task."""
        answers: list[Answer] = []
        for task in _json(annotations, list, "annotations", event):
            value = task.get("value") if isinstance(task, dict) else None
            choices = value if isinstance(value, list) else [value]
            for choice in choices:
                if isinstance(choice, dict) and "choice" in choice:
                    answers.append(self._answer(choice, event))
                elif isinstance(choice, str) and choice.casefold() in NOTHING:
                    answers.append((EMPTY, -1, (-1,) * len(ATTRIBUTES)))
        return answers or None

    def _answer(self, choice: dict[str, Any], event: str) -> Answer:
        species = spelled(choice["choice"])
        count, behaviours, young = -1, None, None
        for question, answer in (choice.get("answers") or {}).items():
            if "HOWMANY" in question:
                count = self._how_many(answer, event)
            elif "BEHAVIO" in question:
                behaviours = {str(one).casefold() for one in np.atleast_1d(answer)}
            elif "YOUNG" in question:
                young = YES.get(str(answer).casefold())
        asked = [-1 if behaviours is None else int(name in behaviours) for name in ATTRIBUTES]
        asked[ATTRIBUTES.index("babies")] = -1 if young is None else young
        return species, count, tuple(asked)

    def _how_many(self, answer: Any, event: str) -> int:
        place = rank(_HOW_MANY.get(str(answer), str(answer)))
        if place is None and self.unknown is None:
            raise InputError(
                f"HOWMANY is one of {', '.join(COUNT_BINS)}, 1150",
                answer,
                f"Correct the annotations of subject {event} in {self.where}.",
            )
        if place is None:
            self.dropped.add(f"{self.where}: unknown count", [f"{answer!r} of subject {event}"])
            return -1
        return place

    def votes(self) -> Votes:
        """The votes gathered."""
        table = np.concatenate([*self.columns, np.zeros((0, 4 + len(ATTRIBUTES)), np.int64)])
        asked = table[:, 4:]
        return Votes(
            event=table[:, 0],
            classification=table[:, 1],
            species=table[:, 2],
            count=table[:, 3].astype(np.int8),
            attributes={
                name: asked[:, i].astype(np.int8)
                for i, name in enumerate(ATTRIBUTES)
                if (asked[:, i] >= 0).any()
            },
            events=pd.Series(list(self.position), dtype="string"),
            species_names=tuple(self.species),
        )


def _rows_of(
    block: pa.RecordBatch, column: str, pattern: str, rule: str, dropped: Dropped
) -> pa.RecordBatch:
    """The rows whose text does not match; the others are dropped by `rule`."""
    matches = pc.fill_null(pc.match_substring_regex(block[column], pattern), False)
    dropped.add(rule, block["event_id"].filter(matches).to_pylist())
    return block.filter(pc.invert(matches))


def _subject(text: str, event: str) -> dict[str, Any]:
    """What `subject_data` tells of an event: facts by the names that projects use."""
    content = next(iter(_json(text, dict, "subject_data", event).values()), {})
    facts = {key.lstrip("#!/").casefold(): value for key, value in content.items()}
    retired = facts.get("retired")
    reason = retired.get("retirement_reason") if isinstance(retired, dict) else None
    files = [value for value in facts.values() if isinstance(value, str) and _PICTURE.search(value)]
    return {
        "event_id": event, "season": facts.get("season"), "site": facts.get("site"),
        "time": facts.get("datetime") or facts.get("timestamp"),
        "blank": reason in RETIRED_BLANK, "files": files,
    }  # fmt: skip


def _json(text: str, kind: type, column: str, event: str) -> Any:
    """The value of a field of JSON, a list or an object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, kind):
        what = "a list" if kind is list else "an object"
        raise InputError(
            f"`{column}` is {what} in JSON", text[:80], f"Mend the rows of subject {event}."
        )
    return value
