"""Single flipped bits, and what a reader makes of them."""

import collections
import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path

from camtrap_tf.core.errors import InputError

REFUSED, SAME, SILENT, CRASHED = "refused", "same values", "SILENT WRONG", "crashed"


def places(size: int, count: int | None, seed: int = 0) -> Iterable[int]:
    """Bits of a file: some drawn at random, or all."""
    bits = range(8 * size)
    return bits if count is None else random.Random(seed).sample(bits, min(count, len(bits)))


def counts(path: Path, read: Callable[[], object], count: int | None) -> collections.Counter:
    """Reads a file with one bit flipped, again and again, and says what came of it.

    Args:
        path: of the file; it is whole again afterwards.
        read: reads it; values are compared by their `repr`.
        count: of bits; None: all.
    """
    content, whole, found = path.read_bytes(), repr(read()), collections.Counter()
    try:
        for moment, bit in enumerate(places(len(content), count), 1):
            damaged = bytearray(content)
            damaged[bit // 8] ^= 1 << bit % 8
            path.write_bytes(damaged)
            os.utime(path, ns=(moment, moment))  # a clock may be too coarse to tell them apart
            try:
                found[SAME if repr(read()) == whole else SILENT] += 1
            except InputError:
                found[REFUSED] += 1
            except Exception as error:  # noqa: BLE001
                found[f"{CRASHED}: {type(error).__name__}"] += 1
    finally:
        path.write_bytes(content)
    return found
