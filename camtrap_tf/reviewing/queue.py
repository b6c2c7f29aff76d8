"""In which order people look at events: first where a look is worth most.

    gain = chance × worth

`chance` is how likely it is that a look changes the record. For an event without a label, whose
record is the model's answer, it is 1 - (1 - doubt)(1 - disagreement):
    doubt         1 - the probability of the event's answer
    disagreement  share of the event's frames whose own answer is another one, or of the other
                  models, whichever is larger
For a labelled event, whose record is the label, it is `suspicion`: the probability of the
model's answer minus that of the label, where they differ, and 0 where they do not.

`worth` is 1 + rarity, and rarity = log(N / n) / log(N) for an answer that n of the N events got:
1 for the only one of its kind, 0 for what all are. An error in a class of ten events spoils more
of what is known of it than one in a class of ten thousand.

An unknown animal has no probability, so that its chance is 1, and is as rare as can be: events
answered 'unknown' come first.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from camtrap_tf.answers.predictions import ANIMAL, Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, MISSING

UNSURE_BELOW = 0.9  # the probability below which `--only=unsure` asks people
MODES = ("all", "unsure", "random", "species:NAME,NAME")


def order(
    predictions: Predictions,
    members: Sequence[Predictions] = (),
    only: str = "all",
    below: float = UNSURE_BELOW,
    seed: int = 0,
) -> pd.DataFrame:
    """Events in the order in which people should look at them.

    Args:
        predictions: one row per picture, or per event; with labels or without.
        members: other models' answers to the same rows.
        only: which events: 'all'; 'unsure', those with a probability under `below`;
            'species:zebra,lion', those with these answers ('empty', 'animal' and 'unknown' are
            answers, too); 'random', all of them in random order: what people answer first is then a
            random sample, of which the model's accuracy can be told.
        below: of 'unsure', in (0, 1].
        seed: of the random order.

    Returns:
        A row per event, best first; equals stay in their order:
        event_id; answer (missing where there is none); label (missing where there is none);
        confidence, the probability of the answer; frames_disagree, models_disagree, suspicion,
        rarity; gain, in [0, 2]. Events without any readable picture gain nothing and come last.

    Raises:
        InputError: an unknown `only`, species that are no answers, `below` out of range, or
            members with other rows.
    """
    mode, named = _parsed(only, predictions, below)
    events = predictions.by_event()
    codes, truths = events.answer_codes(), events.truth_codes()
    confidence = probability_of(events, codes)
    frames = _frames_differ(predictions, codes)
    models = _models_differ(events, codes, predictions, members)
    disagreement = np.maximum(frames, models)
    suspicion = np.where(
        codes == truths, 0, np.maximum(confidence - probability_of(events, truths), 0)
    )
    chance = np.where(
        truths == MISSING, 1 - confidence * (1 - disagreement), suspicion
    )  # 1 - (1 - doubt)(1 - disagreement), doubt = 1 - confidence
    rarity = np.where(events.judged_unknown(), 1.0, _rarity(codes))
    gain = np.where(codes == MISSING, 0, chance * (1 + rarity))
    table = pd.DataFrame(
        {
            "event_id": events.ids["event_id"], "answer": events.answers(),
            "label": events.truths(), "confidence": confidence, "frames_disagree": frames,
            "models_disagree": models, "suspicion": suspicion, "rarity": rarity, "gain": gain,
        }
    )  # fmt: skip
    if mode == "random":
        return table.iloc[np.random.default_rng(seed).permutation(len(table))]
    keep = np.ones(len(table), bool)
    if mode == "unsure":
        keep = (confidence < below) | (codes == MISSING)
    elif mode == "species":
        keep = table["answer"].isin(named).to_numpy(bool)
    best = np.argsort(-gain, kind="stable")
    return table.iloc[best[keep[best]]]


def _parsed(only: str, predictions: Predictions, below: float) -> tuple[str, list[str]]:
    mode, _, rest = only.partition(":")
    named = [name for name in rest.split(",") if name]
    if mode not in ("all", "unsure", "random", "species") or (mode == "species") != bool(named):
        raise InputError(f"--only is one of {', '.join(MODES)}", only, "Write --only=unsure.")
    if not 0 < below <= 1:
        raise InputError("a probability lies in (0, 1]", below, "Try 0.9.")
    unknown = [name for name in named if name not in predictions.words]
    if unknown:
        raise InputError(
            f"answers of this model are {', '.join(predictions.words)}", unknown, "Mend the name."
        )
    return mode, named


def probability_of(events: Predictions, codes: np.ndarray) -> np.ndarray:
    """[rows] float: the probability of a word (`Predictions.words`) by both stages together.

    A species' is that of an animal times that of the species; where stage 2 was not asked it is
    0. That of a missing word, and of 'unknown', is 0.
    """
    words = events.words
    animal = events.animal_probability().astype(np.float64)
    there = np.where(np.isnan(animal), 1.0, animal)  # a model of species only: there is an animal
    found = np.zeros(len(events))
    species = events.classes.get("species", ())
    if species:
        named = np.flatnonzero((codes >= 0) & (codes < len(species)) & events.answered("species"))
        values = events.probabilities["species"][named, codes[named]].astype(np.float64)
        found[named] = values if events.one_stage else values * there[named]
    found = np.where(codes == words.index(ANIMAL), there, found)
    empty = (codes == words.index(EMPTY)) & ~np.isnan(animal)
    return np.where(empty, 1 - there, found)


def _frames_differ(predictions: Predictions, codes: np.ndarray) -> np.ndarray:
    """[events] float: share of the readable frames whose own answer is not the event's."""
    own, event = predictions.answer_codes(), predictions.event_codes()
    read = own != MISSING
    differ = np.bincount(event, read & (own != codes[event]), len(codes))
    return differ / np.maximum(np.bincount(event, read, len(codes)), 1)


