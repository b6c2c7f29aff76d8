"""Random changes of training pictures: what they compute, and that a seed decides them."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from camtrap_tf.batches import pipeline
from camtrap_tf.core.config import AugmentConfig, Context, InputSpec, Normalisation
from camtrap_tf.core.labels import Task
from camtrap_tf.events import records
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.pictures import augmentation, graph

STILL = AugmentConfig(random_crop=False, flip=False, brightness=0.0, contrast=(1.0, 1.0))


def smooth(height: int, width: int) -> np.ndarray:
    """A picture with soft structure, as photographs have."""
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(9 * rows + 5 * k) * np.cos(11 * columns - 3 * k) for k in range(3)]
    return (127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("config", [AugmentConfig(), AugmentConfig(operations=2, magnitude=1.0)])
def test_it_is_a_function_of_its_seed_eagerly_and_in_a_pipeline(config):
    pixels = tf.constant(smooth(48, 48))

    def change(index):
        return augmentation.augment(pixels, 32, config, tf.stack([7, index]))

    eager = np.stack([change(tf.constant(i, tf.int64)) for i in range(8)])
    piped = tf.data.Dataset.range(8).map(change, num_parallel_calls=4).batch(8)
    np.testing.assert_allclose(next(iter(piped)).numpy(), eager, atol=1e-3)
    assert len({row.tobytes() for row in eager}) == 8


def test_switched_off_it_is_the_central_crop():
    pixels = smooth(48, 48)
    found = augmentation.augment(tf.constant(pixels), 32, STILL, tf.constant([1, 2])).numpy()
    np.testing.assert_array_equal(found, pixels[8:40, 8:40])


def test_contrast_scales_about_the_channel_means_and_brightness_shifts():
    config = AugmentConfig(random_crop=False, flip=False, brightness=63.0, contrast=(0.5, 0.5))
    pixels = smooth(32, 32)
    found = augmentation.augment(tf.constant(pixels), 32, config, tf.constant([1, 2])).numpy()
    means = pixels.mean(axis=(0, 1))
    shift = found.mean(axis=(0, 1)) - means
    np.testing.assert_allclose(shift, shift[0], atol=0.01)
    assert abs(shift[0]) <= 63
    np.testing.assert_allclose(found - shift - means, 0.5 * (pixels - means), atol=0.01)


def by_hand(stored: np.ndarray, crop: int, config: AugmentConfig, draw: np.ndarray) -> np.ndarray:
    """The released code's order: crop, mirror, brightness, contrast; in double precision."""
    top, left = (draw[:2] * np.float32(stored.shape[0] - crop + 1)).astype(int)
    values = stored[top : top + crop, left : left + crop].astype(float)
    values = values[:, ::-1] if draw[2] < 0.5 else values
    values = values + (2 * draw[3] - 1) * config.brightness
    means, (low, high) = values.mean(axis=(0, 1)), config.contrast
    return means + (values - means) * (low + draw[4] * (high - low))


