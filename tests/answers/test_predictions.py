import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from camtrap_tf.answers import columns, with_event
from camtrap_tf.answers import predictions as predictions_module
from camtrap_tf.answers.predictions import Predictions, ensemble
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY

NAN = float("nan")


def make(**changes) -> Predictions:
    """Four pictures: event x (zebra, not readable), event y (not asked, lion)."""
    fields = {
        "ids": pd.DataFrame(
            {
                "path": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
                "event_id": ["x", "x", "y", "y"],
                "frame": [0, 1, 0, 1],
                "site": ["S1", "S1", None, None],
                "datetime": pd.to_datetime(["2020-01-02 03:04:05", None, None, None]),
                "failure": [None, "truncated file", None, None],
            }
        ),
        "classes": {"empty": BINARY, "species": ("lion", "zebra")},
        "probabilities": {
            "empty": np.array([[0.9, 0.1], [NAN, NAN], [0.2, 0.8], [0.7, 0.3]], np.float32),
            "species": np.array([[0.1, 0.9], [NAN, NAN], [NAN, NAN], [0.8, 0.2]], np.float32),
        },
        "labels": {"empty": np.array([0, 0, 1, 0]), "species": np.array([1, -1, -1, 0])},
        "event_labels": {"empty": np.array([0, 0, 0, 0]), "species": np.array([1, 1, 0, 0])},
        "info": {"model": "test", "animal_threshold": 0.5},
    }
    return Predictions(**fields | changes)


def test_round_trip(tmp_path):
    predictions = make()
    predictions.write(tmp_path / "p.parquet")
    read = Predictions.read(tmp_path / "p.parquet")
    pd.testing.assert_frame_equal(read.ids, predictions.ids)
    assert read.classes == predictions.classes and read.info == predictions.info
    for mine, theirs in (
        (predictions.probabilities, read.probabilities),
        (predictions.labels, read.labels),
        (predictions.event_labels, read.event_labels),
    ):
        assert list(mine) == list(theirs)
        for head in mine:
            np.testing.assert_array_equal(mine[head], theirs[head])


def test_round_trip_of_no_rows(tmp_path):
    make().select(np.zeros(4, bool)).write(tmp_path / "p.parquet")
    assert len(Predictions.read(tmp_path / "p.parquet")) == 0


def test_answers_of_people_are_kept_and_files_of_before_are_read(tmp_path):
    path, at = tmp_path / "p.parquet", pd.Timestamp("2026-01-02 03:04:05.678901")
    ids = make().ids.assign(
        reviewed_by=[None, "Ada", None, None], reviewed_at=[None, at] + [None] * 2
    )
    make(ids=ids).write(path)
    read = Predictions.read(path)
    assert read.reviewed().tolist() == [False, True, False, False]
    assert read.ids["reviewed_at"][1] == at
    old = pq.read_table(path).drop_columns(["reviewed_by", "reviewed_at"])
    pq.write_table(old, path)
    assert not Predictions.read(path).reviewed().any()