def _models_differ(
    events: Predictions,
    codes: np.ndarray,
    predictions: Predictions,
    members: Sequence[Predictions],
) -> np.ndarray:
    """[events] float: share of the other models whose answer to the event is another one."""
    differ = np.zeros(len(codes))
    for member in members:
        same = len(member) == len(predictions) and member.ids["path"].equals(
            predictions.ids["path"]
        )
        if not same or member.words != events.words:
            raise InputError(
                "models that are compared answer the same pictures in the same words",
                (len(predictions), len(member)),
                "Predict the same folder with bundles of one vocabulary.",
            )
        others = member.by_event().answer_codes()
        differ += (others != codes) & (others != MISSING)
    return differ / max(len(members), 1)


def _rarity(codes: np.ndarray) -> np.ndarray:
    """[events] float in [0, 1]: log(N / n) / log(N)."""
    answered = codes[codes != MISSING]
    if len(answered) < 2:
        return np.zeros(len(codes))
    times = np.bincount(answered)[codes]  # whatever stands at -1 is not used
    rarity = np.log(len(answered) / np.maximum(times, 1)) / np.log(len(answered))
    return np.where(codes == MISSING, 0, rarity)


def suggestions(events: Predictions, best: int = 5) -> list[list[tuple[str, float]]]:
    """For each row the most probable words with their probabilities, best first.

    Words of probability 0 are left out; so is 'animal', but where stage 2 was not asked.
    """
    words, species = events.words, events.classes.get("species", ())
    table = np.stack(
        [probability_of(events, np.full(len(events), code)) for code in range(len(words))], axis=1
    )
    asked = events.answered("species") if species else np.zeros(len(events), bool)
    table[asked | np.isnan(events.animal_probability()), words.index(ANIMAL)] = 0
    ranked = np.argsort(-table, axis=1, kind="stable")[:, :best]
    return [
        [(words[code], float(row[code])) for code in codes if row[code] > 0]
        for row, codes in zip(table, ranked, strict=True)
    ]
