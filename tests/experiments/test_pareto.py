"""Which networks are worth their time."""

from experiments.california import pareto


def run(name, milliseconds, right):
    return {
        "architecture": name,
        "crop": 84,
        "context": "none",
        "optimizer": "adamw",
        "milliseconds": milliseconds,
        "training_seconds": 1.0,
        "right": right,
    }


def test_the_front_and_the_mean_over_seeds():
    runs = [run("a", 2.0, 0.7), run("b", 1.0, 0.5), run("a", 4.0, 0.5), run("c", 5.0, 0.55)]
    rows = pareto.table(runs)
    assert [(r["architecture"], r["milliseconds"], r["right"], r["runs"]) for r in rows] == [
        ("b", 1.0, 0.5, 1),
        ("a", 3.0, 0.6, 2),
        ("c", 5.0, 0.55, 1),
    ]
    assert [r["front"] for r in rows] == [1, 1, 0]


def test_rows_that_are_equal_are_both_on_the_front():
    assert pareto.front([(1.0, 0.5), (1.0, 0.5)]) == [True, True]