def test_reading_something_else_says_so(tmp_path):
    with pytest.raises(InputError, match="existing file"):
        Predictions.read(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("not Parquet")
    with pytest.raises(InputError, match="Parquet file"):
        Predictions.read(tmp_path / "text.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="predictions file"):
        Predictions.read(tmp_path / "other.parquet")
    stamp = {"artifact": "predictions file", "version": 99}
    table = pa.table({"a": [1]}).replace_schema_metadata({"camtrap": json.dumps(stamp)})
    pq.write_table(table, tmp_path / "later.parquet")
    with pytest.raises(InputError, match="reads version 1"):
        Predictions.read(tmp_path / "later.parquet")


def test_shape_is_checked():
    with pytest.raises(InputError, match=r"head 'species' have shape \(4, 2\)"):
        make(probabilities={"empty": np.zeros((4, 2)), "species": np.zeros((4, 3))})


def test_top_and_confidence_without_an_answer():
    predictions = make()
    assert predictions.top("species").tolist() == [1, -1, -1, 0]
    np.testing.assert_allclose(predictions.confidence("species"), [0.9, NAN, NAN, 0.8])
    assert predictions.answered("empty").tolist() == [True, False, True, True]


def test_by_event_averages_the_frames_that_have_an_answer():
    events = make().by_event()
    assert events.ids["event_id"].tolist() == ["x", "y"]
    assert events.ids["path"].isna().all() and events.ids["frame"].isna().all()
    assert events.ids["site"].iloc[0] == "S1"
    # y: (0.2 + 0.7) / 2 = 0.45; species from the one frame that was asked.
    np.testing.assert_allclose(events.probabilities["empty"], [[0.9, 0.1], [0.45, 0.55]])
    np.testing.assert_allclose(events.probabilities["species"], [[0.1, 0.9], [0.8, 0.2]])
    assert events.labels["species"].tolist() == [1, 0]
    assert events.ids["failure"].isna().all()  # x has one readable frame


def test_an_event_without_a_readable_frame_is_a_failure():
    ids = make().ids.assign(failure=["first", "second", None, None])
    probabilities = {head: p.copy() for head, p in make().probabilities.items()}
    for values in probabilities.values():
        values[:2] = NAN
    events = make(ids=ids, probabilities=probabilities).by_event()
    assert events.ids["failure"].tolist()[0] == "first"
    assert pd.isna(events.ids["failure"].iloc[1])
    assert np.isnan(events.probabilities["empty"][0]).all()


def test_events_keep_the_order_of_their_first_picture():
    ids = make().ids.assign(event_id=["z", "a", "z", "a"])
    assert make(ids=ids).by_event().ids["event_id"].tolist() == ["z", "a"]


def test_select_by_mask_and_by_position():
    mask = make().select(np.array([True, False, False, True]))
    rows = make().select(np.array([0, 3]))
    assert mask.ids["path"].tolist() == rows.ids["path"].tolist() == ["a.jpg", "d.jpg"]
    assert rows.labels["species"].tolist() == [1, 0]


def test_answers_and_truths_of_two_stages():
    predictions = make()
    np.testing.assert_allclose(predictions.animal_probability(), [0.9, NAN, 0.2, 0.7])
    assert predictions.answers().tolist() == ["zebra", pd.NA, "empty", "lion"]
    assert predictions.truths().tolist() == ["zebra", "animal", "empty", "lion"]


def test_answers_mind_the_threshold_of_the_model():
    strict = make(info={"animal_threshold": 0.8})
    assert strict.answers().tolist() == ["zebra", pd.NA, "empty", "empty"]


def test_answers_of_the_empty_head_alone():
    head = {"empty": make().probabilities["empty"]}
    predictions = make(classes={"empty": BINARY}, probabilities=head, labels={})
    assert predictions.answers().tolist() == ["animal", pd.NA, "empty", "animal"]
    assert predictions.truths().isna().all()


def test_answers_of_a_one_stage_model():
    p = np.array([[0.6, 0.4, 0.0], [NAN] * 3, [0.1, 0.2, 0.7], [0.3, 0.3, 0.4]], np.float32)
    labels = {"species": np.array([1, -1, 2, 0])}
    predictions = make(
        classes={"species": ("lion", "zebra", "empty")},
        probabilities={"species": p},
        labels=labels,
    )
    assert predictions.one_stage
    np.testing.assert_allclose(predictions.animal_probability(), [1, NAN, 0.3, 0.6], rtol=1e-6)
    # Row 3: 'empty' is the most probable single class although an animal is more probable.
    assert predictions.answers().tolist() == ["lion", pd.NA, "empty", "empty"]
    assert predictions.truths().tolist() == ["zebra", pd.NA, "empty", "lion"]


def test_a_model_that_only_tells_species_has_no_animal_probability():
    head = {"species": make().probabilities["species"]}
    predictions = make(classes={"species": ("lion", "zebra")}, probabilities=head)
    assert np.isnan(predictions.animal_probability()).all()
    assert predictions.answers().tolist() == ["zebra", pd.NA, pd.NA, "lion"]


# Table S.4 of the paper: three networks' probabilities for one picture.
SPECIES_S4 = ("zebra", "impala", "topi", "dikDik", "reedbuck", "gazelleGrants")
TABLE_S4 = (
    (0.80, 0.00, 0.10, 0.07, 0.03, 0.00),
    (0.05, 0.90, 0.00, 0.04, 0.00, 0.01),
    (0.50, 0.08, 0.40, 0.00, 0.02, 0.00),
)


def test_ensemble_of_table_s4():
    ids = pd.DataFrame({"path": ["a.jpg"]})
    members = [
        Predictions(ids, {"species": SPECIES_S4}, {"species": np.array([row], np.float32)})
        for row in TABLE_S4
    ]
    mean = ensemble(members)
    expected = [0.45, 0.98 / 3, 0.50 / 3, 0.11 / 3, 0.05 / 3, 0.01 / 3]
    np.testing.assert_allclose(mean.probabilities["species"], [expected], rtol=1e-5)
    # The second network's own answer, impala, is outvoted.
    assert members[1].answers().tolist() == ["impala"]
    assert mean.answers().tolist() == ["zebra"]


def test_ensemble_averages_a_head_over_the_members_that_have_it():
    empty = make(classes={"empty": BINARY}, probabilities={"empty": make().probabilities["empty"]})
    both = ensemble([empty, make()])
    assert set(both.classes) == {"empty", "species"}
    np.testing.assert_allclose(
        both.probabilities["species"], make().probabilities["species"], rtol=1e-6
    )


def test_ensemble_refuses_other_rows_and_other_classes():
    with pytest.raises(InputError, match="at least one"):
        ensemble([])
    with pytest.raises(InputError, match="same rows"):
        ensemble([make(), make().select(np.array([1, 0, 2, 3]))])
    other = make(classes={"empty": BINARY, "species": ("zebra", "lion")})
    with pytest.raises(InputError, match="agree on the classes"):
        ensemble([make(), other])


@pytest.mark.parametrize(
    ("rule", "animal", "zebra"),
    [
        ("mean", 0.45, 0.5),
        # Odds 0.25 and 7/3: √(0.25 · 7/3) = 0.7638 : 1. Zebra 9 and 1/9: 1 : 1.
        ("mean_logit", 0.433, 0.5),
        ("geometric", 1 - (0.8 * 0.3) ** 0.5, 0.5),  # of species as the mean logit
        ("maximum", 0.7, 0.5),  # zebra 0.9, lion 0.9
        ("animal", (0.2 * 0.2 + 0.7 * 0.7) / 0.9, (0.2 * 0.9 + 0.7 * 0.1) / 0.9),
        ("surest", 0.7, 0.1),
    ],
)
def test_rules_that_make_one_answer_of_an_event(rule, animal, zebra):
    probabilities = {
        "empty": np.array([[0.2, 0.8], [0.7, 0.3], [NAN, NAN], [0.6, 0.4]], np.float32),
        "species": np.array([[0.1, 0.9], [0.9, 0.1], [NAN, NAN], [1.0, 0.0]], np.float32),
    }
    kept = make(probabilities=probabilities, info={"animal_threshold": 0.2})
    events = kept.by_event({"empty": rule, "species": rule})
    assert events.probabilities["empty"][0] == pytest.approx([animal, 1 - animal], abs=1e-3)
    # Event y has one answer, which every rule keeps.
    np.testing.assert_allclose(events.probabilities["empty"][1], [0.6, 0.4], rtol=1e-6)
    assert events.probabilities["species"][0, 1] == pytest.approx(zebra)
    np.testing.assert_allclose(events.probabilities["species"].sum(axis=1), 1, rtol=1e-6)


def test_frames_that_stage_1_calls_empty_do_not_say_what_the_animal_is():
    # As on labelled shards, where stage 2 answers every frame.
    probabilities = {
        "empty": np.array([[0.2, 0.8], [0.7, 0.3], [0.3, 0.7], [0.1, 0.9]], np.float32),
        "species": np.array([[0.1, 0.9], [0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], np.float32),
    }
    scores = {"familiarity": np.float32([1, 2, 3, 5])}
    events = make(probabilities=probabilities, scores=scores).by_event()
    # x: the second frame alone; y: none has an animal, and both count.
    np.testing.assert_allclose(events.probabilities["species"], [[0.9, 0.1], [0.4, 0.6]])
    np.testing.assert_allclose(events.probabilities["empty"][:, 0], [0.45, 0.2])
    assert events.scores["familiarity"].tolist() == [2, 4]


def test_a_one_stage_event_is_as_likely_to_have_an_animal_as_its_surest_frame():
    ids = pd.DataFrame({"path": ["a", "b"], "event_id": ["x", "x"]})
    values = np.array([[0.06, 0.04, 0.9], [0.1, 0.7, 0.2]], np.float32)  # lion, zebra, empty
    one = Predictions(ids, {"species": ("lion", "zebra", "empty")}, {"species": values})
    for rule, lion in (("animal", (0.06 + 0.1) / 0.9), ("surest", 0.1 / 0.8)):
        event = one.by_event({"species": rule}).probabilities["species"][0]
        np.testing.assert_allclose(event, [0.8 * lion, 0.8 * (1 - lion), 0.2], rtol=1e-6)


def test_frames_weighted_by_the_score_of_a_detector(tmp_path):
    values = np.array([[0.1, 0.9], [0.6, 0.4], [0.3, 0.7], [0.7, 0.3]], np.float32)
    probabilities = {"empty": np.full((4, 2), 0.5, np.float32), "species": values}
    scores = {"detection": np.float32([0.6, 0.2, 0.0, NAN])}  # in y nothing was found
    kept = make(probabilities=probabilities, scores=scores, info={})
    kept.write(tmp_path / "p.parquet")
    read = Predictions.read(tmp_path / "p.parquet")
    np.testing.assert_array_equal(read.scores["detection"], scores["detection"])
    assert "detection" in read.to_pandas() and "detection" not in make().to_pandas()
    events = read.by_event({"species": "detector"})
    expected = [(0.6 * 0.1 + 0.2 * 0.6) / 0.8, (0.3 + 0.7) / 2]
    np.testing.assert_allclose(events.probabilities["species"][:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(events.scores["detection"], [0.4, 0.0])
    # A person is surer than a detector.
    person = read.select(np.arange(4))
    person.ids["reviewed_by"] = [pd.NA, "ann", pd.NA, pd.NA]
    said = person.by_event({"species": "detector"}).probabilities["species"][0, 0]
    assert said == pytest.approx((0.6 * 0.1 + 0.6) / 1.6)
    with pytest.raises(InputError, match=r"by the score of a detector.*Take 'animal'"):
        make().by_event({"species": "detector"})
    # Members of an ensemble that look are those that tell.
    both = ensemble([make(), make(scores={"detection": np.float32([0.6, 0.2, 0.0, 1.0])})])
    np.testing.assert_allclose(both.scores["detection"], [0.6, 0.2, 0.0, 1.0])


def test_rules_of_the_model_hold_where_none_are_given():
    kept = make(info={"event_rules": {"empty": "maximum"}})
    np.testing.assert_allclose(kept.by_event().animal_probability(), [0.9, 0.7])
    np.testing.assert_allclose(kept.by_event({}).animal_probability(), [0.9, 0.45])
    with pytest.raises(InputError, match="a rule is one of mean, mean_logit"):
        make().by_event({"empty": "median"})


def test_decided_minds_the_threshold():
    strict = make(info={"animal_threshold": 0.8})
    assert strict.decided("empty").tolist() == [0, -1, 1, 1]
    assert strict.top("empty").tolist() == [0, -1, 1, 0]
    assert strict.decided("species").tolist() == [1, -1, -1, 0]


def test_an_ensemble_keeps_what_its_members_agree_on():
    one, other = (make(info={"animal_threshold": 0.8, "model": name}) for name in "ab")
    both = ensemble([one, other])
    assert both.info["animal_threshold"] == 0.8 and "model" not in both.info
    assert [member["model"] for member in both.info["members"]] == ["a", "b"]


@pytest.fixture
def scattered() -> Predictions:
    """40 rows of 13 events that are nowhere together; some rows without an answer."""
    rng = np.random.default_rng(0)
    values = rng.random((40, 3)).astype(np.float32)
    values[rng.random(40) < 0.2] = np.nan
    ids = pd.DataFrame({"path": [f"{i}.jpg" for i in range(40)], "frame": range(40)})
    ids["event_id"] = [None if i == 7 else f"e{i % 13}" for i in range(40)]
    return Predictions(ids, {"species": ("a", "b", "c")}, {"species": values})


@pytest.mark.parametrize("size", [1, 5, 100])
def test_events_in_parts_are_the_events_of_the_whole(scattered, size):
    whole, parts = (
        scattered.by_event(),
        [scattered.select(rows).by_event() for rows in scattered.event_blocks(size)],
    )
    assert (len(parts) > 1) == (size < 100)
    pd.testing.assert_frame_equal(
        pd.concat([part.ids for part in parts], ignore_index=True), whole.ids
    )
    found = np.concatenate([part.probabilities["species"] for part in parts])
    np.testing.assert_array_equal(found, whole.probabilities["species"])


def test_a_file_that_stays_on_the_disk_gives_the_same(scattered, tmp_path, monkeypatch):
    monkeypatch.setattr(predictions_module, "ROW_GROUP", 7)
    scattered.write(tmp_path / "p.parquet")
    assert pq.ParquetFile(tmp_path / "p.parquet").num_row_groups == 6
    stored = Predictions.open(tmp_path / "p.parquet")
    values = scattered.probabilities["species"]
    mixed, even = np.array([39, 0, 13, 14, 7]), np.arange(40) % 2 == 0
    for rows in (mixed, even, np.arange(40), np.arange(0)):
        np.testing.assert_array_equal(stored.select(rows).probabilities["species"], values[rows])
    monkeypatch.setattr(columns, "PART", 16)
    assert stored.answers().equals(scattered.answers())
    np.testing.assert_array_equal(stored.confidence("species"), scattered.confidence("species"))
    np.testing.assert_array_equal(stored.probabilities["species"][3], values[3])
    np.testing.assert_array_equal(
        stored.by_event().probabilities["species"], scattered.by_event().probabilities["species"]
    )


def test_what_is_exactly_at_a_threshold_reaches_it():
    ids = pd.DataFrame({"path": ["0.jpg", "1.jpg"]})
    probabilities = {
        "empty": np.float32([[0.25, 0.75], [0.125, 0.875]]),
        "species": np.float32([[0.5, 0.5]] * 2),
    }
    classes = {"empty": ("animal", "empty"), "species": ("hare", "zebra")}
    scores = {"familiarity": np.float32([2.0, 2.0])}
    info = {"animal_threshold": 0.25, "familiarity_threshold": 2.0}
    found = Predictions(ids, classes, probabilities, info=info, scores=scores)
    assert found.judged_empty().tolist() == [False, True]
    assert found.judged_unknown().tolist() == [False, False]
    found.info["familiarity_threshold"] = 2.5
    assert found.judged_unknown().tolist() == [True, False]


def test_an_event_that_can_be_read_in_part_is_no_failure():
    ids = make().ids.assign(failure=["truncated file", None, None, None])
    events = make(ids=ids).by_event()
    assert events.ids["failure"].isna().all()


def test_a_frame_that_cannot_be_read_does_not_keep_the_others_from_telling_the_animal():
    # Stage 1 calls the only readable frame empty, but stage 2 was asked all the same.
    values = {
        "empty": np.array([[NAN, NAN], [0.25, 0.75]], np.float32),
        "species": np.array([[NAN, NAN], [0.125, 0.875]], np.float32),
    }
    ids = make().ids.iloc[:2].reset_index(drop=True)
    event = Predictions(ids, make().classes, values).by_event()
    assert event.probabilities["species"].tolist() == [[0.125, 0.875]]


def test_pictures_without_an_event_are_events_of_their_own():
    ids = make().ids.assign(event_id=[None, None, "y", "y"])
    events = make(ids=ids).by_event()
    assert events.ids["event_id"].tolist() == ["a.jpg", "b.jpg", "y"]


def test_the_confidence_of_empty_is_that_of_no_animal():
    expected = [0.9, NAN, 0.8, 0.8]  # zebra, not readable, empty, lion
    np.testing.assert_allclose(make().answer_confidence(), expected, rtol=1e-6)


def test_an_interval_of_bins_reaches_from_one_quantile_to_the_other():
    values = {"count": np.array([[0.25, 0.5, 0.25]], np.float32)}
    ids = make().ids.iloc[:1]
    counted = Predictions(ids, {"count": ("1", "2", "3")}, values)
    # The first bin already holds a quarter, and three quarters are reached in the second.
    assert [bound.tolist() for bound in counted.interval("count", 0.5)] == [[0], [1]]


def test_an_ensemble_is_of_what_pictures_say_by_themselves():
    read = with_event.read(make(ids=make().ids.assign(event_id="x")), 0.9)
    assert read.own and not np.allclose(read.probabilities["species"][0], [0.1, 0.9])
    found = ensemble([read, make(ids=read.ids)])
    np.testing.assert_allclose(found.probabilities["species"][0], [0.1, 0.9], rtol=1e-6)
