"""A bundle's networks at work: pictures in, answers out, block by block.

Decoding, stage 1 and stage 2 overlap. Threads decode batches ahead of the networks; the animals
that stage 1 finds are collected until they fill a batch of stage 2. Queues are bounded, so that
memory does not grow with the number of pictures. Batches never cross blocks: the answers of a
block are the same whatever was answered before.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from camtrap_tf.answers import with_event
from camtrap_tf.core.artifacts import PathLike, as_path
from camtrap_tf.core.config import EVENT_GAP_SECONDS, Context, PictureSpec, Precision
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import DETECTION, EMPTY
from camtrap_tf.core.paths import on_disk
from camtrap_tf.events.boxes import BoxTable
from camtrap_tf.events.corrections import Correction
from camtrap_tf.events.detections import Detector, Use, is_stage1
from camtrap_tf.networks import engines
from camtrap_tf.networks.bundle import Bundle, classes, computation, computation_key
from camtrap_tf.networks.engines import Engine
from camtrap_tf.networks.network import Network, layers_within
from camtrap_tf.pictures import crops, exif
from camtrap_tf.pictures import files as pictures
from camtrap_tf.pictures.context import NOTHING_TO_COMPARE
from camtrap_tf.pictures.context import stacked as context_of
from camtrap_tf.prediction.job import (
    BLOCK_SIZE,
    FACTS,
    Answers,
    Block,
    events_of,
    log,
    with_times,
)

AHEAD = 3  # batches that are decoded before they are needed
CALLS = 4  # of networks at a time, at most, where processors compute them


@dataclasses.dataclass(frozen=True)
class Options:
    """How pictures are answered.

    Args:
        gap_seconds: longest pause inside an event made from times.
        batch_size: pictures in one call of a network.
        block_size: pictures that are kept together, see `job`.
        precision: of the networks' computation; None = as they were trained.
        threads: that decode; 0 = one per processor.
        detector: what was detected in the pictures, and what it is for.
        boxes: all boxes of the pictures, each of which gets species (`prediction.boxes`); for
            bundles that see crops.
        corrected: clocks that were wrong.
        engine_cpu: what computes the networks on processors.
        litert: keys of the networks that LiteRT computes (`bundle.computation_key`), as `predict`
            settles it by `engine_cpu`; Keras computes the others.
        event_weight: of a picture's event where its species is read, in [0, 1]; None = the
            bundle's.
    """

    gap_seconds: float = EVENT_GAP_SECONDS
    batch_size: int = 32
    block_size: int = BLOCK_SIZE
    precision: Precision | None = None
    threads: int = 0
    detector: Detector | None = None
    boxes: BoxTable | None = None
    corrected: tuple[Correction, ...] = ()
    engine_cpu: Engine = Engine.AUTO
    litert: tuple[str, ...] = ()
    event_weight: float | None = None

    def __post_init__(self):
        if self.event_weight is not None:
            with_event.check(self.event_weight)
        if self.precision is not None and self.engine_cpu is Engine.LITERT:
            raise InputError(
                "a precision is for engine keras",
                self.precision.value,
                "Leave out one of the two: LiteRT computes in float32.",
            )
        for name in ("batch_size", "block_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is at least 1", getattr(self, name), "Try 32.")
        if not self.gap_seconds >= 0:
            raise InputError("a pause is at least 0 s", self.gap_seconds, "Try 10.")


class Predictor:
    """A bundle's networks, loaded and ready to answer, on every device given.

    Stage 2 is asked only about pictures in which stage 1 sees an animal.

    Args:
        bundle: what predicts.
        options: how.
        devices: names of TensorFlow devices; None = all GPUs, or the processor.

    `calls` of networks are under way at a time on each device.
    """

    def __init__(
        self, bundle: Bundle, options: Options | None = None, devices: Sequence[str] | None = None
    ):
        self.bundle, self.options = bundle, options or Options()
        if self.options.precision is Precision.BFLOAT16 and _slow_bfloat16():
            log.warning("bfloat16 is slower than float32 here: this processor has no AMX")
        _check_context(bundle.context, self.options.detector)
        check_boxes(bundle, self.options.detector)
        heads = classes(bundle, self.options.detector)
        self.widths = {head: len(names) for head, names in heads.items()}
        self.widths |= dict.fromkeys(bundle.kept_scores, 1)
        stages = (2,) if is_stage1(self.options.detector) else (1, 2)
        self.devices = list(devices or _devices())
        self.calls = calls_at_a_time(len(self.devices))
        self.replicas = [_Replica(bundle, self.options, d, stages) for d in self.devices]

    def answer(
        self,
        blocks: Iterable[Block],
        root: PathLike,
        advance: Callable[[int], None] = lambda pictures: None,
    ) -> Iterator[tuple[Block, Answers]]:
        """Yields the blocks in order with their answers.

        Args:
            blocks: what to answer.
            root: folder that the pictures' paths are relative to.
            advance: is told of pictures as their first stage is answered.
        """
        decoding = self._decoded(blocks, root)
        if self.bundle.context is not Context.NONE:
            decoding = self._stacked(decoding)
        with _Calls(self) as calls, contextlib.closing(decoding) as decoded:
            under_way: collections.deque[_UnderWay] = collections.deque()
            for block, rows, read in decoded:
                if not under_way or under_way[-1].block is not block:
                    under_way.append(_UnderWay(block, self, calls))
                under_way[-1].take(rows, read)
                calls.finish(calls.most)
                advance(len(rows))
                while under_way and under_way[0].done:
                    yield under_way.popleft().result()
            calls.finish(0)
            for last in under_way:
                yield last.result()

    def _decoded(self, blocks: Iterable[Block], root: PathLike) -> Generator[tuple]:
        """Block, rows of it and what reading them gave, batch by batch, read ahead by threads."""
        root, size = as_path(root), self.options.batch_size
        waiting: collections.deque = collections.deque()
        with concurrent.futures.ThreadPoolExecutor(self.options.threads or _processors()) as pool:
            try:
                for block in blocks:
                    paths = list(block.pictures["path"])
                    looks = _looks(block.pictures["path"], self.options.detector)
                    for start in range(0, len(paths), size):
                        rows = range(start, min(start + size, len(paths)))
                        reads = [
                            pool.submit(_read, root, paths[row], self.bundle.picture, looks[row])
                            for row in rows
                        ]
                        waiting.append((block, rows, reads))
                        if len(waiting) > AHEAD:
                            yield _read_now(*waiting.popleft())
                while waiting:
                    yield _read_now(*waiting.popleft())
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _stacked(self, decoded: Generator[tuple]) -> Generator[tuple]:
        """The same with squares that show what the frames of each event tell about one another.

        A block's squares are in memory together: its events are whole.
        """
        events = alone = 0
        with contextlib.closing(decoded):
            for _, batches in itertools.groupby(decoded, key=lambda batch: batch[0].number):
                batches = list(batches)
                block = batches[0][0]
                read = [one for _, _, reads in batches for one in reads]
                read, sizes = _with_context(block, read, self.bundle.context, self.options)
                events, alone = events + len(sizes), alone + sizes.count(1)
                for _, rows, _ in batches:
                    yield block, rows, read[rows.start : rows.stop]
        if 2 * alone > events:
            log.warning(
                NOTHING_TO_COMPARE + "Give an event table, or a longer --event_gap.",
                f"{alone:,}",
                f"{events:,}",
                self.bundle.context.value,
            )


def _with_context(
    block: Block, read: list["_Read"], context: Context, options: Options
) -> tuple[list["_Read"], list[int]]:
    """A block's pictures with what stands beside them, and its events' numbers of them.

    Unreadable frames are left out.
    """
    facts = _table([_facts(one) for one in read])
    timed = with_times(block.pictures, facts, options.corrected)
    events = events_of(timed, facts, options.gap_seconds, block.pictures["site"])
    stacked, sizes = list(read), []
    readable = np.array([one.picture is not None for one in read], bool)
    for _, frames in events[readable].groupby("event_id", sort=False):
        rows = frames.sort_values("frame").index
        sizes.append(len(rows))
        squares = _beside(np.stack([read[row].picture.pixels for row in rows]), context)
        for row, square in zip(rows, squares, strict=True):
            picture = dataclasses.replace(read[row].picture, pixels=square)
            stacked[row] = read[row]._replace(picture=picture)
    return stacked, sizes


class _Read(NamedTuple):
    """What reading a picture gave: the square, or the reason why there is none."""

    picture: pictures.Picture | None
    failure: str | None
    facts: exif.Facts
    look: "_Look | None" = None


class _Look(NamedTuple):
    """How a picture is looked at.

    Args:
        box: the part to look at; None = all of it.
        empty: what a detector in place of stage 1 says: [2] float32, or None.
        skip: it is empty, its header is enough.
        failure: why the detector has no answer, or None.
        around: [4] float32, the box whose part is looked at beside the whole, NaN where nothing
            was found; None = the whole alone.
        detection: how sure a detector is of that part, NaN where it has not looked.
    """

    box: tuple[float, ...] | None = None
    empty: np.ndarray | None = None
    skip: bool = False
    failure: str | None = None
    around: np.ndarray | None = None
    detection: float = np.nan


def _looks(paths: pd.Series, detector: Detector | None) -> list[_Look]:
    """How each picture of a block is looked at."""
    if detector is None:
        return [_Look()] * len(paths)
    found = detector.detections.of(paths)
    something = found.something
    if detector.use is Use.BOXES:
        return [
            _Look(tuple(map(float, box)) if seen else None)
            for box, seen in zip(found.boxes, something, strict=True)
        ]
    if detector.use is Use.VIEW:
        pairs = zip(found.boxes, found.confidence, strict=True)
        return [_Look(around=around, detection=float(sure)) for around, sure in pairs]
    empty = np.stack([found.confidence, 1 - found.confidence], axis=1)
    failures = (
        ("MegaDetector: " + found.failures).astype(object).where(found.failures.notna(), None)
    )
    return [
        _Look(None, own, not seen, failure)
        for own, seen, failure in zip(empty, something, failures, strict=True)
    ]


def _read(root: Path, name: str, spec: PictureSpec, look: _Look) -> _Read:
    path = on_disk(root, name)
    try:
        if look.failure is not None:
            return _Read(None, look.failure, exif.read(path))
        picture = pictures.glance(path) if look.skip else _look_at(path, spec, look)
    except pictures.PictureError as error:
        return _Read(None, str(error), exif.read(path))
    return _Read(picture, None, picture.facts, look)


def _look_at(path: PathLike, spec: PictureSpec, look: _Look) -> pictures.Picture:
    """A picture; with a part to be looked at it has six channels, the last three show that."""
    if look.around is None:
        return pictures.read(path, spec, look.box)
    if spec.crops:
        picture, part = pictures.read_with_part(path, spec, crops.box_of(look.around))
    else:
        picture = pictures.read(path, spec)
        (part,) = crops.cut(picture.pixels[None], crops.squares(look.around[None]))
    return dataclasses.replace(picture, pixels=np.concatenate([picture.pixels, part], axis=-1))


def _beside(squares: np.ndarray, context: Context) -> np.ndarray:
    """Pictures of an event with what stands beside them; their parts around boxes stay last.

    Args:
        squares: [frames, size, size, 3 or 6] uint8.
        context: what to add.
    """
    whole, parts = context_of(squares[..., :3], context), squares[..., 3:]
    return np.concatenate([whole, parts], axis=-1) if parts.shape[-1] else whole


def _facts(read: _Read) -> tuple:
    """What is kept of a picture beside its answers, in the order of `FACTS`."""
    told = read.facts
    position, size = told.burst or (None, None)
    return (
        told.taken, told.source, told.offset, read.failure, told.camera, position, size,
        told.trigger, read.picture.doubt if read.picture else None,
    )  # fmt: skip


def _table(facts: list[tuple]) -> pd.DataFrame:
    """Columns `FACTS` of `_facts`."""
    return pd.DataFrame(facts, columns=list(FACTS)).astype(FACTS)


def _read_now(block: Block, rows: range, reads: list[concurrent.futures.Future]) -> tuple:
    return block, rows, [read.result() for read in reads]


class _Replica:
    """The networks on one device."""

    def __init__(self, bundle: Bundle, options: Options, device: str, stages: Sequence[int]):
        self.device = device
        with tf.device(device):
            side = bundle.context.side(bundle.picture.size)
            shape = (1, side, side, bundle.context.channels + 3 * bundle.needs_boxes)
            self.stages = {stage: bundle.networks(stage) for stage in stages}
            members = [member for stage in stages for member in bundle.of_stage(stage)]
            for member, network in zip(
                members, itertools.chain(*self.stages.values()), strict=True
            ):
                if options.precision is not None:
                    _compute_in(network, options.precision)
                if computation_key(bundle, member) in options.litert:
                    network.runner = engines.load(computation(bundle, member, network))
                network.probabilities(np.zeros(shape, np.uint8))

    def answer(self, stage: int, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Mean probabilities of a stage by head, and its mean scores."""
        with tf.device(self.device):
            return _mean_answers(self.stages[stage], pixels)


