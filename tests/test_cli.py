"""The command line: quick help, one clear line on bad input."""

import subprocess
import sys

import pandas as pd
import pytest

from camtrap_tf import cli
from camtrap_tf.answers.predictions import Predictions


def camtrap(*arguments, capsys):
    status = cli.main(list(arguments))
    return status, capsys.readouterr()


def test_help_names_every_verb(capsys):
    status, printed = camtrap("--help", capsys=capsys)
    assert status == 0
    for verb in cli.VERBS:
        assert f"\n  {verb} " in printed.out


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_every_verb_explains_its_flags_without_tensorflow(verb):
    code = f"""
import sys
from camtrap_tf import cli
status = cli.main([{verb!r}, "--help"])
heavy = {{"tensorflow", "keras", "pandas", "matplotlib"}} & set(sys.modules)
sys.exit(f"imported {{heavy}}" if heavy else status)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"camtrap {verb}: ")
    assert "--" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["train", "--shrads=x"], "shrads"),
        (["train", "--shards=x", "--run=y"], "--task"),
        (["train", "--shards=x", "--run=y", "--task=emty"], "emty"),
        (["train", "--shards=x", "--run=y", "--task=empty", "--set=train.epoch=3"], "train.epoch"),
        (["bundle", "--run=nowhere", "--out=b"], "a run is a file; received 'nowhere/config.json'"),
        (
            ["predict", "--bundle=b", "--out=o"],
            "predict takes folders, lists or metadata of pictures",
        ),
        (["report", "--predictions=none.parquet", "--out=r.html"], "none.parquet"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, says, capsys):
    status, printed = camtrap(*arguments, capsys=capsys)
    assert status == 2
    assert printed.err.count("\n") == 1
    assert says in printed.err


def test_flags_that_are_needed_and_words_that_are_misspelt(capsys):
    assert cli.main(["predict", "season"]) == 2
    assert "error: --bundle is needed. --out is needed. (camtrap" in capsys.readouterr().err
    assert cli.main(["predct"]) == 2
    assert "Did you mean 'predict'? (camtrap --help)" in capsys.readouterr().err


def test_a_file_in_the_place_of_the_results_folder(tmp_path, capsys):
    Predictions(pd.DataFrame({"path": ["a.jpg"]}), {}, {}).write(tmp_path / "predictions.parquet")
    out = tmp_path / "out"
    assert cli.main(["convert", str(tmp_path), f"--out={out}"]) == 0  # PATH may be the folder
    assert (out / "predictions.csv").is_file()
    assert cli.main(["convert", str(tmp_path), f"--out={out / 'predictions.csv'}"]) == 2
    assert "predictions.csv: File exists'. Give another one." in capsys.readouterr().err


def test_needed_flags_come_first(capsys):
    assert cli.main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    needed = "\n\nNeeded:\n  --shards: folder of shards\n  --run: run directory to write\n  --task:"
    assert needed in text
    assert text.index(needed) < text.index("\n\nOthers:\n") < text.index("\n\nOf every verb:\n")
    assert "\n  -q, --quiet: say nothing" in text


def test_as_much_is_said_as_one_asks_for(tmp_path, capsys, caplog):
    rows = pd.DataFrame({"path": ["a.jpg"]})
    Predictions(rows, {}, {}).write(tmp_path / "predictions.parquet")
    command = ["convert", str(tmp_path), f"--out={tmp_path / 'out'}"]
    said = []
    for flags in (["-q"], [], ["-v"]):
        caplog.clear()
        assert cli.main([*command, *flags]) == 0
        said.append([record.message for record in caplog.records])
        assert capsys.readouterr().out.startswith("1 picture: 1 without an answer.\nWritten: ")
    quiet, usual, verbose = said
    assert quiet == []
    assert set(usual) < set(verbose)
    assert "  --format=['csv']" in verbose
