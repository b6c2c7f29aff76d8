"""s3:// paths of a local server: shards, answers, a connection that is cut, no credentials."""

import contextlib
import os
import socket
import struct
import threading

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.core.artifacts import as_path
from camtrap_tf.events.table import EventTable
from camtrap_tf.prediction.predict import predict
from camtrap_tf.prediction.predictor import Options
from data_prep.shards import audit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Cutter(threading.Thread):
    """Stands before a server; resets each connection after so many bytes of answers, if told to."""

    def __init__(self, port: int):
        super().__init__(daemon=True)
        self.behind, self.after = port, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.behind))
                for pair in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self.pass_on, args=pair, daemon=True).start()

    def pass_on(self, source, target, answers: bool):
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 12):
                passed += len(data)
                if answers and self.after is not None and passed > self.after:
                    target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                target.sendall(data)
        target.close()
        source.close()


@pytest.fixture(scope="module")
def cutter():
    """An empty S3 server with the bucket `season`, for all that fsspec opens."""
    server = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    import boto3

    moto = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    before = Cutter(moto.get_host_and_port()[1])
    before.start()
    with pytest.MonkeyPatch.context() as patch:
        given = {
            "AWS_ACCESS_KEY_ID": "who",
            "AWS_SECRET_ACCESS_KEY": "knows",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{before.port}",
        }
        for name, value in given.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="season")
        yield before
    s3fs.S3FileSystem.clear_instance_cache()
    before.listener.close()
    moto.stop()


@pytest.fixture(scope="module")
def season(cutter, tmp_path_factory):
    """A folder with the pictures of two cameras, their event table, and what is no picture."""
    folder = tmp_path_factory.mktemp("season")
    rng = np.random.default_rng(0)
    for number in range(6):
        path = folder / "pictures" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = np.array([(230, 90, 90), (90, 90, 230)][number % 2], np.uint8)
        pixels = colour + rng.integers(0, 20, (200, 300, 3), np.uint8)
        Image.fromarray(pixels).save(path, quality=95)
    (folder / "pictures" / "a" / "note.txt").write_text("no picture")
    for path in (folder / "pictures").rglob("*.*"):
        name = path.relative_to(folder).as_posix()
        as_path(f"s3://season/{name}").write_bytes(path.read_bytes())
    paths = [f"{'ab'[number % 2]}/{number}.jpg" for number in range(6)]
    species = ["red", "blue"] * 3
    EventTable(
        pd.DataFrame({"event_id": paths}),
        pd.DataFrame({"event_id": paths, "path": paths}),
        pd.DataFrame({"event_id": paths, "species": species}),
    ).write(folder / "events.parquet")
    return folder


def shard(season, images, out) -> int:
    given = ["--split=event", "--size=40", "--events_per_shard=2", "--processes=1"]
    events = f"--events={season / 'events.parquet'}"
    return cli.main(["shard", events, f"--images={images}", f"--out={out}", *given])


def contents(folder) -> dict[str, bytes]:
    """Files by name; without a checksum of places, and the places."""
    return {path.name: path.read_bytes() for path in as_path(folder).iterdir() if path.is_file()}


def test_shards_and_answers_are_those_of_a_disk(season, colour_bundle, tmp_path):
    assert shard(season, season / "pictures", tmp_path / "shards") == 0
    assert shard(season, "s3://season/pictures", "s3://season/shards") == 0
    assert contents("s3://season/shards") == contents(tmp_path / "shards")
    audit.audit("s3://season/shards", processes=1)
    options, answers = Options(block_size=2), {}
    for place, sources in ((tmp_path / "here", season), (tmp_path / "there", "s3://season")):
        path = predict([f"{sources}/pictures"], colour_bundle, place, options)
        answers[place] = pd.read_parquet(path)
        assert "a/note.txt,not a picture: .txt" in (place / "not_processed.csv").read_text()
    pd.testing.assert_frame_equal(*answers.values())
    path = predict(["s3://season/pictures"], colour_bundle, "s3://season/answers", options)
    assert (
        contents("s3://season/answers")[path.name] == (tmp_path / "there" / path.name).read_bytes()
    )


def test_a_connection_that_is_cut_ends_in_a_line_and_the_same_command_goes_on(
    season, cutter, tmp_path, capsys
):
    cutter.after = 20_000  # of a picture's bytes
    try:
        assert shard(season, "s3://season/pictures", "s3://season/again") == 2
    finally:
        cutter.after = None
    said = capsys.readouterr().err
    assert "error: a store of files: " in said and "the same command goes on" in said
    assert not as_path("s3://season/again/quarantine.csv").exists()
    assert shard(season, "s3://season/pictures", "s3://season/again") == 0
    assert shard(season, season / "pictures", tmp_path / "shards") == 0
    assert contents("s3://season/again") == contents(tmp_path / "shards")


def test_no_credentials(season, monkeypatch, tmp_path, capsys):
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    s3fs.S3FileSystem.clear_instance_cache()
    assert shard(season, "s3://season/pictures", tmp_path / "shards") == 2
    said = capsys.readouterr().err
    assert "a store of files: Unable to locate credentials. Check the connection and the" in said
    s3fs.S3FileSystem.clear_instance_cache()
