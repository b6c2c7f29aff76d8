"""A picture on a camera's computer: where the time goes, and what our step adds.

    python benchmarks/edge.py EXPORT/tflite [--pictures=40] [--frames=1]

For every TFLite form in the folder and for one and two threads: milliseconds per 2048x1536 JPEG
on disk, split into decode (Pillow at the scale we use), resize (and the rest of the
preprocessing), find (the detector and the part around its box, where networks see crops), inference
(the networks as they are asked, early exit included); the whole step against decode + find + bare
interpreter, in the same run; size of the files; resident memory of a process that has answered one
picture, and its time from start to that answer.

Needs what `camtrap-edge` needs: NumPy, Pillow, ai-edge-litert. The pictures are drawn (smooth
shapes and sensor noise, about 0.9 MB each).

The tables below are of networks that see whole pictures, and have no column `find`.

Result, on otherwise idle processors (--pictures=20; networks trained on 128-pixel squares of the
Californian station; stage 2 asked of every picture):

    wall time, ms; 2 processors
    form      threads decode resize  infer   step  step/(decode+infer)    MB  start  cpu  RSS
    `edge`, 112-pixel crops, alone
    dynamic         1    9.8    0.3    0.8   10.8                1.034  0.56   0.18 0.25   54
    dynamic         2    9.6    0.2    8.5   18.5                1.026  0.56   0.18 0.25   54
    float16         1   10.2    0.4    0.7   11.1                1.027  0.91   0.25 0.22   55
    float16         2    9.9    0.1    1.5   11.7                1.043  0.91   0.25 0.22   55
    float32         1   10.1    0.2    0.7   11.4                1.039  1.74   0.25 0.22   56
    float32         2   10.3    0.5    1.4   12.2                1.028  1.74   0.25 0.22   56
    int8            1   10.3    0.5    0.4   10.9                1.030  0.63   0.30 0.27   54
    int8            2   10.3    0.4    1.2   12.0                1.049  0.63   0.30 0.27   54
    `edge`, then `resnet18` on 96-pixel crops
    dynamic         1   10.3    0.4    3.0   13.7                1.039 11.83   0.28 0.24   78
    dynamic         2   10.3    0.4   11.8   22.8                1.044 11.83   0.28 0.24   78
    float16         1   10.2    0.4   11.8   22.5                1.013 23.29   0.37 0.32  131
    float16         2   10.4    0.4   13.9   24.8                1.015 23.29   0.37 0.32  131
    float32         1   10.3    0.4   12.5   23.0                1.012 46.47   0.35 0.30  144
    float32         2   10.2    0.5    7.1   17.9                1.037 46.47   0.35 0.30  144
    int8            1   10.2    0.5    3.0   13.6                1.036 11.98   0.22 0.30   77
    int8            2   10.2    0.3    1.9   12.5                1.035 11.98   0.22 0.30   77

The step takes 1.01 to 1.05 times decode + bare interpreter, and decoding is most of it. On a
small network a second thread costs more than it brings; ResNet-18 gains in float32 and int8.

    `small`, one stage, recipe `modern` with its difference, 84-pixel crops of 96, --frames=3
    (a picture of an event of three)
    dynamic         1   10.4    0.0    0.7   10.9                0.991  0.34   0.19 0.26   51
    dynamic         2   10.1    0.2    0.7   11.0                1.010  0.34   0.19 0.26   51
    float16         1   10.3    0.0    1.3   11.5                0.993  0.64   0.23 0.32   53
    float16         2   10.0    0.2    0.9   11.1                1.011  0.64   0.23 0.32   53
    float32         1   10.2    0.1    1.3   11.6                1.004  1.26   0.18 0.26   53
    float32         2   10.0    0.2    0.9   10.9                1.006  1.26   0.18 0.26   53
    int8            1   10.6   -0.2    0.5   10.9                1.004  0.35   0.19 0.25   51
    int8            2   10.2    0.1    0.5   10.7                1.006  0.35   0.19 0.25   51

    `edge`, one stage, with its difference, 168-pixel crops of 192, --frames=3; on another
    machine than the others, int8 with 16 of its 34 convolutions in float32
    float16         1   13.6   -0.8    4.9   17.8                0.968  1.61   0.40 0.44   57
    float16         2   13.6   -0.9    3.9   16.5                0.953  1.61   0.40 0.44   57
    float32         1   10.5    0.4    3.6   14.0                0.997  3.13   0.43 0.47   58
    float32         2   10.2    0.2    2.9   13.4                1.028  3.13   0.43 0.47   58
    int8            1   10.4    0.2    2.4   13.0                1.021  2.14   0.31 0.38   56
    int8            2   10.5    0.1    1.9   12.5                1.017  2.14   0.31 0.38   56

The former two against Keras, on 223 pictures of days not trained on (`camtrap export`):
largest difference of a probability, share with the same top class. Int8 was in int8 from its
first convolution.

    form         `edge`, empty     `resnet18`, species
    SavedModel   1.2e-07   100%    5.4e-07   100%
    float32      4.8e-07   100%    1.0e-06   100%
    float16      1.4e-03   100%    2.9e-03   100%
    dynamic      8.4e-03  99.1%    1.5e-02   100%
    int8         5.8e-02  97.3%    1.7e-02   100%

`small` with the difference: float32 6.9e-07, 100%; float16 3.4e-03, 100%; dynamic 3.6e-02, 99.6%;
int8 6.3e-02, 99.1%, accuracy 0.7 points lower [-3.1, +1.7]. `edge` with the difference, 168
pixels: float16 2.0e-03, 100%; int8 4.0e-02, 99.6%.

Both networks were trained briefly and are unsure; the six pictures that int8 answers otherwise
lie within 0.058 of one half.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from camtrap_tf.pictures import files
from export.edge.model import Answer, EdgeModel
from export.edge.policy import judge

WIDTH, HEIGHT = 2048, 1536
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def draw(folder: Path, count: int) -> list[Path]:
    """JPEGs of a camera's size."""
    rng, paths = np.random.default_rng(0), []
    for number in range(count):
        coarse = rng.integers(40, 200, (12, 16, 3), np.uint8)
        smooth = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        noise = rng.normal(0, 9, (HEIGHT, WIDTH, 1))
        pixels = np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8)
        paths.append(folder / f"{number}.jpg")
        Image.fromarray(pixels).save(paths[-1], quality=85)
    return paths


