"""Holding back what native code writes to standard error without being asked."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def native_silence() -> Iterator[None]:
    """Discards what is written to file descriptor 2 inside the block.

    TensorFlow's libraries write start-up notes there before any log level applies. Exceptions
    pass as ever; Python's own messages of the block are lost too, so keep it short.
    """
    sys.stderr.flush()
    saved, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def start_tensorflow() -> None:
    """Imports TensorFlow and Keras and finds their devices, without start-up notes."""
    with native_silence():
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()
