"""Volunteers' votes -> what they agree on: the plurality algorithm of Swanson et al. 2015.

Per event: votes of one classification for the same species are merged; blank classifications
are counted and set aside; the median number S of species over the others says how many species
there are; the S species with most votes win. Each winner has the median of its counts, for every
attribute the share of its votes that say yes, and for every choice the class that most of its
votes name.

Everything is done on flat arrays sorted by event, so that ten million votes take memory and
time for a few such arrays and nothing per event.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
import pandas as pd

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import COUNT_BINS, EMPTY
from data_prep.choice import draws

MEDIANS = ("upper", "lower")
BLANK_RULES = ("retirement", "majority")
# Snapshot Serengeti stopped showing an event after so many blanks in all, or so many votes for
# one species (Swanson et al. 2015).
_BLANKS, _SAME = 10, 10
_MANY, _MOST = COUNT_BINS.index("11-50"), COUNT_BINS.index("51+")


@dataclasses.dataclass(frozen=True)
class Votes:
    """Raw classifications as columns: one row per classification and species named in it.

    Args:
        event: [rows] int, position in `events`.
        classification: [rows] int, number of the classification; unique over all events.
        species: [rows] int, position in `species_names`; -1 says that nothing was seen.
        count: [rows] int8, position in `labels.COUNT_BINS`; -1 where not answered.
        attributes: name -> [rows] int8: 1 yes, 0 no, -1 not asked.
        events: names of the events.
        species_names: names of the species.
        choices: name -> [rows] int16, position among `classes` of that name; -1 not told.
        classes: names of the classes of each choice.
    """

    event: np.ndarray
    classification: np.ndarray
    species: np.ndarray
    count: np.ndarray
    attributes: dict[str, np.ndarray]
    events: pd.Series
    species_names: tuple[str, ...]
    choices: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    classes: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: np.ndarray) -> "Votes":
        """The votes of some rows (positions or a mask), in their order."""
        return dataclasses.replace(
            self,
            event=self.event[rows],
            classification=self.classification[rows],
            species=self.species[rows],
            count=self.count[rows],
            attributes={name: column[rows] for name, column in self.attributes.items()},
            choices={name: column[rows] for name, column in self.choices.items()},
        )


def pielou(votes: Iterable[float]) -> float:
    """Pielou's evenness of the votes per species: 0 if all agree, 1 if all are as frequent.

    J = -sum(p ln p) / ln(number of species).

    >>> [round(pielou(votes), 6) for votes in ([12, 1], [15, 1], [20, 18], [12, 3], [9])]
    [0.391244, 0.33729, 0.998001, 0.721928, 0.0]
    """
    numbers = np.array([number for number in votes if number > 0], float)
    return float(_evenness(numbers, np.array([0]))[0]) if len(numbers) else 0.0


def consensus(
    votes: Votes,
    *,
    even_median: str = "upper",
    blank_rule: str = "retirement",
    blank_events: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Plurality consensus of every event that has votes.

    Args:
        votes: the raw classifications.
        even_median: which of the two middle values is the median of an even number of them:
            'upper' (as documented, and as LILA has it) or 'lower' (as the released script).
        blank_rule: which events are empty, beside those all of whose classifications are
            blank. 'retirement': those with 10 blanks and no species with 10 votes, which
            Snapshot Serengeti retired as blank. 'majority': those with more blank
            classifications than others (LILA).
        blank_events: [events] bool, events known to have been retired as blank.
        seed: of the draw between species with as many votes, by the event's name.

    Returns:
        Events (`event_id, evenness, classifications, blanks`), and labels (`event_id, species,
        count`, attributes and choices`, votes, support, count_min, count_max`): the winners by
        falling votes, or 'empty'. Support is the share of the classifications that are not blank.
    """
    for what, value, accepted in (("even_median", even_median, MEDIANS),
                                  ("blank_rule", blank_rule, BLANK_RULES)):  # fmt: skip
        if value not in accepted:
            raise InputError(f"{what} is one of {', '.join(accepted)}", value, "Pick one.")
    merged, facts = _merge(votes)
    ballots, order = _ballots(merged)
    wanted = _species_per_event(merged, len(votes.events), even_median)
    empty = _empty(facts, ballots, blank_rule)
    if blank_events is not None:
        empty |= blank_events
    won = _winners(ballots, wanted, votes, seed) & ~empty[ballots["event"].to_numpy()]
    rows = order[np.repeat(won, ballots["votes"])]
    labels = _labels(merged.take(rows), ballots[won], facts, even_median)
    seen = facts["classifications"].to_numpy() > 0
    facts["evenness"] = 0.0
    starts = np.flatnonzero(_starts(ballots["event"].to_numpy()))
    event = ballots["event"].to_numpy()[starts]
    facts.loc[event, "evenness"] = _evenness(ballots["votes"].to_numpy(float), starts)
    facts.insert(0, "event_id", votes.events.array)
    blank = pd.DataFrame({"event_id": votes.events[seen & empty], "species": EMPTY})
    return facts[seen].reset_index(drop=True), pd.concat([labels, blank], ignore_index=True)


