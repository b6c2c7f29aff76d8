"""What events' frames tell about one another, in NumPy and in graphs."""

import numpy as np
import pytest
import tensorflow as tf

from camtrap_tf.core.config import Context
from camtrap_tf.pictures import context_graph
from camtrap_tf.pictures.context import ALONE, median, nine, stacked, window


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (7, 6, 6, 3), dtype=np.uint8)


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


def test_an_event_of_one_frame_is_marked(frames):
    found = stacked(frames[:1], Context.DIFFERENCE)
    assert found.shape == (1, 6, 6, 4)
    assert (found[..., 3] == ALONE).all()
    np.testing.assert_array_equal(stacked(frames[[0, 0]], Context.DIFFERENCE)[..., 3], 0)


def test_nine_channels_are_the_first_the_middle_and_the_last_frame(frames):
    assert [nine(count) for count in (1, 2, 3, 5)] == [[0, 0, 0], [0, 1, 1], [0, 1, 2], [0, 2, 4]]
    found = stacked(frames[:3], Context.NINE_CHANNELS)
    assert found.shape == (3, 6, 6, 9)
    for frame in found:
        np.testing.assert_array_equal(np.split(frame, 3, axis=-1), frames[:3])


@pytest.mark.parametrize("context", Context)
@pytest.mark.parametrize("count", range(1, 8))
def test_graphs_give_the_same_numbers(frames, context, count):
    expected = stacked(frames[:count], context)
    side = context.side(6)
    assert expected.shape == (count, side, side, context.channels)
    np.testing.assert_array_equal(
        context_graph.stacked(tf.constant(frames[:count]), context), expected
    )

    signature = [tf.TensorSpec([None, 6, 6, 3], tf.uint8)]
    in_graph = tf.function(lambda f: context_graph.stacked(f, context), input_signature=signature)
    np.testing.assert_array_equal(in_graph(frames[:count]), expected)


@pytest.mark.parametrize("context", [Context.DIFFERENCE, Context.ZOOM])
@pytest.mark.parametrize("count", [1, 2, 5, 7])  # compiled for 1, 2, 6 and 8
def test_the_input_pipeline_gives_the_same_numbers(frames, context, count):
    signature = [tf.TensorSpec([None, 6, 6, 3], tf.uint8)]
    quickly = tf.function(
        lambda f: context_graph.stacked_quickly(f, context), input_signature=signature
    )
    np.testing.assert_array_equal(quickly(frames[:count]), stacked(frames[:count], context))


@pytest.mark.parametrize("lengths", [[1, 2, 3, 4], [1, 2]])
def test_events_longer_than_all_lengths_are_compiled_for_their_own(frames, lengths, monkeypatch):
    monkeypatch.setattr(context_graph, "_LENGTHS", lengths)
    found = context_graph.stacked_quickly(tf.constant(frames[:4]), Context.DIFFERENCE)
    np.testing.assert_array_equal(found, stacked(frames[:4], Context.DIFFERENCE))


@pytest.mark.parametrize("context", Context)
def test_pictures_alone_are_events_of_one_frame(frames, context):
    expected = np.concatenate([stacked(frame[None], context) for frame in frames])
    np.testing.assert_array_equal(
        context_graph.stacked_alone(tf.constant(frames), context), expected
    )


def an_event(size, side, places):
    """Frames of noise about a grey, with a bright square at a place each."""
    frames = (
        np.random.default_rng(1).integers(98, 103, (len(places), size, size, 3)).astype(np.uint8)
    )
    for frame, (top, left) in zip(frames, places, strict=True):
        frame[top : top + side, left : left + side] = 200
    return frames


def test_zoom_finds_what_moved():
    frames = an_event(128, 20, [(10, 10), (50, 40), (90, 100)])
    for frame, (top, left) in zip(
        stacked(frames, Context.DIFFERENCE), [(10, 10), (50, 40), (90, 100)], strict=True
    ):
        found = window(frame[..., 3])
        # 92% of 10 cells are all but the outermost: 20 pixels; the smallest side is 0.3 * 128.
        assert found[2] == 38
        assert abs(found[0] + 19 - min(top + 10, 128 - 19)) <= 2
        assert abs(found[1] + 19 - min(max(left + 10, 19), 128 - 19)) <= 2
    zoomed = stacked(frames, Context.ZOOM)
    assert zoomed.shape == (3, 64, 64, 4)
    assert (zoomed[1, 20:44, 20:44, 0] >= 190).all()  # 20 of 38 pixels: 33 of 64
    assert (zoomed[1, 20:44, 20:44, 3] >= 90).all()


def test_zoom_leaves_a_picture_whole_where_nothing_moved():
    frames = an_event(96, 20, [(30, 30)] * 5)
    whole = stacked(frames, Context.DIFFERENCE).astype(int)
    halved = (whole[:, ::2] + whole[:, 1::2])[:, :, ::2] + (whole[:, ::2] + whole[:, 1::2])[
        :, :, 1::2
    ]
    np.testing.assert_array_equal(stacked(frames, Context.ZOOM), (halved + 2) // 4)


@pytest.mark.parametrize("size", [48, 64, 100, 128, 192])
def test_zoom_in_graphs_gives_the_same_pixels(size):
    generator = np.random.default_rng(size)
    for _ in range(6):
        side = int(generator.integers(2, size // 2))
        places = generator.integers(0, size - side + 1, (4, 2))
        frames = an_event(size, side, places)
        expected = stacked(frames, Context.ZOOM)
        for form in (context_graph.stacked, context_graph.stacked_quickly):
            np.testing.assert_array_equal(form(tf.constant(frames), Context.ZOOM), expected)
