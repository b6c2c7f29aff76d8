r"""What reaches a terminal: errors of the system in words, and nothing that steers the terminal.

Names of files come from strangers. A name with an escape sequence could clear the screen, rename
the window or hide what stands before it.
"""

import errno
import logging
import os
import re
from collections.abc import Iterator

# Control characters but line end and tab, those that turn the direction of writing, surrogates.
_STEERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_FULL = ("No space left on device", "Disk quota exceeded")
# Where the errors of stores (s3://, gs://, az://) come from: packages that may not be installed.
_STORES = (
    "aiobotocore.", "aiohttp.", "azure.", "botocore.", "gcsfs.", "google.api_core.", "google.auth.",
    "s3fs.",
)  # fmt: skip
_STORE = (
    "Check the connection and the credentials that this computer has for it; the same command goes "
    "on from what is there."
)
_ROOM = "Make room; the same command goes on from what is there."
_MEMORY = "there is not enough memory. Give it less at a time, or a larger computer."
_THREADS = (
    "no further thread can be started: memory or processes are limited here (`ulimit -a`). Raise "
    "the limit; the same command goes on from what is there."
)
_TOO_LARGE = (
    "a file may not become that large here. Raise the limit (`ulimit -f`), or write to a disk "
    "where files may be larger; the same command goes on from what is there."
)
# TensorFlow's own errors, by name, since it need not be imported to have none.
_TENSORFLOW = {
    "DataLossError": "a shard is damaged. `camtrap verify` of the folder of shards says which, and "
    "what makes it whole.",
    "ResourceExhaustedError": _MEMORY,
}


def plain(text: str) -> str:
    r"""A text with what steers a terminal written out.

    >>> print(plain("a\x1b[2Jb\r\u202ec"))
    a\x1b[2Jb\x0d\u202ec
    """
    return _STEERS.sub(_escape, text)


def _escape(found: re.Match) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


class Formatter(logging.Formatter):
    """Messages of the log, plain."""

    def format(self, record: logging.LogRecord) -> str:
        """As of any formatter."""
        return plain(super().format(record))


def mishap(error: BaseException) -> str | None:
    """What happened outside the program, in words; None of an error that is not known as such.

    >>> mishap(OSError(errno.ENOSPC, "No space left on device", "runs/a.keras"))
    'runs/a.keras: No space left on device. Make room; the same command goes on from what is there.'
    >>> mishap(MemoryError())
    'there is not enough memory. Give it less at a time, or a larger computer.'
    >>> mishap(KeyError("x")) is None
    True
    """
    chain = list(_chain(error))
    if any(words in str(one) for one in chain for words in _FULL):
        where = next((getattr(one, "filename", None) for one in chain if _is_named(one)), None)
        return f"{where or 'the disk'}: {_FULL[0]}. {_ROOM}"
    if isinstance(error, OSError) and error.errno is not None:
        named = error.filename is not None
        where = f"{error.filename}: " if named else ""
        return f"{where}{error.strerror}. Mend that; the same command goes on from what is there."
    if _of_store(error):
        return f"a store of files: {error or type(error).__name__}. {_STORE}"
    if isinstance(error, RecursionError):
        return "a file is nested deeper than any of the formats read here. Write it again."
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return _THREADS
    if type(error).__module__.startswith("tensorflow."):
        too_large = os.strerror(errno.EFBIG) in str(error)
        return _TOO_LARGE if too_large else _TENSORFLOW.get(type(error).__name__)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _of_store(error: BaseException) -> bool:
    """Whether a package for stores raised it; fsspec makes some of its errors OSErrors."""
    return any(type(one).__module__.startswith(_STORES) for one in _chain(error))


def _is_named(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.ENOSPC and bool(error.filename)
