import json
import math

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

from camtrap_tf.answers import metrics
from camtrap_tf.answers.metrics import Ratio
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY, COUNT_BINS

NAN = float("nan")


@pytest.fixture
def random_head():
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(7), 400).astype(np.float32)
    return probabilities, rng.integers(0, 7, 400)


def one_hot(indices, classes):
    return np.eye(classes, dtype=np.float32)[indices]


def test_ratios_of_parts_add_up_to_the_ratio_of_the_whole():
    # A mean of means would give (1/1 + 0/3) / 2 = 0.5.
    assert (Ratio.of(np.array([True])) + Ratio.of(np.zeros(3))).value == 0.25
    assert math.isnan(Ratio().value)


def test_top_k_by_hand():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.4, 0.4, 0.2]], np.float32)
    labels = np.array([1, 2, 1])
    # Row 2 is a tie, which argmax and top-k both give to the lower index.
    assert metrics.top_k(probabilities, labels) == Ratio(1, 3)
    assert metrics.top_k(probabilities, labels, 2) == Ratio(3, 3)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_k_agrees_with_scikit_learn(random_head, k):
    probabilities, labels = random_head
    expected = sklearn.metrics.top_k_accuracy_score(labels, probabilities, k=k)
    assert metrics.top_k(probabilities, labels, k).value == pytest.approx(expected)


def test_missing_labels_are_not_scored_and_missing_answers_are_wrong():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [NAN, NAN], [NAN, NAN]], np.float32)
    labels = np.array([0, -1, 0, -1])
    assert metrics.top_k(probabilities, labels) == Ratio(1, 2)
    assert metrics.top_k(probabilities, labels, 2) == Ratio(1, 2)


def test_within_one_bin():
    predicted = np.array([0, 2, 11, -1, 4, -1])
    labels = np.array([0, 0, 10, 0, -1, -1])
    # Right, two off, one off, no answer (although -1 is next to 0), no label, neither.
    assert metrics.within_one_bin(predicted, labels) == Ratio(2, 4)


def test_multilabel_by_hand():
    labels = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]])
    predicted = np.array([[1, 0, 1], [0, 0, 0], [0, 0, 0], [0, 1, 0]])
    ratios = metrics.multilabel(predicted, labels)
    # accuracy 1/3, 1, 0, 0; precision 1/2, 1, 1 (nothing said), 0; recall 1/2, 1, 0, 1.
    assert ratios["accuracy"].value == pytest.approx((1 / 3 + 1) / 4)
    assert ratios["precision"].value == pytest.approx((1 / 2 + 1 + 1) / 4)
    assert ratios["recall"].value == pytest.approx((1 / 2 + 1 + 1) / 4)


def test_multilabel_with_missing_labels_and_answers():
    labels = np.array([[1, -1], [-1, -1], [0, 0], [1, 1]])
    predicted = np.array([[1, 1], [1, 1], [-1, -1], [-1, -1]])
    # Row 0: the unlabelled attribute belongs to neither set, so all 1. Row 1 is not scored.
    # Rows 2 and 3 have no answer: 0, though row 2's two sets are both empty.
    expected = dict.fromkeys(("accuracy", "precision", "recall"), Ratio(1, 3))
    assert metrics.multilabel(predicted, labels) == expected


def test_multilabel_agrees_with_scikit_learn():
    rng = np.random.default_rng(2)
    labels, predicted = rng.integers(0, 2, (2, 300, 6))
    ratios = metrics.multilabel(predicted, labels)
    scores = {
        "accuracy": sklearn.metrics.jaccard_score,
        "precision": sklearn.metrics.precision_score,
        "recall": sklearn.metrics.recall_score,
    }
    for name, score in scores.items():
        expected = score(labels, predicted, average="samples", zero_division=1)
        assert ratios[name].value == pytest.approx(expected), name


