"""Names, scales, shared run directories; all experiments at scale 'smoke'."""

import csv
import dataclasses
import importlib

import pytest

from camtrap_tf.core.labels import Task
from camtrap_tf.events.manifest import Manifest
from experiments import cost, run
from experiments.further import burst_labels
from experiments.lab import SCALES, Job, Lab, NotAvailable
from experiments.paper_results import fig_s2, table2, table_s5


@pytest.fixture
def lab(tiny_shards, tmp_path) -> Lab:
    return Lab(tiny_shards, tmp_path / "runs", SCALES["smoke"])


def test_experiments_share_networks(lab):
    assert table2.jobs(lab) == table_s5.jobs(lab)
    names = [lab.folder(job).name for job in (*table2.jobs(lab), *fig_s2.jobs(lab))]
    assert len(set(names)) == 4
    assert names[0].startswith("empty-small-")


def test_a_run_is_named_after_its_configuration(lab):
    plain, other = Job(Task.ANIMAL, "small"), Job(Task.ANIMAL, "small", (("train.seed", "1"),))
    assert lab.folder(plain) == lab.folder(Job(Task.ANIMAL, "small"))
    assert lab.folder(plain) != lab.folder(other)
    assert lab.folder(plain) != lab.folder(dataclasses.replace(plain, data="commonest"))


def test_the_crop_keeps_the_papers_ratio(lab):
    assert lab.config(Job(Task.EMPTY, "small")).model.crop == 35  # 40 * 224 / 256


def test_a_longer_run_has_a_stretched_schedule(lab):
    recipe = lab.config(Job(Task.EMPTY, "small", (("train.epochs", "8"),))).train
    assert recipe.epochs == 8
    short = SCALES["smoke"].recipe.train.schedule  # of two epochs
    assert [step.first for step in recipe.schedule] == [1 + 4 * (s.first - 1) for s in short]


@pytest.mark.parametrize(("given", "seeds"), [([], (0, 1, 2)), (["--seeds=4,7"], (4, 7))])
def test_seeds_are_the_scales_or_chosen(tiny_shards, tmp_path, monkeypatch, given, seeds):
    asked = []
    monkeypatch.setattr(burst_labels, "report", lambda lab: asked.append(lab.scale.seeds) or [])
    names = ["burst_labels", f"--data={tiny_shards}", f"--out={tmp_path}", "--scale=small"]
    assert run.main([*names, *given]) == 0
    assert asked == [seeds]


def test_an_unknown_architecture_is_no_number(lab):
    with pytest.raises(NotAvailable, match="not available in this version: vgg99"):
        lab.config(Job(Task.EMPTY, "vgg99"))


def test_an_unknown_field_is_no_number(lab):
    with pytest.raises(NotAvailable, match="train\\.magic"):
        lab.config(Job(Task.EMPTY, "small", (("train.magic", "1"),)))


def test_a_missing_network_is_no_number(lab):
    lab.train = False
    rows = table2.report(lab)
    assert [row.note for row in rows[:2]] == ["not trained yet"] * 2
    assert all(row.measured is None for row in rows)
    assert {row.published for row in rows} >= {0.958, 0.968}


def test_multiply_adds_by_hand():
    """The small network on 32 pixels, layer by layer."""
    model = dataclasses.replace(SCALES["smoke"].recipe.model, crop=32)
    stem = 16 * 16 * 5 * 5 * 3 * 16
    blocks = 16 * 16 * 2 * 9 * 16 * 16
    for side, wide, out in ((8, 16, 32), (4, 32, 64), (2, 64, 128)):
        blocks += side * side * (9 * wide * out + 9 * out * out + wide * out)
    assert cost.multiply_adds(model) == stem + blocks + 2 * 128


def test_multiply_adds_of_a_backbone_are_counted():
    """MobileNetV1 is published with 569 million at 224 pixels, 4.2 million weights."""
    model = dataclasses.replace(SCALES["smoke"].recipe.model, crop=224, architecture="MobileNet")
    assert cost.multiply_adds(model) / 1e6 == pytest.approx(568, abs=2)


def test_cost_of_a_network(lab):
    job = Job(Task.EMPTY, "small")
    row, together = cost.estimate(lab, [job], teraflops=1.0)
    macs = cost.multiply_adds(lab.config(job).model)
    assert row.measured == pytest.approx(2 * 48 * 6 * macs / 1e12 / 3600)  # 2 epochs, 48 pictures
    assert together.measured == row.measured


@pytest.mark.parametrize("name", run.NAMES)
def test_every_experiment_says_its_command_and_cost(name):
    text = importlib.import_module(run.MODULES[name]).__doc__
    assert f"python -m experiments.run {name} " in text
    assert "\nCost: " in text
    assert "Paper: " in text or "The paper " in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["table9"], "table9"), ([], "an experiment is 'all' or one of"), (["all", "--scale=x"], "x")],
)
def test_bad_input_is_status_2(arguments, says, tmp_path, caplog):
    assert run.main([*arguments, f"--data={tmp_path}", f"--out={tmp_path}"]) == 2
    assert says in caplog.text


def test_paper_scale_asks_first(tiny_shards, tmp_path, caplog):
    arguments = ["nine_channel", f"--data={tiny_shards}", f"--out={tmp_path}", "--scale=paper"]
    assert run.main(arguments) == 2
    assert "Give --yes" in caplog.text
    assert "TFLOP/s" in caplog.text


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_experiments_at_scale_smoke(tmp_path):
    """From drawn pictures to every table; a second pass trains nothing."""
    from camtrap_tf.core.config import PictureSpec
    from data_prep import sources, synthetic
    from data_prep.choice import select, splits
    from data_prep.shards import plan, write

    world = tmp_path / "world"
    synthetic.write(synthetic.World(events=240, empty_share=0.5, gold_share=0.2), world)
    table = select.select(sources.read("dryad", world), balance=True)
    planned = plan.make(
        table, splits.assign(table, "paper", (0.6, 0.2, 0.2)), split_rule="paper", seed=0
    )
    write.write_shards(planned, world / "images", tmp_path / "shards", PictureSpec(size=64))
    arguments = [
        "all",
        f"--data={tmp_path / 'shards'}",
        f"--truth={world / 'truth.csv'}",
        f"--out={tmp_path / 'runs'}",
        "--scale=smoke",
    ]
    assert run.main(arguments) == 0
    results = tmp_path / "runs" / "results"
    assert {path.stem for path in results.glob("*.csv")} == {*run.NAMES, "runs"}
    for name in ("table2", "fig5"):
        with open(results / f"{name}.csv", newline="") as file:
            measured = {row["subject"]: row["measured"] for row in csv.DictReader(file)}
        assert 0 <= float(measured["ensemble"]) <= 1
    trained = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*/result.json")}
    assert run.main([*arguments, "--train=false"]) == 0
    assert all(path.stat().st_mtime_ns == time for path, time in trained.items())
    assert Manifest.read(tmp_path / "runs" / "data" / "commonest").frames("train") > 0
