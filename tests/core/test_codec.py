"""Dataclasses as JSON and back."""

import dataclasses
import enum

import pytest

from camtrap_tf.core.codec import WHERE_SET, from_json, to_json
from camtrap_tf.core.errors import InputError


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass(frozen=True)
class Part:
    colour: Colour
    shares: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    names: list[str]
    size: tuple[int, int] = (1, 2)
    note: str | None = None


WHOLE = Whole((Part(Colour.RED, {"a": 0.5}),), ["x", "y"])
JSON = {
    "parts": [{"colour": "red", "shares": {"a": 0.5}}],
    "names": ["x", "y"],
    "size": [1, 2],
    "note": None,
}


def test_what_was_written_is_read():
    assert to_json(WHOLE) == JSON
    assert from_json(JSON, Whole, "whole") == WHOLE


@dataclasses.dataclass(frozen=True)
class Later:
    size: int
    further: bool = dataclasses.field(default=False, metadata=WHERE_SET)


@pytest.mark.parametrize(
    ("value", "told"),
    [(Later(1), {"size": 1}), (Later(1, True), {"size": 1, "further": True})],
)
def test_a_later_field_is_written_where_it_is_set(value, told):
    assert to_json(value) == told
    assert from_json(told, Later, "later") == value


def test_what_has_a_default_may_be_left_out():
    assert from_json({"parts": JSON["parts"], "names": ["x", "y"]}, Whole, "whole") == WHOLE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": 1}, "whole has the fields"),
        ({"size": [1]}, "whole.size has 2 values"),
        ({"names": "x"}, "whole.names is a list"),
        ({"parts": [{"colour": "blue", "shares": {}}]}, r"whole.parts.colour is one of \['red'\]"),
        ({"parts": [{"colour": "red", "shares": {"a": "b"}}]}, "whole.parts.shares.a is of type"),
        ({"parts": [{"colour": "red", "shares": 1}]}, "whole.parts.shares is a table"),
        ({"parts": [{"colour": "red"}]}, r"Add \['shares'\]"),
    ],
)
def test_what_does_not_fit_is_named(change, words):
    with pytest.raises(InputError, match=words):
        from_json(JSON | change, Whole, "whole")
