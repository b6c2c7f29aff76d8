"""Tasks done by this process, or by several of this machine.

Processes start anew instead of being forked, since the caller may have threads, and import no more
than the tasks need.
"""

import concurrent.futures
import concurrent.futures.process
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.workers.work import Advance, Work, Workers, do_one


def engine(processes: int = 1) -> Workers:
    """This machine.

    Args:
        processes: that do tasks; 1 is this process, which does them one after another. With more,
            a script that calls this starts under `if __name__ == "__main__":`, since each process
            imports it.
    """

    def run(work: Work, advance: Advance) -> Iterator[tuple[int, Any]]:
        if processes > 1:
            return _in_processes(work, advance, processes)
        return enumerate(work.start(*work.arguments)(work.tasks, advance))

    return run


def _in_processes(work: Work, advance: Advance, processes: int) -> Iterator[tuple[int, Any]]:
    """Only a few tasks are in memory at a time."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, context, _start_process) as pool:
        running: dict[concurrent.futures.Future, int] = {}
        try:
            for number, task in enumerate(work.tasks):
                running[pool.submit(_do, work.start, work.arguments, task)] = number
                if len(running) >= 2 * processes:
                    yield from _finished(running, advance)
            while running:
                yield from _finished(running, advance)
        except concurrent.futures.process.BrokenProcessPool:
            raise InputError(
                "the processes that share the work run to their end",
                "one was ended from outside",
                "Was memory short? Run the same command again, with --processes=1 perhaps.",
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _finished(running: dict, advance: Advance) -> Iterator[tuple[int, Any]]:
    done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
    for future in done:
        units, result = future.result()
        advance(units)
        yield running.pop(future), result


def _do(start: Callable, arguments: tuple, task: Any) -> tuple[int, Any]:
    """In a process of the pool."""
    return do_one(start(*arguments), task)


def _start_process() -> None:
    """Ctrl-C ends a process of the pool at once, without a traceback; so does the parent's end."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
