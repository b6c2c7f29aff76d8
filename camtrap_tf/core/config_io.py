"""Configurations as `field=value`: overriding one, and telling two apart."""

import dataclasses
import difflib
import enum
import json
import typing
from typing import Any

from camtrap_tf.core.artifacts import PathLike, check_sum, existing_file
from camtrap_tf.core.codec import from_json, to_json
from camtrap_tf.core.config import Config
from camtrap_tf.core.errors import InputError


def override(config: Config, changes: dict[str, str]) -> Config:
    """A copy with fields replaced, given as text: `{"train.batch_size": "64"}`.

    Tables such as `train.schedule` are given as JSON.

    Raises:
        InputError: unknown field, or a value that is not of the field's type.
    """
    given: dict[str, dict[str, Any]] = {}
    for dotted, value in parse(changes).items():
        part, field = dotted.split(".")
        given.setdefault(part, {})[field] = value
    # All fields of a part at once: what holds between them does not depend on their order.
    parts = {part: dataclasses.replace(getattr(config, part), **new) for part, new in given.items()}
    return dataclasses.replace(config, **parts)


def parse(changes: dict[str, str]) -> dict[str, Any]:
    """Values by dotted name, from text.

    Raises:
        InputError: unknown field, or a value that is not of the field's type.
    """
    kinds = {
        f"{part}.{field}": kind
        for part, owner in typing.get_type_hints(Config).items()
        for field, kind in typing.get_type_hints(owner).items()
    }
    for dotted in changes.keys() - kinds.keys():
        near = difflib.get_close_matches(dotted, kinds, n=1)
        raise InputError(
            f"configuration fields are {', '.join(kinds)}",
            dotted,
            f"Did you mean '{near[0]}'?" if near else "Correct the name.",
        )
    return {dotted: _parse(text, kinds[dotted], dotted) for dotted, text in changes.items()}


def read_config(path: PathLike) -> Config:
    """A recipe from a file: a run's config.json, or the part `config` of one.

    Fields that it does not name have their defaults, those of the paper.

    Raises:
        InputError: no such file, not JSON, no recipe, an unknown field, or values that do not fit
            the checksum, if it has one.
    """
    path = existing_file(path, "a recipe")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError("a recipe is valid JSON", str(path), f"Correct it: {error}.") from error
    if isinstance(content, dict):
        check_sum(content, path)
    parts = [part.name for part in dataclasses.fields(Config)]
    raw = content.get("config", content) if isinstance(content, dict) else {}
    if not isinstance(raw, dict) or not raw.keys() & set(parts):
        raise InputError(
            f"a recipe is JSON with {', '.join(parts)}, as in a run's config.json",
            str(path),
            "Give a run's config.json, or the like.",
        )
    return from_json({part: raw[part] for part in raw}, Config, "config")


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
