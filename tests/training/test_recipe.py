import dataclasses
import json

import pytest

from camtrap_tf import cli
from camtrap_tf.core import cache
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import Config, Context, View
from camtrap_tf.core.config_io import override, read_config
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.hardware import Hardware
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import PRESETS
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.training.recipe import choose
from camtrap_tf.training.remaining import Remaining

PLAIN = Hardware(2)
ABSENT = (
    "the network starts from nothing; `camtrap weights get lite0` brings weights that have seen a "
    "million pictures, from which this preset would start"
)


@pytest.fixture
def manifest(tiny_shards):  # 24 events of two frames in 'train', 32 with an animal; 40 pixels
    return Manifest.read(tiny_shards)


def test_the_recipe_suits_the_data(manifest):
    recipe = choose(manifest, Task.ANIMAL, computer=PLAIN)
    model, train = recipe.config.model, recipe.config.train
    assert (model.architecture, model.crop, model.context) == ("small", 35, Context.DIFFERENCE)
    assert (train.task, train.batch_size, recipe.pictures) == (Task.ANIMAL, 32, 32)
    assert recipe.notes == (
        "--preset=quick: 2 processors and no GPU: a small network",
        ABSENT,
        "model.crop=35 instead of 112: shards of 40",
    )
    # 20 epochs x 32 pictures x 20 ms x (35 / 112)^2 / 2 processors: 0.6 s
    assert recipe.describe(PLAIN) == (
        "20 epochs of 32 pictures, 32 at a time, small on 35 pixels: about 1 s on 2 processors "
        "and no GPU"
    )


def test_what_is_given_stays(manifest):
    recipe = choose(
        manifest, Task.EMPTY, "paper", changes={"model.crop": 32, "train.epochs": 2}, computer=PLAIN
    )
    changed = {"model.crop": "32", "train.epochs": "2", "train.task": "empty"}
    # 48 pictures do not fill a batch of 128; of 8 they fill six.
    assert recipe.config == override(PRESETS["paper"], changed | {"train.batch_size": "8"})
    assert [note.split()[0] for note in recipe.notes] == ["train.batch_size=8"]


def test_a_batch_that_the_pictures_do_not_fill_is_refused_before_anything_is_done(manifest):
    changes = {"train.batch_size": 33}
    with pytest.raises(InputError, match=r"at least one batch; received 33\. 32 examples do not"):
        choose(manifest, Task.ANIMAL, "quick", changes=changes, computer=PLAIN)
    choose(manifest, Task.ANIMAL, "quick", changes={"train.batch_size": 32}, computer=PLAIN)


@pytest.mark.parametrize("preset", ["quick", "auto"])
def test_the_part_around_a_box_is_seen_whole_and_by_itself(manifest, preset):
    recipe = choose(manifest, Task.EMPTY, preset, changes={"model.view": "crop"}, computer=PLAIN)
    model = recipe.config.model
    assert (model.view, model.context, model.crop) == (View.CROP, Context.NONE, 40)
    assert recipe.config.augment.hide_context == 0


def test_boxes_are_asked_for_where_there_are_none(tiny_shards, tmp_path, capsys):
    code = cli.main(
        ["train", f"--shards={tiny_shards}", "--task=empty", "--view=crop", f"--run={tmp_path}/r"]
    )
    said = capsys.readouterr().err
    assert code == 2 and "no boxes in" in said and "--images=PICTURES" in said


def test_single_pictures_are_not_compared(manifest):
    shards = [dataclasses.replace(shard, frames=shard.events) for shard in manifest.shards]
    alone = dataclasses.replace(manifest, shards=tuple(shards))
    assert choose(alone, Task.ANIMAL, computer=PLAIN).config.model.context is Context.NONE
    asked = {"model.context": "difference"}
    chosen = choose(alone, Task.ANIMAL, changes=asked, computer=PLAIN)
    assert chosen.config.model.context is Context.DIFFERENCE
    assert choose(alone, Task.ANIMAL, "quick").config.model.context is Context.DIFFERENCE


def test_a_run_that_was_begun_keeps_its_recipe(manifest, tmp_path):
    before = override(Config(), {"model.crop": "20", "train.epochs": "3", "train.batch_size": "2"})
    (tmp_path / "config.json").write_text(json.dumps({"config": to_json(before)}))
    assert choose(manifest, Task.ANIMAL, folder=tmp_path).config == before
    longer = choose(manifest, Task.ANIMAL, changes={"train.epochs": 4}, folder=tmp_path)
    assert longer.config == override(before, {"train.epochs": "4"})
    # A preset is another recipe, but not because of what was fitted to the data then.
    quick = choose(manifest, Task.ANIMAL, "quick", folder=tmp_path).config
    assert (quick.model.crop, quick.train.batch_size) == (20, 2)


