"""Which process wrote something, and whether it still runs."""

import contextlib
import functools
import os
import socket
from pathlib import Path
from typing import Any


@functools.cache
def machine() -> str:
    """What tells this computer, and this container, from others that see the same folder."""
    identity = _read("/etc/machine-id") or _read("/var/lib/dbus/machine-id")
    with contextlib.suppress(OSError):
        identity += " " + os.readlink("/proc/self/ns/pid")  # process numbers count within it
    return f"{socket.gethostname()} {identity}".strip()


@functools.cache
def boot() -> str:
    """What tells when the computer started; '' where that is not known."""
    return _read("/proc/sys/kernel/random/boot_id")


def started(process: int) -> str:
    """When a process started, in ticks since the computer did; '' where that is not told."""
    told = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
    return told[19] if told and told[0] not in "ZX" else ""  # one that has ended, unnoticed


def runs(process: int, since: str) -> bool:
    """Whether a process of this computer, as `started` told it, still runs."""
    return _lives(process) and since == started(process)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _lives(process: int) -> bool:
    if os.name == "nt":
        return _lives_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def _lives_on_windows(process: int) -> bool:
    import ctypes

    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009 absent elsewhere
    handle = kernel.OpenProcess(0x1000, False, process)  # PROCESS_QUERY_LIMITED_INFORMATION
    if handle:
        kernel.CloseHandle(handle)
    return bool(handle)
