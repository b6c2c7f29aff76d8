"""The fields of a recipe with what they mean, for `camtrap train --help`.

The words are those of the dataclasses' docstrings, so that they stand once.
"""

import dataclasses
import enum
import inspect
import json
import re
import textwrap
import typing

from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import Config

_ENTRY = re.compile(r"^ {4}(\w+(?:, \w+)*): (.*(?:\n {8}.*)*)", re.MULTILINE)
_LONGEST = 40  # characters of a value that is shown


def meanings(kind: type) -> dict[str, str]:
    """What a dataclass's docstring says of its fields, by name.

    >>> from camtrap_tf.core.config import TrainConfig
    >>> meanings(TrainConfig)["momentum"]
    'of SGD.'
    """
    return {
        name: " ".join(text.split())
        for names, text in _ENTRY.findall(inspect.getdoc(kind) or "")
        for name in names.split(", ")
    }


def fields(config: Config | None = None) -> list[tuple[str, str, str]]:
    """Name, value and meaning of each field of a recipe, by default the paper's."""
    config, rows = config or Config(), []
    for part in dataclasses.fields(config):
        owner = getattr(config, part.name)
        hints, said = typing.get_type_hints(type(owner)), meanings(type(owner))
        for field in dataclasses.fields(owner):
            meaning = said[field.name] + _choices(hints[field.name])
            value = json.dumps(to_json(getattr(owner, field.name)))
            shown = value if len(value) <= _LONGEST else "..."
            rows.append((f"{part.name}.{field.name}", shown.strip('"'), meaning))
    return rows


def _choices(kind: object) -> str:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f" One of {', '.join(str(member.value) for member in kind)}."
    return ""


def _text() -> str:
    lines = ["Fields of a recipe (--set=FIELD=VALUE), with the values of --preset=paper:", ""]
    for name, value, meaning in fields():
        lines.append(f"{name}={value}")
        lines += textwrap.wrap(meaning, 96, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


TEXT = _text()
