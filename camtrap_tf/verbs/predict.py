"""Runs a bundle on new pictures and writes its answers.

  camtrap predict CARD_1 CARD_2 --bundle=bundle --out=answers

Each PATH is a folder (searched with its subfolders), a list of files (.txt with a path a line,
.csv with a column `path`, or `folder` and `file`), an event table (.parquet), a COCO Camera
Traps or MegaDetector file (.json), a Camtrap DP package (its folder or datapackage.json) or a
picture. A single PATH may be a folder of shards.

--out becomes a job that can be stopped at any moment (Ctrl-C, kill, power): the same command
goes on where it was, and the result is the same. --only_new looks for pictures that came since
they were listed. It holds predictions.parquet, what --format names, not_processed.csv with the
files that are no pictures, and clock_problems.csv with times that cannot be. A picture that
cannot be read is a row with its reason. Where pictures were replaced or deleted since they were
listed, changed.csv has them. A season that moved goes on with
`camtrap predict NEW --images=NEW` and the other flags as they were.

Capture events are those of the metadata or of --events. Other pictures are grouped: those of a
camera (a folder; two cameras by their serial numbers) are an event as long as each was taken at
most --event_gap seconds after the one before; a picture without a time is an event of its own.
Where the camera numbers the pictures of a trigger ('M 1/3' or '1 of 3' in EXIF's comment or
description, ..._1of3.JPG, a MakerNote of Reconyx), the numbers decide. --clock corrects a clock
that was set wrong.

"""

import collections
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Ending, command, counted, listed
from camtrap_tf.core.config import EVENT_GAP_SECONDS
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind
from camtrap_tf.core.workers import flags as workers
from camtrap_tf.verbs import output_flags

if TYPE_CHECKING:
    from camtrap_tf.events.table import EventTable

log = logging.getLogger("camtrap")
ReadPictures = Callable[[Path], "EventTable | None"]
__doc__ = f"{__doc__}{output_flags.HELP}"
INPUTS = {
    ARGUMENTS: Input(Kind.EITHER),
    "bundle": Input(Kind.BUNDLE),
    "images": Input(Kind.FOLDER),
    "events": Input(Kind.FILE),
    "megadetector": Input(Kind.FILE),
    "detections": Input(Kind.FILE),
    **output_flags.INPUTS,
}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    where: dict[str, Any] = {"flag_values": values}
    output_flags.define(values, ["csv", "megadetector"])
    flags.DEFINE_string("bundle", None, "bundle that predicts", required=True, **where)
    flags.DEFINE_string("out", None, "results folder", required=True, **where)
    flags.DEFINE_string(
        "images", None,
        "folder that the paths of lists and metadata, and those of the answers, are relative to; "
        "else that of the list or metadata, or the folder that holds all of PATH", **where,
    )  # fmt: skip
    flags.DEFINE_string("events", None, "event table that gives event ids", **where)
    flags.DEFINE_enum(
        "dates", None, ["DMY", "MDY"],
        "which of day and month comes first in a list's dates like 3/4/2020 (default: the one "
        "that fits all rows)", **where,
    )  # fmt: skip
    flags.DEFINE_string(
        "encoding",
        None,
        "encoding of lists, such as cp1252 (default: recognised by their bytes)",
        **where,
    )
    flags.DEFINE_float(
        "event_gap", EVENT_GAP_SECONDS,
        "seconds between pictures of one folder that begin a new event", **where,
    )  # fmt: skip
    flags.DEFINE_multi_string(
        "clock", [],
        "a clock that was wrong: SITE=+1h12m, where SITE is that of the metadata or a folder, or a "
        "CSV file with the columns site, shift, and from and to where it was wrong for a while; "
        "may be changed later", **where,
    )  # fmt: skip
    flags.DEFINE_float(
        "read_with_event", None,
        "weight, from 0 to 1, of its event where the species on a picture is read: 0 reads each "
        "picture by itself (default: the bundle's); may be changed later", **where,
    )  # fmt: skip
    flags.DEFINE_boolean("only_new", False, "answer pictures that have come since, too", **where)
    flags.DEFINE_string(
        "megadetector", None, "JSON of MegaDetector's results on these pictures", **where
    )
    flags.DEFINE_enum(
        "megadetector_use", "stage1", ["stage1", "boxes"],
        "stage1: it says which pictures are empty, in place of the bundle's stage 1; boxes: the "
        "networks see the part around its surest box (for networks trained on such parts)",
        **where,
    )  # fmt: skip
    flags.DEFINE_float(
        "megadetector_threshold", None,
        "confidence from which on there is something; else the file's own, else 0.2", **where,
    )  # fmt: skip
    flags.DEFINE_string(
        "detections", None,
        "for bundles that see the part around a box: what `camtrap detect` or MegaDetector wrote "
        "of these pictures; without it the detector looks first, into OUT/.detector", **where,
    )  # fmt: skip
    flags.DEFINE_enum(
        "precision", None, ["float32", "bfloat16"],
        "number format of the computation; else that of training", **where,
    )  # fmt: skip
    flags.DEFINE_enum(
        "engine_cpu", "auto", ["auto", "keras", "litert"],
        "what computes the networks on processors: with auto, the faster of the two where there "
        "are 1,000 pictures or more, tried once and remembered; answers differ by rounding",
        **where,
    )  # fmt: skip
    flags.DEFINE_integer("batch_size", 32, "pictures in one call of a network", **where)
    flags.DEFINE_integer("block_size", 512, "pictures whose answers are kept together", **where)
    workers.define(values)
    flags.DEFINE_integer(
        "threads", 0, "threads that decode pictures; 0 = one per processor", **where
    )
    flags.DEFINE_boolean(
        "dry_run", False, "say which pictures would be answered, and answer none", **where
    )


