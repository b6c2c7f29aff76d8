"""'Unknown': from the score and its threshold to the answer in every output."""

import csv
import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers import calibration, metrics, planning
from camtrap_tf.answers.predictions import Predictions, ensemble
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY, FAMILIARITY
from camtrap_tf.outputs import Options, camtrap_dp, folders, megadetector, parquet, speciesnet
from camtrap_tf.outputs import csv as csv_output
from camtrap_tf.reviewing import queue
from camtrap_tf.reviewing.answers import Answer, Sighting, Verdict, merge
from tests import edited

NAN = float("nan")


@pytest.fixture
def predictions() -> Predictions:
    """A zebra, an animal taken for a zebra but strange, a strange empty picture, a failure.

    The first two are of one event, of mean familiarity 3.
    """
    ids = pd.DataFrame(
        {
            "path": ["A/zebra.jpg", "A/strange.jpg", "A/empty.jpg", "A/bad.jpg"],
            "event_id": ["e1", "e1", "e2", "e3"],
            "datetime": pd.to_datetime(["2020-01-02 03:04:05"] * 4),
            "failure": [None, None, None, "truncated file"],
        }
    )
    probabilities = {
        "empty": [[0.75, 0.25], [0.875, 0.125], [0.25, 0.75], [NAN, NAN]],
        "species": [[0.25, 0.75], [0.0625, 0.9375], [0.5, 0.5], [NAN, NAN]],
    }
    return Predictions(
        ids,
        {"empty": BINARY, "species": ("lion", "zebra")},
        {head: np.array(p, np.float32) for head, p in probabilities.items()},
        info={"familiarity_threshold": 2.0, "familiarity_score": "energy", "model": "m"},
        scores={FAMILIARITY: np.array([5, 1, 0, NAN], np.float32)},
    )


def test_an_animal_below_the_threshold_is_unknown(predictions):
    assert predictions.answers().tolist() == ["zebra", "unknown", "empty", pd.NA]
    assert predictions.words == ("lion", "zebra", "animal", "empty", "unknown")
    assert predictions.answer_codes().tolist() == [1, 4, 3, -1]
    # Of 'unknown' the probability that there is an animal.
    np.testing.assert_allclose(predictions.answer_confidence(), [0.75, 0.875, 0.75, NAN])


def test_without_a_threshold_all_is_as_before(predictions):
    del predictions.info["familiarity_threshold"]
    assert predictions.answers().tolist() == ["zebra", "zebra", "empty", pd.NA]
    np.testing.assert_allclose(predictions.answer_confidence(), [0.75, 0.9375, 0.75, NAN])


def test_an_events_familiarity_is_the_mean_over_its_frames(predictions):
    assert predictions.by_event().answers().tolist() == ["zebra", "empty", pd.NA]
    predictions.info["familiarity_threshold"] = 3.5
    events = predictions.by_event()
    np.testing.assert_allclose(events.scores[FAMILIARITY], [3, 0, NAN])
    assert events.answers().tolist() == ["unknown", "empty", pd.NA]


def test_an_ensembles_familiarity_is_the_mean_of_its_members(predictions, tmp_path):
    other = dataclasses.replace(predictions, scores={FAMILIARITY: np.full(4, 3, np.float32)})
    together = ensemble([predictions, other])
    np.testing.assert_allclose(together.scores[FAMILIARITY][:3], [4, 2, 1.5])
    together.write(tmp_path / "p.parquet")
    read = Predictions.read(tmp_path / "p.parquet")
    assert read.answers().tolist() == ["zebra", "zebra", "empty", pd.NA]  # 2 is not below 2
    assert read.info["familiarity_score"] == "energy"
    other.info = other.info | {"familiarity_score": "energy and distance"}
    with pytest.raises(InputError, match="agree on what familiarity is"):
        ensemble([predictions, other])


