"""Which engine computes a network on processors: TensorFlow's graph through Keras, or LiteRT.

The answers are the same but for rounding (`CLOSE`); what differs is the time. `Engine.AUTO` tries
both for some seconds where there is much to answer, takes the faster one, and remembers it in the
user's cache folder, with the converted network. GPUs and TPUs compute with TensorFlow alone.

A job keeps what it began with (`settle`), so that it ends with the same bytes however often it was
stopped.
"""

import concurrent.futures
import contextlib
import dataclasses
import enum
import hashlib
import json
import logging
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from camtrap_tf.core import cache, checksums
from camtrap_tf.core.artifacts import PathLike, as_path, atomic, read_json, write_json
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.hardware import processors
from camtrap_tf.core.workers.work import Here, Workers
from camtrap_tf.networks import litert
from camtrap_tf.networks.litert import Runner

FILE, KIND, VERSION = "engine.json", "engine of a job", 1
TRIAL_KIND, TRIAL_VERSION = "trial of engines", 1
CLOSE = 1e-4  # by so much answers of the two engines may differ
WORTH = 1000  # pictures: with fewer, trying and converting take longer than is gained
_FASTER = 1.05  # by so much LiteRT must be faster
_SECONDS, _ROUNDS = 1.0, 2  # of a trial
_KEPT = 12  # converted networks in the cache folder
log = logging.getLogger("camtrap")


class Engine(enum.Enum):
    """What computes networks on processors."""

    AUTO = "auto"  # the faster of the two
    KERAS = "keras"
    LITERT = "litert"


def asked_of(workers: Workers | None, asked: Engine) -> Engine:
    """What computes networks where workers do it: what is faster here says nothing of others."""
    here = workers is None or isinstance(workers, Here)
    return Engine.KERAS if asked is Engine.AUTO and not here else asked


@dataclasses.dataclass(frozen=True)
class Computation:
    """A network as it is computed on pictures.

    Args:
        key: what tells it from all others: a hash of its weights and of all else that its answers
            depend on.
        name: for people.
        graph: from pixels [n, *shape] to answers by name, [n, ...] float32; traceable.
        model: whose variables it uses.
        shape: height, width and channels of its pixels.
        kind: of its pixels.
        close: by so much answers of the two engines may differ; of numbers above 1 in proportion.
    """

    key: str
    name: str
    graph: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    model: keras.Model
    shape: tuple[int, int, int]
    kind: tf.DType = tf.uint8
    close: float = CLOSE


