"""Networks in LiteRT: the answers of Keras, chosen where it is faster, and kept to by a job."""

import itertools
import json

import numpy as np
import pytest

from camtrap_tf.core import cache
from camtrap_tf.core.errors import InputError

CLASSES = tuple("abcdefgh")
QUICK = ("small",)
# Of each family the smallest: the others are made of the same operations.
FAMILIES = (
    "alexnet", "nin", "vgg11", "googlenet", "resnet18", "resnet50", "lite0", "lite2", "edge",
    "MobileNet", "MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0",
    "EfficientNetV2S", "ConvNeXtTiny", "DenseNet121", "InceptionV3", "InceptionResNetV2",
    "NASNetMobile", "ResNet50", "ResNet50V2", "VGG16", "Xception",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """A cache folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(cache, "folder", lambda: folder)
    return folder


def check(architecture: str, crop: int) -> None:
    from benchmarks.engines import network_of
    from camtrap_tf.networks import litert

    network, side = network_of(architecture, crop, CLASSES), crop + 8
    model = litert.convert(network.graph, network.model.variables, (side, side, 3))
    pixels = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), np.uint8)
    expected = network.probabilities(pixels)["species"]
    found = litert.Runner(model, 2)(pixels)["species"]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 0


@pytest.mark.parametrize("architecture", QUICK)
def test_answers_of_a_network_are_those_of_keras(architecture):
    check(architecture, 64)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", FAMILIES)
def test_answers_of_every_kind_of_network_are_those_of_keras(architecture):
    check(architecture, 96)


@pytest.fixture
def pictures(tmp_path):
    """Six pictures: red, blue and grey ones."""
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    colours = itertools.cycle([(200, 90, 90), (90, 90, 200), (100, 100, 100)])
    for number, colour in zip(range(6), colours, strict=False):
        Image.new("RGB", (60 + number, 50), colour).save(folder / f"{number}.png")
    return folder


def answered(pictures, bundle, folder, engine):
    from camtrap_tf.networks.engines import Engine
    from camtrap_tf.prediction.predict import predict
    from camtrap_tf.prediction.predictor import Options

    options = Options(engine_cpu=Engine(engine), block_size=2)
    return predict([pictures], bundle, folder, options)


def test_a_job_keeps_its_engine_and_ends_with_the_same_bytes(
    pictures, colour_bundle, tmp_path, caplog
):
    from camtrap_tf.answers.predictions import Predictions

    keras = Predictions.read(answered(pictures, colour_bundle, tmp_path / "keras", "auto"))
    assert not (tmp_path / "keras" / "engine.json").exists()  # six pictures are not worth a trial
    whole = answered(pictures, colour_bundle, tmp_path / "litert", "litert")
    litert = Predictions.read(whole)
    for head, values in keras.probabilities.items():
        np.testing.assert_allclose(litert.probabilities[head], values, atol=1e-4)
    blocks = tmp_path / "litert" / "blocks"
    before = {path.name: path.read_bytes() for path in sorted(blocks.glob("*.parquet"))}
    assert len(before) == 3
    (blocks / "000001.parquet").unlink()  # as if it had been stopped
    answered(pictures, colour_bundle, tmp_path / "litert", "auto")
    assert {path.name: path.read_bytes() for path in blocks.glob("*.parquet")} == before
    assert "another" not in caplog.text
    (blocks / "000001.parquet").unlink()
    answered(pictures, colour_bundle, tmp_path / "litert", "keras")  # goes on all the same
    assert "the engine is another than the job began with" in caplog.text
    kept = json.loads((tmp_path / "litert" / "engine.json").read_text())
    assert kept["litert"] == []


def test_a_long_job_tries_both_engines(pictures, colour_bundle, tmp_path, monkeypatch, own_cache):
    from camtrap_tf.answers.predictions import Predictions
    from camtrap_tf.networks import engines

    tried = []
    monkeypatch.setattr(engines, "WORTH", 6)
    monkeypatch.setattr(engines, "_remembered", lambda key: None)
    monkeypatch.setattr(
        engines, "_try", lambda own, calls: tried.append(own.name) or {"engine": "litert"}
    )
    keras = Predictions.read(answered(pictures, colour_bundle, tmp_path / "keras", "keras"))
    auto = Predictions.read(answered(pictures, colour_bundle, tmp_path / "auto", "auto"))
    assert tried == [member.name for member in colour_bundle.members]
    for head, values in keras.probabilities.items():
        np.testing.assert_allclose(auto.probabilities[head], values, atol=1e-4)


def test_only_engines_of_this_process_take_what_is_faster_here():
    from camtrap_tf.core.workers import local
    from camtrap_tf.core.workers.work import Here
    from camtrap_tf.networks.engines import Engine, asked_of

    def workers(work, advance):
        return iter(())

    assert asked_of(workers, Engine.AUTO) is Engine.KERAS
    assert asked_of(workers, Engine.LITERT) is Engine.LITERT
    assert asked_of(None, Engine.AUTO) is asked_of(Here(local.engine()), Engine.AUTO) is Engine.AUTO


def test_a_bundle_that_stays_loaded_takes_the_faster_engine_too(
    pictures, colour_bundle, monkeypatch, own_cache
):
    from camtrap_tf.networks import engines
    from camtrap_tf.prediction.model import Model

    loaded = Model(colour_bundle)
    keras = loaded.predict(pictures)
    monkeypatch.setattr(engines, "WORTH", 6)
    monkeypatch.setattr(engines, "_remembered", lambda key: {"engine": "litert"})
    litert = loaded.predict(pictures)
    assert [len(keys) for keys in loaded._loaded] == [0, len(colour_bundle.members)]
    for head, values in keras.probabilities.items():
        np.testing.assert_allclose(litert.probabilities[head], values, atol=1e-4)


def test_a_networks_key_tells_it_from_others(colour_bundle):
    import dataclasses

    from camtrap_tf.networks.bundle import computation_key

    first, second = colour_bundle.members
    keys = {computation_key(colour_bundle, member) for member in (first, second)}
    warmer = dataclasses.replace(first, temperatures={"empty": 2.0})
    keys.add(computation_key(colour_bundle, warmer))
    larger = dataclasses.replace(colour_bundle.picture, size=48)
    keys.add(computation_key(dataclasses.replace(colour_bundle, picture=larger), first))
    assert len(keys) == 4


@pytest.fixture
def twice():
    """A computation that doubles pixels."""
    import keras
    import tensorflow as tf

    from camtrap_tf.networks.engines import Computation

    image = keras.Input((4, 4, 3))
    model = keras.Model(image, keras.layers.Rescaling(2.0)(image))
    return Computation(
        "key", "twice", lambda pixels: {"sum": tf.reduce_sum(model(pixels), (1, 2, 3))[:, None]},
        model, (4, 4, 3),
    )  # fmt: skip


def settled(folder, load, **changes):
    from camtrap_tf.networks.engines import Engine, settle

    given = {"asked": Engine.AUTO, "keys": ["key"], "pictures": 1000, "begun": False} | changes
    return settle(folder, given["asked"], given["keys"], load, given["pictures"], given["begun"])


@pytest.mark.parametrize(("rates", "chosen"), [((10, 12), ("key",)), ((10, 10.2), ())])
def test_the_faster_engine_is_tried_once_and_remembered(
    twice, tmp_path, monkeypatch, caplog, rates, chosen, own_cache
):
    from camtrap_tf.networks import engines

    caplog.set_level("INFO", "camtrap")
    measured = itertools.cycle(rates)
    monkeypatch.setattr(engines, "_rate", lambda *_: next(measured))
    assert settled(tmp_path / "one", lambda: [twice]) == chosen
    winner = "LiteRT" if chosen else "Keras"
    said = f"twice: computed by {winner} (pictures a second: Keras 10, LiteRT {rates[1]:.0f})"
    assert caplog.text.count(said) == 1
    monkeypatch.setattr(engines, "_rate", None)  # nothing is tried again
    assert settled(tmp_path / "two", lambda: [twice]) == chosen
    assert caplog.text.count(said) == 2
    assert (tmp_path / "two" / "engine.json").exists() == bool(chosen)
    # The converted network is kept, too; a damaged file is made again.
    (kept,) = (own_cache / "engines").glob("*.tflite")
    kept.write_bytes(b"damaged")
    assert engines.load(twice)(np.ones((2, 4, 4, 3), np.uint8))["sum"].tolist() == [[96.0]] * 2
    assert kept.stat().st_size > 100


def test_few_pictures_and_jobs_of_before_are_computed_by_keras(tmp_path):
    assert settled(tmp_path, None, pictures=999) == ()
    assert settled(tmp_path, None, begun=True) == ()


def test_other_answers_are_reason_enough_for_keras(twice, tmp_path, monkeypatch, caplog):
    from camtrap_tf.networks import engines

    caplog.set_level("INFO", "camtrap")
    monkeypatch.setattr(
        engines, "traced", lambda _: lambda rows: {"sum": np.zeros((len(rows), 1), np.float32)}
    )
    assert settled(tmp_path, lambda: [twice]) == ()
    assert "twice: computed by Keras; answers of LiteRT differ by" in caplog.text


def test_what_litert_cannot_do_keras_does(twice, tmp_path, monkeypatch, caplog):
    from camtrap_tf.networks import engines, litert

    def fails(*_):
        raise RuntimeError("no such operation")

    caplog.set_level("INFO", "camtrap")
    monkeypatch.setattr(litert, "convert", fails)
    assert settled(tmp_path, lambda: [twice]) == ()
    assert "twice: computed by Keras; LiteRT cannot" in caplog.text
    with pytest.raises(InputError, match="no such operation"):
        engines.load(twice)


def test_without_litert_and_on_gpus_keras_computes(tmp_path, monkeypatch, caplog):
    from camtrap_tf.networks import engines, litert
    from camtrap_tf.networks.engines import Engine

    with monkeypatch.context() as patch:
        patch.setattr(litert, "is_here", lambda: False)
        assert settled(tmp_path, None) == () and not caplog.text
        with pytest.raises(InputError, match="pip install ai-edge-litert"):
            settled(tmp_path, None, asked=Engine.LITERT)
    settled(tmp_path, None, asked=Engine.LITERT)
    assert settled(tmp_path, None, begun=True) == ("key",)
    monkeypatch.setattr(engines, "accelerators", lambda: ["/gpu:0"])
    assert settled(tmp_path / "other", None) == ()
    assert settled(tmp_path, None, begun=True) == ()
    assert "the job began with LiteRT, which is not here" in caplog.text
    with pytest.raises(InputError, match="LiteRT computes on processors"):
        settled(tmp_path, None, asked=Engine.LITERT)