def decode(path: Path, spec) -> Image.Image:
    """The peer's decode: Pillow's own scaled decoding, nothing else."""
    image = Image.open(path)
    scale = files.decode_scale(HEIGHT, WIDTH, spec)
    image.draft("RGB", (math.ceil(WIDTH / scale), math.ceil(HEIGHT / scale)))
    image.load()
    return image


def measure(model: EdgeModel, events: list[list[Path]], clock) -> dict[str, float]:
    """Medians, milliseconds a picture; parts and whole alternate, so load hits both."""
    names = ("decode", "read", "look", "networks", "step")
    times: dict[str, list[float]] = {name: [] for name in names}
    ratios = []
    for paths in events:
        start = clock()
        for path in paths:
            decode(path, model.picture)
        decoded = clock()
        for path in paths:
            files.read(path, model.picture)
        read = clock()
        seen = [model.look(path) for path in paths]
        looked = clock()
        model.answer_together(seen)
        asked = clock()
        answers = model.answer_event(paths)
        judge([a if isinstance(a, Answer) else None for a in answers], model)
        end = clock()
        parts = (decoded - start, read - decoded, looked - read, asked - looked, end - asked)
        for name, seconds in zip(times, parts, strict=True):
            times[name].append(1000 * seconds / len(paths))
        ratios.append(parts[4] / (parts[0] + parts[2] - parts[1] + parts[3]))
    medians = {name: statistics.median(values) for name, values in times.items()}
    medians["find"] = medians.pop("look") - medians["read"]
    medians["resize"] = medians.pop("read") - medians["decode"]
    return medians | {"ratio": statistics.median(ratios)}


def first_answer(folder: Path, picture: Path) -> tuple[float, float, float]:
    """Seconds and CPU seconds from start to the first answer; then resident MB."""
    code = (
        "import time; from export.edge.cli import main; "
        f"main(['answer', {str(picture)!r}, '--model={folder}']); "
        "status = open('/proc/self/status').read(); "
        "print(int(status.split('VmHWM:')[1].split()[0]) / 1024, time.process_time())"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    seconds = time.perf_counter() - start
    memory, cpu = map(float, done.stdout.splitlines()[-1].split())
    return seconds, cpu, memory


def main() -> None:
    """Prints one row per form and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("forms", type=Path, help="folder of folders of .tflite files")
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--frames", type=int, default=1, help="pictures in an event")
    parser.add_argument(
        "--animal_threshold", type=float, default=0.0, help="0 asks stage 2 of every picture"
    )
    parser.add_argument(
        "--clock",
        choices=list(CLOCKS),
        default="wall",
        help="cpu: of all threads, on a busy machine",
    )
    values = parser.parse_args()
    print(f"{values.clock} time, ms; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(
        "form      threads decode resize   find  infer   step  step/(parts)    MB  start  cpu  RSS"
    )
    with tempfile.TemporaryDirectory() as temporary:
        paths = draw(Path(temporary), values.pictures)
        starts = range(0, len(paths), values.frames)
        events = [paths[start : start + values.frames] for start in starts]
        for folder in sorted(path for path in values.forms.iterdir() if path.is_dir()):
            size = sum(file.stat().st_size for file in folder.glob("*.tflite")) / 1e6
            started, cpu, memory = first_answer(folder, paths[0])
            for threads in (1, 2):
                model = EdgeModel(folder, threads, values.animal_threshold)
                model.answer(paths[0])
                m = measure(model, events, CLOCKS[values.clock])
                print(
                    f"{folder.name:<10}{threads:>7}{m['decode']:>7.1f}{m['resize']:>7.1f}"
                    f"{m['find']:>7.1f}{m['networks']:>7.1f}{m['step']:>7.1f}{m['ratio']:>14.3f}"
                    f"{size:>6.2f}"
                    f"{started:>7.2f}{cpu:>5.2f}{memory:>5.0f}",
                    flush=True,
                )
    print(json.dumps({"picture": f"{WIDTH}x{HEIGHT}", "square": model.picture.size}))


if __name__ == "__main__":
    main()
