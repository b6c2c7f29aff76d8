"""How fast full-size pictures are answered, against decoding alone and the networks alone.

    python -m benchmarks.prediction --pictures=FOLDER [--count=256] [--architecture=resnet18]

FOLDER holds some real pictures of 2048x1536; `count` others are made of crops of them. Both
stages are networks of one architecture with random weights; the threshold of stage 1 lets half
of the pictures pass to stage 2. Told is, in one run, pictures per second of

    decode       reading, reduced decoding and resizing alone, by as many threads as predict has
    model        both stages alone, on squares in memory, batched as predict batches them
    predict      both at once, into a results folder
    one by one   open with Pillow, resize, `model.predict` of one picture, for each stage

On a processor decoding and networks share the cores, so that predict cannot reach the slower
of the two alone: what it can reach is 1 / (1 / decode + 1 / model). Both ratios are told.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import pandas as pd

from camtrap_tf import models
from camtrap_tf import predict as prediction
from camtrap_tf.artifacts import sha256, write_json
from camtrap_tf.bundle import FILE, KIND, VERSION, Bundle, Member
from camtrap_tf.config import InputSpec, ModelConfig, PictureSpec, to_json
from camtrap_tf.labels import Task, Vocabulary
from camtrap_tf.prediction_job import Block

PICTURE = PictureSpec(size=256, bar_share=100 / 1536)
INPUT = InputSpec(mean=(110.0,) * 3, std=(55.0,) * 3)


def write_bundle(folder: Path, architecture: str, threshold: float = 0.5) -> Bundle:
    """Writes a bundle of two networks with random weights."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, members = Vocabulary(), []
    for seed, task in enumerate((Task.EMPTY, Task.ANIMAL)):
        keras.utils.set_random_seed(seed)
        path = folder / f"{task.value}.keras"
        if not path.exists():
            models.build(ModelConfig(architecture), vocabulary.heads(task)).save(path)
        member = Member(path.name, task.value, task, INPUT, architecture, sha256(path), {}, {})
        members.append(to_json(member))
    content = {
        "vocabulary": vocabulary.to_json(), "picture": to_json(PICTURE), "members": members,
        "animal_threshold": threshold, "model_version": f"random {architecture}",
    }  # fmt: skip
    write_json(folder / FILE, KIND, VERSION, content)
    return Bundle.read(folder)


class Timer:
    """Pictures per second of a block of code."""

    def __init__(self, count: int):
        self.count, self.rate = count, 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Measures."""
        start = time.perf_counter()
        yield
        self.rate = self.count / (time.perf_counter() - start)


def blocks_of(files: list[Path]) -> list[Block]:
    """The files as a job has them."""
    size = prediction.BLOCK_SIZE
    names = [path.name for path in files]
    return [
        Block(number, pd.DataFrame({"path": names[start : start + size]}))
        for number, start in enumerate(range(0, len(names), size))
    ]
