"""The folder of pictures to transmit. A name there belongs to one picture of one content."""

import hashlib
import re
from pathlib import Path

from camtrap_tf.core.artifacts import atomic
from camtrap_tf.core.errors import InputError

_LONGEST = 48  # characters of a path that a name shows; of four bytes each at most
_PLAIN = re.compile(r"[^\w.-]+|_+")


def name(path: str, content: bytes) -> str:
    r"""The name of a picture in the outbox: the end of its path, and a hash of path and content.

    The same picture has the same name again, a new one under an old path another name; programs
    that send files meet no spaces, line ends or other surprises.

    >>> name("cam 1/100RECNX/IMG_1.JPG", b"")
    'cam_1_100RECNX_IMG_1-93ac54dba52a7340.jpg'
    """
    hashed = hashlib.sha256(path.encode("utf-8", "surrogatepass") + b"\0" + content).hexdigest()
    stem, _, suffix = path.rpartition(".")
    shown = _PLAIN.sub("_", stem)[-_LONGEST:].lstrip("._-")
    return f"{shown}-{hashed[:16]}.{suffix.lower()}".lstrip("-")


def post(outbox: Path, path: str, content: bytes) -> str:
    """Puts a picture there, whole or not at all; returns its name.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    posted = name(path, content)
    if not (outbox / posted).exists():
        with atomic(outbox / posted) as temporary:
            temporary.write_bytes(content)
    return posted


def check(outbox: Path, folder: Path) -> None:
    """Raises InputError where an outbox inside the watched folder leads out of it by a link."""
    inside = folder.absolute() in outbox.absolute().parents
    if inside and folder.resolve() not in outbox.resolve().parents:
        raise InputError(
            "an outbox inside the watched folder is no link",
            f"{outbox} -> {outbox.resolve()}",
            "Delete the link, or give the folder as --outbox.",
        )