def test_a_person_who_names_the_animal_is_believed(predictions):
    merged = merge(predictions, [Answer("e1", "Ada", Verdict.ANIMAL, (Sighting("lion"),))])
    assert merged.answers().tolist() == ["lion", "lion", "empty", pd.NA]


def labelled(predictions, species) -> Predictions:
    labels = {"empty": np.array([0, 0, 1, 0]), "species": np.array(species)}
    return dataclasses.replace(predictions, labels=labels, event_labels=labels)


def test_a_share_of_the_known_animals_lies_below_the_threshold(predictions):
    rows = predictions.select(np.zeros(103, int))
    rows.scores[FAMILIARITY][:] = [*range(1, 101), -9, -9, -9]
    rows.probabilities["empty"][101] = [0.25, 0.75]  # judged empty
    rows.scores[FAMILIARITY][102] = NAN  # not asked
    rows.labels = {"species": np.array([0] * 100 + [-1, 0, 0])}  # 100: no label
    threshold = calibration.familiarity_threshold(rows, 0.05)
    assert threshold == 5.5
    assert (np.arange(1, 101) < threshold).sum() == 5
    assert calibration.familiarity_threshold(rows.select(np.array([100])), 0.05) is None


def test_empty_pictures_of_a_one_stage_model_are_no_known_animals(predictions):
    rows = Predictions(
        predictions.ids.iloc[:3],
        {"species": ("zebra", "empty")},
        {"species": np.array([[0.75, 0.25]] * 3, np.float32)},
        {"species": np.array([1, 0, 0])},
        scores={FAMILIARITY: np.array([1, 2, 3], np.float32)},
    )
    assert calibration.familiarity_threshold(rows, 0.5) == 2.5
    assert 1.9 < calibration.familiarity_threshold(rows, 0.0) < 2  # none lies on it


def test_evaluation_tells_how_many_known_animals_are_called_unknown(predictions):
    rows = labelled(predictions, [1, 1, -1, 1])
    # Scored are the two that are seen as animals; the third is empty, the fourth unreadable.
    np.testing.assert_equal(metrics.called_unknown(rows), [0, 1, NAN, NAN])
    scores = metrics.evaluate(rows)
    assert scores["images"]["called_unknown"] == 0.5
    assert scores["images"]["answer"]["top1"] == 0.5  # zebra and empty of four
    assert scores["events"]["called_unknown"] == 0
    assert "known animals called unknown: 50.0%" in metrics.table(scores)
    # 'unknown' is right about an animal of no known species.
    assert metrics.right_answers(labelled(predictions, [1, -1, -1, -1])).tolist() == [1, 1, 1, 0]


def test_a_plan_leaves_the_unknown_to_people(predictions):
    rows = labelled(predictions.select(np.tile([0, 0, 0, 1], 25)), [1] * 100)
    rows.labels = rows.event_labels = {"empty": np.zeros(100, int), "species": np.ones(100, int)}
    rows.ids["event_id"] = [str(i) for i in range(100)]
    assert np.isnan(planning.answers(rows)["animal"].confidence[3])
    made = planning.plan(rows, rows, 0.9, 1000, 10)
    # All 75 zebras are accepted and right; the other 25 are zebras, too, called unknown.
    assert (made.automated, made.accuracy) == (0.75, 1.0)
    assert (made.unknown, made.known_unknown) == (0.25, 0.25)
    text = planning.text(made)
    assert "answers 'unknown' (25.0% of all): people label them all" in text
    assert "of the animals whose species is known are called unknown" in text
    del rows.info["familiarity_threshold"]
    assert planning.plan(rows, rows, 0.9, 1000, 10).unknown is None


def test_unknown_events_are_looked_at_first(predictions):
    predictions.ids["event_id"] = ["e0", "e1", "e2", "e3"]
    table = queue.order(predictions)
    assert table["event_id"].iloc[0] == "e1"
    # Nobody says how sure 'unknown' is: chance 1, and as rare as can be.
    assert table["gain"].iloc[0] == 2
    only = queue.order(predictions, only="species:unknown")
    assert only["event_id"].tolist() == ["e1"]
    del predictions.info["familiarity_threshold"]
    # A zebra of 0.75 * 0.75 before an empty picture of 0.75.
    assert queue.order(predictions)["event_id"].tolist()[:2] == ["e0", "e2"]


