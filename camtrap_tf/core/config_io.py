"""Configurations as JSON and as `field=value`, checked when they are read."""

import dataclasses
import difflib
import enum
import json
import types
import typing
from typing import Any

from camtrap_tf.core.config import Config
from camtrap_tf.core.errors import InputError, require


def override(config: Config, changes: dict[str, str]) -> Config:
    """A copy with fields replaced, given as text: `{"train.batch_size": "64"}`.

    Tables such as `train.schedule` are given as JSON.

    Raises:
        InputError: unknown field, or a value that is not of the field's type.
    """
    kinds = {
        f"{part}.{field}": kind
        for part, owner in typing.get_type_hints(Config).items()
        for field, kind in typing.get_type_hints(owner).items()
    }
    given: dict[str, dict[str, Any]] = {}
    for dotted, text in changes.items():
        if dotted not in kinds:
            near = difflib.get_close_matches(dotted, kinds, n=1)
            raise InputError(
                f"configuration fields are {', '.join(kinds)}",
                dotted,
                f"Did you mean '{near[0]}'?" if near else "Correct the name.",
            )
        part, field = dotted.split(".")
        given.setdefault(part, {})[field] = _parse(text, kinds[dotted], dotted)
    # All fields of a part at once: what holds between them does not depend on their order.
    parts = {part: dataclasses.replace(getattr(config, part), **new) for part, new in given.items()}
    return dataclasses.replace(config, **parts)


def field_names(config: Config | None = None) -> list[str]:
    """Dotted names of all fields."""
    config = config or Config()
    return [
        f"{part.name}.{field.name}"
        for part in dataclasses.fields(config)
        for field in dataclasses.fields(getattr(config, part.name))
    ]


def _parse(text: str, kind: Any, dotted: str) -> Any:
    if (isinstance(kind, type) and issubclass(kind, enum.Enum)) or kind is str:
        raw: Any = text
    elif kind is bool:
        raw = {"true": True, "false": False}.get(text.lower(), text)
    else:
        try:
            raw = json.loads(text)
        except ValueError:
            raw = text
    return from_json(raw, kind, dotted)


def to_json(value: Any) -> Any:
    """Dataclasses, enums and tuples as plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: to_json(getattr(value, field.name)) for field in fields}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    return value


def from_json(raw: Any, kind: Any, where: str = "configuration") -> Any:
    """The reverse of `to_json`, for a value of type `kind`, checked.

    Raises:
        InputError: unknown field, or a value of the wrong type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass_from_json(raw, typing.cast(type, kind), where)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        choices = [member.value for member in kind]
        require(raw in choices, f"{where} is one of {choices}", raw, "Pick one of them.")
        return kind(raw)
    if origin is tuple:
        require(isinstance(raw, list), f"{where} is a list", raw, "Write it as JSON: [1, 2].")
        kinds = arguments[:1] * len(raw) if arguments[-1] is Ellipsis else arguments
        require(len(raw) == len(kinds), f"{where} has {len(kinds)} values", raw, "Mend it.")
        pairs = zip(raw, kinds, strict=True)
        return tuple(from_json(item, part, where) for item, part in pairs)
    if origin is types.UnionType:
        return raw if raw is None else from_json(raw, arguments[0], where)
    if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    right = isinstance(raw, kind) and not (kind is int and isinstance(raw, bool))
    require(right, f"{where} is of type {kind.__name__}", raw, "Correct the value.")
    return raw


def _dataclass_from_json(raw: Any, kind: type, where: str) -> Any:
    require(isinstance(raw, dict), f"{where} is a table of fields", raw, "Write it as JSON.")
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(raw) - set(hints))
    require(not unknown, f"{where} has the fields {sorted(hints)}", unknown, "Correct the name.")
    values = {name: from_json(item, hints[name], f"{where}.{name}") for name, item in raw.items()}
    return kind(**values)


def difference(one: Config, other: Config) -> list[str]:
    """Lines `field: value of one != value of other` for the fields that differ."""
    first, second = to_json(one), to_json(other)
    return [
        f"{name}: {first[part][field]} != {second[part][field]}"
        for name in field_names()
        for part, field in [name.split(".")]
        if first[part][field] != second[part][field]
    ]
