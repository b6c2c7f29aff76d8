"""Predictions: what networks answered, one row per image (or event), and nothing of how.

Everything after the network reads this: ensembles, event averaging, metrics, calibration,
thresholds, reports, foreign formats. On disk it is one Parquet file: the identification
columns, then per head `p_HEAD` (list of float32), per score `s_SCORE` (float32), per head `y_HEAD`
and `z_HEAD` (int16), and per head that was read with its event `o_HEAD` (as `p_HEAD`).
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from camtrap_tf.answers import event_rules
from camtrap_tf.answers.columns import StoredColumn
from camtrap_tf.core import heads, parquet
from camtrap_tf.core.artifacts import PathLike, check_stamp, existing_file
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import DETECTION, EMPTY, FAMILIARITY, MISSING, UNKNOWN

KIND, VERSION = "predictions file", 1
ROW_GROUP = 16_384  # rows of a file that are read and written at a time
BLOCK = 1 << 16  # rows of a block
_WAY_OUT = "Give a predictions.parquet, or make it anew by running the same command again."
WITH_EVENT = "read_with_event"  # in `info`, the weight of the event; absent where they were not
WITH_NEIGHBOURS = "read_with_neighbours"  # the same of events (`neighbours.Reading`)
ANIMAL = "animal"  # the answer where there is one and no species was asked for

ID_COLUMNS = {
    "path": "string",  # relative to the picture folder; missing in event rows
    "event_id": "string",
    "frame": "Int32",  # position among the event's frames
    "site": "string",
    "season": "string",
    "datetime": "datetime64[us]",
    "time_source": "string",  # where `datetime` comes from, see `pictures/exif.py`
    "failure": "string",  # reason why there is no answer; missing where there is one
    "doubt": "string",  # what seems to be damaged in a picture that is answered; else missing
    "reviewed_by": "string",  # the person who answered; missing where a network did
    "reviewed_at": "datetime64[us]",  # when, UTC
}


@dataclasses.dataclass
class Predictions:
    """Probabilities and labels per head.

    Args:
        ids: one row per image or event, columns `ID_COLUMNS`.
        classes: class names by head.
        probabilities: by head, [rows, classes] float32, rows sum to 1; a row of NaN says that
            the head was not asked (stage 2 on an empty picture) or failed.
        labels: by head, [rows] integers, the true class of the *image* (the event's label
            where images have none of their own), -1 = missing. Heads may be absent.
        event_labels: the same for the image's *event*.
        info: facts for people and formats: model names, hash, split, thresholds.
        scores: numbers beside the heads, by name, [rows] float32, NaN where there is none:
            `labels.FAMILIARITY`, which networks give; `info['familiarity_score']` says which; and
            `labels.DETECTION`, of bundles that see crops, 0 where nothing was found.
        own: by head, what pictures say by themselves whose `probabilities` were read with their
            events (`with_event`); events are made of these. Of events, what they say by themselves
            where they were read with their neighbours (`neighbours`). Mostly empty.
    """

    ids: pd.DataFrame
    classes: dict[str, tuple[str, ...]]
    probabilities: dict[str, np.ndarray]
    labels: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    event_labels: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    info: dict = dataclasses.field(default_factory=dict)
    scores: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    own: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.ids = self.ids.reindex(columns=list(ID_COLUMNS)).astype(ID_COLUMNS)
        self.ids = self.ids.reset_index(drop=True)
        for head, names in self.classes.items():
            shape = np.shape(self.probabilities.get(head, ()))
            if shape != (len(self.ids), len(names)):
                raise InputError(
                    f"probabilities of head '{head}' have shape {(len(self.ids), len(names))}",
                    shape,
                    "Give one row per id and one column per class.",
                )

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: np.ndarray) -> "Predictions":
        """The given rows: a boolean mask or positions."""
        rows = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows)
        return Predictions(
            self.ids.iloc[rows],
            self.classes,
            {head: values[rows] for head, values in self.probabilities.items()},
            {head: values[rows] for head, values in self.labels.items()},
            {head: values[rows] for head, values in self.event_labels.items()},
            self.info,
            {name: values[rows] for name, values in self.scores.items()},
            {head: values[rows] for head, values in self.own.items()},
        )

    def alone(self) -> "Predictions":
        """The same with what each row says by itself, not read with its event or neighbours."""
        if not self.own:
            return self
        marks = (WITH_EVENT, WITH_NEIGHBOURS)
        info = {key: value for key, value in self.info.items() if key not in marks}
        probabilities = self.probabilities | self.own
        return dataclasses.replace(self, probabilities=probabilities, own={}, info=info)

    def blocks(self, size: int = BLOCK) -> Iterator[np.ndarray]:
        """Positions of successive rows, `size` at a time, for `select`: large files in parts."""
        for start in range(0, len(self), size):
            yield np.arange(start, min(start + size, len(self)))

    def event_blocks(self, size: int = BLOCK) -> Iterator[np.ndarray]:
        """Positions of the next whole events of about `size` rows, in the order of `by_event`.

        For `select`. An event's rows need not stand together; where they do, each part of a file
        is read once.
        """
        codes = self.event_codes()
        rows = np.argsort(codes, kind="stable")
        codes, start = codes[rows], 0
        while start < len(rows):
            last = codes[min(start + size, len(rows)) - 1]
            end = int(np.searchsorted(codes, last, side="right"))
            yield rows[start:end]
            start = end

    def reviewed(self) -> np.ndarray:
        """[rows] bool: the answer is a person's."""
        return self.ids["reviewed_by"].notna().to_numpy()

    def answered(self, head: str) -> np.ndarray:
        """[rows] bool: the head has an answer."""
        return ~np.isnan(self.probabilities[head][:, 0])

    def top(self, head: str) -> np.ndarray:
        """[rows] int: most probable class, -1 where the head has no answer."""
        return np.where(self.answered(head), self.probabilities[head].argmax(axis=1), MISSING)

    def decided(self, head: str) -> np.ndarray:
        """[rows] int: the class that counts as the head's answer, -1 where it has none.

        The most probable one, but for heads that are decided by a threshold, such as `empty`.
        """
        if heads.find(head, self.classes[head]).threshold is None:
            return self.top(head)
        return np.where(self.answered(head), self.judged_empty().astype(int), MISSING)

    def confidence(self, head: str) -> np.ndarray:
        """[rows] float32: probability of the top class, NaN where there is no answer."""
        return self.probabilities[head].max(axis=1)

    def interval(self, head: str, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """First and last class of an ordered head that leave out (1 - level)/2 each side.

        Returns:
            Two [rows] int arrays, -1 where the head has no answer.
        """
        tail, bins = (1 - level) / 2, self.probabilities[head].T
        total, low, high = (np.zeros(len(self), kind) for kind in (float, int, int))
        for probability in bins[:-1]:
            total += probability
            low += total < tail
            high += total < 1 - tail
        answered = self.answered(head)
        return np.where(answered, low, MISSING), np.where(answered, high, MISSING)

    @property
    def one_stage(self) -> bool:
        """'empty' is a class of the species head: one network answers both questions."""
        return self.classes.get("species", ())[-1:] == (EMPTY,)

    def animal_probability(self) -> np.ndarray:
        """[rows] float32: probability that there is an animal.

        NaN where there is no answer, and everywhere for a model that is only asked which
        animal it is.
        """
        if EMPTY in self.classes:
            return self.probabilities[EMPTY][:, 0]
        if self.one_stage:
            return 1 - self.probabilities["species"][:, -1]
        return np.full(len(self), np.nan, np.float32)

    def judged_empty(self) -> np.ndarray:
        """[rows] bool: the answer is 'empty'.

        With an `empty` head: the probability of an animal is below `info['animal_threshold']`
        (0.5 where that is not set). In a one-stage model: 'empty' is the most probable class.
        """
        if EMPTY in self.classes:
            threshold = self.info.get("animal_threshold", 0.5)
            with np.errstate(invalid="ignore"):
                return self.animal_probability() < threshold
        if self.one_stage:
            return self.top("species") == len(self.classes["species"]) - 1
        return np.zeros(len(self), bool)

    def judged_unknown(self) -> np.ndarray:
        """[rows] bool: the answer is 'unknown', an animal that looks like none of the species.

        Its familiarity is below `info['familiarity_threshold']`; never, where that is not set.
        """
        threshold = self.info.get("familiarity_threshold")
        if threshold is None or FAMILIARITY not in self.scores:
            return np.zeros(len(self), bool)
        with np.errstate(invalid="ignore"):
            return (self.scores[FAMILIARITY] < threshold) & ~self.judged_empty()

    @property
    def words(self) -> tuple[str, ...]:
        """What `answer_codes` and `truth_codes` count: species, then 'animal' and 'empty'.

        And 'unknown', of models that can say so.
        """
        own = (UNKNOWN,) if FAMILIARITY in self.scores else ()
        return tuple(dict.fromkeys((*self.classes.get("species", ()), ANIMAL, EMPTY, *own)))

    def answer_codes(self) -> np.ndarray:
        """[rows] int: `answers` as positions in `words`, -1 where there is no answer."""
        animal = ~np.isnan(self.animal_probability())
        species = self.top("species") if "species" in self.classes else None
        codes = self._codes(self.judged_empty(), animal, species)
        unknown = self.judged_unknown()
        return np.where(unknown, self.words.index(UNKNOWN), codes) if unknown.any() else codes

    def truth_codes(self) -> np.ndarray:
        """[rows] int: `truths` as positions in `words`, -1 where there is no label."""
        told = self.labels.get(EMPTY, np.full(len(self), MISSING))
        species = self.labels.get("species") if "species" in self.classes else None
        return self._codes(told == 1, told == 0, species)

    def _codes(
        self, empty: np.ndarray, animal: np.ndarray, species: np.ndarray | None
    ) -> np.ndarray:
        """'empty', else the species, else 'animal', else missing."""
        codes = np.where(animal, self.words.index(ANIMAL), MISSING)
        if species is not None:
            codes = np.where(species != MISSING, species, codes)
        return np.where(empty, self.words.index(EMPTY), codes)

    def answers(self) -> pd.Series:
        """[rows] string: what a reader wants to know of a picture.

        'empty', or 'unknown', or the most probable species, or 'animal' where no species was
        asked for; missing where there is no answer.
        """
        return self._spelled(self.answer_codes())

    def truths(self) -> pd.Series:
        """[rows] string: the same from the labels; missing where there is no label."""
        return self._spelled(self.truth_codes())

    def _spelled(self, codes: np.ndarray) -> pd.Series:
        words = pa.DictionaryArray.from_arrays(
            pa.array(codes, pa.int32(), mask=codes == MISSING), pa.array(self.words)
        )
        return pd.Series(pd.array(words.cast(pa.large_string()), dtype="string"))

    def answer_confidence(self) -> np.ndarray:
        """[rows] float32: probability of what `answers` says, by the head that says it.

        Of 'unknown' that of an animal: this much of the answer has a probability.
        """
        confidence = self.animal_probability().copy()
        if "species" in self.classes:
            asked = self.answered("species") & ~self.judged_unknown()
            confidence[asked] = self.confidence("species")[asked]
        empty = self.judged_empty()
        confidence[empty] = 1 - self.animal_probability()[empty]
        return confidence

    def event_codes(self) -> np.ndarray:
        """[rows] int: number of the row's event, in order of their first rows.

        An image without an event id is an event of its own.
        """
        return pd.factorize(self.event_names())[0]

    def event_names(self) -> pd.Series:
        """[rows] string: the id of the row's event; of an image without one its path."""
        return self.ids["event_id"].fillna(self.ids["path"])

    def by_event(self, rules: dict[str, str] | None = None) -> "Predictions":
        """One row per event, made of the frames that have an answer.

        Labels are the event's, scores the mean over its frames. An event none of whose frames
        could be read keeps its first frame's `failure`; one with doubtful frames has the first
        one's `doubt`. Events keep the order of their first
        image. An image without an event id is an event of its own, named after it.

        What the animal is, frames that stage 1 calls empty do not say, unless it calls all so.

        Args:
            rules: by head, a key of `event_rules.RULES`; `info['event_rules']` where None. A head
                without a rule takes the mean probability, the paper's way.

        Raises:
            InputError: no such rule, or that of a detector where no detector's scores are kept.
        """
        rules = self.info.get("event_rules", {}) if rules is None else rules
        codes, names = pd.factorize(self.event_names())
        first = np.unique(codes, return_index=True)[1]
        ids = self.ids.iloc[first].copy()
        ids["event_id"] = names
        ids["path"], ids["frame"] = pd.NA, pd.NA
        read = np.bincount(codes, weights=self.ids["failure"].isna(), minlength=len(names)) > 0
        ids.loc[read, "failure"] = pd.NA
        ids["doubt"] = self.ids["doubt"].groupby(codes).first().array
        combine = self._combiner(codes, len(names))
        return Predictions(
            ids,
            self.classes,
            {head: combine(head, rules.get(head, "mean")) for head in self.classes},
            {head: values[first] for head, values in self.event_labels.items()},
            {head: values[first] for head, values in self.event_labels.items()},
            self.info,
            {name: combine(name, "mean")[:, 0] for name in self.scores},
        )

    def _combiner(self, codes: np.ndarray, events: int) -> Callable[[str, str], np.ndarray]:
        """A function of a head, or score, and a rule that gives its answers to events."""
        animal = np.nan_to_num(self.animal_probability())  # one that cannot be read shows none
        alone, detection = self.alone().probabilities, self._detection()
        everything = np.arange(len(self))
        of_animals = everything
        if EMPTY in self.classes:
            threshold = self.info.get("animal_threshold", 0.5)
            of_animals = np.flatnonzero(event_rules.frames_with_animal(codes, animal, threshold))

        def combine(name: str, rule: str) -> np.ndarray:
            row = heads.find(name, self.classes.get(name, ()))
            rows = of_animals if row.of_animals else everything
            values = alone[name] if name in alone else self.scores[name][:, None]
            return event_rules.combine(
                codes[rows],
                events,
                values[rows],
                animal[rows],
                rule,
                row.refuted,
                joint=self.one_stage and name == "species",
                detection=None if detection is None else detection[rows],
            )

        return combine

    def _detection(self) -> np.ndarray | None:
        """[rows] float32: a detector's score as a weight; a person is as sure as can be."""
        score = self.scores.get(DETECTION)
        return None if score is None else np.where(self.reviewed(), np.float32(1), score)

    def write(self, path: PathLike) -> None:
        """Writes one Parquet file, atomically."""
        parquet.write(self.table(), path, ROW_GROUP)

    def table(self) -> pa.Table:
        """The rows as they are stored."""
        columns = {name: pa.array(self.ids[name], from_pandas=True) for name in self.ids.columns}
        for head, values in self.probabilities.items():
            columns[f"p_{head}"] = _lists(values)
        for name, values in self.scores.items():
            columns[f"s_{name}"] = pa.array(np.asarray(values, np.float32))
        for head, values in self.own.items():
            columns[f"o_{head}"] = _lists(values)
        for prefix, labels in (("y", self.labels), ("z", self.event_labels)):
            for head, values in labels.items():
                columns[f"{prefix}_{head}"] = pa.array(np.asarray(values, np.int16))
        stamp = {"artifact": KIND, "version": VERSION, "classes": self.classes, "info": self.info}
        stamp["scores"] = list(self.scores)
        return parquet.stamped(pa.table(columns), stamp)

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a data frame: ids, what is answered, and each head's own answer.

        Columns are those of `ID_COLUMNS`; `answer` (see `answers`); `animal_probability`; the
        scores; and for every head its name and `HEAD_confidence`: the most probable class and the
        probability of it, which a person's answer has not. Where pictures were read with their
        events, `HEAD_alone` and `HEAD_alone_confidence` are what each says by itself, and
        `read_with_event` whether that was changed; of events that were read with their neighbours,
        `read_with_neighbours`.
        """
        columns: dict[str, pd.Series | np.ndarray] = {name: self.ids[name] for name in ID_COLUMNS}
        by_person = self.reviewed()
        columns["answer"] = self.answers()
        columns["animal_probability"] = np.where(by_person, np.nan, self.animal_probability())
        columns |= self.scores
        for head, names in self.classes.items():
            columns[head] = class_names(self.top(head), names)
            columns[f"{head}_confidence"] = np.where(by_person, np.nan, self.confidence(head))
        if self.own:
            mark = WITH_NEIGHBOURS if WITH_NEIGHBOURS in self.info else WITH_EVENT
            columns[mark] = self.read_with_event()
        alone = self.alone()
        for head in self.own:
            columns[f"{head}_alone"] = class_names(alone.top(head), self.classes[head])
            sure = np.where(by_person, np.nan, alone.confidence(head))
            columns[f"{head}_alone_confidence"] = sure
        return pd.DataFrame(columns)

    def read_with_event(self) -> np.ndarray:
        """[rows] bool: an answer that its event, or its neighbours, have changed or made surer."""
        changed = np.zeros(len(self), bool)
        for head, values in self.own.items():
            both = np.asarray(values), np.asarray(self.probabilities[head])
            changed |= ~np.all((both[0] == both[1]) | np.isnan(both[0]), axis=1)
        return changed

    @classmethod
    def of(cls, source: "Predictions | PathLike") -> "Predictions":
        """Predictions as they are, or read from their file."""
        return source if isinstance(source, Predictions) else cls.read(source)

    @classmethod
    def read(cls, path: PathLike) -> "Predictions":
        """Reads what `write` wrote.

        Raises:
            InputError: no such file, not a predictions file, another version of it, or damaged.
        """
        found = cls.open(path)
        found.probabilities = {head: np.asarray(v) for head, v in found.probabilities.items()}
        found.own = {head: np.asarray(v) for head, v in found.own.items()}
        return found

    @classmethod
    def open(cls, path: PathLike) -> "Predictions":
        """As `read`, but the probabilities stay in the file, for millions of rows.

        `select` reads those of its rows, answers and confidences are made part by part;
        whatever else asks for probabilities reads all.
        """
        path = existing_file(path, "a predictions file")
        file = parquet.open_file(path, "a predictions file", _WAY_OUT)
        stamp = parquet.stamp(file.schema_arrow)
        check_stamp(stamp, KIND, VERSION, path)
        with parquet.reading(path, _WAY_OUT):
            return cls._of_file(file, stamp)

    @classmethod
    def _of_file(cls, file: pq.ParquetFile, stamp: dict) -> "Predictions":
        """Predictions whose probabilities stay in the file."""
        classes = {head: tuple(names) for head, names in stamp["classes"].items()}
        scores, info = _scores(file, classes, stamp)
        columns = set(file.schema_arrow.names)
        labels, event_labels = (
            {
                head: file.read([f"{prefix}_{head}"])[0].to_numpy()
                for head in classes
                if f"{prefix}_{head}" in columns
            }
            for prefix in "yz"
        )
        # Files of before a column came have it missing throughout.
        ids = file.read([name for name in ID_COLUMNS if name in columns]).to_pandas()
        probabilities, own = (
            {
                head: StoredColumn(file, f"{prefix}_{head}", len(names))
                for head, names in classes.items()
                if f"{prefix}_{head}" in columns
            }
            for prefix in "po"
        )
        return cls(
            ids,
            classes,
            cast("dict[str, np.ndarray]", probabilities),
            labels,
            event_labels,
            info,
            scores,
            cast("dict[str, np.ndarray]", own),
        )


def _lists(values: np.ndarray) -> pa.FixedSizeListArray:
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _scores(
    file: pq.ParquetFile, classes: dict[str, tuple[str, ...]], stamp: dict
) -> tuple[dict[str, np.ndarray], dict]:
    """Scores of a file and its `info`.

    In files of earlier versions familiarity passes for a head whose one class is the name of the
    score; it is taken from `classes`.
    """
    if FAMILIARITY in classes:
        info = stamp["info"] | {"familiarity_score": classes.pop(FAMILIARITY)[0]}
        lists = file.read([f"p_{FAMILIARITY}"])[0].combine_chunks()
        return {FAMILIARITY: lists.flatten().to_numpy(zero_copy_only=False)}, info
    names = stamp.get("scores", [])
    return {name: file.read([f"s_{name}"])[0].to_numpy() for name in names}, stamp["info"]


@contextlib.contextmanager
def writing(
    path: PathLike,
    classes: dict[str, tuple[str, ...]],
    info: dict,
    rows: int = ROW_GROUP,
    scores: Sequence[str] = (),
    own: Sequence[str] = (),
) -> Iterator[Callable[[Predictions], None]]:
    """Writes a predictions file piece by piece, atomically; yields the function that adds one.

    The file depends on the rows alone, not on how they were divided.

    Args:
        path: of the file.
        classes, info: of every piece.
        rows: that a row group of the file has: so many are in memory.
        scores: names of every piece's.
        own: heads of every piece that were read with their events.
    """
    nothing = {head: np.zeros((0, len(names)), np.float32) for head, names in classes.items()}
    unscored = {name: np.zeros(0, np.float32) for name in scores}
    apart = {head: nothing[head] for head in own}
    first = Predictions(pd.DataFrame(), classes, nothing, info=info, scores=unscored, own=apart)
    waiting = [first.table()]

    def add(piece: Predictions) -> None:
        waiting.append(piece.table())
        if sum(map(len, waiting)) >= rows:
            table = pa.concat_tables(waiting)
            whole = len(table) // rows * rows
            writer.write_table(table.slice(0, whole), row_group_size=rows)
            waiting[:] = [table.slice(whole)]

    with parquet.writer(path, waiting[0].schema) as writer:
        yield add
        if sum(map(len, waiting)):
            writer.write_table(pa.concat_tables(waiting), row_group_size=rows)


def class_names(indices: np.ndarray, names: Sequence[str]) -> pd.Series:
    """[rows] string: class names of indices; missing where the index is -1."""
    table = np.array([*names, None], object)  # -1 is the last: None
    return pd.Series(table[np.where(indices == MISSING, len(names), indices)], dtype="string")


def concatenate(parts: Sequence[Predictions]) -> Predictions:
    """The rows of several predictions of the same heads, one after the other; one at least."""
    first = parts[0]

    def together(name: str) -> dict[str, np.ndarray]:
        return {
            key: np.concatenate([getattr(part, name)[key] for part in parts])
            for key in getattr(first, name)
        }

    return Predictions(
        pd.concat([part.ids for part in parts], ignore_index=True),
        first.classes,
        together("probabilities"),
        together("labels"),
        together("event_labels"),
        first.info,
        together("scores"),
        together("own"),
    )


def ensemble(members: Sequence[Predictions]) -> Predictions:
    """Averages the probabilities of several models over the same rows (Table S.4).

    Pictures are taken by themselves, whether or not they were read with their events.
    A head or score is averaged over the members that have it. Facts on which the members' `info`
    agrees, such as `animal_threshold`, hold for the ensemble.

    Raises:
        InputError: no members, other rows, other classes, or other scores.
    """
    if not members:
        raise InputError("an ensemble has at least one member", 0, "Give predictions.")
    members = [member.alone() for member in members]
    first = members[0]
    for member in members[1:]:
        same = len(member) == len(first) and member.ids["path"].equals(first.ids["path"])
        if not same:
            raise InputError(
                "members of an ensemble have the same rows in the same order",
                (len(first), len(member)),
                "Predict the same pictures with each model.",
            )
    classes = {head: names for member in members for head, names in member.classes.items()}
    probabilities = {}
    for head, names in classes.items():
        having = [member for member in members if head in member.classes]
        if any(member.classes[head] != names for member in having):
            raise InputError(
                f"members agree on the classes of head '{head}'", names, "Use one vocabulary."
            )
        stack = [member.probabilities[head].astype(np.float64) for member in having]
        probabilities[head] = np.mean(stack, axis=0).astype(np.float32)
    labels = {head: v for member in members for head, v in member.labels.items()}
    event_labels = {head: v for member in members for head, v in member.event_labels.items()}
    agreed = {
        key: value
        for key, value in first.info.items()
        if all(member.info.get(key) == value for member in members)
    }
    scores, kind = _mean_familiarity(members)
    scores |= _mean_detection(members)
    info = agreed | kind | {"members": [member.info for member in members]}
    return Predictions(first.ids, classes, probabilities, labels, event_labels, info, scores)


def _mean_detection(members: Sequence[Predictions]) -> dict[str, np.ndarray]:
    """The mean of the detectors' scores, over the members that have one."""
    having = [member.scores[DETECTION] for member in members if DETECTION in member.scores]
    if not having:
        return {}
    return {DETECTION: np.stack(having).mean(axis=0, dtype=np.float64).astype(np.float32)}


def _mean_familiarity(members: Sequence[Predictions]) -> tuple[dict[str, np.ndarray], dict]:
    """The members' mean familiarity, and which score it is, where they tell it."""
    having = [member for member in members if FAMILIARITY in member.scores]
    if not having:
        return {}, {}
    kinds = {member.info.get("familiarity_score") for member in having}
    if len(kinds) > 1:
        raise InputError(
            "members of an ensemble agree on what familiarity is",
            sorted(map(str, kinds)),
            "Train them alike.",
        )
    stack = [member.scores[FAMILIARITY].astype(np.float64) for member in having]
    mean = np.mean(stack, axis=0).astype(np.float32)
    return {FAMILIARITY: mean}, {"familiarity_score": kinds.pop()}