@pytest.mark.parametrize("normalisation", Normalisation)
def test_batches_are_what_the_released_code_would_make_of_the_pictures(normalisation, tiny_shards):
    manifest, config = Manifest.read(tiny_shards), AugmentConfig()
    spec = InputSpec(32, normalisation, (100.0, 90.0, 110.0), (30.0, 40.0, 50.0))
    data = pipeline.TrainingData("train", Task.EMPTY, spec, config, 8, seed=3)
    files = [manifest.folder / shard.file for shard in manifest.shards_of("train")]
    events = [[records.decode(item) for item in records.read_file(file)] for file in files]
    batches = pipeline.finished(pipeline.training(manifest, data, epoch=2), data)
    batches = list(batches.as_numpy_iterator())
    keys = np.concatenate([keys for _, _, keys in batches])
    for index, (shard, event, frame) in enumerate(keys):
        encoded = tf.constant(events[shard][event].frames[frame])
        stored = graph.decode_stored(encoded, manifest.picture).numpy()
        seed = (3 * 100_003 + 2, index)
        draw = tf.random.stateless_uniform([5], seed).numpy()
        values = by_hand(stored, 32, config, draw)
        expected = graph.normalise(tf.constant(values, tf.float32), spec)
        found = batches[index // 8][0][index % 8]
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert len(keys) == 48


QUICK = {(Normalisation.DATASET, Context.NONE), (Normalisation.IMAGE, Context.DIFFERENCE),
         (Normalisation.IMAGENET, Context.NINE_CHANNELS)}  # fmt: skip


@pytest.mark.parametrize(
    ("normalisation", "context"),
    [
        pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.slow)
        for pair in itertools.product(
            Normalisation, (Context.NONE, Context.DIFFERENCE, Context.NINE_CHANNELS)
        )
    ],
)
def test_what_is_compiled_is_step_by_step_what_it_says(normalisation, context):
    """Also of pictures of one colour, whose deviation is that of TensorFlow's rounding guard."""
    config = AugmentConfig(operations=2, magnitude=1.0)
    spec = InputSpec(32, normalisation, (100.0, 90.0, 110.0), (30.0, 40.0, 50.0), context)
    one_of_a_kind = [smooth(32, 32), smooth(40, 40)[8:, 4:36], np.full((32, 32, 3), 77, np.uint8)]
    stack = np.concatenate(one_of_a_kind, axis=-1)
    pictures = np.stack([np.roll(stack, 3 * n, axis=-1) for n in range(3)] * 8)
    pixels = tf.constant(pictures[..., : context.channels])
    drawn = tf.stack([augmentation.draws(config, tf.constant((4, n))) for n in range(24)])
    found = augmentation.finish(config, spec)(pixels, drawn)
    vary = tf.function(lambda *one: augmentation.vary(*one, config), autograph=False)
    varied = tf.stack([vary(*one) for one in zip(pixels, drawn, strict=True)])
    changed = augmentation.jitter(varied, drawn, config)
    expected = graph.normalise(changed, spec)
    # Colours near a half may be rounded to either side. A level of grey is 0.02 or more here, but
    # in pictures of one colour, which are nothing but rounding.
    same = np.isclose(found, expected, rtol=1e-4, atol=0.01).mean()
    assert same > 0.999
    plain = AugmentConfig()
    np.testing.assert_allclose(
        augmentation.finish(plain, spec)(pixels, drawn),
        graph.normalise(augmentation.jitter(pixels, drawn, plain), spec),
        rtol=1e-4,
        atol=0.01,
    )


COMPILE = """
import tensorflow as tf
from camtrap_tf.pictures import augmentation
from camtrap_tf.core.config import AugmentConfig, InputSpec
finish = augmentation.finish(AugmentConfig(operations=2), InputSpec(16))
for seed in range(8):
    finish(tf.zeros((1, 16, 16, 3), tf.uint8), tf.random.stateless_uniform((1, 9), (1, seed)))
"""


@pytest.mark.slow
def test_it_is_compiled_once_for_all_draws():
    # XLA compiles anew for every value that an operation wants to know beforehand.
    told = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_VMODULE": "device_compiler=1"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], env=os.environ | told, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Compilation of XLA executable") == 1


def test_moments_of_channels_are_exact():
    pixels = np.stack([smooth(48, 40), np.full((48, 40, 3), 255, np.uint8)])
    means, variances = augmentation.channel_moments(tf.constant(pixels))
    np.testing.assert_allclose(means, pixels.mean(axis=(1, 2)), rtol=1e-7)
    np.testing.assert_allclose(variances, pixels.var(axis=(1, 2)), rtol=1e-6)
    assert variances[1].numpy().tolist() == [0.0] * 3


def drawn_for(name: str, strength: float) -> tf.Tensor:
    """Draws that choose one operation of RandAugment."""
    place = (list(augmentation.OPERATIONS).index(name) + 0.5) / len(augmentation.OPERATIONS)
    return tf.constant([0.0, 0.0, 1.0, 0.5, 0.5, place, (strength + 1) / 2], tf.float32)


def operated(pixels, name: str, strength: float) -> np.ndarray:
    config = AugmentConfig(operations=1, magnitude=1.0)
    return augmentation.vary(tf.constant(pixels), drawn_for(name, strength), config).numpy()


@pytest.mark.parametrize("name", augmentation.OPERATIONS)
def test_operations_of_randaugment(name):
    pixels = smooth(32, 32)
    np.testing.assert_array_equal(operated(pixels, name, 0.0), pixels)
    for strength in (-1.0, 0.9999):
        changed = operated(pixels, name, strength)
        assert changed.shape == (32, 32, 3)
        assert np.abs(changed.astype(int) - pixels).mean() > 1


