"""Runs the whole chain on a small synthetic data set, in some minutes on two cores.

The pictures are drawn by a program. The accuracy it ends with says that the software works,
nothing about real animals. Run it again and it goes on, or shows what is there.
"""

import json
import logging
import time
from pathlib import Path

from absl import flags

log = logging.getLogger("camtrap")


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string("out", "demo", "folder to write", flag_values=values)
    flags.DEFINE_integer("events", 1500, "number of capture events to draw", flag_values=values)
    flags.DEFINE_integer("seed", 0, "of the drawn world and of training", flag_values=values)


def run(values: flags.FlagValues, arguments: list[str]) -> None:
    """Reads the flags and runs the demo."""
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    demo(Path(values.out), values.events, values.seed)


def demo(folder: Path, events: int = 1500, seed: int = 0) -> Path:
    """The chain end to end, each step from the artefact of the one before.

    Args:
        folder: where everything is written: `world/` (pictures, Dryad metadata), `events.parquet`,
            `shards/`, `runs/`, `bundle/`, `evaluation/`, `export/`, `answers/`, `report.html`.
        events: number of capture events to draw.
        seed: of the world and of training.

    Returns:
        Path of the report.
    """
    report = folder / "report.html"
    if report.is_file():
        log.info("the demo is done: open %s (delete %s to run it anew)", report, folder)
        return report
    start = time.monotonic()
    _data(folder, events, seed)
    _networks(folder, seed)
    _answers(folder, report)
    log.info("done in %.0f s: open %s", time.monotonic() - start, report)
    return report


def _say(step: str) -> None:
    log.info("\n== %s", step)


def _data(folder: Path, events: int, seed: int) -> None:
    from camtrap_tf.core.config import PictureSpec
    from camtrap_tf.core.progress import Meter
    from camtrap_tf.events.table import EventTable
    from data_prep import sources, synthetic
    from data_prep.choice import select, splits, statistics
    from data_prep.shards import plan, write

    _say("drawing a synthetic Serengeti")
    world = folder / "world"
    with Meter(events, "drawing", "events") as meter:
        synthetic.write(
            synthetic.World(events=events, seed=seed),
            world,
            progress=lambda done, _: meter.advance(done - meter.done),
        )
    _say("metadata -> event table")
    table = sources.read("dryad", world)
    table.write(folder / "events.parquet")
    log.info("%s\n%s", statistics.summary(table), table.dropped)
    _say("event table + pictures -> shards")
    chosen = select.select(EventTable.read(folder / "events.parquet"), balance=True, seed=seed)
    planned = plan.make(chosen, splits.assign(chosen, seed=seed), split_rule="event", seed=seed)
    picture = PictureSpec(size=128, bar_share=98 / 1536)
    write.write_shards(planned, world / "images", folder / "shards", picture)


def _networks(folder: Path, seed: int) -> None:
    from camtrap_tf.core.config_io import override
    from camtrap_tf.core.recipes import QUICK
    from camtrap_tf.networks.bundle import make_bundle
    from camtrap_tf.training.train import train

    runs = []
    for task in ("empty", "animal"):
        _say(f"shards -> network for task '{task}'")
        config = override(QUICK, {"train.task": task, "train.seed": str(seed)})
        runs.append(train(config, folder / "shards", folder / "runs" / task).folder)
    if not (folder / "bundle" / "bundle.json").is_file():
        _say("networks -> bundle")
        make_bundle(runs, folder / "bundle")


def _answers(folder: Path, report: Path) -> None:
    from camtrap_tf.answers import metrics
    from camtrap_tf.core.artifacts import write_text
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.networks.bundle import Bundle
    from camtrap_tf.prediction.shards import predict_shards
    from camtrap_tf.report import write_report
    from export.request import Request
    from export.verify import export_and_verify

    pictures = folder / "world" / "images"
    if not (folder / "export").is_dir():
        _say("bundle -> SavedModel and TFLite")
        request = Request(pictures, check_pictures=50)
        export_and_verify(Bundle.read(folder / "bundle"), folder / "export", request)
    _say("bundle on the test split")
    predictions = predict_shards(Bundle.read(folder / "bundle"), folder / "shards", "test")
    scores = metrics.evaluate(predictions)
    log.info("%s", metrics.table(scores))
    predictions.write(folder / "evaluation" / "predictions.parquet")
    write_text(folder / "evaluation" / "metrics.json", json.dumps(scores, indent=1) + "\n")
    dropped = Manifest.read(folder / "shards").dropped
    write_report(
        predictions,
        report,
        images_root=pictures,
        metrics=scores,
        dropped=dropped,
        title="camtrap_tf on a synthetic Serengeti",
    )
