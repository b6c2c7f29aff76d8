"""A picture on a camera's computer: where the time goes, and what our step adds.

    python benchmarks/edge.py EXPORT/tflite [--pictures=40]

For every TFLite form in the folder and for one and two threads: milliseconds per 2048x1536 JPEG
on disk, split into decode (Pillow at the scale we use), resize (and the rest of the
preprocessing), inference (the networks as they are asked, early exit included); the whole step
against decode + bare interpreter, in the same run; size of the files; resident memory of a
process that has answered one picture, and its time from start to that answer.

Needs what `camtrap-edge` needs: NumPy, Pillow, ai-edge-litert. The pictures are drawn (smooth
shapes and sensor noise, about 0.9 MB each).

Result (architecture `small`, 112-pixel crops of 128-pixel squares, two stages, stage 2 asked of
every picture; --pictures=25 --clock=cpu, because other programs had both processors):

    cpu time; load 19.3 on 2 processors; times in ms
    form      threads decode resize  infer   step  step/(decode+infer)    MB  start  cpu  RSS
    dynamic         1    8.3    0.5    1.8   10.7                1.062  0.67   1.03 0.17   56
    dynamic         2    8.2    0.6    2.2   11.0                1.051  0.67   1.03 0.17   56
    float16         1    8.3    0.5    3.3   12.2                1.052  1.27   1.85 0.19   59
    float16         2    8.2    0.5    3.5   12.4                1.059  1.27   1.85 0.19   59
    float32         1    8.3    0.6    3.3   12.2                1.060  2.49   3.03 0.17   59
    float32         2    8.3    0.5    3.5   12.5                1.058  2.49   3.03 0.17   59
    int8            1    8.2    0.6    1.4   10.4                1.064  0.68   4.10 0.17   55
    int8            2    8.3    0.5    1.8   10.5                1.036  0.68   4.10 0.17   55

`resnet18`, the same way (load 21):

    dynamic         1    8.3    0.5    7.6   16.5                1.038 22.53   1.38 0.21   99
    dynamic         2    8.3    0.5    8.0   17.2                1.039 22.53   1.38 0.21   99
    float16         1    8.4    0.5   23.6   32.6                1.017 44.75   3.70 0.35  200
    float16         2    8.3    0.6   25.1   34.0                1.020 44.75   3.70 0.35  200
    float32         1    8.2    0.5   23.9   32.8                1.018 89.44   2.14 0.34  227
    float32         2    8.2    0.6   25.1   33.7                1.014 89.44   2.14 0.34  227
    int8            1    8.3    0.5    7.5   16.4                1.035 22.65   1.32 0.21   98
    int8            2    8.2    0.5    8.6   17.1                1.032 22.65   1.32 0.21   98

`MobileNetV3Small`, untrained, 224-pixel crops of 256-pixel squares (--pictures=20, load 17):

    dynamic         1    9.5    1.3    7.4   18.5                1.081  2.21   1.27 0.19   64
    dynamic         2    9.3    1.6   13.7   25.4                1.098  2.21   1.27 0.19   64
    float16         1    9.6    1.4    7.0   18.1                1.089  3.87   0.63 0.20   71
    float16         2    9.4    1.6    8.4   19.9                1.128  3.87   0.63 0.20   71
    float32         1    9.6    1.4    7.0   18.2                1.085  7.58   1.40 0.19   74
    float32         2    9.5    1.3    8.7   19.5                1.092  7.58   1.40 0.19   74
    int8            1    9.6    1.4   10.6   21.6                1.070  2.27   0.89 0.18   61
    int8            2    9.3    1.6   13.1   23.7                1.058  2.27   0.89 0.18   61

The step takes 1.01 to 1.13 times decode + bare interpreter. `start`, seconds on the
clock, is at that load (0.63 to 4.1); `cpu` is what it takes without waiting.
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

from camtrap_tf import pictures
from export.edge.model import EdgeModel
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
    scale = pictures.decode_scale(HEIGHT, WIDTH, spec)
    image.draft("RGB", (math.ceil(WIDTH / scale), math.ceil(HEIGHT / scale)))
    image.load()
    return image


def measure(model: EdgeModel, paths: list[Path], clock) -> dict[str, float]:
    """Medians, milliseconds; parts and whole alternate on each picture, so load hits both."""
    times: dict[str, list[float]] = {name: [] for name in ("decode", "read", "networks", "step")}
    ratios = []
    for path in paths:
        start = clock()
        decode(path, model.picture)
        decoded = clock()
        square = pictures.read(path, model.picture).pixels
        read = clock()
        model.answer_square(square)
        asked = clock()
        judge([model.answer(path)], model)
        end = clock()
        parts = (decoded - start, read - decoded, asked - read, end - asked)
        for name, seconds in zip(times, parts, strict=True):
            times[name].append(1000 * seconds)
        ratios.append(parts[3] / (parts[0] + parts[2]))
    medians = {name: statistics.median(values) for name, values in times.items()}
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
        "form      threads decode resize  infer   step  step/(decode+infer)    MB  start  cpu  RSS"
    )
    with tempfile.TemporaryDirectory() as temporary:
        paths = draw(Path(temporary), values.pictures)
        for folder in sorted(path for path in values.forms.iterdir() if path.is_dir()):
            size = sum(file.stat().st_size for file in folder.glob("*.tflite")) / 1e6
            started, cpu, memory = first_answer(folder, paths[0])
            for threads in (1, 2):
                model = EdgeModel(folder, threads, values.animal_threshold)
                model.answer(paths[0])
                m = measure(model, paths, CLOCKS[values.clock])
                print(
                    f"{folder.name:<10}{threads:>7}{m['decode']:>7.1f}{m['resize']:>7.1f}"
                    f"{m['networks']:>7.1f}{m['step']:>7.1f}{m['ratio']:>21.3f}{size:>6.2f}"
                    f"{started:>7.2f}{cpu:>5.2f}{memory:>5.0f}",
                    flush=True,
                )
    print(json.dumps({"picture": f"{WIDTH}x{HEIGHT}", "square": model.picture.size}))


if __name__ == "__main__":
    main()
