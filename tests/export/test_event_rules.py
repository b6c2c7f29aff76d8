"""The rules for events are the same in NumPy, for predictions, and in exported graphs."""

import numpy as np
import pytest

from camtrap_tf.answers import event_rules
from camtrap_tf.core.errors import InputError


def test_both_have_the_same_rules():
    from export import event_rules as graphs

    assert list(graphs.RULES) == list(event_rules.RULES)


@pytest.mark.parametrize("rule", event_rules.RULES)
@pytest.mark.parametrize(
    ("nothing", "joint"), [(None, False), (None, True), (0, False), (1, False)]
)
def test_a_rule_gives_the_same_in_a_graph(rule, nothing, joint):
    from export import event_rules as graphs

    draw = np.random.default_rng(3)
    classes, counted = 3 if nothing is None else 2, draw.random((6, 4)) < 0.7
    counted[0], counted[1] = True, False  # a whole event, and one that none could read
    values = draw.dirichlet(np.full(classes, 0.4), (6, 4)).astype(np.float32)
    animal = 1 - values[..., -1] if joint else draw.random((6, 4)).astype(np.float32)
    rows = np.where(counted[..., None], values, np.nan).reshape(24, classes)
    codes = np.repeat(np.arange(6), 4)
    score = np.where(draw.random((6, 4)) < 0.3, 0, draw.random((6, 4))).astype(np.float32)
    score[2] = 0  # nothing was found in an event
    given = animal.reshape(-1), rule, nothing, joint, score.reshape(-1)
    expected = event_rules.combine(codes, 6, rows, *given)
    grid = graphs.Grid(values, counted, animal, nothing, score)
    found = graphs.combine(grid, rule, joint).numpy()
    assert np.isnan(expected).any(axis=1).tolist() == (~counted.any(axis=1)).tolist()
    np.testing.assert_allclose(found, np.nan_to_num(expected), atol=1e-6)


def test_a_rule_that_needs_scores_says_so():
    from export import event_rules as graphs

    half = np.full((1, 1, 2), 0.5, np.float32)
    for combine in (
        lambda: event_rules.combine(np.zeros(1, int), 1, half[0], half[0, :, 0], "detector"),
        lambda: graphs.combine(graphs.Grid(half, half[..., 0] > 0, half[..., 0]), "detector"),
    ):
        with pytest.raises(InputError, match="weighs pictures by the score of a detector"):
            combine()
