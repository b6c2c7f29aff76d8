"""What people's answers say together, and what is made of them.

`read` a file of answers (`journal`), `resolve` what several people say, `merge` it into
predictions for every output format, or make an `event_table` of it to train on.
"""

import collections
import dataclasses
import datetime
import logging
from collections.abc import Iterable

import numpy as np
import pandas as pd

from camtrap_tf.answers.columns import Column
from camtrap_tf.answers.predictions import ANIMAL, Predictions
from camtrap_tf.core import heads
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, BINARY, COUNT_BINS, EMPTY, MISSING
from camtrap_tf.events.table import Dropped, EventTable, find, occurs
from camtrap_tf.reviewing.journal import BULK_MARK, LABELS, Answer, Sighting, Verdict, read

__all__ = [
    "Answer",
    "Consensus",
    "Sighting",
    "Verdict",
    "event_table",
    "merge",
    "read",
    "resolve",
    "unanswered",
]
BY_PEOPLE, IN_BULK = "review", "review in bulk"  # sources of labels in an event table
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Consensus:
    """What the reviewers of an event say together.

    Args:
        event_id: of the event.
        sightings: of an animal, in the order of the first supporter; none: the event is empty.
        shares: by species, the share of supporters who say an attribute is so, of those who
            told.
        reviewers: supporters, in the order of their answers; marked (`Answer.by`) where they
            accepted the event in bulk.
        at: when the last of them answered.
        votes, blanks: reviewers who were sure, and who said 'empty'.
    """

    event_id: str
    sightings: tuple[Sighting, ...]
    shares: dict[str, dict[str, float]]
    reviewers: tuple[str, ...]
    at: datetime.datetime
    votes: int
    blanks: int


def resolve(answers: Iterable[Answer]) -> tuple[list[Consensus], Dropped]:
    """One answer per event: what most of its reviewers say.

    Each reviewer has one vote, for 'empty' or for a set of species; who is not sure has none. Nor
    has who accepted the event in bulk, where others, sure or not, looked at it by itself; nor has
    a label from before the review (`journal.LABELS`), where somebody looked during it. The
    answer with most votes wins; between equals nothing is decided and the event is reported. Of
    the winner's supporters, most decide the number of each species and each attribute; between
    equals that one question stays open.

    Returns:
        The decided events, and which were left undecided, by reason.
    """
    by_event: dict[str, list[Answer]] = {}
    for answer in answers:
        by_event.setdefault(answer.event_id, []).append(answer)
    decided, dropped = [], Dropped()
    for event_id, given in by_event.items():
        given = _foremost(given)
        sure = [answer for answer in given if answer.verdict is not Verdict.UNSURE]
        if not sure:
            dropped.add("no reviewer is sure", [event_id])
            continue
        said, leading = _plurality(answer.said for answer in sure)
        if said is None:
            dropped.add(f"reviewers disagree evenly ({leading} each)", [event_id])
            continue
        decided.append(_consensus(event_id, [a for a in sure if a.said == said], sure))
    return decided, dropped


def _foremost(given: list[Answer]) -> list[Answer]:
    """Of an event's answers those that count: who looked, else labels, else what is in bulk."""
    alone = [answer for answer in given if answer.wall is None]
    looked = [answer for answer in alone if answer.drawn != LABELS]
    return looked or alone or given


def _plurality(votes: Iterable) -> tuple:
    """The value with most votes (None between equals or without any), and how many it has."""
    ranked = collections.Counter(votes).most_common(2)
    if not ranked:
        return None, 0
    tied = len(ranked) == 2 and ranked[0][1] == ranked[1][1]
    return (None if tied else ranked[0][0]), ranked[0][1]


def _consensus(event_id: str, supporters: list[Answer], sure: list[Answer]) -> Consensus:
    sightings, shares = [], {}
    for first in supporters[0].sightings:
        told = [s for a in supporters for s in a.sightings if s.species == first.species]
        count, _ = _plurality(s.count for s in told if s.count is not None)
        names = dict.fromkeys(name for sighting in told for name in sighting.attributes)
        share = {
            name: float(np.mean([s.attributes[name] for s in told if name in s.attributes]))
            for name in names
        }
        attributes = {name: value > 0.5 for name, value in share.items() if value != 0.5}
        sightings.append(Sighting(first.species, count, attributes, _choices(told)))
        shares[first.species] = share
    return Consensus(
        event_id,
        tuple(sightings),
        shares,
        tuple(dict.fromkeys(answer.by for answer in supporters)),
        max(answer.at for answer in supporters),
        len(sure),
        sum(answer.verdict is Verdict.EMPTY for answer in sure),
    )