def test_confusion_and_per_class_agree_with_scikit_learn(random_head):
    probabilities, labels = random_head
    predicted = probabilities.argmax(axis=1)
    matrix = metrics.confusion(predicted, labels, 7)
    np.testing.assert_array_equal(
        matrix[:, :-1], sklearn.metrics.confusion_matrix(labels, predicted)
    )
    figures = metrics.per_class(matrix)
    expected = sklearn.metrics.precision_recall_fscore_support(labels, predicted)
    for key, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(figures[key], values)


def test_confusion_keeps_rows_without_an_answer_in_its_last_column():
    matrix = metrics.confusion(np.array([0, -1, 1, -1]), np.array([0, 0, -1, -1]), 2)
    np.testing.assert_array_equal(matrix, [[1, 0, 1], [0, 0, 0]])
    figures = metrics.per_class(matrix)
    assert figures["recall"][0] == 0.5  # the picture without an answer is not forgotten
    assert figures["precision"][0] == 1.0
    assert np.isnan(figures["recall"][1]) and np.isnan(figures["f1"][1])


def test_confusions_of_parts_add_up(random_head):
    probabilities, labels = random_head
    predicted = probabilities.argmax(axis=1)
    parts = sum(metrics.confusion(predicted[i::3], labels[i::3], 7) for i in range(3))
    np.testing.assert_array_equal(parts, metrics.confusion(predicted, labels, 7))


def test_means_over_classes_agree_with_scikit_learn(random_head):
    probabilities, labels = random_head
    labels = np.where(labels == 3, 4, labels)  # class 3 is answered but never true
    predicted = probabilities.argmax(axis=1)
    found = metrics.averages(metrics.per_class(metrics.confusion(predicted, labels, 7)))
    for average in ("macro", "weighted"):
        expected = sklearn.metrics.precision_recall_fscore_support(
            labels, predicted, average=average, zero_division=0
        )
        for name, value in zip(("precision", "recall", "f1"), expected, strict=False):
            assert found[f"{name}_{average}"] == pytest.approx(value, abs=1e-12), (name, average)
    balanced = sklearn.metrics.recall_score(
        labels, predicted, average="macro", labels=np.unique(labels)
    )
    assert found["mean_recall"] == pytest.approx(balanced, abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 16])
def test_average_precision_agrees_with_scikit_learn(decimals):
    rng = np.random.default_rng(3)
    # One decimal makes many ties.
    probabilities = rng.dirichlet(np.ones(5), 300).round(decimals)
    labels = rng.integers(0, 4, 300)  # class 4 never occurs
    areas = metrics.average_precision(probabilities, labels)
    for index in range(4):
        expected = sklearn.metrics.average_precision_score(labels == index, probabilities[:, index])
        assert areas[index] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(areas[4])


def test_average_precision_by_hand_with_a_missing_answer():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [NAN, NAN], [1.0, 0.0]])
    labels = np.array([0, 1, 0, 0, -1])
    # Class 0: found first (1/1) and third (2/3), and one without an answer (0), of three.
    assert metrics.average_precision(probabilities, labels)[0] == pytest.approx((1 + 2 / 3) / 3)


def test_log_loss_agrees_with_scikit_learn(random_head):
    probabilities = np.random.default_rng(4).dirichlet(np.ones(7), 400)
    labels = random_head[1]
    expected = sklearn.metrics.log_loss(labels, probabilities)
    assert metrics.log_loss(probabilities, labels).value == pytest.approx(expected, abs=1e-12)


def test_log_loss_leaves_out_rows_without_an_answer():
    probabilities = np.array([[0.5, 0.5], [NAN, NAN], [0.5, 0.5]])
    loss = metrics.log_loss(probabilities, np.array([0, 0, -1]))
    assert loss.count == 1 and loss.value == pytest.approx(math.log(2))


def test_majority():
    labels = np.array([2, 2, 1, -1])
    assert metrics.majority(labels) == (2, Ratio(2, 3))
    assert metrics.majority(labels, reference=np.array([1, 1, 0])) == (1, Ratio(1, 3))
    assert metrics.majority(np.array([-1]))[0] == -1


