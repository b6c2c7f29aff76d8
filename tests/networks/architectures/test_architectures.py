"""The networks: parameter counts as published, gradients everywhere, any size and channels."""

import dataclasses
import functools

import numpy as np
import pytest

from camtrap_tf.core.config import Context, ModelConfig, Variant
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task, Vocabulary

HEADS = {"species": ("ape", "bat", "cat"), "count": ("1", "2")}


@functools.cache
def trunk(config: ModelConfig) -> tuple[int, int]:
    """Trained numbers of a trunk, counted without making them, and the width it ends with."""
    import keras

    from camtrap_tf.networks import architectures

    with keras.StatelessScope():
        model = architectures.build(config, HEADS)
    total = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    width = model.get_layer("species").kernel.shape[0]
    return total - (width + 1) * (3 + 2), width


def with_heads(config: ModelConfig, outputs: int) -> int:
    """Trained numbers of a network with linear heads of so many outputs altogether."""
    count, width = trunk(config)
    return count + (width + 1) * outputs


# Of ImageNet networks on 224-pixel inputs with a head of 1000 classes.
PUBLISHED = {
    # Weights and biases as torchvision counts them for the same tables: its pages "alexnet",
    # "vgg11" ... "vgg19", "resnet18" ... "resnet152" (num_params). Krizhevsky 2014 and He et al.
    # 2015 give no exact number; Simonyan and Zisserman 2015, Table 2, give VGG as 133, 133, 138
    # and 144 million.
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    # 96 maps: (11*11*3 + 1)*96 + 2*(96 + 1)*96, 256: (25*96 + 1)*256 + 2*(256 + 1)*256,
    # 384: (9*256 + 1)*384 + 2*(384 + 1)*384, 1024: (9*384 + 1)*1024 + (1024 + 1)*1024,
    # head: (1024 + 1)*1000. The Caffe model zoo's NiN, 29 MB, has as many.
    "nin": 53_568 + 746_240 + 1_180_800 + 4_589_568 + 1_025_000,
    # The numbers of the published files, without batch norm's averages.
    "lite0": 4_694_024 - 42_016,
    "lite1": 5_470_344 - 53_664,
    "lite2": 6_150_168 - 58_096,
    # The Caffe model zoo's GoogLeNet without auxiliary classifiers; by module below.
    "googlenet": 6_998_552,
}


