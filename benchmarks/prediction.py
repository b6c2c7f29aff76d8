"""How fast full-size pictures are answered, against decoding alone and the networks alone.

    python -m benchmarks.prediction --pictures=FOLDER [--architecture=resnet18]
    python -m benchmarks.prediction --memory=50000

FOLDER holds some real pictures of 2048x1536; `count` others are made of crops of them. Both
stages are networks of one architecture with random weights; the threshold of stage 1 lets half
of the pictures pass to stage 2. Told is, in one run, pictures per second of

    decode       reading, reduced decoding and resizing alone, by as many threads as predict has
    model        both stages alone, on squares in memory, batched as predict batches them
    predict      both at once
    LiteRT       model and predict again, with LiteRT in place of Keras
    one by one   open with Pillow, resize, `model.predict` of one picture, for each stage

On a processor decoding and networks share the cores: where each has all of them when it is
alone, predict cannot reach the slower, but 1 / (1 / decode + 1 / model). So three ratios are
told: against the slower on all cores, against that bound, and against the slower when each has
one core (of two), as a GPU would have its own.

Measured on two cores of a Sapphire Rapids without AMX that were not quiet (the best of some
rounds; rates of runs differ by a half, ratios by a tenth):
    resnet18  decode 63.3, model 19.9, predict 15.4, one by one 2.7 pictures/s: 0.77 of the
              slower, 1.01 of the bound, 5.8 times one by one; 50% went on to stage 2
    resnet50  decode 74.1, model 6.7, predict 6.6, one by one 1.6: 0.99, 1.08, 4.2; 100% did
    bfloat16 takes 1.8 to 1.9 times as long as float32: VDPBF16PS does 20 G multiplications a
    second there, VFMADD231PS 42; without AMX no way of using them can be faster. The answers of
    a network trained on California differ by up to 0.002, the decision on 1 of 1,218 pictures.
    memory over 50,000 pictures: 891 MB after 2,048, 894 MB after all (+0.3%), 953 MB when
    predictions.parquet was made
"""

import argparse
import collections
import contextlib
import dataclasses
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.sharding import make_pictures
from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import sha256, write_json
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import InputSpec, ModelConfig, PictureSpec, Precision
from camtrap_tf.core.labels import Task, Vocabulary
from camtrap_tf.networks import architectures
from camtrap_tf.networks.bundle import KIND, VERSION, Bundle, Member, computation_key
from camtrap_tf.pictures import files as pictures
from camtrap_tf.prediction import predict as prediction
from camtrap_tf.prediction import predictor as predictor_of
from camtrap_tf.prediction.job import BLOCK_SIZE, Block, Job

PICTURE = PictureSpec(size=256, bar_share=100 / 1536)
INPUT = InputSpec(mean=(110.0,) * 3, std=(55.0,) * 3)


