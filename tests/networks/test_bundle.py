"""A bundle carries the calibration of its networks into every answer."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from camtrap_tf.answers import aggregation, calibration
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.config_io import override
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task, Vocabulary
from camtrap_tf.events.manifest import Manifest
from tests import edited
from tests.recipes import SMALL


@pytest.fixture(scope="module")
def run(tiny_shards, tmp_path_factory):
    from camtrap_tf.training.train import train

    changes = {"model.crop": "32", "train.batch_size": "8", "train.epochs": "1"}
    config = override(SMALL, changes | {"train.task": Task.ONE_STAGE.value})
    return train(config, tiny_shards, tmp_path_factory.mktemp("runs") / "one")


def test_temperatures_are_fitted_on_validation_and_divide_the_logits(run, tmp_path, monkeypatch):
    from camtrap_tf.networks.bundle import Bundle, make_bundle

    monkeypatch.setattr(calibration, "LEAST_GAIN", 0)  # sixteen pictures prove nothing
    make_bundle([run.folder], tmp_path / "bundle")
    (member,) = Bundle.read(tmp_path / "bundle").members
    validation = Predictions.read(run.folder / "predictions-val.parquet")
    assert member.temperatures == calibration.temperatures(validation)
    assert member.temperatures["species"] != 1.0
    pixels = np.random.default_rng(0).integers(0, 255, (3, 40, 40, 3), np.uint8)
    (network,) = Bundle.read(tmp_path / "bundle").networks()
    plain = dataclasses.replace(network, temperatures={}).probabilities(pixels)["species"]
    np.testing.assert_allclose(
        network.probabilities(pixels)["species"],
        calibration.temper(plain, member.temperatures["species"]),
        atol=1e-5,
    )


def test_the_same_command_finds_a_bundle_done(run, tmp_path, caplog):
    from camtrap_tf.networks.bundle import Bundle, make_bundle

    caplog.set_level("INFO", "camtrap")
    out = tmp_path / "bundle"
    bundle = make_bundle([run.folder], out)
    assert "nothing to do" not in caplog.text
    described = out / "bundle.json"
    content, written = described.read_bytes(), described.stat().st_mtime_ns
    assert make_bundle([run.folder], out) == bundle
    assert "is complete and made from the same runs: nothing to do" in caplog.text
    assert (described.read_bytes(), described.stat().st_mtime_ns) == (content, written)
    shutil.copytree(run.folder, tmp_path / "copy")
    for runs, options, told in (
        ([run.folder], {"animal_threshold": 0.4}, "animal_threshold: 0.5 there, 0.4 asked for"),
        ([run.folder], {"event_rule": "mean"}, "event_rule: None there, mean asked for"),
        ([tmp_path / "copy"], {}, r"runs: one \(\w{16}\) there, copy \(\w{16}\) asked for"),
    ):
        with pytest.raises(InputError, match=told):
            make_bundle(runs, out, **options)
    old: dict = json.loads(content)
    del old["made_from"], old["checksum"]
    described.write_text(json.dumps(old))
    assert Bundle.read(out).version == bundle.version
    with pytest.raises(InputError, match=r"an earlier version made it.*Give another folder"):
        make_bundle([run.folder], out)


def test_a_run_selected_on_another_split_is_not_calibrated(run, tmp_path, caplog):
    from camtrap_tf.networks.bundle import make_bundle

    copy = shutil.copytree(run.folder, tmp_path / "run")
    (copy / "predictions-val.parquet").rename(copy / "predictions-expert_test.parquet")
    bundle = make_bundle([copy], tmp_path / "bundle")
    assert bundle.members[0].temperatures == {}
    assert bundle.event_rules == {"species": "animal"}
    assert "not calibrated" in caplog.text


def test_the_rule_for_events_is_chosen_on_validation_and_goes_with_the_answers(
    run, tiny_shards, tmp_path
):
    from camtrap_tf.networks.bundle import make_bundle
    from camtrap_tf.prediction.shards import predict_shards

    bundle = make_bundle([run.folder], tmp_path / "bundle")
    chosen = aggregation.chosen(
        aggregation.compare(
            calibration.calibrate(
                Predictions.read(run.folder / "predictions-val.parquet"),
                bundle.members[0].temperatures,
            )
        )
    )
    assert bundle.event_rules == chosen and list(chosen) == ["species"]
    predictions = predict_shards(bundle, tiny_shards, "val")
    assert predictions.info["event_rules"] == bundle.event_rules
    temperature = bundle.members[0].temperatures["species"]
    assert predictions.info["temperatures"] == {"species": temperature}
    # What was stored before calibration comes back when it is undone.
    plain = Predictions.read(run.folder / "predictions-val.parquet").probabilities["species"]
    undone = calibration.calibrate(predictions, {"species": 1 / temperature})
    np.testing.assert_allclose(undone.probabilities["species"], plain, atol=1e-4)


def test_bundles_that_answer_differently_have_other_versions(run, tmp_path):
    from camtrap_tf.networks.bundle import make_bundle, with_threshold

    settings = [
        {},
        {"event_rule": "mean"},
        {"event_rule": "surest"},
        {"event_rule": "mean", "event_weight": 0.5},
        {"event_rule": "mean", "animal_threshold": 0.4},
    ]
    made = [
        make_bundle([run.folder], tmp_path / str(number), **one)
        for number, one in enumerate(settings)
    ]
    assert len({bundle.version for bundle in made}) == len(settings)
    again = make_bundle([run.folder], tmp_path / "again", event_rule="mean")
    assert again.version == made[1].version
    stricter = with_threshold(again, 0.4)
    assert stricter.animal_threshold == 0.4 and stricter.version != again.version


def test_runs_of_the_preset_paper_keep_its_mean_for_events(run, tmp_path):
    from camtrap_tf.core.recipes import PRESETS
    from camtrap_tf.networks.bundle import make_bundle

    assert {name for name, one in PRESETS.items() if one.train.event_rule.value == "mean"} == {
        "paper", "released_code",
    }  # fmt: skip
    shutil.copytree(run.folder, tmp_path / "run")
    file = tmp_path / "run" / "config.json"
    edited.replace(file, '"event_rule": "auto"', '"event_rule": "mean"')
    assert make_bundle([tmp_path / "run"], tmp_path / "paper").event_rules == {"species": "mean"}
    # Two networks of one head that disagree: it is chosen.
    both = make_bundle([tmp_path / "run", run.folder], tmp_path / "both")
    assert both.event_rules == make_bundle([run.folder], tmp_path / "own").event_rules
    asked = make_bundle([tmp_path / "run"], tmp_path / "asked", event_rule="surest")
    assert asked.event_rules == {"species": "surest"}
    with pytest.raises(InputError, match="which bundles keep that see crops; received 'detector'"):
        make_bundle([run.folder], tmp_path / "detector", event_rule="detector")


def test_shards_of_another_project_are_refused_in_words(colour_bundle, tiny_shards):
    shards = Manifest.read(tiny_shards)
    own = dataclasses.replace(shards, vocabulary=colour_bundle.vocabulary)
    colour_bundle.check_shards(own)
    others = Vocabulary(("ant", "bee", "cow", "dog", "red"), (), ())
    said = (
        "of another project; received 'species only in the bundle: blue, species only in the "
        "shards: ant, bee, cow and 1 more'"
    )
    with pytest.raises(InputError, match=said):
        colour_bundle.check_classes(dataclasses.replace(shards, vocabulary=others))
    turned = Vocabulary(("red", "blue"), (), ())
    with pytest.raises(InputError, match="received 'species in another order'"):
        colour_bundle.check_classes(dataclasses.replace(shards, vocabulary=turned))
    with pytest.raises(InputError, match=r'received "size: 24, the bundle.s 40".*--size=40\.'):
        colour_bundle.check_shards(dataclasses.replace(own, picture=PictureSpec(size=24)))


def test_a_rule_may_be_given(run, tmp_path):
    from camtrap_tf.networks.bundle import make_bundle

    bundle = make_bundle([run.folder], tmp_path / "bundle", event_rule="mean")
    assert bundle.event_rules == {"species": "mean"}
    with pytest.raises(InputError, match="a rule is one of mean, mean_logit"):
        make_bundle([run.folder], tmp_path / "other", event_rule="median")
