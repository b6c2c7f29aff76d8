"""Full int8 after training, and what stays in float32.

Normalisation and heads, which take next to no time, stay in float32: the channels' means and
deviations would be rounded to 1/127, the logits of all classes share one scale, and probabilities
in steps of 1/256 make ties. First convolutions do where int8 would change answers: their channels
are few and far apart in range, and all others compute with their errors. In float32 they are
small, and on x86 no slower.
"""

import logging
import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tensorflow.lite.python import convert as convert_lite
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from camtrap_tf.core.labels import FAMILIARITY
from camtrap_tf.core.startup import native_silence
from camtrap_tf.networks.architectures import applications
from camtrap_tf.networks.familiarity import sides
from camtrap_tf.networks.network import Network

log = logging.getLogger("camtrap")
# By so much a probability may change on representative pictures: a quarter of what is allowed on
# others (`verify.QUANTISED`), since these were trained on.
DIFFERENCE = 0.05
_CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D"}


def quantise(
    model: bytes, squares: np.ndarray, network: Network, familiarity_threshold: float = 0.0
) -> bytes:
    """A TFLite model in int8, with as few first convolutions in float32 as its answers allow.

    Args:
        model: in float32, its one input [1, height, width, channels] float32 of whole numbers.
        squares: [n, height, width, channels] uint8, representative pictures.
        network: that the model was made from; its names tell the trunk's values.
        familiarity_threshold: below which a picture is unknown.

    Returns:
        Its input is uint8. Where even the most convolutions in float32 leave answers changed, the
        model is returned all the same: whether it is good is told on other pictures.
    """
    graph = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    trunk = _trunk(graph, network)
    ranges, expected = _measure(model, squares, _values(graph, trunk))
    ranges[graph.subgraphs[0].inputs[0]] = 0.0, 255.0  # scale 1, zero point 0: pixels as they are
    for tensor, extremes in ranges.items():
        stats = schema.QuantizationParametersT()
        stats.min, stats.max = ([value] for value in extremes)
        graph.subgraphs[0].tensors[tensor].quantization = stats
    measured = bytes(flatbuffer_utils.convert_object_to_bytearray(graph))
    for first in _in_turn(graph, trunk):
        with native_silence():
            quantised = convert_lite.mlir_quantize(
                measured,
                input_data_type=tf.uint8,
                denylisted_ops=["SOFTMAX"],
                denylisted_nodes=_in_float(graph, trunk, first),
            )
            interpreter = Interpreter(model_content=quantised)
        changed = _changed(expected, _answers(interpreter, squares), familiarity_threshold)
        if changed <= DIFFERENCE:
            break
    log.info(
        "%s in int8, its first %d convolutions in float32: a probability changes by %.2g at most",
        network.name, first, changed,
    )  # fmt: skip
    return quantised


def _trunk(graph: schema.ModelT, network: Network) -> list[int]:
    """Places of the operators of the trunk's layers and its backbone's."""
    inside = re.compile(rf"{re.escape(network.model.name)}(_\d+)?/")
    others = "|".join(map(re.escape, (*network.outputs, applications.SCALING_LAYER)))
    outside = re.compile(rf"/({others})(_\d+)?/")
    names = [_names(graph, operator)[0] for operator in graph.subgraphs[0].operators]
    return [i for i, name in enumerate(names) if inside.match(name) and not outside.search(name)]


def _names(graph: schema.ModelT, operator: schema.OperatorT) -> list[str]:
    return [graph.subgraphs[0].tensors[i].name.decode() for i in operator.outputs]


def _values(graph: schema.ModelT, trunk: list[int]) -> list[int]:
    """Tensors that the trunk takes and gives: float32, and no constants."""
    part = graph.subgraphs[0]
    operators = [part.operators[place] for place in trunk]
    touched = {int(i) for one in operators for i in (*one.inputs, *one.outputs) if i >= 0}
    return [
        tensor
        for tensor in sorted(touched)
        if part.tensors[tensor].type == schema.TensorType.FLOAT32
        and graph.buffers[part.tensors[tensor].buffer].data is None
    ]


def _in_turn(graph: schema.ModelT, trunk: list[int]) -> list[int]:
    """Numbers of first convolutions in float32 to try: at most half of them."""
    half = sum(_is_convolution(graph, place) for place in trunk) // 2
    return [0, *(2**power for power in range(half.bit_length()))]


def _is_convolution(graph: schema.ModelT, place: int) -> bool:
    code = graph.subgraphs[0].operators[place].opcodeIndex
    return flatbuffer_utils.opcode_to_name(graph, code) in _CONVOLUTIONS


def _in_float(graph: schema.ModelT, trunk: list[int], first: int) -> list[str]:
    """Names of all values outside the trunk, and of its values before convolution `first`."""
    convolutions = np.cumsum([_is_convolution(graph, place) for place in trunk])
    quantised = {place for place, seen in zip(trunk, convolutions, strict=True) if seen > first}
    return [
        name
        for place, operator in enumerate(graph.subgraphs[0].operators)
        if place not in quantised
        for name in _names(graph, operator)
    ]


def _measure(
    model: bytes, squares: np.ndarray, tensors: list[int]
) -> tuple[dict[int, tuple[float, float]], dict[str, np.ndarray]]:
    """Ranges of tensors over pictures, and the model's answers."""
    interpreter = Interpreter(
        model_content=model,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    lowest, highest = dict.fromkeys(tensors, 0.0), dict.fromkeys(tensors, 0.0)  # padding is 0

    def look() -> None:
        for tensor in tensors:
            values = interpreter.get_tensor(tensor)
            lowest[tensor] = min(lowest[tensor], float(values.min()))
            highest[tensor] = max(highest[tensor], float(values.max()))

    answers = _answers(interpreter, squares, look)
    return {tensor: (lowest[tensor], highest[tensor]) for tensor in tensors}, answers


def _answers(
    interpreter: Interpreter, squares: np.ndarray, look: Callable[[], None] = lambda: None
) -> dict[str, np.ndarray]:
    """A model's answers by output, [n, ...]; `look` is called after every picture."""
    run = interpreter.get_signature_runner()
    kind = next(iter(run.get_input_details().values()))["dtype"]
    answers = []
    for square in squares:
        answers.append(run(image=square[None].astype(kind)))
        look()
    return {head: np.concatenate([one[head] for one in answers]) for head in answers[0]}


def _changed(
    expected: dict[str, np.ndarray], found: dict[str, np.ndarray], familiarity_threshold: float
) -> float:
    """Largest difference of a probability, or of familiarity seen as one."""

    def comparable(head: str, answers: np.ndarray) -> np.ndarray:
        return sides(answers, familiarity_threshold) if head == FAMILIARITY else answers

    return max(
        float(np.abs(comparable(head, answers) - comparable(head, found[head])).max())
        for head, answers in expected.items()
    )
