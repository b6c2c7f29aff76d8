"""A small review: two species, count and behaviour heads, drawn pictures."""

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from werkzeug import serving as serving_tools

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import BINARY
from camtrap_tf.reviewing import server

NAN = float("nan")
CLASSES = {
    "empty": BINARY, "species": ("hare", "lion"), "count": ("1", "2", "3+"), "moving": BINARY,
    "babies": BINARY,
}  # fmt: skip


def predictions_of(events: list[list[tuple[float, float]]], **columns) -> Predictions:
    """Two-stage predictions: per event, per frame, P(empty) and P(lion | animal); NaN: unread.

    Event i is called 'e{i}', its pictures 'e{i}/{frame}.jpg'.
    """
    frames = [(i, j, *pair) for i, event in enumerate(events) for j, pair in enumerate(event)]
    empty = np.array([frame[2] for frame in frames], np.float32)
    lion = np.array([frame[3] for frame in frames], np.float32)
    probabilities = {
        "empty": np.stack([1 - empty, empty], 1),
        "species": np.stack([1 - lion, lion], 1),
        "count": np.where(np.isnan(lion)[:, None], NAN, np.float32([[0.7, 0.2, 0.1]])),
    }
    binary = np.where(np.isnan(lion)[:, None], NAN, np.float32([[0.6, 0.4]]))
    probabilities |= {"moving": binary, "babies": binary}
    ids = pd.DataFrame(
        {
            "path": [f"e{i}/{j}.jpg" for i, j, _, _ in frames],
            "event_id": [f"e{i}" for i, _, _, _ in frames],
            "frame": [j for _, j, _, _ in frames],
            "site": "A",
            "failure": ["truncated" if np.isnan(frame[2]) else None for frame in frames],
        }
    )
    return Predictions(ids.assign(**columns), dict(CLASSES), probabilities)


def draw_pictures(predictions: Predictions, folder: Path, size: tuple[int, int] = (64, 48)) -> None:
    """A picture for every row, all of them different greys."""
    for number, path in enumerate(predictions.ids["path"]):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (number % 256, 128, 255 - number % 256)).save(file)


@pytest.fixture
def small() -> Predictions:
    """Four events: a sure hare, an unsure one, empty, frames that disagree."""
    return predictions_of(
        [
            [(0.1, 0.1), (0.1, 0.1)],
            [(0.3, 0.45)],
            [(0.95, NAN), (0.95, NAN)],
            [(0.2, 0.9), (0.8, NAN)],
        ]
    )


@contextlib.contextmanager
def _serving(results: Path, images: Path, *flags: str) -> Iterator[tuple[subprocess.Popen, int]]:
    command = [sys.executable, "-m", "camtrap_tf.cli", "review", str(results)]
    command += [f"--images={images}", "--reviewer=kim", *(flags or ("--port=0",))]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
            if found:
                yield process, int(found[1])
                break
        else:
            pytest.fail(f"camtrap review did not begin: {''.join(said)}")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@contextlib.contextmanager
def served(session, **options) -> Iterator[str]:
    """The page of a session, from a thread of the test; yields its address."""
    running = serving_tools.make_server(
        "127.0.0.1", 0, server.application(session, **options), threaded=True
    )
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.port}/"
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


@pytest.fixture
def serving():
    """Runs `camtrap review` and yields the process and its port; killed (SIGKILL) at the end."""
    return _serving