@pytest.fixture
def two_stage() -> Predictions:
    """Six pictures in three events.

    Event a: two zebras, one of them taken for a lion. Event b: empty, once taken for animal.
    Event c: a hare; its first picture cannot be read.
    """
    ids = pd.DataFrame(
        {
            "path": [f"{i}.jpg" for i in range(6)],
            "event_id": list("aabbcc"),
            "failure": [None] * 4 + ["truncated"] + [None],
        }
    )
    species = ("hare", "lion", "zebra")
    probabilities = {
        "empty": [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.6, 0.4], [NAN, NAN], [0.7, 0.3]],
        "species": [
            [0.0, 0.2, 0.8], [0.0, 0.6, 0.4], [NAN] * 3,
            [1.0, 0.0, 0.0], [NAN] * 3, [1.0, 0.0, 0.0],
        ],
        "count": one_hot([0, 2, 0, 0, 0, 11], 12),
        "standing": one_hot([1, 1, 0, 0, 0, 0], 2),
        "moving": one_hot([0, 1, 0, 0, 0, 0], 2),
    }  # fmt: skip
    probabilities = {head: np.array(p, np.float32) for head, p in probabilities.items()}
    for head in ("count", "standing", "moving"):
        probabilities[head][[2, 4]] = NAN
    labels = {
        "empty": np.array([0, 0, 1, 1, 0, 0]),
        "species": np.array([2, 2, -1, -1, 0, 0]),
        "count": np.array([0, 0, -1, -1, 0, 10]),
        "standing": np.array([1, 1, -1, -1, 0, 0]),
        "moving": np.array([0, 0, -1, -1, 0, 1]),
    }
    classes = {
        "empty": BINARY, "species": species, "count": COUNT_BINS,
        "standing": BINARY, "moving": BINARY,
    }  # fmt: skip
    return Predictions(ids, classes, probabilities, labels, labels)


def test_evaluate_pictures(two_stage):
    scores = metrics.evaluate(two_stage)["images"]
    assert (scores["rows"], scores["unreadable"]) == (6, 1)
    empty = scores["heads"]["empty"]
    assert (empty["scored"], empty["unanswered"]) == (6, 1)
    assert empty["top1"] == pytest.approx(4 / 6)  # wrong: row 3, and row 4 without an answer
    assert empty["majority"] == pytest.approx(4 / 6) and empty["majority_class"] == "no"
    assert (empty["precision"], empty["recall"], empty["animal_recall"]) == (1.0, 0.5, 0.75)
    species = scores["heads"]["species"]
    assert (species["scored"], species["unanswered"]) == (4, 1)
    assert species["top1"] == 0.5 and "top5" not in species
    assert species["mean_recall"] == 0.5  # hare 1/2, zebra 1/2
    assert species["per_class"]["zebra"]["support"] == 2
    assert species["per_class"]["lion"]["recall"] is None  # no lion to be found
    count = scores["heads"]["count"]
    assert (count["top1"], count["within_one"]) == (0.25, 0.5)  # '3' for '1' is two bins off
    # '3' and '51+' are said of '1' and '11-50': of all others, equally unlikely, '1' is the first.
    assert count["top5"] == 0.5
    # {standing}={standing}; {standing, moving} for {standing}; none; {} for {moving}.
    expected = {"scored": 4, "accuracy": 0.375, "precision": 0.625, "recall": 0.5}
    assert {key: scores["attributes"][key] for key in expected} == expected
    # zebra right, lion wrong, empty right, hare wrong, no answer, hare right
    assert scores["answer"]["top1"] == 0.5
    # Two zebras, an empty picture and a hare.
    answer = metrics.evaluate(two_stage.select(np.array([0, 1, 2, 5])))["images"]["answer"]
    assert (answer["majority"], answer["majority_class"]) == (0.5, "zebra")


