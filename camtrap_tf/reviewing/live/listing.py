"""Events by answer, confidence, place and time: what the list of the page shows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from camtrap_tf.answers.people import names_people
from camtrap_tf.core.errors import InputError

ORDERS = ("time", "site", "gain", "confidence", "place")
BY = ("people", "bulk", "model", "nobody")


class Row(NamedTuple):
    """An event of the list.

    Args:
        place: its number.
        site, when: see `Event`.
        answer: people's, else the model's; None where nothing may be said.
        by: 'people', 'bulk', 'model', or None.
        confidence: the model's in its own answer; None where it has none to tell.
        unlike: in [0, 1], how little it looks like anything answered; None where not computed.
        unsure: somebody looked and could not tell.
        favourite: somebody marked it.
        text: where words are looked for.
    """

    place: int
    site: str | None
    when: str | None
    answer: str | None
    by: str | None
    confidence: float | None
    unlike: float | None
    unsure: bool
    favourite: bool
    text: str


def select(rows: Sequence[Row], asked: Mapping[str, str]) -> list[Row]:
    """The rows that all filters let through, in the order asked for.

    Args:
        rows: of all events.
        asked: the request: `order` and filters as text.

    Raises:
        InputError: an unknown order, or a number that is none.
    """
    order = asked.get("order", "place")
    if order not in ORDERS:
        raise InputError(f"order is one of {', '.join(ORDERS)}", order, "Choose one of them.")
    if asked.get("by", BY[0]) not in BY:
        raise InputError(f"by is one of {', '.join(BY)}", asked["by"], "Choose one of them.")
    tests = [_FILTERS[name](value) for name, value in asked.items() if value and name in _FILTERS]
    kept = [row for row in rows if all(test(row) for test in tests)]
    return sorted(kept, key=_KEYS[order])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError("a confidence is a number", text, "Write 0.9.") from None


def _below(text: str):
    limit = _number(text)
    return lambda row: row.confidence is not None and row.confidence < limit


def _above(text: str):
    limit = _number(text)
    return lambda row: row.confidence is not None and row.confidence >= limit


_FILTERS = {
    "answer": lambda text: lambda row: row.answer == text,
    "by": lambda text: lambda row: row.by == (None if text == "nobody" else text),
    "below": _below,
    "above": _above,
    "site": lambda text: lambda row: row.site == text,
    "from": lambda text: lambda row: (row.when or "") >= text,
    "to": lambda text: lambda row: row.when is not None and row.when[:10] <= text,
    "unsure": lambda _: lambda row: row.unsure,
    "unlike": lambda _: lambda row: row.unlike is not None and row.unlike > 0.5,
    "people": lambda _: lambda row: names_people(row.answer or ""),
    "favourite": lambda _: lambda row: row.favourite,
    "text": lambda text: lambda row: text.lower() in row.text.lower(),
}
_KEYS = {
    "place": lambda row: row.place,
    "time": lambda row: (row.when is None, row.when or "", row.place),
    "site": lambda row: (row.site is None, row.site or "", row.when or "", row.place),
    "confidence": lambda row: (row.confidence is None, row.confidence or 0.0, row.place),
    "gain": lambda row: (row.by in ("people", "bulk"), row.confidence or 0.0, row.place),
}


def page(rows: Sequence[Row], asked: Mapping[str, str], most: int) -> tuple[list[Row], int]:
    """The rows of a request's `start` and `count`, and how many there are in all."""
    found = select(rows, asked)
    start = np.clip(_whole(asked.get("start", "0")), 0, len(found))
    count = np.clip(_whole(asked.get("count", str(most))), 0, most)
    return found[int(start) : int(start + count)], len(found)


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise InputError("`start` and `count` are whole numbers", text, "Write 0.")
    return int(text)
