"""Client against the conformance server: answers equal local ones, over REST and gRPC."""

import concurrent.futures
import contextlib
import csv

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from camtrap_tf.core.errors import InputError
from export.serving.client import connect, predict_folder

pytest.importorskip("tensorflow_serving")


class Measures(tf.Module):
    """A model with the outputs that the client reads: the answer is the picture's length."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(self, image_bytes):
        length = tf.cast(tf.strings.length(image_bytes), tf.float32) / 7.0
        return {
            "valid": length > 0,
            "animal_probability": length,
            "decision": tf.where(length > 1, "automatic", "ask a human"),
            "top_species": tf.fill([tf.shape(length)[0], 2], "gnu"),
            "top_probabilities": tf.stack([length, -length], axis=1),
        }


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    from export.serving.conformance import serving

    folder, module = tmp_path_factory.mktemp("model"), Measures()
    tf.saved_model.save(module, str(folder / "2"), {"serving_default": module.serve})
    with serving(folder) as addresses:
        yield dict(zip(("rest", "grpc"), addresses, strict=True)), module


@pytest.fixture
def client(served, request):
    with contextlib.closing(connect(served[0][request.param], "camtrap")) as client:
        yield client


@pytest.mark.parametrize("client", ["rest", "grpc"], indirect=True)
def test_answers_equal_local_ones(served, client):
    module = served[1]

    def ask(number):
        sent = [b"\xff" * number, b"", b"ab"]
        return sent, client.answer(sent)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for sent, answers in pool.map(ask, range(100)):
            expected = {k: v.numpy() for k, v in module.serve(tf.constant(sent)).items()}
            assert set(answers) == set(expected)
            for name in ("valid", "animal_probability", "top_probabilities"):
                assert answers[name].dtype == expected[name].dtype
                np.testing.assert_array_equal(answers[name], expected[name])
            assert answers["top_species"].tolist() == [["gnu", "gnu"]] * 3


@pytest.mark.parametrize("client", ["rest", "grpc"], indirect=True)
def test_a_folder_becomes_a_table(client, tmp_path):
    (tmp_path / "card").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "card" / "a.jpg")
    (tmp_path / "card" / "b.jpg").write_bytes(b"")
    assert predict_folder(tmp_path / "card", client, tmp_path / "out.csv") == 1
    with open(tmp_path / "out.csv") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["valid"]) for row in rows] == [("a.jpg", "True"), ("b.jpg", "False")]
    assert rows[1]["species"] == "gnu"


@pytest.mark.parametrize("interface", ["rest", "grpc"])
def test_a_refusal_is_told(served, interface):
    with (
        contextlib.closing(connect(served[0][interface], "other")) as client,
        pytest.raises(InputError, match="Servable not found"),
    ):
        client.answer([b""])


def test_an_address_has_a_scheme():
    with pytest.raises(InputError, match="a server is http://HOST:PORT"):
        connect("localhost:8501", "camtrap")
    with pytest.raises(InputError, match="ConnectionRefusedError"):
        connect("http://127.0.0.1:9", "camtrap").answer([b""])


def test_warm_up_requests_are_predictions_on_pictures(tmp_path):
    from tensorflow_serving.apis import prediction_log_pb2

    from export.serving.warmup import write_warmup

    path = write_warmup(tmp_path, size=40, batch_sizes=(1, 8))
    assert path == tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    sent = []
    for content in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(content).predict_log.request
        assert request.model_spec.signature_name == "serving_default"
        pictures = tf.make_ndarray(request.inputs["image_bytes"])
        assert tf.io.decode_jpeg(pictures[0]).shape == (40, 40, 3)
        sent.append(len(pictures))
    assert sent == [1, 8]
