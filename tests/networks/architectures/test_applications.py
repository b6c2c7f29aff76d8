"""Backbones of keras.applications: their counts, their pixel scalings, their weight files."""

import dataclasses

import numpy as np
import pytest

from camtrap_tf.core.config import Context, InputSpec, ModelConfig, Normalisation
from camtrap_tf.core.errors import InputError

HEADS = {"species": ("ape", "bat", "cat")}
IMAGENET = ModelConfig(crop=64, normalisation=Normalisation.IMAGENET)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)


def standardised(pixels):
    from camtrap_tf.pictures import graph

    return graph.normalise(pixels, InputSpec(64, Normalisation.IMAGENET))


def test_every_backbone_of_keras_is_there_under_its_name():
    import keras

    from camtrap_tf.networks.architectures import applications

    offered = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(applications.TRUNKS) == offered


@pytest.mark.parametrize(
    ("name", "total", "width"),
    [
        # "Total params" of Keras' model summaries with their head of 1000 classes.
        ("MobileNetV2", 3_538_984, 1280),
        ("EfficientNetV2B0", 7_200_312, 1280),
        ("ConvNeXtTiny", 28_589_128, 768),
        ("ResNet50", 25_636_712, 2048),
        ("EfficientNetB0", 5_330_571, 1280),
    ],
)
def test_parameters_as_keras_counts_them(name, total, width):
    import keras

    from camtrap_tf.networks import architectures

    with keras.StatelessScope():
        model = architectures.build(dataclasses.replace(IMAGENET, architecture=name), HEADS)
    assert model.count_params() - (width + 1) * 3 == total - (width + 1) * 1000


def test_the_edge_network_is_plain_and_remembers_tens_of_steps():
    import keras

    from camtrap_tf.networks import architectures

    model = architectures.build(ModelConfig("edge", crop=64), HEADS)
    inner = next(one for one in model.layers if isinstance(one, keras.Model))
    norms = [one for one in inner.layers if isinstance(one, keras.layers.BatchNormalization)]
    assert len(norms) == 34
    assert {one.momentum for one in norms} == {0.9}
    # Keras' summary of MobileNetV3Small(minimalistic=True) without its top.
    assert model.count_params() == 441_000 + (576 + 1) * 3
    kinds = {type(one).__name__ for one in inner.layers}
    assert not kinds & {"Multiply", "HardSigmoid", "Activation"}


@pytest.mark.parametrize(
    ("name", "module"),
    [("DenseNet121", "densenet"), ("MobileNetV2", "mobilenet_v2"), ("ResNet50", "resnet")],
)
def test_inputs_are_scaled_as_keras_prepares_pixels(name, module, pixels):
    import keras

    from camtrap_tf.networks.architectures import applications

    image = keras.Input((64, 64, 3))
    model = keras.Model(image, applications.scaled(image, applications.SCALINGS[name]))
    expected = getattr(keras.applications, module).preprocess_input(pixels.copy())
    np.testing.assert_allclose(model(standardised(pixels)), expected, atol=1e-3)


def test_weights_come_from_a_file_and_answer_as_in_keras(pixels, tmp_path):
    import keras

    from camtrap_tf.networks import architectures

    keras.utils.set_random_seed(5)
    options = {"include_top": False, "weights": None, "pooling": "avg", "input_shape": (64, 64, 3)}
    theirs = keras.applications.MobileNetV3Small(**options)  # scales pixels itself
    theirs.save_weights(tmp_path / "notop.weights.h5")
    config = dataclasses.replace(
        IMAGENET, architecture="MobileNetV3Small", weights=str(tmp_path / "notop.weights.h5")
    )
    model = architectures.build(config, HEADS)
    features = keras.Model(model.input, model.get_layer("species").input)
    np.testing.assert_allclose(features(standardised(pixels)), theirs(pixels), atol=1e-4)


def inside(model):
    """The backbone inside a network."""
    import keras

    return next(one for one in model.layers if isinstance(one, keras.Model))


def standardise_as_published(backbone) -> None:
    """EfficientNet's published files hold the deviation where the variance belongs."""
    import keras

    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt_mean.assign([0.485, 0.456, 0.406])
            layer.adapt_variance.assign([0.229, 0.224, 0.225])
            layer.finalize_state()


@pytest.mark.parametrize(
    # One of each scaling.
    "name",
    [
        "MobileNetV2",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("EfficientNetV2B0", "EfficientNetV2S", "ResNet50", "EfficientNetB0")
        ),
    ],
)
def test_with_weights_a_fourth_channel_counts_nothing_at_first(name, pixels, tmp_path):
    import keras

    from camtrap_tf.networks import architectures
    from camtrap_tf.networks.architectures import applications

    options = {"include_preprocessing": False} if "V2B" in name or "V2S" in name else {}
    theirs = getattr(keras.applications, name)(
        include_top=False, weights=None, pooling="avg", input_shape=(64, 64, 3), **options
    )
    standardise_as_published(theirs)
    theirs.save_weights(tmp_path / "notop.weights.h5")
    scaling = applications.SCALINGS[name]
    prepared = (pixels - scaling.subtract) / scaling.divide
    expected = theirs(prepared[..., ::-1] if scaling.bgr else prepared)
    assert np.ptp(expected, axis=0).max() > 1e-3 * np.abs(expected).max()

    weights = str(tmp_path / "notop.weights.h5")
    config = dataclasses.replace(
        IMAGENET, architecture=name, weights=weights, context=Context.DIFFERENCE
    )
    model = architectures.build(config, HEADS)
    features = keras.Model(model.input, model.get_layer("species").input)
    for difference in (0.0, 5.0):
        fourth = np.full((2, 64, 64, 1), difference, np.float32)
        both = np.concatenate([standardised(pixels), fourth], axis=-1)
        np.testing.assert_allclose(
            features(both), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max()
        )
    # And yet it comes to the first convolution, as it is.
    image, first = (
        keras.Input((64, 64, 4)),
        next(one for one in inside(model).layers if isinstance(one, keras.layers.Conv2D)),
    )
    stem = keras.Model(inside(model).input, first.input)
    seen = keras.Model(image, stem(applications.scaled(image, scaling)))(both)
    assert np.max(seen[..., 3]) == pytest.approx(5.0, rel=1e-5)


