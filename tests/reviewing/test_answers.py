import datetime

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import EventTable
from camtrap_tf.reviewing.agreement import accuracy, agreement
from camtrap_tf.reviewing.answers import event_table, merge, resolve
from camtrap_tf.reviewing.journal import Answer, Sighting, Verdict
from tests.reviewing.conftest import predictions_of

NAN = float("nan")
NOON = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)


def said(event_id, what, reviewer="kim", count=None, at=NOON, drawn="gain", **attributes):
    if what == "empty":
        return Answer(event_id, reviewer, Verdict.EMPTY, at=at, drawn=drawn)
    if what == "?":
        return Answer(event_id, reviewer, Verdict.UNSURE, at=at, drawn=drawn)
    sightings = tuple(Sighting(name, count, attributes) for name in what.split("+"))
    return Answer(event_id, reviewer, Verdict.ANIMAL, sightings, at=at, drawn=drawn)


def test_most_votes_win_and_equals_stay_undecided():
    decided, dropped = resolve(
        [
            said("a", "lion", "ann"), said("a", "lion", "bob"), said("a", "empty", "cy"),
            said("b", "lion", "ann"), said("b", "hare", "bob"),
            said("c", "?", "ann"), said("c", "hare", "bob"),
            said("d", "?", "ann"),
            said("e", "hare+lion", "ann"), said("e", "lion+hare", "bob"), said("e", "lion", "cy"),
        ]
    )  # fmt: skip
    by_event = {one.event_id: one for one in decided}
    assert list(by_event) == ["a", "c", "e"]
    assert by_event["a"].reviewers == ("ann", "bob")
    assert (by_event["a"].votes, by_event["a"].blanks) == (3, 1)
    assert [s.species for s in by_event["e"].sightings] == ["hare", "lion"]
    assert dropped.counts == {"reviewers disagree evenly (1 each)": 1, "no reviewer is sure": 1}


def test_supporters_decide_number_and_attributes():
    decided, _ = resolve(
        [
            said("a", "lion", "ann", "2", moving=True, babies=True),
            said("a", "lion", "bob", "2", moving=True, babies=False),
            said("a", "lion", "cy", "3+", moving=False),
            said("a", "hare", "dan", "1"),
        ]
    )
    [sighting] = decided[0].sightings
    assert sighting.count == "2"
    assert sighting.attributes == {"moving": True}  # babies: one to one
    assert decided[0].shares["lion"] == {"moving": pytest.approx(2 / 3), "babies": 0.5}


def test_merge_replaces_whole_events(small):
    later = NOON + datetime.timedelta(hours=1)
    merged = merge(
        small,
        [
            said("e1", "lion", "ann", "3+", moving=True),
            said("e1", "lion", "bob", "3+", at=later),
            said("e3", "empty", "ann"),
        ],
    )
    assert merged.answers().tolist() == ["hare", "hare", "lion", "empty", "empty", "empty", "empty"]
    assert merged.ids["reviewed_by"].tolist()[2:] == ["ann, bob", pd.NA, pd.NA, "ann", "ann"]
    assert merged.ids["reviewed_at"][2] == pd.Timestamp("2024-05-01 13:00")
    np.testing.assert_array_equal(merged.probabilities["species"][2], [0, 1])
    np.testing.assert_array_equal(merged.probabilities["count"][2], [0, 0, 1])
    np.testing.assert_array_equal(merged.probabilities["moving"][2], [0, 1])
    assert np.isnan(merged.probabilities["babies"][2]).all()
    np.testing.assert_array_equal(merged.probabilities["empty"][[2, 5]], [[1, 0], [0, 1]])
    assert np.isnan(merged.probabilities["species"][5]).all()
    # The model's own rows, and the predictions that were given, are as they were.
    np.testing.assert_array_equal(merged.probabilities["empty"][0], small.probabilities["empty"][0])
    assert small.answers()[5] == "lion" and small.ids["reviewed_by"].isna().all()
    assert merged.info["review"]["events"] == 2


def test_merge_keeps_the_models_answer_where_people_are_undecided(small):
    merged = merge(
        small,
        [said("e1", "lion", "ann"), said("e1", "hare", "bob"), said("e0", "?"), said("x", "hare")],
    )
    assert merged.answers().tolist() == small.answers().tolist()
    assert merged.ids["reviewed_by"].isna().all()
    assert merged.info["review"]["undecided"] == {
        "reviewers disagree evenly (1 each)": 1, "no reviewer is sure": 1,
        "not among the predictions": 1,
    }  # fmt: skip


