"""The animal threshold of stage 1, chosen at a stated recall, and what it does."""

import dataclasses
import enum
import logging
from collections.abc import Iterable

import numpy as np

from camtrap_tf.answers import intervals
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, MISSING
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.bundle import Bundle, with_threshold
from camtrap_tf.prediction import shard_boxes
from camtrap_tf.prediction.shards import predict_split

log = logging.getLogger("camtrap")


class Level(enum.Enum):
    """What a recall counts."""

    PICTURES = "pictures"
    EVENTS = "events"  # an event passes with any of its frames, as `camtrap-edge` decides


def at_recall(animal_probability: np.ndarray, animal: np.ndarray, recall: float) -> float:
    """Largest threshold that at least a share `recall` of the animals reaches.

    Args:
        animal_probability: [n], in [0, 1].
        animal: [n] bool, the truth.
        recall: in (0, 1].

    Raises:
        InputError: no animals, or a recall out of range.

    >>> at_recall(np.array([0.9, 0.8, 0.3, 0.7]), np.array([True, True, True, False]), 0.6)
    0.8
    """
    found = np.sort(animal_probability[animal])[::-1]
    if not len(found) or not 0 < recall <= 1:
        raise InputError(
            "a recall in (0, 1] is reached on pictures with animals",
            recall,
            "Try 0.96.",
        )
    # The epsilon: 0.55 of 100 animals are 55, though the product is a little more.
    return float(found[int(np.ceil(recall * len(found) - 1e-9)) - 1])


@dataclasses.dataclass(frozen=True)
class Seen:
    """What stage 1 sees of labelled pictures, or of the events they belong to.

    Args:
        probability: [n] of an animal; of an event the highest of its frames'.
        animal: [n] bool, the truth: of an event whether any frame shows an animal.
        events: [n] int, number of the event.
    """

    probability: np.ndarray
    animal: np.ndarray
    events: np.ndarray

    @classmethod
    def of(cls, answers: Predictions, level: Level) -> "Seen":
        """Of the pictures that are labelled and answered, by themselves or by event."""
        labels = answers.labels[EMPTY]
        rows = np.flatnonzero((labels != MISSING) & answers.answered(EMPTY))
        events = np.unique(answers.event_codes()[rows], return_inverse=True)[1]
        seen = cls(answers.probabilities[EMPTY][rows, 0], labels[rows] == 0, events)
        return seen if level is Level.PICTURES else seen._by_event()

    def _by_event(self) -> "Seen":
        count = self.events.max(initial=-1) + 1
        highest, animal = np.zeros(count, np.float32), np.zeros(count, bool)
        np.maximum.at(highest, self.events, self.probability)
        np.logical_or.at(animal, self.events, self.animal)
        return Seen(highest, animal, np.arange(count))


@dataclasses.dataclass(frozen=True)
class Effect:
    """What a threshold does to a split; shares in [0, 1] with 95% intervals, events drawn anew.

    Args:
        split: which.
        level: whether pictures or events are counted.
        animals, empties: how many there are.
        recall, recall_interval: share of the animals that pass.
        removed, removed_interval: share of the empties that do not.
    """

    split: str
    level: Level
    animals: int
    empties: int
    recall: float
    recall_interval: tuple[float, float]
    removed: float
    removed_interval: tuple[float, float]

    @classmethod
    def of(cls, answers: Predictions, threshold: float, split: str, level: Level) -> "Effect":
        """Of a threshold on a split's answers."""
        seen = Seen.of(answers, level)
        passes = seen.probability >= threshold
        recall = np.where(seen.animal, passes, np.nan)
        removed = np.where(seen.animal, np.nan, ~passes)
        return cls(
            split,
            level,
            int(seen.animal.sum()),
            int((~seen.animal).sum()),
            *_share(recall, seen.events),
            *_share(removed, seen.events),
        )


def _share(values: np.ndarray, events: np.ndarray) -> tuple[float, tuple[float, float]]:
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if len(known) else float("nan")
    return mean, intervals.ratio(values, events)


def table(effects: Iterable[Effect]) -> str:
    """The effects as plain text."""
    lines = ["split  counted    animals  of them pass          empty  of them removed"]
    for one in effects:
        recall, removed = (
            f"{share:6.1%} [{low:.1%}, {high:.1%}]"
            for share, (low, high) in (
                (one.recall, one.recall_interval),
                (one.removed, one.removed_interval),
            )
        )
        lines.append(
            f"{one.split:<7}{one.level.value:<11}{one.animals:>7}  {recall:<22}{one.empties:>5}"
            f"  {removed}"
        )
    return "\n".join(lines)


def with_recall(
    bundle: Bundle, shards: PathLike | None, recall: float, level: Level = Level.PICTURES
) -> tuple[Bundle, list[Effect]]:
    """The bundle with its animal threshold chosen at a recall on the validation split.

    Args:
        bundle: with stage 1.
        shards: with labels; the threshold comes from the split 'val' alone.
        recall: in (0, 1].
        level: what it counts.

    Returns:
        The bundle, and what the threshold does on every split but 'train'.

    Raises:
        InputError: no shards, or a bundle without stage 1.
    """
    networks = bundle.networks(stage=1)
    if shards is None or not networks:
        raise InputError(
            "a recall is chosen for a bundle with stage 1, on shards",
            shards,
            "Give --shards, and a two-stage bundle.",
        )
    manifest = Manifest.read(shards)
    # 'val' first, whose threshold the others are held to.
    splits = sorted({*manifest.splits()} - {"train"}, key=lambda split: (split != "val", split))
    found = shard_boxes.kept(manifest) if bundle.needs_boxes else None
    answers = {
        split: predict_split(networks, manifest, split, detections=found) for split in splits
    }
    seen = Seen.of(answers["val"], level)
    chosen = at_recall(seen.probability, seen.animal, recall)
    effects = [
        Effect.of(answers[split], chosen, split, level) for split in splits for level in Level
    ]
    log.info("animal threshold %.4f, chosen on 'val'\n%s", chosen, table(effects))
    return with_threshold(bundle, chosen), effects
