"""The paper's accounting, curves by hand, thresholds chosen on one split and checked on another."""

import math

import numpy as np
import pandas as pd
import pytest

from camtrap_tf import cli
from camtrap_tf.answers import planning
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.artifacts import read_json
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY

NAN = float("nan")


def test_the_papers_shares():
    # 75% of the pictures are empty and automated; of the others 97.2% (species), 44.5% (count).
    assert planning.share_automated(0.75, 1, 0.972) == pytest.approx(0.993)
    assert round(planning.share_automated(0.75, 1, 0.445), 3) == 0.861


def test_the_papers_years_and_hours():
    # 14.6 years for 5.5 million pictures; 99.3% of 3.2 million.
    years = planning.years_saved(14.6, 5.5e6, 3.2e6, 0.993)
    assert round(years, 1) == 8.4
    assert years * planning.HOURS_PER_YEAR > 17_000


def test_curve_by_hand():
    confidence = np.array([0.9, 0.8, 0.6, 0.4, NAN, 0.7])
    right = np.array([1, 0, 1, 0, 0, NAN])
    found = planning.curve(confidence, right, np.array([0, 0.5, 0.8, 0.85, 0.95]))
    # Five answers with a known truth; the one that was not given is never accepted.
    np.testing.assert_allclose(found.coverage, [4 / 5, 3 / 5, 2 / 5, 1 / 5, 0])
    np.testing.assert_allclose(found.accuracy, [2 / 4, 2 / 3, 1 / 2, 1, NAN])


def test_lowest_threshold_is_the_laxest_that_reaches_the_target():
    confidence, right = np.array([0.9, 0.8, 0.6, 0.4]), np.array([1.0, 0, 1, 0])
    assert planning.lowest_threshold(confidence, right, 0.6) == 0.6  # 2 of 3
    assert planning.lowest_threshold(confidence, right, 0.7) == 0.9
    assert planning.lowest_threshold(confidence, right, 0.5) == 0.0
    assert planning.lowest_threshold(confidence[1:2], right[1:2], 0.5) == math.inf


@pytest.mark.parametrize("target", [0.8, 0.9, 0.966, 0.99])
def test_smallest_proof(target):
    needed = planning.smallest_proof(target)
    assert target**needed <= 0.05 < target ** (needed - 1)


def test_a_promise_takes_enough_events():
    right, sure = np.ones(87), np.full(87, 0.9)
    assert planning.promised_threshold(sure, right, np.arange(87), 0.966) == 0.0
    assert planning.promised_threshold(sure[1:], right[1:], np.arange(86), 0.966) == math.inf
    # 870 pictures of 86 events are 86 independent answers.
    many = planning.promised_threshold(np.full(870, 0.9), np.ones(870), np.arange(870) % 86, 0.966)
    assert many == math.inf


def test_a_promise_is_kept_in_95_of_100_projects():
    # An answer of confidence c is right with probability c: at threshold t, (1 + t) / 2 are.
    rng, broken = np.random.default_rng(0), 0
    for _ in range(200):
        confidence = rng.random(600)
        right = (rng.random(600) < confidence).astype(float)
        threshold = planning.promised_threshold(confidence, right, np.arange(600), 0.8)
        broken += threshold < 0.6
    assert broken <= 18  # 5% of 200 are 10; more than 18 has probability 0.6%


def test_a_lowest_threshold_keeps_no_such_promise():
    rng, broken = np.random.default_rng(0), 0
    for _ in range(100):
        confidence = rng.random(600)
        right = (rng.random(600) < confidence).astype(float)
        broken += planning.lowest_threshold(confidence, right, 0.8) < 0.6
    assert broken > 30


