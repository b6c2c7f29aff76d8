"""Self-supervised pretraining on bursts: two frames of an event are more alike than of two events.

For `few_labels.py`. A network learns without labels, from all pictures of the training
split: of every event in a batch two frames (of an event of one frame the same twice), each
changed at random as in training, are to be told from those of the other events by the cosine of
what a small head makes of the features (NT-Xent; Chen et al. 2020; bursts as positive pairs:
Pantazis et al. 2021). What is kept is the trunk, as a file that `train.init` takes.
Cost: with 60 passes over 900 pictures as much as training as long.
"""

import logging
from pathlib import Path

import numpy as np

log = logging.getLogger("camtrap")
EVENTS, WIDTH, TEMPERATURE = 32, 128, 0.2


def pretrain(config, manifest, epochs: int, file: Path) -> Path:
    """Writes a network whose trunk has learnt from bursts; does nothing where it stands.

    Args:
        config: of the network; its augmentation, seed and learning rate are used here, too.
        manifest: of the shards whose training split is seen.
        epochs: in each as many pictures are seen as there are.
        file: `.keras`, to write.

    Returns:
        `file`.
    """
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        _learn(config, manifest, epochs).save(file)
    return file


def pairs(events: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """[EVENTS, 2] int: two pictures of each of some events, different ones where there are.

    Args:
        events: [n] int, the event of every picture.
        random: generator.
    """
    chosen = random.permutation(np.unique(events))[:EVENTS]
    places = [np.flatnonzero(events == event) for event in chosen]
    two = [random.permutation(np.resize(own, max(2, len(own))))[:2] for own in places]
    return np.array(two)


def contrast(projected):
    """The NT-Xent loss of [2 n, width] float32 projections, of which row i belongs to i + n."""
    import tensorflow as tf

    unit = tf.math.l2_normalize(projected, axis=1)
    alike = unit @ tf.transpose(unit) / TEMPERATURE
    count = tf.shape(projected)[0]
    alike = tf.linalg.set_diag(alike, tf.fill([count], -1e9))  # not with itself
    partner = (tf.range(count) + count // 2) % count
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(partner, alike))


def _learn(config, manifest, epochs: int):
    import keras
    import tensorflow as tf

    from camtrap_tf.batches import pipeline
    from camtrap_tf.networks import architectures
    from camtrap_tf.networks.network import input_spec

    keras.utils.set_random_seed(config.train.seed)
    heads = manifest.vocabulary.heads(config.train.task)
    network = architectures.build(config.model, heads)
    features = network.get_layer(next(iter(heads))).input
    hidden = keras.layers.Dense(WIDTH, "relu")(features)
    trained = keras.Model(network.input, keras.layers.Dense(WIDTH)(hidden))
    ids, _, _ = pipeline.index(manifest, "train")
    events = ids["event_id"].factorize()[0]
    stored = pipeline.stored_pictures(manifest, "train", 64, config.model.context)
    squares = np.concatenate(list(stored.as_numpy_iterator()))
    steps = epochs * len(events) // (2 * EVENTS)
    rates = keras.optimizers.schedules.CosineDecay(config.train.learning_rate, steps)
    optimizer = keras.optimizers.AdamW(rates, config.train.weight_decay)
    optimizer.build(trained.trainable_variables)
    view = views(config, input_spec(config.model, manifest))

    @tf.function
    def step(pixels):
        with tf.GradientTape() as tape:
            loss = contrast(trained(pixels, training=True))
        optimizer.apply(tape.gradient(loss, trained.trainable_variables))
        return loss

    random = np.random.default_rng(config.train.seed)
    for number in range(steps):
        chosen = pairs(events, random).T.ravel()
        loss = step(view(squares[chosen], config.train.seed, number))
        if number % (steps // 10 or 1) == 0:
            log.info("pretraining: step %d of %d, loss %.3f", number, steps, float(loss))
    return network


def views(config, spec):
    """Pictures in memory, changed at random as in training.

    Returns:
        A function of (squares [n, size, size, channels] uint8, seed, step) that gives
        [n, crop, crop, channels] float32, the same for the same arguments.
    """
    import tensorflow as tf

    from camtrap_tf.pictures import augmentation, graph

    def one(inputs):
        square, seed = inputs
        drawn = augmentation.draws(config.augment, seed)
        size = tf.shape(square)[:2]
        window = augmentation.window(drawn, size, spec.crop, config.augment)
        return graph.cut(square, window[0], window[1], spec.crop), drawn

    @tf.function(reduce_retracing=True)
    def all_of(squares, seed, step):
        count = tf.shape(squares)[0]
        places = step * count + tf.range(count)
        seeds = tf.stack([tf.fill([count], seed), places], axis=1)
        signature = (
            tf.TensorSpec((spec.crop, spec.crop, spec.context.channels), tf.uint8),
            tf.TensorSpec(None),
        )
        pixels, drawn = tf.map_fn(one, (squares, seeds), fn_output_signature=signature)
        return augmentation.finish(config.augment, spec)(pixels, drawn)

    return lambda squares, seed, step: all_of(
        tf.constant(squares), tf.constant(seed), tf.constant(step)
    )
