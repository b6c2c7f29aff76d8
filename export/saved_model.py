"""A bundle as one SavedModel: encoded pictures in, named answers out."""

import logging
from pathlib import Path

import tensorflow as tf

from camtrap_tf import images
from camtrap_tf.artifacts import PathLike
from camtrap_tf.bundle import Bundle
from camtrap_tf.config import PictureSpec
from camtrap_tf.errors import InputError
from camtrap_tf.labels import EMPTY
from camtrap_tf.network import Network

log = logging.getLogger("camtrap")


def write_saved_model(bundle: Bundle, folder: PathLike) -> Path:
    """Writes a SavedModel that plain TensorFlow loads without this package.

    `serving_default` takes `image_bytes` [n] string (JPEG, PNG, BMP or GIF, any size) and gives
        valid               [n] bool: the picture could be decoded; if not, its row is zeros
        animal_probability  [n] float32
        top_species         [n] string (in a one-stage model possibly 'empty')
        top_probability     [n] float32
        HEAD_probabilities  [n, classes] float32, for every head
    Class names of every head are the outputs of the signature `classes`.

    Raises:
        InputError: `folder` is not new or empty.
    """
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError("an export is written to a new folder", str(folder), "Give another one.")
    module = Serving(bundle)
    signatures = {"serving_default": module.serve, "classes": module.classes}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    log.info("wrote SavedModel %s", folder)
    return folder


class Serving(tf.Module):
    """The graph of a bundle: decoding, both stages, answers by name."""

    def __init__(self, bundle: Bundle):
        super().__init__()
        self.picture = bundle.picture
        self.networks = bundle.networks()
        self.models = [network.model for network in self.networks]  # tracked: their variables
        heads = {head: names for net in self.networks for head, names in net.heads.items()}
        self.names = {head: tf.constant(names) for head, names in heads.items()}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(self, image_bytes):
        """Answers encoded pictures."""
        pixels, valid = decode_batch(image_bytes, self.picture)
        probabilities = mean_probabilities(self.networks, pixels)
        answers = {f"{head}_probabilities": values for head, values in probabilities.items()}
        species = probabilities["species"]
        answers["top_species"] = tf.gather(self.names["species"], tf.argmax(species, axis=1))
        answers["top_probability"] = tf.reduce_max(species, axis=1)
        if EMPTY in probabilities:
            answers["animal_probability"] = probabilities[EMPTY][:, 0]
        else:
            answers["animal_probability"] = 1.0 - species[:, -1]
        return {"valid": valid} | {k: _blank(v, valid) for k, v in answers.items()}

    @tf.function(input_signature=[])
    def classes(self):
        """Class names of every head."""
        return dict(self.names)


def mean_probabilities(networks: list[Network], pixels: tf.Tensor) -> dict[str, tf.Tensor]:
    """Probabilities by head, averaged over the networks that have it."""
    answers = [network.graph(pixels) for network in networks]
    heads = dict.fromkeys(head for answer in answers for head in answer)
    return {head: tf.reduce_mean([a[head] for a in answers if head in a], axis=0) for head in heads}


def decode_batch(encoded: tf.Tensor, spec: PictureSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes pictures so that a damaged one fails its row, not the batch.

    An error inside `tf.map_fn` would fail the whole call, and no op tells beforehand whether a
    JPEG decodes. A small dataset inside the graph drops the rows that raise; a sentinel keeps
    it from being empty.

    Args:
        encoded: [n] string.
        spec: how to cut and resize.

    Returns:
        pixels: [n, size, size, 3] uint8, zeros where the picture is damaged.
        valid: [n] bool.
    """
    count = tf.shape(encoded, out_type=tf.int64)[0]
    rows = tf.data.Dataset.from_tensor_slices((tf.range(count), encoded))
    rows = rows.map(
        lambda i, one: (i, images.decode(one, spec)), num_parallel_calls=tf.data.AUTOTUNE
    )
    blank = tf.zeros((spec.size, spec.size, 3), tf.uint8)
    sentinel = tf.data.Dataset.from_tensors((count, blank))
    good = rows.ignore_errors().concatenate(sentinel).batch(count + 1)
    index, pixels = good.get_single_element()
    index, pixels = index[:-1], pixels[:-1]
    size = tf.constant([spec.size, spec.size, 3], tf.int64)
    shape = tf.concat([count[None], size], axis=0)
    whole = tf.scatter_nd(index[:, None], tf.cast(pixels, tf.int32), shape)
    valid = tf.scatter_nd(index[:, None], tf.ones_like(index, tf.bool), count[None])
    return tf.ensure_shape(tf.cast(whole, tf.uint8), (None, spec.size, spec.size, 3)), valid


def _blank(values: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Zeros (or '') in the rows that are not valid."""
    mask = valid if values.shape.rank == 1 else valid[:, None]
    return tf.where(mask, values, tf.zeros_like(values))