def make(events: int, wrong_below: float, seed: int) -> Predictions:
    """Events of two frames; half are empty; answers below a confidence are wrong half the time."""
    rng = np.random.default_rng(seed)
    empty = np.repeat(rng.integers(0, 2, events), 2)
    sure = np.repeat(rng.uniform(0.5, 1, events), 2)
    wrong = (sure < wrong_below) & np.repeat(rng.random(events) < 0.5, 2)
    species = np.repeat(rng.integers(0, 2, events), 2)
    p_empty = np.where(empty == 1, sure, 0.01)
    said = np.where(wrong, 1 - species, species)
    p_species = np.where(np.eye(2, dtype=bool)[said], sure[:, None], 1 - sure[:, None])
    labels = {
        "empty": np.where((empty == 1) & wrong, 0, empty),
        "species": np.where((empty == 1) & ~wrong, -1, species),
    }
    ids = pd.DataFrame(
        {
            "path": [f"{i}.jpg" for i in range(2 * events)],
            "event_id": [str(i // 2) for i in range(2 * events)],
        }
    )
    probabilities = {
        "empty": np.stack([1 - p_empty, p_empty], axis=1).astype(np.float32),
        "species": p_species.astype(np.float32),
    }
    classes = {"empty": BINARY, "species": ("hare", "zebra")}
    return Predictions(ids, classes, probabilities, labels, labels)


def test_plan_chooses_on_validation_and_reports_test():
    validation, test = make(2000, 0.7, 0), make(2000, 0.8, 1)
    made = planning.plan(validation, test, 0.95, rows=1000, seconds=36, wage=20)
    # In validation 40% of the answers, those below 0.7, are wrong half the time; accepting
    # from t on leaves (0.7 - t) / 2 wrong of 1 - t: 5% at t = 0.6667. In test, where answers
    # up to 0.8 are so, (0.8 - t) / 2 of 1 - t are wrong there: 20%.
    for part in made.parts:
        assert part.threshold == pytest.approx(0.667, abs=0.02)
        assert part.chosen_accuracy >= 0.95
        assert part.accuracy == pytest.approx(0.8, abs=0.035)
        assert part.accuracy_interval[0] < part.accuracy < part.accuracy_interval[1]
        assert "on the test split" in part.warnings[-1]
    assert made.automated == pytest.approx(2 / 3, abs=0.03)
    assert made.labour.by_hand == 10
    assert made.labour.left == pytest.approx(10 * (1 - made.automated))
    assert made.labour.cost == pytest.approx(20 * made.labour.left)
    low, high = made.labour.left_interval
    assert low < made.labour.left < high


def test_a_promise_is_stricter():
    validation, test = make(2000, 0.7, 0), make(2000, 0.7, 1)
    plain = planning.plan(validation, test, 0.95, rows=1, seconds=1)
    promised = planning.plan(validation, test, 0.95, rows=1, seconds=1, promise=True)
    assert "not proven" in " ".join(plain.warnings)
    for lax, strict in zip(plain.parts, promised.parts, strict=True):
        assert lax.threshold < strict.threshold < 0.75
        assert strict.accuracy >= 0.95
    assert promised.warnings == ()


def test_a_small_validation_split_is_warned_about():
    made = planning.plan(make(20, 0, 0), make(200, 0, 1), 0.966, rows=100, seconds=1)
    assert all(part.threshold == 0 for part in made.parts)  # no mistake at all
    words = " ".join(made.warnings)
    assert "too small to promise 96.6%" in words
    # Half the risk for each of two kinds: 0.025 = 0.966 ** 106.6.
    assert "it takes 107 events" in words
    made = planning.plan(make(20, 0, 0), make(200, 0, 1), 0.966, 100, 1, promise=True)
    assert made.automated == 0 and all(math.isinf(part.threshold) for part in made.parts)
    assert "people label them all" in planning.text(made)


def test_count_is_right_where_there_are_animals_only():
    predictions = make(10, 0, 0)
    rows = len(predictions)
    predictions.classes["count"] = ("1", "2")
    predictions.probabilities["count"] = np.tile(np.float32([0.9, 0.1]), (rows, 1))
    predictions.labels["count"] = np.where(predictions.labels["species"] == -1, -1, 0)
    predictions.labels["empty"] = predictions.labels["empty"].copy()
    first = int(np.flatnonzero(~predictions.judged_empty())[0])
    predictions.labels["empty"][first] = 1
    found = planning.answers(predictions, "count")["animal"]
    assert found.right[first] == 0
    others = ~predictions.judged_empty()
    others[first] = False
    assert (found.right[others] == 1).all() and np.isnan(
        found.right[predictions.judged_empty()]
    ).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"target": 1.0}, "between 0 and 1"),
        ({"rows": 0}, "at least one picture"),
        ({"seconds": 0}, "some seconds"),
        ({"question": "count"}, "head of the model"),
    ],
)
def test_bad_numbers_are_refused(change, says):
    with pytest.raises(InputError, match=says):
        planning.plan(
            make(4, 0, 0), make(4, 0, 0), **{"target": 0.9, "rows": 1, "seconds": 1} | change
        )


