"""EfficientNet-Lite with its published weights, against an independent float64 computation."""

import dataclasses

import numpy as np
import pytest

from camtrap_tf.core.config import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Context,
    InputSpec,
    ModelConfig,
    Normalisation,
)
from camtrap_tf.core.errors import InputError

HEADS = {"species": ("ape", "bat", "cat")}
# Network, side -> first five features, their sum, the largest, and the largest logits.
GOLDEN = {
    ("lite0", 224): (
        (0.13556, 0, 0, 0, 0), 182.29, (576, 5.5750),
        {905: 10.747, 807: 6.3803, 753: 5.7839, 545: 5.6117, 904: 4.6863},
    ),
    ("lite1", 224): (
        (0, 0, 0, 0, 0), 165.61, (1198, 5.4372),
        {905: 9.3136, 753: 7.2521, 807: 5.4838, 581: 5.4333, 858: 4.8145},
    ),
    ("lite2", 224): (
        (0, 0, 0.022383, 0, 0), 194.69, (1191, 4.8271),
        {905: 10.488, 753: 8.3051, 904: 7.2469, 807: 5.7900, 789: 5.0102},
    ),
    ("lite1", 240): (
        (0, 0, 0, 0, 0), 162.73, (1198, 5.1089), {905: 9.0224, 753: 6.7598, 581: 5.5437},
    ),
    ("lite2", 260): (
        (0, 0.58794, 0.083537, 0.012462, 0), 173.58, (1191, 3.3529),
        {905: 7.8664, 753: 5.9133, 904: 5.3744},
    ),
}  # fmt: skip


def pattern(height: int, width: int) -> np.ndarray:
    """[height, width, 3] uint8: (7 column + 13 row + 29 channel) mod 256."""
    row, column, channel = np.ogrid[:height, :width, :3]
    return ((7 * column + 13 * row + 29 * channel) % 256).astype(np.uint8)


@pytest.mark.parametrize(("name", "side"), GOLDEN)
def test_features_and_logits_of_published_weights(name, side, need_weights):
    need_weights(name)
    from camtrap_tf.networks.pretrained import weights
    from camtrap_tf.networks.pretrained.backbones import load_backbone

    first, total, (largest, value), logits = GOLDEN[name, side]
    [features] = load_backbone(name, side)(pattern(side, side)[np.newaxis]).numpy()
    np.testing.assert_allclose(features[:5], first, rtol=1e-4, atol=1e-5)
    assert features.sum(dtype=float) == pytest.approx(total, rel=1e-4)
    assert (features.argmax(), features.max()) == (largest, pytest.approx(value, abs=1e-4))
    head = weights.load(name)
    answers = head["_fc.weight"] @ features + head["_fc.bias"]
    assert answers.argsort()[::-1][: len(logits)].tolist() == list(logits)
    np.testing.assert_allclose(answers[list(logits)], list(logits.values()), rtol=1e-4, atol=1e-4)


IMAGENET = ModelConfig("lite0", crop=64, normalisation=Normalisation.IMAGENET, weights="imagenet")


def features_of(model):
    import keras

    return keras.Model(model.input, model.get_layer("features").output)


@pytest.fixture(scope="module")
def expected(need_weights) -> np.ndarray:
    """[1, 1280]: features of the pattern at 64 pixels."""
    need_weights("lite0")
    from camtrap_tf.networks.pretrained.backbones import load_backbone

    return load_backbone("lite0", 64)(pattern(64, 64)[np.newaxis]).numpy()


@pytest.mark.parametrize("context", [Context.NONE, Context.DIFFERENCE, Context.ZOOM])
def test_a_network_starts_from_published_weights_and_a_fourth_channel_counts_nothing(
    context, expected
):
    from camtrap_tf.networks import architectures
    from camtrap_tf.pictures import graph

    config = dataclasses.replace(IMAGENET, context=context)
    fourth = np.full((1, 64, 64, context.channels - 3), 200, np.uint8)
    stored = np.concatenate([pattern(64, 64)[np.newaxis], fourth], axis=-1)
    spec = InputSpec(64, Normalisation.IMAGENET, context=context)
    model = architectures.build(config, HEADS)
    seen = features_of(model)(graph.network_input(stored, spec))
    np.testing.assert_allclose(seen, expected, rtol=1e-3, atol=1e-4)
    [kernel] = model.get_layer("conv_stem").get_weights()
    assert kernel.shape == (3, 3, context.channels, 32)
    assert not kernel[:, :, 3:].any() and np.abs(kernel[:, :, :3]).max() > 0.1
    assert model.get_layer("bn0").momentum == 0.99


def test_three_frames_go_through_the_same_published_network(expected):
    from camtrap_tf.networks import architectures

    model = architectures.build(dataclasses.replace(IMAGENET, context=Context.LATE), HEADS)
    mean, std = (np.array(v, np.float32) for v in (IMAGENET_MEAN, IMAGENET_STD))
    frame = (pattern(64, 64) - mean) / std
    stack = np.concatenate([frame] * 3, axis=-1)[np.newaxis]
    np.testing.assert_allclose(
        features_of(model)(stack), np.repeat(expected, 3, 0), rtol=1e-3, atol=1e-4
    )


def test_absent_weights_are_an_error_or_a_warning(tmp_path, monkeypatch, caplog):
    from camtrap_tf.networks import architectures
    from camtrap_tf.networks.architectures import lite
    from camtrap_tf.networks.pretrained import weights

    monkeypatch.setenv(weights.FOLDER, str(tmp_path))
    lite._are_here.cache_clear()
    with pytest.raises(InputError, match="Run `camtrap weights get lite1`"):
        architectures.build(dataclasses.replace(IMAGENET, architecture="lite1"), HEADS)
    if_here = dataclasses.replace(IMAGENET, architecture="lite1", weights="imagenet_if_here")
    for _ in range(2):
        model = architectures.build(if_here, HEADS)
    assert caplog.text.count("lite1 starts from random weights") == 1
    assert model.get_layer("bn0").momentum == 0.9
    assert {layer.name for layer in model.layers} >= {"scaling", "block20_bn2"}
    with pytest.raises(InputError, match=r"model\.weights of lite1 is 'imagenet', 'imagenet_if_"):
        architectures.build(dataclasses.replace(if_here, weights="lite1.pth"), HEADS)


def test_a_network_is_saved_and_read_again(expected, tmp_path):
    import keras

    from camtrap_tf.networks import architectures

    model = architectures.build(IMAGENET, HEADS)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    inputs = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(again(inputs)["species"], model(inputs)["species"], atol=1e-5)