def write_bundle(
    folder: Path,
    architecture: str,
    threshold: float,
    picture: PictureSpec = PICTURE,
    crop: int = 224,
) -> Bundle:
    """Writes a bundle of two networks with random weights."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = dataclasses.replace(INPUT, crop=crop)
    vocabulary, members = Vocabulary(), []
    for seed, task in enumerate((Task.EMPTY, Task.ANIMAL)):
        keras.utils.set_random_seed(seed)
        path = folder / f"{task.value}.keras"
        model = architectures.build(ModelConfig(architecture, crop=crop), vocabulary.heads(task))
        model.save(path)
        noise = np.random.default_rng(0).normal(size=(4, crop, crop, 3)).astype(np.float32)
        spread = {head: float(np.std(one)) for head, one in model.predict(noise, verbose=0).items()}
        member = Member(
            path.name, task.value, task, spec, architecture, sha256(path), {}, {}, spread
        )
        members.append(to_json(member))
    content = {
        "vocabulary": vocabulary.to_json(), "picture": to_json(picture), "members": members,
        "animal_threshold": threshold, "model_version": f"random {architecture}",
    }  # fmt: skip
    write_json(folder / file_names.BUNDLE, KIND, VERSION, content)
    return Bundle.read(folder)


def blocks_of(files: list[Path]) -> list[Block]:
    """The files as a job has them."""
    size = BLOCK_SIZE
    names = [path.name for path in files]
    return [
        Block(number, pd.DataFrame({"path": names[start : start + size]}))
        for number, start in enumerate(range(0, len(names), size))
    ]


class Bench:
    """One architecture's rates on the same pictures."""

    def __init__(self, files: list[Path], folder: Path, architecture: str, bfloat16: bool):
        self.files, self.folder, self.architecture = files, folder, architecture
        self.bfloat16 = bfloat16
        self.bundle = write_bundle(folder, architecture, 0.5)
        self.blocks, self.root = blocks_of(files), files[0].parent
        self.where = (self.blocks, self.root)
        self.plain = predictor_of.Predictor(self.bundle)
        self.read = [
            one for _, _, read in self.plain._decoded(self.blocks, self.root) for one in read
        ]
        animal = self.answers(self.plain)["empty"][:, 0]
        self.bundle = write_bundle(folder, architecture, float(np.median(animal)))
        self.plain.bundle = self.bundle
        self.one = predictor_of.Predictor(self.bundle, predictor_of.Options(threads=1))
        self.one.calls = 1
        keys = tuple(computation_key(self.bundle, member) for member in self.bundle.members)
        self.litert = predictor_of.Predictor(self.bundle, predictor_of.Options(litert=keys))
        self.half = predictor_of.Predictor(
            self.bundle, predictor_of.Options(precision=Precision.BFLOAT16)
        )

    def answers(self, predictor: predictor_of.Predictor) -> dict[str, np.ndarray]:
        """Answers of all pictures, from squares in memory."""
        found = predictor.answer(self.blocks, self.root)
        with self.in_memory(predictor):
            parts = [answers.probabilities for _, answers in found]
        return {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}

    @contextlib.contextmanager
    def in_memory(self, predictor: predictor_of.Predictor) -> Iterator[None]:
        """Lets a predictor find its pictures decoded."""

        def decoded(blocks, root):
            start, size = 0, predictor.options.batch_size
            for block in blocks:
                for first in range(0, len(block), size):
                    rows = range(first, min(first + size, len(block)))
                    yield block, rows, self.read[start + rows.start : start + rows.stop]
                start += len(block)

        own, predictor._decoded = predictor._decoded, decoded
        try:
            yield
        finally:
            predictor._decoded = own

    def rates(self) -> dict[str, float]:
        """Pictures per second, by what is done."""
        count = len(self.files)
        found = {}

        def timed(name: str, do) -> None:
            start = time.perf_counter()
            do()
            found[name] = count / (time.perf_counter() - start)

        timed("decode", lambda: collections.deque(self.plain._decoded(*self.where), 0))
        timed("model", lambda: self.answers(self.plain))
        timed("decode, one core", lambda: collections.deque(self.one._decoded(*self.where), 0))
        timed("model, one core", lambda: self.answers(self.one))
        timed("predict", lambda: collections.deque(self.plain.answer(*self.where), 0))
        timed("model, LiteRT", lambda: self.answers(self.litert))
        timed("predict, LiteRT", lambda: collections.deque(self.litert.answer(*self.where), 0))
        if self.bfloat16:
            timed("model, bfloat16", lambda: self.answers(self.half))
        return found

    def one_by_one(self, count: int) -> float:
        """Pictures per second of the usual loop."""
        first, second = (self.plain.replicas[0].stages[stage][0].model for stage in (1, 2))
        start = time.perf_counter()
        for path in self.files[:count]:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB").resize((224, 224)), np.float32)
            values = ((pixels - INPUT.mean[0]) / INPUT.std[0])[None]
            logits = first.predict(values, verbose=0)["empty"][0]
            if 1 / (1 + np.exp(logits[1] - logits[0])) >= self.bundle.animal_threshold:
                second.predict(values, verbose=0)
        return count / (time.perf_counter() - start)

    def change(self, predictor: predictor_of.Predictor) -> str:
        """How much another way of computing changes the answers."""
        one, other = self.answers(self.plain), self.answers(predictor)
        asked = ~np.isnan(one["species"][:, 0]) & ~np.isnan(other["species"][:, 0])
        largest = np.abs(one["empty"] - other["empty"]).max()
        same = (one["species"][asked].argmax(1) == other["species"][asked].argmax(1)).mean()
        return (
            f"largest change of 'empty' {largest:.1e}; same species on {same:.1%} of {asked.sum()}"
        )


