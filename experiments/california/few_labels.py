r"""Few labels: how accuracy grows with the number of labelled pictures, alone and with the others.

    python -m experiments.california.few_labels --shards=/tmp/ca/96 --out=/tmp/ca/few

Shards as of `california.py`: one Californian station, days never seen in training.
Whole events are labelled in random order until there are so many pictures. Ways to learn:

    labels         from the labelled pictures alone
    self-training  its network answers the unlabelled events of the training days; what it is
                   surer of than 0.6 is taken for true (each picture has the event's answer, or
                   'empty' where that is likelier on the picture), and a second network learns
                   from both (Lee 2013)
    pretraining    from the labelled pictures, but the trunk has learnt before which frames of
                   all training days are of one event (`experiments.california.pretraining`)

The 115 labelled pictures of the validation days choose the epoch in all.
Cost: 60,000 pictures a seed for `labels`, 120,000 for `self-training`, as many again for
`pretraining`.
"""

import dataclasses
from pathlib import Path

import numpy as np
from absl import app, flags

from experiments.rows import write_lines

SIZES = (50, 100, 200, 400, 900)
SURE = 0.6
ROW = "modern, difference"  # recipe of `california.py`
WAYS = ("labels", "self-training", "pretraining")
PASSES = 60  # of pretraining


def labelled(ids, size: int, seed: int) -> list[str]:
    """Events in random order until they have so many pictures."""
    events = ids["event_id"].unique()
    pictures = ids["event_id"].value_counts()
    order = np.random.default_rng(seed).permutation(np.sort(events))
    so_far = np.cumsum([pictures[event] for event in order])
    return order[: 1 + int(np.searchsorted(so_far, size))].tolist()


def recipe(seed: int, size: int):
    """The row's recipe, longer and in smaller batches where there is little to learn from."""
    from experiments.california import california

    config = california.recipe(ROW, seed, 60 if size <= 200 else 30, 84)
    return dataclasses.replace(config, train=dataclasses.replace(config.train, batch_size=16))


def subset(manifest, events: list[str], answers=None):
    """The labelled events and, with answers, those that they are sure of.

    Args:
        manifest: of all training events.
        events: names of the labelled ones.
        answers: one-stage `Predictions` of pictures of the training split, or None.
    """
    from experiments import subsets

    sure = believed(answers) if answers is not None else {}

    def change(event):
        name = subsets.event_id(event)
        if name in events:
            return event
        if name not in sure:
            return None
        features, (whole, own) = event.features.feature, sure[name]
        last = len(manifest.vocabulary.species)
        for key in features:
            if key.startswith("label/"):
                features[key].int64_list.value[:] = [-1]
        features["label/empty"].int64_list.value[:] = [int(whole == last)]
        features["label/species"].int64_list.value[:] = [-1 if whole == last else whole]
        empty = [int(label == last) for label in own]
        features["frame_label/empty"].int64_list.value[:] = empty
        features["frame_label/species"].int64_list.value[:] = [-1] * len(own)
        return event

    return subsets.Subset(manifest.vocabulary, change, subsets.TESTED)


def believed(answers) -> dict[str, tuple[int, list[int]]]:
    """Event -> its class and those of its pictures, where the network is sure of the event."""
    from experiments.california import california

    joint = answers.probabilities["species"]
    events = california.by_event(answers)
    last, found = joint.shape[1] - 1, {}
    codes = answers.event_codes()
    for number, name in enumerate(events.ids["event_id"]):
        empty = events.probabilities["empty"][number, 1]
        animals = events.probabilities["species"][number] * (1 - empty)
        best = int(animals.argmax())
        if max(empty, animals[best]) < SURE:
            continue
        whole = last if empty > animals[best] else best
        own = [last if row[last] > row[whole] else whole for row in joint[codes == number]]
        found[name] = (whole, own)
    return found


def main(_) -> None:
    """Reads the flags, trains what is missing and writes the table."""
    from camtrap_tf.batches import pipeline
    from camtrap_tf.core.config_io import override
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.prediction.shards import predict_split
    from camtrap_tf.training.train import train
    from experiments import subsets
    from experiments.california import california
    from experiments.california.pretraining import pretrain

    start_tensorflow()
    given, rows = flags.FLAGS, []
    out, manifest = Path(given.out), Manifest.read(given.shards)
    out.mkdir(parents=True, exist_ok=True)
    link = out / "shards"  # of which `california.answers` takes the splits
    if not link.is_symlink():
        link.symlink_to(Path(given.shards).resolve())
    ids, _, _ = pipeline.index(manifest, "train")
    for seed in map(int, given.seeds):
        for size in map(int, given.sizes):
            events, answers = labelled(ids, size, seed), None
            for way in given.ways:
                name = f"{way}-{size}-{seed}"
                believed_too = answers if way == "self-training" else None
                data = subset(manifest, events, believed_too)
                shards = subsets.write_subset(manifest, data, out / "data" / name)
                config = recipe(seed, Manifest.read(shards).frames("train"))
                if way == "pretraining":
                    start = pretrain(config, manifest, PASSES, out / f"pretrained-{seed}.keras")
                    config = override(config, {"train.init": str(start)})
                run = train(config, shards, out / name)
                if way == "labels":
                    answers = predict_split([run.network()], manifest, "train")
                for split in given.splits:
                    flat = california.answers(run, split)
                    for figure in california.measure(way, seed, split, flat):
                        rows.append({"labels": size} | figure)
    if given.table:
        write_lines(rows, given.table)


if __name__ == "__main__":
    flags.DEFINE_string("shards", None, "folder of shards", required=True)
    flags.DEFINE_string("out", None, "folder of runs", required=True)
    flags.DEFINE_list("seeds", ["0", "1"], "seeds")
    flags.DEFINE_list("sizes", list(map(str, SIZES)), "numbers of labelled pictures")
    flags.DEFINE_multi_enum("ways", list(WAYS), list(WAYS), "how to learn")
    flags.DEFINE_list("splits", ["val", "test"], "what to score")
    flags.DEFINE_string("table", "", "table to write")
    app.run(main)
