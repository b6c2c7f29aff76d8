"""What the graph of an export, and a camera, do of pictures, events and thresholds: by hand."""

import dataclasses
import functools
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.labels import FAMILIARITY, UNKNOWN
from camtrap_tf.pictures import files
from export import AUTOMATIC, HUMAN
from export.edge.model import EdgeModel
from export.saved_model import Serving, Squares

# What is made with tf.data is traced all the same.
pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config.experimental_run")
GREY, RED = (100, 100, 100), (230, 90, 90)


@pytest.fixture(autouse=True, scope="module")
def eagerly():
    """Graphs are not traced, which takes seconds for each threshold; what they compute is run."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def picture(colour, rows=slice(None)) -> np.ndarray:
    """Grey of 80 x 60 pixels, with some rows of a colour."""
    pixels = np.full((60, 80, 3), GREY, np.uint8)
    pixels[rows] = colour
    return pixels


def encoded(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def serving(colour_bundle, tmp_path):
    """A function that makes the graph of the bundle by hand, changed."""

    def make(automatic_at=0.9, **changes) -> Serving:
        module = Serving(dataclasses.replace(colour_bundle, **changes), automatic_at, tmp_path)
        module._squares = functools.partial(squares_of, module.picture)  # a graph takes seconds
        return module

    return make


def squares_of(spec: PictureSpec, encoded_: tf.Tensor) -> Squares:
    """Squares of encoded pictures, which of them are any ('' is none), and no doubt about them."""
    every = encoded_.numpy().tolist()
    blank = np.zeros((spec.size, spec.size, 3), np.uint8)
    squares = [files.read(one, spec).pixels if one else blank for one in every]
    there = tf.constant([bool(one) for one in every])
    return Squares(tf.constant(np.stack(squares)), there, tf.zeros_like(there))


def told(answers) -> dict[str, list]:
    return {name: values.numpy().tolist() for name, values in answers.items()}


def served(module: Serving, pictures) -> dict[str, list]:
    return told(module.serve(pictures))


def of_event(module: Serving, frames: list[bytes], number: int) -> dict[str, list]:
    return told(module.event(tf.constant([frames]), tf.constant([number])))


def test_the_info_bar_is_cut_at_every_endpoint(serving):
    # A grey picture above a red bar of 40% of its height.
    barred = picture(RED, slice(36, None))
    for share, animal in ((0.0, True), (0.4, False)):
        module = serving(picture=PictureSpec(size=40, bar_share=share))
        del module._squares  # this is about the graph's own
        bytes_ = tf.constant([encoded(barred)])
        found = {
            "serving_default": module.serve(bytes_),
            "pixels": module.pixels(tf.constant(barred[None])),
            "event": module.event(bytes_[None], tf.constant([1])),
        }
        seen = {name: told(one)["animal_probability"][0] > 0.5 for name, one in found.items()}
        assert seen == dict.fromkeys(found, animal)


def test_an_event_is_named_by_the_frames_that_stage_2_was_asked_about(serving):
    frames = [encoded(picture(RED)), encoded(picture(GREY))]
    found = of_event(serving(), frames, 2)
    assert found["top_species"][0][0] == b"red"
    assert found["top_probabilities"][0][0] == pytest.approx(1, abs=1e-3)
    assert sum(found["species_probabilities"][0]) == pytest.approx(1)


def test_what_stands_in_the_padding_of_an_event_is_not_looked_at(serving):
    frames = [encoded(picture(GREY)), encoded(picture(RED))]
    found = of_event(serving(), frames, 1)
    assert found["animal_probability"][0] < 0.1 and found["top_species"][0][0] == b""


def test_a_probability_exactly_at_a_threshold_reaches_it(serving):
    faint = tf.constant([encoded(picture((125, 95, 95)))])
    probability = served(serving(), faint)["animal_probability"][0]
    assert 0.01 < probability < 0.99
    assert served(serving(animal_threshold=probability), faint)["top_species"][0][0] == b"red"
    more = float(np.nextafter(np.float32(probability), np.float32(1)))
    assert served(serving(animal_threshold=more), faint)["top_species"][0][0] == b""
    at, above = (
        of_event(serving(animal_threshold=one), [faint[0].numpy()], 1)["top_species"][0][0]
        for one in (probability, more)
    )
    assert (at, above) == (b"red", b"")


def test_an_empty_picture_is_automatic_by_how_surely_it_is_empty(serving):
    grey = tf.constant([encoded(picture(GREY))])
    sure = 1 - np.float32(served(serving(), grey)["animal_probability"][0])
    more = np.nextafter(sure, np.float32(1))
    decisions = [served(serving(float(one)), grey)["decision"][0] for one in (sure, more)]
    assert [one.decode() for one in decisions] == [AUTOMATIC, HUMAN]


def test_below_the_threshold_of_familiarity_is_unknown_and_at_it_is_not(serving):
    module = serving()
    module.familiarity_threshold = 0.5
    probabilities = {
        "empty": tf.constant([[1.0, 0.0]] * 2),
        "species": tf.constant([[0.0, 1.0]] * 2),
        FAMILIARITY: tf.constant([[0.5], [0.49]]),
    }
    everything = tf.constant([True, True])
    found = told(module._answers(probabilities, everything, everything))
    assert found[UNKNOWN] == [False, True]
    assert [one.decode() for one in found["decision"]] == [AUTOMATIC, HUMAN]


def test_a_camera_asks_stage_2_only_where_stage_1_sees_an_animal(lite):
    model, asked = EdgeModel(lite), []
    (second,) = model._second

    def counting(image):
        asked.append(image)
        return second(image=image)

    model._second = [counting]
    faint = np.full((40, 40, 3), (125, 95, 95), np.uint8)
    assert model.answer_square(np.full((40, 40, 3), GREY, np.uint8)).species is None
    assert asked == []
    model.animal_threshold = model.answer_square(faint).animal_probability
    assert model.answer_square(faint).species is not None  # exactly at the threshold
    count = len(asked)
    model.animal_threshold = float(np.nextafter(model.animal_threshold, 1))
    assert model.answer_square(faint).species is None and len(asked) == count
