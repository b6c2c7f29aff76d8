"""Being asked to end: SIGTERM, which schedulers send some time before they take a machine away.

Ctrl-C and a kill lose what was done since the last checkpoint. Who is asked to end may keep it:

    with noticed() as notice, notice.deferred():
        for part in work:
            do(part)
            if notice.asked:
                keep()
                raise Preempted("...; run the same command again to go on")
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

REQUEUE = 75  # EX_TEMPFAIL of sysexits.h: it did not fail, and the same command goes on
AGAIN = "run the same command again to go on"
_Result = TypeVar("_Result")


class Preempted(SystemExit):
    """Work that was asked to end, and that goes on from there when it is started again.

    As a `SystemExit` it is no error to those who catch errors; where nobody catches it, the process
    ends with status 75 (`REQUEUE`).

    Args:
        sentence: how far it has come, and how to go on.

    >>> Preempted("asked to end (SIGTERM)").code
    75
    """

    def __init__(self, sentence: str):
        self.sentence = sentence
        super().__init__(REQUEUE)

    def __str__(self) -> str:
        return self.sentence


class Notice:
    """Whether this process was asked to end (`asked`), and what then happens.

    Outside of `deferred` work, `Preempted` is raised at once.
    """

    def __init__(self):
        self.asked = False
        self._deferring = False

    def __call__(self, *_) -> None:
        """What SIGTERM calls, between two steps of the main thread."""
        self.asked = True
        if not self._deferring:
            raise Preempted(f"asked to end (SIGTERM); {AGAIN}")

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """While the block runs, `asked` is set and nothing else: the block looks at it."""
        before, self._deferring = self._deferring, True
        try:
            yield
        finally:
            self._deferring = before

    def until_asked(self, work: Callable[[], _Result]) -> _Result | None:
        """Does a part of deferred work that can be left anywhere, since it would be done again.

        Returns:
            What `work` does; None if the process was asked to end before or meanwhile.
        """
        before = self._deferring
        try:
            try:
                self._deferring = False
                return None if self.asked else work()
            finally:
                self._deferring = before
        except Preempted:
            return None


@contextlib.contextmanager
def noticed() -> Iterator[Notice]:
    """SIGTERM is noticed while the block runs; after it, all is as before.

    After `Preempted` the process is on its way out, and to be asked again changes nothing. A block
    within another one has the same notice. Signals reach the main thread alone: in any other, the
    process is never found to be asked.
    """
    before = signal.getsignal(signal.SIGTERM)
    if isinstance(before, Notice):
        yield before
        return
    notice = Notice()
    if not _is_main():
        yield notice
        return
    signal.signal(signal.SIGTERM, notice)
    try:
        yield notice
    except Preempted:
        before = signal.SIG_IGN
        raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """SIGTERM waits while the block runs, and is noticed then, whoever has taken it there.

    TensorFlow does, when a process becomes one of several workers: from then on it listens to
    SIGTERM itself, and tells nobody. Threads that begin in the block hold the signal back, too, and
    a thread of before that listens might take it.
    """
    notice = signal.getsignal(signal.SIGTERM)
    if not (isinstance(notice, Notice) and _is_main() and hasattr(signal, "pthread_sigmask")):
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, notice)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
