"""What a network is shown of a block, without one."""

import collections
import dataclasses

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.core.config import Context
from camtrap_tf.events.corrections import parse
from camtrap_tf.events.listing import COLUMNS
from camtrap_tf.pictures import exif
from camtrap_tf.pictures.files import Picture


@pytest.fixture(scope="module")
def predictor():
    from camtrap_tf.prediction import predictor

    return predictor


def read(predictor, grey: int, taken=None):
    pixels = np.full((4, 4, 3), grey, np.uint8)
    facts = exif.Facts(taken, "capture" if taken else None)
    return predictor._Read(Picture(pixels, 4, 4, facts), None, facts)


def block(predictor, **columns):
    rows = dict.fromkeys(COLUMNS) | columns
    return predictor.Block(0, pd.DataFrame(rows).astype(COLUMNS))


def test_frames_are_stacked_in_the_order_of_their_event(predictor):
    # Listed from the last to the first; greys 10, 20 and 30 are frames 0, 1 and 2.
    pictures = block(
        predictor, path=["c.jpg", "b.jpg", "a.jpg"], event_id=["e"] * 3, frame=[2, 1, 0]
    )
    reads = [read(predictor, grey) for grey in (30, 20, 10)]
    options = predictor.Options()
    found, sizes = predictor._with_context(pictures, reads, Context.NINE_CHANNELS, options)
    assert sizes == [3]
    for one in found:
        assert one.picture.pixels[0, 0].tolist() == [10, 10, 10, 20, 20, 20, 30, 30, 30]


def test_corrected_clocks_decide_what_is_seen_together(predictor):
    noon = pd.Timestamp("2024-05-01 12:00").to_pydatetime()
    pictures = block(predictor, path=["A/1.jpg", "A/2.jpg"], site=["A", "A"])
    reads = [read(predictor, grey, noon + pd.Timedelta(s, "s")) for grey, s in ((10, 0), (20, 60))]
    reads = [one._replace(facts=exif.Facts(one.facts.taken, "capture")) for one in reads]
    shown = {}
    for name, corrected in (("as it is", ()), ("corrected", (parse("A=+1h"),))):
        options = predictor.Options(gap_seconds=10, corrected=corrected)
        shown[name] = predictor._with_context(pictures, reads, Context.DIFFERENCE, options)[1]
    assert shown == {"as it is": [1, 1], "corrected": [1, 1]}
    until = predictor.Options(gap_seconds=10, corrected=(_until(parse("A=+55s"), noon),))
    assert predictor._with_context(pictures, reads, Context.DIFFERENCE, until)[1] == [2]


def _until(correction, moment):
    """The correction, of clocks up to a second after a moment."""
    return dataclasses.replace(correction, end=moment + pd.Timedelta(1, "s").to_pytimedelta())


def test_stage_2_is_asked_from_the_threshold_on(predictor):
    way = object.__new__(predictor._UnderWay)
    way.block, way.size, way.threshold = range(9), 99, 0.5
    way.facts, way.animals, way.open = [], [], collections.Counter({1: 1})
    way.probabilities = {"empty": np.full((9, 2), np.nan, np.float32)}
    found = {"empty": np.float32([[0.5, 0.5], [0.25, 0.75], [0.75, 0.25]])}
    way._answered(1, np.array([3, 4, 5]), np.zeros((3, 1, 1, 3), np.uint8), found)
    assert [row for row, _ in way.animals] == [3, 5]


def test_whole_batches_ask_about_each_animal_once(predictor):
    way, asked = object.__new__(predictor._UnderWay), []
    way.size, way.animals = 3, [(row, None) for row in range(7)]
    way._ask = lambda stage, squares: asked.append([row for row, _ in squares])
    way._ask_whole_batches()
    assert asked == [[0, 1, 2], [3, 4, 5]]
    assert [row for row, _ in way.animals] == [6]
