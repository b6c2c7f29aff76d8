"""The command line: quick help, one clear line on bad input."""

import importlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from absl import flags

from camtrap_tf import cli
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import inputs


def camtrap(*arguments, capsys):
    status = cli.main(list(arguments))
    return status, capsys.readouterr()


def test_help_names_every_verb(capsys):
    status, printed = camtrap("--help", capsys=capsys)
    assert status == 0
    for verb in cli.VERBS:
        assert f"\n  {verb} " in printed.out


def test_who_is_asked_to_end_says_how_to_go_on(monkeypatch, capsys):
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(cli, "_do", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    status, printed = camtrap("report", "--predictions=a", "--out=b", capsys=capsys)
    signal.signal(signal.SIGTERM, handler)
    assert status == 75
    assert printed.err == "asked to end (SIGTERM); run the same command again to go on\n"


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
        (["train", "--shards=x", "--run=y", "--task=empty"], "--shards is a folder of shards"),
        (["bundle", "--run=nowhere", "--out=b"], "or a folder of them; received 'nowhere'"),
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
    for asked in (["-q"], [], ["-v"]):
        caplog.clear()
        assert cli.main([*command, *asked]) == 0
        said.append([record.message for record in caplog.records])
        assert capsys.readouterr().out.startswith("1 picture: 1 without an answer.\nWritten: ")
    quiet, usual, verbose = said
    assert quiet == []
    assert set(usual) < set(verbose)
    assert "  --format=['csv']" in verbose


def test_flags_are_read_when_the_paths_are_there(tiny_shards, colour_bundle, capsys, tmp_path):
    train = ["train", f"--shards={tiny_shards}", f"--run={tmp_path / 'run'}", "--task=empty"]
    assert cli.main([*train, "--set=train.epoch=3"]) == 2
    assert "train.epoch" in capsys.readouterr().err
    assert cli.main(["predict", f"--bundle={colour_bundle.folder}", "--out=o"]) == 2
    assert "predict takes folders, lists or metadata of pictures" in capsys.readouterr().err
    export = ["export", f"--bundle={colour_bundle.folder}", "--out=o", f"--check_on={tmp_path}"]
    assert cli.main([*export, "--form=int8", "--recall=0.9"]) == 2
    assert "--form=int8 and --recall need labelled pictures" in capsys.readouterr().err


# Verbs that read no path.
READ_NOTHING = {"demo", "download", "synthesize"}


def read_paths() -> dict[str, dict[str, inputs.Input]]:
    modules = {verb: importlib.import_module(row.module) for verb, row in cli.VERBS.items()}
    return {verb: getattr(module, "INPUTS", {}) for verb, module in modules.items()}


def test_every_verb_says_what_it_reads():
    assert {verb for verb, paths in read_paths().items() if not paths} == READ_NOTHING


def needed_flags(values: flags.FlagValues) -> set[str]:
    try:
        values(["camtrap"])
    except flags.Error as error:
        return set(re.findall(r"flag --(\w+)=None", str(error)))
    return set()


def command(verb: str, paths: dict[str, inputs.Input], missing: str, folder: Path) -> list[str]:
    """A command with every flag that is needed, whose paths are there but for one."""
    values = flags.FlagValues()
    importlib.import_module(cli.VERBS[verb].module).define(values)
    needed = needed_flags(values)
    words = [verb]
    for name in sorted({*needed, *paths} - {inputs.ARGUMENTS}):
        given = getattr(values[name].parser, "enum_values", [str(folder / "new")])[0]
        if name in paths:
            given = str(folder / ("nowhere.x" if name == missing else paths[name].kind.name))
        words += [f"--{name}={given}"] if name in needed or name == missing else []
    if inputs.ARGUMENTS in paths:
        kind = paths[inputs.ARGUMENTS].kind.name
        words.append(str(folder / ("nowhere.x" if missing == inputs.ARGUMENTS else kind)))
    return words


@pytest.fixture(scope="module")
def one_of_each(tmp_path_factory) -> Path:
    """A path of each kind, named as the kind."""
    folder = tmp_path_factory.mktemp("paths")
    for kind in ("FOLDER", "EITHER", "PREFIX", "RUN", "BUNDLE", "SHARDS"):
        (folder / kind).mkdir()
    (folder / "FILE").touch()
    for stamp in ("RUN/config.json", "BUNDLE/bundle.json", "SHARDS/manifest.json"):
        (folder / stamp).touch()
    return folder


def test_a_missing_path_is_told_before_tensorflow_is_imported(one_of_each):
    commands = [
        command(verb, paths, missing, one_of_each)
        for verb, paths in read_paths().items()
        for missing in paths
    ]
    code = f"""
import contextlib, io, sys
from camtrap_tf import cli
for command in {commands!r}:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        status = cli.main(command)
    heavy = {{"tensorflow", "keras", "pandas", "matplotlib"}} & set(sys.modules)
    assert not heavy, (command, heavy)
    assert status == 2 and "nowhere.x'. There is no such path." in said.getvalue(), (
        command, said.getvalue()
    )
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
