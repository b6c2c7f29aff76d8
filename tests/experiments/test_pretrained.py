"""Experiments on pretrained networks, on drawn numbers."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers import with_event
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY
from camtrap_tf.events.detections import Detections
from experiments.pretrained import (
    cameras,
    collections,
    combinations,
    confidence,
    detector,
    few_labels,
    networks,
    probes,
    stage1,
)
from experiments.pretrained.scored import Scored, join


def drawn(cameras_of: str, species: list[str], seed: int = 0) -> collections.Collection:
    """Pictures whose first feature tells a deer; the others tell nothing."""
    rng, names = np.random.default_rng(seed), np.array(list(cameras_of))
    seen = np.zeros((len(names), 2, 4), np.float32)
    seen[..., 0] = rng.normal(np.where(np.array(species) == "deer", 3, -3)[:, None], 0.1)
    paths = np.array([f"{number}.jpg" for number in range(len(names))])
    views = dict.fromkeys(collections.VIEWS, seen)
    return collections.Collection(
        paths, np.array(species), names, paths, np.ones(len(names), np.float32), views
    )


def test_a_unit_of_several_runs_is_drawn_once():
    run = Scored(np.array([1.0, 0.0, np.nan]), np.array(["a", "b", "c"]))
    figures = join([run, run]).figures()
    assert (figures["right"], figures["scored"], figures["units"]) == (0.5, 4, 2)
    assert (figures["low"], figures["high"]) == (0.0, 1.0)


@pytest.fixture
def few_sights(monkeypatch):
    kept = ("whole", "sharp crop", "whole, sharp crop and score, joined")
    monkeypatch.setattr(cameras, "SIGHTS", {name: cameras.SIGHTS[name] for name in kept})
    monkeypatch.setattr(cameras, "MEANS", {"whole and sharp crop": kept[:2]})


@pytest.mark.usefixtures("few_sights")
def test_each_camera_is_named_by_heads_of_the_others():
    pictures = drawn("aabbcc", ["deer", "empty"] * 3)
    said = cameras.leave_out(pictures, pictures.cameras)
    assert set(said) == {*cameras.SIGHTS, *cameras.MEANS}
    assert all((answers == pictures.species).all() for answers in said.values())
    lines = cameras.lines("drawn", "none", pictures, pictures.cameras, said)
    assert {line["right"] for line in lines[2:]} == {1.0}
    assert [(line["of"], line["right"]) for line in lines[:2]] in (
        [("all", 0.5), ("not empty", 1.0)],
        [("all", 0.5), ("not empty", 0.0)],
    )


@pytest.mark.usefixtures("few_sights")
def test_a_camera_left_out_has_no_part_in_its_answers():
    # Camera c has a species of its own: only further pictures can teach it.
    pictures = drawn("aabbcc", ["deer", "empty"] * 2 + ["fox", "fox"])
    pictures.views["whole"][4:, :, 1] = 9
    said = cameras.leave_out(pictures, pictures.cameras)
    assert "fox" not in said["whole"]
    more = drawn("xyz", ["fox"] * 3)
    more.views["whole"][:] = pictures.views["whole"][4]
    assert (cameras.leave_out(pictures, pictures.cameras, more)["whole"][4:] == "fox").all()


def test_species_of_another_collection_take_the_names_of_this_one():
    pictures = drawn("aab", ["elk", "deer", "skunk"]).renamed({"elk": "deer", "deer": "deer"})
    assert pictures.species.tolist() == ["deer", "deer"] and len(pictures.views["whole"]) == 2
    assert len(collections.join([pictures, pictures]).scores) == 4


def test_labels_are_read(tmp_path):
    (tmp_path / "place").mkdir()
    content = {
        "categories": [{"id": 0, "name": "deer"}],
        "images": [{"id": "x", "file_name": "x.jpg", "location": "A", "seq_id": "s"}],
        "annotations": [{"image_id": "x", "category_id": 0}],
    }
    (tmp_path / "place" / "place.json").write_text(json.dumps(content))
    assert collections.labels(tmp_path, "place") == [("place/x.jpg", "deer", "A", "s")]
    guide = tmp_path / "serengeti" / "guide" / "animals"
    guide.mkdir(parents=True)
    (guide / "bat-eared-fox-2.jpg").touch()
    assert collections.labels(tmp_path, "guide")[0].species == "bat-eared-fox"
    gold = tmp_path / "serengeti" / "gold"
    (gold / "images").mkdir(parents=True)
    (gold / "images" / "f.jpg").touch()
    rows = [
        "CaptureEventID,image,gold_species_count",
        "f,x/f.jpg,zebra=1;topi=2",
        "g,x/g.jpg,zebra=1",
    ]
    (gold / "derived_join.csv").write_text("\n".join(rows))
    assert [label.species for label in collections.labels(tmp_path, "gold")] == ["zebra;topi"]


def test_a_true_box_is_found_once():
    truth = np.array([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    # The second covers the first true box, too, and is less sure; a third of the last is common.
    boxes = np.array([[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.49], [0.5, 0.5, 0.8, 0.8]])
    assert detector.matches(boxes, truth, 0.5).tolist() == [True, False, False]
    assert detector.matches(boxes, truth, 0.3).tolist() == [True, False, True]  # 0.09 / 0.25


def test_what_a_threshold_removes_and_keeps():
    # 25 with something at 0.04, 0.08 ... 1: 96% are 24 of them, all but the lowest.
    score = np.concatenate([np.arange(1, 26) / 25, [0.0, 0.05, 0.5]])
    empty = np.array([0] * 25 + [1] * 3)
    least = stage1.threshold(score, empty)
    assert 0.04 < least <= 0.08
    events = np.arange(28).astype(str)
    counted = stage1.removed(score, empty, events, least)
    assert counted["empties"].figures()["right"] == pytest.approx(2 / 3, abs=1e-4)
    assert counted["kept"].figures()["right"] == 0.96
    (by_picture, by_event) = detector.areas(score, empty, np.array(["e"] * 25 + list("abc")))
    # 0 and 0.05 lie below all and below 24 of 25; 0.5 below 13.
    assert by_picture["right"] == pytest.approx((25 + 24 + 13) / 75, abs=1e-4)
    assert by_event["right"] == 1.0


@pytest.fixture
def days():
    """Forty pictures in ten events, a quarter empty, whose first features tell the answers."""
    rng, number = np.random.default_rng(0), 40
    empty = np.arange(number) % 4 == 0
    species = np.where(empty, -1, np.arange(number) // 4 % 2)
    labels = {"empty": empty.astype(int), "species": species}
    seen = rng.normal(size=(number, 2, 6)).astype(np.float32)
    seen[..., 0], seen[..., 1] = 4 * empty[:, None], 4 * species[:, None]
    ids = pd.DataFrame(
        {"path": [str(i) for i in range(number)], "event_id": [str(i // 4) for i in range(number)]}
    )
    classes = {"empty": BINARY, "species": ("lion", "zebra")}
    nothing = {name: np.full((number, 2), np.nan) for name in classes}
    events = {"empty": np.zeros(number, int), "species": np.arange(number) // 4 % 2}
    return probes.Days(
        Predictions(ids, classes, nothing, labels, events), {"whole": seen, "crop": seen}
    )


@pytest.fixture
def boxes(days):
    paths = days.answered.ids["path"].astype("string").drop_duplicates().reset_index(drop=True)
    n = len(paths)
    nothing = np.full((n, 4), np.nan, np.float32)
    return Detections(paths, np.ones(n, np.float32), nothing, pd.Series([pd.NA] * n), 0.2)


def test_labelled_pictures_and_the_answers_of_heads_fitted_to_them(days):
    rows = few_labels.of_pictures(days.answered, 20, 1)
    assert len(rows) == 20 and (np.diff(rows) > 0).all()
    events = days.answered.ids["event_id"].iloc[few_labels.of_events(days.answered, 9, 0)]
    assert set(events.value_counts()) == {4} and len(events) == 12
    found = few_labels.measure("pictures", {"train": days, "test": days}, 2, [30])
    lines = few_labels.lines(found)
    assert {line["view"] for line in lines} == {"whole", "crop", "both"}
    assert all(line["right"] == 1.0 and line["scored"] == 60 for line in lines), lines


def test_combinations_of_sources_and_what_can_be_left_to_them(days, boxes):
    splits = dict.fromkeys(("train", "val", "test"), days)
    empty, species = combinations.of_probe(splits).values()
    wrong = {split: values[:, ::-1] for split, values in species.items()}
    given = {
        "empty": combinations.sources(empty, None),
        "species": combinations.sources(species, wrong),
    }
    found = dict(combinations.pairs(splits, given, boxes))
    assert list(found) == [("probe", name) for name in ("probe", "tuned", "probe and tuned")]
    right, mistaken = (combinations.figures(found["probe", name]) for name in ("probe", "tuned"))
    lines = combinations.lines({("probe", "probe"): [right, right]})
    shares = {line["figure"]: line["right"] for line in lines}
    said = with_event.read(found["probe", "probe"]["test"], with_event.USUAL)
    doubt = 1 - said.answer_confidence().mean()  # of answers that are all right
    assert shares.pop("calibration error") == pytest.approx(doubt, abs=1e-3)
    assert set(shares.values()) == {1.0} and lines[0]["splits"] == 2
    assert mistaken["species, pictures, alone"].figures()["right"] == 0.0
    # All that is named is named wrongly: the empties alone, a quarter, can be left.
    assert mistaken["left at 96.6%, threshold of test"].figures()["right"] <= 0.25


def test_figures_of_a_network_and_view(days, boxes):
    fitted = probes.fit(days, np.arange(len(days.answered)))
    rows = probes.with_scores(probes.ask(fitted, days)["both"], boxes)
    said = networks.figures(probes.with_facts(rows, animal_threshold=0.5))
    lines = networks.lines("lite9", "both", [said, said])
    shares = {line["figure"]: line["right"] for line in lines}
    assert shares.pop(networks.ERROR) < 0.5 and set(shares.values()) == {1.0}
    assert {(line["network"], line["view"]) for line in lines} == {("lite9", "both")}


def test_confidence_as_fitted_and_calibrated(days, boxes):
    fitted = probes.fit(days, np.arange(len(days.answered)))
    rows = probes.ask(fitted, days)["both"]
    timid = dataclasses.replace(  # right, and hardly surer than a guess
        rows,
        probabilities={head: 0.6 / v.shape[1] + 0.4 * v for head, v in rows.probabilities.items()},
    )
    found = confidence.by_way({"val": timid, "learnt": timid, "test": timid}, boxes)
    fitted, calibrated = (found[way] for way in confidence.WAYS)
    assert calibrated["calibration error"] < fitted["calibration error"] / 2
    for figure in ("left, threshold of val", "right of these, threshold of learnt"):
        assert fitted[figure].figures()["right"] == 1.0
    lines = confidence.lines([found])
    assert len(lines) == 10 and {line["answers"] for line in lines} == set(confidence.WAYS)


def test_a_head_in_the_axes_of_its_pictures_is_the_same_head():
    from camtrap_tf.training import linear

    rng = np.random.default_rng(0)
    seen = rng.normal(size=(12, 2, 40)).astype(np.float32)
    labels, folds = np.arange(12) % 2, np.arange(12) // 2
    standard = linear.Standard.learn(seen)
    plain = linear.fit(standard(seen), labels, folds, 2, weighted=True).behind(standard)
    found = probes.fit_head(seen, labels, folds, 2, weighted=True)
    assert found.strength == plain.strength
    asked = rng.normal(size=(5, 40)).astype(np.float32)
    np.testing.assert_allclose(found.logits(asked), plain.logits(asked), atol=0.01)