def test_merged_rows_survive_the_file_and_the_average_over_frames(small, tmp_path):
    merge(small, [said("e3", "hare", count="2")]).write(tmp_path / "p.parquet")
    events = Predictions.read(tmp_path / "p.parquet").by_event()
    assert events.answers().tolist() == ["hare", "hare", "empty", "hare"]
    assert events.answer_confidence()[3] == 1
    assert events.ids["reviewed_by"].tolist() == [pd.NA, pd.NA, pd.NA, "kim"]


def test_merge_into_a_file_that_stays_on_the_disk(small, tmp_path):
    small.write(tmp_path / "p.parquet")
    answers = [said("e1", "zorilla", moving=True), said("e3", "empty")]
    stored = merge(Predictions.open(tmp_path / "p.parquet"), answers)
    assert not any(isinstance(v, np.ndarray) for v in stored.probabilities.values())
    merged = merge(small, answers)
    rows = np.array([2, 0, 5, 6])
    for head, values in merged.probabilities.items():
        np.testing.assert_array_equal(stored.select(rows).probabilities[head], values[rows])
    assert stored.answers().equals(merged.answers())


def test_merge_into_rows_of_events(small):
    merged = merge(small.by_event(), [said("e2", "lion")])
    assert merged.answers().tolist() == ["hare", "hare", "lion", "lion"]


def test_unreadable_pictures_stay_so_unless_people_saw_the_event_all_the_same():
    predictions = predictions_of([[(0.2, 0.9), (NAN, NAN)], [(NAN, NAN)]])
    merged = merge(predictions, [said("e0", "hare"), said("e1", "hare")])
    assert merged.answers().tolist() == ["hare", pd.NA, "hare"]
    assert merged.ids["failure"].tolist() == [pd.NA, "truncated", pd.NA]
    assert merged.by_event().ids["reviewed_by"].tolist() == ["kim", "kim"]


def test_species_that_the_model_does_not_know_become_classes(small):
    merged = merge(small, [said("e1", "zorilla"), said("e2", "lion+zorilla"), said("e3", "animal")])
    assert merged.classes["species"] == ("hare", "lion", "zorilla")
    assert merged.answers().tolist() == [
        "hare", "hare", "zorilla", "lion", "lion", "animal", "animal",
    ]  # fmt: skip
    np.testing.assert_allclose(merged.probabilities["species"][0], [0.9, 0.1, 0], rtol=1e-6)
    further = {"species": "zorilla", "count": None, "attributes": {}}
    assert merged.info["review"]["further_sightings"] == {"e2": [further]}


def test_a_one_stage_model_keeps_empty_last():
    ids = pd.DataFrame({"path": ["a.jpg", "b.jpg", "c.jpg"], "event_id": ["a", "b", "c"]})
    one = np.float32([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]])
    labels = {"species": np.array([0, 1, -1])}
    predictions = Predictions(ids, {"species": ("hare", "empty")}, {"species": one}, labels)
    merged = merge(predictions, [said("a", "lion"), said("b", "animal"), said("c", "empty")])
    assert merged.classes["species"] == ("hare", "lion", "empty")
    assert merged.answers().tolist() == ["lion", "empty", "empty"]
    assert merged.labels["species"].tolist() == [0, 2, -1]
    assert merged.ids["reviewed_by"].notna().tolist() == [True, False, True]


def test_a_count_of_other_bins_is_an_error(small):
    with pytest.raises(InputError, match="counts are among"):
        merge(small, [said("e0", "lion", count="11-50")])


def test_event_table_of_answers(small, tmp_path):
    table = event_table(
        small,
        [
            said("e3", "hare+lion", "ann", "2", moving=True),
            said("e2", "empty", "ann"), said("e2", "empty", "bob"), said("e2", "lion", "cy"),
            said("e0", "?"), said("e1", "animal"),
        ],
    )  # fmt: skip
    table.write(tmp_path / "events.parquet")
    table = EventTable.read(tmp_path / "events.parquet")
    assert table.events["event_id"].tolist() == ["e3", "e2"]
    assert table.events["source"].tolist() == ["review", "review"]
    assert table.events["site"].tolist() == ["A", "A"]
    assert table.events[["classifications", "blanks"]].to_numpy().tolist() == [[1, 0], [3, 2]]
    assert table.frames["path"].tolist() == ["e3/0.jpg", "e3/1.jpg", "e2/0.jpg", "e2/1.jpg"]
    assert table.labels["species"].tolist() == ["hare", "lion", "empty"]
    assert table.labels["count"].tolist() == ["2", "2", pd.NA]
    assert table.labels["moving"].tolist() == [1, 1, pd.NA]
    assert table.dropped.counts == {"no reviewer is sure": 1, "an animal that nobody named": 1}