def run(values: flags.FlagValues, arguments: list[str], read_pictures: ReadPictures) -> Ending:
    """Reads the flags, predicts and writes.

    `read_pictures` makes an event table of metadata, and None of any other path.
    """
    if not arguments:
        raise InputError(
            "predict takes folders, lists or metadata of pictures",
            arguments,
            "camtrap predict FOLDER --bundle=B --out=O",
        )
    from camtrap_tf import outputs
    from camtrap_tf.answers import boxes, summary
    from camtrap_tf.answers.predictions import Predictions
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events.listing import resolve
    from camtrap_tf.events.table import EventTable

    sources = [_source(path, values, read_pictures) for path in arguments]
    images = values.images
    if images is None and any(isinstance(source, EventTable) for source in sources):
        images = _folder(arguments[0])
    found = resolve(sources, images)
    options = output_flags.options(values, found.root)
    outputs.check(values.format, options, values.out)
    if values.dry_run:
        return _prospect(found, values.out)
    table = EventTable.read(values.events) if values.events else None
    given = _detector(values)
    start_tensorflow()
    from camtrap_tf.networks.bundle import Bundle
    from camtrap_tf.prediction.predict import predict
    from camtrap_tf.prediction.predictor import share_processors

    share_processors()
    path = predict(
        found,
        Bundle.read(values.bundle),
        values.out,
        _options(values, given),
        table,
        only_new=values.only_new,
        engine=workers.read(values),
    )
    log.info("wrote %s", path)
    predictions = Predictions.open(path)
    if predictions.info.get("familiarity_threshold") is not None:
        log.info("%s", _unknown(predictions))
    options = output_flags.options(values, found.root, boxes=boxes.beside(path))
    outputs.write(predictions, values.out, values.format, options)
    return Ending(
        summary.tally(predictions),
        (
            command("review", values.out),
            command("report", predictions=path, images=options.pictures, out=file_names.REPORT),
        ),
    )


def _prospect(found, out: str) -> Ending:
    """Which pictures a listing has, and what beside them is none."""
    left_out: collections.Counter = collections.Counter()
    pictures = size = 0
    for piece in found.walk(lambda path, reason: left_out.update([reason]), out):
        pictures += len(piece)
        size += int(piece["bytes"].sum())
    text = f"would answer {counted(pictures, 'pictures')} ({size / 1e6:,.1f} MB) in {found.root}"
    return Ending(f"{text}; left out: {listed(dict(left_out.most_common()))}" if left_out else text)


def _unknown(predictions) -> str:
    """How many animals look like no species learnt."""
    unknown, asked = predictions.judged_unknown(), predictions.answered("species")
    asked &= ~predictions.judged_empty()
    return (
        f"unknown: {unknown.sum():,} of {asked.sum():,} pictures with an animal look like none of "
        "the species learnt"
    )


def _options(values: flags.FlagValues, detector):
    """How pictures are answered, as the flags say."""
    from camtrap_tf.core.config import Precision
    from camtrap_tf.events import boxes, corrections
    from camtrap_tf.networks.engines import Engine
    from camtrap_tf.prediction.predictor import Options

    return Options(
        gap_seconds=values.event_gap,
        batch_size=values.batch_size,
        block_size=values.block_size,
        precision=Precision(values.precision) if values.precision else None,
        threads=values.threads,
        detector=detector,
        boxes=boxes.read(values.detections) if values.detections else None,
        corrected=corrections.told(values.clock),
        engine_cpu=Engine(values.engine_cpu),
        event_weight=values.read_with_event,
    )


def _detector(values: flags.FlagValues):
    """A detector's results as the flags name them; None without them."""
    from camtrap_tf.events import detections as megadetector

    if values.megadetector and values.detections:
        raise InputError(
            "boxes have one use",
            "--megadetector and --detections",
            "Give --detections for a bundle with a second view, else --megadetector.",
        )
    if values.detections:
        return megadetector.Detector(megadetector.read(values.detections), megadetector.Use.VIEW)
    if not values.megadetector:
        return None
    detections = megadetector.read(values.megadetector, values.megadetector_threshold)
    return megadetector.Detector(detections, megadetector.Use(values.megadetector_use))


def _source(path: str, values: flags.FlagValues, read_pictures: ReadPictures):
    """A path that `predict` takes as it is, a list of pictures, or the event table of metadata."""
    from camtrap_tf.events.dates import Order
    from camtrap_tf.events.listing import PictureList

    table = read_pictures(Path(path))
    if table is not None:
        return table
    order = Order(values.dates) if values.dates else None
    written = order is not None or values.encoding is not None
    return PictureList(path, values.encoding, order) if written else path


def _folder(path: str) -> Path:
    return Path(path) if Path(path).is_dir() else Path(path).parent
