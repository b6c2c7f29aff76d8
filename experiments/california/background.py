r"""Difference to the site's background: what a camera's earlier events tell about a picture.

    python -m experiments.california.background --shards=/tmp/ca/96 --table=/tmp/ca/background.csv

Shards as of `california.py`. A small network sees beside each picture, as a fourth
channel, one of

    nothing  zeros
    event    the difference to the event's median frame, as `model.context=difference`
    site     the difference to the median of one frame each (the middle one) of the last EVENTS
             earlier events of the camera whose time of day is within HOURS; zeros where there
             are fewer than FEWEST
    larger   at each pixel the larger of the two

An animal that rests differs from nothing in its own event, but from other days; light and leaves
differ from other days, but not within seconds. Everything is in memory, and the last epoch
counts. Otherwise the recipe of `california.py`'s `modern`, without averaged weights.
Cost: 28,000 pictures a row and seed.
"""

import logging

import numpy as np
from absl import app, flags

from experiments.rows import write_lines

EVENTS, HOURS, FEWEST = 8, 1.5, 3
BESIDE = ("nothing", "event", "site", "larger")
log = logging.getLogger("camtrap")


def earlier(times: np.ndarray, sites: np.ndarray) -> list[np.ndarray]:
    """Which earlier events each event is compared with: their numbers, the latest first.

    Args:
        times: [events] datetime64, of their first picture.
        sites: [events] str.

    >>> days = ["2020-01-01T12:00", "2020-01-02T13:00", "2020-01-02T15:00", "2020-01-03T12:30"]
    >>> earlier(np.array(days, "datetime64[s]"), np.array(list("aaaa")))[3].tolist()
    [1, 0]
    """
    day = (times - times.astype("datetime64[D]")) / np.timedelta64(1, "h")
    found = []
    for number, time in enumerate(times):
        apart = np.abs(day - day[number])
        same_hour = np.minimum(apart, 24 - apart) <= HOURS
        rows = np.flatnonzero((times < time) & (sites == sites[number]) & same_hour)
        found.append(rows[np.argsort(-times[rows].astype("int64"))][:EVENTS])
    return found


