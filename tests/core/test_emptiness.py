import pytest

from camtrap_tf.core.emptiness import Meaning, Names, folded
from camtrap_tf.core.errors import InputError


@pytest.mark.parametrize(
    "name",
    ["nothing", "None", "no animal", "NOTHINGHERE", "vegetationNoAnimal", "blank", "Blank ",
     "BLANKS", "empty_frame",
     "no_animals", "No-Animals-Present", "Vacío", "vaci\u0301o", "LEER", "I see nothing."],
)  # fmt: skip
def test_names_of_an_empty_picture_in_any_spelling(name):
    assert Names().meaning(name) is Meaning.EMPTY


@pytest.mark.parametrize("name", ["NA", "n/a", "NaN", "No CV Result", "Unknown", "", " ", "?"])
def test_names_of_no_answer(name):
    assert Names().meaning(name) is Meaning.UNLABELLED


@pytest.mark.parametrize("name", ["Nandu", "noctule bat", "unknown bird", "fox", "狐"])
def test_species_stay_species(name):
    assert Names().meaning(name) is Meaning.SPECIES


def test_a_project_changes_the_table():
    names = Names.parse("Nix, unknown=species, human=unlabelled")
    assert names.meaning("NIX") is Meaning.EMPTY
    assert names.meaning("Unknown") is Meaning.SPECIES
    assert names.meaning("human") is Meaning.UNLABELLED
    assert names.meaning("blank") is Meaning.EMPTY  # the others stay
    assert Names.parse(None) == Names.parse("") == Names()
    with pytest.raises(InputError, match="MEANING of empty, unlabelled, species; received 'x=y'"):
        Names.parse("x=y")


def test_names_without_vowels():
    empty = ("NTHNGHR", "NTHNG", "VGTTNNNML", "BLNK", "NNMLSPRSNT", "MPT", "nothing here")
    assert {Names().meaning_without_vowels(name) for name in empty} == {Meaning.EMPTY}
    # A name that kept its vowels is matched with them: a gander is not the Dutch 'geen dier'.
    assert Names().meaning_without_vowels("gander") is Meaning.SPECIES
    assert Names().meaning_without_vowels("ZBR") is Meaning.SPECIES
    assert Names.parse("Kein Motiv").meaning_without_vowels("KNMTV") is Meaning.EMPTY


def test_names_that_read_like_no_species():
    likely = ("noMammalsSeen", "unknown animal", "empty trigger", "Nothing visible")
    assert all(map(Names().is_lookalike, likely))
    unlikely = ("grass snake", "fox", "black-and-white colobus", "blank", "nine-banded armadillo")
    assert not any(map(Names().is_lookalike, unlikely))
    assert not Names.parse("noMammalsSeen=species").is_lookalike("no mammals seen")


def test_letters_alone_count():
    assert folded(" Straße_No-1 ") == "strasseno1"
