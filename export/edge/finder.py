"""The detector on a camera's computer, for networks that see the part around its surest box."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from camtrap_tf.core.artifacts import PathLike
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

    def cut(self, source: PathLike | bytes, pixels: np.ndarray) -> tuple[np.ndarray, float]:
        """The part of a stored square around what is found, and how sure the detector is of it.

        Args:
            source: the file that the square was made of, or its bytes.
            pixels: [size, size, 3] uint8.

        Returns:
            [size, size, 3] uint8, and the confidence of the surest box, 0 where there is none.

        Raises:
            files.PictureError: it cannot be read.
        """
        padded = files.read_padded(source, lambda *_: self.side)
        answers = self._runner(image=padded.pixels[np.newaxis])["answers"][0]
        found = boxes.find(answers, self.side, padded.filled, boxes.FLOOR)
        surest = found.boxes[:1] if len(found) else np.full((1, 4), np.nan, np.float32)
        (part,) = crops.cut(pixels[np.newaxis], crops.squares(surest))
        sure = float(found.confidence[0]) if len(found) else 0.0
        return part, sure
