"""Runs the whole chain on a small synthetic data set, in some minutes on two cores.

It is a list of verbs, each of which is shown before it runs. The pictures are drawn by a
program: the accuracy at the end says that the software works, nothing about real animals. Run it
again and it goes on, or shows what is there.
"""

from collections.abc import Iterator
from pathlib import Path

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Ending, Run, Step, command, follow
from camtrap_tf.core.errors import InputError

BAR_SHARE = 0.0638  # what the drawn info bar takes of the height: 98 of 1536 rows


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string("out", "demo", "folder to write", flag_values=values)
    flags.DEFINE_integer("events", 1500, "number of capture events to draw", flag_values=values)
    flags.DEFINE_integer("seed", 0, "seed of the drawn world and of training", flag_values=values)


def run(values: flags.FlagValues, arguments: list[str], camtrap: Run) -> Ending:
    """Runs the verbs."""
    if arguments:
        raise InputError("demo takes flags only", arguments, "Write --out=FOLDER.")
    out = Path(values.out)
    report = out / file_names.REPORT
    if not report.is_file():
        follow(steps(out, values.events, values.seed), camtrap)
    return Ending(
        f"The demo is in {out}: open {report} (delete {out} to run it anew).",
        (command("quickstart", "PICTURES", labels="FILE", out="PROJECT"),),
    )


def steps(out: Path, events: int, seed: int) -> Iterator[Step]:
    """The chain end to end, each verb on what the one before has written.

    Args:
        out: where everything is written: `world/` (pictures, Dryad metadata), `events.parquet`,
            `shards/`, `runs/`, `bundle/`, `evaluation/`, `export/`, `report.html`.
        events: number of capture events to draw.
        seed: of the world and of training.
    """
    world, table, shards = out / "world", out / file_names.EVENTS, out / "shards"
    images, bundle, evaluation = world / "images", out / "bundle", out / "evaluation"
    yield Step(command("synthesize", out=world, events=events, seed=seed))
    yield Step(command("prepare", source="dryad", metadata=world, out=table), table)
    yield Step(
        command(
            "shard", events=table, images=images, out=shards, split="event", size=128,
            bar_share=BAR_SHARE, balance_empty=True, seed=seed,
        )
    )  # fmt: skip
    runs = {task: out / "runs" / task for task in ("empty", "animal")}
    for task, run in runs.items():
        # From nothing, so that the demo is the same whatever weights a computer has.
        preset = {"preset": "quick", "set": ["model.weights=", f"train.seed={seed}"]}
        yield Step(command("train", shards=shards, task=task, run=run, **preset))
    yield Step(command("bundle", run=list(runs.values()), out=bundle), bundle / file_names.BUNDLE)
    yield Step(
        command("export", bundle=bundle, out=out / "export", check_on=images, check_pictures=50),
        out / "export" / file_names.MODEL_CARD,
    )
    yield Step(
        command("evaluate", bundle=bundle, shards=shards, split="test", out=evaluation),
        evaluation / file_names.METRICS,
    )
    yield Step(
        command(
            "report", predictions=evaluation / file_names.PREDICTIONS, images=images,
            shards=shards, title="camtrap_tf on a synthetic Serengeti", out=out / file_names.REPORT,
        )
    )  # fmt: skip
