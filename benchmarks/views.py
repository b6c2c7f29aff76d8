"""How fast a bundle that sees whole pictures and crops answers full-size ones, boxes included.

    camtrap weights get megadetector-lite
    python -m benchmarks.views --pictures=FOLDER [--count=96]

FOLDER holds some real pictures of 2048x1536; `count` others are made of crops of them. Both
questions are answered by two lite0 networks with random weights, of the whole picture and of the
crop; boxes come from the published detector; half of the pictures pass to stage 2. Told is, in one
run, pictures per second by Keras and by LiteRT of

    decode          reading twice, for the detector and for the networks, by all threads
    detector        alone, on pixels in memory
    networks        all four alone, on squares in memory
    end to end      `detect`, then `predict`: files to answers

and end to end against its bound on processors, 1 / (1 / decode + 1 / detector + 1 / networks).
"""

import argparse
import collections
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.prediction import Bench, blocks_of, write_bundle
from benchmarks.sharding import make_pictures
from camtrap_tf.core import file_names
from camtrap_tf.core.config import View
from camtrap_tf.events.detections import Detections, Detector, Use
from camtrap_tf.networks.bundle import Bundle, computation_key
from camtrap_tf.networks.detector import boxes
from camtrap_tf.networks.detector.finder import Finder
from camtrap_tf.pictures import files as pictures
from camtrap_tf.prediction import detect as detection
from camtrap_tf.prediction import predictor as predictor_of

SEARCH = detection.Search()
SIDE = boxes.side_of(2048, 1536)


def two_views(folder: Path, threshold: float) -> Bundle:
    """A bundle of lite0 networks, each once for the whole picture and once for the crop."""
    bundle = write_bundle(folder, "lite0", threshold)
    file = folder / file_names.BUNDLE
    content = json.loads(file.read_text())
    content.pop("checksum", None)  # of what it was
    content["members"] += [one | {"view": View.CROP.value} for one in content["members"]]
    file.write_text(json.dumps(content))
    return Bundle.read(bundle.folder)


class Views(Bench):
    """Rates of one engine on some pictures."""

    def __init__(self, files: list[Path], folder: Path, litert: bool):
        self.finder, self.blocks, self.root = Finder(), blocks_of(files), files[0].parent
        if litert:
            self.finder.use_litert(SIDE)
        self.detector = Detector(self.found(), Use.VIEW)
        self.predictor = self.made(two_views(folder / "first", 0.5), litert)
        self.read = [
            one for _, _, read in self.predictor._decoded(self.blocks, self.root) for one in read
        ]
        middle = float(np.median(self.answers(self.predictor)["empty"][:, 0]))
        self.predictor = self.made(two_views(folder / "second", middle), litert)

    def found(self) -> Detections:
        """The surest boxes of all pictures."""
        every = detection.find_boxes(self.blocks, self.root, self.finder, SEARCH)
        found = [one.boxes for _, block in every for one in block]
        none = np.full(4, np.nan, np.float32)
        paths = self.blocks[0].pictures["path"].astype("string")
        return Detections(
            paths,
            np.array([one.confidence[0] if len(one) else 0 for one in found], np.float32),
            np.stack([one.boxes[0] if len(one) else none for one in found]),
            paths.mask(paths.notna()),
            0.2,
        )

    def made(self, bundle: Bundle, litert: bool) -> predictor_of.Predictor:
        """A predictor with the engine in question."""
        keys = tuple(computation_key(bundle, one) for one in bundle.members) if litert else ()
        options = predictor_of.Options(detector=self.detector, litert=keys)
        return predictor_of.Predictor(bundle, options)

    def rates(self) -> dict[str, float]:
        """Pictures per second, by what is done."""
        where, count = (self.blocks, self.root), len(self.blocks[0])
        padded = [one for _, _, one in detection._read_ahead(*where, SEARCH)]
        seconds: dict[str, float] = collections.Counter()

        def timed(name: str, do: Callable) -> None:
            start = time.perf_counter()
            do()
            seconds[name] += time.perf_counter() - start

        timed("decode", lambda: collections.deque(detection._read_ahead(*where, SEARCH), 0))
        timed("decode", lambda: collections.deque(self.predictor._decoded(*where), 0))
        timed("detector", lambda: [self.finder.find(*batch) for batch in _batches(padded)])
        timed("networks", lambda: self.answers(self.predictor))
        timed("end to end", self.found)
        timed("end to end", lambda: collections.deque(self.predictor.answer(*where), 0))
        return {name: count / time for name, time in seconds.items()}


def _batches(padded: list) -> list[tuple]:
    size = SEARCH.batch_size
    parts = [padded[start : start + size] for start in range(0, len(padded), size)]
    return [(np.stack([p.pixels for p in part]), [p.filled for p in part]) for part in parts]


def report(found: dict[str, list[dict[str, float]]]) -> None:
    """Prints the best rates of each engine, and the ratios."""
    best = {
        engine: {name: max(one[name] for one in rounds) for name in rounds[0]}
        for engine, rounds in found.items()
    }
    for engine, rates in best.items():
        bound = 1 / sum(1 / rates[name] for name in ("decode", "detector", "networks"))
        told = ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items())
        print(f"{engine}: {told} pictures/s; end to end {rates['end to end'] / bound:.2f} of bound")
    keras, litert = best["Keras"], best["LiteRT"]
    print("LiteRT against Keras: ", end="")
    print(", ".join(f"{name} {litert[name] / keras[name]:.2f}" for name in keras))


def main() -> None:
    """Reads the flags, makes the pictures, prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=2)
    flags = parser.parse_args()
    predictor_of.share_processors()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        paths = [flags.pictures / path for path in pictures.find(flags.pictures)]
        files = [path for path in paths if Image.open(path).size == (2048, 1536)]
        if not files:
            parser.error(f"{flags.pictures} holds pictures of 2048x1536; none was found")
        (folder / "pictures").mkdir()
        files = make_pictures(files, folder / "pictures", flags.count, 95)
        engines = {
            "Keras": Views(files, folder / "keras", False),
            "LiteRT": Views(files, folder / "litert", True),
        }
        # In turn, so that a busy machine is busy for both.
        rounds = [{name: one.rates() for name, one in engines.items()} for _ in range(flags.rounds)]
        report({name: [one[name] for one in rounds] for name in engines})


if __name__ == "__main__":
    main()
