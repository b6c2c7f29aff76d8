"""Zooniverse's present export (Panoptes): a row per classification, its answers as JSON."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.dropped import Dropped
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, BINARY, COUNT_BINS, EMPTY
from camtrap_tf.core.paths import normal
from camtrap_tf.events import csv_files
from data_prep.consensus import Votes
from data_prep.sources import choices
from data_prep.sources.choices import BEHAVIOURS, COUNT, YOUNG, Choices
from data_prep.sources.fields import Reading
from data_prep.sources.volunteers import ANONYMOUS, RETIRED_BLANK

_COLUMNS = {
    "user_name": "user", "metadata": "metadata", "annotations": "annotations",
    "subject_data": "subject", "subject_ids": "event_id", "workflow_id": "workflow",
}  # fmt: skip
_SEEN = r'"already_seen"\s*:\s*true'
_NOT_LIVE = r'"live_project"\s*:\s*false'
_PICTURE = re.compile(r"\.(jpe?g?|jfif|png|tiff?)$", re.IGNORECASE)
NO_CHOICE = "no choice"  # the name of a survey that was left empty, for --empty_names
LEFT_EMPTY = f"classification that chose nothing (--empty_names='{NO_CHOICE}' takes it for empty)"
_NUMBER = re.compile(r"\d+")
Answer = tuple[str, int, tuple[int, ...]]  # species, count, attributes and further heads
Said = list[tuple[str, str | None]]  # names that mean empty, or nothing (None)


def votes(
    path: PathLike, reading: Reading, workflow: str | None, table: PathLike | None
) -> tuple[Votes, pd.DataFrame, pd.DataFrame]:
    """Votes; `event_id, season, site, datetime, blank`; and frames of a Panoptes export.

    Args:
        path: the export.
        reading: its rules.
        workflow: id of the only one to read, or None.
        table: what names of questions, choices and answers mean (`choices.read_table`).
    """
    encoding = reading.rules.encoding
    told = choices.read_table(table, encoding) if table is not None else {}
    export = _Export(path, reading, Choices(reading.rules.names, told, reading.heads))
    for block in csv_files.blocks(path, _COLUMNS, newlines=True, encoding=encoding):
        export.add(block, workflow)
    if not export.events:
        raise InputError(
            f"{Path(path).name} has classifications", reading.dropped.counts, "Check the file."
        )
    facts = pd.DataFrame(list(export.events.values()))
    frames = facts[["event_id", "files"]].explode("files").dropna()
    facts["datetime"] = reading.times(facts.pop("time").astype("string"), "subject_data")
    return export.votes(), facts.drop(columns="files"), frames.rename(columns={"files": "path"})


class _Export:
    """Gathers the votes of a Panoptes export, block by block."""

    def __init__(self, path: PathLike, reading: Reading, meanings: Choices):
        self.where, self.reading, self.choices = Path(path).name, reading, meanings
        self.dropped = reading.dropped
        self.asked = (*ATTRIBUTES, *reading.heads)
        self.nothing: Answer = (EMPTY, -1, (-1,) * len(self.asked))
        self.questions: dict[str, str | None] = {}  # which head each question of the survey is
        self.events: dict[str, dict[str, Any]] = {}
        self.position: dict[str, int] = {}
        self.species: dict[str, int] = {}
        self.parsed: dict[str, tuple[list[Answer], Said]] = {}
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
        self.columns.append(np.array(self.rows, np.int64).reshape(-1, 4 + len(self.asked)))
        self.rows = []

    def _classification(self, user: str, event: str, annotations: str, subject: str) -> None:
        if annotations not in self.parsed:
            self.parsed[annotations] = self._answers(annotations, event)
        answers, said = self.parsed[annotations]
        if said == [(NO_CHOICE, None)]:
            self.dropped.add(LEFT_EMPTY, [event])
            return
        for name, meaning in said:
            self.reading.note(name, meaning, 1)
        if not answers:
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

    def _answers(self, annotations: str, event: str) -> tuple[list[Answer], Said]:
        """What a classification says, one entry per choice; and its names that are no species."""
        answers: list[Answer] = []
        said: Said = []
        left_empty = False
        for task in _json(annotations, list, "annotations", event):
            value = task.get("value") if isinstance(task, dict) else None
            left_empty |= value == []
            choices = value if isinstance(value, list) else [value]
            for choice in choices:
                if isinstance(choice, dict) and "choice" in choice:
                    answers += self._answer(choice, event, said)
                elif isinstance(choice, str) and self.choices.is_empty(choice):
                    answers.append(self.nothing)
                    said.append((choice, EMPTY))
        if left_empty and not answers and not said:
            empty = self.choices.is_empty(NO_CHOICE)
            answers += [self.nothing] * empty
            said.append((NO_CHOICE, EMPTY if empty else None))
        return answers, said

    def _answer(self, choice: dict[str, Any], event: str, said: Said) -> list[Answer]:
        """What a choice says; nothing where it names nothing, which is added to `said`."""
        species = self.choices.species(choice["choice"])
        if species in (None, EMPTY):
            said.append((choice["choice"], species))
        if species is None:
            return []
        count, behaviours, told = -1, None, dict.fromkeys(self.asked, -1)
        for question, answer in (choice.get("answers") or {}).items():
            asked = self.questions[question] = self.choices.question(question)
            if asked == COUNT:
                count = self._how_many(answer, event)
            elif asked == BEHAVIOURS:
                behaviours = {self.choices.behaviour(str(one)) for one in np.atleast_1d(answer)}
            elif asked == YOUNG:
                young = self.choices.yes(str(answer))
                told[YOUNG] = -1 if young is None else young
            elif asked is not None:
                told[asked] = self._further(asked, answer, event)
        if behaviours is not None:
            told |= {name: int(name in behaviours) for name in ATTRIBUTES if name != YOUNG}
        return [(species, count, tuple(told.values()))]

    def _further(self, head: str, answer: Any, event: str) -> int:
        """Position of an answer among a head's classes; -1 for none, or several at once."""
        said = [str(one) for one in np.atleast_1d(answer) if one not in (None, "")]
        if len(said) != 1:
            return -1
        place = self.choices.answer(head, said[0])
        if place is None and self.reading.unknown is None:
            raise InputError(
                f"`{head}` is one of {', '.join(self.reading.heads[head])}", said[0],
                f"Subject {event} of {self.where} says so; declare the class in --head, tell with "
                "--choices what it means, or leave such answers out with --on_unknown=drop.",
            )  # fmt: skip
        if place is None:
            self.dropped.add(f"{self.where}: unknown {head}", [f"{said[0]!r} of subject {event}"])
            return -1
        return place

    def _how_many(self, answer: Any, event: str) -> int:
        place = self.choices.count(str(answer))
        if place is None and self.reading.unknown is None:
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
        self._check_asked()
        table = np.concatenate([*self.columns, np.zeros((0, 4 + len(self.asked)), np.int64)])
        names, code = self._names()
        told = dict(zip(self.asked, table[:, 4:].T.astype(np.int16), strict=True))
        classes = {name: of for name, of in self.reading.heads.items() if of != BINARY}
        return Votes(
            event=table[:, 0],
            classification=table[:, 1],
            species=code[table[:, 2]],
            count=table[:, 3].astype(np.int8),
            attributes={
                name: column.astype(np.int8)
                for name, column in told.items()
                if name not in classes and (column >= 0).any()
            },
            events=pd.Series(list(self.position), dtype="string"),
            species_names=names,
            choices={name: told[name] for name in classes},
            classes=classes,
        )

    def _check_asked(self) -> None:
        for name in self.reading.heads:
            if name not in self.questions.values():
                raise InputError(
                    f"a further head is a question of the survey; {self.where} has "
                    f"{', '.join(sorted(self.questions))}", name,
                    "Name one of them, or say in a table of --choices which of them it is.",
                )  # fmt: skip

    def _names(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Names of species, and the position there of each that was met; the last is -1."""
        known = choices.aliases(list(self.species))
        names = [known.get(name, name) for name in self.species]
        distinct = tuple(dict.fromkeys(names))
        return distinct, np.array([*map(distinct.index, names), -1], np.int64)


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
    content = {_composed(key): _composed(value) for key, value in content.items()}
    facts = {key.lstrip("#!/").casefold(): value for key, value in content.items()}
    retired = facts.get("retired")
    reason = retired.get("retirement_reason") if isinstance(retired, dict) else None
    return {
        "event_id": event, "season": facts.get("season"), "site": facts.get("site"),
        "time": facts.get("datetime") or facts.get("timestamp"),
        "blank": reason in RETIRED_BLANK, "files": _files(facts),
    }  # fmt: skip


def _composed(value: Any) -> Any:
    """Text with accents as one character with their letters (NFC); another value as it is."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _files(facts: dict[str, Any]) -> list[str]:
    """The pictures of a subject, each once, in the order of the numbers in their keys.

    A project may tell the same picture by its name and by its path: the path counts.
    """
    named = [
        (key, normal(value)) for key, value in facts.items()
        if isinstance(value, str) and _PICTURE.search(value.strip())
    ]  # fmt: skip
    order = {_NUMBER.sub("", key): place for place, (key, _) in reversed([*enumerate(named)])}
    numbers = [(order[_NUMBER.sub("", key)], *map(int, _NUMBER.findall(key))) for key, _ in named]
    found = dict.fromkeys(path for _, (_, path) in sorted(zip(numbers, named, strict=True)))
    full = {path.rpartition("/")[2]: path for path in found if "/" in path}
    return list(dict.fromkeys(full.get(path, path) for path in found))


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
