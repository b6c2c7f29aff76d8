"""What a TFLite file carries besides the network: a zip archive appended to it.

LiteRT passes over bytes behind the model, and every zip tool finds an archive at a file's end:
`unzip -p empty-0.tflite camtrap.json`.
"""

import json
import math
import zipfile
from collections.abc import Callable
from typing import Any

from camtrap_tf.core.artifacts import PathLike, check_stamp, existing_file
from camtrap_tf.core.config import Context
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task

KIND, VERSION, ENTRY = "TFLite description", 1, "camtrap.json"
_LARGEST = 1 << 22  # bytes of a description
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's first date: the same content makes the same bytes


def append(path: PathLike, content: dict[str, Any]) -> None:
    """Appends a description, and the class names of every head as a text file each."""
    texts = {f"labels_{head}.txt": "\n".join(names) for head, names in content["classes"].items()}
    stamped = {"artifact": KIND, "version": VERSION, **content}
    texts[ENTRY] = json.dumps(stamped, indent=1, ensure_ascii=False)
    with zipfile.ZipFile(path, "a") as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text + "\n")


def read(path: PathLike) -> dict[str, Any]:
    """The description that `append` wrote.

    Raises:
        InputError: no such file, a file without a description, or another version of it.
    """
    path = existing_file(path, "a TFLite model")
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(ENTRY).file_size > _LARGEST:
                raise ValueError("its description is too large")
            content = json.loads(archive.read(ENTRY))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, OSError) as error:
        raise InputError(
            "a TFLite model of camtrap carries its labels and thresholds",
            str(path),
            f"Copy the file again, or make it with `camtrap export` ({error}).",
        ) from error
    check_stamp(content, KIND, VERSION, path)
    return content


def check(content: dict[str, Any], path: PathLike) -> None:
    """Raises InputError where a description lacks a part, or has one that cannot be."""
    wrong = [name for name, holds in _RULES.items() if not holds(content.get(name))]
    if wrong:
        raise InputError(
            f"a TFLite model's description has {', '.join(_RULES)}, its thresholds in [0, 1]",
            f"{path} with {wrong[0]}: {content.get(wrong[0])!r}",
            "Copy the file again, or make it with `camtrap export`.",
        )


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


_RULES: dict[str, Callable[[Any], bool]] = {
    "task": lambda value: value in [task.value for task in Task],
    "form": lambda value: isinstance(value, str),
    "model_version": lambda value: isinstance(value, str),
    "picture": lambda value: isinstance(value, dict),
    "context": lambda value: value in [context.value for context in Context],
    "classes": lambda value: isinstance(value, dict) and all(map(_are_names, value.values())),
    "animal_threshold": _is_share,
    "automatic_at": _is_share,
    "familiarity_threshold": lambda value: value is None or _is_number(value),
    "event_rules": lambda value: value is None or isinstance(value, dict),
}