def test_csv(predictions, tmp_path):
    csv_output.write([predictions], tmp_path / "p.csv")
    with open(tmp_path / "p.csv", newline="", encoding="utf-8") as file:
        _, row, *_ = csv.DictReader(file)
    assert (row["answer"], row["familiarity"]) == ("unknown", "1.0000")
    assert (row["species"], row["species_confidence"]) == ("zebra", "0.9375")
    assert "familiarity_confidence" not in row


def test_parquet(predictions, tmp_path):
    parquet.write_rows([parquet.frame(predictions)], tmp_path / "p.parquet")
    table = pd.read_parquet(tmp_path / "p.parquet")
    assert table["answer"].tolist() == ["zebra", "unknown", "empty", pd.NA]
    np.testing.assert_allclose(table["familiarity"], [5, 1, 0, NAN])
    assert not [name for name in table if name.startswith("p_familiarity")]


def test_megadetector(predictions, tmp_path):
    megadetector.write(predictions, tmp_path / "m.json")
    content = json.loads((tmp_path / "m.json").read_text())
    megadetector.validate(content)
    names = {"0": "lion", "1": "zebra", "2": "unknown"}
    assert content["classification_categories"] == names
    zebra, strange, *_ = (image["detections"] for image in content["images"])
    assert zebra[0]["classifications"] == [["1", 0.75], ["0", 0.25]]
    assert strange == [
        {"category": "1", "conf": 0.875, "bbox": [0, 0, 1, 1], "classifications": [["2", 1.0]]}
    ]


def test_megadetector_does_not_call_an_unknown_a_person(predictions):
    people = dataclasses.replace(
        predictions, classes=predictions.classes | {"species": ("lion", "human")}
    )
    categories = [
        image["detections"][0]["category"] for image in megadetector.content(people)["images"][:2]
    ]
    assert categories == ["2", "1"]


def test_speciesnet(predictions, tmp_path):
    speciesnet.write(predictions, tmp_path / "s.json")
    entry = json.loads((tmp_path / "s.json").read_text())["predictions"][1]
    none = "no cv result;" * 6
    itself, animal = entry["detections"]
    answer = itself["processed_classification"]
    assert answer["class"] == "f2efdae9-efb8-48fb-8a91-eccf79ab4ffb;" + none[:-1]
    assert answer["score"] == 0.875
    assert animal["label"] == "animal"
    raw = itself["raw_classifications"]
    names = [name.rpartition(";")[2] for name in raw["classes"]]
    assert (names, raw["scores"]) == (["animal", "blank"], [0.875, 0.125])


def test_camtrap_dp(predictions, tmp_path):
    options = Options(
        places={"A": (-2.5, 34.75)}, time_zone="+03:00", project="P",
        sampling_design="systematicRandom", contributors=("Ada",),
    )  # fmt: skip
    predictions.info["familiarity_threshold"] = 3.5  # and so is the event
    camtrap_dp.write(predictions, tmp_path / "dp", options)
    table = pd.read_csv(tmp_path / "dp" / "observations.csv")
    seen = table.set_index("observationID")
    media = seen[seen["observationLevel"] == "media"]
    assert media["observationType"].tolist() == ["animal", "unknown", "blank", "unclassified"]
    assert media["scientificName"].isna().tolist()[1]
    assert media["classificationProbability"].tolist()[1] == 0.875
    assert media["observationTags"].tolist()[1] == "label:unknown"
    assert seen.loc["e1_event", "observationType"] == "unknown"


def test_folders(predictions, tmp_path):
    for path in predictions.ids["path"]:
        file = tmp_path / "pictures" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    (tmp_path / "out").mkdir()
    folders.write_files(predictions, tmp_path / "out", Options(pictures=tmp_path / "pictures"))
    assert (tmp_path / "out" / "by_species" / "unknown" / "A" / "strange.jpg").is_symlink()


