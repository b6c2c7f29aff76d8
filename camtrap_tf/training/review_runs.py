"""The probes of a review's bundle: heads on single pictures, fitted to what people answered.

A head is in the bundle where people gave two answers at least to its question, each of `ENOUGH`
events, but for 'empty' and the species, which have to be there. Where nobody has answered 'empty',
open events in which the detector sees nothing teach it (`Work.taught_by_detector`).
"""

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import special

from camtrap_tf import __version__
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import atomic, write_json
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import Config, InputSpec, PictureSpec, RareClasses, View
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.heads import COUNT, SPECIES
from camtrap_tf.core.labels import (
    ATTRIBUTES,
    COUNT_BINS,
    DETECTION,
    EMPTY,
    FAMILIARITY,
    MISSING,
    Task,
    Vocabulary,
)
from camtrap_tf.core.recipes import STARTED, probe_config
from camtrap_tf.networks.run import KIND, STRENGTH, VERSION
from camtrap_tf.prediction.descriptions import SIDE
from camtrap_tf.reviewing.live import accuracy
from camtrap_tf.training import linear
from camtrap_tf.training.review_work import Work

ENOUGH = 5  # events of each of two answers to a question about number or behaviours
FEWEST = 30  # pictures of blind draws that a calibration takes
log = logging.getLogger("camtrap")


def further_counts(work: Work) -> dict[str, dict[str, int]]:
    """Of number and behaviours, as far as people told them: by answer, how many events."""
    found = {}
    for head in (COUNT, *ATTRIBUTES):
        names = work.said(head)[work.said(head) != ""] if head in work.known.further else []
        if len(names):
            answers, events = np.unique(np.asarray(names, str), return_counts=True)
            found[head] = dict(zip(answers.tolist(), events.tolist(), strict=True))
    return found


def is_enough(events: dict[str, int]) -> bool:
    """Whether so many events of each answer make a head of the bundle."""
    return sum(number >= ENOUGH for number in events.values()) > 1


def missing(work: Work) -> list[str]:
    """In words, the heads that are left out of the bundle, though people told some of it."""
    return [
        f"{head} ({', '.join(f'{name}: {number}' for name, number in events.items())})"
        for head, events in further_counts(work).items()
        if not is_enough(events)
    ]


def vocabulary_of(work: Work) -> Vocabulary:
    """The names that the bundle's heads have."""
    told = [head for head, events in further_counts(work).items() if is_enough(events)]
    bins = COUNT_BINS if COUNT in told else ()
    return Vocabulary(work.classes(SPECIES), bins, tuple(n for n in told if n != COUNT))


def second_task(vocabulary: Vocabulary) -> Task:
    """What the networks of the second stage answer."""
    return Task.ANIMAL if vocabulary.count_bins or vocabulary.attributes else Task.SPECIES


def run_name(task: Task, view: View) -> str:
    """Of the folder of a run."""
    return f"{task.value}-{view.value}"


def write_runs(work: Work, folder: Path) -> list[Path]:
    """A run of each task and view."""
    vocabulary = vocabulary_of(work)
    return [
        _write_run(work, folder / run_name(task, view), task, view, number, vocabulary)
        for task in (Task.EMPTY, second_task(vocabulary))
        for number, view in enumerate((View.WHOLE, View.CROP))
    ]