@pytest.mark.parametrize("name", augmentation.OPERATIONS)
def test_frames_of_a_stack_change_as_if_they_stood_alone(name):
    frames = [smooth(32, 32), smooth(40, 40)[8:, 4:36], smooth(32, 32)[::-1]]
    alone = [operated(frame, name, 0.7) for frame in frames]
    together = operated(np.concatenate(frames, axis=-1), name, 0.7)
    np.testing.assert_array_equal(together, np.concatenate(alone, axis=-1))


def test_colours_are_what_their_formulas_say():
    pixels, means = smooth(32, 32).astype(float), smooth(32, 32).mean(axis=(0, 1))
    expected = {
        "gamma": 255 * (pixels / 255) ** np.exp(0.5),
        "tint": pixels + [20, 0, -20],
        "contrast": means + (pixels - means) * np.exp(0.5),
        "solarise": np.where(pixels < 128, pixels, 255 - pixels),
        "saturate": pixels.mean(-1, keepdims=True) * -0.5 + pixels * 1.5,
    }
    for name, values in expected.items():
        found = operated(smooth(32, 32), name, 0.5).astype(int)
        assert np.abs(found - np.clip(values, 0, 255)).max() <= 0.51, name


def test_shapes_are_those_of_tensorflows_own_warp():
    pixels = smooth(48, 48)
    for name, shape in augmentation.SHAPES.items():
        matrix = shape(tf.constant(0.8)).numpy()
        centre = np.array([23.5, 23.5])
        shift = centre - matrix @ centre
        transform = [*matrix[0], shift[0], *matrix[1], shift[1], 0, 0]
        expected = tf.raw_ops.ImageProjectiveTransformV3(
            images=pixels[None].astype(np.float32),
            transforms=np.array([transform], np.float32),
            output_shape=(48, 48),
            fill_value=0.0,
            interpolation="NEAREST",
            fill_mode="REFLECT",
        ).numpy()[0]
        found = operated(pixels, name, 0.8)
        # Places half way between two pixels may go to the other one.
        assert (found != expected).any(axis=-1).mean() < 0.01, name


def test_two_shapes_are_one_warp():
    matrix = tf.constant([[0.0, 1.0], [-1.0, 0.0]])  # reads at (y, -x): a quarter turn
    pixels = smooth(9, 9)
    np.testing.assert_array_equal(
        augmentation._warp(tf.constant(pixels), matrix), np.rot90(pixels, -1)
    )
    both = tf.concat([drawn_for("rotate", 0.5), drawn_for("zoom", 0.5)[5:]], 0)
    config = AugmentConfig(operations=2, magnitude=1.0)
    turned = augmentation.vary(tf.constant(smooth(48, 48)), both, config)
    matrix = augmentation.SHAPES["rotate"](0.5) @ augmentation.SHAPES["zoom"](0.5)
    np.testing.assert_array_equal(turned, augmentation._warp(tf.constant(smooth(48, 48)), matrix))


def test_what_stands_beside_the_colours_is_mirrored_but_has_no_contrast():
    config = AugmentConfig(random_crop=False, flip=True, brightness=63.0, contrast=(0.5, 0.5))
    pixels = np.arange(2 * 4 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 4)
    drawn = tf.constant([[0.0, 0.0, 0.1, 0.9, 0.5], [0.0, 0.0, 0.9, 0.9, 0.5]])
    found = augmentation.jitter(tf.constant(pixels), drawn, config).numpy()
    np.testing.assert_array_equal(found[0, ..., 3], pixels[0, :, ::-1, 3])
    np.testing.assert_array_equal(found[1, ..., 3], pixels[1, ..., 3])
    colours = pixels[..., :3].astype(float)
    means, shift = colours.mean(axis=(1, 2), keepdims=True), 0.8 * 63
    expected = means + 0.5 * (colours - means) + shift
    np.testing.assert_allclose(found[0, ..., :3], expected[0, :, ::-1], atol=1e-3)
    np.testing.assert_allclose(found[1, ..., :3], expected[1], atol=1e-3)


def test_every_place_of_a_crop_is_drawn():
    config = AugmentConfig(random_crop=True)
    tops = set()
    for share in np.linspace(0, 0.9999, 30):
        drawn = tf.constant([share, 0.0, 0.0, 0.0, 0.0], tf.float32)
        tops.add(int(augmentation.window(drawn, tf.constant([10, 10]), 8, config)[0]))
    assert tops == {0, 1, 2}
