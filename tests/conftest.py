"""Fixtures that several test modules share."""

import hashlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from camtrap_tf.core import startup
from tests import browsers

startup.set_defaults()
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

ROOT = Path(__file__).parents[1]
SHARED_DATA = Path(os.environ.get("CAMTRAP_TEST_DATA", ROOT.parent / "shared" / "data"))


def pytest_collection_modifyitems(items):
    for item in items:
        if "valid" in item.fixturenames:
            item.add_marker("validators")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Processes of tests hand reports on as UTF-8, whatever names of files were printed."""
    report = yield
    report.sections = [(title, _utf8(text)) for title, text in report.sections]
    if report.longrepr is not None and _utf8(str(report.longrepr)) != str(report.longrepr):
        report.longrepr = _utf8(str(report.longrepr))
    return report


def _utf8(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real pictures and metadata, which are no part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real pictures: set CAMTRAP_TEST_DATA ({SHARED_DATA} is absent)")
    return SHARED_DATA


@pytest.fixture(scope="module")  # no longer: while it is open, the thread has a running event loop
def browser():
    """A headless Chromium (`tests.browsers`)."""
    with browsers.chromium() as opened:
        yield opened


@pytest.fixture(autouse=True, scope="session")
def without_weights():
    """Presets find no published weights, whatever this computer has; tests load those they name."""
    from camtrap_tf.core import cache

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "has_lite", lambda name: False)
        yield


@pytest.fixture(scope="session")
def need_weights():
    """Skips a test unless the weights it names are on this computer."""
    from camtrap_tf.networks.pretrained import weights

    def check(*names):
        absent = [name for name in names if weights.find(name) is None]
        if absent:
            pytest.skip(f"no pretrained weights: camtrap weights get {' '.join(absent)}")

    return check


@pytest.fixture(scope="session")
def valid():
    """Asserts that a file obeys its format, by the format's own validator; `make validators`."""
    environment = Path(os.environ.get("CAMTRAP_VALIDATORS", ROOT / ".validators"))
    python = environment / "bin" / "python"
    if not python.is_file():
        pytest.skip(f"no validators of formats: make validators ({python} is absent)")

    def check(*arguments):
        script = ROOT / "tests" / "validators" / "check.py"
        done = subprocess.run(
            [python, script, *map(str, arguments)], capture_output=True, text=True
        )
        assert done.stdout == "valid\n", done.stdout + done.stderr

    return check


@pytest.fixture(scope="session")
def tiny_shards(tmp_path_factory) -> Path:
    """Shards of coloured noise, stored as 40x40 pixels; see `write_tiny_shards`."""
    return write_tiny_shards(tmp_path_factory.mktemp("tiny") / "shards", 40)


