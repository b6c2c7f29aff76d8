"""How much memory `camtrap convert` takes, by format and number of pictures.

    python -m benchmarks.outputs --pictures=1000000 [--scattered] [--formats=csv,parquet]

Makes a predictions file of drawn probabilities (48 species, 12 count bins, six behaviours,
events of three pictures) and converts it, each format in a process of its own, whose largest
resident size and processor time are told. `--scattered` deals the rows of events over the whole
file: the worst case.

Measured on a machine that was not quiet, largest resident size in MB:
                             csv  parquet  camtrap_dp  megadetector  speciesnet
    1,000,000, in parts      453      469         587           416         392
    1,000,000, all at once  1560     1568        1641             -           -
    3,000,000, in parts        -      694           -             -           -
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.answers.predictions import Predictions, writing
from camtrap_tf.core.labels import Task, Vocabulary

FORMATS = ("csv", "parquet", "camtrap_dp", "megadetector", "speciesnet")
PIECE = 15_000  # pictures written at a time; whole events
PER_FOLDER, PER_EVENT = 3_000, 3
CONVERT = """
import resource, sys
from camtrap_tf.cli import main
try:
    main(sys.argv[1:])
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_maxrss // 1024, round(used.ru_utime + used.ru_stime))
"""


def write(path: Path, pictures: int, scattered: bool) -> None:
    """Writes the predictions file."""
    vocabulary, rng = Vocabulary(), np.random.default_rng(0)
    heads = vocabulary.heads(Task.EMPTY) | vocabulary.heads(Task.ANIMAL)
    numbers = np.arange(pictures)
    events = numbers % (pictures // PER_EVENT) if scattered else numbers // PER_EVENT
    with writing(path, heads, {"model": "drawn", "model_version": "0"}) as add:
        for start in range(0, pictures, PIECE):
            rows = numbers[start : start + PIECE]
            add(_piece(rows, events[start : start + PIECE], heads, rng))


def _piece(rows: np.ndarray, events: np.ndarray, heads: dict, rng) -> Predictions:
    # Scattered events are of one camera, as all events are.
    folders = [f"S1/{event * PER_EVENT // PER_FOLDER:04d}" for event in events]
    taken = pd.Timestamp("2026-01-01") + pd.to_timedelta(events * 60 + rows % 3, unit="s")
    ids = {
        "path": [f"{folder}/IMG_{row:08d}.JPG" for folder, row in zip(folders, rows, strict=True)],
        "event_id": [f"{folder}#{event}" for folder, event in zip(folders, events, strict=True)],
        "datetime": taken,
    }
    probabilities = {}
    for head, names in heads.items():
        drawn = rng.random((len(rows), len(names)), np.float32) ** 8
        probabilities[head] = drawn / drawn.sum(axis=1, keepdims=True)
    info = {"model": "drawn", "model_version": "0"}
    return Predictions(pd.DataFrame(ids), heads, probabilities, info=info)


def convert(file: Path, name: str, pictures: int, folder: Path) -> str:
    """Megabytes and seconds of one conversion."""
    command = [sys.executable, "-c", CONVERT, "convert", str(file), f"--format={name}"]
    command += [f"--out={folder / name}"]
    if name == "camtrap_dp":
        cameras = range(-(-pictures // PER_FOLDER))
        places = folder / "deployments.csv"
        rows = [f"S1/{camera:04d},{-camera / 1000},35" for camera in cameras]
        places.write_text("\n".join(["deploymentID,latitude,longitude", *rows]) + "\n")
        command += [f"--deployments={places}", "--time_zone=+03:00", "--project=Drawn"]
        command += ["--sampling_design=systematicRandom", "--contributor=Nobody"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    megabytes, seconds = done.stdout.split()[-2:]
    return f"{name:13} {megabytes:>6} MB {seconds:>5} s of processor time"


def main() -> None:
    """Reads the flags and measures."""
    flags = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    flags.add_argument("--pictures", type=int, default=1_000_000)
    flags.add_argument("--formats", default=",".join(FORMATS))
    flags.add_argument("--scattered", action="store_true")
    given = flags.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "predictions.parquet"
        write(file, given.pictures, given.scattered)
        print(f"{given.pictures:,} pictures, {file.stat().st_size / 1e6:.0f} MB")
        for name in given.formats.split(","):
            print(convert(file, name, given.pictures, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