def test_among_the_five_best_means_five():
    names = tuple("abcdefg")
    probabilities = {"species": np.tile(np.float32([30, 25, 20, 10, 8, 5, 2]) / 100, (2, 1))}
    ids = pd.DataFrame({"path": ["0.jpg", "1.jpg"]})
    labels = {"species": np.array([4, 5])}  # the fifth best, and the sixth
    scores = metrics.evaluate(Predictions(ids, {"species": names}, probabilities, labels))
    assert scores["images"]["heads"]["species"]["top5"] == 0.5
    few = {"species": probabilities["species"][:, :5]}
    labels = {"species": np.array([4, 4])}
    scores = metrics.evaluate(Predictions(ids, {"species": names[:5]}, few, labels))
    assert "top5" not in scores["images"]["heads"]["species"]  # it would be 1 whatever is said


def test_empty_is_scored_as_it_is_answered(two_stage):
    two_stage.info["animal_threshold"] = 0.65
    empty = metrics.evaluate(two_stage)["images"]["heads"]["empty"]
    # Row 3, an empty picture with P(animal) = 0.6, is now called empty.
    assert empty["top1"] == pytest.approx(5 / 6) and empty["recall"] == 1.0


def test_intervals_lie_around_their_figures(two_stage):
    scores = metrics.evaluate(two_stage)["images"]
    low, high = scores["answer"]["top1_interval"]
    # Three events with 1 of 2, 1 of 2 and 1 of 2 right: no spread between them.
    assert (low, high) == (0.5, 0.5)
    low, high = scores["heads"]["empty"]["top1_interval"]
    assert low == 0.5 and high == 1.0  # events with 2, 1 and 1 of 2
    assert scores["heads"]["species"]["per_class"]["hare"]["precision_interval"] == [
        pytest.approx(0.025),
        1.0,
    ]  # one event, without a mistake


def test_interval_of_the_count(two_stage):
    two_stage.probabilities["count"][0] = np.float32([0.04, 0.5, 0.3, 0.1, 0.06] + [0.0] * 7)
    low, high = two_stage.interval("count")
    # 4% lie below bin '2', 6% above bin '4'.
    assert (low[0], high[0]) == (1, 4) and (low[2], high[2]) == (-1, -1)
    low, high = two_stage.interval("count", 0.8)
    assert (low[0], high[0]) == (1, 3)
    count = metrics.evaluate(two_stage)["images"]["heads"]["count"]
    assert count["bins_hit"] == 0.0  # '1' for '2-4', '3', no answer, '51+'; '1' for '3' ...


def test_places_worst_first(two_stage):
    two_stage.ids["site"] = pd.array(["A", "A", "B", "B", "C", "C"], "string")
    places = metrics.by_place(two_stage)
    assert [(p["name"], p["right"], p["rows"], p["events"]) for p in places] == [
        ("A", 0.5, 2, 1), ("B", 0.5, 2, 1), ("C", 0.5, 2, 1),
    ]  # fmt: skip
    assert [p["empty"] for p in places] == [0, 1, 0] and not places[0]["worse"]


def at_places(**right: tuple[int, int]) -> Predictions:
    """By place, how many events of one picture are right, and of how many."""
    rows = [(name, row < good) for name, (good, of) in right.items() for row in range(of)]
    ids = pd.DataFrame({"path": [f"{i}.jpg" for i in range(len(rows))]})
    ids["site"] = [name for name, _ in rows]
    said = one_hot([0 if good else 1 for _, good in rows], 2)
    truth = np.zeros(len(rows), int)
    return Predictions(ids, {"species": ("hare", "zebra")}, {"species": said}, {"species": truth})


def test_a_place_is_worse_where_its_whole_interval_lies_below_the_other_places():
    # None of 20: at most 1 - 0.025 ** (1 / 20) = 17%, where all others are right.
    found = {one["name"]: one["worse"] for one in metrics.by_place(at_places(A=(0, 20), B=(9, 9)))}
    assert found == {"A": True, "B": False}
    # 1 of 2 against 3 of 4: anything may be.
    found = {one["name"]: one["worse"] for one in metrics.by_place(at_places(A=(1, 2), B=(3, 4)))}
    assert found == {"A": False, "B": False}
    # 60 of 80 is 65% to 84%: below 5 of 5, though not below 65 of 85, of which it is most itself.
    found = {one["name"]: one["worse"] for one in metrics.by_place(at_places(A=(60, 80), B=(5, 5)))}
    assert found == {"A": True, "B": False}


