"""Prediction under SIGKILL, on damaged files, and on several devices."""

import os
import random
import shutil
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.prediction.predict import predict
from camtrap_tf.prediction.predictor import Options
from tests import odd_pictures
from tests.moments import until_changed
from tests.prediction.test_predict import BLUE, GREY, RED, save

COLOURS = (RED, BLUE, GREY)
SMALL = Options(batch_size=4, block_size=4)


def answer(folder, bundle, out) -> None:
    """In a process of its own."""
    predict([folder], Bundle.read(bundle), out, SMALL)


@pytest.fixture
def folder(tmp_path):
    """200 pictures of four cameras."""
    for number in range(200):
        path = tmp_path / "season" / f"{number % 4}" / f"{number:04d}.jpg"
        save(path, COLOURS[number % 3], 20 * number)
    return tmp_path / "season"


@pytest.mark.slow
def test_killed_at_twenty_moments_it_ends_the_same(folder, colour_bundle, tmp_path):
    import multiprocessing

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["camtrap_tf.prediction.predict"])

    def start(out):
        process = context.Process(
            target=answer, args=(folder, colour_bundle.folder, out), daemon=True
        )
        process.start()
        return process

    undisturbed = tmp_path / "undisturbed"
    start(undisturbed).join()
    whole = {path.name: path.read_bytes() for path in undisturbed.iterdir() if path.is_file()}
    pauses, kills, ends, out = random.Random(0), 0, [], tmp_path / "killed"
    while kills < 20 or not ends:
        process = start(out)
        if kills < 20:
            until_changed(out, process.is_alive)
            process.join(pauses.uniform(0, 0.5))
            if process.exitcode is None:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        if process.exitcode == 0:
            ends.append({path.name: path.read_bytes() for path in out.iterdir() if path.is_file()})
            shutil.rmtree(out)
    assert all(end["predictions.parquet"] == whole["predictions.parquet"] for end in ends)
    assert all(set(end) == set(whole) for end in ends)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_damaged_files_among_a_thousand_good_ones(colour_bundle, tmp_path):
    root = tmp_path / "season"
    save(root / "good.jpg", RED)
    for number in range(1000):
        (root / str(number % 10)).mkdir(exist_ok=True)
        os.link(root / "good.jpg", root / str(number % 10) / f"{number:04d}.jpg")
    (root / "good.jpg").unlink()
    reasons = {}
    for number, (name, content, reason) in enumerate(odd_pictures.damaged()):
        reasons[f"{number % 10}/{name}"] = reason
        (root / f"{number % 10}" / name).write_bytes(content)
    assert len(reasons) == 40
    found = Predictions.read(predict([root], colour_bundle, tmp_path / "out"))
    failed = found.ids[found.ids["failure"].notna()].set_index("path")["failure"]
    assert set(failed.index) == set(reasons)
    for path, reason in reasons.items():
        assert failed[path].startswith(reason or ("damaged: ", "not a picture")), path
    assert list(found.answers()[found.ids["failure"].isna()]) == 1000 * ["red"]


_TWO_DEVICES = """
import sys
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.prediction.predict import Options, Predictor
from camtrap_tf.prediction.job import Job
job, root, bundle = Job(__import__("pathlib").Path(sys.argv[1]), {}), sys.argv[2], sys.argv[3]
devices = [device.name for device in tf.config.list_logical_devices("CPU")]
predictor = Predictor(Bundle.read(bundle), Options(batch_size=4, block_size=4), devices)
kernels = [replica.stages[1][0].model.weights[0].value.device for replica in predictor.replicas]
assert [name[-5:] for name in kernels] == ["CPU:0", "CPU:1"], kernels
asked = [[], []]
for replica, own in zip(predictor.replicas, asked):
    replica.answer = lambda stage, pixels, plain=replica.answer, own=own: (
        own.append(len(pixels)), plain(stage, pixels))[1]
for block, answers in predictor.answer(job.blocks(), root):
    job.write(block, answers)
assert abs(len(asked[0]) - len(asked[1])) <= 1, asked
assert sum(map(sum, asked)) == 200 + 134, asked  # 134 animals
"""


@pytest.mark.slow
def test_two_devices_share_the_batches_and_give_the_same(folder, colour_bundle, tmp_path):
    out = tmp_path / "out"
    predict([folder], colour_bundle, out, SMALL)
    blocks = {path.name: path.read_bytes() for path in (out / "blocks").iterdir()}
    shutil.rmtree(out / "blocks")
    arguments = [str(out), str(folder), str(colour_bundle.folder)]
    subprocess.run([sys.executable, "-c", _TWO_DEVICES, *arguments], check=True)
    assert {path.name: path.read_bytes() for path in (out / "blocks").iterdir()} == blocks


def test_bfloat16_answers_nearly_alike(folder, colour_bundle, tmp_path):
    from camtrap_tf.core.config import Precision

    plain = Predictions.read(predict([folder], colour_bundle, tmp_path / "a", SMALL))
    half = Options(batch_size=4, block_size=4, precision=Precision.BFLOAT16)
    rounded = Predictions.read(predict([folder], colour_bundle, tmp_path / "b", half))
    assert rounded.info["precision"] == "bfloat16"
    assert list(rounded.answers()) == list(plain.answers())
    for head, values in plain.probabilities.items():
        largest = np.nanmax(np.abs(values - rounded.probabilities[head]))
        assert 0 < largest < 0.05, head
    assert pd.isna(rounded.ids["failure"]).all()
