"""The whole chain by its command line, on drawn and on real pictures."""

import json

import pandas as pd
import pytest

from camtrap_tf import cli

pytestmark = pytest.mark.slow


def camtrap(*arguments) -> None:
    assert cli.main([str(argument) for argument in arguments]) == 0


def test_the_demo_leaves_every_artefact(tmp_path):
    camtrap("demo", f"--out={tmp_path / 'demo'}", "--events=120")
    found = {path.name for path in (tmp_path / "demo").iterdir()}
    artefacts = {"world", "events.parquet", "shards", "runs", "bundle", "export", "evaluation"}
    assert found == artefacts | {"report.html"}
    camtrap("demo", f"--out={tmp_path / 'demo'}", "--events=120")  # there is nothing left to do


def test_the_chain_on_real_pictures(shared_data, tmp_path):
    california, run = shared_data / "california", tmp_path / "runs"
    camtrap(
        "prepare", "--source=coco", f"--metadata={california / 'california.json'}",
        f"--out={tmp_path / 'events.parquet'}",
    )  # fmt: skip
    camtrap(
        "shard", f"--events={tmp_path / 'events.parquet'}", f"--images={california}",
        f"--out={tmp_path / 'shards'}", "--split=day", "--size=128",
    )  # fmt: skip
    for task in ("empty", "animal"):
        camtrap(
            "train", f"--shards={tmp_path / 'shards'}", f"--run={run / task}", f"--task={task}",
            "--preset=quick", "--set=model.weights=", "--set=train.epochs=2",
        )  # fmt: skip
    bundle, out = tmp_path / "bundle", tmp_path / "evaluation"
    camtrap("bundle", f"--run={run / 'empty'}", f"--run={run / 'animal'}", f"--out={bundle}")
    camtrap("evaluate", f"--bundle={bundle}", f"--shards={tmp_path / 'shards'}", f"--out={out}")
    scores = json.loads((out / "metrics.json").read_text())
    # 1,218 pictures less 75 of events with several species; a tenth is for testing.
    assert scores["images"]["heads"]["empty"]["scored"] == 108
    assert scores["events"]["heads"]["empty"]["scored"] == 22
    camtrap(
        "export", f"--bundle={bundle}", f"--out={tmp_path / 'export'}", f"--check_on={california}"
    )
    answers = tmp_path / "answers"
    camtrap("predict", shared_data / "serengeti", f"--bundle={bundle}", f"--out={answers}")
    rows = pd.read_csv(answers / "predictions.csv")
    files = [p for p in (shared_data / "serengeti").rglob("*") if p.suffix.lower() in SUFFIXES]
    assert len(rows) == len(files)
    assert len(json.loads((answers / "megadetector.json").read_text())["images"]) == len(files)
    camtrap(
        "report", f"--predictions={answers / 'predictions.parquet'}",
        f"--images={shared_data / 'serengeti'}", f"--out={tmp_path / 'report.html'}",
    )  # fmt: skip
    assert (tmp_path / "report.html").stat().st_size > 100_000


SUFFIXES = {".jpg", ".jpeg"}
