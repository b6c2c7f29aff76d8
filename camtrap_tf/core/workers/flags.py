"""The flags of every verb that hands out tasks: who does them."""

import shlex
from typing import Any

from absl import flags

from camtrap_tf.core.errors import require
from camtrap_tf.core.workers import beam, dask
from camtrap_tf.core.workers.work import Workers

ENGINES = {
    "local": lambda values: None,
    "dask": lambda values: dask.engine(values.dask),
    "beam": lambda values: beam.engine(shlex.split(values.beam_options)),
}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_enum(
        "engine", "local", list(ENGINES),
        "who does the work: this machine, a Dask cluster, or Apache Beam "
        "(docs/several_machines.md)", **where,
    )  # fmt: skip
    flags.DEFINE_string(
        "dask", None,
        "with --engine=dask: address or JSON file of the cluster's scheduler (default: a worker "
        "for each processor of this machine)", **where,
    )  # fmt: skip
    flags.DEFINE_string(
        "beam_options", "--runner=FnApiRunner", "options of Beam's pipeline", **where
    )


def read(values: flags.FlagValues) -> Workers | None:
    """Who does the work; None: this machine, as the verb does it best.

    Raises:
        InputError: an address of Dask for another engine.
    """
    require(
        values.dask is None or values.engine == "dask",
        "--dask goes with --engine=dask",
        f"--engine={values.engine}",
        "Give both.",
    )
    return ENGINES[values.engine](values)
