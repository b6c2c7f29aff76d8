"""Work in a process of its own, which tells how far it is and ends with the one that began it."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

Tell = Callable[[Any], None]


class Child:
    """A process that is started anew (nothing is inherited) and can be asked what it has said.

    Args:
        work: a function of a module; its last argument is told what it has to say, a `Tell`.
        given: its other arguments.
    """

    def __init__(self, work: Callable[..., None], *given: Any):
        self._work, self._given = work, given
        self._process: SpawnProcess | None = None
        self._told: Connection | None = None
        self._hearing = threading.Lock()  # of two who ask at once one would wait for the next word

    def start(self) -> None:
        """Begins; where it runs already, nothing more."""
        if self._process is not None and self._process.is_alive():
            return
        context = multiprocessing.get_context("spawn")
        self._told, theirs = context.Pipe(duplex=False)
        given = (self._work, self._given, theirs)
        self._process = process = context.Process(target=_run, args=given, daemon=True)
        process.start()
        theirs.close()

    def stop(self) -> None:
        """Ends it at once."""
        if self._process is not None:
            self._process.terminate()
            self._process.join()

    def hear(self) -> list[Any]:
        """What it has said since the last call."""
        found = []
        with self._hearing:
            while self._told is not None and self._told.poll():
                try:
                    found.append(self._told.recv())
                except EOFError:
                    self._told = None
        return found

    @property
    def exitcode(self) -> int | None:
        """How it has ended, once all that it said was heard; None before."""
        ended = self._process is not None and self._told is None
        return self._process.exitcode if ended and self._process is not None else None


def _run(work: Callable[..., None], given: tuple, told: Connection) -> None:
    """The process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work(*given, told.send)


def _end_with_parent() -> None:
    """What a killed process has begun must not go on for hours unseen."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
