"""A bundle's networks as TFLite files, for cameras and other small computers."""

import logging
import tempfile
from pathlib import Path

import tensorflow as tf

from camtrap_tf.artifacts import PathLike, atomic, write_json
from camtrap_tf.bundle import Bundle
from camtrap_tf.config import to_json
from camtrap_tf.network import Network
from camtrap_tf.quiet import native_silence

KIND, VERSION = "TFLite labels", 1
log = logging.getLogger("camtrap")


def write_tflite(bundle: Bundle, folder: PathLike) -> list[Path]:
    """Writes every network of a bundle as float32 TFLite, and `labels.json` beside them.

    A file's signature `serving_default` takes `image` [1, size, size, 3] uint8, the stored
    square, and gives `HEAD` [1, classes] float32 probabilities. Ask for outputs by name: their
    order is not defined. `labels.json` holds the class names of every head, how a picture
    becomes the stored square, and which file is which stage.

    Returns:
        Paths of the `.tflite` files, in the order of the bundle's members.
    """
    folder, paths, entries = Path(folder), [], []
    for member, network in zip(bundle.members, bundle.networks(), strict=True):
        path = folder / f"{Path(member.file).stem}.tflite"
        with atomic(path) as temporary:
            temporary.write_bytes(convert(network, bundle.picture.size))
        paths.append(path)
        classes = {head: list(names) for head, names in network.heads.items()}
        entries.append({"file": path.name, "task": member.task.value, "classes": classes})
    content = {
        "picture": to_json(bundle.picture),
        "models": entries,
        "animal_threshold": bundle.animal_threshold,
        "model_version": bundle.version,
    }
    write_json(folder / "labels.json", KIND, VERSION, content)
    log.info("wrote TFLite %s", ", ".join(str(path) for path in paths))
    return paths


def convert(network: Network, size: int) -> bytes:
    """One network as a float32 TFLite model: crop, normalisation and softmax inside."""
    module = tf.Module()
    # The bare variables: the converter freezes those, but not the ones a Keras model tracks,
    # which would stay uninitialised in the interpreter and answer NaN.
    module.weights = [variable.value for variable in network.model.variables]
    module.answer = tf.function(
        lambda image: network.graph(image),
        input_signature=[tf.TensorSpec((1, size, size, 3), tf.uint8, name="image")],
    )
    with tempfile.TemporaryDirectory() as folder, native_silence():
        signatures = {"serving_default": module.answer}
        tf.saved_model.save(module, folder, signatures=signatures)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()