def _choices(told: list[Sighting]) -> dict[str, str]:
    """What most say of each further question; nothing between equals."""
    names = dict.fromkeys(name for sighting in told for name in sighting.choices)
    votes = {
        name: _plurality(s.choices[name] for s in told if name in s.choices)[0] for name in names
    }
    return {name: value for name, value in votes.items() if value is not None}


def merge(predictions: Predictions, answers: Iterable[Answer]) -> Predictions:
    """Predictions in which people's answers stand in place of the model's.

    Every row of an answered event is one-hot on the heads that were answered and NaN on the
    others, and has `reviewed_by` and `reviewed_at` (UTC). Rows of pictures that could not be
    read stay without an answer, unless none of their event could. Events without a decision
    (`resolve`) keep the model's answer. Species, counts and attributes that the model does not
    know become classes or heads. A row holds one species: the first one named;
    `info['review']` has `further_sightings`, the others by event, and `undecided`, the number of
    events without decision, by reason. Predictions of `Predictions.open` stay in their file.

    Args:
        predictions: one row per picture or per event.
        answers: of any number of reviewers.
    """
    decided, dropped = resolve(answers)
    names = predictions.event_names()
    known = occurs(pd.Series([one.event_id for one in decided], dtype="string"), names)
    strangers = {decided[number].event_id for number in np.flatnonzero(~known)}
    dropped.add("not among the predictions", strangers)
    decided = [one for one in decided if one.event_id not in strangers]
    if predictions.one_stage:  # it has no way to say 'an animal, but which?'
        vague = [one.event_id for one in decided if _first(one) == ANIMAL]
        dropped.add("an animal that a one-stage model has no class for", vague)
        decided = [one for one in decided if one.event_id not in set(vague)]
    event = find(names, pd.Series([one.event_id for one in decided], dtype="string"))
    rows = np.flatnonzero((event >= 0) & _visible(predictions, event, len(decided)))
    merged = _widened(predictions, decided, rows, event[rows])
    ids = merged.ids
    reviewed = np.flatnonzero(event >= 0)
    ids.loc[ids.index[rows], "failure"] = pd.NA
    stamps = pd.DataFrame(
        {
            "by": [", ".join(one.reviewers) for one in decided],
            "at": [one.at.astimezone(datetime.UTC).replace(tzinfo=None) for one in decided],
        }
    )
    ids.loc[reviewed, "reviewed_by"] = stamps["by"].to_numpy(object)[event[reviewed]]
    ids.loc[reviewed, "reviewed_at"] = stamps["at"].to_numpy("datetime64[us]")[event[reviewed]]
    merged.info["review"] = {
        "events": len(decided),
        "undecided": dropped.counts,
        "further_sightings": {
            one.event_id: [sighting.to_json() for sighting in one.sightings[1:]]
            for one in decided
            if len(one.sightings) > 1
        },
    }
    log.info("people answered %d events", len(decided))
    if dropped.counts:
        log.warning("events that keep the model's answer; %s", dropped)
    return merged


def _visible(predictions: Predictions, event: np.ndarray, events: int) -> np.ndarray:
    """[rows] bool: the picture could be read, or none of its event could."""
    read = predictions.ids["failure"].isna().to_numpy()
    seen = np.bincount(event[(event >= 0) & read], minlength=events + 1) > 0
    return read | ~seen[event]


def _first(one: Consensus) -> str:
    return one.sightings[0].species if one.sightings else EMPTY


def _code(one: Consensus, head: str, classes: tuple[str, ...]) -> int:
    """The class of a head that people chose; -1 where they did not answer it."""
    first = one.sightings[0] if one.sightings else None
    if head == EMPTY:
        return int(first is None)
    if head == "species":
        name = _first(one)
        return classes.index(name) if name in classes else MISSING
    if first is None:
        return MISSING
    if head == "count":
        return MISSING if first.count is None else classes.index(first.count)
    if head in first.choices:
        return classes.index(first.choices[head])
    return int(first.attributes[head]) if head in first.attributes else MISSING