def test_energy_by_hand():
    from camtrap_tf.networks.network import energy

    logits = np.array([[np.log(1), np.log(2)], [1000, 1000 + np.log(3)]], np.float32)
    # log(1 + 2); 1000 + log(1 + 3).
    np.testing.assert_allclose(energy(logits), [[np.log(3)], [1000 + np.log(4)]], rtol=1e-6)


@pytest.fixture(scope="module")
def run(tiny_shards, tmp_path_factory):
    from camtrap_tf.core.config_io import override
    from camtrap_tf.training.train import train
    from tests.recipes import SMALL

    changes = {"model.crop": "32", "train.batch_size": "8", "train.epochs": "1"}
    config = override(SMALL, changes | {"train.task": "one_stage"})
    return train(config, tiny_shards, tmp_path_factory.mktemp("runs") / "one")


def test_a_bundle_calls_its_share_of_the_validation_split_unknown(run, tiny_shards, tmp_path):
    from camtrap_tf.networks.bundle import make_bundle
    from camtrap_tf.prediction.shards import predict_shards

    bundle = make_bundle([run.folder], tmp_path / "half", unknown_share=0.5)
    content = json.loads((tmp_path / "half" / "bundle.json").read_text())
    assert content["familiarity"] == {
        "score": "energy and distance",
        "threshold": bundle.familiarity_threshold,
    }
    found = predict_shards(bundle, tiny_shards, "val")
    called = metrics.called_unknown(found)
    called = called[~np.isnan(called)]
    assert len(called) > 1
    assert called.sum() == -(-(len(called) - 1) // 2)
    # The score is taken before the temperature: it is that of the run.
    plain = Predictions.read(run.folder / "predictions-val.parquet").scores[FAMILIARITY]
    np.testing.assert_allclose(found.scores[FAMILIARITY], plain, atol=1e-4)


def test_a_bundle_without_a_threshold_answers_as_before(run, tiny_shards, tmp_path):
    from camtrap_tf.networks.bundle import Bundle, make_bundle
    from camtrap_tf.prediction.shards import predict_shards

    bundle = make_bundle([run.folder], tmp_path / "bundle", unknown_share=0)
    assert bundle.familiarity_threshold is None
    found = predict_shards(bundle, tiny_shards, "val")
    assert FAMILIARITY not in found.scores and "unknown" not in found.words
    other = make_bundle([run.folder], tmp_path / "other")
    assert other.version != bundle.version
    # A bundle of before has no such entry.
    file = tmp_path / "bundle" / "bundle.json"
    edited.edit(file, lambda content: content.pop("familiarity"))
    assert Bundle.read(tmp_path / "bundle") == bundle


def test_bad_shares_and_unknown_scores_are_refused(run, tmp_path):
    from camtrap_tf.networks.bundle import Bundle, make_bundle

    with pytest.raises(InputError, match=r"unknown_share lies in \[0, 1\)"):
        make_bundle([run.folder], tmp_path / "bad", unknown_share=1.0)
    make_bundle([run.folder], tmp_path / "bundle")
    file = tmp_path / "bundle" / "bundle.json"
    edited.replace(file, '"energy and distance"', '"entropy"')
    with pytest.raises(InputError, match="'energy'"):
        Bundle.read(tmp_path / "bundle")


def test_a_run_of_before_calls_nothing_unknown(run, tmp_path, caplog):
    from camtrap_tf.networks.bundle import make_bundle

    file = run.folder / "predictions-val.parquet"
    now, before = file.read_bytes(), Predictions.read(file)
    del before.scores[FAMILIARITY]
    before.write(file)
    bundle = make_bundle([run.folder], tmp_path / "bundle")
    file.write_bytes(now)
    assert bundle.familiarity_threshold is None
    assert "nothing will be called 'unknown'" in caplog.text
