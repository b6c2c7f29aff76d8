"""The same answers from Beam's local runner with two workers."""

import pytest

pytest.importorskip("apache_beam")

from camtrap_tf import cli
from camtrap_tf.prediction import beam
from camtrap_tf.prediction.predict import predict
from tests.data_prep.shards.test_beam import TWO_WORKERS, beam_warns
from tests.prediction.test_predict import SMALL, Stopped, season, stop_after

pytestmark = beam_warns
assert season  # the fixture


@pytest.mark.parametrize(
    "options", [["--runner=FnApiRunner"], pytest.param(TWO_WORKERS, marks=pytest.mark.slow)]
)
def test_beam_gives_the_same_bytes(season, colour_bundle, tmp_path, options):
    whole = predict([season], colour_bundle, tmp_path / "local", SMALL).read_bytes()
    engine = beam.engine(options)
    made = predict([season], colour_bundle, tmp_path / "beam", SMALL, engine=engine)
    assert made.read_bytes() == whole


def test_beam_goes_on_where_another_engine_stopped(season, colour_bundle, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(patch, 2)
        predict([season], colour_bundle, tmp_path / "out", SMALL)
    kept = stop_after(monkeypatch, 99)
    out, flags = tmp_path / "out", ["--batch_size=4", "--block_size=5", "--engine=beam"]
    arguments = [str(season), f"--bundle={colour_bundle.folder}", f"--out={out}", *flags]
    assert cli.main(["predict", *arguments]) == 0
    assert kept == [2, 3, 4, 5]
