"""How fast full-size pictures become shards, against the limit of decoding and the usual way.

    python -m benchmarks.sharding --pictures=FOLDER --made=FOLDER [--count=80] [--many=1600]

`--pictures` holds some real pictures of 2048x1536; from crops of them others are made under
`--made` (once: the next run finds them there), at several qualities, since the cost of a picture
goes with the size of its file. 'own' are quantised like the real files they come from. Told is
processor time, in one run, the methods taking turns on the same files so that other work on the
machine weighs on all alike:

    limit     reduced decoding alone, 1/4 scale (what libjpeg needs to walk through the file)
    Pillow    the same with Pillow
    1/8       decoding at 1/8 scale alone
    shard     `pictures.store`, then the record: all that a shard's picture costs
    released  full decode, crop of the bar, bilinear, save (the released code's method)

then `write_shards` with one and with two processes, over a quarter of `--many` pictures and over
all of them, so that the start of the processes can be told from their work, and the largest
memory of a process after a quarter of the pictures and after all of them.

Measured on two quiet cores, ms, --count=40 --many=1600:
    quality     kB    limit   Pillow      1/8    shard released   limit/shard released/shard
    real       364     5.44     5.97     4.62     7.03    43.03          0.77           6.12
    own        385     5.95     6.26     4.90     7.34    41.51          0.81           5.66
    75         498     6.92     7.43     5.78     8.47    43.91          0.82           5.18
    85         640     8.13     8.62     6.86     9.62    45.54          0.85           4.73
    90         784     9.24     9.69     7.83    10.67    46.91          0.87           4.40
    95        1084    11.35    11.82     9.68    12.77    47.75          0.89           3.74
    write_shards, 400 pictures: 2.93 s, two processes 1.78 s, 1.64 times
    write_shards, 1600 pictures: 11.71 s, two processes 6.21 s, 1.88 times
    memory of a process: 134 MB after a quarter, 134 MB after all
The goals are 0.85 and 4.5: files of 640 kB reach both, smaller ones the second only, larger
ones the first. What stands above the limit hardly depends on the file: the resize 0.75 ms (pairs
0.33, antialiasing 0.42), the JPEG encoder 0.45, the histogram 0.2, the record 0.04, header and
EXIF 0.03 (0.1 with a block of EXIF). Tried and slower where memory is cold: sums and squares in
NumPy instead of the histogram, pairs of pixels in NumPy; simplejpeg's encoder gains 0.09 ms with a
coarser transform, so other pixels.
"""

import argparse
import concurrent.futures
import io
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.labels import Vocabulary
from camtrap_tf.events import records
from camtrap_tf.pictures import files as pictures

# What needs pandas is imported where it is used: each process imports this module, too.

SPEC = PictureSpec(size=256, bar_share=100 / 1536)
PER_EVENT = 4
QUALITIES = ("real", "own", "75", "85", "90", "95")


def make_pictures(sources: list[Path], folder: Path, count: int, quality: str) -> list[Path]:
    """Crops of three quarters of the sources, brought back to 2048x1536 and encoded anew.

    'real' are the sources themselves, 'own' is the quantisation of the source.
    """
    if quality == "real":
        return [sources[k % len(sources)] for k in range(count)]
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    made = []
    for k in range(count):
        left, top = random.integers(0, 512), random.integers(0, 384)
        made.append(folder / f"{k:04d}.jpg")
        if made[-1].exists():
            continue
        with Image.open(sources[k % len(sources)]) as image:
            own = {"qtables": image.quantization, "subsampling": "4:2:0"}
            crop = image.convert("RGB").crop((left, top, left + 1536, top + 1152))
        options = own if quality == "own" else {"quality": int(quality)}
        crop.resize((2048, 1536), Image.Resampling.BICUBIC).save(made[-1], **options)
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
    "Pillow": pillow_limit,
    "1/8": eighth,
    "shard": one_picture,
    "released": released,
}


def milliseconds(files: list[Path]) -> dict[str, float]:
    """Median processor time of a picture by each method, taking turns every ten pictures.

    Not every picture: a writer of shards finds its own memory in the cache, not that of others.
    """
    times: dict[str, list[float]] = {name: [] for name in METHODS}
    for ten in (files[k : k + 10] for k in range(0, len(files), 10)):
        for name, method in METHODS.items():
            for path in ten:
                start = time.process_time()
                method(path)
                times[name].append(1e3 * (time.process_time() - start))
    return {name: statistics.median(found) for name, found in times.items()}


