"""From PyTorch's tensors to the layers of a Keras model."""

from collections.abc import Callable, Mapping

import keras
import numpy as np
from keras import layers

from camtrap_tf.core.errors import InputError

# Layer -> its weights in Keras' order, by PyTorch's names, with the order of PyTorch's axes.
_LAYOUTS = {
    layers.Conv2D: {"weight": (2, 3, 1, 0), "bias": (0,)},
    layers.DepthwiseConv2D: {"weight": (2, 3, 0, 1), "bias": (0,)},
    layers.BatchNormalization: dict.fromkeys(
        ("weight", "bias", "running_mean", "running_var"), (0,)
    ),
}
_COUNTER = ".num_batches_tracked"  # of batch norm in training; unused where momentum is fixed


def assign(
    model: keras.Model,
    tensors: Mapping[str, np.ndarray],
    name_of: Callable[[str], str],
    widened: str = "",
) -> None:
    """Gives a model's layers their weights; every weight gets one and every tensor is used.

    Args:
        model: changed in place.
        tensors: by PyTorch's names.
        name_of: from a layer's name to PyTorch's, without '.weight'.
        widened: a convolution that may have more input channels than its tensor: what those
            hold counts nothing at first.

    Raises:
        InputError: a tensor is missing, left over, or of another shape.
    """
    used = set()
    for layer in model.layers:
        layout = _LAYOUTS.get(type(layer), {})
        names = [f"{name_of(layer.name)}.{part}" for part in layout][: len(layer.weights)]
        values = [
            _value(tensors, name, axes, variable.shape, layer.name == widened)
            for name, axes, variable in zip(names, layout.values(), layer.weights, strict=False)
        ]
        _need(len(values) == len(layer.weights), f"'{layer.name}' is known", type(layer).__name__)
        layer.set_weights(values)
        used |= set(names)
    left = [name for name in tensors if name not in used and not name.endswith(_COUNTER)]
    _need(not left, f"every tensor belongs to {model.name}", left[:3])


def _value(
    tensors: Mapping[str, np.ndarray], name: str, axes: tuple, shape: tuple, widened: bool
) -> np.ndarray:
    _need(name in tensors, f"there is a tensor '{name}'", "none")
    value = tensors[name].transpose(axes)
    if widened and value.ndim == 4 and shape[2] > value.shape[2]:
        value = np.pad(value, ((0, 0), (0, 0), (0, shape[2] - value.shape[2]), (0, 0)))
    _need(value.shape == tuple(shape), f"'{name}' has shape {tuple(shape)}", value.shape)
    return value


def _need(holds: bool, rule: str, value: object) -> None:
    if not holds:
        raise InputError(rule, value, "The weights are those of another network.")
