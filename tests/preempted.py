"""Two workers that train together, and are asked to end again and again, at different moments.

    python -m tests.preempted --strikes=10 --seed=1

A strike comes when the training has done a step that is drawn at random. SIGTERM goes to one of the
two workers, also drawn; the other gets it at once, later, or not at all. Both must end with status
75 after the same step, and be started again; in the end the weights must be those of two workers
that nobody disturbed. It prints what it did and returns 1 if that does not hold.
"""

import argparse
import collections
import dataclasses
import functools
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from camtrap_tf.core.preemption import REQUEUE
from tests.batches.test_distribution import cluster, free_addresses
from tests.conftest import write_tiny_shards
from tests.training.test_resume import digest

EPOCHS, STEPS = 3, 8  # 32 pictures in an epoch, 4 at a time
LAST = EPOCHS * STEPS - 3  # step of the latest strike: the steps that run as it comes are done
LAGS = {"at once": 0.0, "later": 0.2, "never": None}  # seconds until the other worker is struck
CHANGES = {
    "train.strategy": "multi_worker",
    "train.epochs": EPOCHS,
    "train.batch_size": 4,
    "train.steps_per_call": 1,
    "train.checkpoint_every": 0,
    "train.sync_batch_norm": "true",
    "model.architecture": "small",
    "model.crop": 24,
}


@dataclasses.dataclass(frozen=True)
class Strike:
    """What happened at one.

    Args:
        step: done when it came.
        worker: who was struck first.
        lag: when the other one was, a key of `LAGS`.
        exits: status of both.
        kept: number of the checkpoint that was left, 0 if none.
    """

    step: int
    worker: int
    lag: str
    exits: tuple[int | None, ...]
    kept: int


def command(shards: Path, run: Path) -> list[str]:
    """Arguments of `camtrap` for one worker."""
    sets = [f"--set={name}={value}" for name, value in CHANGES.items()]
    return ["train", f"--shards={shards}", "--task=species", f"--run={run}", "--quiet", *sets]


def work(arguments: list[str], tf_config: dict, told: Path) -> None:
    """In a process of its own: one worker, which tells each step that it has done."""
    os.environ["TF_CONFIG"] = json.dumps(tf_config)
    from camtrap_tf import cli
    from camtrap_tf.training.trainer import Trainer

    call = Trainer._call

    def telling(self, *args):
        sums = call(self, *args)
        told.write_text(str((self.progress.epoch - 1) * self.steps + self.step + 1))
        return sums

    Trainer._call = telling
    sys.exit(cli.main(arguments))


def start(shards: Path, run: Path, told: Path) -> list:
    """Two workers at work."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["camtrap_tf.training.train"])
    addresses, arguments = free_addresses(2), command(shards, run)
    told.write_text("0")
    calls = [(arguments, cluster(i, addresses), told.with_suffix(f".{i}")) for i in (1, 0)]
    workers = [context.Process(target=work, args=call) for call in calls]
    for worker in workers:
        worker.start()
    return workers[::-1]


def done(told: Path) -> int:
    """The last step that both workers have told."""
    files = [told.with_suffix(f".{i}") for i in range(2)]
    return min(int((file.exists() and file.read_text()) or 0) for file in files)


def join(workers: list, seconds: float = 240) -> tuple[int | None, ...]:
    """Waits for workers; returns their exit status, None of who does not end and is killed."""
    end = time.monotonic() + seconds
    for worker in workers:
        worker.join(max(end - time.monotonic(), 0.1))
    exits = tuple(worker.exitcode for worker in workers)
    for worker in workers:
        worker.kill()
        worker.join()
    return exits


def number_kept(run: Path) -> int:
    """Number of the checkpoint in a run directory."""
    names = [path.stem for path in (run / "checkpoints").glob("ckpt-*.index")]
    return max((int(name.removeprefix("ckpt-")) for name in names), default=0)


def strike_at(step: int, shards: Path, run: Path, told: Path, rng: random.Random) -> Strike:
    """Starts the workers, strikes when they have done a step, and sees how they end."""
    for old in told.parent.glob(f"{told.stem}.[01]"):
        old.unlink()
    workers, first, lag = start(shards, run, told), rng.randrange(2), rng.choice(list(LAGS))
    while done(told) < step and all(worker.is_alive() for worker in workers):
        time.sleep(0.002)
    at = done(told)
    os.kill(workers[first].pid, signal.SIGTERM)
    if LAGS[lag] is not None:
        time.sleep(LAGS[lag])
        if workers[1 - first].is_alive():
            os.kill(workers[1 - first].pid, signal.SIGTERM)
    return Strike(at, first, lag, join(workers), number_kept(run))


def disturbed(
    shards: Path,
    folder: Path,
    strikes: int,
    seed: int,
    tell: Callable[[Strike], object] = lambda strike: None,
) -> tuple[list[Strike], tuple[int | None, ...]]:
    """A training that is struck, and goes on to its end; what happened, and how it ended.

    Args:
        shards: of coloured noise.
        folder: where the run directory `struck` is made.
        strikes: how many.
        seed: of their moments.
        tell: is given each one as it is over.
    """
    rng, run = random.Random(seed), folder / "struck"
    steps = sorted(rng.sample(range(1, LAST + 1), strikes))
    found = []
    for step in steps:
        found.append(strike_at(step, shards, run, folder / "told", rng))
        tell(found[-1])
    return found, join(start(shards, run, folder / "told"))


def whole(shards: Path, folder: Path) -> str:
    """Digest of the weights of two workers that nobody disturbs."""
    assert join(start(shards, folder / "whole", folder / "told-whole")) == (0, 0)
    return digest(folder / "whole")


def main() -> int:
    """Reads the flags, strikes, and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strikes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shards = write_tiny_shards(folder / "shards", 40)
        show = functools.partial(print, flush=True)
        found, ended = disturbed(shards, folder, given.strikes, given.seed, show)
        same = ended == (0, 0) and digest(folder / "struck") == whole(shards, folder)
    print("exits:", dict(collections.Counter(strike.exits for strike in found)), "then", ended)
    print("weights of an undisturbed run:", "yes" if same else "NO")
    return int(not same or any(strike.exits != (REQUEUE, REQUEUE) for strike in found))


if __name__ == "__main__":
    sys.exit(main())
