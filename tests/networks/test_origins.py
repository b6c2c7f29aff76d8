"""Where published weights come from goes with a run, its bundle, and what is made of them."""

import hashlib

import pytest

from camtrap_tf.core.config import ModelConfig, Normalisation
from camtrap_tf.core.config_io import override
from camtrap_tf.networks.pretrained import origins, weights
from tests.recipes import SMALL


def of(architecture: str, source: str):
    return origins.origin_of(
        ModelConfig(architecture, weights=source, normalisation=Normalisation.IMAGENET)
    )


def test_what_a_network_starts_from(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER, str(tmp_path / "none"))
    assert origins.origin_of(ModelConfig("lite0")) is None
    assert of("lite0", "imagenet_if_here") is None
    assert of("lite0", "imagenet").licence == "Apache-2.0"
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "lite0.pth").write_bytes(b"")
    assert of("lite0", "imagenet_if_here") == weights.KNOWN["lite0"].origin
    (tmp_path / "notop.h5").write_bytes(b"weights")
    file = of("MobileNetV2", str(tmp_path / "notop.h5"))
    assert (file.name, file.licence) == ("notop.h5", "unknown")
    assert file.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert of("MobileNetV2", "imagenet").package == "keras.applications"
    assert "SHA-256" not in of("MobileNetV2", "imagenet").sentence()


def test_each_is_told_once():
    one, other = weights.KNOWN["lite0"].origin, weights.KNOWN["lite1"].origin
    assert origins.distinct([one, None, other, one]) == (one, other)
    assert len(origins.sentences([one, one])) == 1


@pytest.fixture(scope="module")
def run(tiny_shards, tmp_path_factory, need_weights):
    need_weights("lite0")
    from camtrap_tf.training.train import train

    changes = {
        "model.architecture": "lite0",
        "model.crop": "32",
        "model.normalisation": "imagenet",
        "model.weights": "imagenet",
        "train.task": "one_stage",
        "train.batch_size": "8",
        "train.epochs": "1",
        "train.freeze_epochs": "1",
    }
    return train(override(SMALL, changes), tiny_shards, tmp_path_factory.mktemp("runs") / "one")


@pytest.mark.slow
def test_a_run_its_bundle_and_its_answers_say_where_weights_come_from(run, tiny_shards, tmp_path):
    from camtrap_tf.networks.bundle import Bundle, make_bundle
    from camtrap_tf.outputs import megadetector
    from camtrap_tf.prediction.shards import predict_shards
    from export.description import describe

    origin = weights.KNOWN["lite0"].origin
    assert run.origins == (origin,)
    make_bundle([run.folder], tmp_path / "bundle")
    bundle = Bundle.read(tmp_path / "bundle")
    assert bundle.origins == bundle.members[0].origins == (origin,)
    assert describe(bundle, 0.9)["origins"] == [origin.sentence()]
    answers = predict_shards(bundle, tiny_shards, "val")
    results = megadetector.content(answers)
    assert results["info"]["detector_metadata"]["origins"] == [origin.sentence()]


@pytest.mark.slow
def test_a_network_that_starts_from_a_run_inherits_its_origins(run, tmp_path):
    from camtrap_tf.core.labels import Task
    from camtrap_tf.networks import transfer
    from camtrap_tf.networks.bundle import make_bundle

    make_bundle([run.folder], tmp_path / "bundle")
    for source in (run.folder, tmp_path / "bundle"):
        assert transfer.origins_of(source, Task.EMPTY) == run.origins
    assert transfer.origins_of(tmp_path / "model.keras", Task.EMPTY) == ()