def apart(frames: np.ndarray, background: np.ndarray) -> np.ndarray:
    """[n, side, side] uint8: mean over the colours of the difference to [side, side, 3]."""
    difference = np.abs(frames.astype(int) - background)
    return ((difference.sum(-1) + 1) // 3).astype(np.uint8)


def beside(squares: np.ndarray, ids, what: str) -> np.ndarray:
    """Pictures with the fourth channel asked for: [n, side, side, 4] uint8.

    Args:
        squares: [n, side, side, 3] uint8, frames of an event in order.
        ids: `pipeline.index`'s, of the same rows.
        what: of `BESIDE`.
    """
    from camtrap_tf.pictures.context import median

    codes = ids["event_id"].factorize()[0]
    rows = [np.flatnonzero(codes == event) for event in range(codes.max() + 1)]
    first = [own[0] for own in rows]
    times = ids["datetime"].to_numpy("datetime64[s]")[first]
    others = earlier(times, ids["site"].to_numpy(str)[first])
    middle = np.array([own[len(own) // 2] for own in rows])
    channel = np.zeros(squares.shape[:3], np.uint8)
    for own, before in zip(rows, others, strict=True):
        parts = [channel[own]]
        if what in ("event", "larger"):
            parts.append(apart(squares[own], median(squares[own])))
        if what in ("site", "larger") and len(before) >= FEWEST:
            parts.append(apart(squares[own], median(squares[middle[before]])))
        channel[own] = np.max(parts, axis=0)
    return np.concatenate([squares, channel[..., None]], axis=-1)


def learn(config, spec, squares: np.ndarray, labels: np.ndarray, heads: dict):
    """A network that has learnt from pictures in memory.

    Args:
        config: recipe.
        spec: the network's input.
        squares: [n, side, side, 4] uint8.
        labels: [n] int.
        heads: of the network, one.

    Returns:
        A Keras model.
    """
    import keras
    import tensorflow as tf

    from camtrap_tf.networks import architectures
    from camtrap_tf.training import schedules
    from experiments.california.pretraining import views

    train, (name, classes) = config.train, next(iter(heads.items()))
    keras.utils.set_random_seed(train.seed)
    model = architectures.build(config.model, heads)
    optimizer = keras.optimizers.AdamW(0.0, weight_decay=train.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    optimizer.build(model.trainable_variables)
    view, steps = views(config, spec), len(squares) // train.batch_size

    @tf.function
    def step(pixels, wanted):
        with tf.GradientTape() as tape:
            logits = model(pixels, training=True)[name]
            loss = keras.losses.categorical_crossentropy(
                tf.one_hot(wanted, len(classes)), logits, True, train.label_smoothing
            )
            loss = tf.reduce_mean(loss)
        optimizer.apply(tape.gradient(loss, model.trainable_variables))
        return loss

    for epoch in range(1, train.epochs + 1):
        order = np.random.default_rng([train.seed, epoch]).permutation(len(squares))
        losses = []
        for number, rate in enumerate(schedules.learning_rates(train, epoch, steps)):
            optimizer.learning_rate.assign(rate)
            chosen = order[number * train.batch_size :][: train.batch_size]
            pixels = view(squares[chosen], train.seed * 1000 + epoch, number)
            losses.append(float(step(pixels, tf.constant(labels[chosen]))))
        log.info("epoch %d of %d: loss %.3f", epoch, train.epochs, np.mean(losses))
    return model


def main(_) -> None:
    """Reads the flags, trains and writes the table."""
    from camtrap_tf.core.config_io import override
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.networks.network import Network, input_spec
    from experiments.california import california

    start_tensorflow()
    given, rows = flags.FLAGS, []
    manifest = Manifest.read(given.shards)
    squares, ids, splits, labels = _all_splits(manifest)
    for what in given.rows:
        seen = beside(squares, ids, what)
        for seed in map(int, given.seeds):
            config = california.recipe("modern, difference", seed, given.epochs, 84)
            config = override(config, {"train.ema": "0"})
            heads = manifest.vocabulary.heads(config.train.task)
            spec = input_spec(config.model, manifest)
            learnt = (splits == "train") & (labels["picture"] >= 0)
            model = learn(config, spec, seen[learnt], labels["picture"][learnt], heads)
            network = Network(model, spec, config.train.task, heads)
            for split in given.splits:
                own = splits == split
                flat = _answers(
                    network, seen[own], ids[own], {k: v[own] for k, v in labels.items()}
                )
                rows += california.measure(what, seed, split, flat)
    write_lines([*california.spread(rows), *rows], given.table)


def _all_splits(manifest):
    """Pictures of all splits: squares, ids, split, and one-stage labels of picture and event."""
    import pandas as pd

    from camtrap_tf.batches import pipeline

    parts = {split: pipeline.index(manifest, split) for split in manifest.splits()}
    squares = [
        batch
        for split in parts
        for batch in pipeline.stored_pictures(manifest, split, 64).as_numpy_iterator()
    ]
    last = len(manifest.vocabulary.species)

    def joined(place: int) -> np.ndarray:
        return np.concatenate(
            [
                np.where(part[place]["empty"] == 1, last, part[place]["species"])
                for part in parts.values()
            ]
        )

    ids = pd.concat([ids for ids, _, _ in parts.values()], ignore_index=True)
    splits = np.repeat(list(parts), [len(ids) for ids, _, _ in parts.values()])
    return np.concatenate(squares), ids, splits, {"picture": joined(1), "event": joined(2)}


def _answers(network, squares: np.ndarray, ids, labels: dict):
    """One-stage `Predictions` of a network."""
    from camtrap_tf.answers.predictions import Predictions

    parts = [
        network.probabilities(squares[start:][:64])["species"]
        for start in range(0, len(squares), 64)
    ]
    return Predictions(
        ids.reset_index(drop=True),
        dict(network.heads),
        {"species": np.concatenate(parts)},
        {"species": labels["picture"]},
        {"species": labels["event"]},
    )


if __name__ == "__main__":
    flags.DEFINE_string("shards", None, "folder of shards", required=True)
    flags.DEFINE_string("table", None, "table to write", required=True)
    flags.DEFINE_list("seeds", ["0", "1", "2"], "seeds")
    flags.DEFINE_multi_enum("rows", list(BESIDE), list(BESIDE), "what stands beside a picture")
    flags.DEFINE_list("splits", ["val", "test"], "what to score")
    flags.DEFINE_integer("epochs", 30, "passes over the training split")
    app.run(main)