def report(bench: Bench, rounds: int, one_by_one: int) -> None:
    """Prints the best rates of some rounds, and their ratios."""
    seen = [bench.rates() for _ in range(rounds)]
    best = {name: max(rates[name] for rates in seen) for name in seen[0]}
    best["one by one"] = bench.one_by_one(one_by_one)
    animals = np.isfinite(bench.answers(bench.plain)["species"][:, 0]).mean()
    print(f"{bench.architecture}: {len(bench.files)} pictures, {animals:.0%} go on to stage 2")
    for name, rate in best.items():
        print(f"  {name:<16} {rate:7.1f} pictures/s")
    decode, model, whole = (best[name] for name in ("decode", "model", "predict"))
    print(f"  predict against the slower of decode and model  {whole / min(decode, model):.2f}")
    print(
        f"  predict against 1 / (1/decode + 1/model)        {whole * (1 / decode + 1 / model):.2f}"
    )
    print(f"  predict against one by one                      {whole / best['one by one']:.1f}")
    lite, lite_whole = best["model, LiteRT"], best["predict, LiteRT"]
    print(f"  LiteRT against Keras: model {lite / model:.2f}, predict {lite_whole / whole:.2f}")
    bound = lite_whole * (1 / decode + 1 / lite)
    print(f"  predict with LiteRT against 1 / (1/decode + 1/model) {bound:.2f}")
    print(f"  {bench.change(bench.litert)}")
    if bench.bfloat16:
        print(f"  bfloat16 against float32 (model) {best['model, bfloat16'] / model:.2f}")
        print(f"  {bench.change(bench.half)}")


def resident() -> float:
    """This process's resident memory, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory(folder: Path, count: int) -> None:
    """Prints the resident memory of `predict` as it goes, on links to a few small pictures."""
    rng, root = np.random.default_rng(0), folder / "season"
    for number in range(100):
        path = folder / f"{number}.jpg"
        path.write_bytes(pictures.encode_jpeg(rng.integers(0, 255, (90, 120, 3), np.uint8), 80))
    for number in range(count):
        camera = root / f"{number // 1000:03d}"
        camera.mkdir(parents=True, exist_ok=True)
        os.link(folder / f"{number % 100}.jpg", camera / f"{number:06d}.jpg")
    bundle = write_bundle(folder / "bundle", "small", 0.0, PictureSpec(size=32), 32)
    seen = {}
    keep = Job.write

    def write(job: Job, block: Block, answers) -> None:
        keep(job, block, answers)
        seen[(block.number + 1) * BLOCK_SIZE] = resident()

    Job.write = write
    prediction.predict([root], bundle, folder / "out")
    marks = [min(seen, key=lambda done, want=want: abs(done - want)) for want in (2000, count)]
    for done in marks:
        print(f"  after {done:,} pictures {seen[done]:.0f} MB")
    print(f"  after predictions.parquet was made {resident():.0f} MB")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(f"  largest {peak:.0f} MB; growth {seen[marks[1]] / seen[marks[0]] - 1:+.1%}")


def main() -> None:
    """Reads the flags, makes the pictures, prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--count", type=int, default=192)
    parser.add_argument("--architecture", default="resnet18")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one_by_one", type=int, default=24)
    parser.add_argument("--bfloat16", action="store_true", help="in bfloat16, too")
    parser.add_argument("--memory", type=int, default=0, help="tell memory over so many pictures")
    flags = parser.parse_args()
    predictor_of.share_processors()
    with tempfile.TemporaryDirectory() as folder:
        if flags.memory:
            memory(Path(folder), flags.memory)
            return
        found = [flags.pictures / path for path in pictures.find(flags.pictures)]
        files = [path for path in found if Image.open(path).size == (2048, 1536)]
        if len(files) < flags.count:
            (Path(folder) / "pictures").mkdir()
            files = make_pictures(files, Path(folder) / "pictures", flags.count, 95)
        bench = Bench(
            files[: flags.count], Path(folder) / "bundle", flags.architecture, flags.bfloat16
        )
        report(bench, flags.rounds, flags.one_by_one)


if __name__ == "__main__":
    main()
