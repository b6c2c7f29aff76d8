"""Dataclasses as JSON and back: the one codec of configurations, manifests, bundles and runs."""

import dataclasses
import enum
import math
import types
import typing
from typing import Any

from camtrap_tf.core.errors import require

# Metadata of a dataclass's field that is written only where it differs from its default: artefacts
# that do not use it stay what they were before there was such a field.
WHERE_SET = {"json": "where set"}


def to_json(value: Any) -> Any:
    """Dataclasses, enums and tuples as plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return {field.name: to_json(own) for field, own in pairs if _is_written(field, own)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value


def _is_written(field: dataclasses.Field, value: Any) -> bool:
    return not (field.metadata == WHERE_SET and value == field.default)


def from_json(raw: Any, kind: Any, where: str) -> Any:
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
    if origin is dict:
        require(isinstance(raw, dict), f"{where} is a table", raw, 'Write it as JSON: {"a": 1}.')
        return {key: from_json(item, arguments[1], f"{where}.{key}") for key, item in raw.items()}
    if origin is list:
        require(isinstance(raw, list), f"{where} is a list", raw, "Write it as JSON: [1, 2].")
        return [from_json(item, arguments[0], where) for item in raw]
    if origin is types.UnionType:
        return raw if raw is None else from_json(raw, arguments[0], where)
    if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    right = isinstance(raw, kind) and not (kind is int and isinstance(raw, bool))
    require(right, f"{where} is of type {kind.__name__}", raw, "Correct the value.")
    finite = kind is not float or math.isfinite(raw)
    require(finite, f"{where} is a finite number", raw, "Correct the value.")
    return raw


def _dataclass_from_json(raw: Any, kind: type, where: str) -> Any:
    require(isinstance(raw, dict), f"{where} is a table of fields", raw, "Write it as JSON.")
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(raw) - set(hints))
    require(not unknown, f"{where} has the fields {sorted(hints)}", unknown, "Correct the name.")
    missing = sorted(
        field.name
        for field in dataclasses.fields(kind)
        if field.name not in raw
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    )
    require(not missing, f"{where} has the fields {sorted(hints)}", raw, f"Add {missing}.")
    values = {name: from_json(item, hints[name], f"{where}.{name}") for name, item in raw.items()}
    return kind(**values)
