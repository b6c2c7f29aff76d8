"""Verbs that are stopped at every step of their writing, and started again.

Wherever one was stopped: nothing half lies under a final name, and the same command, run again,
leaves what it would have left undisturbed. (Sharding, prediction, training and review have tests of
their own.)
"""

import http.server
import shutil
import threading

import pytest

import camtrap_tf as ct
from camtrap_tf import cli
from camtrap_tf.answers.predictions import Predictions
from tests import flips, kills
from tests.answers.test_planning import make
from tests.data_prep import test_download as downloads


@pytest.fixture
def call(request, tmp_path, monkeypatch):
    """A function that runs a verb with a folder for its results."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def prepare(tmp_path):
    (tmp_path / "m.csv").write_text("path,species\na.jpg,lion\nb.jpg,empty\n")
    return lambda out: ct.prepare(tmp_path / "m.csv", out / "events.parquet", "csv")


@pytest.fixture
def predictions(tmp_path):
    for number, name in enumerate(("val", "test")):
        make(30, 0.7, number).write(tmp_path / f"{name}.parquet")
    return tmp_path


@pytest.fixture
def plan(predictions):
    given = [
        "plan",
        f"--validation={predictions}/val.parquet",
        f"--test={predictions}/test.parquet",
    ]
    return lambda out: _succeed([*given, "--target=0.8", f"--out={out}/plan.json"])


@pytest.fixture
def report(predictions):
    ct.report  # noqa: B018 imported before the fork
    given = ["report", f"--predictions={predictions}/test.parquet", "--examples=0"]
    return lambda out: _succeed([*given, f"--out={out}/report.html"])


@pytest.fixture
def convert(predictions):
    ct.convert  # noqa: B018
    given = ["convert", f"{predictions}/test.parquet", "--format=csv,megadetector"]
    return lambda out: _succeed([*given, f"--out={out}"])


@pytest.fixture
def evaluate(predictions, monkeypatch):
    from camtrap_tf.networks.bundle import Bundle
    from camtrap_tf.prediction import evaluation

    answers = Predictions.read(predictions / "test.parquet")
    monkeypatch.setattr(evaluation, "predict_shards", lambda *_, **__: answers)
    bundle = Bundle.read(flips.OLD / "bundle")
    return lambda out: evaluation.evaluate(bundle, "shards", "test", out)


@pytest.fixture
def bundle():
    runs = [flips.OLD / "runs" / name for name in ("empty", "animal")]
    ct.bundle  # noqa: B018 imported before the fork
    return lambda out: ct.bundle(runs, out)


@pytest.fixture
def export(tmp_path, monkeypatch):
    from camtrap_tf.networks.bundle import Bundle
    from export import verify
    from export.request import Request

    def written(bundle, out, request, checks):
        (out / "tflite").mkdir(parents=True)
        shutil.copyfile(flips.OLD / "events.parquet", out / "tflite" / "a.tflite")
        shutil.copyfile(flips.OLD / "labels.csv", out / "labels.json")
        return [verify.Parity("SavedModel", "species", "", 9, 0.0, 1.0)]

    monkeypatch.setattr(verify, "_write_and_compare", written)
    monkeypatch.setattr(verify, "read_checks", lambda *_: type("Checks", (), {"encoded": [b""]}))
    monkeypatch.setattr(verify, "model_card", lambda *_: "card")
    read, request = Bundle.read(flips.OLD / "bundle"), Request("x")

    return lambda out: verify.export_and_verify(read, out / "whole", request)


@pytest.fixture
def download():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), downloads.Handler)
    names = list(downloads.PICTURES)[:2]
    pictures = {name: downloads.PICTURES[name] for name in names}
    server.files = {**pictures, downloads.download.METADATA.format(season=1): None}
    server.files[downloads.download.METADATA.format(season=1)] = downloads.archive(pictures)
    server.requests, server.misbehaviour = downloads.collections.defaultdict(list), {}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    manners = downloads.download.Manners(connections=1, tries=2, pause=0.01)
    yield lambda out: downloads.download.download(out, [1], manners=manners, base=base)
    server.shutdown()
    server.server_close()
    thread.join()


def _succeed(command):
    assert cli.main(command) == 0


SLOW = pytest.mark.slow, pytest.mark.timeout(900)
VERBS = (
    "prepare", "plan", "evaluate", "export", "download",
    *(pytest.param(verb, marks=SLOW) for verb in ("bundle", "convert", "report")),
)  # fmt: skip


@pytest.mark.parametrize("ending", kills.ENDINGS)
@pytest.mark.parametrize("call", VERBS, indirect=True)
def test_whatever_step_a_verb_is_stopped_at_it_goes_on(call, ending, tmp_path, monkeypatch):
    whole, moment = tmp_path / "whole", 0
    whole.mkdir()
    assert not kills.end_at(lambda: call(whole), -1, ending)
    wanted = kills.files(whole)
    out = tmp_path / "out"
    while True:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        reached = kills.end_at(lambda: call(out), moment, ending)
        left = kills.files(out)
        halves = [n for n, content in left.items() if n in wanted and content != wanted[n]]
        assert not halves, f"{halves} at step {moment}"
        assert not kills.end_at(lambda: call(out), -1, ending)
        assert kills.files(out) == wanted, f"step {moment}"
        if not reached:
            break
        moment += 1
    assert moment >= 2