def test_evaluate_events_averages_probabilities(two_stage):
    scores = metrics.evaluate(two_stage)["events"]
    assert (scores["rows"], scores["unreadable"]) == (3, 0)
    # Event b: (0.1 + 0.6) / 2 = 0.35 animal, so empty. Event a: zebra (0.8 + 0.4) / 2 = 0.6.
    assert scores["heads"]["empty"]["top1"] == 1.0
    assert scores["heads"]["species"]["top1"] == 1.0
    assert scores["answer"]["top1"] == 1.0


def test_evaluate_is_json_and_reads_as_a_table(two_stage):
    scores = metrics.evaluate(two_stage)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    text = metrics.table(scores)
    assert "6 pictures, 1 unreadable" in text and "3 capture events" in text
    assert "66.7%" in text and "zebra" in text


def test_evaluate_without_labels(two_stage):
    two_stage.labels, two_stage.event_labels = {}, {}
    scores = metrics.evaluate(two_stage)
    assert scores == {"images": {"rows": 6, "unreadable": 1, "heads": {}}}
    assert "nothing to score" in metrics.table(scores)


def test_evaluate_a_one_stage_model():
    ids = pd.DataFrame({"path": ["0.jpg", "1.jpg", "2.jpg"]})
    classes = {"species": ("lion", "zebra", "empty")}
    probabilities = {"species": one_hot([0, 2, 2], 3)}
    labels = {"species": np.array([0, 2, 1])}
    scores = metrics.evaluate(Predictions(ids, classes, probabilities, labels))
    assert "events" not in scores and "answer" not in scores["images"]
    species = scores["images"]["heads"]["species"]
    assert species["top1"] == pytest.approx(2 / 3)
    assert species["per_class"]["empty"]["precision"] == 0.5


def test_means_are_over_classes_that_occur_or_are_answered():
    support, predicted = np.array([2, 1, 0, 0]), np.array([1, 1, 1, 0])
    figures = {"support": support, "predicted": predicted}
    figures |= {"precision": np.array([1, 1, 0, NAN]), "recall": np.array([0.5, 1, NAN, NAN])}
    figures |= {"f1": np.array([2 / 3, 1, 0, NAN])}
    means = metrics.averages(figures)
    assert means["precision_macro"] == pytest.approx(2 / 3)  # the fourth is never seen
    assert means["recall_macro"] == pytest.approx(1.5 / 3)
    assert means["mean_recall"] == pytest.approx(1.5 / 2)


def test_where_only_an_animal_is_answered_every_animal_is_right(two_stage):
    two_stage.probabilities["species"][:] = NAN  # stage 2 was not asked of any
    answers = two_stage.answers().tolist()
    assert answers == ["animal", "animal", "empty", "animal", pd.NA, "animal"]
    assert metrics.right_answers(two_stage).tolist() == [1, 1, 1, 0, 0, 1]


def test_an_animal_of_no_known_species_is_not_scored_as_an_answer(two_stage):
    two_stage.labels["species"][0] = -1  # only that there is an animal is known
    answer = metrics.evaluate(two_stage)["images"]["answer"]
    assert answer["scored"] == 5
    # One of two zebras is now out; lion, empty right, empty wrong, no answer, hare are left.
    assert answer["top1"] == pytest.approx(2 / 5)


def test_a_number_at_the_end_of_its_interval_is_inside(two_stage):
    two_stage.probabilities["count"][[0, 1, 3, 5]] = one_hot([0, 0, 0, 10], 12)
    two_stage.probabilities["count"][4] = one_hot(0, 12)
    count = metrics.evaluate(two_stage)["images"]["heads"]["count"]
    assert count["bins_hit"] == 1.0  # each interval is one bin, and that is the label


def test_a_known_animal_that_is_judged_empty_is_not_called_unknown(two_stage):
    two_stage.probabilities["empty"][0] = [0.2, 0.8]
    np.testing.assert_equal(metrics.called_unknown(two_stage), [NAN, 0, NAN, NAN, NAN, 0])
