"""What people watch: TensorBoard's files, read back as TensorBoard does."""

import io

import numpy as np
import pytest
from PIL import Image

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.training import tensorboard as watch

NAMES = ("blue", "red")


@pytest.fixture(scope="module")
def written(tiny_shards, tmp_path_factory):
    """Values by tag, after two epochs in which every picture is called red at 75%."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    from camtrap_tf.batches import pipeline

    folder, manifest = tmp_path_factory.mktemp("board"), Manifest.read(tiny_shards)
    ids, labels, event_labels = pipeline.index(manifest, "val")
    answers = Predictions(
        ids,
        {"species": NAMES},
        {"species": np.tile(np.float32([0.25, 0.75]), (len(ids), 1))},
        {"species": labels["species"]},
        {"species": event_labels["species"]},
        {"split": "val"},
    )
    for epoch in (1, 2):
        row = {"epoch": epoch, "loss": 3.0 - epoch, "learning_rate": 0.1 / epoch}
        watch.write(folder, row, answers, "species", watch.examples(manifest, "val"))
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    found.Reload()
    return {
        tag: {event.step: make_ndarray(event.tensor_proto) for event in found.Tensors(tag)}
        for tag in found.Tags()["tensors"]
    }


def pictures(value) -> list[np.ndarray]:
    """The pictures of an image summary, which begins with their width and height."""
    return [np.asarray(Image.open(io.BytesIO(encoded))) for encoded in value[2:]]


def test_scalars_stand_under_their_epochs(written):
    assert {step: float(value) for step, value in written["loss"].items()} == {1: 2.0, 2: 1.0}
    rates = [float(value) for value in written["learning_rate"].values()]
    assert rates == [pytest.approx(0.1), pytest.approx(0.05)]
    # Everything is called red: all red ones are found, no blue one.
    assert written["recall_species/red"][2] == 1.0
    assert written["recall_species/blue"][2] == 0.0


def test_the_confusion_matrix_is_drawn_with_names(written):
    (picture,) = pictures(written["confusion_species"][2])
    side = 2 * watch._LINE
    cells = picture[-side:, -side:].reshape(2, watch._LINE, 2, watch._LINE)
    # Rows blue and red are white in column red.
    assert (cells[:, 2:-2, 1, 2:-2] == 255).all()
    assert (cells[:, 2:-2, 0, 2:-2] == 0).all()
    beside, above = picture[-side:, : -side - 2], picture[: -side - 2, -side:]
    for names in (beside.reshape(2, -1), above.T.reshape(2, -1)):  # one of each class
        assert (names.max(axis=1) > 128).all()


def test_pictures_of_many_classes_stay_apart():
    names = tuple(f"species {number}" for number in range(48))
    matrix = np.pad(np.diag(np.arange(48)), ((0, 0), (0, 1)))
    picture = watch._confusion_picture(matrix, names)
    cells = picture[-48 * watch._LINE :, -48 * watch._LINE :, 0]
    middles = cells[watch._LINE // 2 :: watch._LINE, watch._LINE // 2 :: watch._LINE]
    np.testing.assert_array_equal(middles, 255 * (matrix[:, :48] > 0))


def test_examples_show_pictures_and_what_is_said_of_them(written, tiny_shards):
    shown = pictures(written["val_species"][1])
    assert len(shown) == 12  # of 16
    # Stored pictures of 40 pixels are enlarged, so that the words below are whole.
    assert {picture.shape for picture in shown} == {(200 + 2 * watch._LINE, 200, 3)}
    # Event 0 is empty (no species), 1 red, 2 blue, each of two frames: answers' colours.
    answers = [picture[-watch._LINE :].reshape(-1, 3).max(axis=0) for picture in shown[::2][:3]]
    white, green, red = (answer.astype(int) for answer in answers)
    assert white.min() > 240
    assert green[1] > green[0] + 50 and green[1] > green[2] + 50
    assert red[0] > red[1] + 50 and red[0] > red[2] + 50
    assert shown[2][100, 100, 0] > 200 > shown[2][100, 100, 2]  # the red animal itself
