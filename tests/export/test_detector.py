"""The exported detector finds what Keras finds."""

import json

import numpy as np
import pytest
from PIL import Image

from camtrap_tf.core.errors import InputError
from camtrap_tf.networks.detector import boxes
from camtrap_tf.networks.detector.boxes import Boxes
from camtrap_tf.pictures import files
from tests.networks.detector.test_finder import Spot

SIDE = (64, 96)


def serving(floor=0.5):
    from export.detector import Serving

    return Serving(Spot(), SIDE, floor)


def picture(width=96, height=64) -> np.ndarray:
    """White where column 1, row 1 of the coarsest cells is, in 96 x 64."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[height // 2 :, width // 3 : 2 * width // 3] = 255
    return pixels


def test_encoded_and_decoded_pictures_come_to_the_same_boxes(tmp_path):
    import tensorflow as tf

    module = serving()
    Image.fromarray(picture()).save(tmp_path / "a.png")
    encoded = [(tmp_path / "a.png").read_bytes(), b"damaged"]
    found = {name: value.numpy() for name, value in module.serve(tf.constant(encoded)).items()}
    assert found["valid"].tolist() == [True, False] and not found["doubtful"].any()
    np.testing.assert_allclose(found["boxes"][0, 0], [16 / 96, 16 / 64, 1 / 3, 0.5], rtol=1e-6)
    assert found["confidence"][0, 0] == pytest.approx(1.0)
    assert not found["confidence"][0, 1:].any() and not found["confidence"][1].any()
    decoded = module.pixels(picture()[np.newaxis])
    np.testing.assert_array_equal(decoded["boxes"][0], found["boxes"][0])


def test_a_graph_brings_pictures_to_the_size_as_files_are(tmp_path):
    rng = np.random.default_rng(0)
    for width, height in ((200, 80), (80, 200), (192, 128), (50, 40)):
        soft = Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).resize((width, height))
        soft.save(tmp_path / "a.png")
        expected = files.read_padded(tmp_path / "a.png", lambda *_: SIDE)
        found, filled = serving()._padded(np.asarray(soft)[np.newaxis])
        assert tuple(filled.numpy()) == expected.filled
        assert np.abs(found[0].numpy().astype(int) - expected.pixels).max() <= 2


def test_boxes_are_suppressed_and_clipped_as_in_numpy():
    import tensorflow as tf

    rng = np.random.default_rng(1)
    answers = rng.normal(size=(2, len(boxes.grid(*SIDE)), 6)).astype(np.float32)
    module = serving(floor=0.3)
    module.model = lambda pixels, training: tf.constant(answers)
    filled = [(64, 60), (40, 96)]
    found = module.find(
        tf.zeros((2, *SIDE, 3), tf.uint8), tf.constant(filled), tf.constant([True, True])
    )
    for row in range(2):
        expected = boxes.find(answers[row], SIDE, filled[row], 0.3)
        there = found["confidence"][row].numpy() > 0
        assert 5 < len(expected) == there.sum()
        np.testing.assert_allclose(found["boxes"][row].numpy()[there], expected.boxes, atol=1e-5)
        np.testing.assert_allclose(
            found["confidence"][row].numpy()[there], expected.confidence, atol=1e-6
        )


def test_what_is_compared():
    from export import detector

    def of(confidence, left=0.0):
        return Boxes(np.float32([[left, 0, 0.5, 1]]), np.float32([confidence]))

    none = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    row = detector.compare("int8", [of(0.5), of(0.3), none], [of(0.4, 0.25), of(0.1), of(0.02)])
    assert (row.pictures, row.found, row.found_keras) == (3, 1, 2)
    assert row.mean == pytest.approx((0.1 + 0.2 + 0.02) / 3) and row.largest == pytest.approx(0.2)
    assert row.overlap == pytest.approx((0.25 / 0.75 + 1) / 2)
    with pytest.raises(InputError, match=r"int8: confidence changes by 0\.107 in the mean"):
        detector._refuse([row])


def test_an_optional_form_that_differs_is_left_out(tmp_path, caplog):
    from export import detector
    from export.forms import Form

    rows = [
        detector.Parity(form, 9, mean, 0.5, 0.9, 9, 9)
        for form, mean in (("float32", 0.0), ("float16", 0.001), ("int8", 0.06))
    ]
    for form in (Form.FLOAT16, Form.INT8):
        detector.file_of(tmp_path, form).parent.mkdir(parents=True)
    detector._leave_out(tmp_path, rows, (Form.FLOAT16, Form.INT8))
    assert [path.name for path in (tmp_path / "tflite").iterdir()] == ["float16"]
    assert "without int8: confidence changes by 0.06 in the mean, more than 0.05" in caplog.text


@pytest.mark.slow
def test_an_export_of_the_published_detector(need_weights, tmp_path):
    need_weights("megadetector-lite")
    from export.detector import export_detector, tflite_answers
    from export.edge import carried
    from export.forms import Form

    rng, pictures = np.random.default_rng(0), []
    for number in range(4):
        soft = Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8)).resize((192, 128))
        soft.save(tmp_path / f"{number}.png")
        pictures.append(tmp_path / f"{number}.png")
    rows = export_detector(tmp_path / "out", pictures, 192, (Form.FLOAT32,))
    assert [(row.export, row.pictures) for row in rows] == [("SavedModel", 4), ("float32", 4)]
    path = tmp_path / "out" / "tflite" / "float32" / "detector.tflite"
    assert carried.read(path)["origin"]["licence"] == "MIT"
    assert carried.read(path)["side"] == [128, 192]
    answers = tflite_answers(path)(np.zeros((128, 192, 3), np.uint8))
    assert answers.shape == (16 * 24 + 8 * 12 + 4 * 6, 6)
    assert "zamba==2.7.2" in (tmp_path / "out" / "model_card.md").read_text()
    assert json.loads((tmp_path / "out" / "model_card.md").read_text().split("`")[-2])
    assert export_detector(tmp_path / "out", pictures, 192, (Form.FLOAT32,)) == rows
    with pytest.raises(
        InputError, match=r"forms: \['float32'\] there, \['float32', 'int8'\] asked"
    ):
        export_detector(tmp_path / "out", pictures, 192)
    with pytest.raises(InputError, match="forms are float32, float16 and int8"):
        export_detector(tmp_path / "other", pictures, forms=(Form.DYNAMIC,))
