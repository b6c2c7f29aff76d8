"""The table of heads: what a network can be asked, a row for each question.

Which classes a head has comes with the data (`labels.Vocabulary`); how it is scored, how an
event is made of its frames, how it is shown and written follows from its row here. A head that
has no row, such as `--head=collar` or `--head=antlers:none,velvet,hard`, is a question about
the animal: with a yes-or-no answer, or of one class among several. Give it a row only to have
it spelled differently or written to a column of its own.

Exactly one class of a head holds, in `Kind.YES_NO` too, and every head learns by cross-entropy
over the pictures that have a label for it (`training.losses`).
"""

import dataclasses
import enum
import re
from collections.abc import Iterable, Mapping, Sequence

from camtrap_tf.core.errors import InputError

BINARY = ("no", "yes")
EMPTY = "empty"
SPECIES = "species"
COUNT = "count"
COUNT_BINS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11-50", "51+")
ATTRIBUTES = ("standing", "resting", "moving", "eating", "interacting", "babies")


class Kind(enum.Enum):
    """How the classes of a head relate."""

    YES_NO = "yes or no"  # `BINARY`
    CHOICE = "one of several classes"
    ORDERED = "one of several classes that have an order"  # the neighbour is nearly right


@dataclasses.dataclass(frozen=True)
class Head:
    """One question.

    Args:
        name: the key of the head wherever answers are kept.
        kind: how its classes relate.
        of_animals: it is asked of an animal; False: of every picture, before anything else.
        of_frames: shards hold the labels of single frames, beside those of events.
        nothing: of a yes-or-no head, the class that says that nothing is there, which one sure
            frame of an event refutes (`event_rules.RULES`).
        event_rule: by which an event's answer is made of its frames', a key of
            `event_rules.RULES`; without anything to choose it on, frames count as they show an
            animal.
        scored_rule: the same of bundles that keep a detector's score; '' stands for `event_rule`.
        rule_chosen: a bundle takes another where that is clearly better on the validation split.
        threshold: a key of `Predictions.info`, the probability by which it is decided; None:
            the most probable class is the answer.
        title: in figures. '' stands for the name, here and below.
        label: over its bars on the cards of a report; yes-or-no heads share those of Behaviour.
        question: in the report's table of accuracy; yes-or-no heads of animals are scored
            together, as a set.
        lenient: question for its more lenient figure, '' for none: among the five best of a
            choice, give or take one class of an ordered head.
        unit: what follows the class on a card: '3 animals', of one '1 animal'.
        served: in a SavedModel, the output that spells the most probable class; None: none.
        camtrap_dp: the column of a Camtrap DP observation that it is written to.
    """

    name: str
    kind: Kind
    of_animals: bool = True
    of_frames: bool = False
    nothing: str = BINARY[0]
    event_rule: str = "animal"
    scored_rule: str = ""
    rule_chosen: bool = False
    threshold: str | None = None
    title: str = ""
    label: str = ""
    question: str = ""
    lenient: str = ""
    lenient_title: str = ""
    unit: str = ""
    served: str | None = None
    camtrap_dp: str = "observationTags"

    @property
    def is_attribute(self) -> bool:
        """It is a yes-or-no question about the animal."""
        return self.kind is Kind.YES_NO and self.of_animals

    @property
    def refuted(self) -> int | None:
        """Position of `nothing` among the classes of a yes-or-no head; None of others."""
        return BINARY.index(self.nothing) if self.kind is Kind.YES_NO else None


def _behaviour(name: str) -> Head:
    return Head(name, Kind.YES_NO, camtrap_dp="behavior")


