"""How TensorFlow is started: without notes, and keeping the memory of its tensors."""

import contextlib
import os
import sys
from collections.abc import Iterator

# What TensorFlow reads from the environment when it starts.
SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",  # errors only
    # Memory of tensors on processors is kept and handed out again. The C library returns it to the
    # system after each step and fetches it anew, page by page.
    "TF_CPU_ALLOCATOR_USE_BFC": "1",
    "TF_CPU_BFC_MEM_LIMIT_IN_MB": str(1 << 20),  # 1 TB, where TensorFlow would stop at 64 GB
}


def set_defaults() -> None:
    """Puts `SETTINGS` into the environment, where what stands there already holds.

    They count if TensorFlow's devices have not been started yet.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


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
    """Imports TensorFlow and Keras and finds their devices, by `SETTINGS`, without notes."""
    set_defaults()
    with native_silence():
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()
