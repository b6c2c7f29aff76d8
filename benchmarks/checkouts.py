"""What sharding, training and prediction cost now, against an earlier commit, in the same run.

    python -m benchmarks.checkouts --pictures=FOLDER --made=FOLDER [--before=722a384] [--rounds=5]

The files of `--before` are unpacked under `--made`. Each round runs the verbs `shard`, `train` and
`predict` of both, each as a process of its own from start to end, the two taking turns at going
first. `--pictures` holds some real pictures; `--count` of them, or copies, are sharded and
answered. Told is processor time of the process and what it starts (user and system, as the
operating system counts it), so that other work on the machine weighs little. The ratio of a round
is that of the two runs that follow one another. The networks are small, so that what is written
and read beside them weighs more than it does in use; both predict with the bundle of the earlier
one, in Keras, and nothing is taken from a cache. Both train by the preset `paper`.

Measured on two quiet processors against the commit before the rooms, --count=1200 --rounds=3, 165
pictures of 130 kB copied to 1,200 (median of the rounds' ratios, lowest to highest):
    shard    4.08 -> 4.31 s, 1.03 (1.02 to 1.18)
    train   41.70 -> 38.19 s, 0.92 (0.90 to 0.95)
    predict 14.17 -> 14.31 s, 1.06 (0.98 to 1.08)
Of the 0.2 s more of sharding, reading is 0.13 ms a picture (2.63 -> 2.76 ms): how much memory it
will take, and whether it is whole. The rest is the start.
"""

import argparse
import csv
import io
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from camtrap_tf.pictures import files

STEPS = ("shard", "train", "predict")
BEFORE, NOW = "before", "now"
_ROOT = Path(__file__).parent.parent
_RUN = "import sys; from camtrap_tf import cli; sys.exit(cli.main(sys.argv[1:]))"
_RECIPE = {
    "model.architecture": "resnet18", "model.crop": 56, "train.epochs": 2, "train.batch_size": 32,
}  # fmt: skip


class Cost(NamedTuple):
    """Of a process and its children, in seconds."""

    processor: float
    wall: float


class Checkout(NamedTuple):
    """A version of the program, and where it works."""

    name: str
    code: Path
    folder: Path

    def run(self, *arguments: object) -> Cost:
        """Runs `camtrap` with some arguments."""
        environment = os.environ | {"PYTHONPATH": str(self.code), "TF_CPP_MIN_LOG_LEVEL": "3"}
        given = [sys.executable, "-c", _RUN, *map(str, arguments)]
        start = time.perf_counter()
        with tempfile.TemporaryFile("w+") as said:
            child = subprocess.Popen(
                given, cwd=self.folder, env=environment, stdout=said, stderr=said
            )
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                said.seek(0)
                raise SystemExit(f"{self.name}: camtrap {' '.join(given[3:])}\n{said.read()}")
        return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - start)

    def knows(self, verb: str, flag: str) -> bool:
        """Whether a verb has a flag in this version."""
        environment = os.environ | {"PYTHONPATH": str(self.code)}
        given = [sys.executable, "-c", _RUN, verb, "--help"]
        told = subprocess.run(
            given, cwd=self.code, env=environment, capture_output=True, text=True, check=True
        )
        return f"--{flag}" in told.stdout


def check_out(commit: str, folder: Path) -> Path:
    """The files of a commit, in a folder that git does not know of."""
    if not folder.exists():
        given = ["git", "-C", str(_ROOT), "archive", commit]
        packed = subprocess.run(given, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
    return folder


def make_pictures(source: Path, folder: Path, count: int) -> Path:
    """So many pictures, and a table of their labels, which are drawn by turns."""
    paths = [source / path for path in files.find(source)]
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "species"])
        for number in range(count):
            name = f"{number:05d}{paths[number % len(paths)].suffix}"
            shutil.copyfile(paths[number % len(paths)], folder / "pictures" / name)
            table.writerow([name, ("empty", "deer", "fox", "empty")[number % 4]])
    return folder


def steps(checkout: Checkout, made: Path, bundle: Path) -> Iterator[tuple[str, Cost]]:
    """Runs the verbs of a checkout in an empty folder; yields what each has cost."""
    shutil.rmtree(checkout.folder, ignore_errors=True)
    checkout.folder.mkdir(parents=True)
    checkout.run("prepare", "--source=csv", f"--metadata={made}/labels.csv", "--out=events.parquet")
    for step in STEPS:
        yield step, checkout.run(step, *_arguments(step, checkout, made, bundle))
        if step == "train" and not bundle.exists():
            checkout.run("bundle", "--run=run", f"--out={bundle}")


def _arguments(step: str, checkout: Checkout, made: Path, bundle: Path) -> list[str]:
    pictures = f"{made}/pictures"
    keras = ["--engine_cpu=keras"] if checkout.knows("predict", "engine_cpu") else []
    return {
        "shard": [
            "--events=events.parquet", f"--images={pictures}", "--out=shards", "--split=event",
            "--size=64", "--processes=1", "--events_per_shard=50",
        ],
        "train": [
            "--shards=shards", "--run=run", "--task=one_stage", "--preset=paper",
            *(f"--set={name}={value}" for name, value in _RECIPE.items()),
        ],
        "predict": [pictures, f"--bundle={bundle}", "--out=answers", "--block_size=64", *keras],
    }[step]  # fmt: skip


def measure(before: Checkout, now: Checkout, made: Path, rounds: int) -> None:
    """Measures round by round, and tells after each what all of them come to."""
    bundle = before.folder.parent / "bundle"
    if not bundle.exists():
        dict(steps(before, made, bundle))
    costs: dict[str, list[tuple[Cost, Cost]]] = {step: [] for step in STEPS}
    for number in range(rounds):
        order = (before, now) if number % 2 == 0 else (now, before)
        found = {one.name: dict(steps(one, made, bundle)) for one in order}
        for step in STEPS:
            costs[step].append((found[BEFORE][step], found[NOW][step]))
        print(table(costs), flush=True)


def table(costs: dict[str, list[tuple[Cost, Cost]]]) -> str:
    """Medians by step: processor seconds before and now, and the ratio of a round."""
    lines = ["step       rounds  before s   now s   now/before (lowest to highest)   wall s"]
    for step, pairs in costs.items():
        ratios = sorted(now.processor / before.processor for before, now in pairs)
        before, now = (statistics.median(pair[i].processor for pair in pairs) for i in (0, 1))
        wall = [statistics.median(pair[i].wall for pair in pairs) for i in (0, 1)]
        lines.append(
            f"{step:<10} {len(pairs):>6} {before:>9.2f} {now:>7.2f}   "
            f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"
            f"{wall[0]:>18.1f} {wall[1]:.1f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Reads the arguments and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--made", type=Path, required=True)
    parser.add_argument("--before", default="722a384")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    made = make_pictures(given.pictures, given.made.resolve(), given.count)
    old = check_out(given.before, made / given.before)
    before = Checkout(BEFORE, old, made / "work" / BEFORE)
    measure(before, Checkout(NOW, _ROOT, made / "work" / NOW), made, given.rounds)


if __name__ == "__main__":
    main()
