"""Shards to batches.

Order and augmentation of training data are a pure function of (seed, epoch): a run that is
stopped and started again sees the same pictures in the same order. Every picture has a key,
(shard, event, frame), by which it can be asked for again.
"""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import tensorflow as tf

from camtrap_tf.batches import sampling
from camtrap_tf.batches.distribution import Share
from camtrap_tf.core.config import AugmentConfig, Context, InputSpec
from camtrap_tf.core.heads import EMPTY, FRAME_HEADS, Head, find
from camtrap_tf.core.labels import MISSING, Task, Vocabulary
from camtrap_tf.events import records
from camtrap_tf.events.detections import THRESHOLD, UNLISTED, Detections, boxes_of
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.pictures import augmentation, context_graph, crops, crops_graph, graph
from camtrap_tf.pictures.context import NINE_FRAMES

_SHUFFLE_FRAMES = 4096  # encoded; shards are shuffled globally when they are planned
_SHUFFLE_DECODED = 512  # 512 x 256 x 256 x 4 = 134 MB
_READERS = 4
_EVENTS_AT_ONCE = 16  # parsed together, where pictures are not decoded event by event
_AGAIN = 1 << 40  # pictures fed again are augmented from seeds beyond every epoch's


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """What a training pipeline needs to know beside the shards.

    Args:
        split, task, spec, augment, seed: what they are called.
        batch_size: over all replicas.
        oversample: show all classes of the main head equally often.
        detections: boxes that the network sees the parts around; None: it sees pictures whole.
    """

    split: str
    task: Task
    spec: InputSpec
    augment: AugmentConfig
    batch_size: int
    seed: int
    oversample: bool = False
    detections: Detections | None = None

    @property
    def decoded(self) -> bool:
        """Whether pictures are decoded before they are shuffled, for what is made of them."""
        return self.spec.context is not Context.NONE or self.detections is not None


class Traced:
    """What is done to events and pictures of a training split, traced once for all epochs.

    TensorFlow traces the functions of a pipeline whenever one is made, which takes longer than
    an epoch of a few hundred pictures; these are only called there.
    """

    def __init__(self, manifest: Manifest, data: TrainingData):
        self.manifest, self.data = manifest, data
        self.around = _squares_of(manifest, data)
        self.pictures = tf.function(self._pictures, autograph=False)
        self.decode = tf.function(self._decode, autograph=False)

    def _pictures(self, seed: tf.Tensor, shards: tf.Tensor, numbers: tf.Tensor, stored: tf.Tensor):
        """The pictures of stored events that the task can use, as `_epoch_order` gives them.

        Args:
            seed: [] int64, of the epoch.
            shards, numbers: [n] int64, the events' keys; with a context of one event only.
            stored: [n] string, the serialised events.
        """
        manifest, data = self.manifest, self.data
        columns = _columns(manifest, shards, numbers, stored)
        hidden = _hidden(data, columns, tf.stack([-seed, shards[0] * 2**32 + numbers[0]]))
        columns = _with_parts(columns, manifest, self.around)
        columns = _with_context(columns, manifest, data.spec.context, hidden)
        kept = {
            "frame": columns["frame"],
            "key": columns["key"],
            "labels": task_labels(columns, data.task, manifest.vocabulary),
        }
        chosen = usable(columns, data.task)
        if data.spec.context.stacks:  # an event's frames all show the event
            chosen = tf.logical_and(chosen, columns["position"] == 0)
        wanted = tf.where(chosen)[:, 0]
        return tf.nest.map_structure(lambda column: tf.gather(column, wanted), kept)

    def _decode(self, seed: tf.Tensor, index: tf.Tensor, frame: tf.Tensor) -> tuple:
        """`_drawn_and_pixels` of a picture, by its place in the epoch."""
        return _drawn_and_pixels(self.manifest, self.data, tf.stack([seed, index]), frame)


