"""What a review leads to: a calibrated bundle, a plan, tables, and labels to train on."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import file_names
from camtrap_tf.core.config import Config, ModelConfig, TrainConfig
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import COUNT_BINS, Task
from camtrap_tf.events import listing
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.prediction.job import Job, list_pictures
from camtrap_tf.reviewing.journal import Answer, Journal, Ledger, Sighting, Verdict
from camtrap_tf.reviewing.live import accuracy
from camtrap_tf.training import linear, review_finish, review_runs, review_work
from camtrap_tf.training.review_work import Work
from tests import described

NAMES = ("empty", "fox", "hare")
EVENTS, DRAWN = 60, 48


def kind(path: str) -> int:
    """Of a picture 'e017_1.jpg'."""
    return int(path[1:4]) % 3


def small(task, name, size) -> Config:
    """A small network with random weights stands for a pretrained one."""
    model = ModelConfig(architecture="small", crop=32)
    return Config(model=model, train=TrainConfig(task=task, epochs=1))


def sighting(name: str, number: int) -> Sighting:
    """Foxes come alone and stand, hares come in pairs; of the first few it is told who eats."""
    told = {"standing": name == "fox"} | ({"eating": name == "hare"} if number < 6 else {})
    return Sighting(name, "1" if name == "fox" else "2", told)


@pytest.fixture(scope="module")
def review(tmp_path_factory):
    """A review of sixty events of two pictures: 48 were drawn blindly, the hardest is wrong."""
    import keras

    from camtrap_tf.networks import architectures

    folder = tmp_path_factory.mktemp("cards")
    pictures = folder / "cards"
    pictures.mkdir()
    names = [(f"e{event:03d}", f"e{event:03d}_{frame}.jpg") for event in range(EVENTS)
             for frame in (0, 1)]  # fmt: skip
    for _, path in names:
        colour = [(90, 90, 90), (200, 60, 30), (30, 60, 200)][kind(path)]
        Image.new("RGB", (64, 48), colour).save(pictures / path)
    table = pd.DataFrame(names, columns=["event_id", "path"])
    table.to_csv(folder / "list.csv", index=False)
    found = listing.resolve([folder / "list.csv"], pictures)
    job = Job.claim(folder / "review" / "prepared", {"sources": list(found.names)}, found.root)
    list_pictures(job, found, 20)
    keras.utils.set_random_seed(0)
    model = architectures.build(ModelConfig(architecture="small", crop=32), {"a": ("b", "c")})
    width = model.get_layer("a").get_weights()[0].shape[0]
    described.write_all(job, kind, np.random.default_rng(0).normal(size=(3, width)))
    ids = [f"e{event:03d}" for event in range(EVENTS)]
    order = np.argsort(accuracy.draw_keys(ids))[:DRAWN]
    journal = Journal(folder / "review" / "reviews.jsonl")
    asked = {"why": "random", "blind": True, "model": 0, "events": EVENTS}
    for number, place in enumerate(order):
        name = NAMES[place % 3]
        seen = () if name == "empty" else (sighting(name, number),)
        verdict = Verdict.EMPTY if name == "empty" else Verdict.ANIMAL
        given = Answer(ids[place], "kim", verdict, seen, "random", asked=asked)
        journal.append(given.to_json())
    return folder


@pytest.fixture(scope="module")
def finished(review):
    """Everything that is made of it."""
    steps = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(review_runs, "probe_config", small)
        patch.setattr(linear, "STRENGTHS", (0.003, 0.03))  # fewer to choose from: faster
        made = review_finish.finish(
            review / "review", review / "cards", review / "review" / "reviews.jsonl", 0.9,
            steps.append,
        )  # fmt: skip
    assert steps[0] == "reading what the pictures show" and "the plan" in steps
    return review / "review" / "finished", *made


def test_the_bundle_is_calibrated_and_knows_the_unknown(finished):
    bundle = Bundle.read(finished[0] / "bundle")
    assert len(bundle.members) == 4 and bundle.needs_boxes
    assert bundle.familiarity_threshold is not None
    for member in bundle.members:
        of_animals = {"species", "count", "standing"}
        expected = {"empty"} if member.task is Task.EMPTY else of_animals
        assert set(member.temperatures) == expected
    assert bundle.vocabulary.species == ("fox", "hare")


def test_number_and_behaviours_are_in_it_as_far_as_they_were_told(finished):
    out, files, _ = finished
    bundle = Bundle.read(out / "bundle")
    assert bundle.vocabulary.count_bins == COUNT_BINS
    assert bundle.vocabulary.attributes == ("standing",)
    held = Predictions.read(out / "runs" / "animal-crop" / file_names.answers("val"))
    for head, of_fox, of_hare in (("count", 0, 1), ("standing", 1, 0)):
        truth = [of_fox if kind(path) == 1 else of_hare for path in held.ids["path"]]
        animals = [kind(path) > 0 for path in held.ids["path"]]
        found = held.probabilities[head].argmax(axis=1)
        assert (found == truth)[animals].all() and sum(animals) == 60
    told = next(one["what"] for one in files if one["path"] == str(out / "bundle"))
    assert "it takes 5 events of each of two answers: eating (no: " in told


def test_the_export_is_told_with_all_that_it_needs(finished, review):
    line = next(one for one in finished[2] if one.startswith("camtrap export "))
    out = finished[0]
    assert line.split()[2:] == [
        f"--bundle={out / 'bundle'}", "--out=exported", f"--check_on={review / 'cards'}"
    ]  # fmt: skip


def test_the_plan_says_who_answers_what(finished):
    out, files, _ = finished
    figures = json.loads((out / "plan.json").read_text())
    assert figures["drawn"] == DRAWN and figures["right"] == figures["accepted"] == DRAWN
    assert figures["low"] < 1 == figures["high"]
    left = figures["events"]["needs a look"]
    assert figures["events"] == {
        "people": 48, "people in bulk": 0, "people cannot tell": 0, "model": 12 - left,
        "needs a look": left,
    }  # fmt: skip
    rows = pd.read_csv(out / "plan.csv")
    assert len(rows) == 2 * EVENTS
    looked = (rows["answered_by"] == "needs a look").to_numpy()
    assert looked.tolist() == sorted(looked, reverse=True)  # those first
    told = {path: NAMES[kind(path)] for path in rows["path"]}
    assert (rows["model_answer"] == rows["path"].map(told)).all()
    assert {one["what"] for one in files} >= {figures["in_words"]}


def test_people_s_answers_are_kept(finished):
    table = pd.read_csv(finished[0] / "tables" / "predictions.csv", keep_default_na=False)
    assert (table["answer"] == [NAMES[kind(path)] for path in table["path"]]).all()
    assert (table["reviewed_by"] == "kim").sum() == 2 * DRAWN


def test_too_few_draws_are_told_and_calibrate_nothing(review, caplog):
    lines = Journal(review / "review" / "reviews.jsonl").lines()[:12]
    work = Work.read(review / "review" / "prepared", Ledger(lines))
    fits = [review_runs._Fits(work, "species", work.features[:, :1], False)]
    held = review_runs._held_out(work, fits)
    assert held is None and "'species' is not calibrated" in caplog.text


@pytest.fixture
def animals(review) -> Work:
    """The review, but that nobody has answered 'empty'."""
    lines = Journal(review / "review" / "reviews.jsonl").lines()
    given = Ledger([line for line in lines if line["verdict"] == "animal"])
    return Work.read(review / "review" / "prepared", given)


def test_without_an_empty_answer_the_detector_teaches(animals):
    truth = np.array([kind(path) for path in animals.ids["path"]])
    labels = animals.labels("empty")
    assert animals.taught_by_detector and (labels[truth == 0] == 1).all()
    assert set(labels[truth > 0].tolist()) == {-1, 0}  # -1: what nobody has answered
    fits = review_runs._Fits(animals, "empty", animals.features[:, :1], False)
    right = fits.fit(fits.known).logits(animals.features[:, 0]).argmax(axis=1) == (truth == 0)
    assert right.all()
    every = np.flatnonzero(animals.drawn())
    assert fits.held_out(every) is None  # draws of animals alone calibrate nothing
    assert "nobody answered 'empty'" in review_finish._what_is_in(animals)


def test_where_nothing_is_empty_some_are_asked_for(animals, monkeypatch):
    monkeypatch.setattr(review_work, "NOTHING", 0.0)
    with pytest.raises(InputError, match="answer what is empty with 0, and finish again"):
        review_runs._Fits(animals, "empty", animals.features[:, :1], False)


@pytest.mark.slow
def test_training_starts_from_it(finished, review, tmp_path):
    out, _, commands = finished
    shard, train = (next(c for c in commands if c.startswith(f"camtrap {v} ")) for v in
                    ("shard", "train"))  # fmt: skip
    assert f"--init={out / 'bundle'}" in train and f"--events={out / 'reviewed.parquet'}" in shard
    for line in (shard, train):
        flags = [f.replace("=shards", f"={tmp_path / 'shards'}") for f in line.split()[1:]]
        flags = [f.replace("=runs/1", f"={tmp_path / 'run'}") for f in flags]
        more = ["--split=event", "--processes=1"] if flags[0] == "shard" else []
        more += ["--set=train.epochs=1", "--set=train.batch_size=8"] if flags[0] == "train" else []
        assert cli.main([*flags, *more]) == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["config"]["train"]["init"] == str(out / "bundle")
    assert config["vocabulary"]["species"] == ["fox", "hare"]


def test_the_recipe_of_the_runs_is_the_probes(finished):
    config = json.loads((finished[0] / "runs" / "animal-crop" / "config.json").read_text())
    expected = dataclasses.asdict(small(Task.ANIMAL, "", 256).model)
    assert config["config"]["model"]["architecture"] == expected["architecture"]
    assert config["config"]["model"]["view"] == "crop"
