"""The detector at work: pictures in, boxes out."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from camtrap_tf.networks import engines
from camtrap_tf.networks.detector import boxes, yolox
from camtrap_tf.networks.detector.boxes import FLOOR, Boxes
from camtrap_tf.networks.litert import Runner

_CLOSE = 1e-3  # of raw answers, up to 10: of confidences and sides of boxes that is some 1e-5


class Finder:
    """The detector, loaded and ready.

    Args:
        floor: lowest confidence of a box, in (0, 1).
        model: as `yolox.load_network` gives it, which is what None means.
    """

    def __init__(self, floor: float = FLOOR, model: keras.Model | None = None):
        self.floor = floor
        self.model = yolox.load_network() if model is None else model
        self._runners: dict[tuple[int, int], Runner] = {}
        # Traced once for batches and sides of any size.
        pixels = tf.TensorSpec((None, None, None, 3), tf.uint8)
        graph = tf.function(self._graph, autograph=False)
        self._answer = graph.get_concrete_function(pixels)

    def _graph(self, pixels: tf.Tensor) -> tf.Tensor:
        return self.model(tf.cast(pixels, tf.float32), training=False)

    def computation(self, side: tuple[int, int]) -> engines.Computation:
        """The network as it is computed on pixels of so many rows and columns."""
        return engines.Computation(
            engines.digest(engines.hash_weights(self.model), side),
            f"{self.model.name} on {side[1]}x{side[0]}",
            lambda pixels: {"answers": self._graph(pixels)},
            self.model,
            (*side, 3),
            close=_CLOSE,
        )

    def use_litert(self, side: tuple[int, int]) -> None:
        """Lets LiteRT compute pixels of so many rows and columns."""
        self._runners[side] = engines.load(self.computation(side))

    def find(self, pixels: np.ndarray, filled: Sequence[tuple[int, int]]) -> list[Boxes]:
        """The boxes of each picture.

        Args:
            pixels: [n, rows, columns, 3] uint8, red, green, blue; sides multiples of 32; each
                picture in the top left, black beside and below it (`pictures.files.read_padded`).
            filled: rows and columns that each picture fills.
        """
        side = pixels.shape[1], pixels.shape[2]
        runner = self._runners.get(side)
        if runner is not None:
            answers = runner(pixels)["answers"]
        else:
            answers = self._answer(tf.convert_to_tensor(pixels)).numpy()
        return [
            boxes.find(one, side, part, self.floor)
            for one, part in zip(answers, filled, strict=True)
        ]