def test_recipes_from_files(manifest, tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text('{"train": {"epochs": 7}, "model": {"crop": 30}}')
    config = read_config(path)
    assert (config.train.epochs, config.model.crop, config.train.momentum) == (7, 30, 0.9)
    assert choose(manifest, Task.ANIMAL, given=path, computer=PLAIN).config.train.epochs == 7
    with pytest.raises(InputError, match="received 'preset paper"):
        choose(manifest, Task.ANIMAL, "paper", path)
    for text, rule in (
        ("{", "valid JSON"), ('{"epochs": 7}', "is JSON with model, augment, train"),
        ("[]", "is JSON with"), ('{"train": {"epoch": 7}}', "config.train has the fields"),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(InputError, match=rule):
            read_config(path)
    with pytest.raises(InputError, match="a recipe is an existing file"):
        read_config(tmp_path / "none.json")


def test_a_dry_run_says_what_would_be_trained(tiny_shards, tmp_path, capsys):
    command = ["train", f"--shards={tiny_shards}", "--task=animal", f"--run={tmp_path / 'run'}"]
    assert cli.main([*command, "--dry_run", "--set=train.epochs=3"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("would train 3 epochs of 32 pictures, 32 at a time, small on 35 pixels")
    assert not (tmp_path / "run").exists()


def test_the_time_a_run_takes_is_said_once_without_the_first_call(caplog):
    caplog.set_level("INFO", "camtrap")
    remaining = Remaining(steps=100, epochs=10)
    remaining.add(20, 60.0, 20)  # compiles
    remaining.add(20, 4.0, 40)
    assert not caplog.records
    remaining.add(20, 4.0, 60)  # 0.2 s a step, 940 to come: 188 s
    remaining.add(20, 9.0, 80)
    assert [record.message for record in caplog.records] == [
        "about 3 min for 10 epochs of 100 steps, and the time to score each epoch"
    ]


def test_the_time_of_short_epochs_is_left_to_their_lines(caplog):
    caplog.set_level("INFO", "camtrap")
    remaining = Remaining(steps=20, epochs=10)
    for done in (40, 60, 80):  # going on in the third epoch
        remaining.add(20, 9.0, done)
    assert not caplog.records


def test_presets_start_from_published_weights_where_they_are(manifest, monkeypatch):
    monkeypatch.setattr(cache, "has_lite", lambda name: name == "lite0")
    empty, animal = (choose(manifest, task, computer=PLAIN) for task in (Task.EMPTY, Task.ANIMAL))
    for recipe, context, rate, epochs in (
        (empty, Context.DIFFERENCE, 0.0003, 8), (animal, Context.NONE, 0.0001, 6)
    ):  # fmt: skip
        model, train = recipe.config.model, recipe.config.train
        assert (model.architecture, model.weights, model.crop) == ("lite0", "imagenet", 35)
        assert (model.context, train.learning_rate, train.epochs) == (context, rate, epochs)
        assert train.fit_heads and train.fixed_norm and train.label_smoothing == 0.05
        assert "model.weights=imagenet: lite0 has seen a million pictures" in recipe.notes
    edge = choose(manifest, Task.EMPTY, "edge", computer=PLAIN).config
    assert (edge.model.weights, edge.model.context) == ("imagenet", Context.NONE)
    for preset in ("paper", "released_code"):
        assert not choose(manifest, Task.EMPTY, preset, computer=PLAIN).config.model.weights


@pytest.mark.parametrize(
    "changes",
    [
        {"model.weights": ""}, {"model.architecture": "small"}, {"model.context": "zoom"},
        {"train.init": "bundle"}, {"model.normalisation": "dataset"},
    ],
)  # fmt: skip
def test_what_a_person_sets_may_leave_no_room_for_published_weights(manifest, monkeypatch, changes):
    monkeypatch.setattr(cache, "has_lite", lambda name: True)
    recipe = choose(manifest, Task.EMPTY, "quick", changes=changes, computer=PLAIN)
    expected = override(PRESETS["quick"], changes | {"train.task": "empty"})
    assert recipe.config.train == expected.train
    assert recipe.config.model.weights == "" and not any("million" in n for n in recipe.notes)


def test_absent_weights_are_named_with_their_command(manifest, monkeypatch):
    monkeypatch.setattr(cache, "has_lite", lambda name: name == "lite0")
    asked = {"model.architecture": "lite1"}
    recipe = choose(manifest, Task.EMPTY, "quick", changes=asked, computer=PLAIN)
    assert any("`camtrap weights get lite1`" in note for note in recipe.notes)
    assert recipe.config.model.weights == ""
    lite0 = choose(manifest, Task.EMPTY, "quick", changes={"model.architecture": "lite0"})
    assert lite0.config.model.weights == "imagenet"


@pytest.mark.parametrize("here", [True, False])
def test_a_run_goes_on_as_it_was_begun_whatever_weights_have_come(manifest, tmp_path, here):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "has_lite", lambda name: here)
        begun = choose(manifest, Task.EMPTY, "quick", computer=PLAIN).config
    (tmp_path / "config.json").write_text(json.dumps({"config": to_json(begun)}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "has_lite", lambda name: not here)
        assert choose(manifest, Task.EMPTY, "quick", folder=tmp_path).config == begun