def _merge(votes: Votes) -> tuple[Votes, pd.DataFrame]:
    """One row per classification and species, sorted by them; blank classifications apart.

    A species named twice in a classification has its counts added: above 10 they are 11-50, and
    so is anything with 11-50; else 51+ with anything is 51+. Attributes are joined by 'or', and
    a choice is told where all that tell it agree.

    Returns:
        The rows that name a species, sorted by event, classification and species; and
        `classifications, blanks` of each event.
    """
    events = len(votes.events)
    named = np.zeros(votes.classification.max(initial=-1) + 1, bool)
    named[votes.classification[votes.species >= 0]] = True
    event_of = np.full(len(named), -1, np.int64)
    event_of[votes.classification] = votes.event
    facts = pd.DataFrame({
        "classifications": np.bincount(event_of[event_of >= 0], minlength=events),
        "blanks": np.bincount(event_of[(event_of >= 0) & ~named], minlength=events),
    })  # fmt: skip
    rows = np.flatnonzero(votes.species >= 0)
    # One number per row sorts at once, and fast where the file is nearly in order already.
    key = votes.event[rows].astype(np.int64) * len(named) + votes.classification[rows]
    key = key * max(1, len(votes.species_names)) + votes.species[rows]
    order = np.argsort(key, kind="stable")
    rows, starts = rows[order], np.flatnonzero(_starts(key[order]))
    if len(starts) == len(rows):
        return votes.take(rows), facts
    count = votes.count[rows]
    joined = votes.take(rows[starts])
    attributes = {
        name: np.maximum.reduceat(column[rows], starts) for name, column in votes.attributes.items()
    }
    choices = {name: _agreed(column[rows], starts) for name, column in votes.choices.items()}
    count = _added(count, starts)
    return dataclasses.replace(joined, count=count, attributes=attributes, choices=choices), facts


