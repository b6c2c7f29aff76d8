"""How fast full-size pictures become shards, against the limit of decoding and the usual way.

    python benchmarks/sharding.py --pictures=FOLDER [--count=400] [--quality=95]

FOLDER holds some real pictures of 2048x1536; `count` others are made of crops of them. Told
is processor time, in one run, the methods taking turns on the same files so that other work
on the machine weighs on all alike:

    limit     reduced decoding alone, 1/4 scale (what libjpeg needs to walk through the file)
    shard     `pictures.store`, then the record: all that a shard's picture costs
    released  full decode, crop of the bar, bilinear, save (the released code's method)

then `write_shards` with one and with two processes, and the largest memory of a process
after a quarter of the pictures and after all of them.

Measured on two cores that others kept busy (load 16 to 20; the figures of runs differ by a
quarter, and the ratio of two processes to one says nothing then):
    --count=80                 1078 kB: limit 9.20 ms, Pillow 9.23, 1/8 scale 7.43, shard 11.68,
                               released 47.1; 0.79 of the limit, 4.0 times the released code
    --count=120 --quality=94    988 kB: limit 7.99 ms, Pillow 8.63, 1/8 scale 7.01, shard 10.26,
                               released 27.4; 0.78 of the limit, 2.7 times the released code
    memory of a process: 164 MB after a quarter of the pictures, 164 MB after all
Of the 1.6 to 2.4 ms above the limit, the antialiased resize takes 1.1, the JPEG encoder 0.24, the
sums 0.09, the record 0.05.
"""

import argparse
import concurrent.futures
import io
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import simplejpeg
from PIL import Image

from camtrap_tf import pictures, records
from camtrap_tf.config import PictureSpec
from camtrap_tf.event_table import EventTable
from data_prep import plan, shard

SPEC = PictureSpec(size=256, bar_share=100 / 1536)
PER_EVENT = 4


def make_pictures(sources: list[Path], folder: Path, count: int, quality: int) -> list[Path]:
    """Crops of three quarters of the sources, brought back to 2048x1536 and encoded anew."""
    random = np.random.default_rng(0)
    made = []
    for k in range(count):
        with Image.open(sources[k % len(sources)]) as image:
            left, top = random.integers(0, 512), random.integers(0, 384)
            crop = image.convert("RGB").crop((left, top, left + 1536, top + 1152))
        made.append(folder / f"{k:04d}.jpg")
        crop.resize((2048, 1536), Image.Resampling.BICUBIC).save(made[-1], quality=quality)
    return made


def limit(path: Path) -> None:
    """Reduced decoding alone, with the decoder and scale that sharding uses."""
    simplejpeg.decode_jpeg(
        path.read_bytes(), fastdct=False, fastupsample=False, min_height=384, min_width=512,
        min_factor=1,
    )  # fmt: skip


def eighth(path: Path) -> None:
    """Decoding at 1/8 scale alone: hardly more than the entropy decoding."""
    simplejpeg.decode_jpeg(
        path.read_bytes(), fastdct=False, fastupsample=False, min_height=192, min_width=256,
        min_factor=1,
    )  # fmt: skip


def pillow_limit(path: Path) -> None:
    """Reduced decoding alone, with Pillow."""
    with Image.open(path) as image:
        image.draft("RGB", (512, 384))
        image.load()


def one_picture(path: Path) -> None:
    """What sharding does with a picture, without writing it."""
    pictures.store(path, SPEC)


def released(path: Path) -> None:
    """Full decode, crop, bilinear, save, with arrays in between as `scipy.misc` had them."""
    pixels = np.array(Image.open(path))[:-100]
    square = np.array(Image.fromarray(pixels).resize((256, 256), Image.Resampling.BILINEAR))
    Image.fromarray(square).save(io.BytesIO(), "JPEG")


METHODS = {
    "limit": limit,
    "limit, Pillow": pillow_limit,
    "limit, 1/8": eighth,
    "shard": one_picture,
    "released": released,
}


