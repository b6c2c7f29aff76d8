"""One answer of an event's frames: which frames are an event's, and which tell its animal."""

import numpy as np

from camtrap_tf.answers import event_rules


def test_frames_of_events_may_lie_between_those_of_others():
    codes = np.array([2, 0, 2, 0])
    values = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]], np.float32)
    found = event_rules.combine(codes, 3, values, np.ones(4, np.float32))
    np.testing.assert_allclose(found, [[0.3, 0.7], [np.nan] * 2, [0.8, 0.2]], atol=1e-6)


def test_a_frame_on_the_threshold_shows_an_animal():
    codes, animal = np.array([0, 0, 1, 1]), np.array([0.5, 0.25, 0.25, 0.125])
    shown = event_rules.frames_with_animal(codes, animal, 0.5)
    assert shown.tolist() == [True, False, True, True]