def training(
    manifest: Manifest,
    data: TrainingData,
    epoch: int,
    done: int = 0,
    share: Share | None = None,
    traced: Traced | None = None,
) -> tf.data.Dataset:
    """Batches of one epoch (counted from 1), from batch `done` on.

    An epoch has `steps_per_epoch` batches; the remainder of its shuffled order is left out.
    Pictures that are not this process's, or were used before, are left out before decoding.

    Args:
        manifest: of the shards.
        data: what to read and how.
        epoch: decides order and augmentation.
        done: batches to leave out.
        share: which rows to read; the elements are the batches of one replica after another.
        traced: of the same manifest and data, where there are several epochs.

    Returns:
        A dataset of (pixels `[rows, crop, crop, channels]` uint8, draws `[rows, k]` float32, labels
        by head `[rows]` int32, -1 missing, keys `[rows, 3]` int64), where rows = batch / replicas.
        What the draws decide is done by `augmentation.finish`, on the device that learns from
        them: there it costs nothing beside the network, and a fourth of the bytes go there.
    """
    share, traced = share or Share(), traced or Traced(manifest, data)
    steps, rows = steps_per_epoch(manifest, data), data.batch_size // share.workers
    epoch_seed = tf.constant(_epoch_seed(data, epoch))
    frames = _epoch_order(manifest, data, epoch, traced).take(steps * data.batch_size)
    frames = frames.enumerate().skip(done * data.batch_size)
    if share.workers > 1:
        frames = frames.filter(lambda index, _: index % data.batch_size // rows == share.worker)

    def decode(index, frame):
        drawn, pixels = traced.decode(epoch_seed, index, frame["frame"])
        return pixels, drawn, frame["labels"], frame["key"]

    examples = frames.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    batches = examples.batch(data.batch_size // share.replicas, drop_remainder=True)
    count = (steps - done) * (share.replicas // share.workers)
    return batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


def finished(batches: tf.data.Dataset, data: TrainingData) -> tf.data.Dataset:
    """Batches of `training` as networks learn from them, where no trainer finishes them itself.

    Returns:
        A dataset of (`[rows, crop, crop, channels]` float32, labels, keys).
    """
    finish = augmentation.finish(data.augment, data.spec)
    return batches.map(lambda pixels, drawn, labels, keys: (finish(pixels, drawn), labels, keys))


class Again:
    """Feeds pictures of the training split again, by key."""

    def __init__(self, manifest: Manifest, data: TrainingData):
        self.data = data
        self.files = [manifest.folder / shard.file for shard in manifest.shards_of(data.split)]
        self.offsets: dict[int, np.ndarray] = {}
        around = _squares_of(manifest, data)

        @tf.function(reduce_retracing=True)
        def build(serialised, places, seeds):
            def one(inputs):
                record, place, seed = inputs
                zero = tf.zeros([1], tf.int64)  # keys are not used
                columns = _columns(manifest, zero, zero, record[None])
                hidden = _hidden(data, columns, tf.stack([-seed[0], seed[1]]))
                columns = _with_parts(columns, manifest, around)
                columns = _with_context(columns, manifest, data.spec.context, hidden)
                frame = {name: values[place] for name, values in columns.items()}
                drawn, pixels = _drawn_and_pixels(manifest, data, seed, frame["frame"])
                return pixels, drawn, task_labels(frame, data.task, manifest.vocabulary)

            heads = manifest.vocabulary.heads(data.task)
            signature = (
                tf.TensorSpec((*[data.spec.crop] * 2, data.spec.context.channels), tf.uint8),
                tf.TensorSpec(None),
                dict.fromkeys(heads, tf.TensorSpec((), tf.int32)),
            )
            return tf.map_fn(one, (serialised, places, seeds), fn_output_signature=signature)

        self._build = build

    def batch(self, keys: np.ndarray, epoch: int, number: int) -> tuple:
        """One batch, drawn for anew, as `training` gives it.

        Args:
            keys: [n, 3] int64.
            epoch, number: decide the augmentation; a number is used once an epoch.
        """
        serialised = [self._read(shard, event) for shard, event, _ in keys.tolist()]
        indices = _AGAIN + number * self.data.batch_size + np.arange(len(keys))
        seeds = np.stack([np.full(len(keys), _epoch_seed(self.data, epoch)), indices], axis=1)
        return *self._build(tf.constant(serialised), keys[:, 2], seeds), tf.constant(keys)

    def _read(self, shard: int, event: int) -> bytes:
        if shard not in self.offsets:
            self.offsets[shard] = records.offsets(self.files[shard])
        return records.read_at(self.files[shard], int(self.offsets[shard][event]))


def _epoch_order(
    manifest: Manifest, data: TrainingData, epoch: int, traced: Traced
) -> tf.data.Dataset:
    """The pictures that the task can use, in the order of an epoch.

    Elements are tables: `frame` (the encoded picture; with a context the decoded square with what
    stands beside it), `key` and `labels` (by head of the task).
    """
    order = np.random.default_rng([data.seed, epoch])
    shards = manifest.shards_of(data.split)
    numbers = order.permutation(len(shards))
    files = [str(manifest.folder / shards[number].file) for number in numbers]
    seed = tf.constant(_epoch_seed(data, epoch))
    frames = _frames(
        files,
        lambda *events: traced.pictures(seed, *events),
        at_once=1 if data.decoded else _EVENTS_AT_ONCE,
        numbers=numbers,
    )
    if data.oversample:
        frames = _oversampled(frames, manifest, data, epoch).repeat()
    frames = frames.shuffle(
        _SHUFFLE_DECODED if data.decoded else _SHUFFLE_FRAMES,
        seed=int(order.integers(2**31)),
        reshuffle_each_iteration=False,
    )
    # Of nine channels the manifest does not tell how many there are; see `steps_per_epoch`.
    return frames.repeat() if data.spec.context.stacks else frames


def _oversampled(frames, manifest: Manifest, data: TrainingData, epoch: int) -> tf.data.Dataset:
    """Every picture as often as its class needs; fractions are drawn, keyed on its index."""
    head = sampling.main_head(data.task)
    often = tf.constant(sampling.copies(sampling.class_counts(manifest, data.split, data.task)))

    def repeat(index, frame):
        label = frame["labels"][head]
        seed = tf.stack([_epoch_seed(data, epoch), -1 - index])  # not an augmentation's
        draw = tf.random.stateless_uniform([], seed, dtype=tf.float64)
        count = tf.cast(tf.floor(often[label] + draw), tf.int64)
        return tf.data.Dataset.from_tensors(frame).repeat(count)

    return frames.enumerate().flat_map(repeat)


def _epoch_seed(data: TrainingData, epoch: int) -> np.int64:
    return np.int64(data.seed * 100_003 + epoch)


def _hidden(data: TrainingData, columns: dict, seed: tf.Tensor) -> tf.Tensor | None:
    """[pictures] bool: which pictures of an event are seen as if alone; None where none is.

    Seeds are negative, unlike those of changes of pictures.
    """
    if not (data.augment.hide_context and data.spec.context.differs):
        return None
    drawn = tf.random.stateless_uniform(tf.shape(columns["position"]), seed)
    return drawn < data.augment.hide_context


def _with_context(
    columns: dict, manifest: Manifest, context: Context, hidden: tf.Tensor | None = None
) -> dict:
    """An event's columns; with a context `frame` are decoded squares and what stands beside them.

    Where every frame's input is the whole event, its labels are the event's too.

    Args:
        columns: of `_event_columns`.
        manifest: of the shards.
        context: what stands beside a picture.
        hidden: [pictures] bool, those that are seen as if alone.
    """
    if context is Context.NONE:
        return columns
    spec, squares = manifest.picture, _decoded(columns, manifest)
    stacked = context_graph.stacked_quickly(squares, context)
    if hidden is not None:
        alone = context_graph.stacked_alone(squares, context)
        stacked = tf.where(hidden[:, None, None, None], alone, stacked)
    side = context.side(spec.size)
    shape = (None, side, side, context.channels)
    columns = columns | {"frame": tf.ensure_shape(stacked, shape)}
    if context.stacks:
        heads = records.label_heads(manifest.vocabulary)
        columns |= {head: columns[f"event/{head}"] for head in heads}
    return columns


def _squares_of(manifest: Manifest, data: TrainingData) -> tuple | None:
    """Where each training picture's part lies: a table of paths, and squares [n + 1, 4] float32.

    The last is the whole picture, for paths that boxes were never looked for. None: pictures are
    seen whole.
    """
    if data.detections is None:
        return None
    paths = index(manifest, data.split)[0]["path"].astype("string").drop_duplicates()
    around = crops.squares(boxes_of(data.detections, paths))
    known = tf.lookup.KeyValueTensorInitializer(
        tf.constant(list(paths)), tf.range(len(paths), dtype=tf.int64)
    )
    table = tf.lookup.StaticHashTable(known, len(paths))  # of other paths: the last square
    return table, tf.constant(np.concatenate([around, [[0, 0, 1, 1]]]), tf.float32)


def _with_parts(columns: dict, manifest: Manifest, around: tuple | None) -> dict:
    """Columns whose `frame` is the decoded part around a box, where boxes are given."""
    if around is None:
        return columns
    table, squares = around
    place = table.lookup(columns["path"])
    return columns | {
        "frame": crops_graph.cut(_decoded(columns, manifest), tf.gather(squares, place))
    }


def _decoded(columns: dict, manifest: Manifest) -> tf.Tensor:
    """[pictures, size, size, 3] uint8, the stored squares."""
    spec = manifest.picture
    return tf.map_fn(
        lambda encoded: graph.decode_stored(encoded, spec),
        columns["frame"],
        fn_output_signature=tf.TensorSpec((spec.size, spec.size, 3), tf.uint8),
    )


def _drawn_and_pixels(manifest: Manifest, data: TrainingData, seed, frame) -> tuple:
    """A picture's draws and its cropped pixels [crop, crop, channels] uint8."""
    spec, crop = manifest.picture, data.spec.crop
    drawn = augmentation.draws(data.augment, seed)
    side = data.spec.context.side(spec.size)
    window = augmentation.window(drawn, tf.constant((side, side)), crop, data.augment)
    if data.decoded:
        pixels = graph.cut(frame, window[0], window[1], crop)
    else:
        pixels = graph.decode_window(frame, window, spec)
    pixels = tf.ensure_shape(pixels, (crop, crop, data.spec.context.channels))
    return drawn, pixels


def steps_per_epoch(manifest: Manifest, data: TrainingData) -> int:
    """Whole batches in one epoch.

    Of nine channels an epoch shows an event once, taking events for three frames long.
    """
    pictures = manifest.frames(data.split, data.task)
    if data.spec.context.stacks:
        pictures //= NINE_FRAMES
    return pictures // data.batch_size


def stored_pictures(
    manifest: Manifest,
    split: str,
    batch_size: int,
    context: Context = Context.NONE,
    alone: bool = False,
    rows: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Pictures of a split, in file order: batches `[<= batch, size, size, channels]` uint8.

    Args:
        manifest, split, batch_size: what they are called.
        context: what stands beside a picture.
        alone: every picture as an event of its own.
        rows: [n] int, the places of those wanted; None: all.
    """
    spec = manifest.picture
    shape = (spec.size, spec.size, 3)

    def wanted(frames):
        if rows is None:
            return frames
        chosen = np.zeros(manifest.frames(split), bool)
        chosen[rows] = True
        is_chosen = tf.constant(chosen)
        return frames.enumerate().filter(lambda i, _: is_chosen[i]).map(lambda _, frame: frame)

    if context is not Context.NONE and not alone:
        frames = _split_frames(
            manifest, split, lambda event: _with_context(event, manifest, context)["frame"], 1
        )
        return wanted(frames).batch(batch_size).prefetch(2)
    pixels = wanted(_split_frames(manifest, split)).map(
        lambda frame: tf.ensure_shape(graph.decode_stored(frame["frame"], spec), shape),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    batches = pixels.batch(batch_size)
    if context is not Context.NONE:
        batches = batches.map(lambda squares: context_graph.stacked_alone(squares, context))
    return batches.prefetch(2)


def stored_parts(
    manifest: Manifest, split: str, batch_size: int, detections: Detections
) -> Iterable[np.ndarray]:
    """The parts around boxes of a split's pictures, in file order: batches as `stored_pictures`.

    Args:
        manifest, split, batch_size: what they are called.
        detections: the boxes, to cut parts out of squares where the shards hold none.
    """
    if manifest.picture.crops:
        return stored_pictures(manifest.of_parts(), split, batch_size).as_numpy_iterator()
    paths = index(manifest, split)[0]["path"].astype("string")
    squares = stored_pictures(manifest, split, batch_size)
    return crops.batches(squares, boxes_of(detections, paths))


def stored_boxes(manifest: Manifest, split: str) -> Detections:
    """What the parts that a split holds were cut around."""

    def choose(columns):
        return {"path": columns["path"], "box": columns["box"]}

    rows = list(_split_frames(manifest, split, choose).batch(4096).as_numpy_iterator())
    boxes = np.concatenate([row["box"] for row in rows])
    paths = pd.Series([path.decode() for row in rows for path in row["path"]], dtype="string")
    unknown = pd.Series(UNLISTED, paths.index, "string").where(np.isnan(boxes[:, 4]))
    return Detections(paths, boxes[:, 4], boxes[:, :4], unknown, THRESHOLD)


def index(manifest: Manifest, split: str) -> tuple[pd.DataFrame, dict, dict]:
    """Ids and labels of every picture of a split, in the order of `stored_pictures`.

    Returns:
        ids: `predictions.ID_COLUMNS` without `failure`.
        labels, event_labels: by head, [pictures] int64, -1 missing.
    """
    heads = records.label_heads(manifest.vocabulary)
    rows = list(_split_frames(manifest, split).batch(4096).as_numpy_iterator())
    columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    text = {
        name: [value.decode() or None for value in columns[name]]
        for name in ("path", "event_id", "site", "season", "datetime")
    }
    ids = pd.DataFrame({**text, "frame": columns["position"]})
    ids["datetime"] = pd.to_datetime(ids["datetime"], format="ISO8601")
    labels = {head: columns[head] for head in heads}
    return ids, labels, {head: columns[f"event/{head}"] for head in heads}


def labelled(
    manifest: Manifest, split: str, task: Task, context: Context = Context.NONE
) -> np.ndarray:
    """Labels of a split's pictures for a task's head `species`, in the order of `stored_pictures`.

    Args:
        manifest, split, task: what they are called.
        context: where it stacks an event's frames, the event's label is its first picture's.

    Returns:
        [n] int32, -1 where there is none.
    """

    def choose(columns):
        first = columns["position"] == 0
        if context.stacks:
            heads = records.label_heads(manifest.vocabulary)
            columns = columns | {head: columns[f"event/{head}"] for head in heads}
        chosen = usable(columns, task) & (first | (not context.stacks))
        label = task_labels(columns, task, manifest.vocabulary)["species"]
        return tf.where(chosen, label, MISSING)

    return np.concatenate(
        list(_split_frames(manifest, split, choose).batch(4096).as_numpy_iterator())
    )


def usable(frame: dict[str, tf.Tensor], task: Task) -> tf.Tensor:
    """[] bool: can this task learn from the picture?"""
    empty, species = frame["empty"], frame["species"]
    if task is Task.EMPTY:
        return empty != MISSING
    if task is Task.ONE_STAGE:
        return tf.logical_or(empty == 1, species != MISSING)
    return tf.logical_and(empty == 0, species != MISSING)


def task_labels(frame: dict, task: Task, vocabulary: Vocabulary) -> dict[str, tf.Tensor]:
    """Labels by head of a task, int32, -1 missing."""
    heads = vocabulary.heads(task)
    labels = {head: frame[head] for head in heads}
    if task is Task.ONE_STAGE:
        empty = tf.cast(len(vocabulary.species), tf.int64)
        labels["species"] = tf.where(frame["empty"] == 1, empty, frame["species"])
    return {head: tf.cast(value, tf.int32) for head, value in labels.items()}


def _split_frames(
    manifest: Manifest,
    split: str,
    choose: Callable = lambda columns: columns,
    at_once: int = _EVENTS_AT_ONCE,
) -> tf.data.Dataset:
    """One element per picture of a split, in file order: what `choose` takes of its columns."""
    files = [str(manifest.folder / shard.file) for shard in manifest.shards_of(split)]

    def pictures(*events):
        return choose(_columns(manifest, *events))

    frames = _frames(files, pictures, at_once, readers=1)
    return frames.apply(tf.data.experimental.assert_cardinality(manifest.frames(split)))


def _frames(
    files: list[str], pictures: Callable, at_once: int, readers: int = _READERS, numbers=None
) -> tf.data.Dataset:
    """One element per picture of some files.

    Args:
        files: paths, in reading order.
        pictures: from some events' shards, numbers and records to columns of their pictures
            wanted.
        at_once: how many events `pictures` is given, at most.
        readers: files that are read in turn.
        numbers: [files] int64, the shard numbers that stand in keys; their place when None.
    """
    numbers = np.arange(len(files)) if numbers is None else numbers
    named = tf.data.Dataset.from_tensor_slices((np.asarray(numbers, np.int64), files))
    events = named.interleave(
        lambda number, file: tf.data.Dataset.zip(
            tf.data.Dataset.from_tensors(number).repeat(),
            tf.data.TFRecordDataset(file).enumerate(),
        ),
        cycle_length=readers,
        block_length=4,
    )

    @tf.autograph.experimental.do_not_convert  # which takes seconds
    def chosen(shards, numbered):
        return pictures(shards, *numbered)

    events = events.batch(at_once).map(chosen, num_parallel_calls=tf.data.AUTOTUNE)
    return events.unbatch().with_options(_options())


def _options() -> tf.data.Options:
    """Every processor decodes from the start.

    TensorFlow would rather tune that by itself. Its tuning thread sleeps ever longer, and now and
    then the end of an epoch waits for it: half as long as the epoch took, up to a minute.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def _columns(manifest: Manifest, shards, numbers, stored) -> dict:
    """Stored events' pictures, a row each: encoded bytes, ids, key, own labels, the event's.

    Args:
        manifest: of their shards.
        shards, numbers: [events] int64, their keys.
        stored: [events] string, serialised.
    """
    vocabulary, boxes = manifest.vocabulary, manifest.picture.crops
    events = records.parse(stored, vocabulary, manifest.pictures, boxes)
    frames = events["frames"]
    row = frames.value_rowids()  # the event that each picture is of
    position = tf.range(tf.size(row)) - tf.gather(tf.cast(frames.row_starts(), tf.int32), row)
    columns = {
        "frame": frames.flat_values,
        "path": events["paths"].flat_values,
        "position": position,
        "key": tf.stack(
            [tf.gather(shards, row), tf.gather(numbers, row), tf.cast(position, tf.int64)], axis=1
        ),
    }
    if boxes:
        columns["box"] = tf.reshape(events[records.BOXES].flat_values, (-1, records.BOX))
    for name in ("event_id", "site", "season", "datetime"):
        columns[name] = tf.gather(events[name], row)
    own = {head: events[f"frame_label/{head}"].flat_values for head in FRAME_HEADS}
    for name, classes in vocabulary.classes().items():
        whole = tf.gather(events[f"label/{name}"], row)
        columns[f"event/{name}"] = whole
        columns[name] = _image_level(own, find(name, classes), whole)
    return columns


def _image_level(own: dict[str, tf.Tensor], head: Head, whole: tf.Tensor) -> tf.Tensor:
    """[n] int64: the frames' own labels where they have them, else the event's.

    A frame that is itself labelled empty shows no animal that could be asked about.
    """
    own_empty = own[EMPTY]
    if not head.of_animals:
        return tf.where(own_empty == MISSING, whole, own_empty)
    own_label = own.get(head.name, tf.fill(tf.shape(whole), tf.constant(MISSING, tf.int64)))
    value = tf.where(own_label == MISSING, whole, own_label)
    return tf.where(own_empty == 1, tf.constant(MISSING, tf.int64), value)