class _Calls:
    """Calls of networks under way, dealt to the devices in turn, finished in order."""

    def __init__(self, predictor: Predictor):
        self.replicas = itertools.cycle(predictor.replicas)
        self.pools = {
            replica.device: concurrent.futures.ThreadPoolExecutor(predictor.calls)
            for replica in predictor.replicas
        }
        self.most = (predictor.calls + 1) * len(self.pools)
        self.queue: collections.deque = collections.deque()

    def submit(self, stage: int, pixels: np.ndarray, take: Callable[[dict], None]) -> None:
        """Asks a stage; `take` is given the answers."""
        replica = next(self.replicas)
        future = self.pools[replica.device].submit(replica.answer, stage, pixels)
        self.queue.append((future, take))

    def finish(self, most: int) -> None:
        """Waits until `most` calls are under way."""
        while len(self.queue) > most:
            future, take = self.queue.popleft()
            take(future.result())

    def __enter__(self) -> "_Calls":
        return self

    def __exit__(self, *_) -> None:
        for pool in self.pools.values():
            pool.shutdown(wait=False, cancel_futures=True)


class _UnderWay:
    """A block whose pictures are being answered.

    Stage 1 is asked batch by batch; the animals it finds wait until they fill a batch of
    stage 2, or the block ends.
    """

    def __init__(self, block: Block, predictor: Predictor, calls: _Calls):
        self.block, self.calls, self.size = block, calls, predictor.options.batch_size
        self.threshold = predictor.bundle.animal_threshold
        self.told = is_stage1(predictor.options.detector)
        self.two_stages = bool(predictor.replicas[0].stages.get(1))
        self.facts: list[tuple] = []  # in the order of `FACTS`
        self.animals: list[tuple[int, np.ndarray]] = []  # row and square
        self.open = collections.Counter()  # calls under way, by stage
        self.probabilities = {
            name: np.full((len(block), width), np.nan, np.float32)
            for name, width in predictor.widths.items()
        }

    def take(self, rows: range, read: list[_Read]) -> None:
        """The next pictures, decoded."""
        self.facts += map(_facts, read)
        squares = [
            (row, own.picture.pixels) for row, own in zip(rows, read, strict=True) if own.picture
        ]
        if DETECTION in self.probabilities:
            sure = [own.look.detection if own.look else np.nan for own in read]
            self.probabilities[DETECTION][rows.start : rows.stop, 0] = sure
        if self.told:
            self._take_verdicts(rows, read)
        elif squares:
            self._ask(1 if self.two_stages else 2, squares)
        self._ask_rest()

    @property
    def done(self) -> bool:
        """Whether all is answered."""
        return len(self.facts) == len(self.block) and not self.open.total()

    def result(self) -> tuple[Block, Answers]:
        """The block with its answers."""
        return self.block, Answers(_table(self.facts), self.probabilities)

    def _ask(self, stage: int, squares: list[tuple[int, np.ndarray]]) -> None:
        rows, pixels = np.array([row for row, _ in squares]), np.stack([own for _, own in squares])
        self.open[stage] += 1
        self.calls.submit(stage, pixels, lambda found: self._answered(stage, rows, pixels, found))

    def _answered(self, stage: int, rows: np.ndarray, pixels: np.ndarray, found: dict) -> None:
        self.open[stage] -= 1
        for head, values in found.items():
            self.probabilities[head][rows] = values
        if stage == 1:
            animal = found[EMPTY][:, 0] >= self.threshold
            self.animals += zip(rows[animal], pixels[animal], strict=True)
            self._ask_whole_batches()
        self._ask_rest()

    def _take_verdicts(self, rows: range, read: list[_Read]) -> None:
        """Takes a detector's word for what is empty."""
        for row, own in zip(rows, read, strict=True):
            if own.picture is None or own.look is None:
                continue
            self.probabilities[EMPTY][row] = own.look.empty
            if not own.look.skip:
                self.animals.append((row, own.picture.pixels))
        self._ask_whole_batches()

    def _ask_whole_batches(self) -> None:
        while len(self.animals) >= self.size:
            self._ask(2, self.animals[: self.size])
            del self.animals[: self.size]

    def _ask_rest(self) -> None:
        """Sends what waits for stage 2 when no more will come."""
        if len(self.facts) == len(self.block) and not self.open[1] and self.animals:
            self._ask(2, self.animals)
            self.animals = []


