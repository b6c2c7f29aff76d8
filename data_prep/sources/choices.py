"""What Zooniverse's names of questions, choices and answers mean.

A project's survey has names in capitals without spaces (`HOWMANY`, `NOTHINGHERE`); older ones
have lost their vowels, too (`HWMN`, `NTHNGHR`). Both are matched by their consonants, and a
table can say what another name means.
"""

from collections.abc import Iterable, Mapping, Sequence

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.emptiness import Meaning, Names, folded, without_vowels
from camtrap_tf.core.labels import ATTRIBUTES, BINARY, EMPTY
from camtrap_tf.events import csv_files
from data_prep.sources import lila
from data_prep.sources.fields import YES
from data_prep.sources.volunteers import rank

COUNT, BEHAVIOURS, YOUNG = "count", "behaviours", "babies"
QUESTIONS = (COUNT, BEHAVIOURS, YOUNG)
_HOW_MANY = {"1150": "11-50", "51": "51+"}
# Parts of a question's name, without vowels or with them.
_ASKED = (
    (COUNT, ("hwmn", "nmbrf", "hwmny")), (BEHAVIOURS, ("bhv",)), (YOUNG, ("nngprsnt",)),
)  # fmt: skip
_ASKED_IN_FULL = (
    (COUNT, ("howmany", "numberof", "count")), (YOUNG, ("young", "babies", "juvenile")),
)  # fmt: skip
_YES = {**YES, "s": 1}  # "YES" without its vowels


def _without_vowels(names: tuple[str, ...]) -> dict[str, str]:
    """Name by its consonants, of names that share them with no other."""
    keys = [without_vowels(name) for name in names]
    return {key: name for key, name in zip(keys, names, strict=True) if keys.count(key) == 1}


_SPECIES = _without_vowels(lila.SPECIES)
_ATTRIBUTES = _without_vowels(ATTRIBUTES)


class Choices:
    """What names mean.

    Args:
        names: which of them mean empty, and which nothing.
        table: meaning by name, before all rules: a species, 'empty', 'unlabelled', a name of
            `QUESTIONS`, an attribute, 'yes', 'no' or a count; a further head or its class.
        heads: further questions: class names by name.
    """

    def __init__(
        self,
        names: Names | None = None,
        table: Mapping[str, str] | None = None,
        heads: Mapping[str, Sequence[str]] | None = None,
    ):
        self.names, self.heads = names or Names(), heads or {}
        self.table = {folded(name): meaning for name, meaning in (table or {}).items()}

    def question(self, name: str) -> str | None:
        """Which of `QUESTIONS` or of the further heads is asked, None for another.

        >>> [Choices().question(name) for name in ("HWMN", "WHTBHVRSDS", "RTHRNNGPRSNT")]
        ['count', 'behaviours', 'babies']
        >>> Choices(heads={"antlers": ("none", "velvet")}).question("NTLRS")
        'antlers'
        """
        key = folded(name)
        if key in self.table:
            return self.table[key] if self.table[key] in (*QUESTIONS, *self.heads) else None
        if (head := _alike(name, self.heads)) is not None:
            return head
        for asked, parts in _ASKED_IN_FULL:
            if any(part in key for part in parts):
                return asked
        short = without_vowels(name)
        return next((asked for asked, parts in _ASKED if any(one in short for one in parts)), None)

    def species(self, choice: str) -> str | None:
        """The species of a choice, 'empty', or None where it says nothing.

        >>> [Choices().species(name) for name in ("ZBR", "NTHNGHR", "BIRDOTHER", "GREVYS")]
        ['zebra', 'empty', 'otherBird', 'grevys']
        """
        key = folded(choice)
        told = self.table.get(key)
        meaning = self.names.meaning_without_vowels(told or choice)
        if meaning is not Meaning.SPECIES or told == Meaning.UNLABELLED.value:
            return EMPTY if meaning is Meaning.EMPTY else None
        if told:
            return told
        is_short = without_vowels(choice) == key
        return _SPECIES.get(key, key) if is_short else lila.spelling(choice.strip().casefold())

    def is_empty(self, value: str) -> bool:
        """Whether the answer to a question that names no species says that there is nothing.

        'None' and no answer at all may be an answer to anything.
        """
        return folded(value) not in ("", "none") and self.species(value) == EMPTY

    def behaviour(self, answer: str) -> str | None:
        """The attribute that an answer names.

        >>> [Choices().behaviour(name) for name in ("MVNG", "EATING", "SNG")]
        ['moving', 'eating', None]
        """
        told = self.table.get(folded(answer))
        return told if told in ATTRIBUTES else _ATTRIBUTES.get(without_vowels(answer))

    def yes(self, answer: str) -> int | None:
        """1 for yes, 0 for no, None for another answer."""
        key = folded(self.table.get(folded(answer), answer))
        return _YES.get(key)

    def answer(self, head: str, answer: str) -> int | None:
        """Position of an answer among the classes of a further head; None for another answer.

        >>> asked = Choices(heads={"antlers": ("none", "velvet"), "collar": ("no", "yes")})
        >>> [asked.answer("antlers", text) for text in ("VLVT", "none", "SHED")]
        [1, 0, None]
        >>> asked.answer("collar", "Y")
        1
        """
        classes = tuple(self.heads[head])
        if classes == BINARY:
            return self.yes(answer)
        found = _alike(self.table.get(folded(answer), answer), classes)
        return None if found is None else classes.index(found)

    def count(self, answer: str) -> int | None:
        """Position of a count in `COUNT_BINS`, -1 for no answer, None for what is no count."""
        answer = self.table.get(folded(answer), answer)
        return rank(_HOW_MANY.get(answer, answer))


def _alike(name: str, among: Iterable[str]) -> str | None:
    """The one of `among` that is written so, in capitals and without vowels or not."""
    written = {folded(one): one for one in among}
    if folded(name) in written:
        return written[folded(name)]
    is_short = without_vowels(name) == folded(name)
    return _without_vowels(tuple(written.values())).get(folded(name)) if is_short else None


def read_table(path: PathLike, encoding: str | None = None) -> dict[str, str]:
    """Meaning by name, from a CSV file with the columns `name` and `meaning`."""
    rows = csv_files.read(path, {"name": "name", "meaning": "meaning"}, encoding=encoding)
    csv_files.filled(rows, ["name", "meaning"], path)
    return dict(zip(rows["name"], rows["meaning"].str.strip(), strict=True))


def aliases(choices: list[str]) -> dict[str, str]:
    """Full name by the same without vowels, where a project has used both, one of each.

    >>> aliases(["kob", "kb", "topi", "zebu", "zb"])
    {'kb': 'kob', 'zb': 'zebu'}
    """
    full = {name for name in choices if without_vowels(name) != folded(name)}
    by_letters = _without_vowels(tuple(sorted(full)))
    return {name: by_letters[name] for name in choices if name not in full and name in by_letters}
