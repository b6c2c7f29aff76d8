"""PyTorch's tensors in Keras' layers: the order of axes, and every tensor accounted for."""

import numpy as np
import pytest

from camtrap_tf.core.errors import InputError

RNG = np.random.default_rng(0)
# 3 -> 4 channels of 2x2, each of them by itself with 3x3, and a norm.
TENSORS = {
    "a.weight": RNG.normal(size=(4, 3, 2, 2)).astype(np.float32),
    "a.bias": np.float32([1, 2, 3, 4]),
    "b.weight": RNG.normal(size=(4, 1, 3, 3)).astype(np.float32),
    "c.weight": np.float32([1, 1, 1, 2]),
    "c.bias": np.float32([0, 0, 1, 0]),
    "c.running_mean": np.float32([0, 5, 0, 0]),
    "c.running_var": np.float32([1, 4, 1, 1]),
    "c.num_batches_tracked": np.array(7),
}


def model(channels=3):
    import keras
    from keras import layers

    image = keras.Input((4, 4, channels))
    x = layers.Conv2D(4, 2, name="keras_a")(image)
    x = layers.DepthwiseConv2D(3, use_bias=False, name="keras_b")(x)
    return keras.Model(image, layers.BatchNormalization(epsilon=0, name="keras_c")(x))


def assign(target, tensors=TENSORS, **options):
    from camtrap_tf.networks.pretrained import assignment

    assignment.assign(target, tensors, lambda name: name.removeprefix("keras_"), **options)


def by_hand(picture: np.ndarray) -> np.ndarray:
    """[4] float: the sums written out in PyTorch's order of axes, channels first."""
    rows = picture.transpose(2, 0, 1).astype(float)
    a = np.zeros((4, 3, 3))
    for out, y, x in np.ndindex(4, 3, 3):
        window = rows[:, y : y + 2, x : x + 2]
        a[out, y, x] = (TENSORS["a.weight"][out] * window).sum() + TENSORS["a.bias"][out]
    b = (TENSORS["b.weight"][:, 0] * a).sum((1, 2))
    mean, variance = TENSORS["c.running_mean"], TENSORS["c.running_var"]
    return (b - mean) / np.sqrt(variance) * TENSORS["c.weight"] + TENSORS["c.bias"]


def test_layers_compute_what_the_tensors_say():
    target = model()
    assign(target)
    picture = RNG.normal(size=(4, 4, 3)).astype(np.float32)
    found = target(picture[np.newaxis]).numpy().ravel()
    np.testing.assert_allclose(found, by_hand(picture), rtol=1e-5)


def test_a_further_channel_of_the_named_layer_counts_nothing():
    target = model(channels=4)
    with pytest.raises(InputError, match=r"'a.weight' has shape \(2, 2, 4, 4\)"):
        assign(target)
    assign(target, widened="keras_a")
    picture = RNG.normal(size=(4, 4, 4)).astype(np.float32)
    found = target(picture[np.newaxis]).numpy().ravel()
    np.testing.assert_allclose(found, by_hand(picture[..., :3]), rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"b.weight": None}, "there is a tensor 'b.weight'"),
        ({"d.weight": np.zeros(2)}, "every tensor belongs to .* received \\['d.weight'\\]"),
        ({"c.bias": np.zeros(5)}, "'c.bias' has shape \\(4,\\)"),
        ({"b.weight": np.zeros((3, 4, 1, 3))}, "'b.weight' has shape"),
    ],
)
def test_other_tensors_are_refused(change, says):
    tensors = {name: value for name, value in (TENSORS | change).items() if value is not None}
    with pytest.raises(InputError, match=says):
        assign(model(), tensors)