@pytest.mark.parametrize("context", [Context.NONE, Context.DIFFERENCE])
def test_imagenet_weights_come_through_keras_own_downloader(context, pixels, tmp_path, monkeypatch):
    import keras

    from camtrap_tf.networks import architectures

    theirs = keras.applications.MobileNetV2(
        include_top=False, weights=None, pooling="avg", input_shape=(64, 64, 3)
    )
    theirs.save_weights(tmp_path / "notop.weights.h5")
    asked = []

    def get_file(name, *_, **__):
        asked.append(name)
        return str(tmp_path / "notop.weights.h5")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    config = dataclasses.replace(
        IMAGENET, architecture="MobileNetV2", weights="imagenet", context=context
    )
    model = architectures.build(config, HEADS)
    assert asked == ["mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"]
    features = keras.Model(model.input, model.get_layer("species").input)
    fourth = np.full((2, 64, 64, context.channels - 3), 5, np.float32)
    seen = features(np.concatenate([standardised(pixels), fourth], axis=-1))
    expected = theirs((pixels - 127.5) / 127.5)
    np.testing.assert_allclose(seen, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())

    def no_network(*_, **__):
        raise Exception("URL fetch failure on https://...")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", no_network)
    with pytest.raises(InputError, match="URL fetch failure"):
        architectures.build(config, HEADS)


def test_late_fusion_starts_from_weights(pixels, tmp_path):
    import keras

    from camtrap_tf.networks import architectures

    keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(64, 64, 3)
    ).save_weights(tmp_path / "notop.weights.h5")
    config = dataclasses.replace(
        IMAGENET, architecture="MobileNetV2", weights=str(tmp_path / "notop.weights.h5")
    )
    alone = architectures.build(config, HEADS)
    late = architectures.build(dataclasses.replace(config, context=Context.LATE), HEADS)
    late.get_layer("species").set_weights(alone.get_layer("species").get_weights())
    inputs = standardised(pixels)
    # Three times the same frame: the strongest of its features are its own.
    found = late(np.concatenate([inputs] * 3, axis=-1))["species"]
    np.testing.assert_allclose(found, alone(inputs)["species"], rtol=1e-4, atol=1e-5)


def test_efficientnets_own_standardisation_gives_back_ours(pixels):
    import keras

    from camtrap_tf.networks import architectures

    model = architectures.build(dataclasses.replace(IMAGENET, architecture="EfficientNetB0"), HEADS)
    inner = inside(model)
    norm = next(one for one in inner.layers if isinstance(one, keras.layers.Normalization))
    standardise_as_published(inner)
    stem = keras.Model(inner.input, norm.output)
    seen = stem(model.get_layer("scaling")(standardised(pixels)))
    np.testing.assert_allclose(seen, standardised(pixels), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("context", [Context.NONE, Context.DIFFERENCE])
def test_a_saved_model_keeps_its_scaling(context, pixels, tmp_path):
    import keras

    from camtrap_tf.networks import architectures

    keras.applications.ResNet50(include_top=False, weights=None).save_weights(
        tmp_path / "notop.weights.h5"
    )
    config = dataclasses.replace(
        IMAGENET,
        architecture="ResNet50",
        weights=str(tmp_path / "notop.weights.h5"),
        context=context,
    )
    model = architectures.build(config, HEADS)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    inputs = np.concatenate([standardised(pixels)] * 2, axis=-1)[..., : context.channels]
    np.testing.assert_allclose(again(inputs)["species"], model(inputs)["species"], atol=1e-5)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    from camtrap_tf.networks import architectures

    def build(name, path):
        config = dataclasses.replace(IMAGENET, architecture=name, weights=str(path))
        return architectures.build(config, HEADS)

    with pytest.raises(InputError, match="is 'imagenet' or a local file; received"):
        build("MobileNetV3Small", "ImageNet")
    (tmp_path / "notop.h5").write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"weights of .* without its top"):
        build("MobileNetV3Small", tmp_path / "notop.h5")
    with pytest.raises(InputError, match=r"but nine_channels; received 'nine_channels'"):
        dataclasses.replace(IMAGENET, weights="notop.h5", context=Context.NINE_CHANNELS)
    with pytest.raises(InputError, match=r"for lite0, lite1, lite2 and backbones of keras\.app"):
        build("resnet18", tmp_path / "notop.h5")
    with pytest.raises(InputError, match=r"goes with model\.normalisation=imagenet"):
        ModelConfig("MobileNetV3Small", weights="notop.h5")
