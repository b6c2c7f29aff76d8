r"""Labels of events, cross-checked: which pictures of an animal's event are empty.

    python -m experiments.california.cross_check --shards=/tmp/ca/96 --out=/tmp/ca/checked

Shards as of `california.py`, whose single pictures are labelled. Here training sees the
labels of events only (`subsets.labels_of_events`). A network that learns from them remembers
what it was told, also of empty pictures; so each picture is judged by a network that has not
learnt from its event: three networks learn from two thirds of the training events each, with a
loss that allows for the noise, and answer the third. A picture of an animal's event is taken for
empty where it looks emptier than half of the pictures of empty events; the picture that looks
most like an animal never is. A fourth network learns from that (multiple-instance learning by
imputed labels; Andrews et al. 2003).
Cost: three times `california.py`'s row `labels of events`.
"""

import hashlib
from pathlib import Path

import numpy as np
from absl import app, flags

from experiments.california.california import EMPTY_OF_ANIMAL
from experiments.rows import write_lines

FOLDS = 3
JUDGES, LEARNER = "labels of events, noise 0.3", "labels of events"  # of `california.ROWS`
ROW = "labels of events, cross-checked"


def fold(event: str) -> int:
    """The third that an event belongs to, by a hash of its name."""
    return hashlib.sha256(f"fold {event}".encode()).digest()[0] % FOLDS


def without(manifest, number: int):
    """All training events but those of one third."""
    from experiments import subsets

    return subsets.Subset(
        manifest.vocabulary,
        lambda event: event if fold(subsets.event_id(event)) != number else None,
        subsets.TESTED,
    )


def relabelled(manifest, empty: dict[str, list[bool]]):
    """All training events, with pictures labelled empty.

    Args:
        manifest: of shards whose training pictures have no labels of their own.
        empty: by event, of each picture.
    """
    from experiments import subsets

    def change(event):
        for place, is_empty in enumerate(empty.get(subsets.event_id(event), ())):
            if is_empty:
                event.features.feature["frame_label/empty"].int64_list.value[place] = 1
        return event

    return subsets.Subset(manifest.vocabulary, change, subsets.TESTED)


def judged(animal: np.ndarray, events: np.ndarray, empty_event: np.ndarray) -> np.ndarray:
    """[n] bool: pictures of animals' events that are taken for empty.

    Args:
        animal: [n] float, probability of an animal.
        events: [n] str, the pictures' events.
        empty_event: [n] bool, the event is labelled empty.

    >>> animal = np.array([0.9, 0.1, 0.3, 0.2, 0.2])
    >>> judged(animal, np.array(list("aabcc")), np.array([False, False, True, False, False]))
    array([False,  True, False, False,  True])
    """
    found = ~empty_event & (animal < np.median(animal[empty_event]))
    for event in np.unique(events[found]):
        rows = np.flatnonzero(events == event)
        found[rows[animal[rows].argmax()]] = False
    return found


def main(_) -> None:
    """Reads the flags, trains what is missing and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events.manifest import Manifest
    from experiments import subsets
    from experiments.california import california

    start_tensorflow()
    given, rows = flags.FLAGS, []
    out, truth = Path(given.out), Manifest.read(given.shards)
    out.mkdir(parents=True, exist_ok=True)
    link = out / "shards"  # of which `california.answers` takes the splits
    if not link.is_symlink():
        link.symlink_to(Path(given.shards).resolve())
    manifest = Manifest.read(subsets.write(truth, "labels_of_events", out))
    for seed in map(int, given.seeds):
        empty, told = _cross_check(manifest, truth, out, seed)
        rows += [{"row": ROW, "seed": seed, "split": "train"} | figure for figure in told]
        data = subsets.write_subset(manifest, relabelled(manifest, empty), out / f"checked-{seed}")
        run = _train(LEARNER, seed, data, out / f"learner-{seed}")
        for split in given.splits:
            rows += california.measure(ROW, seed, split, california.answers(run, split))
    if given.table:
        write_lines([*california.spread(rows), *rows], given.table)


def _train(row: str, seed: int, shards: Path, folder: Path):
    from camtrap_tf.training.train import train
    from experiments.california import california

    return train(california.recipe(row, seed, flags.FLAGS.epochs, 84), shards, folder)


def _cross_check(manifest, truth, out: Path, seed: int) -> tuple[dict[str, list[bool]], list]:
    """By event which pictures are taken for empty, and how often that is true."""
    from camtrap_tf.answers import intervals
    from camtrap_tf.batches import pipeline
    from camtrap_tf.prediction.shards import predict_split
    from experiments import subsets

    ids, labels, whole = pipeline.index(truth, "train")
    events = ids["event_id"].to_numpy(str)
    folds, animal = np.array([fold(event) for event in events]), np.zeros(len(events))
    for number in range(FOLDS):
        data = subsets.write_subset(manifest, without(manifest, number), out / f"without-{number}")
        run = _train(JUDGES, seed, data, out / f"judge-{number}-{seed}")
        answers = predict_split([run.network()], manifest, "train")
        own = folds == number
        animal[own] = 1 - answers.probabilities["species"][own, -1]
    found = judged(animal, events, whole["empty"] == 1)
    hidden = (labels["empty"] == 1) & (whole["empty"] == 0)
    told = []
    for level, right in (
        (EMPTY_OF_ANIMAL, np.where(hidden, found, np.nan)),
        ("pictures taken for empty", np.where(found, hidden, np.nan)),
    ):
        low, high = intervals.ratio(right, np.unique(events, return_inverse=True)[1])
        share = {"right": np.nanmean(right), "low": low, "high": high}
        scored = {"scored": int((~np.isnan(right)).sum()), "majority": ""}
        rounded = {name: round(float(value), 4) for name, value in share.items()}
        told.append({"level": level, "question": "empty"} | rounded | scored)
    by_event = {event: found[events == event].tolist() for event in np.unique(events)}
    return by_event, told


if __name__ == "__main__":
    flags.DEFINE_string("shards", None, "folder of shards", required=True)
    flags.DEFINE_string("out", None, "folder of runs", required=True)
    flags.DEFINE_list("seeds", ["0", "1", "2"], "seeds")
    flags.DEFINE_list("splits", ["val", "test"], "what to score")
    flags.DEFINE_integer("epochs", 30, "passes over the training split")
    flags.DEFINE_string("table", "", "table to write")
    app.run(main)