def make_plan(files: list[Path]):
    """Events of four pictures, 25 events to a shard."""
    import pandas as pd

    from camtrap_tf.events.table import EventTable
    from data_prep.shards import plan

    ids = [f"e{k // PER_EVENT:05d}" for k in range(len(files))]
    events = list(dict.fromkeys(ids))
    table = EventTable(
        pd.DataFrame({"event_id": events}),
        pd.DataFrame({"event_id": ids, "path": [path.name for path in files]}),
        pd.DataFrame({"event_id": events, "species": "zebra"}),
    )
    return plan.make(table, np.full(len(events), "train"), events_per_shard=25)


def seconds(files: list[Path], processes: int) -> float:
    """Wall time of `write_shards`, start of the processes included."""
    from data_prep.shards import write

    with tempfile.TemporaryDirectory() as out:
        planned = make_plan(files)
        start = time.perf_counter()
        write.write_shards(planned, files[0].parent, out, SPEC, processes)
        return time.perf_counter() - start


def peak_memory(files: list[Path], out: str) -> tuple[float, float]:
    """Largest memory of this process, MB, after a quarter of the shards and after all."""
    from data_prep.shards import tasks

    planned = make_plan(files)
    peaks = []
    for i, task in enumerate(planned.tasks(), 1):
        tasks.write_shard(task, files[0].parent, Path(out), SPEC)
        if i in (-(-len(planned) // 4), len(planned)):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return peaks[0], peaks[-1]


def record_milliseconds(files: list[Path]) -> float:
    """Time of the record of a picture: Example, checksums, SHA-256, file."""
    with tempfile.TemporaryDirectory() as out:
        frames = [pictures.store(path, SPEC).encoded for path in files[:PER_EVENT]]
        event = records.EventRecord("e", [path.name for path in files[:PER_EVENT]], frames, {})
        vocabulary = Vocabulary(("zebra",), (), ())
        start = time.process_time()
        encoded = (records.encode(event, vocabulary) for _ in range(100))
        records.write_file(Path(out) / "x", encoded)
        return 1e3 * (time.process_time() - start) / (100 * PER_EVENT)


def tell_costs(name: str, files: list[Path]) -> None:
    """Prints a line of the table: milliseconds of each method, and the ratios."""
    size = statistics.mean(path.stat().st_size for path in files) / 1e3
    found = milliseconds(files)
    found["shard"] += record_milliseconds(files)
    times = "".join(f"{found[method]:9.2f}" for method in METHODS)
    of_limit, faster = found["limit"] / found["shard"], found["released"] / found["shard"]
    print(f"{name:<8}{size:6.0f}{times}{of_limit:14.2f}{faster:12.2f}", flush=True)


def tell_processes(made: list[Path], many: int) -> None:
    """Prints what a second process brings, and the memory of one."""
    with tempfile.TemporaryDirectory(dir=made[0].parent) as folder:
        files = [Path(folder) / f"{k:05d}.jpg" for k in range(many)]
        for k, path in enumerate(files):
            os.link(made[k % len(made)], path)
        few = files[: many // 4]
        runs = {1: [], 2: []}
        for _ in range(3):
            for processes, found in runs.items():
                found.append((seconds(few, processes), seconds(files, processes)))
        (few_1, all_1), (few_2, all_2) = (map(min, zip(*runs[n], strict=True)) for n in (1, 2))
        _tell_ratio(f"{len(few)} pictures", few_1, few_2)
        _tell_ratio(f"{many} pictures", all_1, all_2)
        _tell_ratio("what the latter take longer", all_1 - few_1, all_2 - few_2)
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
            quarter, whole = pool.submit(peak_memory, files, f"{folder}/out").result()
    print(f"memory of a process: {quarter:.0f} MB after a quarter, {whole:.0f} MB after all")


def _tell_ratio(what: str, one: float, two: float) -> None:
    print(f"write_shards, {what}: {one:.2f} s, two processes {two:.2f} s, {one / two:.2f} times")


def main() -> None:
    """Reads the flags, makes the pictures, prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--made", type=Path, required=True)
    parser.add_argument("--count", type=int, default=80)
    parser.add_argument("--many", type=int, default=1600)
    parser.add_argument("--only_make", action="store_true")
    flags = parser.parse_args()
    found = [flags.pictures / path for path in pictures.find(flags.pictures)]
    sources = [path for path in found if Image.open(path).size == (2048, 1536)]
    made = {q: make_pictures(sources, flags.made / q, flags.count, q) for q in QUALITIES}
    if flags.only_make:
        return
    heads = "".join(f"{name:>9}" for name in METHODS)
    print(f"{'quality':<8}{'kB':>6}{heads}{'limit/shard':>14}{'released/..':>12}")
    for quality, files in made.items():
        tell_costs(quality, files)
    tell_processes(made["own"], flags.many)


if __name__ == "__main__":
    main()
