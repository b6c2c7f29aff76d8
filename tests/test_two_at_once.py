"""Whatever writes a folder of results refuses one that another process writes to."""

import dataclasses
import json
import os

import pytest

import camtrap_tf as ct
from camtrap_tf.core import locks, processes
from camtrap_tf.core.config import Config, Strategy
from camtrap_tf.core.errors import InputError


@pytest.fixture
def taken(tmp_path):
    """Makes a folder that the process above this one holds."""

    def take(name=locks.NAME):
        above = os.getppid()
        who = dataclasses.replace(
            locks.Holder.me(), process=above, started=processes.started(above), command="camtrap x"
        )
        (tmp_path / name).write_text(json.dumps(dataclasses.asdict(who)))
        return tmp_path

    return take


def shard(folder):
    from data_prep.shards.write import write_shards

    write_shards(None, folder, folder)


def download(folder):
    from data_prep.download import download

    download(folder, [1])


def synthesize(folder):
    from data_prep.synthetic.writing import write

    write(None, folder)


def predict(folder):
    ct.predict(folder, folder, folder)


def detect(folder):
    from camtrap_tf.prediction.detect import detect

    detect([folder], folder)


def train(folder):
    from camtrap_tf.training.train import train

    train(Config(), folder, folder)


def probe(folder):
    from camtrap_tf.training.probe import probe

    probe(Config(), folder, folder)


def bundle(folder):
    ct.bundle([], folder)


@pytest.mark.parametrize(
    "write", [shard, download, synthesize, predict, detect, train, probe, bundle]
)
def test_a_folder_that_another_process_writes_is_refused(write, taken):
    with pytest.raises(InputError, match=r"one process at a time.*camtrap x\).*Wait until it"):
        write(taken())


def test_an_export_that_another_process_writes_is_refused(taken):
    from export.verify import export_and_verify

    out = taken(f"{locks.NAME}-of-out") / "out"
    with pytest.raises(InputError, match="one process at a time"):
        export_and_verify(None, out, None)


def test_workers_of_one_training_share_its_folder(taken, monkeypatch):
    from camtrap_tf.training.train import train

    base = Config()
    shared = dataclasses.replace(base.train, strategy=Strategy.MULTI_WORKER)
    config = dataclasses.replace(base, train=shared)
    task = {"type": "worker", "index": 1}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"task": task}))
    with pytest.raises(InputError, match="a shard manifest is a file"):  # it has gone further
        train(config, taken(), taken())
    monkeypatch.setenv("TF_CONFIG", json.dumps({"task": task | {"index": 0}}))
    with pytest.raises(InputError, match="one process at a time"):
        train(config, taken(), taken())
