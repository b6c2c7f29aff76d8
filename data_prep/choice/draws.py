"""Random numbers that belong to a name: the same for the same name, whatever else there is.

Selection, splits and the order of events all draw from here, so that adding events to a data
set or reordering its rows does not change what the other events get.
"""

import hashlib
from collections.abc import Iterable

import numpy as np


def uniform(names: Iterable[str], seed: int, purpose: str) -> np.ndarray:
    """One number per name, uniform in [0, 1), from BLAKE2b of seed, purpose and name.

    Args:
        names: such as event ids.
        seed: another seed gives independent numbers.
        purpose: such as 'split'; another purpose gives independent numbers.

    Returns:
        [names] float64.

    >>> uniform(["a", "b"], 0, "split").round(6).tolist()
    [0.821194, 0.657767]
    """
    start = hashlib.blake2b(f"{seed}/{purpose}/".encode(), digest_size=8)
    digests = bytearray()
    for name in names:
        state = start.copy()
        state.update(name.encode())
        digests += state.digest()
    # A float64 holds 53 bits; more would round up to 1.0 now and then.
    return (np.frombuffer(bytes(digests), ">u8") >> np.uint64(11)) * 2.0**-53
