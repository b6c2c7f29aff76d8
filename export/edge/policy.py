"""From a frame's answers to what becomes of an event: keep, drop or transmit."""

import dataclasses
import enum
from collections.abc import Callable, Sequence

import numpy as np

from camtrap_tf.answers import event_rules
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import UNKNOWN
from export.edge.model import Answer, EdgeModel


class Action(enum.Enum):
    """What becomes of an event's pictures."""

    KEEP = "keep"
    DROP = "drop"  # not wanted; the files stay unless deleting was asked for
    TRANSMIT = "transmit"  # kept, and one picture goes out


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the networks say of an event.

    Args:
        readable: some frame could be read.
        animal: some frame's probability of an animal reaches the threshold: a missed animal
            costs more than a kept empty event.
        animal_probability: the highest of the frames'.
        species: most probable by the bundle's rule over the frames with an animal, or '';
            'unknown' where their mean familiarity is below the threshold.
        probability: of that species; without one, or of an unknown one, of 'animal' or 'empty'.
        automatic: `probability` is high enough to do without a human.
        best: position of the frame to send, the one likeliest to show an animal.
    """

    readable: bool
    animal: bool = False
    animal_probability: float = 0.0
    species: str = ""
    probability: float = 0.0
    automatic: bool = False
    best: int = 0


def judge(answers: Sequence[Answer | None], model: EdgeModel) -> Verdict:
    """The verdict on an event; `answers` holds None for frames that could not be read."""
    read = [(i, answer) for i, answer in enumerate(answers) if answer is not None]
    if not read:
        return Verdict(readable=False)
    best, highest = max(read, key=lambda pair: pair[1].animal_probability)
    highest = highest.animal_probability
    animal, species = highest >= model.animal_threshold, ""
    probability = highest if animal else 1 - highest
    told = [a for _, a in read if a.species is not None and _animal(a, model)]
    unknown = animal and _unknown(told, model)
    if animal and told and not unknown:
        found = _species(told, model)
        species, probability = model.species[int(found.argmax())], float(found.max())
    species = UNKNOWN if unknown else species
    automatic = probability >= model.automatic_at and not unknown
    return Verdict(True, animal, highest, species, probability, automatic, best)


def _species(told: list[Answer], model: EdgeModel) -> np.ndarray:
    """[classes] float32: probabilities of the species by the rule of the bundle."""
    sure = [a.detection for a in told if a.detection is not None]
    return event_rules.combine(
        np.zeros(len(told), int),
        1,
        np.stack([a.species for a in told if a.species is not None]),
        np.array([a.animal_probability for a in told], np.float32),
        model.event_rules.get("species", "mean"),
        joint=model.one_stage,
        detection=np.array(sure, np.float32) if len(sure) == len(told) else None,
    )[0]


def _unknown(told: list[Answer], model: EdgeModel) -> bool:
    values = [answer.familiarity for answer in told if answer.familiarity is not None]
    threshold = model.familiarity_threshold
    return threshold is not None and bool(values) and float(np.mean(values)) < threshold


def _animal(answer: Answer, model: EdgeModel) -> bool:
    return answer.animal_probability >= model.animal_threshold


Rule = Callable[[Verdict], bool]
RULES: dict[str, Rule] = {
    "all": lambda verdict: True,
    "none": lambda verdict: False,
    "animal": lambda verdict: verdict.animal,
    "confident": lambda verdict: verdict.animal and verdict.automatic,
    "unsure": lambda verdict: not verdict.automatic,
    UNKNOWN: lambda verdict: verdict.species == UNKNOWN,
}


def parse_rule(text: str, species: Sequence[str]) -> Rule:
    """A rule from its text: a name in `RULES`, or `species:a,b`.

    Raises:
        InputError: another text, or a species that the model does not know.
    """
    if text in RULES:
        return RULES[text]
    kind, _, names = text.partition(":")
    wanted = frozenset(filter(None, names.split(",")))
    if kind != "species" or not wanted:
        raise InputError(
            f"a rule is {', '.join(RULES)} or species:NAME,NAME", text, "Correct the rule."
        )
    unknown = sorted(wanted - set(species))
    if unknown:
        raise InputError(f"the model's species are {', '.join(species)}", unknown, "Pick of them.")
    return lambda verdict: verdict.animal and verdict.species in wanted


@dataclasses.dataclass(frozen=True)
class Policy:
    """Which events are kept and which transmitted.

    Args:
        keep, send: rules.
        budget: bytes that may be transmitted on one day; None = no limit.
    """

    keep: Rule
    send: Rule
    budget: int | None = None

    def decide(self, verdict: Verdict, size: int, sent_today: int) -> tuple[Action, str]:
        """The action and its reason.

        Args:
            verdict: on the event.
            size: bytes of the picture that would be sent.
            sent_today: bytes.
        """
        if not verdict.readable:
            return Action.KEEP, "unreadable"
        if self.send(verdict):
            if self.budget is not None and sent_today + size > self.budget:
                return Action.KEEP, "budget spent"
            return Action.TRANSMIT, "send rule"
        return (Action.KEEP, "keep rule") if self.keep(verdict) else (Action.DROP, "not wanted")