def _agreed(choice: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """[groups] int16: the class that each group of rows tells; -1 for none, or several."""
    most = np.maximum.reduceat(choice, starts)
    least = np.minimum.reduceat(np.where(choice < 0, np.iinfo(np.int16).max, choice), starts)
    return np.where(most == least, most, -1).astype(np.int16)


def _added(count: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """[groups] int8 bins of the summed counts of each group of rows."""
    few = np.where((count >= 0) & (count < _MANY), count + 1, 0)
    total = np.add.reduceat(few.astype(np.int64), starts)
    many = np.maximum.reduceat(count == _MANY, starts) | (total > 10)
    most = np.maximum.reduceat(count == _MOST, starts)
    any_many = np.maximum.reduceat(count == _MANY, starts)
    added = np.where(many, _MANY, total - 1)  # 0 animals: nobody answered, -1
    return np.where(most & ~any_many, _MOST, added).astype(np.int8)


def _ballots(votes: Votes) -> tuple[pd.DataFrame, np.ndarray]:
    """One row per event and species, `event, species, votes`; and the rows in that order."""
    key = votes.event.astype(np.int64) * max(1, len(votes.species_names)) + votes.species
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(_starts(key[order]))
    first = order[starts]
    ballots = pd.DataFrame({
        "event": votes.event[first].astype(np.int64),
        "species": votes.species[first].astype(np.int64),
        "votes": np.diff(starts, append=len(order)),
    })  # fmt: skip
    return ballots, order


def _species_per_event(votes: Votes, events: int, even_median: str) -> np.ndarray:
    """[events] int: median number of species in the classifications that name any."""
    starts = np.flatnonzero(_starts(votes.classification))
    named = np.diff(starts, append=len(votes))
    return _medians(votes.event[starts], named, events, even_median)


def _empty(facts: pd.DataFrame, ballots: pd.DataFrame, blank_rule: str) -> np.ndarray:
    """[events] bool: which events are empty."""
    blanks, total = facts["blanks"].to_numpy(), facts["classifications"].to_numpy()
    if blank_rule == "majority":
        return blanks > total - blanks
    most = np.zeros(len(facts), np.int64)
    np.maximum.at(most, ballots["event"].to_numpy(), ballots["votes"].to_numpy())
    return (blanks == total) | ((blanks >= _BLANKS) & (most < _SAME))


def _winners(ballots: pd.DataFrame, wanted: np.ndarray, votes: Votes, seed: int) -> np.ndarray:
    """[ballots] bool: the `wanted` species of each event that have most votes."""
    event, number = ballots["event"].to_numpy(), ballots["votes"].to_numpy()
    tied = ballots.duplicated(["event", "votes"], keep=False).to_numpy()
    draw = np.zeros(len(ballots))
    names = votes.events.array.take(event[tied])
    species = np.array(votes.species_names, object)[ballots["species"].to_numpy()[tied]]
    pairs = (f"{name}/{one}" for name, one in zip(names, species, strict=True))
    draw[tied] = draws.uniform(pairs, seed, "consensus")
    order = np.lexsort((draw, -number, event))
    rank = np.arange(len(order)) - np.searchsorted(event, event)  # of the sorted rows
    won = np.empty(len(order), bool)
    won[order] = rank < wanted[event]
    return won


def _labels(
    votes: Votes, winners: pd.DataFrame, facts: pd.DataFrame, even_median: str
) -> pd.DataFrame:
    """Label rows of the winners, from their votes; events in order, most votes first."""
    winners = winners.reset_index(drop=True)
    group = np.repeat(np.arange(len(winners)), winners["votes"])
    event = winners["event"].to_numpy()
    looked = (facts["classifications"] - facts["blanks"]).to_numpy()[event]
    labels = pd.DataFrame({
        "event_id": votes.events.array.take(event),
        "species": np.array(votes.species_names, object)[winners["species"].to_numpy()],
        **_counts(group, votes.count, len(winners), even_median),
        **{name: _shares(group, column, len(winners))
           for name, column in votes.attributes.items()},
        **{name: _commonest(group, column, len(winners), votes.classes[name])
           for name, column in votes.choices.items()},
        "votes": winners["votes"], "support": winners["votes"] / looked,
    })  # fmt: skip
    return labels.iloc[np.lexsort((-winners["votes"].to_numpy(), event))]


def _counts(
    group: np.ndarray, count: np.ndarray, groups: int, even_median: str
) -> dict[str, pd.Series]:
    """`count, count_min, count_max`: the median, least and largest bin of each group."""
    answered = count >= 0
    group, count = group[answered], count[answered].astype(np.int64)
    bins = pd.array([*COUNT_BINS, None], dtype="string")
    found = {"count": _medians(group, count, groups, even_median)}
    for name, function, start in (("count_min", np.minimum, 99), ("count_max", np.maximum, -1)):
        found[name] = np.full(groups, start)
        function.at(found[name], group, count)
    asked = np.bincount(group, minlength=groups) > 0
    return {
        name: pd.Series(bins.take(np.where(asked, rank, len(COUNT_BINS))))
        for name, rank in found.items()
    }


def _shares(group: np.ndarray, answer: np.ndarray, groups: int) -> np.ndarray:
    """[groups] float share of yes among those who were asked; NaN where nobody was."""
    asked = np.bincount(group, answer >= 0, groups)
    yes = np.bincount(group, answer == 1, groups)
    return np.divide(yes, asked, out=np.full(groups, np.nan), where=asked > 0)


def _commonest(
    group: np.ndarray, choice: np.ndarray, groups: int, classes: tuple[str, ...]
) -> pd.Series:
    """[groups] text: the class that most name; missing where nobody was asked, or for a tie."""
    told = choice >= 0
    place = group[told].astype(np.int64) * len(classes) + choice[told]
    number = np.bincount(place, minlength=groups * len(classes)).reshape(groups, len(classes))
    most = number.max(axis=1, initial=0)
    alone = (number == most[:, None]).sum(axis=1) == 1
    names = pd.array([*classes, None], dtype="string")
    return pd.Series(names.take(np.where(alone, number.argmax(axis=1), len(classes))))


def _medians(group: np.ndarray, value: np.ndarray, groups: int, even_median: str) -> np.ndarray:
    """[groups] int: median of each group's values (small, at least 0); 0 where it has none."""
    width = int(value.max(initial=0)) + 1
    ordered = np.sort(group.astype(np.int64) * width + value)
    sizes = np.bincount(group, minlength=groups)
    middle = sizes // 2 if even_median == "upper" else (sizes - 1) // 2
    place = np.cumsum(sizes) - sizes + np.maximum(middle, 0)
    medians = np.zeros(groups, np.int64)
    some = sizes > 0
    medians[some] = ordered[place[some]] % width
    return medians


def _evenness(number: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """[groups] float: Pielou's evenness of each group of numbers, which begin at `starts`."""
    sizes = np.diff(starts, append=len(number))
    total = np.repeat(np.add.reduceat(number, starts), sizes) if len(number) else number
    share = number / total
    entropy = -np.add.reduceat(share * np.log(share), starts) if len(number) else number
    several = sizes > 1
    return np.divide(entropy, np.log(sizes), out=np.zeros(len(sizes)), where=several)


def _starts(key: np.ndarray) -> np.ndarray:
    """[rows] bool: where a sorted key has a new value."""
    return np.concatenate([[True], key[1:] != key[:-1]])[: len(key)]
