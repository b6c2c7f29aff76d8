"""Vocabularies: species, count bins and attributes; names to indices and back.

The vocabulary comes with the data: the 48 Serengeti species are a default, not a constant
of any model. Heads are keyed by name. A binary head has two classes, `no` and `yes`, and
index 1 means that what the head is named after is true: `empty` at index 1 is 'this picture
is empty'.
"""

import dataclasses
import enum
from typing import Any

from camtrap_tf.core.codec import from_json, to_json
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.heads import ATTRIBUTES, BINARY, COUNT, COUNT_BINS, EMPTY, SPECIES, check, find

# Alphabetical, numbered 0-47, as the authors of the paper number them.
SERENGETI_SPECIES = (
    "aardvark", "aardwolf", "baboon", "batEaredFox", "buffalo", "bushbuck", "caracal",
    "cheetah", "civet", "dikDik", "eland", "elephant", "gazelleGrants", "gazelleThomsons",
    "genet", "giraffe", "guineaFowl", "hare", "hartebeest", "hippopotamus", "honeyBadger",
    "human", "hyenaSpotted", "hyenaStriped", "impala", "jackal", "koriBustard", "leopard",
    "lionFemale", "lionMale", "mongoose", "ostrich", "otherBird", "porcupine", "reedbuck",
    "reptiles", "rhinoceros", "rodents", "secretaryBird", "serval", "topi", "vervetMonkey",
    "warthog", "waterbuck", "wildcat", "wildebeest", "zebra", "zorilla",
)  # fmt: skip
UNKNOWN = "unknown"  # the answer to an animal that looks like none of the species learnt
# How much a picture looks like those the species were learnt from: a score beside the heads, a
# number without bounds. Which score it is stands in `familiarity_score`.
FAMILIARITY = "familiarity"
# How sure a detector is of the surest box in a picture: a score, in [0, 1].
DETECTION = "detection"
MISSING = -1  # a label that a source does not give; it weighs zero in losses and metrics


class Task(enum.Enum):
    """What one network answers."""

    EMPTY = "empty"  # stage 1: is the picture empty? (the paper's Task I)
    ANIMAL = "animal"  # stage 2: species, count and attributes of an animal (Tasks II-IV)
    SPECIES = "species"  # stage 2 with the species head alone
    ONE_STAGE = "one_stage"  # species, with 'empty' as one more class


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The names a data set uses; `count_bins` and `attributes` may be empty tuples.

    Args:
        species: species names, in index order, without 'empty'.
        count_bins: names of the bins of the number of animals, in order.
        attributes: names of the binary attributes.
        further: class names of further heads, by name; see `heads.declared`.
    """

    species: tuple[str, ...] = SERENGETI_SPECIES
    count_bins: tuple[str, ...] = COUNT_BINS
    attributes: tuple[str, ...] = ATTRIBUTES
    further: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for field in ("species", "count_bins", "attributes"):
            names = tuple(getattr(self, field))
            object.__setattr__(self, field, names)
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise InputError(f"names in `{field}` are unique", repeated, "Drop the repeats.")
        for name, classes in self.further.items():
            check(name, classes)
        if EMPTY in self.species:
            raise InputError(
                "'empty' is not a species", self.species, "Leave 'empty' out of the vocabulary."
            )

    def heads(self, task: Task) -> dict[str, tuple[str, ...]]:
        """Class names of each output head of a task, by head name, in output order."""
        if task is Task.ONE_STAGE:
            return {SPECIES: (*self.species, EMPTY)}
        if task is Task.SPECIES:
            return {SPECIES: self.species}
        of_animals = task is Task.ANIMAL
        return {
            name: classes
            for name, classes in self.classes().items()
            if find(name, classes).of_animals == of_animals and classes
        }

    def classes(self) -> dict[str, tuple[str, ...]]:
        """Class names of everything that events are labelled with, in the order of shards.

        The count stands there always, without classes where nothing was counted.
        """
        binary = dict.fromkeys(self.attributes, BINARY)
        first = {EMPTY: BINARY, SPECIES: self.species, COUNT: self.count_bins}
        return first | binary | self.further

    def to_json(self) -> dict[str, Any]:
        """The vocabulary as JSON values; without `further` where there is nothing further."""
        content = to_json(self)
        if not self.further:
            del content["further"]
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Vocabulary":
        """The reverse of `to_json`."""
        return from_json(content, cls, "vocabulary")


def count_bin(number: int) -> str:
    """Name of the bin that holds `number` animals.

    >>> count_bin(3), count_bin(10), count_bin(11), count_bin(51)
    ('3', '10', '11-50', '51+')
    """
    if number < 1:
        raise InputError("a count of animals is at least 1", number, "Empty pictures have none.")
    if number <= 10:
        return str(number)
    return "11-50" if number <= 50 else "51+"


def count_lower_bound(name: str) -> int:
    """Smallest number of animals in a bin.

    >>> count_lower_bound("4"), count_lower_bound("11-50"), count_lower_bound("51+")
    (4, 11, 51)
    """
    return int(name.rstrip("+").split("-")[0])