class _Answered(Column):
    """A head's probabilities, in whose place people's answers stand.

    Args:
        before: the model's; None where it has not got the head.
        places: of its classes among the head's.
        shape: rows and classes.
        codes: [rows] the class that people chose, -1 where they did not answer the head,
            -2 where they said nothing.
    """

    def __init__(
        self,
        before: np.ndarray | None,
        places: list[int],
        shape: tuple[int, int],
        codes: np.ndarray,
    ):
        super().__init__(shape)
        self.before, self.places, self.codes = before, places, codes

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """[positions, classes] float32."""
        values = np.full((len(positions), self.shape[1]), np.nan, np.float32)
        if self.before is not None:
            own = self.before[positions]
            values[~np.isnan(own[:, 0])] = 0
            values[:, self.places] = own
        codes = self.codes[positions]
        values[codes != _MODEL] = np.nan
        told = codes >= 0
        values[told] = np.eye(self.shape[1], dtype=np.float32)[codes[told]]
        return values


_MODEL = -2  # a row that people said nothing of


def _widened(
    predictions: Predictions, decided: list[Consensus], rows: np.ndarray, event: np.ndarray
) -> Predictions:
    """A copy with people's answers at `rows`, which are of the decided events `event`."""
    classes = _wider_classes(predictions, decided)
    stored = any(isinstance(v, Column) for v in predictions.probabilities.values())
    probabilities, own = {}, {}
    for head, names in classes.items():
        said = np.array([_code(one, head, names) for one in decided], int)
        codes = np.full(len(predictions), _MODEL, np.int16)
        codes[rows] = said[event]
        places = [names.index(name) for name in predictions.classes.get(head, ())]
        for answers, found in ((predictions.probabilities, probabilities), (predictions.own, own)):
            if head in answers or found is probabilities:
                shape = (len(predictions), len(names))
                values = _Answered(answers.get(head), places, shape, codes)
                found[head] = values if stored else np.asarray(values)
    return Predictions(
        predictions.ids.copy(),
        classes,
        probabilities,
        _moved(predictions.labels, predictions, classes),
        _moved(predictions.event_labels, predictions, classes),
        dict(predictions.info),
        {name: _without(values, rows) for name, values in predictions.scores.items()},
        own,
    )


