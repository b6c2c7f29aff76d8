"""A bundle's networks as TFLite files, for cameras and other small computers."""

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from camtrap_tf.batches import pipeline
from camtrap_tf.core.artifacts import PathLike, atomic
from camtrap_tf.core.config import Context, View
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, MISSING, Task
from camtrap_tf.core.startup import native_silence
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.networks.network import Network
from export import AUTOMATIC_AT
from export.description import describe
from export.edge import carried
from export.forms import Form
from export.quantisation import quantise

log = logging.getLogger("camtrap")
REPRESENTATIVE = 200  # pictures that a fully quantised network's ranges are measured on

# Types that the converter stores weights in; none: the smallest.
_WEIGHTS: dict[Form, list] = {Form.FLOAT16: [tf.float16], Form.DYNAMIC: []}

Representative = Callable[[Task, View], np.ndarray]


def write_tflite(
    bundle: Bundle,
    folder: PathLike,
    form: Form = Form.FLOAT32,
    representative: Representative | None = None,
    automatic_at: float = AUTOMATIC_AT,
) -> list[Path]:
    """Writes every network of a bundle as a TFLite file.

    A file's signature `serving_default` takes `image` [1, size, size, channels] uint8, the raw
    pixels of the stored square and what stands beside them (`context.stacked`), and gives `HEAD`
    [1, classes] float32, calibrated probabilities; `familiarity` is [1, 1]. Ask for outputs by
    name: their order is not defined. Networks that see the crop take it in place of the square
    (`pictures.crops`): `view` in the file says which. Class names, preprocessing and thresholds are
    appended to the file (`edge.carried`).

    Args:
        bundle: what to export.
        folder: gets the files, named as the bundle's networks are.
        form: of the numbers.
        representative: gives what networks of a task and view see, [n, size, size, channels]
            uint8; for `INT8`.
        automatic_at: carried for `edge`: probability from which no human is asked, in [0, 1].

    Returns:
        Paths of the files, in the order of the bundle's members.

    Raises:
        InputError: `INT8` without representative pictures.
    """
    folder, paths = Path(folder), []
    for member, network in zip(bundle.members, bundle.networks(), strict=True):
        squares = representative(network.task, member.view) if representative else None
        content = describe(bundle, automatic_at) | {
            "task": member.task.value,
            "view": member.view.value,
            "name": member.name,
            "architecture": member.architecture,
            "form": form.value,
            "classes": {head: list(names) for head, names in network.heads.items()},
        }
        path = folder / f"{Path(member.file).stem}.tflite"
        with atomic(path) as temporary:
            side = bundle.context.side(bundle.picture.size)
            crop = member.view is View.CROP
            shape = (side, side, 3 if crop else bundle.context.channels)
            threshold = bundle.familiarity_threshold or 0.0
            temporary.write_bytes(convert(network, shape, form, squares, threshold))
            carried.append(temporary, content)
        paths.append(path)
    log.info("wrote TFLite %s", ", ".join(str(path) for path in paths))
    return paths


def convert(
    network: Network,
    shape: tuple[int, int, int],
    form: Form = Form.FLOAT32,
    squares: np.ndarray | None = None,
    familiarity_threshold: float = 0.0,
) -> bytes:
    """One network as a TFLite model: crop, normalisation and softmax inside.

    Args:
        network: what to convert.
        shape: height, width and channels of the stored square.
        form: of the numbers.
        squares: [n, *shape] uint8, representative pictures; for `Form.INT8` alone.
        familiarity_threshold: below which a picture is unknown; for `Form.INT8` alone.

    Raises:
        InputError: `Form.INT8` without pictures.
    """
    if form is Form.INT8 and (squares is None or not len(squares)):
        raise InputError(
            "full int8 needs representative pictures", "none", "Give shards to draw them from."
        )
    module = tf.Module()
    # The bare variables: the converter freezes those, but not the ones a Keras model tracks,
    # which would stay uninitialised in the interpreter and answer NaN.
    module.weights = [variable.value for variable in network.model.variables]
    # Full int8 replaces a float input by uint8 of scale 1: pixels as they are. A cast inside
    # the graph would stay a float operation.
    kind = tf.float32 if form is Form.INT8 else tf.uint8
    module.answer = tf.function(
        lambda image: network.graph(image),
        input_signature=[tf.TensorSpec((1, *shape), kind, name="image")],
    )
    with tempfile.TemporaryDirectory() as folder, native_silence():
        signatures = {"serving_default": module.answer}
        tf.saved_model.save(module, folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if form in _WEIGHTS:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = _WEIGHTS[form]
        model = converter.convert()
    if form is Form.INT8 and squares is not None:
        return quantise(model, squares, network, familiarity_threshold)
    return model


def draw_representative(
    shards: PathLike,
    context: Context = Context.NONE,
    found: Detections | None = None,
    count: int = REPRESENTATIVE,
) -> Representative:
    """Representative pictures of the training split, the same number of every class.

    A class with fewer pictures gives all it has; the others fill up. Shards are shuffled when
    they are planned, so the first pictures of a class are as good as any.

    Args:
        shards: folder of shards.
        context: what stands beside the pictures.
        found: boxes in them, for networks that see the parts around those.
        count: pictures for a task.

    Returns:
        Function from a task and a view to at most `count` stored squares, or parts of them.
    """
    manifest = Manifest.read(shards)
    _, labels, _ = pipeline.index(manifest, "train")

    def stored(view: View) -> Iterable:
        if view is View.WHOLE or found is None:
            return pipeline.stored_pictures(manifest, "train", 64, context)
        return pipeline.stored_parts(manifest, "train", 64, found)

    def draw(task: Task, view: View) -> np.ndarray:
        rows = balanced_rows(labels[EMPTY if task is Task.EMPTY else "species"], count)
        if task is Task.ONE_STAGE:
            empties = np.flatnonzero(labels[EMPTY] == 1)[: max(1, count // 10)]
            rows = np.union1d(rows, empties)
        return np.stack(list(_chosen(stored(view), rows)))

    return draw


def balanced_rows(labels: np.ndarray, count: int) -> np.ndarray:
    """At most `count` positions of labelled rows, classes in turn, in ascending order.

    >>> balanced_rows(np.array([0, 0, 0, 0, 1, -1, 2]), 4)
    array([0, 1, 4, 6])
    """
    order = []
    for value in np.unique(labels[labels != MISSING]):
        rows = np.flatnonzero(labels == value)
        order += list(enumerate(rows))
    return np.sort([row for _, row in sorted(order)[:count]]).astype(np.int64)


def _chosen(batches: Iterable, rows: np.ndarray) -> Iterator[np.ndarray]:
    wanted, seen = set(rows.tolist()), 0
    for batch in map(np.asarray, batches):
        for square in batch:
            if seen in wanted:
                yield square
            seen += 1
        if seen > max(wanted):
            return
