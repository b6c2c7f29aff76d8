"""Full int8, and the first convolutions in float32 where it would change answers."""

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.tools import flatbuffer_utils

from camtrap_tf.core.config import InputSpec
from camtrap_tf.core.labels import Task
from camtrap_tf.networks.network import Network
from export.forms import Form
from export.tflite import convert

SHAPE = (8, 8, 3)


def network(*kernels: np.ndarray) -> Network:
    """1x1 convolutions with ReLU, then the mean as logits: blue against red."""
    image = x = keras.Input(SHAPE)
    convolutions = []
    for kernel in kernels:
        convolutions.append(
            keras.layers.Conv2D(kernel.shape[1], 1, use_bias=False, activation="relu")
        )
        x = convolutions[-1](x)
    features = keras.layers.GlobalAveragePooling2D()(x)
    heads = {"species": keras.layers.Dense(2, use_bias=False, name="species")}
    model = keras.Model(image, {"species": heads["species"](features)}, name="little")
    for layer, kernel in zip(convolutions, kernels, strict=True):
        layer.set_weights([kernel[None, None].astype(np.float32)])
    heads["species"].set_weights([np.float32([[4, 0], [0, 4]])])
    spec = InputSpec(SHAPE[0], mean=(0.0,) * 3, std=(255.0,) * 3)
    return Network(model, spec, Task.SPECIES, {"species": ("red", "blue")})


def pictures(count: int = 60) -> np.ndarray:
    """Noise of a red, a green and a blue that differ from picture to picture."""
    rng = np.random.default_rng(0)
    top = rng.integers(1, 200, (count, 1, 1, 3))
    return rng.integers(0, 1 + top, (count, *SHAPE)).astype(np.uint8)


def run(model: bytes, squares: np.ndarray) -> np.ndarray:
    runner = Interpreter(model_content=model).get_signature_runner()
    return np.concatenate([runner(image=square[None])["species"] for square in squares])


def convolutions(model: bytes) -> list[str]:
    """Types of the convolutions' results, in order."""
    graph = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    part = graph.subgraphs[0]
    return [
        flatbuffer_utils.type_to_name(part.tensors[operator.outputs[0]].type)
        for operator in part.operators
        if flatbuffer_utils.opcode_to_name(graph, operator.opcodeIndex) == "CONV_2D"
    ]


def test_a_network_that_int8_does_not_change_is_int8_from_its_first_convolution():
    one = np.eye(3)[:, [0, 2]]
    net, squares = network(one, np.eye(2)), pictures()
    model = convert(net, SHAPE, Form.INT8, squares)
    np.testing.assert_allclose(
        run(model, squares), net.probabilities(squares)["species"], atol=0.02
    )
    assert convolutions(model) == ["INT8", "INT8"]


def test_first_convolutions_stay_in_float32_where_int8_would_change_answers():
    # Green is a thousand times as large and counts nothing: int8 has no steps for the others.
    apart = np.diag([1.0, 1000.0, 1.0])
    net, squares = network(apart, np.eye(3)[:, [0, 2]], np.eye(2), np.eye(2)), pictures()
    model = convert(net, SHAPE, Form.INT8, squares)
    expected = net.probabilities(squares)["species"]
    assert np.ptp(expected[:, 0]) > 0.5
    np.testing.assert_allclose(run(model, squares), expected, atol=0.02)
    assert convolutions(model) == ["FLOAT32", "FLOAT32", "INT8", "INT8"]