def check_boxes(bundle: Bundle, detector: Detector | None) -> None:
    """Raises InputError where a bundle that sees the part around a box is given none, or others."""
    given = detector is not None and detector.use is Use.VIEW
    if bundle.needs_boxes and not given:
        raise InputError(
            "a bundle that sees the part around a box is told where boxes are",
            "no detections" if detector is None else f"--megadetector_use={detector.use.value}",
            "Give --detections=FILE, what `camtrap detect` or MegaDetector wrote.",
        )
    if given and not bundle.needs_boxes:
        raise InputError(
            "boxes are for bundles with a second view",
            str(bundle.folder),
            "Leave out --detections, or fit `camtrap probe --view=crop`.",
        )


def _check_context(context: Context, detector: Detector | None) -> None:
    if context is not Context.NONE and detector is not None and detector.use is not Use.VIEW:
        raise InputError(
            "networks that compare an event's frames see them whole, without a detector",
            f"model.context={context.value}",
            "Leave out --megadetector, or take a bundle of networks without context.",
        )


def _mean_answers(networks: list[Network], pixels: np.ndarray) -> dict[str, np.ndarray]:
    answers = [network.probabilities(pixels) for network in networks]
    heads = dict.fromkeys(head for answer in answers for head in answer)
    return {
        head: np.stack([a[head] for a in answers if head in a]).mean(axis=0, dtype=np.float32)
        for head in heads
    }


