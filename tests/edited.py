"""JSON artefacts changed as a person does it: without their checksum."""

import json
from collections.abc import Callable
from pathlib import Path


def edit(path: Path, change: Callable[[dict], object]) -> None:
    """Lets a function change the values of a file in place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content.pop("checksum", None)
    change(content)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def replace(path: Path, old: str, new: str) -> None:
    """Replaces a text that stands there."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith(' "checksum":'))
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
