"""What a prediction job of millions of pictures takes beside the networks: time, memory, bytes.

    python -m benchmarks.scale --pictures=1000000,3000000

Pictures are drawn names (48 cameras, three to an event) without files, and the answers of
networks random numbers (48 species, 12 count bins, six behaviours), so that what is left is what
`predict` itself does: listing, keeping blocks, finding out on a restart what is missing, and
making one file of the blocks. Each number of pictures has a process of its own, whose processor
time and largest resident size are told after each stage.

Measured on two processors that others used, µs a picture: list 44 and 22 (of 100,000 and 400,000
pictures), keep answers 54 and 51, restart 1 and 0.5, assemble 202 and 195; at most 0.30 and 0.48
GB, 780 bytes a picture on the disk.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.core.labels import Task, Vocabulary
from camtrap_tf.events import listing
from camtrap_tf.prediction import job as jobs

CAMERAS, PER_EVENT = 48, 3


def pieces(pictures: int) -> Iterator[pd.DataFrame]:
    """A listing of so many pictures, as folders give it."""
    each = -(-pictures // CAMERAS)
    for camera in range(CAMERAS):
        for start in range(0, each, listing.PIECE):
            numbers = range(start, min(start + listing.PIECE, each))
            paths = [f"S1/C{camera:02d}/C{camera:02d}_R1/IMG_{one:08d}.JPG" for one in numbers]
            table = pd.DataFrame({"path": paths}).reindex(columns=list(listing.COLUMNS))
            yield table.assign(bytes=1_500_000, modified=0).astype(listing.COLUMNS)


def answers(block: jobs.Block, heads: dict, rng: np.random.Generator) -> jobs.Answers:
    """Drawn answers to a block's pictures, and times that make events of three."""
    numbers = block.pictures["path"].str[-12:-4].astype(int).to_numpy()
    seconds = numbers // PER_EVENT * 300 + numbers % PER_EVENT
    facts = pd.DataFrame({name: pd.Series([pd.NA] * len(block), dtype=kind)
                          for name, kind in jobs.FACTS.items()})  # fmt: skip
    facts["datetime"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(seconds, unit="s")
    facts["time_source"] = "exif"
    drawn = {
        head: rng.random((len(block), len(names)), np.float32) for head, names in heads.items()
    }
    return jobs.Answers(facts, drawn)


def run(pictures: int, folder: Path) -> dict[str, tuple[float, float]]:
    """Seconds of processor time, and gigabytes of the largest resident size so far, by stage."""
    vocabulary, rng = Vocabulary(), np.random.default_rng(0)
    heads = vocabulary.heads(Task.EMPTY) | vocabulary.heads(Task.ANIMAL)
    found, start = {}, time.process_time()

    def done(stage: str) -> None:
        nonlocal start
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        found[stage] = round(time.process_time() - start, 1), round(size, 2)
        start = time.process_time()

    job = jobs.Job.claim(folder / "job", {"pictures": pictures}, folder)
    done("start")
    job.list_pictures(folder, pieces(pictures))
    done("list")
    for block in job.pending():
        job.write(block, answers(block, heads, rng))
    done("keep answers")
    assert job.counts()[1] == 0
    done("restart")
    job.assemble(heads, {"model": "drawn", "model_version": "0"})
    done("assemble")
    return found


def main() -> None:
    """Reads the flags and measures."""
    flags = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    flags.add_argument("--pictures", default="1000000")
    flags.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    given = flags.parse_args()
    for pictures in map(int, given.pictures.split(",")):
        if given.run:
            with tempfile.TemporaryDirectory() as folder:
                found = run(pictures, Path(folder))
                files = [one.stat().st_size for one in Path(folder).rglob("*") if one.is_file()]
            print(json.dumps([found, sum(files)]))
            continue
        command = [sys.executable, "-m", "benchmarks.scale", f"--pictures={pictures}", "--run"]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        stages, size = json.loads(said.splitlines()[-1])
        print(f"{pictures:,} pictures, {size / pictures:.0f} bytes each")
        for stage, (seconds, memory) in stages.items():
            print(f"  {stage:<14}{seconds:8.1f} s{1e6 * seconds / pictures:8.1f} µs a picture"
                  f"{memory:8.2f} GB at most so far", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
