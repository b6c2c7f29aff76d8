"""Networks in LiteRT, which computes most of them faster on processors than TensorFlow does.

A network is converted as it is, in float32: its answers differ by rounding. LiteRT takes a picture
at a time; several are computed side by side, each by an interpreter of one thread. A picture's
answer does not depend on what is computed beside it.
"""

import concurrent.futures
import importlib.metadata
import importlib.util
import queue
import tempfile
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from camtrap_tf.core.hardware import processors
from camtrap_tf.core.startup import native_silence

_SIGNATURE, _INPUT = "serving_default", "image"
_TOGETHER = 4  # pictures that a thread computes before another call has its turn


def is_here() -> bool:
    """Whether LiteRT is installed."""
    return importlib.util.find_spec("ai_edge_litert") is not None


def version() -> str:
    """LiteRT's version; '' where it is not installed."""
    return importlib.metadata.version("ai-edge-litert") if is_here() else ""


def convert(
    answer: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    variables: Sequence,
    shape: tuple[int, ...],
    kind: tf.DType = tf.uint8,
) -> bytes:
    """A function of pixels as a TFLite model, float32.

    Args:
        answer: of pixels [1, *shape]; traceable.
        variables: Keras variables that it uses.
        shape: height, width and channels.
        kind: of the pixels.

    Raises:
        Exception: an operation that LiteRT has not got.
    """
    module = tf.Module()
    # The bare variables: the converter freezes those, but not the ones a Keras model tracks,
    # which would stay uninitialised in the interpreter and answer NaN.
    module.weights = [variable.value for variable in variables]
    module.answer = tf.function(
        lambda image: answer(image),
        input_signature=[tf.TensorSpec((1, *shape), kind, name=_INPUT)],
        autograph=False,
    )
    with tempfile.TemporaryDirectory() as folder, native_silence():
        tf.saved_model.save(module, folder, signatures={_SIGNATURE: module.answer})
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


class Runner:
    """A converted network, ready to answer; may be asked by several threads.

    Args:
        model: what `convert` returns.
        threads: that compute; 0 = one per processor.
    """

    def __init__(self, model: bytes, threads: int = 0):
        threads = threads or processors()
        self._pool = concurrent.futures.ThreadPoolExecutor(threads)
        self._idle: queue.SimpleQueue = queue.SimpleQueue()
        with native_silence():
            for _ in range(threads):
                self._idle.put(_interpreter(model))

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Answers of pixels [n, height, width, channels], by name: [n, ...]."""
        size = _TOGETHER
        parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
        answers = [one for part in self._pool.map(self._answer, parts) for one in part]
        return {name: np.concatenate([one[name] for one in answers]) for name in answers[0]}

    def _answer(self, pixels: np.ndarray) -> list[dict[str, np.ndarray]]:
        interpreter = self._idle.get()
        try:
            rows = (np.ascontiguousarray(one[np.newaxis]) for one in pixels)
            return [interpreter(**{_INPUT: row}) for row in rows]
        finally:
            self._idle.put(interpreter)


def _interpreter(model: bytes):
    """An interpreter of one thread, which has answered once and said what it says on that."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=model, num_threads=1).get_signature_runner(_SIGNATURE)
    details = runner.get_input_details()[_INPUT]
    runner(**{_INPUT: np.zeros(details["shape"], details["dtype"])})
    return runner