def test_answers_are_added_to_a_table_and_replace_its_labels(small):
    base = event_table(small, [said("e0", "lion"), said("e1", "lion")])
    base.events["source"] = "volunteers"
    table = event_table(small, [said("e1", "hare"), said("e2", "empty")], base)
    assert table.events["event_id"].tolist() == ["e0", "e1", "e2"]
    assert table.events["source"].tolist() == ["volunteers", "review", "review"]
    assert table.labels[["event_id", "species"]].to_numpy().tolist() == [
        ["e0", "lion"], ["e1", "hare"], ["e2", "empty"],
    ]  # fmt: skip
    assert len(table.frames) == 5


def test_frames_stand_in_their_order_wherever_their_rows_do(small):
    small.ids["datetime"] = pd.to_datetime("2024-05-01") + pd.to_timedelta(small.ids["frame"], "s")
    backwards = small.select(np.arange(len(small))[::-1])
    table = event_table(backwards, [said("e3", "hare")])
    assert table.frames["path"].tolist() == ["e3/0.jpg", "e3/1.jpg"]
    assert table.events["datetime"].tolist() == [pd.Timestamp("2024-05-01")]


def test_answers_of_another_time_zone_are_kept_in_utc(small):
    berlin = datetime.timezone(datetime.timedelta(hours=2))
    merged = merge(small, [said("e0", "hare", at=NOON.astimezone(berlin))])
    assert merged.ids["reviewed_at"].dropna().unique().tolist() == [
        pd.Timestamp("2024-05-01 12:00")
    ]


def test_kappa_is_that_of_the_textbook():
    # 50 grant proposals, two readers: both yes 20, both no 15, 5 and 10 apart; kappa 0.4.
    cells = [("lion", "lion", 20), ("lion", "empty", 5), ("empty", "lion", 10)]
    cells += [("empty", "empty", 15)]
    pairs = [(one, other) for one, other, times in cells for _ in range(times)]
    answers = [said(f"e{i}", one, "ann") for i, (one, _) in enumerate(pairs)]
    answers += [said(f"e{i}", other, "bob") for i, (_, other) in enumerate(pairs)]
    answers += [said("only ann", "lion", "ann"), said("e0", "?", "cy")]
    first, second, third = agreement(answers)
    assert (first.first, first.second, first.events) == ("ann", "bob", 50)
    assert first.share == pytest.approx(0.7) and first.kappa == pytest.approx(0.4)
    assert second.events == third.events == 0 and np.isnan(second.kappa)


def test_kappa_of_people_with_other_habits():
    # Ann says lion of 60 of 100, Bob of 70: by chance they agree on .6 * .7 + .4 * .3 = .54.
    cells = [("lion", "lion", 45), ("lion", "empty", 15), ("empty", "lion", 25)]
    cells += [("empty", "empty", 15)]
    pairs = [(one, other) for one, other, times in cells for _ in range(times)]
    answers = [said(f"e{i}", one, "ann") for i, (one, _) in enumerate(pairs)]
    answers += [said(f"e{i}", other, "bob") for i, (_, other) in enumerate(pairs)]
    [pair] = agreement(answers)
    assert pair.kappa == pytest.approx((0.6 - 0.54) / (1 - 0.54))


def test_two_people_who_always_say_the_same_one_thing_have_no_kappa():
    [pair] = agreement([said("a", "lion", "ann"), said("a", "lion", "bob")])
    assert pair.share == 1 and np.isnan(pair.kappa)


def test_accuracy_counts_only_what_was_drawn_at_random(small):
    answers = [said(f"e{i}", name, drawn="random") for i, name in enumerate(["hare", "lion", "?"])]
    found = accuracy(small, [*answers, said("e3", "empty")])
    assert (found.events, found.right, found.undecided) == (2, 1, 1)
    # Clopper and Pearson, one of two: 1 - sqrt(0.975) and sqrt(0.975)
    assert found.interval == pytest.approx((1 - 0.975**0.5, 0.975**0.5))
    assert accuracy(small, [said("e3", "empty")]) is None


def test_an_animal_that_nobody_named_counts_neither_for_nor_against_the_model(small):
    answers = [said("e0", "hare", drawn="random"), said("e1", "animal", drawn="random")]
    found = accuracy(small, answers)
    assert (found.events, found.right, found.undecided) == (1, 1, 1)