def write_tiny_shards(folder: Path, size: int) -> Path:
    """Writes shards of coloured noise: 'red' and 'blue' animals, empties grey; learnable at once.

    24 events of two frames in 'train' (two shards), 8 in 'val'. Every third event is empty.
    Stored pictures are size x size.
    """
    from camtrap_tf.core.config import PictureSpec
    from camtrap_tf.core.labels import Vocabulary
    from camtrap_tf.events import records
    from camtrap_tf.events.manifest import Manifest, Shard
    from camtrap_tf.events.table import Dropped
    from camtrap_tf.pictures import files

    folder.mkdir()
    vocabulary = Vocabulary(("blue", "red"), ("1", "2"), ("moving",))
    rng = np.random.default_rng(0)

    def event(number: int, split: str) -> records.EventRecord:
        kind = number % 3  # 0 empty, 1 red, 2 blue
        base = np.full((size, size, 3), 90, np.uint8)
        if kind:
            base[size // 4 : 3 * size // 4, size // 4 : 3 * size // 4, 0 if kind == 1 else 2] = 230
        frames = [
            files.encode_jpeg(base + rng.integers(0, 20, base.shape, np.uint8), 95)
            for _ in range(2)
        ]
        labels = {"empty": int(kind == 0)}
        if kind:
            labels |= {"species": int(kind == 1), "count": 0, "moving": number % 2}
        name = f"{split}-{number}"
        return records.EventRecord(
            name, [f"{name}/{i}.jpg" for i in range(2)], frames, labels, site="A"
        )

    shards = []
    for split, first, count in (("train", 0, 12), ("train", 12, 12), ("val", 0, 8)):
        file = folder / f"{split}-{first:05d}.tfrecord"
        events = [event(number, split) for number in range(first, first + count)]
        records.write_file(file, [records.encode(one, vocabulary) for one in events])
        animals = 2 * sum("species" in one.labels for one in events)
        usable = {"empty": 2 * count, "animal": animals, "species": animals}
        usable["one_stage"] = 2 * count
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        shards.append(Shard(file.name, split, count, 2 * count, usable, digest))
    Manifest(
        folder=folder,
        vocabulary=vocabulary,
        picture=PictureSpec(size=size),
        mean=(100.0, 100.0, 100.0),
        std=(30.0, 30.0, 30.0),
        shards=tuple(shards),
        class_counts={},
        split_rule="by hand",
        seed=0,
        dropped=Dropped(),
    ).write()
    return folder


@pytest.fixture(scope="session")
def noise_shards(tmp_path_factory) -> Path:
    """Shards of noise with eight species: nothing to learn, so that failures abound.

    16 events of two frames in 'train' (two shards), 4 in 'val'. Stored pictures are 24x24.
    """
    from camtrap_tf.core.config import PictureSpec
    from camtrap_tf.core.labels import Task, Vocabulary
    from camtrap_tf.events import records
    from camtrap_tf.events.manifest import Manifest, Shard
    from camtrap_tf.events.table import Dropped
    from camtrap_tf.pictures import files

    folder = tmp_path_factory.mktemp("noise")
    vocabulary = Vocabulary(tuple(f"s{i}" for i in range(8)), (), ())
    rng, shards, counts = np.random.default_rng(0), [], [0] * 8
    for number, (split, events) in enumerate((("train", 10), ("train", 6), ("val", 4))):
        file = folder / f"{number}.tfrecord"
        written = []
        for event in range(events):
            frames = [
                files.encode_jpeg(rng.integers(0, 255, (24, 24, 3), np.uint8), 90) for _ in range(2)
            ]
            labels = {"empty": 0, "species": int(rng.integers(8))}
            counts[labels["species"]] += 2 * (split == "train")
            name = f"{number}-{event}"
            record = records.EventRecord(name, [f"{name}-{i}" for i in range(2)], frames, labels)
            written.append(records.encode(record, vocabulary))
        records.write_file(file, written)
        usable = {task.value: 2 * events for task in Task}
        shards.append(Shard(file.name, split, events, 2 * events, usable, "-"))
    Manifest(
        folder=folder,
        vocabulary=vocabulary,
        picture=PictureSpec(size=24),
        mean=(128.0,) * 3,
        std=(70.0,) * 3,
        shards=tuple(shards),
        class_counts={"train": {"species": counts, "empty": [32, 0]}},
        split_rule="by hand",
        seed=0,
        dropped=Dropped(),
    ).write()
    return folder


@pytest.fixture(scope="session")
def forked():
    """Runs a function once for each tuple of arguments, each in a process of its own, at once.

    The processes are forked from one that has imported TensorFlow but not used it. When one
    fails the rest are killed: they may be waiting for it.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["camtrap_tf.training.train"])

    def run(function, calls):
        processes = [context.Process(target=function, args=arguments) for arguments in calls]
        for process in processes:
            process.start()
        at_work = {process.sentinel: process for process in processes}
        try:
            while at_work and not any(process.exitcode for process in processes):
                for sentinel in multiprocessing.connection.wait(list(at_work)):
                    at_work.pop(sentinel).join()
        finally:
            for process in processes:
                process.kill()
                process.join()
        return processes

    return run


@pytest.fixture(scope="session")
def colour_bundle(tmp_path_factory):
    """A two-stage bundle with weights by hand; see `write_colour_bundle`."""
    return write_colour_bundle(tmp_path_factory.mktemp("colour") / "bundle")


def write_colour_bundle(folder: Path, size: int = 40, compares: bool = False):
    """Writes a bundle that tells 'red' from 'blue' animals, and grey for empty, untrained.

    Its networks ask how much redder or bluer than grey a picture is; where they compare the frames
    of an event, also how much it differs.
    """
    import keras

    from camtrap_tf.core import artifacts, file_names
    from camtrap_tf.core.codec import to_json
    from camtrap_tf.core.config import Context, InputSpec, PictureSpec
    from camtrap_tf.core.labels import Task, Vocabulary
    from camtrap_tf.networks.bundle import KIND, VERSION, Bundle, Member

    context = Context.DIFFERENCE if compares else Context.NONE
    spec = InputSpec(crop=32, std=(255.0,) * 3, context=context)
    vocabulary = Vocabulary(("blue", "red"), (), ())
    weights = {
        Task.EMPTY: ([[40, 0], [40, 0]], [0, 4]),
        Task.ANIMAL: ([[-40, 40], [40, -40]], [0, 0]),
    }
    members = []
    folder.mkdir(parents=True)
    for task, logits in weights.items():
        head = next(iter(vocabulary.heads(task)))
        image = keras.Input((32, 32, context.channels), name="image")
        mean = keras.layers.GlobalAveragePooling2D()(image)
        excess = keras.layers.Dense(2, "relu", use_bias=False, name="excess")(mean)
        model = keras.Model(image, {head: keras.layers.Dense(2, name=head)(excess)})
        own = np.array([[1, -1], [0, 0], [-1, 1], [0.02, 0.02]], np.float32)
        model.get_layer("excess").set_weights([own[: context.channels]])
        model.get_layer(head).set_weights([np.array(part, np.float32) for part in logits])
        file = folder / f"{task.value}.keras"
        model.save(file)
        member = Member(
            file.name, task.value, task, spec, "by hand", artifacts.sha256(file), {}, {}
        )
        members.append(to_json(member))
    content = {
        "vocabulary": vocabulary.to_json(),
        "picture": to_json(PictureSpec(size=size)),
        "members": members,
        "animal_threshold": 0.5,
        "model_version": "by hand",
    }
    artifacts.write_json(folder / file_names.BUNDLE, KIND, VERSION, content)
    return Bundle.read(folder)


# What the clients of engines warn of, by no fault of ours.
beam_warns = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
dask_warns = beam_warns[:4]


@pytest.fixture(scope="session")
def repository_on_path():
    """Processes that are started find this repository's packages, `tests` among them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        yield


@pytest.fixture(scope="session")
def two_workers(repository_on_path):
    """A Dask cluster of two processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster
