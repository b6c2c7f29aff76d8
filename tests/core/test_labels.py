"""Vocabularies and count bins."""

import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import (
    COUNT_BINS,
    SERENGETI_SPECIES,
    Task,
    Vocabulary,
    count_bin,
    count_lower_bound,
)


def test_the_serengeti_species_are_48_in_alphabetical_order():
    assert len(SERENGETI_SPECIES) == 48
    assert list(SERENGETI_SPECIES) == sorted(SERENGETI_SPECIES)
    assert SERENGETI_SPECIES.index("dikDik") == 9
    assert SERENGETI_SPECIES.index("zorilla") == 47


@pytest.mark.parametrize(
    ("number", "name"), [(1, "1"), (10, "10"), (11, "11-50"), (50, "11-50"), (51, "51+")]
)
def test_count_bins(number, name):
    assert count_bin(number) == name
    assert name in COUNT_BINS
    assert count_lower_bound(name) <= number


def test_no_animal_has_no_bin():
    with pytest.raises(InputError):
        count_bin(0)


def test_heads_of_each_task():
    vocabulary = Vocabulary(("cow", "elk"), ("1", "2"), ("moving",))
    assert vocabulary.heads(Task.EMPTY) == {"empty": ("no", "yes")}
    assert list(vocabulary.heads(Task.ANIMAL)) == ["species", "count", "moving"]
    assert vocabulary.heads(Task.ONE_STAGE) == {"species": ("cow", "elk", "empty")}
    assert list(Vocabulary(("cow",), (), ()).heads(Task.ANIMAL)) == ["species"]
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


@pytest.mark.parametrize("species", [("cow", "cow"), ("cow", "empty")])
def test_a_wrong_vocabulary_is_refused(species):
    with pytest.raises(InputError):
        Vocabulary(species)
