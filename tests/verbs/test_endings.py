"""Every verb ends with a tally in the user's words, and with what comes next."""

import importlib
import inspect

import numpy as np
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.core.commands import Ending


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_returns_its_ending(verb):
    run = importlib.import_module(cli.VERBS[verb].module).run
    assert inspect.signature(run).return_annotation is Ending


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "card"
    folder.mkdir()
    for name, colour in (("a", (230, 90, 90)), ("b", (90, 90, 230)), ("c", (90, 90, 90))):
        pixels = np.full((40, 40, 3), 90, np.uint8)
        pixels[5:35, 5:35] = colour
        Image.fromarray(pixels).save(folder / f"{name}.png")
    (folder / "d.jpg").write_bytes(b"not a picture")
    (folder / "notes.txt").write_text("x")
    return folder


def test_a_prediction_ends_with_its_answers_counted(pictures, colour_bundle, tmp_path, capsys):
    out = tmp_path / "answers"
    command = ["predict", str(pictures), f"--bundle={colour_bundle.folder}", f"--out={out}"]
    assert cli.main([*command, "--dry_run"]) == 0
    assert capsys.readouterr().out.endswith(f"in {pictures}; left out: 1 not a picture: .txt\n")
    assert not out.exists()
    assert cli.main(command) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "4 pictures: 1 empty, 1 blue, 1 red, 1 unreadable."
    assert said[1] == f"Next: camtrap review {out}"
    assert said[2].strip() == (
        f"or: camtrap report --predictions={out}/predictions.parquet --images={pictures} "
        "--out=report.html"
    )
    from camtrap_tf.prediction.job import pictures_folder

    assert pictures_folder(out) == pictures  # so that review needs no --images
    assert pictures_folder(tmp_path) is None
