"""What `bundle.json` must say, and may not: it comes from wherever the bundle comes from."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from camtrap_tf.answers.event_rules import RULES
from camtrap_tf.core.errors import InputError

_FILE = re.compile(r"[\w-][\w.-]*\.keras")  # beside bundle.json, in no other folder
_WAY_OUT = "Copy the bundle again, or make it anew with `camtrap bundle`."


def check(content: dict[str, Any], path: Path) -> None:
    """Raises InputError where a part is missing, or a value cannot be."""
    for name, (rule, holds) in _PARTS.items():
        if not holds(content.get(name)):
            raise InputError(f"{path}: {name} {rule}", content.get(name), _WAY_OUT)


def _is_share(value: Any) -> bool:
    """Whether it is a number from 0 to 1; NaN is in no order with these."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_member(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("file"), str):
        return False
    temperatures = value.get("temperatures", {})
    return bool(_FILE.fullmatch(value["file"])) and isinstance(temperatures, dict) and all(
        isinstance(one, int | float) and 0 < one < math.inf for one in temperatures.values()
    )  # fmt: skip


def _are_rules(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(v, str) and v in RULES for v in value.values()
    )


def _is_familiarity(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("score"), str):
        return False
    threshold = value.get("threshold")
    return isinstance(threshold, int | float) and math.isfinite(threshold)


def _or_none(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


_PARTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "vocabulary": ("is a table", lambda value: isinstance(value, dict)),
    "picture": ("is a table", lambda value: isinstance(value, dict)),
    "members": (
        "are networks, each a .keras file beside it, with temperatures above 0",
        lambda value: isinstance(value, list) and bool(value) and all(map(_is_member, value)),
    ),
    "animal_threshold": ("lies in [0, 1]", _is_share),
    "event_rules": (f"are among {', '.join(RULES)}", _or_none(_are_rules)),
    "event_weight": ("lies in [0, 1]", _or_none(_is_share)),
    "familiarity": ("has a score and a finite threshold", _or_none(_is_familiarity)),
    "model_version": ("is a text", lambda value: isinstance(value, str)),
}
