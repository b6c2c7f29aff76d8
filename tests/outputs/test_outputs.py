"""The table of formats, and `camtrap convert`."""

import importlib
import logging

import numpy as np
import pandas as pd
import pytest

from camtrap_tf import cli, outputs
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY
from camtrap_tf.outputs import Options
from camtrap_tf.verbs import output_flags


@pytest.fixture
def predictions() -> Predictions:
    ids = pd.DataFrame({"path": ["a.jpg", "b.jpg"], "event_id": ["e", "e"]})
    return Predictions(ids, {"empty": BINARY}, {"empty": np.array([[1, 0], [0, 1]], np.float32)})


def test_the_flags_offer_and_explain_every_format():
    for name, form in outputs.FORMATS.items():
        assert f"\n{name} " in output_flags.HELP
        module = importlib.import_module(f"camtrap_tf.outputs.{form.module}")
        assert callable(module.write_files) and hasattr(module, "check") == form.checks


def test_writes_each_format_once(predictions, tmp_path, caplog):
    caplog.set_level(logging.INFO, "camtrap")
    written = outputs.write(predictions, tmp_path / "new" / "folder", ["megadetector", "csv"] * 2)
    names = ["megadetector.json", "predictions.csv", "events.csv"]
    assert written == [tmp_path / "new" / "folder" / name for name in names]
    assert all(path.is_file() for path in written)
    assert [record.getMessage() for record in caplog.records] == [f"wrote {p}" for p in written]


def test_nothing_is_written_when_a_format_is_unknown(predictions, tmp_path):
    with pytest.raises(InputError, match=r"a format is one of csv, .*received 'xls'"):
        outputs.write(predictions, tmp_path / "out", ["csv", "xls"], Options())
    assert not (tmp_path / "out").exists()


def test_convert(predictions, tmp_path, capsys):
    predictions.write(tmp_path / "p.parquet")
    arguments = ["convert", str(tmp_path / "p.parquet"), f"--out={tmp_path / 'out'}"]
    assert cli.main([*arguments, "--format=csv,megadetector"]) == 0
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert found == ["events.csv", "megadetector.json", "predictions.csv"]
    assert cli.main([*arguments, "--format=cvs"]) == 2
    assert "a format is one of csv" in capsys.readouterr().err
    assert cli.main(["convert", f"--out={tmp_path}"]) == 2
    assert "convert takes one results folder" in capsys.readouterr().err
