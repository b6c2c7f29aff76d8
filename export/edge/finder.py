"""The detector on a camera's computer, for networks that see the part around its surest box."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.networks.detector import boxes
from camtrap_tf.pictures import crops, files
from export.edge import carried

FILE = "detector.tflite"  # beside the networks of a form


class EdgeFinder:
    """A detector's TFLite file, as `export.detector` writes it.

    Args:
        path: of the file.
        threads: of the network.

    Raises:
        InputError: no such file, or another one.
    """

    def __init__(self, path: PathLike, threads: int = 1):
        self.side = tuple(carried.read(path)["side"])
        interpreter = Interpreter(model_path=str(Path(path)), num_threads=threads)
        self._runner = interpreter.get_signature_runner()

    def find(self, source: PathLike | bytes) -> tuple[np.ndarray, float]:
        """The surest box of a picture, [4] float32, and its confidence; NaN and 0 without one.

        Args:
            source: a file, or its bytes.

        Raises:
            files.PictureError: it cannot be read.
        """
        padded = files.read_padded(source, lambda *_: self.side)
        answers = self._runner(image=padded.pixels[np.newaxis])["answers"][0]
        found = boxes.find(answers, self.side, padded.filled, boxes.FLOOR)
        if not len(found):
            return np.full(4, np.nan, np.float32), 0.0
        return found.boxes[0], float(found.confidence[0])


def cut(
    source: PathLike | bytes, square: np.ndarray, box: np.ndarray, picture: PictureSpec
) -> np.ndarray:
    """[size, size, 3] uint8: the part of a picture around a box that networks see.

    Args:
        source: a file, or its bytes.
        square: [size, size, 3] uint8, the stored square that was made of it.
        box: [4] float32, see `EdgeFinder.find`.
        picture: how squares and parts are made.

    Raises:
        files.PictureError: the file cannot be read.
    """
    if picture.crops:
        return square if np.isnan(box).any() else crops.sharp(source, picture, box)
    (part,) = crops.cut(square[np.newaxis], crops.squares(box[np.newaxis]))
    return part
