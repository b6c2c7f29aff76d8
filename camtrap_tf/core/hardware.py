"""What this machine has, as far as can be found out without TensorFlow."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

_DEVICES = Path("/proc/driver/nvidia/gpus")  # a folder for each card, where NVIDIA's driver is


@dataclasses.dataclass(frozen=True)
class Hardware:
    """What computes.

    Args:
        processors: that this process may use.
        gpus: NVIDIA cards that this process may see. TensorFlow may still find none, if it was
            installed without CUDA.
    """

    processors: int
    gpus: int = 0

    def __str__(self) -> str:
        processors = f"{self.processors} processor{'s' * (self.processors != 1)}"
        if not self.gpus:
            return f"{processors} and no GPU"
        return f"{self.gpus} GPU{'s' * (self.gpus != 1)} and {processors}"


def look() -> Hardware:
    """What this process may use."""
    return Hardware(processors(), gpus())


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus(environment: Mapping[str, str] = os.environ, devices: Path = _DEVICES) -> int:
    """How many NVIDIA cards there are, as CUDA_VISIBLE_DEVICES allows.

    >>> gpus({"CUDA_VISIBLE_DEVICES": "-1"})
    0
    """
    found = len(list(devices.iterdir())) if devices.is_dir() else 0
    allowed = environment.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return found
    named = [name for name in allowed.split(",") if name.strip()]
    # CUDA stops at the first that is not there, such as -1.
    valid = next((i for i, name in enumerate(named) if name.strip().startswith("-")), len(named))
    return min(found, valid)