def slow_for(names, slow):
    """Test parameters of which some are marked slow."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in names]


@pytest.mark.parametrize(
    "architecture",
    slow_for(PUBLISHED, {"vgg13", "vgg16", "vgg19", "resnet34", "resnet101", "resnet152"}),
)
def test_parameters_as_published(architecture):
    assert with_heads(ModelConfig(architecture), 1000) == PUBLISHED[architecture]


def test_resnet_trunks_without_a_head():
    # A head of 1000 classes has (512 + 1)*1000 or (2048 + 1)*1000 numbers.
    millions = {18: 11.18, 50: 23.51, 152: 58.14}
    for depth, expected in millions.items():
        assert round(trunk(ModelConfig(f"resnet{depth}"))[0] / 1e6, 2) == expected


def test_googlenet_by_module():
    import keras

    from camtrap_tf.networks import architectures

    with keras.StatelessScope():
        model = architectures.build(ModelConfig("googlenet"), HEADS)
    kernels = {layer.name: np.prod(layer.kernel.shape) for layer in model.layers if layer.weights}
    # Szegedy et al. 2015, Table 1, column "ops", in millions: weights times positions. (Column
    # "params" agrees less: it has 463K for 4c, whose 100M operations at 14x14 make 510K. 5a's
    # 54M is off too: 832*(256+160+32+128) + 9*160*320 + 25*32*128 = 1.042M, times 49 is 51M.)
    operations = {
        "inception3a": 128, "inception3b": 304, "inception4a": 73, "inception4b": 88,
        "inception4c": 100, "inception4d": 119, "inception4e": 170, "inception5a": 51,
        "inception5b": 71,
    }  # fmt: skip
    positions = {"3": 28 * 28, "4": 14 * 14, "5": 7 * 7}
    for module, expected in operations.items():
        weights = sum(size for name, size in kernels.items() if name.startswith(module))
        found = weights * positions[module[9]] / 1e6
        assert found == pytest.approx(expected, abs=0.7), module


# With the paper's heads: 48 species + 12 counts + 6 * 2 attributes = 72 outputs.
SERENGETI = {
    "alexnet": 57_003_840 + 4097 * 72,
    "nin": 6_570_176 + 1025 * 72,
    "vgg16": 134_260_544 + 4097 * 72,
    "googlenet": 5_973_552 + 1025 * 72,
    "resnet18": 11_176_512 + 513 * 72,
    "resnet34": 21_284_672 + 513 * 72,
    "resnet50": 23_508_032 + 2049 * 72,
    "resnet101": 42_500_160 + 2049 * 72,
    "resnet152": 58_143_808 + 2049 * 72,
}


@pytest.mark.parametrize(
    "architecture", slow_for(SERENGETI, {"vgg16", "resnet34", "resnet101", "resnet152"})
)
def test_the_nine_with_the_heads_of_the_paper(architecture):
    from camtrap_tf.networks import architectures

    assert set(SERENGETI) == set(architectures.PAPER)
    outputs = sum(map(len, Vocabulary().heads(Task.ANIMAL).values()))
    assert with_heads(ModelConfig(architecture), outputs) == SERENGETI[architecture]


# Differences from the standard variant, by hand. A batch norm trains 2 numbers per channel.
RELEASED = {
    # First dense layer on 7*7 and not 6*6 positions; batch norm on all layers.
    "alexnet": (7 * 7 - 6 * 6) * 256 * 4096 + 2 * (64 + 192 + 384 + 256 + 256 + 2 * 4096),
    # One more 1x1 of 1024, batch norm three times a block, heads on 7*7 positions.
    "nin": 1025 * 1024 + 2 * 3 * (96 + 256 + 384 + 1024) + (7 * 7 - 1) * 1024 * 1000,
    "vgg11": 2 * (64 + 128 + 2 * 256 + 4 * 512 + 2 * 4096),
    "vgg16": 2 * (2 * 64 + 2 * 128 + 3 * 256 + 6 * 512 + 2 * 4096),
    # Batch norm on the stem's three and on each module's six convolutions (Szegedy et al. 2015,
    # Table 1, row by row), heads on 7*7 positions.
    "googlenet": 2
    * (
        64
        + 64
        + 192
        + (64 + 96 + 128 + 16 + 32 + 32)
        + (128 + 128 + 192 + 32 + 96 + 64)
        + (192 + 96 + 208 + 16 + 48 + 64)
        + (160 + 112 + 224 + 24 + 64 + 64)
        + (128 + 128 + 256 + 24 + 64 + 64)
        + (112 + 144 + 288 + 32 + 64 + 64)
        + (256 + 160 + 320 + 32 + 128 + 128)
        + (256 + 160 + 320 + 32 + 128 + 128)
        + (384 + 192 + 384 + 48 + 128 + 128)
    )
    + (7 * 7 - 1) * 1024 * 1000,
    # Of each basic block's second convolution 1/9 remains; biases on 20 convolutions.
    "resnet18": -8 * 2 * (64**2 + 128**2 + 256**2 + 512**2)
    + (5 * 64 + 5 * 128 + 5 * 256 + 5 * 512),
    # The same for 3, 4, 6, 3 blocks; biases on the stem, 2 per block and 3 shortcuts.
    "resnet34": -8 * (3 * 64**2 + 4 * 128**2 + 6 * 256**2 + 3 * 512**2)
    + (64 + 6 * 64 + 9 * 128 + 13 * 256 + 7 * 512),
    # Biases only: stem, (n, n, 4n) per block and 4n per projection shortcut.
    "resnet50": 64 + 6 * (3 * 64 + 4 * 128 + 6 * 256 + 3 * 512) + 4 * (64 + 128 + 256 + 512),
    "resnet101": 64 + 6 * (3 * 64 + 4 * 128 + 23 * 256 + 3 * 512) + 4 * (64 + 128 + 256 + 512),
    "resnet152": 64 + 6 * (3 * 64 + 8 * 128 + 36 * 256 + 3 * 512) + 4 * (64 + 128 + 256 + 512),
}


@pytest.mark.parametrize(
    "architecture", slow_for(RELEASED, {"vgg16", "resnet34", "resnet101", "resnet152"})
)
def test_parameters_of_the_released_code(architecture):
    found = with_heads(ModelConfig(architecture, Variant.RELEASED_CODE), 1000)
    assert found - PUBLISHED[architecture] == RELEASED[architecture]


def test_stage_1_vgg_of_the_released_code_norms_its_dense_layers_only():
    found = with_heads(ModelConfig("vgg11", Variant.RELEASED_CODE_STAGE1), 1000)
    assert found - PUBLISHED["vgg11"] == 2 * 2 * 4096


@pytest.mark.parametrize(
    ("architecture", "kernel", "filters"),
    [
        ("alexnet", 11, 64), ("nin", 11, 96), ("vgg11", 3, 64), ("googlenet", 7, 64),
        ("resnet18", 7, 64), ("MobileNetV3Small", 3, 16),
    ],
)  # fmt: skip
def test_three_frames_make_nine_channels(architecture, kernel, filters):
    # Six channels more in the first kernel, and nothing else.
    config = ModelConfig(architecture, crop=96)
    nine = dataclasses.replace(config, context=Context.NINE_CHANNELS)
    more = trunk(nine)[0] - trunk(config)[0]
    assert more == kernel * kernel * 6 * filters


@pytest.mark.parametrize(
    "architecture",
    slow_for(("small", "resnet18", "nin", "MobileNetV3Small"), {"resnet18", "MobileNetV3Small"}),
)
def test_late_fusion_takes_the_strongest_of_three_frames(architecture):
    import keras
    import numpy as np

    from camtrap_tf.networks import architectures

    alone = architectures.build(ModelConfig(architecture, crop=64), HEADS)
    config = ModelConfig(architecture, crop=64, context=Context.LATE)
    late = architectures.build(config, HEADS)
    assert [v.shape for v in late.variables] == [v.shape for v in alone.variables]
    late.set_weights(alone.get_weights())
    frames = np.random.default_rng(0).normal(size=(2, 3, 64, 64, 3)).astype(np.float32)
    stack = np.concatenate(list(frames.swapaxes(0, 1)), axis=-1)
    head = alone.get_layer("species")
    features = keras.Model(alone.input, head.input)
    expected = head(np.max([features.predict(frames[:, k], verbose=0) for k in range(3)], axis=0))
    found = late.predict(stack, verbose=0)["species"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "architecture",
    slow_for(
        ("alexnet", "nin", "vgg16", "googlenet", "resnet18", "resnet34", "resnet50", "resnet101",
         "resnet152"),
        {"vgg16", "resnet34", "resnet50", "resnet101", "resnet152"},
    ),
)  # fmt: skip
def test_gradients_reach_every_variable(architecture):
    import keras
    import tensorflow as tf

    from camtrap_tf.networks import architectures
    from camtrap_tf.training import losses

    keras.utils.set_random_seed(0)
    model = architectures.build(
        ModelConfig(architecture, crop=64, context=Context.NINE_CHANNELS), HEADS
    )
    pixels = tf.random.stateless_normal((4, 64, 64, 9), seed=(1, 2))
    labels = {"species": tf.constant([0, 1, 2, 0]), "count": tf.constant([0, 1, 1, 0])}
    with tf.GradientTape() as tape:
        sums = losses.head_sums(model(pixels, training=True), labels)
        loss = losses.mean_loss(sums, {head: sums[head]["count"] for head in sums})
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    assert np.isfinite(float(loss))
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None and np.isfinite(gradient).all(), variable.path
        assert np.any(gradient), variable.path


def test_dropout_follows_keras_seed_and_is_part_of_the_models_state():
    import keras

    from camtrap_tf.networks import architectures

    def features(seed, **options):
        keras.utils.set_random_seed(seed)
        model = architectures.build(ModelConfig("nin", crop=32, **options), HEADS)
        states = [v for v in model.variables if v.path.endswith("seed_generator_state")]
        pixels = np.ones((1, 32, 32, 3), np.float32)
        return model(pixels, training=True)["species"].numpy(), len(states)

    first, states = features(seed=3)
    assert states == 1
    np.testing.assert_array_equal(features(seed=3)[0], first)
    assert not np.array_equal(features(seed=4)[0], first)
    assert features(seed=3, dropout=0.0)[1] == 0


def test_dropout_before_the_heads_where_an_architecture_has_none():
    import keras

    from camtrap_tf.networks import architectures

    for architecture, rates in (("small", [0.3]), ("alexnet", [0.3, 0.3]), ("resnet18", [0.3])):
        with keras.StatelessScope():
            model = architectures.build(ModelConfig(architecture, crop=64, dropout=0.3), HEADS)
        found = [one.rate for one in model.layers if isinstance(one, keras.layers.Dropout)]
        assert found == rates


def test_initial_weights_of_the_released_code():
    import keras

    from camtrap_tf.networks import architectures

    keras.utils.set_random_seed(0)
    config = ModelConfig("nin", Variant.RELEASED_CODE, crop=32)
    layer = architectures.build(config, HEADS).get_layer("block3_conv1")
    # Uniform within 1/sqrt(384), so the deviation is that over sqrt(3).
    assert np.abs(layer.kernel.numpy()).max() == pytest.approx(384**-0.5, rel=1e-3)
    assert layer.kernel.numpy().std() == pytest.approx((384 * 3) ** -0.5, rel=0.01)
    assert np.any(layer.bias.numpy())
    network = architectures.build(ModelConfig("resnet18", Variant.RELEASED_CODE, crop=32), HEADS)
    # Keras' TruncatedNormal cuts at two deviations, which leaves 0.88 of the deviation.
    kernel = network.get_layer("stage3_block2_a").kernel.numpy()
    assert kernel.std() == pytest.approx(0.0880, rel=0.01)
    assert network.get_layer("species").kernel.numpy().std() == pytest.approx(0.0088, rel=0.05)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (ModelConfig("resnet51"), "Did you mean 'resnet50'"),
        (ModelConfig("yolo"), "architectures are alexnet, .* ConvNeXtTiny, .*'yolo'"),
        (ModelConfig("small", Variant.RELEASED_CODE), "variants of small are standard"),
        (ModelConfig("nin", Variant.RELEASED_CODE_STAGE1), "are standard, released_code;"),
        (ModelConfig("alexnet", crop=32), "model.crop is large enough for alexnet; received 32"),
        (ModelConfig("InceptionV3", crop=32), "model.crop is large enough for InceptionV3"),
    ],
)
def test_what_cannot_be_built_says_why(config, says):
    from camtrap_tf.networks import architectures

    with pytest.raises(InputError, match=says):
        architectures.build(config, HEADS)