def digest(*facts: Any) -> str:
    """A key of facts that are JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def hash_weights(model: keras.Model) -> str:
    """SHA-256 over the shapes and values of all weights, in the order of the layers."""
    sha = hashlib.sha256()
    for weight in model.weights:
        sha.update(str(tuple(weight.shape)).encode())
        sha.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return sha.hexdigest()


def is_open(folder: PathLike, asked: Engine, pictures: int) -> bool:
    """Whether a job has an engine to settle; else Keras computes it."""
    worth = asked is Engine.AUTO and pictures >= WORTH
    return asked is Engine.LITERT or worth or _kept(folder) is not None


def settle(
    folder: PathLike,
    asked: Engine,
    keys: Sequence[str],
    load: Callable[[], Sequence[Computation]],
    pictures: int,
    begun: bool,
    calls: int = 1,
) -> tuple[str, ...]:
    """Keys of those of a job's networks that LiteRT computes; kept in the job's folder.

    Args:
        folder: of the job.
        asked: the engine, or that the faster one is wanted.
        keys: of the job's networks.
        load: gives the networks, in the order of the keys; called where they must be tried.
        pictures: of the job.
        begun: some are answered already.
        calls: of networks that are under way at a time.

    Raises:
        InputError: LiteRT is asked for where it is not installed, or on a GPU.
    """
    before = _kept(folder)
    if asked is Engine.LITERT:
        _check_litert()
        chosen = tuple(keys)
    elif asked is Engine.KERAS:
        chosen = ()
    elif before is not None:
        return _as_begun(before)
    elif begun or pictures < WORTH or not _possible():
        return ()
    else:
        chosen = _faster(keys, load, calls)
    if begun and set(chosen) != set(before or ()):
        log.warning("the engine is another than the job began with: answers differ by rounding")
    if chosen or before is not None:
        write_json(as_path(folder) / FILE, KIND, VERSION, {"litert": list(chosen)})
    return chosen


def _kept(folder: PathLike) -> tuple[str, ...] | None:
    path = as_path(folder) / FILE
    return tuple(read_json(path, KIND, VERSION)["litert"]) if path.is_file() else None


def _as_begun(keys: tuple[str, ...]) -> tuple[str, ...]:
    if not keys or _possible():
        return keys
    log.warning("the job began with LiteRT, which is not here; it goes on without, and answers "
                "differ by rounding")  # fmt: skip
    return ()


def _possible() -> bool:
    return litert.is_here() and not accelerators()


def accelerators() -> list[str]:
    """GPUs and TPUs of this process."""
    return [d.name for kind in ("GPU", "TPU") for d in tf.config.list_logical_devices(kind)]


def _check_litert() -> None:
    if not litert.is_here():
        raise InputError(
            "LiteRT is installed", "no", "Run `pip install ai-edge-litert`, or take engine keras."
        )
    if accelerators():
        raise InputError(
            "LiteRT computes on processors", accelerators()[0], "Leave the engine out."
        )


def _faster(
    keys: Sequence[str], load: Callable[[], Sequence[Computation]], calls: int
) -> tuple[str, ...]:
    """Keys of networks that LiteRT computes faster: remembered, or tried now."""
    remembered = [_remembered(key) for key in keys]
    loaded = load() if None in remembered else ()
    chosen = []
    for number, (key, trial) in enumerate(zip(keys, remembered, strict=True)):
        trial = trial or _try(loaded[number], calls)
        if trial["engine"] == Engine.LITERT.value:
            chosen.append(key)
    return tuple(dict.fromkeys(chosen))


def _folder() -> Path:
    return cache.folder() / "engines"


def _trial_file(key: str) -> Path:
    """Of a network on this machine with these versions."""
    machine = (_processor(), processors(), tf.__version__, keras.__version__, litert.version())
    return _folder() / f"{key}-{digest(*machine)[:12]}.json"


def _processor() -> str:
    """What the processor is called."""
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _remembered(key: str) -> dict[str, Any] | None:
    path = _trial_file(key)
    if not path.is_file():
        return None
    try:
        trial = read_json(path, TRIAL_KIND, TRIAL_VERSION)
    except InputError:  # damaged, or of another version
        return None
    log.info("%s: %s", trial["name"], trial["told"])
    return trial


def _try(computation: Computation, calls: int) -> dict[str, Any]:
    """Converts a network, compares answers and speed, and remembers."""
    trial = {"name": computation.name, **compare(computation, calls)}
    log.info("%s: %s", trial["name"], trial["told"])
    try:
        write_json(_trial_file(computation.key), TRIAL_KIND, TRIAL_VERSION, trial)
    except OSError:
        log.debug("nothing can be kept in %s", _folder())
    return trial


def compare(computation: Computation, calls: int) -> dict[str, Any]:
    """Tries both engines on drawn pixels.

    Args:
        computation: the network.
        calls: of it that are under way at a time.

    Returns:
        `engine`, the value of the one to take; `told`, why, in words; and, where both can do it,
        `rates`, pictures a second by engine.
    """
    keeps = {"engine": Engine.KERAS.value}
    try:
        runner = load(computation)
    except InputError as error:
        return keeps | {"told": f"computed by Keras; LiteRT cannot: {error}"}
    drawn = np.random.default_rng(0).integers(0, 256, (16, *computation.shape), np.uint8)
    pixels = drawn if computation.kind == tf.uint8 else (drawn / 64 - 2).astype(np.float32)
    answer = traced(computation)
    apart = _difference(answer(pixels), runner(pixels))
    if apart > computation.close:
        return keeps | {"told": f"computed by Keras; answers of LiteRT differ by {apart:.1e}"}
    rates = {"Keras": 0.0, "LiteRT": 0.0}
    for _ in range(_ROUNDS):
        for name, ask in (("Keras", answer), ("LiteRT", runner)):
            rates[name] = max(rates[name], _rate(ask, pixels, calls))
    fast = rates["LiteRT"] > _FASTER * rates["Keras"]
    winner = "LiteRT" if fast else "Keras"
    told = ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items())
    return {
        "engine": (Engine.LITERT if fast else Engine.KERAS).value,
        "told": f"computed by {winner} (pictures a second: {told})",
        "rates": rates,
    }


def traced(computation: Computation) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """A network computed by TensorFlow, for batches of any size."""
    pixels = tf.TensorSpec((None, *computation.shape), computation.kind)
    graph = tf.function(computation.graph, autograph=False).get_concrete_function(pixels)
    return lambda rows: {k: v.numpy() for k, v in graph(tf.convert_to_tensor(rows)).items()}


def _difference(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """The largest; of numbers above 1 in proportion."""
    return max(
        float(np.max(np.abs(one[name] - other[name]) / np.maximum(1.0, np.abs(one[name]))))
        for name in one
    )


def _rate(ask: Callable[[np.ndarray], Any], pixels: np.ndarray, calls: int) -> float:
    """Pictures a second, so many calls at a time."""

    def work(until: float) -> int:
        done = 0
        while not done or time.perf_counter() < until:
            ask(pixels)
            done += len(pixels)
        return done

    with concurrent.futures.ThreadPoolExecutor(calls) as pool:
        start = time.perf_counter()
        done = sum(pool.map(work, [start + _SECONDS] * calls))
        return done / (time.perf_counter() - start)


def load(computation: Computation) -> Runner:
    """A network in LiteRT: from the cache folder, or converted now and kept there.

    Raises:
        InputError: it does something that LiteRT cannot.
    """
    path = _folder() / f"{computation.key}-{litert.version()}-{tf.__version__}.tflite"
    if path.is_file():
        with contextlib.suppress(ValueError, RuntimeError, OSError):  # damaged, or of no use here
            path.touch()
            return Runner(path.read_bytes()[: checksums.check_seal(path)])
    try:
        model = litert.convert(
            computation.graph, computation.model.variables, computation.shape, computation.kind
        )
        runner = Runner(model)
    except Exception as error:  # the converter raises nothing narrower
        raise InputError(
            f"LiteRT can compute network '{computation.name}'",
            " ".join(str(error).split())[:200],
            "Take engine keras.",
        ) from error
    try:
        with atomic(path) as temporary:
            temporary.write_bytes(model + checksums.seal(model))
        _forget(path.parent)
    except OSError:
        log.debug("nothing can be kept in %s", path.parent)
    return runner


def in_graph(runner: Runner, name: str, width: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """An answer of a runner inside a graph of TensorFlow: [n, width] float32."""

    def answer(pixels: tf.Tensor) -> tf.Tensor:
        found = tf.numpy_function(lambda rows: runner(rows)[name], [pixels], tf.float32)
        return tf.ensure_shape(found, (None, width))

    return answer


def _forget(folder: Path) -> None:
    """Deletes the converted networks that were not used for longest."""
    files = sorted(folder.glob("*.tflite"), key=lambda path: path.stat().st_mtime)
    for path in files[:-_KEPT]:
        path.unlink(missing_ok=True)
