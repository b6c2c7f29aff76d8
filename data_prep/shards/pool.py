"""Shards written by several processes of this machine.

They start anew instead of being forked, since the caller may have threads, and import no more
than `tasks` needs: that takes a fraction of a second.
"""

import concurrent.futures
import concurrent.futures.process
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator

from camtrap_tf.core.errors import InputError
from data_prep.shards.tasks import Report, ShardTask, write_shard


def write(
    tasks: Iterable[ShardTask], arguments: tuple, processes: int
) -> Iterator[tuple[int, Report]]:
    """Yields (i, report) as shards are done; only a few tasks are in memory at a time.

    Args:
        tasks: one for each shard.
        arguments: further arguments of `tasks.write_shard`.
        processes: how many write at a time.

    Raises:
        InputError: as `tasks.write_shard`, or a process was ended from outside.
    """
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, context, _start_worker) as pool:
        running: dict[concurrent.futures.Future, int] = {}
        try:
            for i, task in enumerate(tasks):
                running[pool.submit(write_shard, task, *arguments)] = i
                if len(running) >= 2 * processes:
                    yield from _finished(running)
            while running:
                yield from _finished(running)
        except concurrent.futures.process.BrokenProcessPool:
            raise InputError(
                "the processes that write shards run to their end",
                "one was ended from outside",
                "Was memory short? Run the same command again, with --processes=1 perhaps.",
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _finished(running: dict) -> Iterator[tuple[int, Report]]:
    done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()


def _start_worker() -> None:
    """In a worker: Ctrl-C ends it at once and without a traceback, and so does the parent's end."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