@pytest.mark.parametrize("by", ["picture", "event"])
def test_command(tmp_path, caplog, by):
    caplog.set_level("INFO", "camtrap")
    make(300, 0.7, 0).write(tmp_path / "val.parquet")
    make(300, 0.7, 1).write(tmp_path / "test.parquet")
    files = [f"--validation={tmp_path}/val.parquet", f"--test={tmp_path}/test.parquet"]
    numbers = ["--target=0.9", "--pictures=600", "--seconds=6", f"--by={by}"]
    assert cli.main(["plan", *files, *numbers, f"--out={tmp_path}/plan.json"]) == 0
    assert "answers 'empty'" in caplog.text and "automated: " in caplog.text
    content = read_json(tmp_path / "plan.json", "plan", 1)
    assert content["target"] == 0.9 and len(content["parts"]) == 2
    # 600 pictures of 6 seconds are an hour; 300 events of two pictures half of it.
    assert content["labour"]["by_hand"] == pytest.approx({"picture": 1, "event": 0.5}[by])


def test_answers_of_two_models_are_refused():
    validation, test = make(20, 0, 0), make(20, 0, 1)
    validation.info["model_version"] = "a"
    planning.check_one_model(validation, test)  # a version that is not known may be the same
    test.info["model_version"] = "b"
    with pytest.raises(InputError, match="the same model"):
        planning.plan(validation, test, 0.9, rows=1, seconds=1)
    test.info["model_version"] = "a"
    test.classes["species"] = tuple(reversed(test.classes["species"]))
    with pytest.raises(InputError, match="the same model"):
        planning.plan(validation, test, 0.9, rows=1, seconds=1)


def sure_of(confidence: list[float], right: list[bool]) -> Predictions:
    """Events of one picture with an animal, answered with a confidence."""
    said = np.float32([[1 - c, c] for c in confidence])
    ids = pd.DataFrame({"path": [f"{i}.jpg" for i in range(len(said))]})
    probabilities = {"empty": np.float32([[0.9, 0.1]] * len(said)), "species": said}
    labels = {"empty": np.zeros(len(said), int), "species": np.array(right, int)}
    classes = {"empty": BINARY, "species": ("hare", "zebra")}
    return Predictions(ids, classes, probabilities, labels)


def test_an_answer_exactly_at_the_threshold_is_accepted():
    split = sure_of([0.9, 0.8, 0.7, 0.6, 0.55], [True] * 4 + [False])
    made = planning.plan(split, split, 0.9, rows=1, seconds=1)
    (animal,) = (part for part in made.parts if part.kind == "animal")
    assert animal.threshold == pytest.approx(0.6)  # the confidence of the fourth
    assert animal.chosen_coverage == animal.coverage == made.automated == 0.8
    assert animal.accuracy == made.accuracy == 1
    # Exactly the target is the target.
    assert planning.lowest_threshold(np.array([0.9, 0.8]), np.array([1.0, 0.0]), 0.5) == 0


def test_a_promise_is_tried_with_the_answers_exactly_at_a_threshold():
    # Twice as many as a proof takes, 87, are accepted first.
    confidence = np.repeat([0.9, 0.895], [174, 1000])
    right = np.repeat([1.0, 0.0], [174, 1000])
    assert planning.promised_threshold(confidence, right, np.arange(1174), 0.966) == 0.9


def test_what_proves_a_plan_are_events():
    validation = make(40, 0, 0)
    made = planning.plan(validation, validation, 0.9, rows=1, seconds=1)
    empty = int(validation.judged_empty().sum()) // 2  # events of two pictures
    assert {part.kind: part.proof for part in made.parts} == {"empty": empty, "animal": 40 - empty}


def test_just_enough_events_prove_a_plan():
    needed = planning.smallest_proof(0.9, planning.RISK / 2)
    for events, warned in ((needed, False), (needed - 1, True)):
        split = sure_of([0.8] * events, [True] * events)
        made = planning.plan(split, split, 0.9, rows=1, seconds=1)
        (animal,) = (part for part in made.parts if part.kind == "animal")
        assert any("too small to promise" in text for text in animal.warnings) == warned


def test_unknown_is_no_answer_of_a_plan():
    split = sure_of([0.9, 0.8], [True, True])
    split.scores["familiarity"] = np.float32([1.0, -1.0])
    split.info["familiarity_threshold"] = 0.0
    found = planning.answers(split)["animal"]
    assert np.isnan(found.confidence).tolist() == [False, True]
