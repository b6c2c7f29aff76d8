"""Single flipped bits, and what readers make of them.

    python -m tests.flips --count=2000      # a table for docs/results: every artefact

The files are the artefacts of `fixtures/before_rooms`, written again by this version.
"""

import argparse
import collections
import json
import logging
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from camtrap_tf.core.errors import InputError

REFUSED, SAME, SILENT, CRASHED = "refused", "same values", "SILENT WRONG", "crashed"
OLD = Path(__file__).parent / "fixtures" / "before_rooms"


def places(size: int, count: int | None, seed: int = 0) -> Iterable[int]:
    """Bits of a file: some drawn at random, or all."""
    bits = range(8 * size)
    return bits if count is None else random.Random(seed).sample(bits, min(count, len(bits)))


def counts(path: Path, read: Callable[[], object], count: int | None) -> collections.Counter:
    """Reads a file with one bit flipped, again and again, and says what came of it.

    Args:
        path: of the file; it is whole again afterwards.
        read: reads it; values are compared by their `repr`.
        count: of bits; None: all.
    """
    content, whole, found = path.read_bytes(), repr(read()), collections.Counter()
    try:
        for moment, bit in enumerate(places(len(content), count), 1):
            damaged = bytearray(content)
            damaged[bit // 8] ^= 1 << bit % 8
            path.write_bytes(damaged)
            os.utime(path, ns=(moment, moment))  # a clock may be too coarse to tell them apart
            try:
                found[SAME if repr(read()) == whole else SILENT] += 1
            except InputError:
                found[REFUSED] += 1
            except Exception as error:  # noqa: BLE001
                found[f"{CRASHED} ({type(error).__name__})"] += 1
    finally:
        path.write_bytes(content)
    return found


def _rows(frame) -> str:
    return frame.to_csv()


def _event_table(folder: Path):
    from camtrap_tf.events.table import EventTable

    path = folder / "events.parquet"
    EventTable.read(OLD / "events.parquet").write(path)

    def read():
        table = EventTable.read(path)
        return [_rows(part) for part in table._frames()], table.origin, table.heads

    return path, read


def _predictions(folder: Path):
    from camtrap_tf.answers.predictions import Predictions

    path = folder / "predictions.parquet"
    Predictions.read(OLD / "answers" / "predictions.parquet").write(path)

    def read():
        found = Predictions.read(path)
        values = {head: values.tolist() for head, values in found.probabilities.items()}
        return _rows(found.ids), values, found.classes, found.info

    return path, read


def _block(folder: Path):
    import pandas as pd
    import pyarrow.parquet as pq

    from camtrap_tf.prediction import job

    old = pq.read_table(OLD / "answers" / "blocks" / "000000.parquet")
    facts = old.to_pandas().reindex(columns=list(job.FACTS)).astype(job.FACTS)
    values = {
        name[2:]: old[name].combine_chunks().flatten().to_numpy().reshape(len(old), -1)
        for name in old.column_names
        if name.startswith("p_")
    }
    made = job.Job(folder, {})
    pictures = pd.DataFrame({"path": old["path"].to_pandas()})
    made.write(job.Block(0, pictures), job.Answers(facts, values))
    heads = {name: ("",) * value.shape[1] for name, value in values.items()}
    ids = pd.DataFrame({"event_id": ["e"] * len(old), "frame": range(len(old))})
    listed = pictures.assign(site="", season="")
    load = getattr(made, "answers", lambda number: pq.read_table(made.file(number)))

    def read():
        found = job._predictions(job.Block(0, listed), ids, load(0), heads, {}, ())
        told = {head: values.tolist() for head, values in found.probabilities.items()}
        return _rows(made._facts(0)), told, _rows(found.ids)

    return made.file(0), read


def _list(folder: Path):
    import pyarrow.parquet as pq

    from camtrap_tf.prediction.job import Job

    pieces = pq.read_table(OLD / "answers" / "pictures.parquet").to_pandas()
    made = Job(folder, {})
    made.list_pictures(OLD / "pictures", [pieces.drop(columns="block")], 4)
    return folder / "pictures.parquet", lambda: [_rows(b.pictures) for b in made.blocks()]


def _rewritten(name: str) -> Callable:
    """A JSON artefact, and all its values by `read_json`."""

    def make(folder: Path):
        from camtrap_tf.core.artifacts import read_json, write_json

        content = json.loads((OLD / name).read_text())
        stamp = content.pop("artifact"), content.pop("version")
        path = folder / "a.json"
        write_json(path, *stamp, content)
        # A flip in the name of the checksum makes it a field that nobody asks for.
        return path, lambda: {key: read_json(path, *stamp)[key] for key in content}

    return make


def _shard(folder: Path):
    from camtrap_tf.events import records

    path = folder / "shard.tfrecord"
    shutil.copyfile(OLD / "shards" / "val-00000-of-00001.tfrecord", path)
    return path, lambda: [*records.read_file(path)]


def _record(folder: Path):
    from camtrap_tf.events import records

    path, _ = _shard(folder)
    return path, lambda: [records.read_at(path, place) for place in records.offsets(path)]


def _journal(folder: Path):
    from camtrap_tf.reviewing import answers, journal

    path = folder / "reviews.jsonl"
    for line in journal.Journal(OLD / "reviews.jsonl").lines():
        journal.Journal(path).append(line)
    return path, lambda: answers.read(path)


def _bundled(folder: Path):
    from camtrap_tf.networks.bundle import Bundle

    shutil.copytree(OLD / "bundle", folder, dirs_exist_ok=True)
    return folder / "empty-0.keras", lambda: Bundle.read(folder).version


def _network(folder: Path):
    from camtrap_tf.networks.run import Run

    shutil.copytree(OLD / "runs" / "animal", folder, dirs_exist_ok=True)

    def read():
        model = Run.read(folder).network().model
        return model.to_json(), [weights.tobytes() for weights in model.get_weights()]

    return folder / "best.keras", read


def _features(folder: Path):
    import numpy as np

    path = folder / "features.npy"
    with path.open("wb") as file:
        np.save(file, np.random.default_rng(0).normal(size=(20, 2, 16)).astype(np.float16))
        try:
            from camtrap_tf.core import checksums
        except ImportError:  # before there were any
            return path, lambda: np.load(path, mmap_mode="r").tolist()
        checksums.seal_file(path, file)

    def read():
        checksums.check_seal(path)
        return np.load(path, mmap_mode="r").tolist()

    return path, read


MAKERS = {
    "event table": _event_table,
    "predictions": _predictions,
    "block of answers": _block,
    "list of pictures": _list,
    "manifest.json": _rewritten("shards/manifest.json"),
    "report of a shard": _rewritten("shards/val-00000-of-00001.json"),
    "bundle.json": _rewritten("bundle/bundle.json"),
    "config.json of a run": _rewritten("runs/animal/config.json"),
    "job.json": _rewritten("answers/job.json"),
    "reviews.jsonl": _journal,
    "shard, in order": _shard,
    "shard, record by record": _record,
    "features": _features,
    "network of a bundle": _bundled,
    "network of a run": _network,
}
SLOW = {"network of a run": 50}  # a read of these takes as long as so many


def main() -> None:
    """Prints a table of all artefacts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="bits of each artefact")
    options = parser.parse_args()
    logging.disable()
    print("| artefact | bytes | bits flipped | refused | same values | silent wrong | crashed |")
    print("|---|---|---|---|---|---|---|")
    for name, make in MAKERS.items():
        with tempfile.TemporaryDirectory() as folder:
            path, read = make(Path(folder))
            found = counts(path, read, max(1, options.count // SLOW.get(name, 1)))
            crashed = {told[8:]: n for told, n in found.items() if told.startswith(CRASHED)}
            cells = (path.stat().st_size, found.total(), found[REFUSED], found[SAME])
            crashes = ", ".join(f"{n}{told}" for told, n in crashed.items()) or 0
            print(f"| {name} |", *(f"{n:,} |" for n in cells), f"{found[SILENT]:,} | {crashes} |")


if __name__ == "__main__":
    main()