class _Fits:
    """Heads of one question and view, fitted to some pictures or others.

    Args:
        work: the pictures.
        head: the question.
        seen: [pictures, 1, width] float32, the features of the view.
        weighted: every class counts the same.
    """

    def __init__(self, work: Work, head: str, seen: np.ndarray, weighted: bool):
        self.work, self.head, self.seen, self.weighted = work, head, seen, weighted
        self.names, self.labels = work.classes(head), work.labels(head)
        self.known = np.flatnonzero(self.labels != MISSING)
        if len(np.unique(self.labels[self.known])) < 2:
            raise self._of_one_kind()
        self._standard = linear.Standard.learn(seen[self.known])

    def _of_one_kind(self) -> InputError:
        if self.head == EMPTY:
            return InputError(
                "people have answered an empty event (one will do, ten are better), or the "
                "detector sees nothing in an open one",
                f"{len(self.known):,} pictures with an animal and no other",
                "Look up events of the answer 'empty', or those worth a look, on the page; answer "
                "what is empty with 0, and finish again.",
            )
        return InputError(
            f"pictures that can be read show two answers to '{self.head}'",
            f"{len(self.known):,} pictures of one answer",
            "Answer some more events, then finish.",
        )

    def fit(self, rows: np.ndarray) -> linear.Head:
        """Of some of the pictures."""
        labels, events = self.labels[rows], self.work.events[rows]
        given = self._standard(self.seen[rows]), labels, events, len(self.names), self.weighted
        return linear.fit(*given).behind(self._standard)

    def held_out(self, every: np.ndarray) -> np.ndarray | None:
        """[pictures, classes] logits of blind draws by heads that have not learnt from them.

        Args:
            every: pictures of blind draws.

        Returns:
            None (and logs a warning) where fewer than `FEWEST` of them have a label, or all the
            same.
        """
        told = self.labels[every][self.labels[every] != MISSING]
        if len(told) < FEWEST or len(np.unique(told)) < 2:
            log.warning(
                "%d pictures of blind draws, of %d answers: '%s' is not calibrated",
                len(told), len(np.unique(told)), self.head,
            )  # fmt: skip
            return None
        folds = accuracy.folds_of(self.work.known.pool.keys)[self.work.events]
        logits = np.zeros((len(every), len(self.names)), np.float32)
        for fold in np.unique(folds[every]):
            own = np.flatnonzero(folds[every] == fold)
            others = self.known[folds[self.known] != fold]
            if len(others):
                logits[own] = self.fit(others).logits(self.seen[every[own], 0])
        return logits


def _write_run(
    work: Work, folder: Path, task: Task, view: View, number: int, vocabulary: Vocabulary
) -> Path:
    from camtrap_tf.networks import architectures

    config = probe_config(task, STARTED, SIDE)
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, view=view))
    weighted = config.train.rare is RareClasses.WEIGHTED_LOSS
    seen = work.features[:, number : number + 1].astype(np.float32)
    heads = vocabulary.heads(task)
    fits = [_Fits(work, head, seen, weighted) for head in heads]
    model, best = architectures.build(config.model, heads), {}
    for one in fits:
        fitted = one.fit(one.known)
        model.get_layer(one.head).set_weights([fitted.kernel, fitted.bias])
        best[STRENGTH + one.head] = fitted.strength
    write_json(folder / file_names.CONFIG, KIND, VERSION, _record(work, config, vocabulary))
    with atomic(folder / file_names.NETWORK) as temporary:
        model.save(temporary)
    held = _held_out(work, fits)
    if held is not None:
        held.write(folder / file_names.answers("val"))
    write_json(folder / file_names.RESULT, "run result", VERSION, {"best": best})
    return folder


def _record(work: Work, config: Config, vocabulary: Vocabulary) -> dict:
    """What a run keeps of how it came about."""
    import keras
    import tensorflow as tf

    from camtrap_tf.networks.pretrained import origins

    spec = InputSpec(config.model.crop, config.model.normalisation)
    return {
        "config": to_json(config), "input": to_json(spec), "vocabulary": vocabulary.to_json(),
        "picture": to_json(PictureSpec(size=SIDE, crops=work.sharp)),
        "data": {"journal_lines": work.model.number, "origin": "a review"},
        "origins": to_json(origins.distinct((origins.origin_of(config.model),))),
        "versions": {"camtrap_tf": __version__, "tensorflow": tf.__version__,
                     "keras": keras.__version__},
    }  # fmt: skip


def _held_out(work: Work, fits: list[_Fits]) -> Predictions | None:
    """Pictures of blind draws, answered by heads that have not learnt from them.

    None where they are too few for the first head; further heads of too few are left out.
    """
    every = np.flatnonzero(work.drawn() & work.ids["failure"].isna().to_numpy())
    told = dict(_told(fits, every))
    if fits[0].head not in told:
        return None
    info: dict = {"animal_threshold": 0.5}
    scores = {DETECTION: work.scores[every].astype(np.float32)}
    if SPECIES in told:
        scores |= {FAMILIARITY: special.logsumexp(told[SPECIES], axis=1).astype(np.float32)}
        info["familiarity_score"] = "energy"
    kept = [one for one in fits if one.head in told]
    classes = {one.head: one.names for one in kept}
    truth = {one.head: one.labels[every].astype(np.int16) for one in kept}
    values = {head: special.softmax(one, axis=1).astype(np.float32) for head, one in told.items()}
    ids = work.ids.iloc[every].reset_index(drop=True)
    return Predictions(ids, classes, values, truth, dict(truth), info, scores)


def _told(fits: list[_Fits], every: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """By head, the logits of its held-out pictures, where they are enough."""
    for one in fits:
        logits = one.held_out(every)
        if logits is not None:
            yield one.head, logits
