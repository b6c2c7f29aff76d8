"""Configurations as `field=value`: overriding one, and telling two apart."""

import dataclasses
import difflib
import enum
import json
import typing
from typing import Any

from camtrap_tf.core.codec import from_json, to_json
from camtrap_tf.core.config import Config
from camtrap_tf.core.errors import InputError


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


def difference(one: Config, other: Config) -> list[str]:
    """Lines `field: value of one != value of other` for the fields that differ."""
    first, second = to_json(one), to_json(other)
    return [
        f"{name}: {first[part][field]} != {second[part][field]}"
        for name in field_names()
        for part, field in [name.split(".")]
        if first[part][field] != second[part][field]
    ]