def _without(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A score where people have not answered."""
    values = values.copy()
    values[rows] = np.nan
    return values


def _wider_classes(
    predictions: Predictions, decided: list[Consensus]
) -> dict[str, tuple[str, ...]]:
    """Classes with room for every answer: new species as classes, new questions as heads."""
    firsts = [one.sightings[0] for one in decided if one.sightings]
    classes = dict(predictions.classes)
    species = dict.fromkeys(first.species for first in firsts if first.species != ANIMAL)
    counts = dict.fromkeys(first.count for first in firsts if first.count is not None)
    attributes = dict.fromkeys(name for first in firsts for name in first.attributes)
    old = classes.get("species", ())
    new = [name for name in species if name not in old]
    if new:
        at = len(old) - predictions.one_stage  # 'empty' stays the last class
        classes["species"] = (*old[:at], *new, *old[at:])
    if counts:
        classes.setdefault("count", COUNT_BINS)
        unknown = [name for name in counts if name not in classes["count"]]
        if unknown:
            raise InputError(
                f"counts are among the bins {classes['count']}",
                unknown,
                "Merge answers with predictions that have the same bins.",
            )
    for name in attributes:
        classes.setdefault(name, BINARY)
    for first in firsts:
        for name, value in first.choices.items():
            names = classes.get(name, ())
            classes[name] = names if value in names else (*names, value)
    return classes


def _moved(labels: dict, predictions: Predictions, classes: dict) -> dict:
    """Labels as positions among the wider classes."""
    moved = {}
    for head, values in labels.items():
        if head not in predictions.classes:
            moved[head] = values
            continue
        places = [classes[head].index(name) for name in predictions.classes[head]] + [MISSING]
        moved[head] = np.array(places)[values]
    return moved


def event_table(
    predictions: Predictions, answers: Iterable[Answer], base: EventTable | None = None
) -> EventTable:
    """The decided events as an event table, to train on.

    Events are labelled as a whole, with a row for every species, by source 'review' or 'review in
    bulk'; attributes
    are shares of the reviewers who told. What people could not decide or name is left out, and
    counted in `dropped`.

    Args:
        predictions: one row per picture: gives the events' pictures, sites and times.
        answers: of any number of reviewers.
        base: a table to add to; events that it has keep their frames and get people's labels.

    Raises:
        InputError: rows without a path (capture events).
    """
    if predictions.ids["path"].isna().any():
        raise InputError(
            "an event table lists pictures", "rows without a path", "Give one row per picture."
        )
    decided, dropped = resolve(answers)
    unnamed = [o.event_id for o in decided if ANIMAL in {s.species for s in o.sightings}]
    dropped.add("an animal that nobody named", unnamed)
    decided = [one for one in decided if one.event_id not in set(unnamed)]
    rows = predictions.ids.assign(event_id=predictions.event_names())
    rows = rows[occurs(rows["event_id"], pd.Series([one.event_id for one in decided]))]
    rows = rows.sort_values("frame", kind="stable")
    firsts = rows.groupby("event_id", sort=False).first()
    told = {one.event_id: one for one in decided}
    order = [one.event_id for one in decided if one.event_id in firsts.index]
    dropped.add("not among the predictions", [e for e in told if e not in firsts.index])
    events = firsts.loc[order, ["site", "season", "datetime"]].reset_index()
    events["source"] = [_source(told[event_id]) for event_id in order]
    events["classifications"] = [told[event_id].votes for event_id in order]
    events["blanks"] = [told[event_id].blanks for event_id in order]
    labels = [label for event_id in order for label in _labels(told[event_id])]
    further = _further(_wider_classes(predictions, decided), {} if base is None else base.heads)
    table = EventTable(
        events,
        rows[["event_id", "path"]],
        pd.DataFrame(labels, columns=["event_id", "species", "count", *ATTRIBUTES, *further]),
        "human answers",
        dropped,
        further,
    )
    return table if base is None else _added(base, table)


def _source(one: Consensus) -> str:
    """Where an event's label comes from: people who looked at it, or accepted it in bulk."""
    return IN_BULK if all(name.endswith(BULK_MARK) for name in one.reviewers) else BY_PEOPLE


def unanswered(table: EventTable) -> Predictions:
    """The pictures of an event table as predictions of no model: to be labelled by people."""
    frames = table.frames.assign(frame=table.frames.groupby("event_id").cumcount())
    columns = ["event_id", "site", "season", "datetime"]
    return Predictions(frames.merge(table.events[columns], on="event_id", how="left"), {}, {})


def _labels(one: Consensus) -> list[dict]:
    if not one.sightings:
        return [{"event_id": one.event_id, "species": EMPTY}]
    return [
        {"event_id": one.event_id, "species": sighting.species, "count": sighting.count}
        | one.shares[sighting.species]
        | sighting.choices
        for sighting in one.sightings
    ]


def _further(
    classes: dict[str, tuple[str, ...]], before: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """The heads that an event table has columns for only if they are declared.

    Args:
        classes: of predictions.
        before: further heads of a table that is added to; their classes come first.
    """
    names = (*heads.attributes(classes), *heads.choices(classes))
    found = {head: classes[head] for head in names if head not in heads.RESERVED}
    return before | {
        head: tuple(dict.fromkeys((*before.get(head, ()), *own))) for head, own in found.items()
    }


def _added(base: EventTable, table: EventTable) -> EventTable:
    again = occurs(base.events["event_id"], table.events["event_id"])
    fresh = table.keep(
        table.events["event_id"][~occurs(table.events["event_id"], base.events["event_id"])]
    )
    events = base.events.copy()
    place = find(base.events["event_id"][again], table.events["event_id"])
    events.loc[again, "source"] = table.events["source"].to_numpy(object)[place]
    unlabelled = base.labels[~occurs(base.labels["event_id"], table.events["event_id"])]
    return EventTable(
        pd.concat([events, fresh.events]),
        pd.concat([base.frames, fresh.frames]),
        pd.concat([unlabelled, table.labels]),
        f"{base.origin}; human answers",
        base.dropped.merge(table.dropped),
        table.heads,
    )
