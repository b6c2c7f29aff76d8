"""Finds animals, people and vehicles in pictures, without any training.

  camtrap weights get megadetector-lite
  camtrap detect CARD_1 CARD_2 --out=found

Each PATH is a folder (searched with its subfolders), a list of files (.txt with a path a line,
.csv with a column `path`), an event table (.parquet) or a picture. --out becomes a job that can be
stopped at any moment: the same command goes on where it was. It holds detections.json,
MegaDetector batch results 1.6 with a box for each thing found, and not_processed.csv.

The detector, MegadetectorLite, finds what MegaDetector finds, less surely, and does not say which
of the three it is: do not rely on it to find all people. `camtrap predict
--megadetector=found/detections.json` uses the results.
"""

from typing import Any

from absl import flags

from camtrap_tf.core.commands import Ending, command, counted, listed
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind
from camtrap_tf.core.workers import flags as workers

INPUTS = {ARGUMENTS: Input(Kind.EITHER), "images": Input(Kind.FOLDER)}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_string("out", None, "results folder", required=True, **where)
    flags.DEFINE_string("images", None, "folder that the paths of lists are relative to", **where)
    flags.DEFINE_boolean("only_new", False, "look at pictures that have come since, too", **where)
    flags.DEFINE_integer(
        "side", 0,
        "longer side of the network's input, a multiple of 32; 0: 320, 416 or 640, by the size of "
        "each picture", **where,
    )  # fmt: skip
    flags.DEFINE_float("floor", 0.01, "lowest confidence of a box that is written", **where)
    flags.DEFINE_string(
        "category", "something",
        "what boxes are called; 'animal' for programs that know MegaDetector's names only",
        **where,
    )  # fmt: skip
    flags.DEFINE_enum(
        "engine_cpu", "auto", ["auto", "keras", "litert"],
        "what computes the network on processors, as in `camtrap predict`", **where,
    )  # fmt: skip
    workers.define(values)
    flags.DEFINE_integer("batch_size", 8, "pictures in one call of the network", **where)
    flags.DEFINE_integer(
        "threads", 0, "threads that decode pictures; 0 = one per processor", **where
    )


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags, finds boxes and writes them."""
    if not arguments:
        raise InputError(
            "detect takes folders, lists or pictures", arguments, "camtrap detect FOLDER --out=O"
        )
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.networks.engines import Engine
    from camtrap_tf.prediction.detect import Search, detect

    search = Search(
        longer=values.side,
        floor=values.floor,
        category=values.category,
        batch_size=values.batch_size,
        threads=values.threads,
        engine_cpu=Engine(values.engine_cpu),
    )
    path = detect(
        arguments, values.out, search, values.images, values.only_new, workers.read(values)
    )
    from camtrap_tf.events import detections

    found = detections.read(path)
    counts = {
        f"with something of confidence {found.threshold} or more": int(found.something.sum()),
        "with nothing": int((found.confidence < found.threshold).sum()),
        "unreadable": int(found.failures.notna().sum()),
    }
    following = {"megadetector": path, "images": values.images, "out": "answers"}
    return Ending(
        f"{counted(len(found), 'pictures')}: {listed(counts)}. {path} has the boxes.",
        (command("predict", *arguments, bundle="BUNDLE", **following),),
    )
