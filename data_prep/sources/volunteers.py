"""What the exports of volunteers' classifications have in common."""

from camtrap_tf.core.emptiness import Meaning, Names
from camtrap_tf.core.labels import COUNT_BINS, EMPTY
from data_prep.sources import lila
from data_prep.sources.fields import COUNT_REPAIRS, bin_of

ANONYMOUS = "not-logged-in"  # what the names of users who are not known begin with
RETIRED_BLANK = frozenset({"blank", "blank_consensus", "nothing_here"})


def spelled(text: str, names: Names) -> str:
    """A species as `lila.SPECIES` spells it, or in lower case; 'empty' for what means that."""
    name = text.strip().casefold()
    empty = not name or names.meaning(name) is Meaning.EMPTY
    return EMPTY if empty else lila.spelling(name)


def rank(text: str) -> int | None:
    """Position in `COUNT_BINS`, -1 for no answer, None for what is no count."""
    name = bin_of(COUNT_REPAIRS.get(text, text))
    if not name:
        return -1
    return COUNT_BINS.index(name) if name in COUNT_BINS else None
