"""What events' frames tell about one another, in NumPy and in graphs."""

import numpy as np
import pytest
import tensorflow as tf

from camtrap_tf import images
from camtrap_tf.config import Context
from camtrap_tf.context import median, nine, stacked


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (7, 6, 5, 3), dtype=np.uint8)


def test_a_fourth_channel_says_what_differs_from_the_median():
    frames = np.full((3, 2, 2, 3), 100, np.uint8)
    frames[0, 0, 0] = (110, 130, 91)  # 10 + 30 + 9 apart: 16.3
    frames[2, 0, 0] = (101, 100, 100)  # a third: rounds to 0
    frames[2, 1, 1] = (102, 100, 100)  # two thirds: rounds to 1
    found = stacked(frames, Context.DIFFERENCE)
    np.testing.assert_array_equal(found[..., :3], frames)
    # The median at (0, 0) is (101, 100, 100).
    assert found[:, 0, 0, 3].tolist() == [16, 0, 0]
    assert found[:, 1, 1, 3].tolist() == [0, 0, 1]


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_cut_off():
    frames = np.array([9, 1, 4, 200], np.uint8)[:, None, None, None]
    assert median(frames).tolist() == [[[6]]]  # (4 + 9) / 2
    np.testing.assert_array_equal(median(frames[:3]), [[[4]]])


def test_an_event_of_one_frame_differs_from_nothing(frames):
    found = stacked(frames[:1], Context.DIFFERENCE)
    assert found.shape == (1, 6, 5, 4)
    assert not found[..., 3].any()


def test_nine_channels_are_the_first_the_middle_and_the_last_frame(frames):
    assert [nine(count) for count in (1, 2, 3, 5)] == [[0, 0, 0], [0, 1, 1], [0, 1, 2], [0, 2, 4]]
    found = stacked(frames[:3], Context.NINE_CHANNELS)
    assert found.shape == (3, 6, 5, 9)
    for frame in found:
        np.testing.assert_array_equal(np.split(frame, 3, axis=-1), frames[:3])


@pytest.mark.parametrize("context", Context)
@pytest.mark.parametrize("count", range(1, 8))
def test_graphs_give_the_same_numbers(frames, context, count):
    expected = stacked(frames[:count], context)
    assert expected.shape == (count, 6, 5, context.channels)
    np.testing.assert_array_equal(images.stacked(tf.constant(frames[:count]), context), expected)

    signature = [tf.TensorSpec([None, None, None, 3], tf.uint8)]
    in_graph = tf.function(lambda f: images.stacked(f, context), input_signature=signature)
    np.testing.assert_array_equal(in_graph(frames[:count]), expected)


@pytest.mark.parametrize("context", Context)
def test_pictures_alone_are_events_of_one_frame(frames, context):
    expected = np.concatenate([stacked(frame[None], context) for frame in frames])
    np.testing.assert_array_equal(images.stacked_alone(tf.constant(frames), context), expected)
