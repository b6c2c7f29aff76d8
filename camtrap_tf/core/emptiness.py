"""Names that are no species: those of an empty picture, and those of no answer.

One table serves every source. Case, accents, spaces and punctuation do not matter, so
`NOTHING HERE`, `nothing_here` and `nothingHere` are one name.
"""

import dataclasses
import enum
import re
import unicodedata
from collections.abc import Mapping

from camtrap_tf.core.errors import InputError


class Meaning(enum.Enum):
    """What a class name says."""

    EMPTY = "empty"  # nothing to see on the picture
    UNLABELLED = "unlabelled"  # nobody has said what there is to see
    SPECIES = "species"


_EMPTY = (
    "empty", "blank", "blanks", "nothing", "nothing here", "nothing there", "i see nothing", "none",
    "none present", "no animal", "no animals", "no animals present", "no animal present",
    "no animals here", "no object", "no objects", "no detection", "no detections", "no species",
    "no wildlife", "vegetation no animal", "empty picture", "empty image", "empty photo",
    "empty frame", "blank image", "blank picture", "blank photo", "blank frame", "false trigger",
    "false positive", "false alarm",
    "leer", "nichts", "kein tier", "keine tiere",  # German
    "vide", "rien", "aucun", "aucun animal", "pas d'animal",  # French
    "vacío", "nada", "ninguno", "sin animal", "sin animales",  # Spanish
    "vazio", "nenhum", "sem animal",  # Portuguese
    "vuoto", "niente", "nessun animale",  # Italian
    "leeg", "niets", "geen dier",  # Dutch
)  # fmt: skip
_UNLABELLED = (
    "", "NA", "N/A", "NaN", "null", "no CV result", "CV needed", "CV failed", "unknown",
    "unidentified", "unidentifiable", "undetermined", "indeterminate", "unclassified",
    "unlabelled", "unlabeled", "unlabled", "not identified", "not classified", "not sure",
    "don't know", "misfire", "unbekannt", "inconnu", "desconocido", "onbekend",
)  # fmt: skip
# A name made of such words alone says that there is nothing, in words the table does not have.
_CORE_WORDS = """
    no not non none nothing nobody empty blank null nil void unknown unidentified unidentifiable
    unclassified undetermined unsure unlabelled unlabeled misfire false ghost background
    vegetation leer nichts kein keine vide rien aucun vacio nada sin vazio vuoto leeg niets geen
    uncertain unclear
"""
_OTHER_WORDS = """
    a an the of in on is are to be i see here there this any only or and with by seen visible
    present detected found animal animals species wildlife mammal mammals bird birds object
    objects subject image images picture pictures photo photos frame frames trigger triggers
    shot alarm positive class label result results cv id identification wind grass movement
    motion moving nature tier tiere dier animales animaux
"""
_CORE, _FILLING = frozenset(_CORE_WORDS.split()), frozenset(_OTHER_WORDS.split())


def folded(name: str) -> str:
    """The letters and digits of a name, in lower case and without accents.

    >>> folded("No-Animal_(here)"), folded("Vacío")
    ('noanimalhere', 'vacio')
    """
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def without_vowels(name: str) -> str:
    """`folded` without a, e, i, o, u and y, as Zooniverse once made names of choices.

    >>> without_vowels("Nothing here"), without_vowels("NTHNGHR")
    ('nthnghr', 'nthnghr')
    """
    return "".join(letter for letter in folded(name) if letter not in "aeiouy")


@dataclasses.dataclass(frozen=True)
class Names:
    """The table: what class names mean.

    Args:
        changes: meaning by name (`folded`), beside or in place of the built-in ones.
    """

    changes: Mapping[str, Meaning] = dataclasses.field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> "Names":
        """Reads 'NAME,NAME=MEANING,...'; without a meaning, a name means empty.

        Raises:
            InputError: another meaning, or a name without letters.

        >>> Names.parse("nix, none=species").meaning("None")
        <Meaning.SPECIES: 'species'>
        """
        changes = {}
        for part in filter(None, map(str.strip, (text or "").split(","))):
            name, _, meaning = part.partition("=")
            try:
                changes[folded(name)] = Meaning(meaning.strip() or "empty")
            except ValueError:
                raise InputError(
                    "empty_names are NAME or NAME=MEANING, with a MEANING of "
                    + ", ".join(one.value for one in Meaning),
                    part,
                    "Write --empty_names=nix,none=species, for example.",
                ) from None
        return cls(changes)

    def meaning(self, name: str) -> Meaning:
        """What a name says; one that the table does not have is a species.

        >>> Names().meaning("No animal"), Names().meaning("N/A"), Names().meaning("Nandu")
        (<Meaning.EMPTY: 'empty'>, <Meaning.UNLABELLED: 'unlabelled'>, <Meaning.SPECIES: 'species'>)
        """
        key = folded(name)
        return self.changes.get(key, _TABLE.get(key, Meaning.SPECIES))

    def meaning_without_vowels(self, name: str) -> Meaning:
        """As `meaning`, of a name that may have lost its vowels (`NTHNGHR`).

        >>> Names().meaning_without_vowels("NTHNGHR")
        <Meaning.EMPTY: 'empty'>
        """
        key = folded(name)
        if self.meaning(name) is not Meaning.SPECIES or key in self.changes:
            return self.meaning(name)
        if without_vowels(name) != key:
            return Meaning.SPECIES  # a gander is not 'geen dier'
        return _shortened(self.changes).get(key, _SHORTENED.get(key, Meaning.SPECIES))

    def is_lookalike(self, name: str) -> bool:
        """Whether a name that counts as a species reads as if it were none.

        >>> Names().is_lookalike("noMammalsSeen"), Names().is_lookalike("unknown bird")
        (True, True)
        >>> Names().is_lookalike("grass snake"), Names().is_lookalike("none")
        (False, False)
        """
        if folded(name) in self.changes or self.meaning(name) is not Meaning.SPECIES:
            return False
        words = _words(name)
        return bool(words & _CORE) and words <= _CORE | _FILLING


def _words(name: str) -> set[str]:
    """Words of a name, in lower case; a capital begins one, too."""
    parted = re.sub(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])", " ", name)
    plain = unicodedata.normalize("NFKD", parted).casefold()
    return set(re.findall(r"[a-z0-9]+", re.sub(r"[\u0300-\u036f']", "", plain)))


def _shortened(table: Mapping[str, Meaning]) -> dict[str, Meaning]:
    """Meaning by the letters of a name without vowels; of three letters at least."""
    pairs = ((without_vowels(name), meaning) for name, meaning in table.items())
    return {key: meaning for key, meaning in pairs if len(key) > 2}


_TABLE = {folded(name): Meaning.EMPTY for name in _EMPTY}
_TABLE |= {folded(name): Meaning.UNLABELLED for name in _UNLABELLED}
_SHORTENED = _shortened(_TABLE)
