"""The list of an export's files, by which a copy can be checked anywhere.

`SHA256SUMS` is what `sha256sum --check SHA256SUMS` reads, on a camera's computer too, and
`camtrap verify`.
"""

import hashlib
from pathlib import Path

from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import sha256, write_text


def write(folder: Path, further: dict[str, str] | None = None) -> None:
    """Lists the SHA-256 of all files.

    Args:
        folder: of the export.
        further: text by name, of files that are written later.
    """
    files = [path for path in folder.rglob("*") if path.is_file()]
    sums = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
    for name, text in (further or {}).items():
        sums[name] = hashlib.sha256(text.encode()).hexdigest()
    lines = [f"{told}  {name}\n" for name, told in sorted(sums.items())]
    write_text(folder / file_names.SUMS, "".join(lines))
