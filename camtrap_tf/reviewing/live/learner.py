"""What answers teach: a function of the answers and of the features, and of nothing else."""

import copy
import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from camtrap_tf.answers.predictions import ANIMAL
from camtrap_tf.core.heads import COUNT
from camtrap_tf.core.labels import BINARY, EMPTY
from camtrap_tf.reviewing.answers import Consensus, resolve
from camtrap_tf.reviewing.journal import Answer, Ledger
from camtrap_tf.reviewing.live import accuracy, asking, heads
from camtrap_tf.reviewing.live.accuracy import Running
from camtrap_tf.reviewing.live.asking import Likeness, Question, Why
from camtrap_tf.reviewing.live.vectors import one_thread

WALL_WEIGHT = 3.0  # what all events of a wall count together, in single answers
GUESS_WEIGHT = 1.0  # what all guesses of one name count together
CLUSTER, MOST_CLUSTERS = 50, 200  # events in a group of look-alikes, and groups
FURTHER_MOST = 1000  # answers that each head of number or behaviours is fitted to
MOST = 4000  # answers that heads are fitted to; of more, as many of each class


@dataclasses.dataclass(eq=False)
class Pool:
    """What is known of events without any answer.

    Args:
        event_ids: [events] str.
        vectors: [events, width] float32 (`vectors.Axes`).
        scores: [events] float32 in [0, 1], the detector's highest.
        groups: [events] str, the site and day of each.
        seed: of the order in which events are drawn blindly.
    """

    event_ids: np.ndarray
    vectors: np.ndarray
    scores: np.ndarray
    groups: np.ndarray
    seed: int = 0

    def compute(self) -> None:
        """Computes what requests would otherwise wait for."""
        _ = self.place, self.keys, self.likeness, self.clusters

    @functools.cached_property
    def place(self) -> dict[str, int]:
        """From the name of an event to its number."""
        return {str(name): number for number, name in enumerate(self.event_ids)}

    @functools.cached_property
    def keys(self) -> np.ndarray:
        """[events] uint64: events are drawn blindly by ascending key."""
        return accuracy.draw_keys(self.event_ids, self.seed)

    @functools.cached_property
    def likeness(self) -> Likeness:
        """How alike the events are."""
        return Likeness(self.vectors)

    def __len__(self) -> int:
        return len(self.event_ids)

    @functools.cached_property
    def clusters(self) -> np.ndarray:
        """[events] int: groups of events that look alike, some fifty in each."""
        number = min(max(len(self) // CLUSTER, 1), MOST_CLUSTERS)
        with one_thread():
            found = MiniBatchKMeans(number, n_init=1, random_state=0).fit(self.vectors)
        return found.labels_


_FIXED = ("pool", "guesses", "guess_names")


class Known:
    """What people have said of the events of a pool, brought up to date event by event.

    Args:
        pool: the events.
        guesses: [events] str, what another model says of each, '' where nothing
            (`beforehand`); None: of none.
    """

    def __init__(self, pool: Pool, guesses: np.ndarray | None = None):
        number = len(pool)
        self.pool = pool
        self.guesses = np.full(number, "", object) if guesses is None else guesses
        self.guess_names = sorted(set(self.guesses.tolist()) - {""})
        self.labels = self.guesses.copy()  # '' where nothing teaches
        self.weights = np.zeros(number, np.float32)  # of answers; see `worth`
        self.single = np.zeros(number, bool)  # somebody has answered it by itself
        self.bulk = np.zeros(number, bool)  # it was accepted in bulk, and only that
        self.draws: dict[int, int] = {}  # blind draws: event -> events that were ready
        self.left: set[int] = set()  # not accepted on a wall, and not answered since
        self.checked: dict[int, tuple[str, bool]] = {}  # accepted as, and rightly so
        self.further: dict[str, np.ndarray] = {}  # by head, [events] str; '' where nobody told

    @classmethod
    def of(cls, pool: Pool, ledger: Ledger, guesses: np.ndarray | None = None) -> "Known":
        """What a file of answers says."""
        known = cls(pool, guesses)
        for event_id in ledger.events():
            known.update(event_id, ledger)
        return known

    def copy(self) -> "Known":
        """The same, to be read while this one changes."""
        twin = copy.copy(self)
        for name, value in vars(self).items():
            setattr(twin, name, value if name in _FIXED else value.copy())
        twin.further = {head: values.copy() for head, values in self.further.items()}
        return twin

    def update(self, event_id: str, ledger: Ledger) -> None:
        """Takes into account what stands of one event; of a stranger that is nothing."""
        place = self.pool.place.get(event_id)
        if place is None:
            return
        answers = ledger.about(event_id)
        single = [answer for answer in answers if answer.wall is None]
        decided, _ = resolve(answers)
        name = _teaches(decided[0]) if decided else ""
        self.labels[place] = name
        self._tell_further(place, _further(decided[0]) if decided else {})
        self.single[place], self.bulk[place] = bool(single), bool(answers) and not single
        events = 1 if single or not answers else ledger.events_of(answers[0])
        self.weights[place] = min(1.0, WALL_WEIGHT / events) if name else 0
        if not answers:
            self.labels[place] = self.guesses[place]
        blind = [a.asked for a in single if a.asked is not None and a.asked["blind"]]
        self.left.discard(place)
        if event_id in ledger.left and not answers:
            self.left.add(place)
        self._check(place, ledger.walled(event_id), name if single else "")
        self.draws.pop(place, None)
        if blind:
            self.draws[place] = max(int(one.get("events") or 0) for one in blind)

    def _tell_further(self, place: int, told: dict[str, str]) -> None:
        """Notes number and behaviours."""
        for values in self.further.values():
            values[place] = ""
        for head, name in told.items():
            if head not in self.further:
                self.further[head] = np.full(len(self.pool), "", object)
            self.further[head][place] = name

    def _check(self, place: int, wall: Answer | None, name: str) -> None:
        """Notes whether what was accepted in bulk is what a look at the event itself found."""
        self.checked.pop(place, None)
        if wall is not None and name:
            self.checked[place] = wall.said[0], name in wall.said

    @property
    def answered(self) -> np.ndarray:
        """[events] bool: somebody has answered it, alone or in bulk."""
        return self.single | self.bulk

    def worth(self) -> np.ndarray:
        """[events] float32: what each counts when heads are fitted.

        All guesses of one name count together as `GUESS_WEIGHT` answers, less what people found
        wrong of them.
        """
        found, answered = self.weights.copy(), self.answered
        for name in self.guess_names:
            own = self.guesses == name
            looked = own & answered & (self.labels != "")
            right = int((looked & (self.labels == name)).sum())
            trust = (1 + right) / (1 + int(looked.sum()))
            found[own & ~answered] = min(1.0, GUESS_WEIGHT * trust / int(own.sum()))
        return found

    def rows(self) -> np.ndarray:
        """Events that heads are fitted to, ascending; of each class people's answers first, and
        then those with the lowest keys.
        """
        taught = np.flatnonzero(self.labels != "")
        if len(taught) <= MOST:
            return taught
        names, codes = np.unique(self.labels[taught].astype(str), return_inverse=True)
        order = np.lexsort((self.pool.keys[taught], ~self.answered[taught], codes))
        first = np.searchsorted(codes[order], np.arange(len(names)))
        rank = np.arange(len(order)) - first[codes[order]]
        return np.sort(taught[order[rank < MOST // len(names)]])


def _teaches(one: Consensus) -> str:
    """The class that a decided event is of; '' of an animal that nobody could name."""
    if not one.sightings:
        return EMPTY
    name = one.sightings[0].species
    return "" if name == ANIMAL else name


def _further(one: Consensus) -> dict[str, str]:
    """By head, what was told of the first animal beside its name."""
    if not one.sightings:
        return {}
    first = one.sightings[0]
    told = {head: BINARY[value] for head, value in first.attributes.items()}
    return told if first.count is None else told | {COUNT: first.count}


@dataclasses.dataclass(frozen=True)
class Model:
    """Heads that were fitted to answers.

    Args:
        number: of lines of the journal that they have learnt from; 0 without any.
        answers: events that teach, without those that are only guessed.
        presence: whether there is something.
        species: which; None before the first animal is named.
        further: number and behaviours, by head; of each that was answered in two ways.
    """

    number: int
    answers: int
    presence: heads.Presence
    species: heads.Head | None
    further: dict[str, heads.Head] = dataclasses.field(default_factory=dict)

    @property
    def words(self) -> tuple[str, ...]:
        """The answers that it can give; the last is 'empty'."""
        return (*(self.species.names if self.species else (ANIMAL,)), EMPTY)

    def probabilities(self, vectors: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """[events, words] float32, rows sum to 1."""
        there = self.presence.probabilities(vectors, scores)[:, None]
        which = self.species.probabilities(vectors) if self.species else np.ones((len(there), 1))
        return np.hstack([there * which, 1 - there]).astype(np.float32)


def learn(known: Known, number: int, rows: np.ndarray | None = None) -> Model:
    """Heads of all answers, or of some events' alone; those without number and behaviours.

    Args:
        known: the answers.
        number: of the model.
        rows: events to learn from; None: all that teach.
    """
    further = _learn_further(known) if rows is None else {}
    rows = known.rows() if rows is None else rows
    pool, labels, weights = known.pool, known.labels[rows], known.worth()[rows]
    there = labels != EMPTY
    width = pool.vectors.shape[1]
    presence, species = heads.Presence(np.zeros(width, np.float32)), None
    if len(rows):
        presence = heads.fit_presence(pool.vectors[rows], pool.scores[rows], there, weights)
    if there.any():
        named = rows[there]
        species = heads.fit(pool.vectors[named], labels[there].tolist(), weights[there])
    return Model(number, int(known.answered[rows].sum()), presence, species, further)


def _learn_further(known: Known) -> dict[str, heads.Head]:
    """By head, what was answered in two ways at least; of many answers those of the lowest keys."""
    found = {}
    for head, labels in known.further.items():
        rows = np.flatnonzero(labels != "")
        rows = rows[np.argsort(known.pool.keys[rows], kind="stable")[:FURTHER_MOST]]
        if len(set(labels[rows])) > 1:
            weights = np.ones(len(rows), np.float32)
            found[head] = heads.fit(known.pool.vectors[rows], labels[rows].tolist(), weights)
    return found


def said(probabilities: np.ndarray, words: Sequence[str]) -> np.ndarray:
    """[events] str: 'empty' where that is likelier than not, else the likeliest other word."""
    best = probabilities[:, :-1].argmax(axis=1)
    empty = probabilities[:, -1] > 0.5
    return np.asarray(words, object)[np.where(empty, len(words) - 1, best)]


def ask(
    known: Known, probabilities: np.ndarray, count: int, skip: Iterable[int] = ()
) -> list[Question]:
    """The next questions.

    Args:
        known: the answers.
        probabilities: [events, words] what the model says, see `Model.probabilities`.
        count: of questions; fewer where fewer events are left.
        skip: events that are on somebody's screen: they count as answered.
    """
    open_ones = ~known.answered
    draws_left = ~known.single
    taken = np.zeros(len(known.pool), bool)
    taken[[event for event in skip if 0 <= event < len(taken)]] = True
    margin = asking.margins(probabilities)
    left_over = [place for place in sorted(known.left) if not taken[place]][:count]
    found = [Question(place, Why.UNSURE) for place in left_over]
    taken[left_over] = True
    kinds = asking.kinds(int((known.single | taken).sum()))
    while len(found) < count:
        left = np.flatnonzero(open_ones & ~taken)
        blind = np.flatnonzero(draws_left & ~taken)
        if not len(left) and not len(blind):
            break
        why = next(kinds) if len(left) else Why.RANDOM
        question = _choose(why, known, margin, left, blind, taken)
        found.append(question)
        taken[question.event] = True
    return found


def _choose(
    why: Why,
    known: Known,
    margin: np.ndarray,
    left: np.ndarray,
    blind: np.ndarray,
    taken: np.ndarray,
) -> Question:
    pool = known.pool
    if why is Why.RANDOM:
        return Question(int(blind[pool.keys[blind].argmin()]), why)
    if why is Why.UNSURE:
        return Question(int(left[margin[left].argmin()]), why)
    seen = np.flatnonzero(known.answered | taken)
    found = pool.likeness.typical(left, seen, 1)[0]
    return dataclasses.replace(found, why=why)


def sureness(probabilities: np.ndarray, names: np.ndarray, words: Sequence[str]) -> np.ndarray:
    """[events] float32: the probability of each event's answer.

    Args:
        probabilities: [events, words].
        names: [events] str, what `said` says.
        words: of the model.
    """
    columns = {word: column for column, word in enumerate(words)}
    chosen = np.array([columns[name] for name in names], int)
    return probabilities[np.arange(len(chosen)), chosen]


class Checks(NamedTuple):
    """Blind draws, answered by heads that have not learnt from them.

    Args:
        events: [n] their numbers.
        right: [n] bool.
        confidence: [n] float32, in the answers.
    """

    events: np.ndarray
    right: np.ndarray
    confidence: np.ndarray


def checks(known: Known) -> Checks:
    """All blind draws that people could name."""
    drawn = accuracy.sample(known.pool.keys, known.single, known.draws.items())
    return _held_out(known, known.rows(), np.flatnonzero(drawn & (known.labels != "")))


def running(known: Known, model: Model) -> Running | None:
    """How often the model is right, by blind draws; None of too few."""
    whole = checks(known)
    if len(whole.events) < accuracy.FEWEST:
        return None
    rows = known.rows()
    fewer = rows[np.argsort(known.pool.keys[rows], kind="stable")[::2]]
    half = _held_out(known, fewer, whole.events)
    right, number = int(whole.right.sum()), len(whole.events)
    low, high = accuracy.interval(right, number)
    further = accuracy.foretell(float(half.right.mean()), right / number, model.answers)
    return Running(right, number, low, high, further)


def _held_out(known: Known, rows: np.ndarray, drawn: np.ndarray) -> Checks:
    """Draws, answered by heads that are fitted to the rows that are not of their fold."""
    pool = known.pool
    folds = accuracy.folds_of(pool.keys)
    right, confidence = np.zeros(len(drawn), bool), np.zeros(len(drawn), np.float32)
    for fold in np.unique(folds[drawn]):
        own = np.flatnonzero(folds[drawn] == fold)
        model = learn(known, 0, rows[folds[rows] != fold])
        asked = drawn[own]
        probabilities = model.probabilities(pool.vectors[asked], pool.scores[asked])
        told = said(probabilities, model.words)
        right[own] = told == known.labels[asked]
        confidence[own] = sureness(probabilities, told, model.words)
    return Checks(drawn, right, confidence)
