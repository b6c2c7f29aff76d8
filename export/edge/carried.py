"""What a TFLite file carries besides the network: a zip archive appended to it.

LiteRT passes over bytes behind the model, and every zip tool finds an archive at a file's end:
`unzip -p empty-0.tflite camtrap.json`.
"""

import json
import zipfile
from typing import Any

from camtrap_tf.core.artifacts import PathLike, check_stamp, existing_file
from camtrap_tf.core.errors import InputError

KIND, VERSION, ENTRY = "TFLite description", 1, "camtrap.json"
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
            content = json.loads(archive.read(ENTRY))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InputError(
            "a TFLite model of camtrap carries its labels and thresholds",
            str(path),
            f"Copy the file again, or make it with `camtrap export` ({error}).",
        ) from error
    check_stamp(content, KIND, VERSION, path)
    return content