def _compute_in(network: Network, precision: Precision) -> None:
    """Sets the number format of a network's layers; weights, heads and answers stay float32."""
    mixed = "float32" if precision is Precision.FLOAT32 else f"mixed_{precision.value}"
    for layer in layers_within(network.model):
        if layer.name not in network.outputs:
            layer.dtype_policy = mixed


def _slow_bfloat16() -> bool:
    """Whether bfloat16 would be computed by AVX-512 or less.

    There AVX512-BF16 does half as many multiplications a second as float32 does (measured on a
    Sapphire Rapids whose AMX was masked; see `benchmarks/prediction.py`).
    """
    facts = Path("/proc/cpuinfo")
    if tf.config.list_physical_devices("GPU") or not facts.is_file():
        return False
    return "amx_bf16" not in facts.read_text()


def _devices() -> list[str]:
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")[:1]
    return [device.name for device in found]


def share_processors() -> None:
    """Lets several calls of networks run side by side, each on its part of the processors.

    A call that takes all of them waits, at the end of each layer, for the core that was
    decoding meanwhile. Does nothing where there is a GPU or TensorFlow has started already.
    """
    if not tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(-(-_processors() // CALLS))


def calls_at_a_time(devices: int) -> int:
    """Calls of networks under way on a device."""
    if tf.config.list_logical_devices("GPU"):
        return 2  # one is sent while another is computed
    threads = tf.config.threading.get_intra_op_parallelism_threads() or _processors()
    return max(1, _processors() // threads // devices)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
