"""The simulated person of `experiments.from_nothing`, on drawn events of three clear kinds."""

import numpy as np
import pytest

from camtrap_tf.reviewing.live import vectors
from experiments import from_nothing
from experiments.from_nothing import World


@pytest.fixture(scope="module")
def world() -> World:
    """Ninety events: a third each of deer, foxes and empty ones; their features hardly overlap."""
    rng, number = np.random.default_rng(0), 90
    kinds = np.arange(number) % 3
    centres = rng.normal(size=(3, 2, 10))
    features = centres[kinds] + 0.1 * rng.normal(size=(number, 2, 10))
    scores = np.where(kinds == 2, 0.05, 0.8).astype(np.float32)
    return World(
        np.array([f"e{n}" for n in range(number)], object),
        np.array([f"/day{n // 10}" for n in range(number)], object),
        vectors.pool(features, scores, np.arange(number), number).astype(np.float16),
        scores,
        np.array(["deer", "fox", "empty"], object)[kinds],
    )


@pytest.mark.parametrize("way", from_nothing.WAYS)
def test_clear_kinds_are_learnt_by_every_way(world, way, monkeypatch):
    monkeypatch.setattr(from_nothing, "SIZES", (3, 16))
    rows = from_nothing.simulate(world, np.arange(60), np.arange(60, 90), way, 0, 0.0)
    assert [row["answers"] for row in rows] == [3, 16]
    assert rows[-1]["species"] == rows[-1]["right"] == 1.0
    told = way == "random"  # sixteen blind draws; other ways have not made ten yet
    assert np.isnan(rows[-1]["held"]) != told
    if told:
        assert rows[-1]["bias"] <= 0 and rows[-1]["held"] == 1.0


def test_mistakes_are_made_as_often_as_asked(world):
    pool = from_nothing.Pool(world.event_ids, np.zeros((90, 2)), world.scores, world.groups)
    person = from_nothing.Person(pool, world.truths, 0.5, 0)
    said = [person.answer(event, False).said[0] for event in range(90)]
    wrong = np.mean([name != truth for name, truth in zip(said, world.truths, strict=True)])
    assert 0.35 < wrong < 0.65  # three deviations of 90 throws of a coin
    assert set(said) == {"deer", "fox", "empty"}


def test_seeds_are_averaged_before_their_spread_is_told():
    import pandas as pd

    facts = {"data": "d", "dealt": "shards", "way": "review", "mistakes": 0.0, "answers": 5}
    nothing = {"held": np.nan, "bias": np.nan, "width": np.nan}
    rows = [
        facts | nothing | {"split": split, "seed": seed, "species": s, "right": s, "presence": s}
        for split, seed, s in (("1", 0, 0.2), ("2", 0, 0.4), ("1", 1, 0.5), ("2", 1, 0.7))
    ]
    lines = from_nothing.summary(pd.DataFrame(rows))
    both = next(line for line in lines if line["split"] == "1 to 4")
    assert (both["species"], both["species_low"], both["species_high"]) == (0.45, 0.3, 0.6)
    assert both["runs"] == 4 and both["told"] == 0
