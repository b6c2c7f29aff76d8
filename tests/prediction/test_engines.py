"""The same answers, boxes and features from two workers of Dask and of Beam."""

import shutil

import pytest

from camtrap_tf import cli
from camtrap_tf.core.workers import beam, dask
from camtrap_tf.networks.detector.yolox import NAME
from camtrap_tf.networks.engines import Engine
from camtrap_tf.prediction.detect import Search, detect
from camtrap_tf.prediction.predict import predict
from tests.conftest import beam_warns, dask_warns
from tests.data_prep.shards.test_engines import TWO_WORKERS
from tests.prediction.test_predict import SMALL, Stopped, season, stop_after

pytestmark = [*beam_warns, *dask_warns]
assert season  # the fixture


@pytest.mark.parametrize(
    "options", [["--runner=FnApiRunner"], pytest.param(TWO_WORKERS, marks=pytest.mark.slow)]
)
def test_beam_gives_the_same_bytes(season, colour_bundle, tmp_path, options):
    pytest.importorskip("apache_beam")
    whole = predict([season], colour_bundle, tmp_path / "local", SMALL).read_bytes()
    engine = beam.engine(options)
    made = predict([season], colour_bundle, tmp_path / "beam", SMALL, engine=engine)
    assert made.read_bytes() == whole


def test_beam_goes_on_where_another_engine_stopped(season, colour_bundle, tmp_path, monkeypatch):
    pytest.importorskip("apache_beam")
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(patch, 2)
        predict([season], colour_bundle, tmp_path / "out", SMALL)
    kept = stop_after(monkeypatch, 99)
    out, flags = tmp_path / "out", ["--batch_size=4", "--block_size=5", "--engine=beam"]
    arguments = [str(season), f"--bundle={colour_bundle.folder}", f"--out={out}", *flags]
    assert cli.main(["predict", *arguments]) == 0
    assert kept == [2, 3, 4, 5]


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.slow
def test_dask_gives_the_same_bytes(season, colour_bundle, tmp_path, two_workers):
    predict([season], colour_bundle, tmp_path / "local", SMALL)
    flags = ["--batch_size=4", "--block_size=5", "--engine=dask", "--engine_cpu=keras"]
    flags += [f"--dask={two_workers.scheduler_address}", "--format=csv"]
    out = tmp_path / "dask"
    arguments = [str(season), f"--bundle={colour_bundle.folder}", f"--out={out}", *flags]
    assert cli.main(["predict", *arguments]) == 0
    assert files(out / "blocks") == files(tmp_path / "local" / "blocks")
    assert files(out).items() >= files(tmp_path / "local").items()


@pytest.mark.slow
def test_dask_finds_the_same_boxes(season, tmp_path, two_workers, need_weights):
    need_weights(NAME)
    shutil.rmtree(season / "B")
    search = Search(block_size=6, engine_cpu=Engine.KERAS)
    detect([season], tmp_path / "local", search)
    engine = dask.engine(two_workers.scheduler_address)
    detect([season], tmp_path / "dask", search, engine=engine)
    assert len(files(tmp_path / "local" / "blocks")) > 2
    assert files(tmp_path / "dask" / "blocks") == files(tmp_path / "local" / "blocks")
