"""Tasks done by the workers of a Dask cluster.

    --engine=dask                               one worker for each processor of this machine
    --engine=dask --dask=tcp://HOST:8786        a cluster that runs: its scheduler's address
    --engine=dask --dask=scheduler.json         the same, by the file that its scheduler wrote

A cluster is started by `dask scheduler` and `dask worker ADDRESS --nthreads=1`, on SLURM or LSF by
`dask-jobqueue`, on Kubernetes by Dask's operator. Workers have this package, and see the pictures
and the folder for results under the same paths.

A worker that is lost costs the tasks it was doing: others do them again. Where the scheduler is
lost, the same command goes on from what is done.
"""

import collections
import contextlib
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from camtrap_tf.core.commands import counted
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.extras import needed
from camtrap_tf.core.hardware import processors
from camtrap_tf.core.workers import posted
from camtrap_tf.core.workers.work import Advance, Work, Workers

RETRIES = 2  # of a task that fails for another reason than wrong input, such as a disk that is away
_AT_ONCE = 1000  # tasks that the scheduler has; it hands each to a worker that is free
_SECONDS = 10  # until a scheduler must have answered
log = logging.getLogger("camtrap")


def engine(address: str | None = None) -> Workers:
    """A Dask cluster.

    Args:
        address: of its scheduler, or the JSON file that it wrote; None starts a worker for each
            processor of this machine, for as long as the work takes.
    """

    def run(work: Work, advance: Advance) -> Iterator[tuple[int, Any]]:
        _distributed()
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # we say it, in a line each
        with posted.post(work) as place, _connected(address) as client:
            counts: collections.Counter = collections.Counter()
            for number, outcome in _outcomes(client, place, work):
                counts[outcome.worker] += 1
                advance(outcome.units)
                yield number, outcome.taken()
            told = ", ".join(f"{worker} {count:,}" for worker, count in sorted(counts.items()))
            log.info("tasks by worker: %s", told)

    return run


def _distributed() -> ModuleType:
    with needed("dask", "--engine=dask"):
        import distributed
    return distributed


@contextlib.contextmanager
def _connected(address: str | None) -> Iterator:
    """A client of the cluster; what was started for it ends with the block."""
    with _cluster(address) as scheduler, _client(scheduler) as client:
        workers = len(client.nthreads())
        has_page = "dashboard" in client.scheduler_info()["services"]
        page = f", dashboard {client.dashboard_link}" if has_page else ""
        log.info("Dask: %s at %s%s", counted(workers, "workers"), client.scheduler.address, page)
        if not workers:
            log.warning(
                "the cluster has no workers yet; tasks wait for `dask worker %s --nthreads=1`",
                client.scheduler.address,
            )
        yield client


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """What a client connects to."""
    if address is not None:
        yield address
        return
    workers = processors()
    with _distributed().LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        env={"TF_NUM_INTRAOP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    ) as cluster:
        yield cluster


def _client(scheduler: Any):
    by_file = isinstance(scheduler, str) and scheduler.endswith(".json")
    where = {"scheduler_file": scheduler} if by_file else {"address": scheduler}
    try:
        if by_file:
            Path(scheduler).stat()  # which a client would wait for without end
        return _distributed().Client(**where, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            "a Dask scheduler answers at --dask",
            scheduler,
            "Start one, such as `dask scheduler`, and give the address that it says, such as "
            f"tcp://HOST:8786 ({' '.join(str(error).split())[:200]}).",
        ) from error


def _outcomes(client: Any, place: str, work: Work) -> Iterator[tuple[int, posted.Outcome]]:
    """Numbers and outcomes of all tasks, as they are done."""
    numbers: dict[Any, int] = {}
    name = f"{work.start.__name__}-{uuid.uuid4().hex[:8]}"
    done = _distributed().as_completed(loop=client.loop)
    for number, task in enumerate(work.tasks):
        future = client.submit(_perform, place, task, key=(name, number), retries=RETRIES)
        numbers[future.key] = number
        done.add(future)
        if done.count() >= _AT_ONCE:
            yield _next(done, numbers)
    while numbers:
        yield _next(done, numbers)


def _next(done: Any, numbers: dict[Any, int]) -> tuple[int, posted.Outcome]:
    distributed = _distributed()
    future = next(done)
    number = numbers.pop(future.key)
    try:
        return number, future.result()
    except distributed.KilledWorker as error:
        raise InputError(
            "a task can be done without ending its worker",
            f"task {number} ended {counted(error.allowed_failures + 1, 'workers')}",
            "Was memory short? Run the same command again with larger workers.",
        ) from None
    except distributed.client.FutureCancelledError as error:
        raise InputError(
            "the Dask scheduler stays until all is done",
            error.reason,
            "Start it again; the same command goes on from what is done.",
        ) from None
    except ImportError as error:
        raise InputError(
            "Dask's workers have camtrap_tf and what it needs", str(error), "Install it there."
        ) from error


def _perform(place: str, task: Any) -> posted.Outcome:
    """On a worker."""
    return posted.perform(place, task, _distributed().get_worker().address)
