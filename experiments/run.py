"""Runs experiments: trains and predicts what is missing, prints measured beside published.

    python -m experiments.run all --data=SHARDS --out=RUNS --scale=smoke
    python -m experiments.run table2 fig5 --data=SHARDS --out=RUNS --scale=paper --yes

--data is a folder of shards with the splits train, val and test and, for the experts' figures,
expert_test: `camtrap shard --split=paper --balance_empty --vocabulary=serengeti` on the Dryad
tables. Results are CSV files in RUNS/results, or in --results. Scale 'paper' prints its cost
and goes on with --yes; say how fast the device is with --teraflops.
"""

import dataclasses
import importlib
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.errors import InputError

PAPER = (
    "table2", "table_s3", "table_s5", "fig5", "fig_s2", "fig_s3", "fig_s4", "fig_s5_s7", "fig_s8",
    "fig_s9", "transfer", "nine_channel", "labour",
)  # fmt: skip
FURTHER = ("averaging", "label_noise", "calibration", "rare_classes", "burst_labels", "unknowns")
MODULES = {
    **{name: f"experiments.paper_results.{name}" for name in PAPER},
    **{name: f"experiments.further.{name}" for name in FURTHER},
}
NAMES = tuple(MODULES)
SCALES = ("paper", "small", "smoke")
log = logging.getLogger("camtrap")


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_string("data", None, "folder of shards", required=True, **where)
    flags.DEFINE_string("out", None, "folder of run directories", required=True, **where)
    flags.DEFINE_enum("scale", "smoke", SCALES, "how much work", **where)
    flags.DEFINE_list("seeds", [], "seeds of networks; the scale's own when empty", **where)
    flags.DEFINE_string("truth", None, "truth.csv of a synthetic world", **where)
    flags.DEFINE_string("results", None, "folder for the CSV files", **where)
    flags.DEFINE_boolean("train", True, "train what is missing, or report without it", **where)
    flags.DEFINE_boolean("yes", False, "start at scale 'paper', whatever it costs", **where)
    flags.DEFINE_float("teraflops", 20.0, "assumed training speed, for the estimate", **where)


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads flags and names and runs; returns the exit status: 0 done, 2 bad input."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("camtrap").setLevel(logging.INFO)
    values = flags.FlagValues()
    define(values)
    try:
        names = values(["experiments.run", *(sys.argv[1:] if arguments is None else arguments)])[1:]
        experiments(names, values)
    except (flags.Error, InputError) as error:
        log.error("error: %s", " ".join(str(error).split()))
        return 2
    return 0


def experiments(names: Sequence[str], values: flags.FlagValues) -> None:
    """Runs the named experiments, or all.

    Raises:
        InputError: an unknown name, or scale 'paper' without --yes.
    """
    unknown = sorted(set(names) - {"all", *NAMES})
    if unknown or not names:
        raise InputError(f"an experiment is 'all' or one of {', '.join(NAMES)}", unknown, "Pick.")
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from experiments.lab import SCALES as LABS
    from experiments.lab import Lab

    truth = Path(values.truth) if values.truth else None
    scale = LABS[values.scale]
    if values.seeds:
        scale = dataclasses.replace(scale, seeds=tuple(map(int, values.seeds)))
    lab = Lab(Path(values.data), Path(values.out), scale, truth, values.train)
    chosen = NAMES if "all" in names else names
    modules = {name: importlib.import_module(MODULES[name]) for name in chosen}
    jobs = list(dict.fromkeys(job for module in modules.values() for job in module.jobs(lab)))
    if values.scale == "paper":
        _confirm(lab, jobs, values)
    results = Path(values.results or lab.out / "results")
    start = time.monotonic()
    for name, module in modules.items():
        _report(name, module, lab, results)
    write_runs(lab, jobs, results / "runs.csv")
    log.info("\n%d results in %s, %.0f s", len(modules), results, time.monotonic() - start)


def _confirm(lab, jobs, values) -> None:
    from experiments import cost, rows

    estimate = cost.estimate(lab, jobs, values.teraflops)
    log.info("%s", rows.table(estimate))
    if not values.yes:
        raise InputError(
            "scale 'paper' begins when its cost is accepted",
            f"{estimate[-1].measured:.0f} hours",
            "Give --yes, or --scale=small.",
        )


def _report(name: str, module, lab, results: Path) -> None:
    from experiments import rows

    log.info("\n== %s: %s", name, module.__doc__.split("\n")[0])
    found = module.report(lab)
    rows.write(found, results / f"{name}.csv")
    log.info("%s", rows.table(found))


def write_runs(lab, jobs, path: Path) -> None:
    """Writes what each trained network was and took: recipe, seed, epochs, seconds."""
    from camtrap_tf.events.manifest import Manifest
    from experiments import rows
    from experiments.lab import NotAvailable, cost

    lines = []
    for job in jobs:
        try:
            config, folder = lab.config(job), lab.folder(job)
        except NotAvailable:
            continue
        if (folder / file_names.RESULT).is_file():
            facts = cost(folder)
            lines.append(
                {
                    "run": folder.name,
                    "scale": lab.scale.name,
                    "data": job.data,
                    "seed": config.train.seed,
                    "crop": config.model.crop,
                    "batch_size": config.train.batch_size,
                    "train_pictures": Manifest.read(lab.shards(job)).frames("train", job.task),
                    **{key: round(value, 1) for key, value in facts.items()},
                }
            )
    rows.write_lines(lines, path, names=() if lines else ("run",))


if __name__ == "__main__":
    sys.exit(main())
