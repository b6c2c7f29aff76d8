"""How Dask's workers share tasks: tasks by worker, and the span against the best possible.

    python -m benchmarks.cluster [--tasks=32] [--seconds=0.5] [--workers=1,2,4]

Tasks sleep, so that more workers than processors are worth measuring. Every row starts a scheduler
and workers of its own on this machine, and says, in one run,

    tasks    of each worker, most first
    span     seconds from the first task handed out to the last result
    best     seconds that the tasks would take if nothing but they took time
    share    best / span
"""

import argparse
import collections
import contextlib
import dataclasses
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from camtrap_tf.core.workers import dask
from camtrap_tf.core.workers.work import Advance, Do, Work


def start_sleeping(seconds: float, folder: Path) -> Do:
    """What sleeps once for each task and leaves a file named after it; a result is the process."""

    def sleep(tasks: Iterable, advance: Advance) -> Iterator[int]:
        for task in tasks:
            time.sleep(seconds)
            (folder / f"{task}.done").write_text(str(os.getpid()))
            advance(1)
            yield os.getpid()

    return sleep


@dataclasses.dataclass(frozen=True)
class Span:
    """What a number of tasks came to.

    Args:
        counts: tasks of each worker, most first.
        seconds: from the first task handed out to the last result.
    """

    counts: list[int]
    seconds: float


def measure(workers: int, tasks: int, seconds: float) -> Span:
    """Tasks that sleep, on so many workers that run already."""
    import distributed

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(
            distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
            )
        )
        work = Work(start_sleeping, (seconds, folder), range(tasks), folder)
        start = time.perf_counter()
        found = list(dask.engine(cluster.scheduler_address)(work, lambda units: None))
        span = time.perf_counter() - start
    assert sorted(number for number, _ in found) == list(range(tasks))
    counts = collections.Counter(process for _, process in found)
    return Span(sorted(counts.values(), reverse=True), span)


def main() -> None:
    """Prints a row for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=32, help="that sleep")
    parser.add_argument("--seconds", type=float, default=0.5, help="that each sleeps")
    parser.add_argument("--workers", default="1,2,4", help="how many, one row each")
    options = parser.parse_args()
    for workers in map(int, options.workers.split(",")):
        span = measure(workers, options.tasks, options.seconds)
        best = -(-options.tasks // workers) * options.seconds
        print(
            f"{workers} workers: tasks {span.counts}, span {span.seconds:.2f} s, "
            f"best {best:.2f} s, share {best / span.seconds:.2f}"
        )


if __name__ == "__main__":
    main()