def milliseconds(files: list[Path]) -> dict[str, float]:
    """Median processor time of a picture by each method, the methods taking turns."""
    times: dict[str, list[float]] = {name: [] for name in METHODS}
    for path in files:
        for name, method in METHODS.items():
            start = time.process_time()
            method(path)
            times[name].append(1e3 * (time.process_time() - start))
    return {name: statistics.median(found) for name, found in times.items()}


def make_plan(files: list[Path]) -> plan.Plan:
    """Events of four pictures, 25 events to a shard."""
    ids = [f"e{k // PER_EVENT:04d}" for k in range(len(files))]
    events = list(dict.fromkeys(ids))
    table = EventTable(
        pd.DataFrame({"event_id": events}),
        pd.DataFrame({"event_id": ids, "path": [path.name for path in files]}),
        pd.DataFrame({"event_id": events, "species": "zebra"}),
    )
    return plan.make(table, np.full(len(events), "train"), events_per_shard=25)


def seconds(files: list[Path], processes: int) -> float:
    """Wall time of `write_shards`, start of the processes included."""
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        shard.write_shards(make_plan(files), files[0].parent, out, SPEC, processes)
        return time.perf_counter() - start


def peak_memory(files: list[Path], out: str) -> tuple[float, float]:
    """Largest memory of this process, MB, after a quarter of the shards and after all."""
    planned = make_plan(files)
    peaks = []
    for i, task in enumerate(planned.tasks(), 1):
        shard.write_shard(task, files[0].parent, Path(out), SPEC)
        if i in (-(-len(planned) // 4), len(planned)):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return peaks[0], peaks[-1]


def record_milliseconds(files: list[Path]) -> float:
    """Time of the record of a picture: Example, checksums, SHA-256, file."""
    with tempfile.TemporaryDirectory() as out:
        planned = make_plan(files)
        frames = [pictures.store(path, SPEC).encoded for path in files[:PER_EVENT]]
        event = records.EventRecord("e", [path.name for path in files[:PER_EVENT]], frames, {})
        start = time.process_time()
        encoded = (records.encode(event, planned.vocabulary) for _ in range(100))
        records.write_file(Path(out) / "x", encoded)
        return 1e3 * (time.process_time() - start) / (100 * PER_EVENT)


def report(files: list[Path]) -> None:
    """Prints the figures and the ratios."""
    size = statistics.mean(path.stat().st_size for path in files)
    print(f"{len(files)} pictures of 2048x1536, {size / 1e3:.0f} kB each")
    found = milliseconds(files)
    found["shard"] += record_milliseconds(files)
    for name, value in found.items():
        print(f"  {name:<14} {value:6.2f} ms")
    for name in ("limit", "limit, Pillow", "limit, 1/8"):
        print(f"shard against the {name:<15} {found[name] / found['shard']:.2f}")
    print(f"shard against the released code  {found['released'] / found['shard']:.2f}")
    pairs = [(seconds(files, 1), seconds(files, 2)) for _ in range(3)]
    one, two = (min(times) for times in zip(*pairs, strict=True))
    print(f"write_shards: {len(files) / one:.0f} and {len(files) / two:.0f} pictures/s, ", end="")
    print(f"two processes against one {one / two:.2f}")
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as out,
        concurrent.futures.ProcessPoolExecutor(1, context) as pool,
    ):
        quarter, whole = pool.submit(peak_memory, files, out).result()
    print(f"memory of a process: {quarter:.0f} MB after a quarter, {whole:.0f} MB after all")


def main() -> None:
    """Reads the flags, makes the pictures, prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--quality", type=int, default=95)
    flags = parser.parse_args()
    found = [flags.pictures / path for path in pictures.find(flags.pictures)]
    sources = [path for path in found if Image.open(path).size == (2048, 1536)]
    with tempfile.TemporaryDirectory() as folder:
        report(make_pictures(sources, Path(folder), flags.count, flags.quality))


if __name__ == "__main__":
    main()