_ROWS = (
    Head(
        EMPTY, Kind.YES_NO, of_animals=False, of_frames=True, nothing=BINARY[1],
        event_rule="maximum", rule_chosen=True, threshold="animal_threshold", title="empty or not",
        question="Empty, or an animal?", camtrap_dp="observationType",
    ),
    Head(
        SPECIES, Kind.CHOICE, of_frames=True, scored_rule="detector", rule_chosen=True,
        label="Species", question="Which species?",
        lenient="Is the species among the five best guesses?",
        lenient_title="among the five best", camtrap_dp="scientificName",
    ),
    Head(
        COUNT, Kind.ORDERED, rule_chosen=True, title="number of animals", label="Number",
        question="How many animals?", lenient="How many animals, give or take one bin?",
        lenient_title="within one bin", unit="animals", served="count_bin", camtrap_dp="count",
    ),
    *map(_behaviour, ATTRIBUTES[:-1]),
    Head(ATTRIBUTES[-1], Kind.YES_NO, camtrap_dp="lifeStage"),
    # Standard columns of Camtrap DP, for those who ask these questions under these names.
    Head("sex", Kind.CHOICE, served="sex_class", camtrap_dp="sex"),
    Head("lifeStage", Kind.CHOICE, served="lifeStage_class", camtrap_dp="lifeStage"),
)  # fmt: skip
HEADS: dict[str, Head] = {row.name: row for row in _ROWS}
FRAME_HEADS = tuple(row.name for row in _ROWS if row.of_frames)


def find(name: str, classes: Sequence[str]) -> Head:
    """The row of a head; of one without a row, what its classes say.

    >>> find("count", ("1", "2", "3+")).kind
    <Kind.ORDERED: 'one of several classes that have an order'>
    >>> find("collar", ("no", "yes")).is_attribute, find("coat", ("red", "grey")).served
    (True, 'coat_class')
    """
    if tuple(classes) == BINARY:
        row = HEADS.get(name)
        return row if row and row.kind is Kind.YES_NO else Head(name, Kind.YES_NO)
    return HEADS.get(name) or Head(name, Kind.CHOICE, served=f"{name}_class")


def declared(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Class names by head of further questions, as flags give them.

    Args:
        texts: NAME of a yes-or-no question, or NAME:CLASS,CLASS,...

    Raises:
        InputError: a name that cannot be a column or is taken, or fewer than two classes.

    >>> declared(["sex:male,female,unknown", "collar"])
    {'sex': ('male', 'female', 'unknown'), 'collar': ('no', 'yes')}
    """
    found = {}
    for text in texts:
        name, colon, listed = text.partition(":")
        classes = tuple(part.strip() for part in listed.split(",")) if colon else BINARY
        check(name, classes)
        if name in found:
            raise InputError("a head is declared once", name, "Drop the repeat.")
        found[name] = BINARY if set(classes) == set(BINARY) else classes
    return found


def check(name: str, classes: Sequence[str]) -> None:
    """Raises what `declared` raises of one further head."""
    if not _NAME.fullmatch(name):
        raise InputError(
            "a head's name is a letter and then letters, digits and '_'", name,
            "Rename the column, as in --head=sex:male,female.",
        )  # fmt: skip
    if name in RESERVED:
        raise InputError(
            f"a further head is none of {', '.join(sorted(RESERVED))}", name, "Rename the column."
        )
    if len(set(classes)) != len(classes) or len(classes) < 2 or not all(classes):
        raise InputError(
            "a head has at least two classes, each named once", list(classes),
            "Write --head=NAME:CLASS,CLASS, or --head=NAME for yes or no.",
        )  # fmt: skip


_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")
# Heads that every source knows, and columns of tables and outputs.
RESERVED = frozenset((
    EMPTY, SPECIES, COUNT, *ATTRIBUTES, "path", "folder", "file", "event", "event_id", "frame",
    "site", "season", "datetime", "failure", "reviewed_by", "reviewed_at", "answer", "animal",
    "animal_probability", "attributes", "decision", "detection", "doubt", "doubtful", "familiarity",
    "further_species", "unknown", "valid",
))  # fmt: skip


def in_order(names: Iterable[str]) -> list[str]:
    """Names of heads in the order of the table, then those without a row as they come.

    >>> in_order(["collar", "count", "species"])
    ['species', 'count', 'collar']
    """
    order = {name: place for place, name in enumerate(HEADS)}
    return sorted(names, key=lambda name: order.get(name, len(order)))


def attributes(classes: Mapping[str, Sequence[str]]) -> list[str]:
    """Names of the yes-or-no questions about animals among heads: classes by name."""
    return [name for name, names in classes.items() if find(name, names).is_attribute]


def choices(classes: Mapping[str, Sequence[str]]) -> list[str]:
    """Names of the further questions among heads that are answered by one of several classes.

    Further is what is neither species nor number.
    """
    return [
        name
        for name, names in classes.items()
        if name not in (SPECIES, COUNT) and find(name, names).kind is not Kind.YES_NO
    ]
