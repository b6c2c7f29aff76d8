"""Exports of a bundle that can say 'unknown' say it of the same pictures as Keras."""

import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from camtrap_tf.core.labels import FAMILIARITY
from camtrap_tf.networks.bundle import make_bundle
from camtrap_tf.networks.familiarity import sides
from camtrap_tf.prediction.predict import predict_folder
from export import verify
from export.edge.model import Answer, EdgeModel
from export.edge.policy import judge, parse_rule
from export.forms import Form
from export.request import Request
from export.saved_model import write_saved_model
from export.tflite import write_tflite


@pytest.fixture(scope="module")
def half(bundle, tmp_path_factory):
    """A bundle that calls the less familiar half of the validation split's animals unknown."""
    runs = [bundle.folder.parent / task for task in ("empty", "animal")]
    return make_bundle(runs, tmp_path_factory.mktemp("half") / "bundle", unknown_share=0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Red, blue and grey squares: half of them as strong as those learnt from, half paler."""
    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(3)
    for number in range(8):
        for name, channel in (("red", 0), ("blue", 2), ("grey", None)):
            base = np.full((40, 40, 3), 90, np.uint8)
            if channel is not None:
                base[10:30, 10:30, channel] = 230 if number < 4 else 150 + 8 * number
            noise = rng.integers(0, 20, base.shape, np.uint8)
            Image.fromarray(base + noise).save(root / f"{name}{number}.png")
    return root


@pytest.mark.slow
def test_saved_model_and_tflite_say_unknown_of_the_same_pictures(half, folder, tmp_path):
    expected = predict_folder(folder, half)
    unknown, asked = expected.judged_unknown(), expected.answered("species")
    assert 0 < unknown.sum() < asked.sum() < len(expected)
    familiarity = expected.scores[FAMILIARITY]
    near = np.abs(familiarity - half.familiarity_threshold) < 0.05  # may fall either way

    write_saved_model(half, tmp_path / "model", automatic_at=0)
    serve = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    encoded = tf.constant([(folder / path).read_bytes() for path in expected.ids["path"]])
    found = {name: values.numpy() for name, values in serve(image_bytes=encoded).items()}
    np.testing.assert_allclose(found["familiarity"][asked], familiarity[asked], atol=0.05)
    assert not found["familiarity"][~asked].any()
    np.testing.assert_array_equal(found["unknown"][~near], unknown[~near])
    human = found["decision"] == b"ask a human"
    np.testing.assert_array_equal(human, found["unknown"])  # at 0 all else is automatic

    write_tflite(half, tmp_path / "lite")
    edge = EdgeModel(tmp_path / "lite")
    assert edge.familiarity_threshold == half.familiarity_threshold
    verdicts = [judge([edge.answer(folder / path)], edge) for path in expected.ids["path"]]
    said = np.array([verdict.species == "unknown" for verdict in verdicts])
    np.testing.assert_array_equal(said[~near], unknown[~near])


@pytest.mark.slow
def test_the_gate_compares_familiarity(half, folder, tmp_path):
    request = Request(folder, forms=(Form.FLOAT32,))
    rows = verify.export_and_verify(half, tmp_path / "out", request)
    gated = [row for row in rows if row.head == FAMILIARITY and not row.label]
    assert [row.export for row in gated] == ["SavedModel", "float32"]
    assert all(row.difference < 0.01 for row in gated)
    card = (tmp_path / "out" / "model_card.md").read_text()
    assert f"familiarity is below {half.familiarity_threshold:.4g} is called unknown" in card


def test_sides_by_hand():
    # At the threshold both are one half; log 3 above it, 3 to 1 for 'known'.
    both = sides(np.array([[2.0], [2 + np.log(3)]]), 2.0)
    np.testing.assert_allclose(both, [[0.5, 0.5], [0.25, 0.75]])


def test_an_event_is_unknown_by_its_mean_familiarity():
    model = types.SimpleNamespace(
        animal_threshold=0.5,
        familiarity_threshold=2.0,
        automatic_at=0.5,
        species=("lion", "hare"),
        event_rules={},
        one_stage=False,
    )
    hare = np.array([0.25, 0.75])
    strange, plain, empty = Answer(0.75, hare, 1.0), Answer(0.75, hare, 2.5), Answer(0.25, None)
    verdict = judge([strange, plain, empty, None], model)  # mean 1.75
    assert (verdict.species, verdict.probability, verdict.automatic) == ("unknown", 0.75, False)
    assert parse_rule("unknown", model.species)(verdict)
    assert not parse_rule("species:hare", model.species)(verdict)
    known = judge([plain, empty], model)
    assert (known.species, known.automatic) == ("hare", True)
    assert not parse_rule("unknown", model.species)(known)
    # On the thresholds themselves: an animal, one that is known, and sure enough.
    model.familiarity_threshold, model.automatic_at = 2.5, 0.75
    edge = judge([Answer(0.5, hare, 2.5)], model)
    assert (edge.animal, edge.species, edge.automatic) == (True, "hare", True)
    # What a frame below the threshold says of the animal does not count; on it, it does.
    lion = np.array([0.75, 0.25])
    assert judge([Answer(0.5, lion, 3.0), Answer(0.4375, hare, 3.0)], model).species == "lion"
    # A model of before carries no threshold and tells no familiarity.
    model.familiarity_threshold = None
    assert judge([Answer(0.75, hare)], model).species == "hare"
